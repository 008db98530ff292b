#include "recent.h"
#include "base/sort.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The oldest half is dropped when there are so many. */
#define RECENT_MAX (1 << 20)

int recent_add (struct recent *r, flux_jobid_t id, uint32_t userid)
{
    if (r->count == RECENT_MAX) {
        r->count /= 2;
        memmove (r->entries, r->entries + r->count, r->count * sizeof (*r->entries));
    }
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 256;
        struct recent_entry *p = realloc (r->entries, cap * sizeof (*p));
        if (!p)
            return -1;
        r->entries = p;
        r->cap = cap;
    }
    r->entries[r->count++] = (struct recent_entry){ id, userid };
    return 0;
}

void recent_fini (struct recent *r)
{
    free (r->entries);
    *r = (struct recent){ 0 };
}

static int compare (const void *a, const void *b)
{
    flux_jobid_t x = ((const struct recent_entry *)a)->id;
    flux_jobid_t y = ((const struct recent_entry *)b)->id;

    return x < y ? -1 : x > y;
}

void recent_sort (struct recent *r)
{
    sort_array (r->entries, r->count, sizeof (*r->entries), compare);
}

struct cursor {
    const struct recent *r;
    uint32_t userid;
    bool (*known) (flux_jobid_t id, void *arg);
    void *arg;
    flux_jobid_t *ids;
    size_t count;
};

/* The newest `want` ids of the user. */
static int collect (struct cursor *c, size_t want)
{
    size_t cap = 0;

    for (size_t i = c->r->count; i > 0 && c->count < want; i--) {
        const struct recent_entry *e = &c->r->entries[i - 1];
        if (e->userid != c->userid || !c->known (e->id, c->arg))
            continue;
        if (c->count == cap) {
            cap = cap ? 2 * cap : 16;
            flux_jobid_t *p = realloc (c->ids, cap * sizeof (*p));
            if (!p)
                return -1;
            c->ids = p;
        }
        c->ids[c->count++] = e->id;
    }
    return 0;
}

/* A Python index: negative ones count from the end, all are clamped. */
static long clamp (long i, long count, long low, long high)
{
    if (i < 0)
        i += count;
    return i < low ? low : i > high ? high : i;
}

json_t *recent_slice (const struct recent *r, uint32_t userid, const int *start,
                      const int *stop, const int *step,
                      bool (*known) (flux_jobid_t id, void *arg), void *arg)
{
    struct cursor c = { .r = r, .userid = userid, .known = known, .arg = arg };
    long by = step ? *step : 1;
    bool forward = by > 0 && stop && *stop >= 0 && (!start || *start >= 0);
    json_t *a = by != 0 ? json_array () : NULL;

    if (!a || collect (&c, forward ? (size_t)*stop : SIZE_MAX) < 0) {
        json_decref (a);
        free (c.ids);
        errno = EINVAL;
        return NULL;
    }
    long n = c.count;
    if (by > 0) {
        long from = start ? clamp (*start, n, 0, n) : 0;
        long to = stop ? clamp (*stop, n, 0, n) : n;
        for (long i = from; i < to; i += by)
            json_array_append_new (a, json_integer (c.ids[i]));
    } else {
        long from = start ? clamp (*start, n, -1, n - 1) : n - 1;
        long to = stop ? clamp (*stop, n, -1, n - 1) : -1;
        for (long i = from; i > to; i += by)
            json_array_append_new (a, json_integer (c.ids[i]));
    }
    free (c.ids);
    return a;
}
