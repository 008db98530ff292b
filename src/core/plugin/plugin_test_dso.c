/* Shared objects for plugin_test.c; the build says which one this is. */
#include <flux/plugin.h>

#ifndef PLUGIN_EMPTY
static int answer (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *data)
{
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:s s:s}", "topic", topic,
                                 "name", flux_plugin_get_name (p));
}

int flux_plugin_init (flux_plugin_t *p)
{
#ifdef PLUGIN_FAILING
    return -1;
#endif
    if (flux_plugin_set_name (p, "good") < 0)
        return -1;
    return flux_plugin_add_handler (p, "test.*", answer, NULL);
}
#endif
