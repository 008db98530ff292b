/* What an instance says about itself: {instance.*} of job formats. */
#ifndef CMD_JOB_INSTANCE_INFO_H
#define CMD_JOB_INSTANCE_INFO_H

#include <flux/core.h>
#include <jansson.h>

/* {stats: {total, pending, running, successful, failed},
 *  resources: {all, up, down, allocated, free: {nnodes, ncores, ngpus}}}
 * What the instance does not tell is not there. New reference. */
json_t *instance_info (flux_t *h);

/* The form of an instance's URI that reaches it from here: local:// if its socket is
 * on this host. Owned by the caller; NULL with ENOMEM. */
char *instance_reach (const char *uri);

#endif
