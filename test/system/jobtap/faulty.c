/* A plugin that fails where its configuration says ("at": a topic, or "init"). With
 * "text" it says why. */
#include <flux/jobtap.h>
#include <fnmatch.h>
#include <string.h>

static int fail (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                 void *data)
{
    const char *at = "", *text = NULL;

    (void)flux_plugin_conf_unpack (p, "{s?s s?s}", "at", &at, "text", &text);
    if (fnmatch (at, topic, 0) != 0)
        return 0;
    return text ? flux_jobtap_error (p, args, "%s", text) : -1;
}

int flux_plugin_init (flux_plugin_t *p)
{
    const char *at = "";

    (void)flux_plugin_conf_unpack (p, "{s?s}", "at", &at);
    if (strcmp (at, "init") == 0)
        return -1;
    return flux_plugin_add_handler (p, "*", fail, NULL);
}
