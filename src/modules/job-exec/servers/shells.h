/* The shells of this rank's jobs, and the flux-shell server that forks them. */
#ifndef JOB_EXEC_SHELLS_H
#define JOB_EXEC_SHELLS_H

#include <flux/core.h>
#include <stddef.h>
#include <stdint.h>

struct shells;

/* A frame of a job's shell (core/shell/protocol.h), whole, or what stands for it if
 * there is none: x and X. After X nothing more comes of this job. text is valid during
 * the call, which may use the shells but not destroy them. */
typedef void (*shells_frame_f) (uint64_t id, char type, const char *text, size_t len,
                                void *arg);

/* A server that outlives this broker, so that the next one of the instance finds it. */
struct shells_keep {
    const char *token; /* of the instance */
    double timeout;    /* s that it waits for a broker */
};

/* path of flux-shell; keep NULL: the shells end with the broker, as they do where this rank
 * keeps no state. NULL with errno. Nothing is started yet. */
struct shells *shells_create (flux_t *h, const char *path,
                              const struct shells_keep *keep, shells_frame_f cb,
                              void *arg);
/* One for a job of another user, which the helper imp starts as that user; unit: as a unit
 * of systemd (unit.h), or NULL. */
struct shells *shells_create_guest (flux_t *h, const char *path, const char *imp,
                                    const char *unit, uint64_t id, shells_frame_f cb,
                                    void *arg);
/* Of a broker, or a module, of this rank whose jobs were to be found again: nobody looks for
 * them now, and their cores are given to others. Not in recovery mode. */
void shells_end_earlier (flux_t *h);
/* The shells end, and take their tasks along; nothing more is told. */
void shells_destroy (struct shells *sh);
/* Those that are kept go on, as if this broker had been killed; others end. */
void shells_abandon (struct shells *sh);

/* record: the text of a frame S. If there is no descriptor or process now, the shell
 * waits until there is. -1 with EEXIST or ENOMEM: the job has none. */
int shells_start (struct shells *sh, uint64_t id, const char *record, size_t len);
/* A job that an earlier broker may have started: A, frames and Z are told, or N, after which
 * nothing comes of it. One that runs here begins anew. -1 as shells_start. */
int shells_claim (struct shells *sh, uint64_t id, const char *kept, size_t len);
/* The job is over, and all of it is stored; if it runs all the same it is killed. */
void shells_forget (struct shells *sh, uint64_t id);
/* What is not claimed by now is nobody's. */
void shells_claims_over (struct shells *sh);
/* A frame for a job's shell; lost if it has ended. */
void shells_send (struct shells *sh, uint64_t id, char type, const char *text,
                  size_t len);
/* Writes what was sent, as far as the server takes it: at the end of a turn. */
void shells_flush (struct shells *sh);
/* Servers: 1 if there is one now. */
int shells_servers (const struct shells *sh);

#endif
