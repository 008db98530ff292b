#include "held.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct held {
    struct list node;
    double until; /* leased */
    char *sender; /* owned, else NULL */
    char rootref[BLOBREF_MAX_SIZE];
};

struct kvs_held {
    struct list leased; /* the first ends first */
    struct list owned;  /* oldest first */
    size_t leased_count, owned_count;
};

static void destroy (struct held *r)
{
    if (r) {
        list_remove (&r->node);
        free (r->sender);
        free (r);
    }
}

struct kvs_held *kvs_held_create (void)
{
    struct kvs_held *h;

    if ((h = calloc (1, sizeof (*h)))) {
        list_init (&h->leased);
        list_init (&h->owned);
    }
    return h;
}

void kvs_held_destroy (struct kvs_held *h)
{
    if (h) {
        while (!list_empty (&h->leased))
            destroy (list_first (&h->leased, struct held, node));
        while (!list_empty (&h->owned))
            destroy (list_first (&h->owned, struct held, node));
        free (h);
    }
}

static void expire (struct kvs_held *h, double now)
{
    struct held *r;

    while ((r = list_first (&h->leased, struct held, node))
           && (r->until <= now || h->leased_count > HELD_MAX)) {
        h->leased_count--;
        destroy (r);
    }
}

static void lease (struct kvs_held *h, struct held *r, double now)
{
    list_remove (&r->node);
    free (r->sender);
    r->sender = NULL;
    r->until = now + HELD_LEASE;
    list_append (&h->leased, &r->node);
    h->leased_count++;
    expire (h, now);
}

static void disown (struct kvs_held *h, struct held *r, double now)
{
    h->owned_count--;
    lease (h, r, now);
}

/* Those that this sender has got more of than he may. */
static void bound (struct kvs_held *h, const char *sender, double now)
{
    struct held *oldest = NULL;
    size_t count = 0;

    list_foreach (&h->owned, it) {
        struct held *r = container_of (it, struct held, node);

        if (!strcmp (r->sender, sender)) {
            oldest = oldest ? oldest : r;
            count++;
        }
    }
    if (count > HELD_EACH)
        disown (h, oldest, now);
    else if (h->owned_count > HELD_MAX)
        disown (h, list_first (&h->owned, struct held, node), now);
}

/* Most ask again before there is a new root. */
static struct held *find (struct list *l, const char *rootref, const char *sender)
{
    struct held *r = list_empty (l) ? NULL : container_of (l->prev, struct held, node);

    if (!r || strcmp (r->rootref, rootref) || (sender && strcmp (r->sender, sender)))
        return NULL;
    return r;
}

int kvs_held_add (struct kvs_held *h, const char *rootref, const char *sender,
                  double now)
{
    struct held *r;

    if ((r = find (sender ? &h->owned : &h->leased, rootref, sender))) {
        r->until = now + HELD_LEASE;
        return 0;
    }
    if (!(r = calloc (1, sizeof (*r))) || (sender && !(r->sender = strdup (sender)))) {
        free (r);
        errno = ENOMEM;
        return -1;
    }
    list_init (&r->node);
    strncpy (r->rootref, rootref, sizeof (r->rootref) - 1);
    if (!sender) {
        lease (h, r, now);
        return 0;
    }
    list_append (&h->owned, &r->node);
    h->owned_count++;
    bound (h, sender, now);
    return 0;
}

void kvs_held_release (struct kvs_held *h, const char *sender, double now)
{
    list_foreach (&h->owned, it) {
        struct held *r = container_of (it, struct held, node);

        if (!strcmp (r->sender, sender))
            disown (h, r, now);
    }
}

static int each (struct list *l, int (*fn) (void *arg, const char *rootref), void *arg)
{
    list_foreach (l, it)
        if (fn (arg, container_of (it, struct held, node)->rootref) < 0)
            return -1;
    return 0;
}

int kvs_held_foreach (struct kvs_held *h, double now,
                      int (*fn) (void *arg, const char *rootref), void *arg)
{
    expire (h, now);
    return each (&h->owned, fn, arg) < 0 ? -1 : each (&h->leased, fn, arg);
}
