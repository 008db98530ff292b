/* Which leaf gets the next job: the one that has least to do for its cores. Pure. */
#ifndef CMD_HIERARCHY_LOAD_H
#define CMD_HIERARCHY_LOAD_H

#include <stddef.h>

struct load;

/* Of so many leaves, all without jobs and with one core. NULL with ENOMEM. */
struct load *load_create (size_t count);
void load_destroy (struct load *l);
/* What the leaf has to do, and how much can run there at once. */
void load_set (struct load *l, size_t leaf, double jobs, double cores);
/* The leaf for a job that takes so many cores, which it counts from now on. Of
 * several that are equal it is the first. */
size_t load_pick (struct load *l, double cores);

/* How many of n each of count gets: equal parts, the first ones one more. */
size_t load_share (size_t n, size_t count, size_t index);

#endif
