/* A plugin that fails where its configuration says ("at": a topic, or "init"), and how. With
 * "text" it says why. */
#include <flux/jobtap.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static int post_all (flux_plugin_t *p)
{
    static const char *const bad[] = { "",        "submit", "alloc",    "start",
                                       "finish",  "clean",  "priority", "exception",
                                       "release", "free",   "validate", "invalidate" };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        if (flux_jobtap_event_post_pack (p, FLUX_JOBTAP_CURRENT_JOB, bad[i], "{s:i}",
                                         "x", 1)
            == 0)
            return -1;
    }
    return flux_jobtap_event_post_pack (p, FLUX_JOBTAP_CURRENT_JOB, "set-flags",
                                        "{s:i}", "x", 1)
                       == 0
                   || flux_jobtap_event_post_pack (p, FLUX_JOBTAP_CURRENT_JOB,
                                                   "jobspec-update", "{s:i}", "x", 1)
                          == 0
                   || flux_jobtap_event_post_pack (p, FLUX_JOBTAP_CURRENT_JOB,
                                                   "jobspec-update", "{s:s}",
                                                   "attributes.system.duration", "long")
                          == 0
                   || flux_jobtap_event_post_pack (p, FLUX_JOBTAP_CURRENT_JOB,
                                                   "jobspec-update", "{s:s}",
                                                   "attributes.system.job.name", "odd")
                          < 0
                   || flux_jobtap_event_post_pack (p, FLUX_JOBTAP_CURRENT_JOB,
                                                   "a \"b\"\n", NULL)
                          < 0
               ? -1
               : 0;
}

static int answer (flux_plugin_t *p, flux_plugin_arg_t *args, const char *how)
{
    if (!strcmp (how, "segv"))
        *(volatile int *)8 = 1;
    if (!strcmp (how, "abort"))
        abort ();
    if (!strcmp (how, "exit"))
        exit (0);
    if (!strcmp (how, "post"))
        return post_all (p);
    if (!strcmp (how, "priority"))
        return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:s}", "priority",
                                     "high");
    if (!strcmp (how, "R"))
        return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:{s:i s:{}}}", "R",
                                     "version", 1, "execution");
    return -1;
}

static int fail (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                 void *data)
{
    const char *at = "", *text = NULL, *how = NULL;

    (void)flux_plugin_conf_unpack (p, "{s?s s?s s?s}", "at", &at, "text", &text, "how",
                                   &how);
    if (fnmatch (at, topic, 0) != 0)
        return 0;
    if (how)
        return answer (p, args, how);
    return text ? flux_jobtap_error (p, args, "%s", text) : -1;
}

int flux_plugin_init (flux_plugin_t *p)
{
    const char *at = "", *how = "";

    (void)flux_plugin_conf_unpack (p, "{s?s s?s}", "at", &at, "how", &how);
    if (strcmp (at, "init") == 0)
        return answer (p, NULL, how);
    return flux_plugin_add_handler (p, "*", fail, NULL);
}
