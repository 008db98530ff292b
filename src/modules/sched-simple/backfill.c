#include "backfill.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/hashmap.h"

struct held {
    struct rset *r;
    double end;
};

struct backfill {
    struct idmap *jobs;
    struct held **by_end; /* in that order, if it is sorted */
    size_t count, cap;
    bool sorted;
    const struct jobspec *first; /* the reservation is for it */
    size_t released;             /* ... when so many of by_end have ended */
    double at;
};

static void held_destroy (void *arg)
{
    struct held *held = arg;

    if (held) {
        rset_destroy (held->r);
        free (held);
    }
}

struct backfill *backfill_create (void)
{
    struct backfill *b = calloc (1, sizeof (*b));

    if (b && !(b->jobs = idmap_create (held_destroy))) {
        free (b);
        return NULL;
    }
    return b;
}

void backfill_destroy (struct backfill *b)
{
    if (b) {
        idmap_destroy (b->jobs);
        free (b->by_end);
        free (b);
    }
}

static int reserve_room (struct backfill *b, size_t count)
{
    struct held **p;

    if (count <= b->cap)
        return 0;
    if (!(p = realloc (b->by_end, 2 * count * sizeof (*p))))
        return -1;
    b->by_end = p;
    b->cap = 2 * count;
    return 0;
}

int backfill_hold (struct backfill *b, uint64_t id, const struct rset *r, double end)
{
    struct held *held;

    if (idmap_lookup (b->jobs, id)) {
        errno = EEXIST;
        return -1;
    }
    if (!(held = calloc (1, sizeof (*held))) || !(held->r = rset_copy (r))
        || idmap_insert (b->jobs, id, held) < 0) {
        held_destroy (held);
        return -1;
    }
    held->end = end;
    b->sorted = false;
    if (b->first && end <= b->at && !isinf (end)
        && reserve_room (b, b->count + 1) == 0) {
        /* What it holds is free again when the first one starts. */
        b->by_end[b->count++] = b->by_end[b->released];
        b->by_end[b->released++] = held;
    }
    return 0;
}

int backfill_release (struct backfill *b, uint64_t id, const struct rset *r)
{
    struct held *held = idmap_lookup (b->jobs, id);
    struct rset *left;

    b->first = NULL;
    if (!held)
        return 0;
    if (!(left = rset_diff (held->r, r)))
        return -1;
    rset_destroy (held->r);
    held->r = left;
    if (rset_count (left, "node") == 0) {
        b->sorted = false;
        idmap_remove (b->jobs, id);
    }
    return 0;
}

void backfill_set_end (struct backfill *b, uint64_t id, double end)
{
    struct held *held = idmap_lookup (b->jobs, id);

    if (held) {
        held->end = end;
        b->sorted = false;
        b->first = NULL;
    }
}

int backfill_shrink (struct backfill *b, const struct idset *ranks)
{
    size_t pos = 0;
    void *value;

    while (idmap_next (b->jobs, &pos, NULL, &value))
        if (rset_remove_ranks (((struct held *)value)->r, ranks) < 0)
            return -1;
    return 0;
}

static int by_end (const void *a, const void *b)
{
    const struct held *x = *(struct held *const *)a, *y = *(struct held *const *)b;

    return (x->end > y->end) - (x->end < y->end);
}

static int sort (struct backfill *b)
{
    size_t pos = 0, n = idmap_count (b->jobs);
    void *value;

    if (b->sorted)
        return 0;
    if (reserve_room (b, n) < 0)
        return -1;
    b->count = 0;
    while (idmap_next (b->jobs, &pos, NULL, &value))
        b->by_end[b->count++] = value;
    qsort (b->by_end, b->count, sizeof (*b->by_end), by_end);
    b->sorted = true;
    return 0;
}

static bool fits (struct alloc *a, const struct jobspec *js)
{
    flux_error_t error;
    struct rset *r = alloc_alloc (a, js, &error);

    if (!r)
        return false;
    (void)alloc_free (a, r, NULL);
    rset_destroy (r);
    return true;
}

/* Takes back what the first n of by_end gave. */
static void undo (struct backfill *b, struct alloc *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)alloc_take (a, b->by_end[i]->r, NULL);
}

double backfill_reserve (struct backfill *b, struct alloc *a,
                         const struct jobspec *first)
{
    size_t i = 0;
    bool found = false;

    b->first = NULL;
    b->at = NAN;
    if (sort (b) < 0)
        return NAN;
    while (i < b->count && !found) {
        double end = b->by_end[i]->end;

        /* those that end together */
        for (; i < b->count && b->by_end[i]->end <= end; i++)
            (void)alloc_free (a, b->by_end[i]->r, NULL);
        if ((found = fits (a, first)))
            b->at = end;
    }
    undo (b, a, i);
    if (found) {
        b->first = first;
        b->released = i;
    }
    return b->at;
}

bool backfill_allows (struct backfill *b, struct alloc *a, double end)
{
    bool ok;

    if (!b->first || (end <= b->at && !isinf (end)))
        return true;
    for (size_t i = 0; i < b->released; i++)
        (void)alloc_free (a, b->by_end[i]->r, NULL);
    ok = fits (a, b->first);
    undo (b, a, b->released);
    return ok;
}
