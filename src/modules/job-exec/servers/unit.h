/* Jobs whose processes are units of systemd, [exec] service = "sdexec": on each of a job's
 * ranks a scope, with the properties that the site has given to all. Their server of shells
 * is started by systemd-run(1), which becomes it. */
#ifndef JOB_EXEC_UNIT_H
#define JOB_EXEC_UNIT_H

#include <flux/core.h>
#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json/jscan.h"

/* What is configured. */
struct units {
    bool on;            /* jobs are units, unless they say otherwise */
    bool override;      /* they may */
    json_t *properties; /* NAME: VALUE, which systemd-run reads; NULL: none */
    int stop_timer;     /* s; 0: not configured */
    bool debug;         /* what is started is logged */
    bool bus_debug;     /* and what is said to systemd */
};

/* exec, systemd: these tables, of known kinds (json_check_keys), or NULL. -1 with EINVAL and
 * a line that names the key, and nothing to free. */
int units_read (struct units *u, json_t *exec, json_t *systemd, flux_error_t *error);
void units_fini (struct units *u);

/* What jobspec attribute system.exec.bulkexec.service (s NULL: it has none) makes of a job:
 * 1: a unit, 0: none, -1 with EINVAL: it may not say so. */
int units_choose (const struct units *u, const struct span *service,
                  flux_error_t *error);
/* What the agent of a rank has to know, a JSON object. stop_timer: unless it is configured. */
void units_encode (const struct units *u, int stop_timer, struct buf *b);

/* Puts systemd-run before a command, and gives it what it needs to find systemd. json: as
 * units_encode has written it. -1 with ENOENT: there is no systemd-run here; EPROTO, ENOMEM.
 */
int unit_wrap (flux_t *h, flux_cmd_t *cmd, const char *json, uint64_t id,
               uint32_t rank);

#endif
