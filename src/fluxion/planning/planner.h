/* Time intervals that take from a total: a balanced tree over the points in time
 * at which the amount in use changes. Every query takes a time logarithmic in the
 * number of points, per step where it has to step over intervals that are too full.
 *
 * EINVAL: bad argument; ERANGE: more than the total, or outside the time range;
 * ENOENT: there is no such point or span. */
#ifndef FLUXION_PLANNER_H
#define FLUXION_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct planner;

struct planner *planner_create (int64_t base, int64_t duration, int64_t total);
void planner_destroy (struct planner *p);
struct planner *planner_copy (const struct planner *p);
int64_t planner_total (const struct planner *p);
int64_t planner_base (const struct planner *p);
int64_t planner_duration (const struct planner *p);

/* [at, at + duration) takes count. There is no span object: whoever adds knows
 * what to remove. Nothing is checked but the range: ask planner_avail_during. */
int planner_add (struct planner *p, int64_t at, int64_t duration, int64_t count);
/* Exactly what was added; ENOENT if there is no such interval. */
int planner_remove (struct planner *p, int64_t at, int64_t duration, int64_t count);
/* A part of the count of an interval that stays. */
int planner_reduce (struct planner *p, int64_t at, int64_t duration, int64_t count);

int64_t planner_avail_at (const struct planner *p, int64_t at);
/* The least over [at, at + duration). */
int64_t planner_avail_during (const struct planner *p, int64_t at, int64_t duration);
/* Earliest t >= on_or_after, t being on_or_after or a point of change, such that
 * count is available during [t, t + duration); -1 with ENOENT. */
int64_t planner_avail_first (const struct planner *p, int64_t on_or_after,
                             int64_t duration, int64_t count);
/* First point of change after t; -1 with ENOENT. */
int64_t planner_next_point (const struct planner *p, int64_t t);
/* Change the total or the end. What is in use may then exceed the total. */
void planner_set_total (struct planner *p, int64_t total);
void planner_set_duration (struct planner *p, int64_t duration);
size_t planner_point_count (const struct planner *p);
/* True if the tree is sound; for tests. */
bool planner_check (const struct planner *p);

#endif
