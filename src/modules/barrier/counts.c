#include "counts.h"

#include <errno.h>
#include <flux/core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"

struct barrier {
    int nprocs;
    int count;   /* seen here and below; in all at the root */
    int pending; /* not yet told to the parent */
    bool over;   /* its exit is on its way */
    struct flux_msglist *clients;
    char name[];
};

struct counts {
    bool root;
    struct hashmap *barriers;
};

static void barrier_destroy (void *arg)
{
    struct barrier *b = arg;

    if (b) {
        flux_msglist_destroy (b->clients);
        free (b);
    }
}

struct counts *counts_create (bool root)
{
    struct counts *c = calloc (1, sizeof (*c));

    if (!c || !(c->barriers = hashmap_create (barrier_destroy))) {
        free (c);
        return NULL;
    }
    c->root = root;
    return c;
}

void counts_destroy (struct counts *c)
{
    if (c) {
        hashmap_destroy (c->barriers);
        free (c);
    }
}

static struct barrier *find_or_create (struct counts *c, const char *name, int nprocs)
{
    struct barrier *b = hashmap_lookup (c->barriers, name);

    if (b)
        return b;
    if (hashmap_count (c->barriers) >= BARRIERS_MAX) {
        errno = ENOSPC;
        return NULL;
    }
    if (!(b = calloc (1, sizeof (*b) + strlen (name) + 1)))
        return NULL;
    strcpy (b->name, name);
    b->nprocs = nprocs;
    if (!(b->clients = flux_msglist_create ())
        || hashmap_insert (c->barriers, name, b) < 0) {
        barrier_destroy (b);
        return NULL;
    }
    return b;
}

static enum counts_result add (struct counts *c, struct barrier *b, int count)
{
    if (b->over)
        return COUNTS_WAIT;
    b->count = count > b->nprocs - b->count ? b->nprocs : b->count + count;
    if (c->root) {
        b->over = b->count >= b->nprocs;
        return b->over ? COUNTS_EXIT : COUNTS_WAIT;
    }
    b->pending += count;
    return COUNTS_TELL;
}

/* Names are each user's own: nobody enters, or breaks, a barrier of another. */
static struct barrier *find_for (struct counts *c, const flux_msg_t *msg,
                                 const char *label, int nprocs)
{
    struct barrier *b = NULL;
    uint32_t userid;
    char *key;

    if (flux_msg_get_userid (msg, &userid) < 0
        || asprintf (&key, "%u:%s", userid, label) < 0)
        return NULL;
    b = find_or_create (c, key, nprocs);
    free (key);
    return b;
}

enum counts_result counts_enter (struct counts *c, const flux_msg_t *msg,
                                 const char *label, int nprocs, const char **name)
{
    struct barrier *b;

    if (!*label || nprocs < 1) {
        errno = EPROTO;
        return COUNTS_ERROR;
    }
    if (!(b = find_for (c, msg, label, nprocs)))
        return COUNTS_ERROR;
    if (b->nprocs != nprocs) {
        errno = EINVAL;
        return COUNTS_ERROR;
    }
    if (flux_msglist_append (b->clients, msg) < 0)
        return COUNTS_ERROR;
    *name = b->name;
    return add (c, b, 1);
}

enum counts_result counts_update (struct counts *c, const struct counts_update *u)
{
    struct barrier *b;

    if (!*u->name || u->nprocs < 1 || u->count < 1) {
        errno = EPROTO;
        return COUNTS_ERROR;
    }
    if (!(b = find_or_create (c, u->name, u->nprocs)))
        return COUNTS_ERROR;
    if (b->nprocs == u->nprocs)
        return add (c, b, u->count);
    if (b->over)
        return COUNTS_WAIT;
    b->over = true;
    return COUNTS_ABORT;
}

bool counts_next (struct counts *c, size_t *pos, struct counts_update *u)
{
    void *value;

    while (hashmap_next (c->barriers, pos, NULL, &value)) {
        struct barrier *b = value;
        if (b->pending > 0) {
            *u = (struct counts_update){ b->name, b->nprocs, b->pending };
            b->pending = 0;
            return true;
        }
    }
    return false;
}

bool counts_disconnect (struct counts *c, size_t *pos, const flux_msg_t *msg,
                        const char **name)
{
    void *value;

    while (hashmap_next (c->barriers, pos, NULL, &value)) {
        struct barrier *b = value;
        if (flux_msglist_disconnect (b->clients, msg) > 0 && !b->over) {
            b->over = true;
            b->pending = 0;
            *name = b->name;
            return true;
        }
    }
    return false;
}

struct flux_msglist *counts_exit (struct counts *c, const char *name)
{
    struct barrier *b = hashmap_take (c->barriers, name);
    struct flux_msglist *clients;

    if (!b)
        return NULL;
    clients = b->clients;
    b->clients = NULL;
    barrier_destroy (b);
    return clients;
}
