/* What the configuration says to schedulers (RFC 33). */
#ifndef CORE_SCHED_POLICY_H
#define CORE_SCHED_POLICY_H

#include <flux/core.h>

/* For a scheduler that reads no policy.scheduler, neither the instance's nor a queue's: 0 if
 * there is none, or -1 with EINVAL and *error. conf may be NULL. */
int sched_policy_none (const flux_conf_t *conf, const char *scheduler,
                       flux_error_t *error);

#endif
