/* [exec] of the configuration, and the module's arguments, which go before it. */
#ifndef JOB_EXEC_CONFIG_H
#define JOB_EXEC_CONFIG_H

#include <flux/core.h>
#include <jansson.h>

#include "modules/job-exec/servers/unit.h"

struct config {
    char *shell; /* path of flux-shell; NULL: the one of this project */
    char *imp;   /* path of the setuid helper for others' jobs; NULL: none run */
    double kill_timeout; /* s */
    int max_kill_count;
    double max_kill_timeout; /* s; 0: max_kill_count counts */
    int term_signal;
    int kill_signal;
    double barrier_timeout; /* s; 0: there is none */
    int max_start_delay;    /* percent of a job's duration */
    double rejoin_timeout;  /* s that jobs wait for one of their ranks; 0: not at all */
    double reattach_timeout; /* s that shells wait for a broker; 0: not at all */
    struct units units;
    bool guests_test; /* jobs of others may be simulated */
};

/* conf NULL: none. -1 with EINVAL (or ENOMEM) and a line that names the key, and nothing
 * to free. A key of flux-config-exec(5) that means nothing here is refused, with why. */
int config_read (struct config *c, const flux_conf_t *conf, int argc, char *argv[],
                 flux_error_t *error);
/* s after which the kill sequence gives up (flux-config-exec(5)). */
double config_kill_end (const struct config *c);
/* What an agent has to know of a job that is a unit of systemd: units_encode. */
void config_encode_unit (const struct config *c, struct buf *b);
/* What counts now, for the stats; NULL: out of memory. */
json_t *config_encode (const struct config *c);
void config_fini (struct config *c);

#endif
