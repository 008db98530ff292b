#include "broker/routing/topology.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct node {
    int parent;
    int level;
    int descendants;
    int child_count;
    int first_child; /* index into children */
};

struct topology {
    int size;
    int maxlevel;
    int *children; /* of all nodes, grouped by parent, in rank order */
    struct node nodes[];
};

/* Levels and descendants from the parents. False if there is a cycle. A rank's
 * parent may have any number, so each walk goes up to a known level. */
static bool compute (struct topology *t)
{
    for (int r = 1; r < t->size; r++)
        t->nodes[r].level = -1;
    for (int r = 1; r < t->size; r++) {
        int steps = 0, level, p;

        for (p = r; t->nodes[p].level < 0; p = t->nodes[p].parent)
            if (++steps > t->size)
                return false;
        level = t->nodes[p].level + steps;
        for (p = r; t->nodes[p].level < 0; p = t->nodes[p].parent)
            t->nodes[p].level = level--;
        if (t->nodes[r].level > t->maxlevel)
            t->maxlevel = t->nodes[r].level;
    }
    for (int r = 1; r < t->size; r++) {
        t->nodes[t->nodes[r].parent].child_count++;
        for (int p = t->nodes[r].parent; p >= 0; p = t->nodes[p].parent)
            t->nodes[p].descendants++;
    }
    for (int r = 0, at = 0; r < t->size; r++) {
        t->nodes[r].first_child = at;
        at += t->nodes[r].child_count;
        t->nodes[r].child_count = 0;
    }
    for (int r = 1; r < t->size; r++) {
        struct node *p = &t->nodes[t->nodes[r].parent];

        t->children[p->first_child + p->child_count++] = r;
    }
    return true;
}

struct topology *topology_create_custom (const int *parents, int size,
                                         flux_error_t *error)
{
    struct topology *t;

    if (size < 1)
        return error_null (error, EINVAL, "topology of %d brokers is impossible", size);
    t = calloc (1, sizeof (*t) + size * sizeof (t->nodes[0]));
    if (!t || !(t->children = calloc (size, sizeof (int)))) {
        free (t);
        return NULL;
    }
    t->size = size;
    t->nodes[0].parent = TOPOLOGY_NONE;
    for (int r = 1; r < size; r++) {
        if (parents[r] < 0 || parents[r] >= size || parents[r] == r) {
            topology_destroy (t);
            return error_null (error, EINVAL, "topology: rank %d cannot have parent %d",
                               r, parents[r]);
        }
        t->nodes[r].parent = parents[r];
    }
    if (!compute (t)) {
        topology_destroy (t);
        return error_null (error, EINVAL, "topology: the parents form a cycle");
    }
    return t;
}

void topology_destroy (struct topology *t)
{
    int saved_errno = errno;

    if (t) {
        free (t->children);
        free (t);
    }
    errno = saved_errno;
}

static int kary_parent (int k, int rank)
{
    return k == 0 ? 0 : (rank - 1) / k;
}

/* Clears the lowest set bit: 0 has the children 1, 2, 4, ... */
static int binomial_parent (int k, int rank)
{
    return rank & (rank - 1);
}

/* Height of at most 3: k routers below the root, and leaves spread evenly in
 * blocks over the routers. k = 0: as few routers as a fanout of 1024 allows,
 * none if the root can hold all. */
static int mincrit_routers (int k, int size)
{
    if (k == 0)
        k = size - 1 <= 1024 ? 0 : (size - 1 + 1024) / 1025;
    return k >= size - 1 ? 0 : k;
}

static int mincrit_parent (int routers, int size, int rank)
{
    int leaves = size - 1 - routers;

    if (routers == 0 || rank <= routers)
        return 0;
    return 1 + (int)((long long)(rank - 1 - routers) * routers / leaves);
}

static bool parse_arg (const char *s, int *k)
{
    char *end;
    long n = strtol (s, &end, 10);

    if (end == s || *end != '\0' || n < 0 || n > 1 << 20)
        return false;
    *k = n;
    return true;
}

static bool prefix (const char *uri, const char *name, const char **arg)
{
    size_t len = strlen (name);

    if (strncmp (uri, name, len) != 0 || (uri[len] != '\0' && uri[len] != ':'))
        return false;
    *arg = uri[len] ? uri + len + 1 : NULL;
    return true;
}

struct topology *topology_create (const char *uri, int size, flux_error_t *error)
{
    struct topology *t;
    const char *arg;
    int *parents;
    int k = 0;
    enum { KARY, MINCRIT, BINOMIAL } type;

    if (prefix (uri, "kary", &arg) && arg)
        type = KARY;
    else if (prefix (uri, "mincrit", &arg))
        type = MINCRIT;
    else if (prefix (uri, "binomial", &arg) && !arg)
        type = BINOMIAL;
    else
        return error_null (error, EINVAL, "tbon.topo: unknown topology '%s'", uri);
    if (arg && !parse_arg (arg, &k))
        return error_null (error, EINVAL, "tbon.topo: '%s' is not a number", arg);
    if (size < 1 || !(parents = calloc (size, sizeof (int))))
        return error_null (error, EINVAL, "topology of %d brokers is impossible", size);
    if (type == MINCRIT)
        k = mincrit_routers (k, size);
    for (int r = 1; r < size; r++) {
        if (type == KARY)
            parents[r] = kary_parent (k, r);
        else if (type == BINOMIAL)
            parents[r] = binomial_parent (k, r);
        else
            parents[r] = mincrit_parent (k, size, r);
    }
    t = topology_create_custom (parents, size, error);
    free (parents);
    return t;
}

int topology_size (const struct topology *t)
{
    return t->size;
}

int topology_parent (const struct topology *t, int rank)
{
    return t->nodes[rank].parent;
}

int topology_child_count (const struct topology *t, int rank)
{
    return t->nodes[rank].child_count;
}

int topology_child (const struct topology *t, int rank, int i)
{
    return t->children[t->nodes[rank].first_child + i];
}

int topology_level (const struct topology *t, int rank)
{
    return t->nodes[rank].level;
}

int topology_maxlevel (const struct topology *t)
{
    return t->maxlevel;
}

int topology_descendants (const struct topology *t, int rank)
{
    return t->nodes[rank].descendants;
}

int topology_next_hop (const struct topology *t, int rank, int target)
{
    if (target < 0 || target >= t->size || rank == target)
        return TOPOLOGY_NONE;
    while (t->nodes[target].level > t->nodes[rank].level + 1)
        target = t->nodes[target].parent;
    return t->nodes[target].parent == rank ? target : TOPOLOGY_NONE;
}

static int add_subtree (const struct topology *t, int rank, struct idset *ids)
{
    if (idset_set (ids, rank) < 0)
        return -1;
    for (int i = 0; i < topology_child_count (t, rank); i++)
        if (add_subtree (t, topology_child (t, rank, i), ids) < 0)
            return -1;
    return 0;
}

struct idset *topology_subtree (const struct topology *t, int rank)
{
    struct idset *ids = idset_create (t->size, 0);

    if (ids && add_subtree (t, rank, ids) < 0) {
        idset_destroy (ids);
        ids = NULL;
    }
    return ids;
}

struct idset *topology_internal (const struct topology *t)
{
    struct idset *ids = idset_create (t->size, 0);

    for (int r = 0; ids && r < t->size; r++) {
        if ((r == 0 || t->nodes[r].child_count > 0) && idset_set (ids, r) < 0) {
            idset_destroy (ids);
            ids = NULL;
        }
    }
    return ids;
}
