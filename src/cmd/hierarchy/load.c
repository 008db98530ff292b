#include "cmd/hierarchy/load.h"

#include "base/heap.h"

#include <stdlib.h>

struct leaf {
    struct heap_node node;
    size_t index;
    double jobs;
    double cores;
};

struct load {
    struct heap heap;
    struct leaf leaves[];
};

static double weight (const struct leaf *l)
{
    return l->jobs / l->cores;
}

/* node is the first member. */
static bool before (const struct heap_node *na, const struct heap_node *nb)
{
    const struct leaf *a = (const struct leaf *)na;
    const struct leaf *b = (const struct leaf *)nb;

    if (weight (a) != weight (b))
        return weight (a) < weight (b);
    return a->index < b->index;
}

struct load *load_create (size_t count)
{
    struct load *l = calloc (1, sizeof (*l) + count * sizeof (l->leaves[0]));

    if (!l)
        return NULL;
    heap_init (&l->heap, before);
    for (size_t i = 0; i < count; i++) {
        l->leaves[i].index = i;
        l->leaves[i].cores = 1;
        if (heap_insert (&l->heap, &l->leaves[i].node) < 0) {
            load_destroy (l);
            return NULL;
        }
    }
    return l;
}

void load_destroy (struct load *l)
{
    if (!l)
        return;
    heap_fini (&l->heap);
    free (l);
}

void load_set (struct load *l, size_t leaf, double jobs, double cores)
{
    l->leaves[leaf].jobs = jobs > 0 ? jobs : 0;
    l->leaves[leaf].cores = cores > 0 ? cores : 1;
    heap_update (&l->heap, &l->leaves[leaf].node);
}

size_t load_pick (struct load *l, double cores)
{
    struct leaf *leaf = (struct leaf *)heap_first (&l->heap);

    leaf->jobs += cores > 0 ? cores : 1;
    heap_update (&l->heap, &leaf->node);
    return leaf->index;
}

size_t load_share (size_t n, size_t count, size_t index)
{
    return n / count + (index < n % count);
}
