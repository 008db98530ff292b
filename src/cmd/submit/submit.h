/* Many submissions in flight, and what becomes of the jobs: shared by submit and
 * bulksubmit. */
#ifndef CMD_SUBMIT_H
#define CMD_SUBMIT_H

#include <flux/core.h>
#include <flux/optparse.h>
#include <stdbool.h>

/* Options of the two; those that only bulksubmit has stand in its own table. */
extern const struct optparse_option submit_many_options[];

struct submit_options {
    bool quiet;             /* do not print ids */
    bool wait;              /* until all jobs are inactive */
    const char *wait_event; /* until each job has this event (or is inactive) */
    bool watch;             /* copy output; implies wait */
    bool label;
    bool progress; /* bar on stderr */
    bool jps;
    int verbose;  /* 1: ids on stderr, 2: events of jobs, 3: and of their shells */
    size_t total; /* for the bar, if known */
};
/* All but total. */
void submit_options_get (struct submit_options *opt, optparse_t *p);

/* What is to be submitted. The files may hold {cc}, that has been replaced. */
struct submit_request {
    char *jobspec;    /* owned by the callee */
    char *log;        /* the same; NULL: the id goes to stdout */
    char *log_stderr; /* the same; NULL: to log, or stderr */
    int urgency;
    int flags;
};

/* Fills in the next request; false at the end. */
typedef bool (*submit_next_f) (void *arg, struct submit_request *req);

/* Submits all that next has and waits as the options say. The exit status:
 * the largest of the jobs if they were waited for, 1 if a submission was
 * refused, else 0. */
int submit_all (flux_t *h, const struct submit_options *opt, submit_next_f next,
                void *arg);

/* The ids of --cc or --bcc, or NULL: without. Dies if they are none. */
struct idset *submit_cc (optparse_t *p);
/* s with {cc} replaced (by nothing if cc is NULL), owned by the caller; NULL for NULL. */
char *submit_expand_cc (const char *s, const char *cc);

#endif
