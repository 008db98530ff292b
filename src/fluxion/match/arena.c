#include "fluxion/match/sched.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 65536

struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(16) char data[];
};

struct arena {
    struct chunk *first, *now;
};

static struct chunk *new_chunk (size_t size)
{
    struct chunk *c = malloc (sizeof (*c) + size);

    if (c) {
        c->next = NULL;
        c->used = 0;
        c->size = size;
    }
    return c;
}

struct arena *arena_create (void)
{
    struct arena *a = calloc (1, sizeof (*a));

    if (a && !(a->first = a->now = new_chunk (CHUNK))) {
        free (a);
        return NULL;
    }
    return a;
}

static void free_chunks (struct chunk *c)
{
    while (c) {
        struct chunk *next = c->next;
        free (c);
        c = next;
    }
}

void arena_destroy (struct arena *a)
{
    if (a)
        free_chunks (a->first);
    free (a);
}

void arena_reset (struct arena *a)
{
    free_chunks (a->first->next);
    a->first->next = NULL;
    a->first->used = 0;
    a->now = a->first;
}

void *arena_take (struct arena *a, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (a->now->size - a->now->used < size) {
        struct chunk *c = new_chunk (size > CHUNK * 4 ? size : CHUNK * 4);
        if (!c)
            return NULL;
        a->now->next = c;
        a->now = c;
    }
    void *p = a->now->data + a->now->used;
    a->now->used += size;
    return p;
}

void *arena_alloc (struct arena *a, size_t size)
{
    void *p = arena_take (a, size);

    return p ? memset (p, 0, size) : NULL;
}

struct arena_mark arena_mark (const struct arena *a)
{
    return (struct arena_mark){ a->now, a->now->used };
}

void arena_release (struct arena *a, struct arena_mark mark)
{
    a->now = mark.chunk;
    a->now->used = mark.used;
    free_chunks (a->now->next);
    a->now->next = NULL;
}
