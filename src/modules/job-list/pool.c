#include "pool.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The address of a block is a multiple of it: a record finds its block. */
#define BLOCK_SIZE (512 * 1024)

struct block {
    struct list node;
    void *free;    /* records that were given back, linked */
    uint32_t used; /* by callers */
    uint32_t made; /* handed out at least once: the rest was never touched */
    max_align_t records[];
};

static uint32_t capacity (const struct pool *p)
{
    return (BLOCK_SIZE - sizeof (struct block)) / p->size;
}

void pool_init (struct pool *p, size_t size)
{
    p->size = (size + sizeof (max_align_t) - 1) & ~(sizeof (max_align_t) - 1);
    list_init (&p->room);
}

void pool_fini (struct pool *p)
{
    struct list *l;

    while (p->size > 0 && (l = list_pop (&p->room)))
        free (container_of (l, struct block, node));
}

static struct block *block_create (struct pool *p)
{
    void *mem;
    struct block *b;

    if (posix_memalign (&mem, BLOCK_SIZE, BLOCK_SIZE) != 0) {
        errno = ENOMEM;
        return NULL;
    }
    b = mem;
    memset (b, 0, sizeof (*b));
    list_init (&b->node);
    list_append (&p->room, &b->node);
    return b;
}

void *pool_get (struct pool *p)
{
    struct block *b = list_first (&p->room, struct block, node);
    void *rec;

    if (!b && !(b = block_create (p)))
        return NULL;
    if ((rec = b->free))
        memcpy (&b->free, rec, sizeof (b->free));
    else
        rec = (char *)b->records + b->made++ * p->size;
    if (++b->used == capacity (p))
        list_remove (&b->node);
    memset (rec, 0, p->size);
    return rec;
}

void pool_put (struct pool *p, void *rec)
{
    struct block *b;

    if (!rec)
        return;
    b = (struct block *)((uintptr_t)rec & ~(uintptr_t)(BLOCK_SIZE - 1));
    memcpy (rec, &b->free, sizeof (b->free));
    b->free = rec;
    if (b->used-- == capacity (p))
        list_append (&p->room, &b->node);
    if (b->used == 0 && p->room.next != p->room.prev) {
        list_remove (&b->node);
        free (b);
    }
}
