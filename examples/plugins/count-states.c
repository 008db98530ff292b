/* How often jobs came into each state, and which way each of them went.
 *
 *   flux jobtap load count-states.so
 *   flux jobtap query count-states.so
 */
#include <flux/jobtap.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct path {
    char text[64];
};

static void add (struct path *path, const char *state)
{
    size_t len = strlen (path->text);

    if (len + 2 < sizeof (path->text)) {
        path->text[len] = state[0];
        path->text[len + 1] = '\0';
    }
}

static int new_job (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                    void *data)
{
    struct path *path = calloc (1, sizeof (*path));

    if (!path
        || flux_jobtap_job_aux_set (p, FLUX_JOBTAP_CURRENT_JOB, "path", path, free) < 0) {
        free (path);
        return -1;
    }
    return 0;
}

static int count (json_t *counts, const char *key)
{
    json_int_t n = json_integer_value (json_object_get (counts, key));

    return json_object_set_new (counts, key, json_integer (n + 1));
}

static int state (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                  void *data)
{
    json_t *counts = flux_plugin_aux_get (p, "counts");
    struct path *path =
        flux_jobtap_job_aux_get (p, FLUX_JOBTAP_CURRENT_JOB, "path");
    const char *name = strrchr (topic, '.') + 1;

    if (path)
        add (path, name);
    if (path && strcmp (name, "inactive") == 0 && count (counts, path->text) < 0)
        return -1;
    return count (counts, name);
}

static int query (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                  void *data)
{
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:O}", "counts",
                                 flux_plugin_aux_get (p, "counts"));
}

static const struct flux_plugin_handler handlers[] = {
    { "job.new", new_job, NULL },
    { "job.state.*", state, NULL },
    { "plugin.query", query, NULL },
    { NULL, NULL, NULL },
};

static void forget (void *arg)
{
    json_decref (arg);
}

int flux_plugin_init (flux_plugin_t *p)
{
    json_t *counts = json_object ();

    if (!counts || flux_plugin_aux_set (p, "counts", counts, forget) < 0) {
        json_decref (counts);
        return -1;
    }
    return flux_plugin_register (p, NULL, handlers);
}
