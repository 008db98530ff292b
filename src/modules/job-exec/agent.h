/* What job-exec does on each rank: its shells (shells.h), the exchanges of their jobs
 * (exchange.h), and what they say to job-exec on rank 0.
 *
 * On rank 0 both are in one thread and call each other. From elsewhere rank 0 has a
 * streaming request at the agent (job-exec.attach), whose answers are frames as they
 * come from the shells, and sends frames to it (job-exec.frames); both are bytes, many
 * frames in a message. A frame c of id 0 tells how many bytes the agent has taken.
 *
 * Where the tree heals (tbon.heal) both have a session (session.h): the first answer to an
 * attach is the number of bytes that the agent has taken in all, and rank 0 tells what it
 * has with frames c of id 0, too. When the way is lost, rank 0 attaches again with what it
 * has, and both send the rest again; ESRCH: it is another agent by now. */
#ifndef JOB_EXEC_AGENT_H
#define JOB_EXEC_AGENT_H

#include <flux/core.h>
#include <jansson.h>

#include "modules/job-exec/servers/shells.h"

/* Of frames on their way to an agent. */
#define AGENT_WINDOW (1024 * 1024)

struct agent;

typedef void (*agent_frame_f) (uint64_t id, char type, const char *text, size_t len,
                               void *arg);

/* shell: path of flux-shell, keep: NULL if shells end with their brokers, and frame_cb gets
 * what shells say; NULL for all where rank 0 attaches and tells. */
struct agent *agent_create (flux_t *h, const char *shell,
                            const struct shells_keep *keep, agent_frame_f frame_cb,
                            void *arg);
/* The shells end, but for those that are kept for another agent, if abandon is true. */
void agent_destroy (struct agent *a, bool abandon);
/* Its shells outlive it. */
bool agent_keeps (const struct agent *a);
/* Seconds that the tree waits for a lost broker (tbon.heal); 0: it does not. */
double agent_heal_time (flux_t *h);
/* A frame from rank 0; S, R, G, F, E and Q are for the agent, too. */
void agent_frame (struct agent *a, uint64_t id, char type, const char *text,
                  size_t len);
/* Sends what was said in this turn; on rank 0 its owner calls it, elsewhere it happens
 * by itself. */
void agent_flush (struct agent *a);
/* A new object, or NULL. */
json_t *agent_stats (const struct agent *a);

#endif
