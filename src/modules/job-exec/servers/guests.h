/* Job shells of other users, and those that are to be units of systemd, on this rank: each
 * job has a server of its own, which the setuid helper of [exec] imp starts as that user
 * (RFC 15), or for a job of ours flux-shell itself. What they say is believed of their own
 * job alone. They end with the broker. */
#ifndef JOB_EXEC_GUESTS_H
#define JOB_EXEC_GUESTS_H

#include <flux/core.h>
#include <stdint.h>

#include "modules/job-exec/servers/shells.h"

struct guests;

/* path of flux-shell; cb as shells_create. NULL with errno. */
struct guests *guests_create (flux_t *h, const char *path, shells_frame_f cb,
                              void *arg);
void guests_destroy (struct guests *g);
/* As shells_start, by this helper; imp NULL: as ourselves. unit: as a unit of systemd
 * (unit.h), or NULL. */
int guests_start (struct guests *g, const char *imp, const char *unit, uint64_t id,
                  const char *record, size_t len);
/* NULL: it is no guest's job, or has ended. */
struct shells *guests_find (struct guests *g, uint64_t id);
/* At the end of a turn: those that have ended go. */
void guests_flush (struct guests *g);
int guests_count (const struct guests *g);

#endif
