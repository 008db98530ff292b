/* Housekeeping: a command on the ranks of a job that is over, before its resources go back
 * to the scheduler ([job-manager.housekeeping]). */
#ifndef JOB_MANAGER_HOUSEKEEPING_H
#define JOB_MANAGER_HOUSEKEEPING_H

#include "ctx.h"

struct housekeeping;

struct housekeeping *housekeeping_create (struct ctx *ctx);
void housekeeping_destroy (struct housekeeping *hk);
/* -1 with EINVAL and *error: nothing changes. What runs goes on. */
int housekeeping_configure (struct housekeeping *hk, const flux_conf_t *conf,
                            flux_error_t *error);
/* The core's op: true if R comes back later. */
bool housekeeping_keep_op (const struct job *job, void *arg);
/* To a scheduler that has come: what is still held. */
void housekeeping_hello (struct housekeeping *hk, const flux_msg_t *msg);
/* {running: {id: {t_start, pending, allocated}}, config?}: new. */
json_t *housekeeping_stats (const struct housekeeping *hk);

extern const struct flux_msg_handler_spec housekeeping_handlers[];

#endif
