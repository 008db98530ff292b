/* Short jobs first: the priority is 10,000 less the minutes that a job may run, and at
 * least 1 (0 would hold it). The sum may be changed while the instance runs, by a service:
 *
 *   flux jobtap load priority-short.so base=20000
 *   flux python -c 'import flux;
 *       flux.Flux().rpc("job-manager.priority-short.base", {"base": 30000}).get()'
 */
#include <errno.h>
#include <flux/jobtap.h>

static int base = 10000;

static int priority (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                     void *data)
{
    double duration = 0;

    if (base == 0) /* it has to be told first */
        return flux_jobtap_priority_unavail (p, args);
    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:{s:{s:{s?F}}}}", "jobspec",
                                "attributes", "system", "duration", &duration)
        < 0)
        return -1;
    int minutes = duration > 0 && duration < (base - 1) * 60. ? (int)(duration / 60) : base - 1;
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:I}", "priority",
                                 (int64_t)(base - minutes));
}

static void set_base (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    int n;

    if (flux_request_unpack (msg, NULL, "{s:i}", "base", &n) < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    if (n <= 0) {
        flux_respond_error (h, msg, EINVAL, "base must be positive");
        return;
    }
    base = n;
    if (flux_jobtap_reprioritize_all (arg) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else
        flux_respond (h, msg, NULL);
}

int flux_plugin_init (flux_plugin_t *p)
{
    if (flux_plugin_conf_unpack (p, "{s:i}", "base", &base) < 0 && errno != ENOENT)
        return -1;
    if (flux_plugin_set_name (p, "priority-short") < 0
        || flux_plugin_add_handler (p, "job.state.priority", priority, NULL) < 0
        || flux_plugin_add_handler (p, "job.priority.get", priority, NULL) < 0)
        return -1;
    return flux_jobtap_service_register (p, "base", set_base, p);
}
