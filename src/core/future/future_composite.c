/* Futures that wait for all, or for any, of their children. */
#include "core/future/future_impl.h"

#include <stdlib.h>
#include <string.h>

struct future_child {
    struct future_child *next;
    flux_future_t *parent, *f;
    bool counted;
    char name[];
};

static void child_cb (flux_future_t *f, void *arg)
{
    struct future_child *c = arg;
    flux_future_t *cf = c->parent;

    if (!c->counted) {
        c->counted = true;
        cf->ready_count++;
    }
    if (!flux_future_is_ready (cf) && (cf->any || cf->ready_count == cf->child_count))
        flux_future_fulfill (cf, NULL, NULL);
}

static int watch_child (flux_future_t *cf, struct future_child *c)
{
    future_set_context (c->f, flux_future_get_reactor (cf),
                        cf->h ? flux_future_get_flux (cf) : NULL);
    return flux_future_then (c->f, -1., child_cb, c);
}

static void init_composite (flux_future_t *cf, void *arg)
{
    if (!cf->children && !cf->any)
        flux_future_fulfill (cf, NULL, NULL);
    for (struct future_child *c = cf->children; c; c = c->next) {
        if (watch_child (cf, c) < 0) {
            flux_future_fulfill_error (cf, errno, NULL);
            return;
        }
    }
}

static flux_future_t *create (bool any)
{
    flux_future_t *cf = flux_future_create (init_composite, NULL);

    if (cf)
        cf->any = any;
    return cf;
}

flux_future_t *flux_future_wait_all_create (void)
{
    return create (false);
}

flux_future_t *flux_future_wait_any_create (void)
{
    return create (true);
}

void future_fini_composite (flux_future_t *cf)
{
    struct future_child *c;

    while ((c = cf->children)) {
        cf->children = c->next;
        future_forget (c->f, child_cb, c);
        flux_future_destroy (c->f);
        free (c);
    }
}

/* A composite without a context of its own takes that of its first child. */
static void inherit_context (flux_future_t *cf, flux_future_t *f)
{
    if (!cf->h && f->h)
        cf->h = f->h;
    if (!cf->reactor && !cf->h && f->reactor)
        cf->reactor = f->reactor;
}

static void append (flux_future_t *cf, struct future_child *c)
{
    if (cf->last_child)
        cf->last_child->next = c;
    else
        cf->children = c;
    cf->last_child = c;
    cf->child_count++;
}

int flux_future_push (flux_future_t *cf, const char *name, flux_future_t *f)
{
    struct future_child *c;

    if (!cf || !f || cf->init != init_composite) {
        errno = EINVAL;
        return -1;
    }
    if (!name)
        name = "";
    if (!(c = calloc (1, sizeof (*c) + strlen (name) + 1)))
        return -1;
    strcpy (c->name, name);
    c->parent = cf;
    c->f = f;
    inherit_context (cf, f);
    if ((cf->then.initialized || cf->now.initialized) && watch_child (cf, c) < 0) {
        free (c);
        return -1;
    }
    append (cf, c);
    return 0;
}

const char *flux_future_first_child (flux_future_t *cf)
{
    if (!cf || cf->init != init_composite) {
        errno = EINVAL;
        return NULL;
    }
    cf->cursor = cf->children;
    return cf->cursor ? cf->cursor->name : NULL;
}

const char *flux_future_next_child (flux_future_t *cf)
{
    if (!cf || cf->init != init_composite) {
        errno = EINVAL;
        return NULL;
    }
    if (cf->cursor)
        cf->cursor = cf->cursor->next;
    return cf->cursor ? cf->cursor->name : NULL;
}

/* Walks along with first_child and next_child in constant time. */
flux_future_t *flux_future_get_child (flux_future_t *cf, const char *name)
{
    if (!cf || !name || cf->init != init_composite) {
        errno = EINVAL;
        return NULL;
    }
    if (cf->cursor && (cf->cursor->name == name || !strcmp (cf->cursor->name, name)))
        return cf->cursor->f;
    for (struct future_child *c = cf->children; c; c = c->next)
        if (!strcmp (c->name, name))
            return c->f;
    errno = ENOENT;
    return NULL;
}
