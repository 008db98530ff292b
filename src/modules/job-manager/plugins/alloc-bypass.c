/* alloc-bypass.so: a job of the owner whose jobspec brings its R (attribute
 * system.alloc-bypass.R) runs there, whatever the scheduler has given to others.
 *
 * Happy path: the R is checked when the job is submitted; a flag keeps the job from the
 * scheduler; in SCHED it gets its R. Failures: a guest, or an R that is none, is
 * refused. */
#include <flux/jobtap.h>

#include <jansson.h>
#include <stdlib.h>

#include "value/resource/rset.h"

static json_t *find_R (flux_plugin_arg_t *args)
{
    json_t *R = NULL;

    (void)flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:{s:{s?{s?{s?o}}}}}",
                                  "jobspec", "attributes", "system", "alloc-bypass",
                                  "R", &R);
    return R;
}

static int validate_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                        void *arg)
{
    const char *owner = flux_attr_get (flux_jobtap_get_flux (p), "security.owner");
    json_t *R = find_R (args);
    struct rset *rset;
    flux_error_t error;
    int userid;

    if (!R)
        return 0;
    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:i}", "userid", &userid)
            < 0
        || !owner || atoi (owner) != userid)
        return flux_jobtap_reject_job (
            p, args, "alloc-bypass: only the instance owner may use it");
    if (!(rset = rset_decode_json (R, &error)))
        return flux_jobtap_reject_job (p, args, "alloc-bypass: R: %s", error.text);
    rset_destroy (rset);
    return 0;
}

static int depend_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                      void *arg)
{
    if (!find_R (args))
        return 0;
    return flux_jobtap_job_set_flag (p, FLUX_JOBTAP_CURRENT_JOB, "alloc-bypass");
}

static int sched_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                     void *arg)
{
    json_t *R = find_R (args);

    if (!R)
        return 0;
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:O}", "R", R);
}

static const struct flux_plugin_handler tab[] = {
    { "job.validate", validate_cb, NULL },
    { "job.state.depend", depend_cb, NULL },
    { "job.state.sched", sched_cb, NULL },
    { 0 },
};

int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_register (p, "alloc-bypass", tab);
}
