/* Sets and maxima over a fixed number of places, in logarithmic time. */
#ifndef FLUXION_TREE_H
#define FLUXION_TREE_H

#include <stdint.h>

#define NOWHERE UINT32_MAX

/* Bitmap with summaries: a bit of a level stands for a word of the one below. */
struct bitmap {
    uint64_t *level[6];
    int nlevels;
};

struct maxtree {
    int64_t *level[9]; /* level[0]: one entry per vertex */
    uint32_t count[9];
    int nlevels;
};

int bitmap_init (struct bitmap *b, uint32_t n);
void bitmap_fini (struct bitmap *b);
void bitmap_set (struct bitmap *b, uint32_t i);
void bitmap_clear (struct bitmap *b, uint32_t i);
/* First of n places at or after i that is set; NOWHERE. */
uint32_t bitmap_next (const struct bitmap *b, uint32_t i, uint32_t n);

int maxtree_init (struct maxtree *t, uint32_t n); /* all 0 */
void maxtree_fini (struct maxtree *t);
void maxtree_set (struct maxtree *t, uint32_t i, int64_t value);
/* First entry at or after i that is at least `least`; NOWHERE. */
uint32_t maxtree_next (const struct maxtree *t, uint32_t i, int64_t least);
int64_t maxtree_max (const struct maxtree *t);

#endif
