/* What a site has for all shells: an initrc, plugins, Lua files. It is looked for where
 * job-exec runs, so that all shells of a job agree; a site without has jobs that start in
 * a fraction of the time. */
#ifndef JOB_EXEC_SITE_H
#define JOB_EXEC_SITE_H

#include <flux/core.h>

struct site {
    char *initrc, *pluginpath, *rcpath;
    double looked; /* monotonic; 0: never */
    bool found;
};

/* Paths from attributes conf.shell_initrc and conf.shell_pluginpath, and
 * FLUX_SHELL_RC_PATH. */
int site_init (struct site *site, flux_t *h);
void site_fini (struct site *site);
/* There is something now, or was a second ago. */
bool site_has_plugins (struct site *site);
/* The paths of this rank, for its server of shells. */
int site_set_env (flux_t *h, flux_cmd_t *cmd);

#endif
