#include "fluxion/graph/graph.h"
#include "base/hashmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Types that a jobspec may name though no vertex has them. */
static const char *const builtin_types[] = {
    "slot",   "xor_slot", "cluster", "rack", "node",
    "socket", "gpu",      "core",    "ssd",  "storage_node",
};

struct graph *graph_create (void)
{
    struct graph *g = calloc (1, sizeof (*g));

    if (!g)
        return NULL;
    g->root = VTX_NONE;
    g->max_vertices = GRAPH_MAX_VERTICES;
    if (strtab_init (&g->strings) < 0 || strtab_init (&g->types) < 0)
        goto error;
    for (size_t i = 0; i < sizeof (builtin_types) / sizeof (builtin_types[0]); i++) {
        const char *name = builtin_types[i];
        if (graph_type (g, name, strlen (name)) == UINT16_MAX)
            goto error;
    }
    g->t_slot = graph_find_type (g, "slot");
    g->t_xor_slot = graph_find_type (g, "xor_slot");
    g->t_node = graph_find_type (g, "node");
    g->t_core = graph_find_type (g, "core");
    g->t_gpu = graph_find_type (g, "gpu");
    g->t_cluster = graph_find_type (g, "cluster");
    g->t_storage_node = graph_find_type (g, "storage_node");
    return g;
error:
    graph_destroy (g);
    return NULL;
}

static void free_subsystem (struct subsystem *s)
{
    free (s->edge);
    free (s->up);
    free (s->up_first);
}

void graph_destroy (struct graph *g)
{
    int saved = errno;

    if (!g)
        return;
    for (uint32_t i = 0; i < g->nprops; i++)
        free (g->props[i].item);
    free (g->props);
    for (uint32_t i = 0; i < g->nsub; i++)
        free_subsystem (&g->sub[i]);
    free (g->sub);
    free (g->v);
    free (g->edges);
    free (g->by_post);
    free (g->path_slot);
    free (g->up);
    free (g->up_first);
    free (g->below);
    free (g->seen);
    strtab_fini (&g->strings);
    strtab_fini (&g->types);
    free (g);
    errno = saved;
}

static void *dup_array (const void *p, size_t n, size_t size, bool *failed)
{
    if (!p || n == 0)
        return NULL;
    void *copy = malloc (n * size);
    if (!copy)
        *failed = true;
    else
        memcpy (copy, p, n * size);
    return copy;
}

static int copy_strtab (struct strtab *to, const struct strtab *from)
{
    if (strtab_init (to) < 0)
        return -1;
    for (uint32_t i = 1; i < from->count; i++)
        if (strtab_add (to, from->str[i], strlen (from->str[i])) == UINT32_MAX)
            return -1;
    return 0;
}

static int index_parents (const struct graph *g, struct subsystem *s);
static int index_up (struct graph *g);

struct graph *graph_copy (const struct graph *g)
{
    struct graph *c = calloc (1, sizeof (*c));
    bool failed = false;

    if (!c)
        return NULL;
    *c = *g;
    c->path_slot = NULL;
    c->npath_slots = 0;
    c->up = c->up_first = c->below = c->seen = NULL;
    memset (&c->strings, 0, sizeof (c->strings));
    memset (&c->types, 0, sizeof (c->types));
    c->v = dup_array (g->v, g->nv, sizeof (*g->v), &failed);
    c->vcap = g->nv;
    c->edges = dup_array (g->edges, g->nedges, sizeof (*g->edges), &failed);
    c->ecap = g->nedges;
    c->by_post = NULL;
    if (g->ordered)
        c->by_post =
            dup_array (g->by_post, g->nv - g->ngone, sizeof (uint32_t), &failed);
    c->props = dup_array (g->props, g->nprops, sizeof (*g->props), &failed);
    c->propcap = c->props ? g->nprops : 0;
    c->nprops = c->propcap;
    for (uint32_t i = 0; i < c->nprops; i++)
        c->props[i].item = dup_array (g->props[i].item, g->props[i].count,
                                      sizeof (struct property), &failed);
    c->sub = dup_array (g->sub, g->nsub, sizeof (*g->sub), &failed);
    c->nsub = c->sub ? g->nsub : 0;
    for (uint32_t i = 0; i < c->nsub; i++) {
        c->sub[i].edge = dup_array (g->sub[i].edge, g->sub[i].nedges,
                                    sizeof (struct xedge), &failed);
        c->sub[i].cap = g->sub[i].nedges;
        c->sub[i].up = c->sub[i].up_first = NULL;
        if (g->ordered && index_parents (c, &c->sub[i]) < 0)
            failed = true;
    }
    if (g->ordered && c->v && c->edges && index_up (c) < 0)
        failed = true;
    if (copy_strtab (&c->strings, &g->strings) < 0
        || copy_strtab (&c->types, &g->types) < 0 || failed) {
        graph_destroy (c);
        errno = ENOMEM;
        return NULL;
    }
    return c;
}

uint16_t graph_type (struct graph *g, const char *name, size_t len)
{
    uint32_t id = strtab_add (&g->types, name, len);

    if (id == UINT32_MAX)
        return UINT16_MAX;
    if (id >= UINT16_MAX) {
        errno = EOVERFLOW;
        return UINT16_MAX;
    }
    return id;
}

uint16_t graph_find_type (const struct graph *g, const char *name)
{
    uint32_t id = strtab_find (&g->types, name, strlen (name));

    return id >= UINT16_MAX ? UINT16_MAX : id;
}

const char *graph_type_name (const struct graph *g, uint16_t type)
{
    return g->types.str[type];
}

const char *graph_string (const struct graph *g, uint32_t id)
{
    return g->strings.str[id];
}

int graph_reserve_vertices (struct graph *g, uint32_t n)
{
    uint64_t want = (uint64_t)g->nv + n;

    if (want > g->max_vertices) {
        errno = EOVERFLOW;
        return -1;
    }
    if (want <= g->vcap)
        return 0;
    struct vertex *v = realloc (g->v, want * sizeof (*v));
    if (!v)
        return -1;
    g->v = v;
    g->vcap = want;
    return 0;
}

static uint32_t intern (struct graph *g, const char *s)
{
    return s && *s ? strtab_add (&g->strings, s, strlen (s)) : 0;
}

static size_t put_id (char *p, int64_t id);

/* A name that is what basename and id make is not stored. */
static bool name_is_default (const struct vertex_spec *spec)
{
    char id[24] = "";
    size_t len = strlen (spec->basename);

    if (!spec->name)
        return true;
    if (strncmp (spec->name, spec->basename, len) != 0)
        return false;
    if (spec->id != -1)
        put_id (id, spec->id);
    return strcmp (spec->name + len, id) == 0;
}

/* Tables and sets are as large as what is highest in them. */
static bool in_range (const struct graph *g, const struct vertex_spec *spec,
                      uint16_t type)
{
    return spec->rank < (int64_t)GRAPH_MAX_VERTICES && spec->uniq_id < INT64_MAX
           && (spec->id < GRAPH_MAX_VERTICES
               || (type != g->t_core && type != g->t_gpu));
}

uint32_t graph_add_vertex (struct graph *g, const struct vertex_spec *spec)
{
    struct vertex *v;
    uint16_t type = graph_type (g, spec->type, strlen (spec->type));
    uint16_t unit = graph_type (g, spec->unit, strlen (spec->unit));
    uint32_t base = intern (g, spec->basename);
    uint32_t name = name_is_default (spec) ? 0 : intern (g, spec->name);

    if (type == UINT16_MAX || unit == UINT16_MAX || base == UINT32_MAX
        || name == UINT32_MAX)
        return VTX_NONE;
    if (!in_range (g, spec, type)) {
        errno = ERANGE;
        return VTX_NONE;
    }
    if (g->nv == g->vcap
        && graph_reserve_vertices (g, g->vcap ? g->vcap / 2 + 16 : 64) < 0)
        return VTX_NONE;
    v = &g->v[g->nv];
    memset (v, 0, sizeof (*v));
    v->uniq_id = spec->uniq_id;
    v->id = spec->id;
    v->size = spec->size;
    v->name = name;
    v->basename = base;
    v->type = type;
    v->unit = unit;
    v->rank = spec->rank;
    v->parent = VTX_NONE;
    if (spec->uniq_id >= g->next_uniq)
        g->next_uniq = spec->uniq_id + 1;
    g->ordered = false;
    g->generation++;
    return g->nv++;
}

int graph_reserve_children (struct graph *g, uint32_t parent, uint32_t n)
{
    struct vertex *p = &g->v[parent];
    uint64_t cap = (uint64_t)p->nchildren + n;
    uint64_t want;

    if (cap <= p->children_cap)
        return 0;
    /* The last list of the array grows in place. */
    bool last = p->children_cap && p->first + p->children_cap == g->nedges;
    want = (last ? p->first : g->nedges) + cap;
    if (want > UINT32_MAX) {
        errno = EOVERFLOW;
        return -1;
    }
    if (want > g->ecap) {
        uint64_t ecap = want + want / 4 + 64;
        struct edge *e = realloc (g->edges, ecap * sizeof (*e));
        if (!e)
            return -1;
        g->edges = e;
        g->ecap = ecap > UINT32_MAX ? UINT32_MAX : ecap;
    }
    if (!last) {
        if (p->nchildren)
            memcpy (g->edges + g->nedges, g->edges + p->first,
                    p->nchildren * sizeof (*g->edges));
        p->first = g->nedges;
    }
    p->children_cap = cap;
    g->nedges = want;
    return 0;
}

static bool is_ancestor (const struct graph *g, uint32_t above, uint32_t v)
{
    for (; v != VTX_NONE; v = g->v[v].parent)
        if (v == above)
            return true;
    return false;
}

static int add_child (struct graph *g, uint32_t parent, uint32_t child)
{
    struct vertex *p = &g->v[parent];

    if (p->nchildren == p->children_cap
        && graph_reserve_children (g, parent, p->nchildren ? p->nchildren : 1) < 0)
        return -1;
    p = &g->v[parent];
    g->edges[p->first + p->nchildren].child = child;
    g->edges[p->first + p->nchildren].weight = WEIGHT_UNTOUCHED;
    p->nchildren++;
    g->nlive_edges++;
    g->ordered = false;
    g->generation++;
    return 0;
}

int graph_attach (struct graph *g, uint32_t parent, uint32_t child)
{
    if (g->v[child].parent != VTX_NONE || child == g->root) {
        errno = EEXIST;
        return -1;
    }
    if (g->v[child].nchildren ? is_ancestor (g, child, parent) : child == parent) {
        errno = ELOOP;
        return -1;
    }
    if (add_child (g, parent, child) < 0)
        return -1;
    g->v[child].parent = parent;
    g->v[child].at = g->v[parent].nchildren - 1;
    return 0;
}

int graph_attach_also (struct graph *g, uint32_t parent, uint32_t child, bool prefer)
{
    const struct edge *e = graph_children (g, parent);

    if (g->v[child].parent == VTX_NONE && child != g->root)
        return graph_attach (g, parent, child);
    if (child == g->root || child == parent
        || (prefer && is_ancestor (g, child, parent))) {
        errno = ELOOP;
        return -1;
    }
    for (uint32_t i = 0; i < g->v[parent].nchildren; i++)
        if (e[i].child == child) {
            errno = EEXIST;
            return -1;
        }
    if (add_child (g, parent, child) < 0)
        return -1;
    g->nextra++;
    if (prefer) {
        g->v[child].parent = parent;
        g->v[child].at = g->v[parent].nchildren - 1;
    }
    return 0;
}

static void remove_xedges (struct graph *g)
{
    for (uint32_t i = 0; i < g->nsub; i++) {
        struct subsystem *s = &g->sub[i];
        uint32_t n = 0;
        for (uint32_t k = 0; k < s->nedges; k++)
            if (!g->v[s->edge[k].from].gone && !g->v[s->edge[k].to].gone)
                s->edge[n++] = s->edge[k];
        s->nedges = n;
        if (s->root != VTX_NONE && g->v[s->root].gone)
            s->root = VTX_NONE;
    }
}

int graph_remove (struct graph *g, uint32_t v)
{
    uint32_t parent = g->v[v].parent;

    if (parent == VTX_NONE) {
        errno = EINVAL;
        return -1;
    }
    if (g->nextra) { /* what is below v may be elsewhere, too */
        errno = EOPNOTSUPP;
        return -1;
    }
    if (graph_order (g) < 0)
        return -1;
    uint32_t last = g->v[v].post, n = g->v[v].nbelow;
    for (uint32_t i = last - n + 1; i <= last; i++)
        g->v[g->by_post[i]].gone = 1;
    g->ngone += n;
    g->nlive_edges -= n;
    struct vertex *p = &g->v[parent];
    struct edge *e = g->edges + p->first;
    uint32_t i = 0;
    while (e[i].child != v)
        i++;
    memmove (e + i, e + i + 1, (p->nchildren - i - 1) * sizeof (*e));
    p->nchildren--;
    for (; i < p->nchildren; i++)
        g->v[e[i].child].at = i;
    remove_xedges (g);
    g->ordered = false;
    g->generation++;
    return 0;
}

struct subsystem *graph_subsystem (struct graph *g, const char *name, bool create)
{
    for (uint32_t i = 0; i < g->nsub; i++)
        if (strcmp (graph_string (g, g->sub[i].name), name) == 0)
            return &g->sub[i];
    if (!create)
        return NULL;
    struct subsystem *sub = realloc (g->sub, (g->nsub + 1) * sizeof (*sub));
    if (!sub)
        return NULL;
    g->sub = sub;
    memset (&sub[g->nsub], 0, sizeof (*sub));
    sub[g->nsub].root = VTX_NONE;
    sub[g->nsub].name = intern (g, name);
    if (sub[g->nsub].name == UINT32_MAX)
        return NULL;
    return &sub[g->nsub++];
}

int graph_add_xedge (struct graph *g, struct subsystem *s, uint32_t from, uint32_t to)
{
    if (s->nedges >= (uint64_t)g->max_vertices * XEDGES_PER_VERTEX) {
        errno = EOVERFLOW;
        return -1;
    }
    if (s->nedges == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 16;
        struct xedge *e = realloc (s->edge, (size_t)cap * sizeof (*e));
        if (!e)
            return -1;
        s->edge = e;
        s->cap = cap;
    }
    s->edge[s->nedges++] = (struct xedge){ from, to };
    g->ordered = false;
    g->generation++;
    return 0;
}

const char *graph_dominant (const struct graph *g)
{
    return g->dominant ? g->strings.str[g->dominant] : "containment";
}

/* The tree becomes a list of edges, parents in the order of their numbers. */
static int demote (struct graph *g)
{
    struct subsystem *s = graph_subsystem (g, graph_dominant (g), true);

    if (!s)
        return -1;
    s->root = g->root;
    for (uint32_t v = 0; v < g->nv; v++)
        for (uint32_t i = 0; i < g->v[v].nchildren && !g->v[v].gone; i++)
            if (graph_add_xedge (g, s, v, g->edges[g->v[v].first + i].child) < 0)
                return -1;
    for (uint32_t v = 0; v < g->nv; v++) {
        g->v[v].parent = VTX_NONE;
        g->v[v].first = g->v[v].nchildren = g->v[v].children_cap = 0;
    }
    g->nedges = g->nlive_edges = g->nextra = 0;
    return 0;
}

int graph_promote (struct graph *g, const char *name)
{
    struct subsystem *s = graph_subsystem (g, name, false);
    struct subsystem up;
    int rc = 0;

    if (strcmp (name, graph_dominant (g)) == 0)
        return 0;
    if (!s || s->root == VTX_NONE) {
        errno = ENOENT;
        return -1;
    }
    if (demote (g) < 0)
        return -1;
    s = graph_subsystem (g, name, false);
    up = *s;
    memmove (s, s + 1, (g->sub + g->nsub - (s + 1)) * sizeof (*s));
    g->nsub--;
    g->root = up.root;
    g->dominant = up.name;
    for (uint32_t i = 0; i < up.nedges && rc == 0; i++)
        if (up.edge[i].to != g->root
            && graph_attach_also (g, up.edge[i].from, up.edge[i].to, false) < 0
            && errno != EEXIST)
            rc = -1;
    free_subsystem (&up);
    g->ordered = false;
    g->generation++;
    return rc < 0 ? -1 : graph_order (g);
}

int graph_xpath (const struct graph *g, const struct subsystem *s, uint32_t v,
                 char *buf, size_t size)
{
    uint32_t chain[GRAPH_MAX_DEPTH], n = 0;
    char tmp[GRAPH_NAME_MAX];
    size_t at = 0;

    for (; v != s->root && n < GRAPH_MAX_DEPTH - 1; v = s->up[s->up_first[v]]) {
        if (!s->up_first || s->up_first[v] == s->up_first[v + 1]) {
            errno = ENOENT;
            return -1;
        }
        chain[n++] = v;
    }
    if (v != s->root) {
        errno = ENOENT;
        return -1;
    }
    chain[n++] = v;
    while (n > 0) {
        const char *name = graph_name (g, chain[--n], tmp);
        size_t len = strlen (name);
        if (at + len + 2 > size) {
            errno = EOVERFLOW;
            return -1;
        }
        buf[at++] = '/';
        memcpy (buf + at, name, len);
        at += len;
    }
    buf[at] = '\0';
    return 0;
}

#define POST_OPEN (POST_NONE - 1)

/* Iterative depth-first walk; *rank counts up, nbelow is summed on the way back. A vertex
 * with several parents is below the one that it is found from first. */
static int number (struct graph *g)
{
    struct {
        uint32_t v, next;
    } stack[GRAPH_MAX_DEPTH];
    uint32_t depth = 0, rank = 0;

    for (uint32_t v = 0; v < g->nv && g->nextra; v++)
        g->v[v].post = POST_NONE;
    stack[0].v = g->root;
    stack[0].next = 0;
    g->v[g->root].depth = 0;
    g->v[g->root].nbelow = 1;
    for (;;) {
        struct vertex *v = &g->v[stack[depth].v];
        if (stack[depth].next < v->nchildren) {
            uint32_t child = g->edges[v->first + stack[depth].next++].child;
            if (g->nextra && g->v[child].post == POST_OPEN) {
                errno = ELOOP;
                return -1;
            }
            if (g->nextra && g->v[child].post != POST_NONE)
                continue;
            if (depth + 1 == GRAPH_MAX_DEPTH) {
                errno = EOVERFLOW;
                return -1;
            }
            if (g->nextra)
                g->v[child].post = POST_OPEN;
            stack[++depth].v = child;
            stack[depth].next = 0;
            g->v[child].depth = depth;
            g->v[child].nbelow = 1;
            continue;
        }
        v->post = rank;
        g->by_post[rank++] = stack[depth].v;
        if (depth == 0)
            return 0;
        g->v[stack[--depth].v].nbelow += v->nbelow;
    }
}

/* Edges by child, in their order. */
static int index_parents (const struct graph *g, struct subsystem *s)
{
    uint32_t *first = calloc ((size_t)g->nv + 2, sizeof (*first));
    uint32_t *up = malloc (((size_t)s->nedges + 1) * sizeof (*up));

    free (s->up);
    free (s->up_first);
    s->up = up;
    s->up_first = first;
    if (!first || !up)
        return -1;
    for (uint32_t i = 0; i < s->nedges; i++)
        first[s->edge[i].to + 2]++;
    for (uint32_t v = 0; v < g->nv; v++)
        first[v + 2] += first[v + 1];
    for (uint32_t i = 0; i < s->nedges; i++)
        up[first[s->edge[i].to + 1]++] = s->edge[i].from;
    return 0;
}

/* Sums go up every way that there is: 30 pairs of vertices could make a billion. */
#define MAX_WAYS 1024

static int count_ways (struct graph *g)
{
    uint32_t *ways = g->below;

    memset (ways, 0, (size_t)g->nv * sizeof (*ways));
    for (uint32_t i = g->v[g->root].nbelow; i-- > 0;) {
        uint32_t v = g->by_post[i];
        ways[v] += v == g->root;
        for (uint32_t k = g->up_first[v]; k < g->up_first[v + 1]; k++)
            ways[v] += ways[g->up[k]];
        if (ways[v] > MAX_WAYS) {
            errno = EMLINK;
            return -1;
        }
    }
    return 0;
}

/* All parents of the tree, if any vertex has several; and room to walk down. */
static int index_up (struct graph *g)
{
    free (g->up);
    free (g->up_first);
    free (g->below);
    free (g->seen);
    g->up = g->up_first = g->below = g->seen = NULL;
    if (!g->nextra)
        return 0;
    g->up_first = calloc ((size_t)g->nv + 2, sizeof (*g->up_first));
    g->up = malloc (((size_t)g->nlive_edges + 1) * sizeof (*g->up));
    g->below = malloc ((size_t)g->nv * sizeof (*g->below));
    g->seen = calloc (g->nv, sizeof (*g->seen));
    if (!g->up_first || !g->up || !g->below || !g->seen)
        return -1;
    g->stamp = 0;
    for (uint32_t v = 0; v < g->nv; v++)
        for (uint32_t i = 0; i < g->v[v].nchildren && !g->v[v].gone; i++)
            g->up_first[graph_children (g, v)[i].child + 2]++;
    for (uint32_t v = 0; v < g->nv; v++)
        g->up_first[v + 2] += g->up_first[v + 1];
    for (uint32_t v = 0; v < g->nv; v++)
        for (uint32_t i = 0; i < g->v[v].nchildren && !g->v[v].gone; i++)
            g->up[g->up_first[graph_children (g, v)[i].child + 1]++] = v;
    if (count_ways (g) < 0)
        return -1;
    for (uint32_t v = 0; v < g->nv; v++)
        for (uint32_t i = g->up_first[v]; i < g->up_first[v + 1]; i++)
            if (g->up[i] == g->v[v].parent) {
                g->up[i] = g->up[g->up_first[v]];
                g->up[g->up_first[v]] = g->v[v].parent;
            }
    return 0;
}

const uint32_t *graph_parents (const struct graph *g, uint32_t v, uint32_t *n)
{
    if (!g->nextra) {
        *n = g->v[v].parent != VTX_NONE;
        return &g->v[v].parent;
    }
    *n = g->up_first[v + 1] - g->up_first[v];
    return g->up + g->up_first[v];
}

const uint32_t *graph_below (struct graph *g, uint32_t v, uint32_t *n)
{
    if (!g->nextra) {
        *n = g->v[v].nbelow - 1;
        return g->by_post + g->v[v].post - *n;
    }
    if (++g->stamp == 0) {
        memset (g->seen, 0, (size_t)g->nv * sizeof (*g->seen));
        g->stamp = 1;
    }
    *n = 0;
    for (uint32_t at = 0;; v = g->below[at++]) {
        const struct edge *e = graph_children (g, v);
        for (uint32_t i = 0; i < g->v[v].nchildren; i++)
            if (g->seen[e[i].child] != g->stamp) {
                g->seen[e[i].child] = g->stamp;
                g->below[(*n)++] = e[i].child;
            }
        if (at == *n)
            return g->below;
    }
}

/* Vertices of other subsystems alone have no rank, and are as deep as in those. */
static int order_others (struct graph *g)
{
    for (uint32_t i = 0; i < g->nsub; i++)
        if (index_parents (g, &g->sub[i]) < 0)
            return -1;
    for (uint32_t v = 0; v < g->nv && g->nsub; v++) {
        uint32_t top = v;
        if (v == g->root || g->v[v].gone)
            continue;
        while (g->v[top].parent != VTX_NONE)
            top = g->v[top].parent;
        if (top == g->root)
            continue;
        g->v[v].post = POST_NONE;
        g->v[v].nbelow = 1;
        g->v[v].depth = 0;
        for (uint32_t i = 0; i < g->nsub && g->v[v].depth == 0; i++) {
            const struct subsystem *s = &g->sub[i];
            uint32_t u = v;
            while (u != s->root && s->up_first[u] != s->up_first[u + 1]
                   && g->v[v].depth < GRAPH_MAX_DEPTH - 1) {
                u = s->up[s->up_first[u]];
                g->v[v].depth++;
            }
        }
    }
    return 0;
}

int graph_order (struct graph *g)
{
    if (g->ordered || g->root == VTX_NONE)
        return 0;
    uint32_t *by_post = realloc (g->by_post, (size_t)g->nv * sizeof (*by_post));
    if (!by_post)
        return -1;
    g->by_post = by_post;
    if (number (g) < 0 || index_up (g) < 0 || order_others (g) < 0)
        return -1;
    g->ordered = true;
    return 0;
}

uint32_t graph_set_weight (struct graph *g, uint32_t v, uint32_t weight)
{
    const struct vertex *x = &g->v[v];

    struct edge *e = &g->edges[g->v[x->parent].first + x->at];
    uint32_t was = e->weight;

    e->weight = weight;
    return was;
}

static size_t put_id (char *p, int64_t id)
{
    char digits[24];
    size_t n = 0, len = 0;
    uint64_t u = id < 0 ? -(uint64_t)id : (uint64_t)id;

    if (id < 0)
        p[len++] = '-';
    do
        digits[n++] = '0' + u % 10;
    while ((u /= 10));
    while (n > 0)
        p[len++] = digits[--n];
    p[len] = '\0';
    return len;
}

const char *graph_name (const struct graph *g, uint32_t v, char *buf)
{
    const struct vertex *x = &g->v[v];

    if (x->name)
        return g->strings.str[x->name];
    const char *base = g->strings.str[x->basename];
    if (x->id == -1)
        return base;
    size_t len = strnlen (base, GRAPH_NAME_MAX - 24);
    memcpy (buf, base, len);
    put_id (buf + len, x->id);
    return buf;
}

int graph_split_name (const char *name, size_t *len, int64_t *id)
{
    size_t end = strlen (name), n = end;

    while (n > 0 && name[n - 1] >= '0' && name[n - 1] <= '9')
        n--;
    *len = n;
    errno = 0;
    *id = n < end ? strtoll (name + n, NULL, 10) : -1;
    if (errno == ERANGE) {
        errno = EOVERFLOW;
        return -1;
    }
    return 0;
}

int graph_path (const struct graph *g, uint32_t v, char *buf, size_t size)
{
    uint32_t chain[GRAPH_MAX_DEPTH], n = 0;
    char tmp[GRAPH_NAME_MAX];
    size_t at = 0;

    for (; v != VTX_NONE && n < GRAPH_MAX_DEPTH; v = g->v[v].parent)
        chain[n++] = v;
    while (n > 0) {
        const char *name = graph_name (g, chain[--n], tmp);
        size_t len = strlen (name);
        if (at + len + 2 > size) {
            errno = EOVERFLOW;
            return -1;
        }
        buf[at++] = '/';
        memcpy (buf + at, name, len);
        at += len;
    }
    buf[at] = '\0';
    return 0;
}

static uint32_t path_hash (uint32_t parent, const char *name, size_t len)
{
    return hash_bytes (name, len) ^ (parent * 2654435761u);
}

static int build_paths (struct graph *g)
{
    uint32_t n = 64;
    char buf[GRAPH_NAME_MAX];

    while (n < g->nv * 2ull)
        n *= 2;
    uint32_t *slot = calloc (n, sizeof (*slot));
    if (!slot)
        return -1;
    for (uint32_t v = 0; v < g->nv; v++) {
        if (g->v[v].gone || g->v[v].parent == VTX_NONE)
            continue;
        const char *name = graph_name (g, v, buf);
        uint32_t i = path_hash (g->v[v].parent, name, strlen (name)) & (n - 1);
        while (slot[i])
            i = (i + 1) & (n - 1);
        slot[i] = v + 1;
    }
    free (g->path_slot);
    g->path_slot = slot;
    g->npath_slots = n;
    g->path_generation = g->generation;
    return 0;
}

static bool name_is (const struct graph *g, uint32_t v, const char *name, size_t len)
{
    char buf[GRAPH_NAME_MAX];
    const char *have = graph_name (g, v, buf);

    return strlen (have) == len && memcmp (have, name, len) == 0;
}

/* A handful of children is searched; many are hashed. */
uint32_t graph_find_child (struct graph *g, uint32_t parent, const char *name,
                           size_t len)
{
    const struct vertex *p = &g->v[parent];

    if (p->nchildren <= 16 || g->nextra) {
        for (uint32_t i = 0; i < p->nchildren; i++)
            if (name_is (g, g->edges[p->first + i].child, name, len))
                return g->edges[p->first + i].child;
        errno = ENOENT;
        return VTX_NONE;
    }
    if ((!g->path_slot || g->path_generation != g->generation) && build_paths (g) < 0)
        return VTX_NONE;
    uint32_t mask = g->npath_slots - 1;
    uint32_t i = path_hash (parent, name, len) & mask;
    for (; g->path_slot[i]; i = (i + 1) & mask) {
        uint32_t v = g->path_slot[i] - 1;
        if (g->v[v].parent == parent && name_is (g, v, name, len))
            return v;
    }
    errno = ENOENT;
    return VTX_NONE;
}

/* Paths of other subsystems are rare: whoever has the name at the end is tried. */
static uint32_t find_xpath (struct graph *g, const char *path)
{
    char buf[GRAPH_NAME_MAX * 4];
    const char *name = strrchr (path, '/') + 1;

    if (graph_order (g) < 0)
        return VTX_NONE;
    for (uint32_t i = 0; i < g->nsub; i++)
        for (uint32_t v = 0; v < g->nv; v++)
            if (!g->v[v].gone && name_is (g, v, name, strlen (name))
                && graph_xpath (g, &g->sub[i], v, buf, sizeof (buf)) == 0
                && strcmp (buf, path) == 0)
                return v;
    errno = ENOENT;
    return VTX_NONE;
}

static uint32_t find_tree_path (struct graph *g, const char *path)
{
    uint32_t v = VTX_NONE;

    errno = ENOENT;
    if (*path != '/' || g->root == VTX_NONE)
        return VTX_NONE;
    while (*path == '/') {
        const char *name = ++path;
        size_t len = strcspn (name, "/");
        path += len;
        if (v == VTX_NONE)
            v = name_is (g, g->root, name, len) ? g->root : VTX_NONE;
        else
            v = graph_find_child (g, v, name, len);
        if (v == VTX_NONE) {
            errno = ENOENT;
            return VTX_NONE;
        }
    }
    return v;
}

uint32_t graph_find_path (struct graph *g, const char *path)
{
    uint32_t v = find_tree_path (g, path);

    return v == VTX_NONE && g->nsub && *path == '/' ? find_xpath (g, path) : v;
}

uint32_t graph_next_of_path (struct graph *g, const char *path, uint32_t after)
{
    char buf[GRAPH_NAME_MAX * 8];
    const char *name = strrchr (path, '/');
    uint32_t v = after == VTX_NONE ? 0 : after + 1;

    for (; name && v < g->nv; v++)
        if (!g->v[v].gone && name_is (g, v, name + 1, strlen (name + 1))
            && graph_path (g, v, buf, sizeof (buf)) == 0 && strcmp (buf, path) == 0)
            return v;
    errno = ENOENT;
    return VTX_NONE;
}

const struct properties *graph_properties (const struct graph *g, uint32_t v)
{
    static const struct properties none = { 0, NULL };

    return g->v[v].props ? &g->props[g->v[v].props - 1] : &none;
}

/* Index of the key, or where it belongs. */
static uint32_t find_property (const struct graph *g, const struct properties *p,
                               const char *key, bool *found)
{
    uint32_t i = 0;
    int cmp = 1;

    while (i < p->count && (cmp = strcmp (graph_string (g, p->item[i].key), key)) < 0)
        i++;
    *found = i < p->count && cmp == 0;
    return i;
}

static struct properties *own_properties (struct graph *g, uint32_t v)
{
    if (g->v[v].props)
        return &g->props[g->v[v].props - 1];
    if (g->nprops == g->propcap) {
        uint32_t cap = g->propcap ? g->propcap * 2 : 16;
        struct properties *p = realloc (g->props, cap * sizeof (*p));
        if (!p)
            return NULL;
        g->props = p;
        g->propcap = cap;
    }
    g->props[g->nprops] = (struct properties){ 0, NULL };
    g->v[v].props = ++g->nprops;
    return &g->props[g->nprops - 1];
}

int graph_set_property (struct graph *g, uint32_t v, const char *key, const char *value)
{
    struct properties *p = own_properties (g, v);
    uint32_t k = intern (g, key), val = intern (g, value);
    bool found;

    if (!p || k == UINT32_MAX || val == UINT32_MAX)
        return -1;
    uint32_t i = find_property (g, p, key, &found);
    if (found) {
        p->item[i].value = val;
        return 0;
    }
    struct property *item = realloc (p->item, (p->count + 1) * sizeof (*item));
    if (!item)
        return -1;
    p->item = item;
    memmove (item + i + 1, item + i, (p->count - i) * sizeof (*item));
    item[i] = (struct property){ k, val };
    p->count++;
    return 0;
}

int graph_remove_property (struct graph *g, uint32_t v, const char *key)
{
    bool found = false;
    uint32_t i = 0;
    struct properties *p = NULL;

    if (g->v[v].props) {
        p = &g->props[g->v[v].props - 1];
        i = find_property (g, p, key, &found);
    }
    if (!found) {
        errno = ENOENT;
        return -1;
    }
    p->count--;
    memmove (p->item + i, p->item + i + 1, (p->count - i) * sizeof (*p->item));
    return 0;
}

const struct property *graph_get_property (const struct graph *g, uint32_t v,
                                           const char *key)
{
    const struct properties *p = graph_properties (g, v);
    bool found;
    uint32_t i = find_property (g, p, key, &found);

    return found ? &p->item[i] : NULL;
}

uint32_t graph_vertex_count (const struct graph *g)
{
    return g->nv - g->ngone;
}

uint32_t graph_edge_count (const struct graph *g)
{
    uint32_t n = g->nlive_edges;

    for (uint32_t i = 0; i < g->nsub; i++)
        n += g->sub[i].nedges;
    return n;
}
