/* The timeline: which job had which cores from when to when. A ring of the last bars;
 * each reader has a position in it, so that one who is slow costs nothing. Pure. */
#ifndef CMD_WEB_BARS_H
#define CMD_WEB_BARS_H

#include <flux/job.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define BARS_MAX 4096
#define BAR_TEXT_MAX 4096 /* of what a job was given: beyond, only its ranks are kept */

struct bars;

struct bars *bars_create (void);
void bars_destroy (struct bars *b);
/* An event of job-manager's journal: {id, entry, R?}. True if the timeline changed. */
bool bars_event (struct bars *b, json_t *o);
/* What job-list answered: names. True if one was missing. */
bool bars_names (struct bars *b, json_t *jobs);
/* A bar that has no name yet. */
bool bars_nameless (const struct bars *b);
/* What changed since *pos (0: all), which moves on: new, an array of
 *   {"id", "n": name, "a": begin, "b": end or 0, "r": R_lite}; NULL: nothing. At most
 * max of them. */
json_t *bars_since (const struct bars *b, uint64_t *pos, size_t max);

#endif
