/* A job must have a name that matches a pattern.
 *
 *   flux jobtap load require-name.so pattern='proj-*'
 */
#include <errno.h>
#include <flux/jobtap.h>
#include <fnmatch.h>
#include <string.h>

static int validate (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                     void *data)
{
    const char *pattern = "*", *name = NULL;

    (void)flux_plugin_conf_unpack (p, "{s?s}", "pattern", &pattern);
    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:{s:{s?{s?{s?s}}}}}",
                                "jobspec", "attributes", "system", "job", "name", &name)
        < 0)
        return flux_jobtap_reject_job (p, args, "require-name: %s",
                                       flux_plugin_arg_strerror (args));
    if (!name)
        return flux_jobtap_reject_job (p, args, "a job must have a name");
    if (fnmatch (pattern, name, 0) != 0)
        return flux_jobtap_reject_job (p, args, "job name %s does not match %s", name,
                                       pattern);
    return 0;
}

static const struct flux_plugin_handler handlers[] = {
    { "job.validate", validate, NULL },
    { NULL, NULL, NULL },
};

int flux_plugin_init (flux_plugin_t *p)
{
    const char *pattern;

    if (flux_plugin_register (p, "require-name", handlers) < 0)
        return -1;
    if (flux_plugin_conf_unpack (p, "{s:s}", "pattern", &pattern) < 0 && errno != ENOENT)
        return -1;
    return 0;
}
