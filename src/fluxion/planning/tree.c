#include "fluxion/planning/tree.h"

#include <stdlib.h>

#define FANOUT 16

/* Bitmaps */

void bitmap_fini (struct bitmap *b)
{
    for (int i = 0; i < b->nlevels; i++)
        free (b->level[i]);
    b->nlevels = 0;
}

int bitmap_init (struct bitmap *b, uint32_t n)
{
    b->nlevels = 0;
    do {
        n = (n + 63) / 64;
        if (!(b->level[b->nlevels] = calloc (n ? n : 1, sizeof (uint64_t)))) {
            bitmap_fini (b);
            return -1;
        }
        b->nlevels++;
    } while (n > 1);
    return 0;
}

void bitmap_set (struct bitmap *b, uint32_t i)
{
    for (int k = 0; k < b->nlevels; k++, i /= 64) {
        uint64_t was = b->level[k][i / 64];
        b->level[k][i / 64] = was | 1ull << i % 64;
        if (was)
            return;
    }
}

void bitmap_clear (struct bitmap *b, uint32_t i)
{
    for (int k = 0; k < b->nlevels; k++, i /= 64)
        if ((b->level[k][i / 64] &= ~(1ull << i % 64)))
            return;
}

/* First bit at or after i; NOWHERE. */
uint32_t bitmap_next (const struct bitmap *b, uint32_t i, uint32_t n)
{
    int k = 0;

    if (i >= n)
        return NOWHERE;
    for (;;) {
        uint64_t w = b->level[k][i / 64] >> i % 64;
        if (w) {
            i += __builtin_ctzll (w);
            break;
        }
        if (++k == b->nlevels)
            return NOWHERE;
        i = i / 64 + 1;
        uint32_t size = (n + 63) / 64;
        for (int j = 1; j < k; j++)
            size = (size + 63) / 64;
        if (i >= size)
            return NOWHERE;
    }
    while (k-- > 0)
        i = i * 64 + __builtin_ctzll (b->level[k][i]);
    return i;
}

/* Trees of the greatest */

void maxtree_fini (struct maxtree *t)
{
    for (int i = 0; i < t->nlevels; i++)
        free (t->level[i]);
    t->nlevels = 0;
}

int maxtree_init (struct maxtree *t, uint32_t n)
{
    t->nlevels = 0;
    for (;;) {
        t->count[t->nlevels] = n;
        if (!(t->level[t->nlevels] = calloc (n ? n : 1, sizeof (int64_t)))) {
            maxtree_fini (t);
            return -1;
        }
        t->nlevels++;
        if (n <= 1)
            return 0;
        n = (n + FANOUT - 1) / FANOUT;
    }
}

void maxtree_set (struct maxtree *t, uint32_t i, int64_t value)
{
    t->level[0][i] = value;
    for (int k = 1; k < t->nlevels; k++) {
        uint32_t from = i / FANOUT * FANOUT, to = from + FANOUT;
        int64_t max = INT64_MIN;
        if (to > t->count[k - 1])
            to = t->count[k - 1];
        for (uint32_t j = from; j < to; j++)
            max = t->level[k - 1][j] > max ? t->level[k - 1][j] : max;
        i /= FANOUT;
        if (t->level[k][i] == max)
            return;
        t->level[k][i] = max;
    }
}

/* First entry at or after i that is at least `least`. */
uint32_t maxtree_next (const struct maxtree *t, uint32_t i, int64_t least)
{
    int k = 0;

    while (i < t->count[k] && t->level[k][i] < least) {
        i++;
        /* At the start of a block: look at the block as a whole. */
        while (k + 1 < t->nlevels && i % FANOUT == 0 && i < t->count[k]) {
            i /= FANOUT;
            k++;
        }
    }
    if (i >= t->count[k])
        return NOWHERE;
    while (k > 0) {
        i *= FANOUT;
        k--;
        while (t->level[k][i] < least)
            i++;
    }
    return i;
}

int64_t maxtree_max (const struct maxtree *t)
{
    return t->count[0] ? t->level[t->nlevels - 1][0] : INT64_MIN;
}
