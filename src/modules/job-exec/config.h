/* [exec] of the configuration, and the module's arguments, which go before it. */
#ifndef JOB_EXEC_CONFIG_H
#define JOB_EXEC_CONFIG_H

#include <flux/core.h>

struct config {
    char *shell;         /* path of flux-shell; NULL: the one of this project */
    double kill_timeout; /* s */
    int max_kill_count;
    int term_signal;
    int kill_signal;
};

/* conf NULL: none. -1 with EINVAL (or ENOMEM) and a line that names the key, and nothing
 * to free. */
int config_read (struct config *c, const flux_conf_t *conf, int argc, char *argv[],
                 flux_error_t *error);
void config_fini (struct config *c);

#endif
