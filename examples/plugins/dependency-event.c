/* A job waits for an event message: --dependency=event:TOPIC.
 *
 *   flux jobtap load dependency-event.so
 *   flux submit --dependency=event:data.ready process-it
 *   flux event pub data.ready
 */
#include <flux/jobtap.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int describe (char *buf, size_t len, const char *topic)
{
    int n = snprintf (buf, len, "event=%s", topic);

    return n < 0 || (size_t)n >= len ? -1 : 0;
}

/* waiting: topic -> array of job ids */
static int remember (json_t *waiting, const char *topic, flux_jobid_t id)
{
    json_t *ids = json_object_get (waiting, topic);

    if (!ids && (!(ids = json_array ()) || json_object_set_new (waiting, topic, ids) < 0))
        return -1;
    return json_array_append_new (ids, json_integer ((json_int_t)id));
}

static int depend (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *data)
{
    const char *value;
    json_int_t id;
    char text[128];

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:I s:{s:s}}", "id", &id,
                                "dependency", "value", &value)
        < 0)
        return flux_jobtap_reject_job (p, args, "event: %s",
                                       flux_plugin_arg_strerror (args));
    if (describe (text, sizeof (text), value) < 0 || *value == '\0')
        return flux_jobtap_reject_job (p, args, "event: \"%.20s\" is no topic", value);
    if (flux_jobtap_dependency_add (p, id, text) < 0
        || remember (data, value, id) < 0)
        return flux_jobtap_reject_job (p, args, "event: cannot wait for %s", value);
    return 0;
}

static void event (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    flux_plugin_t *p = arg;
    json_t *waiting = flux_plugin_aux_get (p, "waiting"), *id;
    const char *topic;
    char text[128];
    size_t i;

    if (flux_msg_get_topic (msg, &topic) < 0 || describe (text, sizeof (text), topic) < 0)
        return;
    json_array_foreach (json_object_get (waiting, topic), i, id) {
        /* a job that was canceled meanwhile is not there any more */
        (void)flux_jobtap_dependency_remove (p, json_integer_value (id), text);
    }
    json_object_del (waiting, topic);
}

static void forget (void *arg)
{
    json_decref (arg);
}

static void stop (void *arg)
{
    flux_msg_handler_destroy (arg);
}

int flux_plugin_init (flux_plugin_t *p)
{
    flux_t *h = flux_jobtap_get_flux (p);
    struct flux_match match = FLUX_MATCH_EVENT;
    json_t *waiting = json_object ();
    flux_msg_handler_t *mh;

    if (!waiting || flux_plugin_aux_set (p, "waiting", waiting, forget) < 0)
        return -1;
    if (!(mh = flux_msg_handler_create (h, match, event, p))
        || flux_plugin_aux_set (p, NULL, mh, stop) < 0)
        return -1;
    flux_msg_handler_start (mh);
    if (flux_event_subscribe (h, "") < 0)
        return -1;
    return flux_plugin_add_handler (p, "job.dependency.event", depend, waiting);
}
