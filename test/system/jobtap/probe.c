/* Calls what flux/jobtap.h has on request: job-manager.probe.do {op, id, text, n} answers
 * {rc, errno}. Subscribed jobs' events are kept for plugin.query. */
#include <flux/jobtap.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *heard;  /* "job.event.NAME" */
static json_t *orders; /* topic -> op: to be done when the topic comes */
static int freed;

static void count_freed (void *arg)
{
    freed++;
    free (arg);
}

static int custom (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *data)
{
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:s}", "custom", topic);
}

static int lookup_state (flux_plugin_t *p, flux_jobid_t id)
{
    flux_plugin_arg_t *args = flux_jobtap_job_lookup (p, id);
    int state = -1;

    if (!args)
        return -1;
    flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:i}", "state", &state);
    flux_plugin_arg_destroy (args);
    return state;
}

static int call_custom (flux_plugin_t *p, flux_jobid_t id, const char *topic)
{
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    const char *text = "";
    int rc = flux_jobtap_call (p, id, topic, args);

    if (rc > 0
        && flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s:s}", "custom", &text)
               < 0)
        rc = -1;
    flux_plugin_arg_destroy (args);
    return rc;
}

static int get_result (flux_plugin_t *p, flux_jobid_t id)
{
    flux_job_result_t result;

    return flux_jobtap_get_job_result (p, id, &result) < 0 ? -1 : (int)result;
}

static int set_aux (flux_plugin_t *p, flux_jobid_t id)
{
    char *s = strdup ("value");
    int rc = flux_jobtap_job_aux_set (p, id, "probe", s, count_freed);

    if (rc < 0)
        free (s);
    return rc;
}

static int do_op (flux_plugin_t *p, const char *op, flux_jobid_t id, const char *text,
                  int n)
{
#define IS(name) (strcmp (op, name) == 0)
    if (IS ("subscribe"))
        return flux_jobtap_job_subscribe (p, id);
    if (IS ("unsubscribe"))
        return flux_jobtap_job_unsubscribe (p, id), 0;
    if (IS ("raise"))
        return flux_jobtap_raise_exception (p, id, "probe", n, "%s", text);
    if (IS ("post"))
        return flux_jobtap_event_post_pack (p, id, text, "{s:i}", "n", n);
    if (IS ("post-bad"))
        return flux_jobtap_event_post_pack (p, id, text, "[i]", n);
    if (IS ("posted"))
        return flux_jobtap_job_event_posted (p, id, text);
    if (IS ("flag"))
        return flux_jobtap_job_set_flag (p, id, text);
    if (IS ("depend"))
        return flux_jobtap_dependency_add (p, id, text);
    if (IS ("undepend"))
        return flux_jobtap_dependency_remove (p, id, text);
    if (IS ("priority"))
        return flux_jobtap_reprioritize_job (p, id, n);
    if (IS ("update"))
        return flux_jobtap_jobspec_update_id_pack (p, id, "{s:s}", text, "probe");
    if (IS ("update-current"))
        return flux_jobtap_jobspec_update_pack (p, "{s:s}", text, "probe");
    if (IS ("prolog"))
        return flux_jobtap_prolog_start (p, text);
    if (IS ("prolog-finish"))
        return flux_jobtap_prolog_finish (p, id, text, n);
    if (IS ("epilog"))
        return flux_jobtap_epilog_start (p, text);
    if (IS ("epilog-finish"))
        return flux_jobtap_epilog_finish (p, id, text, n);
    if (IS ("result"))
        return get_result (p, id);
    if (IS ("state"))
        return lookup_state (p, id);
    if (IS ("aux"))
        return set_aux (p, id);
    if (IS ("aux-get"))
        return flux_jobtap_job_aux_get (p, id, "probe") ? 1 : -1;
    if (IS ("aux-delete"))
        return flux_jobtap_job_aux_delete (p, id,
                                           flux_jobtap_job_aux_get (p, id, "probe"));
    if (IS ("freed"))
        return freed;
    if (IS ("reprioritize"))
        return flux_jobtap_reprioritize_all (p);
    if (IS ("call"))
        return call_custom (p, id, text);
    if (IS ("order"))
        return json_object_set_new (orders, text, json_integer (n));
    errno = ENOSYS;
    return -1;
}

/* What is to be done in callbacks, by number. */
static const char *const ordered[] = { "prolog", "epilog", "update-current", "depend",
                                       "subscribe" };

static int any (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                void *data)
{
    json_t *n = json_object_get (orders, topic);

    if (strncmp (topic, "job.event.", 10) == 0)
        json_array_append_new (heard, json_string (topic + 10));
    if (strcmp (topic, "job.state.sched") == 0 && json_object_get (orders, "annotate"))
        flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:{s:{s:s}}}", "annotations",
                              "user", "probe", "was here");
    if (!json_is_integer (n) || json_integer_value (n) < 0)
        return 0;
    return do_op (p, ordered[json_integer_value (n)], FLUX_JOBTAP_CURRENT_JOB,
                  strcmp (topic, "job.new") == 0 ? "attributes.system.probe" : "probed",
                  0);
}

static int update (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *data)
{
    const char *value;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:{s:s}}", "updates",
                                "attributes.system.probe", &value)
        < 0)
        return flux_jobtap_error (p, args, "probe must be text");
    if (strcmp (value, "unfit") == 0)
        return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:i}", "feasibility",
                                     1);
    if (strcmp (value, "more") == 0)
        return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:i s:{s:i}}",
                                     "validated", 1, "updates",
                                     "attributes.system.more", 1);
    if (strcmp (value, "no") == 0)
        return flux_jobtap_error (p, args, "probe cannot be no");
    return 0;
}

static int query (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                  void *data)
{
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:O}", "heard", heard);
}

static void do_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    json_int_t id = (json_int_t)FLUX_JOBTAP_CURRENT_JOB;
    const char *op, *text = "";
    int n = 0;

    if (flux_request_unpack (msg, NULL, "{s:s s?I s?s s?i}", "op", &op, "id", &id,
                             "text", &text, "n", &n)
        < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    errno = 0;
    int rc = do_op (arg, op, id, text, n);
    flux_respond_pack (h, msg, "{s:i s:i}", "rc", rc, "errno", rc < 0 ? errno : 0);
}

static const struct flux_plugin_handler handlers[] = {
    { "plugin.query", query, NULL },
    { "job.update.attributes.system.probe", update, NULL },
    { "job.state.*", any, NULL },
    { "job.event.*", any, NULL },
    { "job.new", any, NULL },
    { "job.update", any, NULL },
    { "custom.topic", custom, NULL },
    { NULL, NULL, NULL },
};

static void done (void *arg)
{
    json_decref (heard);
    json_decref (orders);
}

int flux_plugin_init (flux_plugin_t *p)
{
    heard = json_array ();
    orders = json_object ();
    if (flux_plugin_aux_set (p, "done", p, done) < 0
        || flux_plugin_register (p, "probe", handlers) < 0
        || flux_jobtap_service_register_ex (p, "do", FLUX_ROLE_USER, do_cb, p) < 0
        || flux_jobtap_set_load_sort_order (p, "-state") < 0)
        return -1;
    if (flux_jobtap_set_load_sort_order (p, "name") == 0 || errno != EINVAL)
        return -1;
    return 0;
}
