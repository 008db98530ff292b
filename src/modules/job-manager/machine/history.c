#include "history.h"
#include "base/hashmap.h"
#include "base/sort.h"

#include <stdlib.h>

/* A million jobs are remembered for good, so each costs 20 bytes and its part of the index.
 * Slots are numbered in the order in which jobs became inactive, and lie in chunks that come
 * and go as the numbers do; the index has the number of each id's slot. A slot whose record
 * is gone is skipped when it is the oldest. */
struct slot {
    flux_jobid_t id;
    double t_inactive;
    uint32_t record; /* 0: gone */
} __attribute__ ((packed));

#define CHUNK_BITS 12
#define CHUNK (1U << CHUNK_BITS)

/* Numbers that are none, in the index. */
#define FREE UINT32_MAX
#define GONE (UINT32_MAX - 1)
#define FIRST (1U << 31) /* there are some before it for what is put back */

struct history {
    struct slot **chunks; /* by the number of a chunk, modulo */
    uint32_t chunks_cap;  /* a power of two, or 0 */
    uint32_t head, count; /* slots from the oldest on */
    uint32_t *index;
    size_t index_cap; /* a power of two, or 0 */
    size_t used;      /* entries, and those that are gone */
    size_t live;
};

static uint32_t pack (struct history_record r)
{
    uint32_t v = 1;

    v |= (uint32_t)r.result << 1;
    v |= (uint32_t)r.started << 5;
    v |= (uint32_t)r.exception << 6;
    v |= (uint32_t)(r.status < 0) << 7;
    v |= (uint32_t)(r.status & 0xffff) << 8;
    return v;
}

static struct history_record unpack (uint32_t v)
{
    return (struct history_record){
        .result = (v >> 1) & 15,
        .started = (v >> 5) & 1,
        .exception = (v >> 6) & 1,
        .status = (v >> 7) & 1 ? -1 : (int)((v >> 8) & 0xffff),
    };
}

struct history *history_create (void)
{
    struct history *h = calloc (1, sizeof (*h));

    if (h)
        h->head = FIRST;
    return h;
}

static void free_chunks (struct history *h)
{
    for (uint32_t i = 0; i < h->chunks_cap; i++)
        free (h->chunks[i]);
    free (h->chunks);
    h->chunks = NULL;
    h->chunks_cap = 0;
}

void history_destroy (struct history *h)
{
    if (!h)
        return;
    free_chunks (h);
    free (h->index);
    free (h);
}

/* Slots */

static struct slot **chunk_of (const struct history *h, uint32_t number)
{
    return &h->chunks[(number >> CHUNK_BITS) & (h->chunks_cap - 1)];
}

static struct slot *slot_of (const struct history *h, uint32_t number)
{
    return *chunk_of (h, number) + (number & (CHUNK - 1));
}

/* Room for so many chunks. */
static int grow_chunks (struct history *h, uint32_t count)
{
    uint32_t cap = h->chunks_cap ? h->chunks_cap : 4, old = h->chunks_cap;
    struct slot **chunks;

    while (cap < count)
        cap *= 2;
    if (cap == old)
        return 0;
    if (!(chunks = calloc (cap, sizeof (*chunks))))
        return -1;
    for (uint32_t i = 0; old > 0 && i < old; i++) {
        uint32_t n = (h->head >> CHUNK_BITS) + i;
        chunks[n & (cap - 1)] = h->chunks[n & (old - 1)];
    }
    free (h->chunks);
    h->chunks = chunks;
    h->chunks_cap = cap;
    return 0;
}

/* The slots from head on, count of them, have room. */
static int reserve (struct history *h, uint32_t head, uint32_t count)
{
    uint32_t first = head >> CHUNK_BITS, last = (head + count - 1) >> CHUNK_BITS;

    if (grow_chunks (h, last - first + 1) < 0)
        return -1;
    for (uint32_t n = first; n <= last; n++) {
        struct slot **c = &h->chunks[n & (h->chunks_cap - 1)];
        if (!*c && !(*c = malloc (CHUNK * sizeof (**c))))
            return -1;
        if (n == first && last > first)
            n = last - 1; /* those between are there */
    }
    return 0;
}

static void drop_oldest (struct history *h)
{
    if ((h->head & (CHUNK - 1)) == CHUNK - 1) {
        free (*chunk_of (h, h->head));
        *chunk_of (h, h->head) = NULL;
    }
    h->head++;
    h->count--;
}

/* Index */

static size_t place (const struct history *h, flux_jobid_t id)
{
    return hash_bytes (&id, sizeof (id)) & (h->index_cap - 1);
}

/* The entry of an id; NULL: there is none. */
static uint32_t *find (const struct history *h, flux_jobid_t id)
{
    if (h->index_cap == 0)
        return NULL;
    for (size_t i = place (h, id); h->index[i] != FREE;
         i = (i + 1) & (h->index_cap - 1))
        if (h->index[i] != GONE && slot_of (h, h->index[i])->id == id)
            return &h->index[i];
    return NULL;
}

/* There is room, and no entry of this id. */
static void enter (struct history *h, flux_jobid_t id, uint32_t number)
{
    size_t i = place (h, id);

    while (h->index[i] < GONE)
        i = (i + 1) & (h->index_cap - 1);
    h->used += h->index[i] == FREE;
    h->live++;
    h->index[i] = number;
}

static void rebuild (struct history *h)
{
    for (size_t i = 0; i < h->index_cap; i++)
        h->index[i] = FREE;
    h->used = h->live = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        const struct slot *s = slot_of (h, h->head + i);
        if (s->record)
            enter (h, s->id, h->head + i);
    }
}

static int reserve_entry (struct history *h)
{
    size_t cap = h->index_cap ? h->index_cap : 256;
    uint32_t *index;

    if (h->index_cap > 0 && (h->used + 1) * 4 <= h->index_cap * 3)
        return 0;
    while ((h->live + 1) * 2 > cap)
        cap *= 2;
    if (!(index = realloc (h->index, cap * sizeof (*index))))
        return -1;
    h->index = index;
    h->index_cap = cap;
    rebuild (h);
    return 0;
}

/* All in a line again, from FIRST on: numbers are not endless. */
static int renumber (struct history *h)
{
    struct history n = { .head = FIRST };

    for (uint32_t i = 0; i < h->count; i++) {
        const struct slot *s = slot_of (h, h->head + i);
        if (!s->record)
            continue;
        if (reserve (&n, n.head, n.count + 1) < 0) {
            free_chunks (&n);
            return -1;
        }
        *slot_of (&n, n.head + n.count++) = *s;
    }
    free_chunks (h);
    h->chunks = n.chunks;
    h->chunks_cap = n.chunks_cap;
    h->head = n.head;
    h->count = n.count;
    rebuild (h);
    return 0;
}

/* Records */

int history_add (struct history *h, flux_jobid_t id, double t_inactive,
                 struct history_record rec)
{
    if ((h->count > 0 && h->head + h->count >= GONE - 1 && renumber (h) < 0)
        || reserve_entry (h) < 0 || reserve (h, h->head, h->count + 1) < 0)
        return -1;
    history_remove (h, id); /* it is as new */
    enter (h, id, h->head + h->count);
    *slot_of (h, h->head + h->count++) = (struct slot){ id, t_inactive, pack (rec) };
    return 0;
}

bool history_lookup (const struct history *h, flux_jobid_t id,
                     struct history_record *rec)
{
    const uint32_t *entry = find (h, id);

    if (entry && rec)
        *rec = unpack (slot_of (h, *entry)->record);
    return entry != NULL;
}

size_t history_count (const struct history *h)
{
    return h->live;
}

bool history_remove (struct history *h, flux_jobid_t id)
{
    uint32_t *entry = find (h, id);

    if (!entry)
        return false;
    slot_of (h, *entry)->record = 0;
    *entry = GONE;
    h->live--;
    return true;
}

/* A slot of it that has not come up yet serves again. */
static bool use_slot (struct history *h, flux_jobid_t id, uint32_t record)
{
    for (uint32_t i = 0; i < h->count; i++) {
        struct slot *s = slot_of (h, h->head + i);
        if (s->id == id) {
            s->record = record;
            enter (h, id, h->head + i);
            return true;
        }
    }
    return false;
}

static void move (struct history *h, uint32_t from, uint32_t to)
{
    const struct slot *s = slot_of (h, from);

    *slot_of (h, to) = *s;
    if (s->record)
        *find (h, s->id) = to;
}

int history_put_back (struct history *h, flux_jobid_t id, double t_inactive,
                      struct history_record rec)
{
    uint32_t at, end = h->head + h->count;

    if (reserve_entry (h) < 0 || h->head == 0)
        return -1;
    if (use_slot (h, id, pack (rec)))
        return 0;
    if (reserve (h, h->head - 1, h->count + 1) < 0)
        return -1;
    at = --h->head;
    h->count++;
    for (uint32_t next = at + 1; next < end; at = next++) {
        if (slot_of (h, next)->t_inactive >= t_inactive)
            break;
        move (h, next, at);
    }
    *slot_of (h, at) = (struct slot){ id, t_inactive, pack (rec) };
    enter (h, id, at);
    return 0;
}

static int compare (const void *a, const void *b)
{
    const struct slot *x = a, *y = b;

    if (x->t_inactive != y->t_inactive)
        return x->t_inactive < y->t_inactive ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

void history_sort (struct history *h)
{
    struct slot *all = h->count > 0 ? malloc (h->count * sizeof (*all)) : NULL;

    if (!all) /* then they are purged in another order */
        return;
    for (uint32_t i = 0; i < h->count; i++)
        all[i] = *slot_of (h, h->head + i);
    sort_array (all, h->count, sizeof (*all), compare);
    for (uint32_t i = 0; i < h->count; i++)
        *slot_of (h, h->head + i) = all[i];
    free (all);
    rebuild (h);
}

bool history_oldest (struct history *h, flux_jobid_t *id, double *t_inactive)
{
    while (h->count > 0) {
        const struct slot *s = slot_of (h, h->head);
        if (s->record) {
            *id = s->id;
            *t_inactive = s->t_inactive;
            return true;
        }
        drop_oldest (h);
    }
    return false;
}

size_t history_count_before (const struct history *h, double t)
{
    size_t n = 0;

    for (uint32_t i = 0; i < h->count; i++) {
        const struct slot *s = slot_of (h, h->head + i);
        if (s->t_inactive >= t)
            break;
        n += s->record != 0;
    }
    return n;
}
