/* What the shells of a rank have said, until it is where it belongs: so a broker that comes
 * after one that was killed hears all of it. Core: no descriptor, no clock.
 *
 * Happy path: keep_start with each start record; keep_down sees the frames for the shells,
 * whose credit (C) says what of the output is where it belongs; keep_said takes what the
 * shells say, and passes it on, by whole frames. When the broker has gone (keep_detach),
 * what is said is only kept. The next one claims each job (R) and says how much of its
 * output is in the KVS: the answer is A, what it has not heard, or may not have stored, and
 * Z. F forgets a job.
 *
 * Of a job with other shells elsewhere, what is for these waits until all were found (G):
 * output that the leader writes (w), of which it drops what it has had before; what the
 * tasks have brought into a barrier that was not over for all shells (b), of which each
 * shell hears once that it is; and the end (X).
 *
 * Memory: of output, what credit allows a shell to send; of barriers, the keys that the
 * tasks here brought into the last two; of the rest, some lines for each task. A job that
 * there is no memory for is not found again, and says so (N).
 *
 * A dump has all jobs, for a file: what it costs to end while they wait to be heard. */
#ifndef SHELL_KEEP_H
#define SHELL_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct frame;
struct keep;

struct keep *keep_create (void);
void keep_destroy (struct keep *k);

/* A job of the broker that is there, from its start record. -1 with EEXIST: it was
 * started before, whatever has become of it; ENOMEM. */
int keep_start (struct keep *k, uint64_t id, const char *record, size_t len);
/* A frame for a shell. True: it is not to have it. What the broker is to hear of it goes
 * into up. */
bool keep_down (struct keep *k, const struct frame *f, struct buf *up);
/* One line of the shells, with its newline. What the broker is to hear now goes into up;
 * a line that is no frame, too: it is for the broker to complain. */
void keep_said (struct keep *k, const char *line, size_t len, struct buf *up);
/* Whoever listened has gone: nobody has claimed any job. */
void keep_detach (struct keep *k);
/* R: the answer goes into up. kept: bytes of output that the KVS has. hold: it has other
 * shells, and what is for these waits. unknown: of a job that is not here, nobody knows
 * whether it was. */
void keep_claim (struct keep *k, uint64_t id, uint64_t kept, bool hold, bool unknown,
                 struct buf *up);
/* G: all shells were found. The barriers before this one are over for all. */
void keep_go_on (struct keep *k, uint64_t id, uint64_t barrier, struct buf *up);
/* True: it still runs, and is to be killed; it is forgotten when it has ended. */
bool keep_forget (struct keep *k, uint64_t id);
/* Iterate over those that nobody has claimed: *pos = 0 at first. */
bool keep_unclaimed (const struct keep *k, size_t *pos, uint64_t *id);
/* And over those that run. */
bool keep_running_next (const struct keep *k, size_t *pos, uint64_t *id);

size_t keep_count (const struct keep *k);
size_t keep_running (const struct keep *k);
/* Of a dump, and not yet forgotten. */
size_t keep_loaded (const struct keep *k);
/* Bytes of lines. */
size_t keep_bytes (const struct keep *k);

/* All that has ended, as lines. */
int keep_dump (const struct keep *k, struct buf *b);
/* -1 with EINVAL: this is no dump; ENOMEM. Those jobs have ended. */
int keep_load (struct keep *k, const char *data, size_t len);

#endif
