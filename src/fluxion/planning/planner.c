/* A treap of points, keyed by time. Each point holds the change at its time; each
 * subtree the sum of its changes and the greatest and least running sum, from
 * which a query finds the greatest use in an interval, or the first point above
 * or at most some use, on one path from the root. */
#include "fluxion/planning/planner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct point {
    int64_t time, delta, sum, max, min;
    uint32_t left, right, prio, refs;
};

struct planner {
    int64_t base, duration, total;
    struct point *pt; /* [0] is nobody */
    uint32_t root, npt, cap, free, count;
    uint32_t seed;
};

struct planner *planner_create (int64_t base, int64_t duration, int64_t total)
{
    struct planner *p;

    if (duration < 1 || total < 0) {
        errno = EINVAL;
        return NULL;
    }
    if (!(p = calloc (1, sizeof (*p))))
        return NULL;
    p->base = base;
    p->duration = duration;
    p->total = total;
    p->seed = 2463534242u;
    return p;
}

void planner_destroy (struct planner *p)
{
    int saved = errno;

    if (p)
        free (p->pt);
    free (p);
    errno = saved;
}

struct planner *planner_copy (const struct planner *p)
{
    struct planner *c = malloc (sizeof (*c));

    if (!c)
        return NULL;
    *c = *p;
    if (p->pt) {
        if (!(c->pt = malloc (p->cap * sizeof (*c->pt)))) {
            free (c);
            return NULL;
        }
        memcpy (c->pt, p->pt, p->npt * sizeof (*c->pt));
    }
    return c;
}

int64_t planner_total (const struct planner *p)
{
    return p->total;
}

int64_t planner_base (const struct planner *p)
{
    return p->base;
}

int64_t planner_duration (const struct planner *p)
{
    return p->duration;
}

static uint32_t random_prio (struct planner *p)
{
    p->seed ^= p->seed << 13;
    p->seed ^= p->seed >> 17;
    p->seed ^= p->seed << 5;
    return p->seed;
}

static void pull (struct planner *p, uint32_t n)
{
    struct point *x = &p->pt[n];
    const struct point *l = &p->pt[x->left], *r = &p->pt[x->right];
    int64_t here = l->sum + x->delta;

    x->sum = here + r->sum;
    x->max = x->min = here;
    if (x->left) {
        x->max = l->max > x->max ? l->max : x->max;
        x->min = l->min < x->min ? l->min : x->min;
    }
    if (x->right) {
        x->max = here + r->max > x->max ? here + r->max : x->max;
        x->min = here + r->min < x->min ? here + r->min : x->min;
    }
}

/* Room for n more points, so that adding a span cannot fail half way. */
static int reserve (struct planner *p, uint32_t n)
{
    if (p->cap - p->npt + 0u >= n && p->pt)
        return 0;
    uint32_t cap = p->cap ? p->cap * 2 : 8;
    struct point *pt = realloc (p->pt, cap * sizeof (*pt));
    if (!pt)
        return -1;
    if (!p->pt) {
        memset (pt, 0, sizeof (*pt));
        p->npt = 1;
    }
    p->pt = pt;
    p->cap = cap;
    return 0;
}

static uint32_t new_point (struct planner *p, int64_t time)
{
    uint32_t n = p->free;

    if (n)
        p->free = p->pt[n].right;
    else
        n = p->npt++;
    memset (&p->pt[n], 0, sizeof (p->pt[n]));
    p->pt[n].time = time;
    p->pt[n].prio = random_prio (p);
    p->count++;
    return n;
}

static uint32_t rotate_right (struct planner *p, uint32_t n)
{
    uint32_t l = p->pt[n].left;

    p->pt[n].left = p->pt[l].right;
    p->pt[l].right = n;
    pull (p, n);
    return l;
}

static uint32_t rotate_left (struct planner *p, uint32_t n)
{
    uint32_t r = p->pt[n].right;

    p->pt[n].right = p->pt[r].left;
    p->pt[r].left = n;
    pull (p, n);
    return r;
}

static uint32_t change (struct planner *p, uint32_t n, int64_t time, int64_t delta)
{
    if (!n) {
        n = new_point (p, time);
    }
    if (time < p->pt[n].time) {
        uint32_t l = change (p, p->pt[n].left, time, delta);
        p->pt[n].left = l;
        if (p->pt[l].prio > p->pt[n].prio)
            n = rotate_right (p, n);
    } else if (time > p->pt[n].time) {
        uint32_t r = change (p, p->pt[n].right, time, delta);
        p->pt[n].right = r;
        if (p->pt[r].prio > p->pt[n].prio)
            n = rotate_left (p, n);
    } else {
        p->pt[n].delta += delta;
        p->pt[n].refs++;
    }
    pull (p, n);
    return n;
}

static uint32_t join (struct planner *p, uint32_t a, uint32_t b)
{
    if (!a || !b)
        return a ? a : b;
    if (p->pt[a].prio > p->pt[b].prio) {
        p->pt[a].right = join (p, p->pt[a].right, b);
        pull (p, a);
        return a;
    }
    p->pt[b].left = join (p, a, p->pt[b].left);
    pull (p, b);
    return b;
}

/* The point is known to exist. */
static uint32_t unchange (struct planner *p, uint32_t n, int64_t time, int64_t delta)
{
    struct point *x = &p->pt[n];

    if (time < x->time) {
        x->left = unchange (p, x->left, time, delta);
    } else if (time > x->time) {
        x->right = unchange (p, x->right, time, delta);
    } else {
        x->delta -= delta;
        if (--x->refs == 0) {
            uint32_t rest = join (p, x->left, x->right);
            x->right = p->free;
            p->free = n;
            p->count--;
            return rest;
        }
    }
    pull (p, n);
    return n;
}

static uint32_t find_point (const struct planner *p, int64_t time)
{
    uint32_t n = p->root;

    while (n && p->pt[n].time != time)
        n = time < p->pt[n].time ? p->pt[n].left : p->pt[n].right;
    return n;
}

int planner_add (struct planner *p, int64_t at, int64_t duration, int64_t count)
{
    if (duration < 1 || count < 0) {
        errno = EINVAL;
        return -1;
    }
    if (count > p->total || at < p->base || at - p->base > p->duration - duration) {
        errno = ERANGE;
        return -1;
    }
    if (reserve (p, 3) < 0)
        return -1;
    p->root = change (p, p->root, at, count);
    p->root = change (p, p->root, at + duration, -count);
    return 0;
}

int planner_remove (struct planner *p, int64_t at, int64_t duration, int64_t count)
{
    if (!find_point (p, at) || !find_point (p, at + duration)) {
        errno = ENOENT;
        return -1;
    }
    p->root = unchange (p, p->root, at, count);
    p->root = unchange (p, p->root, at + duration, -count);
    return 0;
}

int planner_reduce (struct planner *p, int64_t at, int64_t duration, int64_t count)
{
    uint32_t a = find_point (p, at), b = find_point (p, at + duration);

    if (!a || !b) {
        errno = ENOENT;
        return -1;
    }
    /* The points stay: the rest of the span still ends there. */
    p->pt[a].refs++;
    p->pt[b].refs++;
    p->root = unchange (p, p->root, at, count);
    p->root = unchange (p, p->root, at + duration, -count);
    return 0;
}

static int64_t used_at (const struct planner *p, int64_t at)
{
    int64_t acc = 0;

    for (uint32_t n = p->root; n;) {
        const struct point *x = &p->pt[n];
        if (x->time <= at) {
            acc += p->pt[x->left].sum + x->delta;
            n = x->right;
        } else {
            n = x->left;
        }
    }
    return acc;
}

#define NEVER INT64_MIN

/* The greatest running sum at points within (lo, hi); open_lo and open_hi say
 * that the whole subtree lies on the right side of that bound. */
static int64_t used_max (const struct planner *p, uint32_t n, int64_t acc, int64_t lo,
                         int64_t hi, bool open_lo, bool open_hi)
{
    const struct point *x = &p->pt[n];
    int64_t best, m;

    if (!n)
        return NEVER;
    if (open_lo && open_hi)
        return acc + x->max;
    int64_t here = acc + p->pt[x->left].sum + x->delta;
    if (x->time <= lo)
        return used_max (p, x->right, here, lo, hi, false, open_hi);
    if (x->time >= hi)
        return used_max (p, x->left, acc, lo, hi, open_lo, false);
    best = here;
    m = used_max (p, x->left, acc, lo, hi, open_lo, true);
    best = m > best ? m : best;
    m = used_max (p, x->right, here, lo, hi, true, open_hi);
    return m > best ? m : best;
}

int64_t planner_avail_at (const struct planner *p, int64_t at)
{
    return p->total - used_at (p, at);
}

int64_t planner_avail_during (const struct planner *p, int64_t at, int64_t duration)
{
    int64_t used = used_at (p, at);
    int64_t m = used_max (p, p->root, 0, at, at + duration, false, false);

    return p->total - (m > used ? m : used);
}

/* First point after t where the running sum is above the limit (or, if !above,
 * at most the limit). 0: none. */
static uint32_t seek (const struct planner *p, uint32_t n, int64_t acc, int64_t t,
                      int64_t limit, bool above)
{
    const struct point *x = &p->pt[n];

    if (!n || (above ? acc + x->max <= limit : acc + x->min > limit))
        return 0;
    int64_t here = acc + p->pt[x->left].sum + x->delta;
    if (x->time > t) {
        uint32_t found = seek (p, x->left, acc, t, limit, above);
        if (found)
            return found;
        if (above ? here > limit : here <= limit)
            return n;
    }
    return seek (p, x->right, here, t, limit, above);
}

int64_t planner_avail_first (const struct planner *p, int64_t on_or_after,
                             int64_t duration, int64_t count)
{
    int64_t limit = p->total - count, t = on_or_after;

    if (duration < 1 || count < 0) {
        errno = EINVAL;
        return -1;
    }
    if (count > p->total) {
        errno = ERANGE;
        return -1;
    }
    if (t < p->base)
        t = p->base;
    while (t - p->base <= p->duration - duration) {
        uint32_t n;
        if (used_at (p, t) > limit) {
            if (!(n = seek (p, p->root, 0, t, limit, false)))
                break;
            t = p->pt[n].time;
        }
        n = seek (p, p->root, 0, t, limit, true);
        if (!n || p->pt[n].time - t >= duration) {
            if (t - p->base > p->duration - duration)
                break;
            return t;
        }
        t = p->pt[n].time;
    }
    errno = ENOENT;
    return -1;
}

int64_t planner_next_point (const struct planner *p, int64_t t)
{
    uint32_t best = 0;

    for (uint32_t n = p->root; n;) {
        if (p->pt[n].time > t) {
            best = n;
            n = p->pt[n].left;
        } else {
            n = p->pt[n].right;
        }
    }
    if (!best) {
        errno = ENOENT;
        return -1;
    }
    return p->pt[best].time;
}

void planner_set_total (struct planner *p, int64_t total)
{
    p->total = total;
}

void planner_set_duration (struct planner *p, int64_t duration)
{
    p->duration = duration;
}

size_t planner_point_count (const struct planner *p)
{
    return p->count;
}

static bool check (const struct planner *p, uint32_t n, int64_t lo, int64_t hi)
{
    const struct point *x = &p->pt[n];
    struct planner copy = *p;

    if (!n)
        return true;
    if (x->time <= lo || x->time >= hi || x->refs == 0)
        return false;
    if ((x->left && p->pt[x->left].prio > x->prio)
        || (x->right && p->pt[x->right].prio > x->prio))
        return false;
    struct point was = *x;
    pull (&copy, n);
    return memcmp (&was, x, sizeof (was)) == 0 && check (p, x->left, lo, x->time)
           && check (p, x->right, x->time, hi);
}

bool planner_check (const struct planner *p)
{
    return check (p, p->root, INT64_MIN, INT64_MAX);
}
