/* JGF: loading, growing, and naming vertices of a graph that is there. */
#include "base/error.h"
#include "fluxion/io/jgf.h"
#include "fluxion/io/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool contained (const struct jgf_edge *e)
{
    return e->subsystem == jgf_containment;
}

/* "/cluster0" and not "/cluster0/rack0". */
static bool is_root_path (const char *path)
{
    return path && path[0] == '/' && path[1] && !strchr (path + 1, '/');
}

static int set_properties (struct graph *g, struct jgf_node *n, flux_error_t *error)
{
    const char *key;
    json_t *val;

    if (n->properties && !json_is_object (n->properties)
        && !json_is_null (n->properties))
        return error_invalid (
            error, "fetch_jgf: properties of node %s are not an object", n->key);
    json_object_foreach (n->properties, key, val) {
        char num[32];
        const char *s = json_string_value (val);
        if (json_is_integer (val)) {
            snprintf (num, sizeof (num), "%" JSON_INTEGER_FORMAT,
                      json_integer_value (val));
            s = num;
        }
        if (!s && !json_is_null (val))
            return error_invalid (error,
                                  "fetch_jgf: property %s of node %s is not a string",
                                  key, n->key);
        if (graph_set_property (g, n->v, key, s) < 0)
            return -1;
    }
    return 0;
}

static int add_node (struct graph *g, struct jgf_node *n, flux_error_t *error)
{
    n->v = graph_add_vertex (g, &n->spec);
    if (n->v == VTX_NONE)
        return error_invalid (error, "fetch_jgf: node %s cannot be added: %s", n->key,
                              errno == ERANGE ? "its rank or id is too large"
                                              : strerror (errno));
    g->v[n->v].down = n->down;
    return set_properties (g, n, error);
}

/* Nodes that are in none of the subsystems that are read are left out. */
static bool left_out (const struct jgf_node *n, const struct read_options *opt)
{
    const char *name;
    json_t *val;

    if (n->path || !n->paths)
        return false;
    json_object_foreach (n->paths, name, val)
        if (read_wants (opt, name))
            return false;
    return true;
}

/* Does the edge go from child to parent, as the paths tell? */
static bool goes_up (const struct jgf *j, const struct jgf_edge *e)
{
    const char *from =
        json_string_value (json_object_get (j->node[e->source].paths, e->subsystem));
    const char *to =
        json_string_value (json_object_get (j->node[e->target].paths, e->subsystem));
    size_t len = to ? strlen (to) : 0;

    return from && to && strncmp (from, to, len) == 0 && from[len] == '/';
}

/* Children lists are sized before they are filled, so that none has to move. */
static int reserve_children (struct graph *g, const struct jgf *j)
{
    uint32_t *count = calloc (j->nnodes + 1, sizeof (*count));
    int rc = 0;

    if (!count)
        return -1;
    for (uint32_t i = 0; i < j->nedges; i++)
        if (contained (&j->edge[i]))
            count[j->edge[i].source]++;
    for (uint32_t i = 0; i < j->nnodes && rc == 0; i++)
        if (count[i] && j->node[i].v != VTX_NONE)
            rc = graph_reserve_children (g, j->node[i].v, count[i]);
    free (count);
    return rc;
}

/* Does the path of a child go through this parent? */
static bool is_path_below (const struct jgf_node *parent, const struct jgf_node *child)
{
    size_t len = parent->path ? strlen (parent->path) : 0;

    return len && child->path && strncmp (child->path, parent->path, len) == 0
           && child->path[len] == '/' && !strchr (child->path + len + 1, '/');
}

static int add_edge (struct graph *g, const struct jgf *j, const struct jgf_edge *e,
                     flux_error_t *error)
{
    uint32_t from = j->node[e->source].v, to = j->node[e->target].v;

    if (!contained (e)) {
        if (from == VTX_NONE || to == VTX_NONE || goes_up (j, e))
            return 0;
        struct subsystem *s = graph_subsystem (g, e->subsystem, true);
        return s ? graph_add_xedge (g, s, from, to) : -1;
    }
    if (from == VTX_NONE || to == VTX_NONE)
        return error_invalid (error, "fetch_jgf: edge %s to %s: a node without a path",
                              j->node[e->source].key, j->node[e->target].key);
    if (g->v[to].parent == from) /* said twice */
        return 0;
    if (graph_attach_also (g, from, to,
                           is_path_below (&j->node[e->source], &j->node[e->target]))
            < 0
        && errno != EEXIST)
        return error_invalid (error, "fetch_jgf: edge %s to %s: %s",
                              j->node[e->source].key, j->node[e->target].key,
                              errno == ELOOP ? "makes a cycle" : strerror (errno));
    return 0;
}

static int find_root (struct graph *g, struct jgf *j, flux_error_t *error)
{
    for (uint32_t i = 0; i < j->nnodes; i++) {
        struct jgf_node *n = &j->node[i];
        if (!is_root_path (n->path))
            continue;
        if (g->root != VTX_NONE)
            return error_invalid (error,
                                  "add_graph_metadata: failed to add root metadata for "
                                  "containment subsystem. Possible duplicate root.");
        g->root = n->v;
    }
    if (g->root == VTX_NONE)
        return error_invalid (error, "fetch_jgf: no node is the root of containment");
    return 0;
}

static int check_parents (struct graph *g, struct jgf *j, flux_error_t *error)
{
    for (uint32_t i = 0; i < j->nnodes; i++) {
        struct jgf_node *n = &j->node[i];
        if (n->path && n->v != g->root && !g->dominant && g->v[n->v].parent == VTX_NONE)
            return error_invalid (error, "fetch_jgf: node %s (%s) has no parent",
                                  n->key, n->path);
    }
    if (graph_order (g) < 0)
        return error_invalid (error,
                              errno == ELOOP    ? "fetch_jgf: the edges make a cycle"
                              : errno == EMLINK ? "fetch_jgf: too many ways to a node"
                                                : "fetch_jgf: more than %d levels",
                              GRAPH_MAX_DEPTH);
    return 0;
}

static void set_subsystem_roots (struct graph *g, const struct jgf *j)
{
    for (uint32_t i = 0; i < j->nnodes; i++) {
        const char *name;
        json_t *val;
        json_object_foreach (j->node[i].paths, name, val) {
            struct subsystem *s = graph_subsystem (g, name, false);
            if (s && is_root_path (json_string_value (val)))
                s->root = j->node[i].v;
        }
    }
}

static int load (struct graph *g, struct jgf *j, const struct read_options *opt,
                 flux_error_t *error)
{
    if (graph_reserve_vertices (g, j->nnodes) < 0)
        return error_invalid (error, "fetch_jgf: too many nodes");
    for (uint32_t i = 0; i < j->nnodes; i++)
        if (left_out (&j->node[i], opt))
            j->node[i].v = VTX_NONE;
        else if (add_node (g, &j->node[i], error) < 0)
            return -1;
    if (find_root (g, j, error) < 0 || reserve_children (g, j) < 0)
        return -1;
    for (uint32_t i = 0; i < j->nedges; i++)
        if ((contained (&j->edge[i]) || read_wants (opt, j->edge[i].subsystem))
            && add_edge (g, j, &j->edge[i], error) < 0)
            return -1;
    set_subsystem_roots (g, j);
    return check_parents (g, j, error);
}

int fluxion_read_jgf (struct graph *g, const char *text, size_t len,
                      const struct read_options *opt, flux_error_t *error)
{
    struct jgf j;

    if (jgf_parse (&j, text, len, error) < 0)
        return -1;
    int rc = load (g, &j, opt, error);
    jgf_fini (&j);
    return rc;
}

/* Growth is tried on a copy. */
static int grow (struct graph *g, struct jgf *j, flux_error_t *error)
{
    uint32_t was = g->nv;

    for (uint32_t i = 0; i < j->nnodes; i++) {
        struct jgf_node *n = &j->node[i];
        uint32_t v = n->path ? graph_find_path (g, n->path) : VTX_NONE;
        if (v != VTX_NONE && g->v[v].rank == n->spec.rank)
            n->v = v;
        else if (is_root_path (n->path))
            return error_invalid (error,
                                  "add_graph_metadata: failed to add root metadata for "
                                  "containment subsystem. Possible duplicate root.");
        else
            n->v = VTX_NONE;
    }
    for (uint32_t i = 0; i < j->nnodes; i++)
        if (j->node[i].v == VTX_NONE && add_node (g, &j->node[i], error) < 0)
            return -1;
    for (uint32_t i = 0; i < j->nedges; i++) {
        const struct jgf_edge *e = &j->edge[i];
        if (j->node[e->source].v < was && j->node[e->target].v < was)
            continue;
        if (add_edge (g, j, e, error) < 0)
            return -1;
    }
    return check_parents (g, j, error);
}

int fluxion_grow_parsed (struct graph *g, struct jgf *j, flux_error_t *error)
{
    struct graph *copy = graph_copy (g);
    int rc;

    if (!copy)
        return -1;
    if ((rc = grow (copy, j, error)) == 0) {
        struct graph was = *g;
        *g = *copy;
        *copy = was;
    }
    graph_destroy (copy);
    return rc;
}

int fluxion_grow_jgf (struct graph *g, const char *text, size_t len,
                      flux_error_t *error)
{
    struct jgf j;

    if (jgf_parse (&j, text, len, error) < 0)
        return -1;
    int rc = fluxion_grow_parsed (g, &j, error);
    jgf_fini (&j);
    return rc;
}

void picks_fini (struct picks *p)
{
    free (p->item);
    memset (p, 0, sizeof (*p));
}

int picks_add (struct picks *p, uint32_t v, bool exclusive, int64_t size)
{
    if (p->count == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 16;
        struct picked *item = realloc (p->item, (size_t)cap * sizeof (*item));
        if (!item)
            return -1;
        p->item = item;
        p->cap = cap;
    }
    p->item[p->count++] = (struct picked){ v, exclusive, size };
    return 0;
}

static bool same_vertex (const struct graph *g, uint32_t v, const struct vertex_spec *s)
{
    const struct vertex *x = &g->v[v];
    char buf[GRAPH_NAME_MAX];

    return strcmp (graph_type_name (g, x->type), s->type) == 0
           && strcmp (graph_string (g, x->basename), s->basename) == 0
           && x->rank == s->rank && x->id == s->id
           && (!s->name || strcmp (graph_name (g, v, buf), s->name) == 0);
}

static int pick_subtree (struct graph *g, uint32_t v, struct picks *p)
{
    if (graph_order (g) < 0)
        return -1;
    if (g->v[v].post == POST_NONE)
        return 0;
    uint32_t n;
    const uint32_t *below = graph_below (g, v, &n);
    for (uint32_t i = 0; i < n; i++)
        if (picks_add (p, below[i], true, g->v[below[i]].size) < 0)
            return -1;
    return 0;
}

static bool given_back (const struct graph *g, uint32_t v, const struct jgf *j)
{
    while (v != VTX_NONE && g->v[v].rank < 0)
        v = g->v[v].parent;
    return v != VTX_NONE && idset_test (j->free_ranks, g->v[v].rank);
}

int fluxion_pick_jgf_parsed (struct graph *g, const struct jgf *j, bool strict,
                             bool shorthand, struct picks *p, flux_error_t *error)
{
    int rc = 0;

    for (uint32_t i = 0; i < j->nnodes && rc == 0; i++) {
        const struct jgf_node *n = &j->node[i];
        uint32_t v = n->path ? graph_find_path (g, n->path) : VTX_NONE;
        if (v == VTX_NONE)
            rc = error_invalid (error,
                                "inconsistent input vertex for %s (id=%s): not found",
                                n->path ? n->path : "(no path)", n->key);
        else if (strict && !same_vertex (g, v, &n->spec))
            rc = error_invalid (error, "inconsistent input vertex for %s (id=%s)",
                                n->path, n->key);
        else if (j->free_ranks && given_back (g, v, j))
            continue;
        else
            rc = picks_add (p, v, n->exclusive, n->spec.size);
        if (rc == 0 && n->exclusive && (shorthand || j->shorthand))
            rc = pick_subtree (g, v, p);
    }
    return rc;
}

static int pick (struct graph *g, const char *text, size_t len, bool strict,
                 bool shorthand, struct picks *p, flux_error_t *error)
{
    struct jgf j;

    if (jgf_parse (&j, text, len, error) < 0)
        return -1;
    int rc = fluxion_pick_jgf_parsed (g, &j, strict, shorthand, p, error);
    jgf_fini (&j);
    return rc;
}

int fluxion_pick_jgf (struct graph *g, const char *text, size_t len, bool strict,
                      struct picks *p, flux_error_t *error)
{
    return pick (g, text, len, strict, false, p, error);
}

int fluxion_pick_shorthand (struct graph *g, const char *text, size_t len, bool strict,
                            struct picks *p, flux_error_t *error)
{
    return pick (g, text, len, strict, true, p, error);
}
