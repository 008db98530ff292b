/* Output of jobs as it comes, of many at a time: submit --watch. */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include "cmd/submit/logs.h"

#include <flux/core.h>

struct watch;
enum watch_label {
    WATCH_NO_LABEL,
    WATCH_LABEL_RANK, /* "0: line" */
    WATCH_LABEL_JOB,  /* "ƒid: 0: line" */
};
/* ended_cb is called whenever the output of a job has come to its end. */
struct watch *watch_create (flux_t *h, enum watch_label label,
                            void (*ended_cb) (void *arg), void *arg);
void watch_destroy (struct watch *w);
/* out and err: files for its streams, or NULL: stdout and stderr. */
void watch_add (struct watch *w, flux_jobid_t id, struct log_file *out,
                struct log_file *err);
/* Output of a job was lost; a line about it was said. */
bool watch_failed (const struct watch *w);
bool watch_idle (const struct watch *w);

#endif
