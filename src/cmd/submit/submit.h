/* Many submissions in flight, and what becomes of the jobs: shared by submit,
 * bulksubmit, batch and run. */
#ifndef CMD_SUBMIT_H
#define CMD_SUBMIT_H

#include <flux/core.h>
#include <flux/optparse.h>
#include <stdbool.h>

struct submit;

struct submit_options {
    int urgency;
    int flags;
    bool quiet;             /* do not print ids */
    bool wait;              /* until all jobs are inactive */
    const char *wait_event; /* until each job has this event (or is inactive) */
    bool watch;             /* copy output; implies wait */
    bool label;
    bool progress; /* bar on stderr */
    bool jps;
    size_t total; /* for the bar, if known */
};

/* The text of the next jobspec, owned by the callee; NULL at the end. */
typedef char *(*submit_next_f) (void *arg);

/* Submits all that next has and waits as the options say. The exit status:
 * the largest of the jobs if they were waited for, 1 if a submission was
 * refused, else 0. */
int submit_all (flux_t *h, const struct submit_options *opt, submit_next_f next,
                void *arg);

#endif
