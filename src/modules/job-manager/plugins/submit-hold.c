/* submit-hold.so: each job is held when it is submitted (urgency 0), until somebody gives
 * it another urgency. */
#include <flux/jobtap.h>

#include <stdlib.h>

static int new_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *arg)
{
    const char *owner = flux_attr_get (flux_jobtap_get_flux (p), "security.owner");
    int urgency, state;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:i s:i}", "urgency",
                                &urgency, "state", &state)
        < 0)
        return flux_jobtap_error (p, args, "submit-hold: %s",
                                  flux_plugin_arg_strerror (args));
    /* those that were there before go on */
    if (urgency == FLUX_JOB_URGENCY_HOLD || state != FLUX_JOB_STATE_DEPEND)
        return 0;
    return flux_jobtap_event_post_pack (p, FLUX_JOBTAP_CURRENT_JOB, "urgency",
                                        "{s:i s:i}", "userid", owner ? atoi (owner) : 0,
                                        "urgency", FLUX_JOB_URGENCY_HOLD);
}

static const struct flux_plugin_handler tab[] = {
    { "job.state.depend", new_cb, NULL },
    { 0 },
};

int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_register (p, "submit-hold", tab);
}
