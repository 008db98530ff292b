#include "core/sched/policy.h"

#include <jansson.h>

#include "base/error.h"

static int refuse (json_t *policy, const char *before, const char *queue,
                   const char *scheduler, flux_error_t *error)
{
    if (!json_object_get (policy, "scheduler"))
        return 0;
    return error_invalid (error, "%s%.60s%spolicy.scheduler: %s has no keys there",
                          before, queue, *queue ? "." : "", scheduler);
}

int sched_policy_none (const flux_conf_t *conf, const char *scheduler,
                       flux_error_t *error)
{
    json_t *queues = NULL, *policy = NULL, *o;
    const char *name;

    if (!conf)
        return 0;
    if (flux_conf_unpack (conf, error, "{s?o s?o}", "queues", &queues, "policy",
                          &policy)
            < 0
        || refuse (policy, "", "", scheduler, error) < 0)
        return -1;
    json_object_foreach (queues, name, o)
        if (refuse (json_object_get (o, "policy"), "queues.", name, scheduler, error)
            < 0)
            return -1;
    return 0;
}
