#include "core/handle/matchtag.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    uint32_t generation;
    uint32_t next; /* in the free list, 0 at its end */
    bool used;
    matchtag_f cb;
    void *arg;
};

struct matchtags {
    struct slot *slots; /* slot 0 is never used, so no tag is 0 */
    uint32_t count;     /* slots that exist, with slot 0 */
    uint32_t used;
    uint32_t free_head, free_tail;
};

struct matchtags *matchtags_create (void)
{
    return calloc (1, sizeof (struct matchtags));
}

void matchtags_destroy (struct matchtags *m)
{
    if (m) {
        for (uint32_t i = 1; i < m->count; i++)
            if (m->slots[i].used && m->slots[i].cb)
                m->slots[i].cb (NULL, m->slots[i].arg);
        free (m->slots);
        free (m);
    }
}

static void free_append (struct matchtags *m, uint32_t i)
{
    m->slots[i].next = 0;
    if (m->free_tail)
        m->slots[m->free_tail].next = i;
    else
        m->free_head = i;
    m->free_tail = i;
}

static int grow (struct matchtags *m)
{
    uint32_t count = m->count ? m->count * 2 : 32;
    struct slot *slots;

    if (count > MATCHTAG_MAX + 1) {
        errno = EBUSY;
        return -1;
    }
    if (!(slots = realloc (m->slots, count * sizeof (*slots))))
        return -1;
    memset (slots + m->count, 0, (count - m->count) * sizeof (*slots));
    m->slots = slots;
    for (uint32_t i = m->count ? m->count : 1; i < count; i++)
        free_append (m, i);
    m->count = count;
    return 0;
}

uint32_t matchtags_alloc (struct matchtags *m)
{
    struct slot *s;
    uint32_t i;

    if (!m->free_head && grow (m) < 0)
        return FLUX_MATCHTAG_NONE;
    i = m->free_head;
    s = &m->slots[i];
    if (!(m->free_head = s->next))
        m->free_tail = 0;
    s->used = true;
    s->cb = NULL;
    m->used++;
    return s->generation << MATCHTAG_SLOT_BITS | i;
}

static struct slot *lookup (const struct matchtags *m, uint32_t tag)
{
    uint32_t i = tag & MATCHTAG_MAX;
    uint32_t generation = tag >> MATCHTAG_SLOT_BITS;

    if (i == 0 || i >= m->count || !m->slots[i].used
        || m->slots[i].generation != generation)
        return NULL;
    return &m->slots[i];
}

void matchtags_free (struct matchtags *m, uint32_t tag)
{
    struct slot *s = lookup (m, tag);

    if (!s)
        return;
    s->used = false;
    s->cb = NULL;
    /* 31 bits in all: tags are "i" in JSON payloads. */
    s->generation = (s->generation + 1) & (INT32_MAX >> MATCHTAG_SLOT_BITS);
    m->used--;
    free_append (m, s - m->slots);
}

bool matchtags_used (const struct matchtags *m, uint32_t tag)
{
    return lookup (m, tag) != NULL;
}

uint32_t matchtags_avail (const struct matchtags *m)
{
    return MATCHTAG_MAX - m->used;
}

void matchtags_bind (struct matchtags *m, uint32_t tag, matchtag_f cb, void *arg)
{
    struct slot *s = lookup (m, tag);

    if (s) {
        s->cb = cb;
        s->arg = arg;
    }
}

bool matchtags_deliver (struct matchtags *m, uint32_t tag, const flux_msg_t *response)
{
    struct slot *s = lookup (m, tag);

    if (!s || !s->cb)
        return false;
    s->cb (response, s->arg);
    return true;
}

uint32_t matchtags_next_bound (const struct matchtags *m, uint32_t tag)
{
    for (uint32_t i = (tag & MATCHTAG_MAX) + 1; i < m->count; i++)
        if (m->slots[i].used && m->slots[i].cb)
            return m->slots[i].generation << MATCHTAG_SLOT_BITS | i;
    return FLUX_MATCHTAG_NONE;
}
