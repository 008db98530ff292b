#include "history.h"
#include "base/hashmap.h"
#include "base/sort.h"

#include <stdlib.h>

/* A record fits into the value pointer of the map; a ring of ids in the order
 * in which jobs became inactive serves the purge. An id whose record is gone is
 * skipped when it comes up. */
struct slot {
    flux_jobid_t id;
    double t_inactive;
};

struct history {
    struct idmap *records;
    struct slot *ring;
    size_t head, count, cap;
};

static void *pack (struct history_record r)
{
    uintptr_t v = 1;

    v |= (uintptr_t)r.result << 1;
    v |= (uintptr_t)r.started << 5;
    v |= (uintptr_t)r.exception << 6;
    v |= (uintptr_t)(r.status < 0) << 7;
    v |= (uintptr_t)(r.status & 0xffff) << 8;
    return (void *)v;
}

static struct history_record unpack (const void *p)
{
    uintptr_t v = (uintptr_t)p;

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

    if (h && !(h->records = idmap_create (NULL))) {
        free (h);
        h = NULL;
    }
    return h;
}

void history_destroy (struct history *h)
{
    if (!h)
        return;
    idmap_destroy (h->records);
    free (h->ring);
    free (h);
}

static int grow (struct history *h)
{
    size_t cap = h->cap ? 2 * h->cap : 256;
    struct slot *ring = malloc (cap * sizeof (*ring));

    if (!ring)
        return -1;
    for (size_t i = 0; i < h->count; i++)
        ring[i] = h->ring[(h->head + i) % h->cap];
    free (h->ring);
    h->ring = ring;
    h->head = 0;
    h->cap = cap;
    return 0;
}

int history_add (struct history *h, flux_jobid_t id, double t_inactive,
                 struct history_record rec)
{
    if (h->count == h->cap && grow (h) < 0)
        return -1;
    if (idmap_insert (h->records, id, pack (rec)) < 0)
        return -1;
    h->ring[(h->head + h->count++) % h->cap] = (struct slot){ id, t_inactive };
    return 0;
}

bool history_lookup (const struct history *h, flux_jobid_t id,
                     struct history_record *rec)
{
    void *p = idmap_lookup (h->records, id);

    if (p && rec)
        *rec = unpack (p);
    return p != NULL;
}

size_t history_count (const struct history *h)
{
    return idmap_count (h->records);
}

bool history_remove (struct history *h, flux_jobid_t id)
{
    return idmap_remove (h->records, id);
}

/* A slot of it that has not come up yet serves again. */
static bool has_slot (const struct history *h, flux_jobid_t id)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->ring[(h->head + i) % h->cap].id == id)
            return true;
    return false;
}

int history_put_back (struct history *h, flux_jobid_t id, double t_inactive,
                      struct history_record rec)
{
    size_t at;

    if (has_slot (h, id))
        return idmap_insert (h->records, id, pack (rec));
    if (h->count == h->cap && grow (h) < 0)
        return -1;
    if (idmap_insert (h->records, id, pack (rec)) < 0)
        return -1;
    at = h->head = (h->head + h->cap - 1) % h->cap;
    for (size_t i = 1; i <= h->count; i++) {
        size_t next = (h->head + i) % h->cap;
        if (h->ring[next].t_inactive >= t_inactive)
            break;
        h->ring[at] = h->ring[next];
        at = next;
    }
    h->count++;
    h->ring[at] = (struct slot){ id, t_inactive };
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
    if (h->count > 0 && h->head + h->count <= h->cap)
        sort_array (h->ring + h->head, h->count, sizeof (*h->ring), compare);
}

bool history_oldest (struct history *h, flux_jobid_t *id, double *t_inactive)
{
    while (h->count > 0) {
        struct slot s = h->ring[h->head];
        if (idmap_lookup (h->records, s.id)) {
            *id = s.id;
            *t_inactive = s.t_inactive;
            return true;
        }
        h->head = (h->head + 1) % h->cap;
        h->count--;
    }
    return false;
}

size_t history_count_before (const struct history *h, double t)
{
    size_t n = 0;

    for (size_t i = 0; i < h->count; i++) {
        const struct slot *s = &h->ring[(h->head + i) % h->cap];
        if (s->t_inactive >= t)
            break;
        n += idmap_lookup (h->records, s->id) != NULL;
    }
    return n;
}
