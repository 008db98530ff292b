/* Intrusive binary heap: the least element (by cmp) is first. Inserting,
 * removing and moving an element cost O(log n); the element knows its place. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct heap_node {
    size_t pos; /* from 1; 0: in no heap */
};

typedef bool (*heap_before_f) (const struct heap_node *a, const struct heap_node *b);

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t cap;
    heap_before_f before;
};

void heap_init (struct heap *h, heap_before_f before);
void heap_fini (struct heap *h);
/* 0, or -1 with ENOMEM. */
int heap_insert (struct heap *h, struct heap_node *n);
/* Safe on a node that is in no heap. */
void heap_remove (struct heap *h, struct heap_node *n);
/* To be called when the key of a member has changed. */
void heap_update (struct heap *h, struct heap_node *n);

static inline struct heap_node *heap_first (const struct heap *h)
{
    return h->count ? h->nodes[0] : NULL;
}

static inline bool heap_has (const struct heap_node *n)
{
    return n->pos != 0;
}

#endif
