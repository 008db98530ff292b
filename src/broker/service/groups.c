#include "broker/service/groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"

struct group {
    struct idset *members;
    struct idset *set;   /* not yet told to the parent */
    struct idset *clear; /* disjoint from set */
    struct hashmap *clients;
};

struct groups {
    int size;
    bool dirty;
    struct hashmap *by_name;
};

static void group_destroy (void *arg)
{
    struct group *grp = arg;

    if (grp) {
        idset_destroy (grp->members);
        idset_destroy (grp->set);
        idset_destroy (grp->clear);
        hashmap_destroy (grp->clients);
        free (grp);
    }
}

static struct group *group_create (int size)
{
    struct group *grp = calloc (1, sizeof (*grp));

    if (!grp || !(grp->members = idset_create (size, 0))
        || !(grp->set = idset_create (size, 0))
        || !(grp->clear = idset_create (size, 0))
        || !(grp->clients = hashmap_create (NULL))) {
        group_destroy (grp);
        return NULL;
    }
    return grp;
}

struct groups *groups_create (int size)
{
    struct groups *g = calloc (1, sizeof (*g));

    if (!g || !(g->by_name = hashmap_create (group_destroy))) {
        free (g);
        return NULL;
    }
    g->size = size;
    return g;
}

void groups_destroy (struct groups *g)
{
    if (g) {
        hashmap_destroy (g->by_name);
        free (g);
    }
}

static struct group *find_or_create (struct groups *g, const char *name)
{
    struct group *grp = hashmap_lookup (g->by_name, name);

    if (!grp && (grp = group_create (g->size))
        && hashmap_insert (g->by_name, name, grp) < 0) {
        group_destroy (grp);
        grp = NULL;
    }
    return grp;
}

static void set_rank (struct groups *g, struct group *grp, unsigned int rank)
{
    if (rank < (unsigned int)g->size && !idset_test (grp->members, rank)) {
        idset_set (grp->members, rank);
        idset_set (grp->set, rank);
        idset_clear (grp->clear, rank);
        g->dirty = true;
    }
}

static void clear_rank (struct groups *g, struct group *grp, unsigned int rank)
{
    if (rank < (unsigned int)g->size && idset_test (grp->members, rank)) {
        idset_clear (grp->members, rank);
        idset_clear (grp->set, rank);
        idset_set (grp->clear, rank);
        g->dirty = true;
    }
}

static int check_new (const struct groups *g, const char *name)
{
    if (strlen (name) > GROUPS_NAME_MAX)
        errno = ENAMETOOLONG;
    else if (hashmap_count (g->by_name) >= GROUPS_MAX)
        errno = ENOSPC;
    else
        return 0;
    return -1;
}

int groups_join (struct groups *g, const char *name, const char *client, int rank)
{
    struct group *grp;

    if ((!hashmap_lookup (g->by_name, name) && check_new (g, name) < 0)
        || !(grp = find_or_create (g, name)))
        return -1;
    if (hashmap_lookup (grp->clients, client)) {
        errno = EEXIST;
        return -1;
    }
    if (hashmap_insert (grp->clients, client, grp) < 0)
        return -1;
    set_rank (g, grp, rank);
    return 0;
}

static int leave (struct groups *g, struct group *grp, const char *client, int rank)
{
    if (!hashmap_remove (grp->clients, client)) {
        errno = ENOENT;
        return -1;
    }
    if (hashmap_count (grp->clients) == 0)
        clear_rank (g, grp, rank);
    return 0;
}

int groups_leave (struct groups *g, const char *name, const char *client, int rank)
{
    struct group *grp = hashmap_lookup (g->by_name, name);

    if (!grp) {
        errno = ENOENT;
        return -1;
    }
    return leave (g, grp, client, rank);
}

void groups_disconnect (struct groups *g, const char *client, int rank)
{
    size_t pos = 0;
    void *grp;

    while (hashmap_next (g->by_name, &pos, NULL, &grp))
        (void)leave (g, grp, client, rank);
}

int groups_set (struct groups *g, const char *name, const struct idset *ranks)
{
    struct group *grp = find_or_create (g, name);

    if (!grp)
        return -1;
    for (unsigned int r = idset_first (ranks); r != IDSET_INVALID_ID;
         r = idset_next (ranks, r))
        set_rank (g, grp, r);
    return 0;
}

static void clear_ranks (struct groups *g, struct group *grp, const struct idset *ranks)
{
    for (unsigned int r = idset_first (ranks); r != IDSET_INVALID_ID;
         r = idset_next (ranks, r))
        clear_rank (g, grp, r);
}

int groups_clear (struct groups *g, const char *name, const struct idset *ranks)
{
    struct group *grp = find_or_create (g, name);

    if (!grp)
        return -1;
    clear_ranks (g, grp, ranks);
    return 0;
}

void groups_clear_all (struct groups *g, const struct idset *ranks)
{
    size_t pos = 0;
    void *grp;

    while (hashmap_next (g->by_name, &pos, NULL, &grp))
        clear_ranks (g, grp, ranks);
}

/* Moves the ids into o[key] as RFC 22 text. */
static void take_ids (json_t *o, const char *key, struct idset *ids)
{
    char *s = idset_encode (ids, IDSET_FLAG_RANGE);

    if (s && *s)
        json_object_set_new (o, key, json_string (s));
    free (s);
    idset_clear_all (ids);
}

/* The broker's own are always there. */
static bool is_over (const struct group *grp, const char *name)
{
    return idset_empty (grp->members) && hashmap_count (grp->clients) == 0
           && strncmp (name, "broker.", 7) != 0;
}

json_t *groups_take_update (struct groups *g)
{
    json_t *update;
    const char *name;
    size_t pos = 0;
    void *value;

    if (!g->dirty || !(update = json_object ()))
        return NULL;
    while (hashmap_next (g->by_name, &pos, &name, &value)) {
        struct group *grp = value;
        json_t *o;

        if (idset_empty (grp->set) && idset_empty (grp->clear))
            continue;
        o = json_object ();
        take_ids (o, "set", grp->set);
        take_ids (o, "clear", grp->clear);
        json_object_set_new (update, name, o);
        if (is_over (grp, name))
            hashmap_remove (g->by_name, name);
    }
    g->dirty = false;
    return update;
}

json_t *groups_all (const struct groups *g)
{
    json_t *update = json_object ();
    const char *name;
    size_t pos = 0;
    void *value;

    while (update && hashmap_next (g->by_name, &pos, &name, &value)) {
        struct group *grp = value;
        char *s = idset_encode (grp->members, IDSET_FLAG_RANGE);

        if (s && *s)
            json_object_set_new (update, name, json_pack ("{s:s}", "set", s));
        free (s);
    }
    return update;
}

static int apply (struct groups *g, const char *name, json_t *o, const char *key,
                  const struct idset *except,
                  int (*fn) (struct groups *, const char *, const struct idset *))
{
    const char *s = json_string_value (json_object_get (o, key));
    struct idset *ids;
    int rc;

    if (!s)
        return 0;
    if (!(ids = idset_decode (s))) {
        errno = EPROTO;
        return -1;
    }
    if (except && idset_subtract (ids, except) < 0)
        rc = -1;
    else
        rc = fn (g, name, ids);
    idset_destroy (ids);
    return rc;
}

static bool is_ids (json_t *o)
{
    struct idset *ids =
        json_is_string (o) ? idset_decode (json_string_value (o)) : NULL;

    idset_destroy (ids);
    return ids;
}

/* A part of an update would leave ranks that nobody takes back. */
static bool is_update (json_t *update)
{
    const char *name;
    json_t *o, *ids;

    if (!json_is_object (update))
        return false;
    json_object_foreach (update, name, o) {
        if (!json_is_object (o) || ((ids = json_object_get (o, "set")) && !is_ids (ids))
            || ((ids = json_object_get (o, "clear")) && !is_ids (ids)))
            return false;
    }
    return true;
}

int groups_apply_update (struct groups *g, json_t *update, const struct idset *except)
{
    const char *name;
    json_t *o;

    if (!is_update (update)) {
        errno = EPROTO;
        return -1;
    }
    json_object_foreach (update, name, o) {
        if (apply (g, name, o, "clear", except, groups_clear) < 0
            || apply (g, name, o, "set", except, groups_set) < 0)
            return -1;
    }
    return 0;
}

const struct idset *groups_members (const struct groups *g, const char *name)
{
    struct group *grp = hashmap_lookup (g->by_name, name);

    return grp ? grp->members : NULL;
}
