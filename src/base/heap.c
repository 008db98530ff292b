#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

void heap_init (struct heap *h, heap_before_f before)
{
    *h = (struct heap){ .before = before };
}

void heap_fini (struct heap *h)
{
    for (size_t i = 0; i < h->count; i++)
        h->nodes[i]->pos = 0;
    free (h->nodes);
    h->nodes = NULL;
    h->count = h->cap = 0;
}

static void place (struct heap *h, size_t i, struct heap_node *n)
{
    h->nodes[i] = n;
    n->pos = i + 1;
}

static void sift_up (struct heap *h, size_t i)
{
    struct heap_node *n = h->nodes[i];

    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (!h->before (n, h->nodes[parent]))
            break;
        place (h, i, h->nodes[parent]);
        i = parent;
    }
    place (h, i, n);
}

static void sift_down (struct heap *h, size_t i)
{
    struct heap_node *n = h->nodes[i];

    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->before (h->nodes[child + 1], h->nodes[child]))
            child++;
        if (!h->before (h->nodes[child], n))
            break;
        place (h, i, h->nodes[child]);
        i = child;
    }
    place (h, i, n);
}

int heap_insert (struct heap *h, struct heap_node *n)
{
    if (h->count == h->cap) {
        size_t cap = h->cap ? 2 * h->cap : 64;
        struct heap_node **p = realloc (h->nodes, cap * sizeof (*p));
        if (!p) {
            errno = ENOMEM;
            return -1;
        }
        h->nodes = p;
        h->cap = cap;
    }
    place (h, h->count++, n);
    sift_up (h, n->pos - 1);
    return 0;
}

void heap_update (struct heap *h, struct heap_node *n)
{
    if (!n->pos)
        return;
    sift_up (h, n->pos - 1);
    sift_down (h, n->pos - 1);
}

void heap_remove (struct heap *h, struct heap_node *n)
{
    if (!n->pos)
        return;
    size_t i = n->pos - 1;
    struct heap_node *last = h->nodes[--h->count];

    n->pos = 0;
    if (last != n) {
        place (h, i, last);
        heap_update (h, last);
    }
}
