#include "timer.h"

#include <errno.h>
#include <stdlib.h>

static void place (struct timer_heap *h, size_t i, struct timer *t)
{
    h->v[i] = t;
    t->index = i;
}

static void sift_up (struct timer_heap *h, size_t i, struct timer *t)
{
    while (i > 1 && h->v[i / 2]->when > t->when) {
        place (h, i, h->v[i / 2]);
        i /= 2;
    }
    place (h, i, t);
}

static void sift_down (struct timer_heap *h, size_t i, struct timer *t)
{
    for (;;) {
        size_t child = i * 2;
        if (child > h->count)
            break;
        if (child < h->count && h->v[child + 1]->when < h->v[child]->when)
            child++;
        if (h->v[child]->when >= t->when)
            break;
        place (h, i, h->v[child]);
        i = child;
    }
    place (h, i, t);
}

void timer_heap_fini (struct timer_heap *h)
{
    free (h->v);
    h->v = NULL;
    h->count = h->cap = 0;
}

void timer_clear (struct timer_heap *h, struct timer *t)
{
    size_t i = t->index;
    if (i == 0)
        return;
    struct timer *last = h->v[h->count--];
    t->index = 0;
    if (last == t)
        return;
    if (i > 1 && h->v[i / 2]->when > last->when)
        sift_up (h, i, last);
    else
        sift_down (h, i, last);
}

int timer_set (struct timer_heap *h, struct timer *t, double when, timer_f cb,
               void *arg)
{
    timer_clear (h, t);
    if (h->count + 2 > h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 64;
        struct timer **v = realloc (h->v, cap * sizeof (*v));
        if (!v) {
            errno = ENOMEM;
            return -1;
        }
        h->v = v;
        h->cap = cap;
    }
    t->when = when;
    t->cb = cb;
    t->arg = arg;
    sift_up (h, ++h->count, t);
    return 0;
}

bool timer_next (const struct timer_heap *h, double *when)
{
    if (h->count == 0)
        return false;
    *when = h->v[1]->when;
    return true;
}

void timer_run (struct timer_heap *h, double now)
{
    while (h->count > 0 && h->v[1]->when <= now) {
        struct timer *t = h->v[1];
        timer_clear (h, t);
        t->cb (t, t->arg);
    }
}
