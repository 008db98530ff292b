/* What outlives a server, in a directory of its own:
 *
 *   lock             of the server that uses it
 *   counters.json    the last epoch and job id
 *   NAME.graph       a graph as it was some time ago, and the number N of its journal
 *   NAME.N.journal   what has changed since, one JSON object in a line
 *
 * A change is in the journal before it is answered. What a crash has cut short is no
 * whole line, and was not answered. A new snapshot takes the place of the old by
 * rename(2); a journal without its snapshot is ignored, and removed. */
#ifndef FLUXION_SERVER_STATE_H
#define FLUXION_SERVER_STATE_H

#include <flux/types.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct state;
struct journal;

/* Makes the directory if there is none. NULL with *error: it cannot be used, or another
 * server uses it. */
struct state *state_open (const char *dir, flux_error_t *error);
void state_close (struct state *st);
const char *state_path (const struct state *st);

/* 0 if they were never set. */
int state_counters (struct state *st, uint64_t *epoch, int64_t *jobid,
                    flux_error_t *error);
int state_set_counters (struct state *st, uint64_t epoch, int64_t jobid);
/* The names of the graphs, sorted; an array of strings. NULL with *error. */
json_t *state_graphs (struct state *st, flux_error_t *error);

/* A new graph of that name, in the place of an older one. NULL with errno. */
struct journal *journal_create (struct state *st, const char *name, json_t *snapshot);
/* One from before: its snapshot, and all changes since. NULL with *error, which names
 * file and line. */
struct journal *journal_load (struct state *st, const char *name, json_t **snapshot,
                              json_t **changes, flux_error_t *error);
/* The graph is no more. */
int journal_remove (struct journal *j);
void journal_close (struct journal *j);

/* -1 with errno; then nothing can be added any more: what is in the file is not known. */
int journal_add (struct journal *j, json_t *change);
/* All that was added is on the disk. Any thread. */
int journal_sync (struct journal *j);
/* Is it so long that a new snapshot is worth its while? */
bool journal_is_long (const struct journal *j);
/* Begin again, from a new snapshot. */
int journal_renew (struct journal *j, json_t *snapshot);

#endif
