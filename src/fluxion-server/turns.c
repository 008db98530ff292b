/* A client with work that may start stands at the end of one of two rings: of those
 * whose next piece is light, or heavy. While a piece is under way its client stands in
 * neither. */
#include "fluxion-server/turns.h"

#include "base/hashmap.h"

#include <stdlib.h>
#include <string.h>

struct client {
    struct list ring;
    struct list work;
    char *name;
    size_t refs;
    bool busy, heavy; /* heavy: what is under way is */
};

struct turns {
    struct hashmap *clients;
    struct list light, heavy;
    size_t heavy_max, heavy_now;
    bool heavy_first; /* whose turn it is */
};

struct turns *turns_create (size_t heavy_max)
{
    struct turns *t = calloc (1, sizeof (*t));

    if (!t || !(t->clients = hashmap_create (NULL))) {
        free (t);
        return NULL;
    }
    t->heavy_max = heavy_max;
    list_init (&t->light);
    list_init (&t->heavy);
    return t;
}

void turns_destroy (struct turns *t)
{
    if (t) {
        hashmap_destroy (t->clients);
        free (t);
    }
}

struct client *turns_client (struct turns *t, const char *name)
{
    struct client *c = hashmap_lookup (t->clients, name);

    if (!c) {
        if (!(c = calloc (1, sizeof (*c))) || !(c->name = strdup (name))
            || hashmap_insert (t->clients, name, c) < 0) {
            if (c)
                free (c->name);
            free (c);
            return NULL;
        }
        list_init (&c->ring);
        list_init (&c->work);
    }
    c->refs++;
    return c;
}

void turns_let_go (struct turns *t, struct client *c)
{
    if (!c || --c->refs > 0)
        return;
    hashmap_remove (t->clients, c->name);
    free (c->name);
    free (c);
}

static void line_up (struct turns *t, struct client *c)
{
    struct work *next = list_first (&c->work, struct work, entry);

    if (next && !c->busy && list_empty (&c->ring))
        list_append (next->heavy ? &t->heavy : &t->light, &c->ring);
}

void turns_add (struct turns *t, struct client *c, struct work *work)
{
    list_append (&c->work, &work->entry);
    c->refs++;
    line_up (t, c);
}

/* The rings take turns, too: light work does not keep heavy work waiting for ever. */
static struct list *pick_ring (struct turns *t)
{
    bool heavy = !list_empty (&t->heavy) && t->heavy_now < t->heavy_max;

    if (heavy && (t->heavy_first || list_empty (&t->light))) {
        t->heavy_first = false;
        return &t->heavy;
    }
    t->heavy_first = true;
    return &t->light;
}

struct work *turns_next (struct turns *t, struct client **client)
{
    struct list *node = list_pop (pick_ring (t));
    struct client *c = node ? container_of (node, struct client, ring) : NULL;
    struct work *work;

    if (!c)
        return NULL;
    work = container_of (list_pop (&c->work), struct work, entry);
    c->busy = true;
    c->heavy = work->heavy;
    t->heavy_now += c->heavy;
    *client = c;
    return work;
}

void turns_done (struct turns *t, struct client *c)
{
    t->heavy_now -= c->heavy;
    c->busy = c->heavy = false;
    line_up (t, c);
    turns_let_go (t, c);
}

size_t turns_clients (const struct turns *t)
{
    return hashmap_count (t->clients);
}
