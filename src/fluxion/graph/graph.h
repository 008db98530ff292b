/* The resource graph: topology and properties, no allocations.
 *
 * Vertices are numbers into one array; strings are interned; the children of a
 * vertex are contiguous, in the order in which they were added. The containment
 * subsystem is a tree, as a rule; where a vertex has several parents, one of them is
 * `parent`, which its path goes through, and `up` tells all. Other subsystems are lists
 * of edges over the same vertices. */
#ifndef FLUXION_GRAPH_H
#define FLUXION_GRAPH_H

#include <flux/types.h>

#define VTX_NONE UINT32_MAX
#define POST_NONE UINT32_MAX
#define GRAPH_MAX_VERTICES (1u << 24)
#define GRAPH_MAX_DEPTH 64
/* Of the edges of a subsystem, for each vertex that a graph may have. */
#define XEDGES_PER_VERTEX 32

/* Interned strings; id 0 is "". */
struct strtab {
    char **str;
    uint32_t *slot; /* open addressing: id + 1 */
    uint32_t count, cap, nslots;
};
int strtab_init (struct strtab *t);
void strtab_fini (struct strtab *t);
/* The id, or UINT32_MAX with ENOMEM. */
uint32_t strtab_add (struct strtab *t, const char *s, size_t len);
/* UINT32_MAX if the string was never added. */
uint32_t strtab_find (const struct strtab *t, const char *s, size_t len);

struct property {
    uint32_t key, value; /* interned; value 0: none */
};
/* Sorted by key text. */
struct properties {
    uint32_t count;
    struct property *item;
};

struct vertex {
    int64_t uniq_id;
    int64_t id; /* -1: none */
    int64_t size;
    uint32_t name; /* interned; 0: basename + id */
    uint32_t basename;
    uint32_t parent; /* in containment; VTX_NONE: the root */
    uint32_t first;  /* children are g->edges[first .. first + nchildren) */
    uint32_t nchildren;
    uint32_t children_cap;
    uint32_t post;   /* post-order rank, see graph_order; POST_NONE: not in the tree */
    uint32_t at;     /* index among the children of the parent */
    uint32_t nbelow; /* vertices of the subtree, itself included */
    int32_t rank;    /* broker rank, -1: none */
    uint32_t props;  /* index + 1 of g->props, 0: none */
    uint16_t type;
    uint16_t unit; /* interned in types' table */
    uint8_t depth; /* the root: 0 */
    uint8_t down;
    uint8_t gone; /* removed: not reachable any more */
};

/* A containment edge from parent to child. The weight orders visits under the
 * policy `first`: untouched edges are the heaviest. */
struct edge {
    uint32_t child;
    uint32_t weight;
};
#define WEIGHT_UNTOUCHED UINT32_MAX

/* An edge of another subsystem. */
struct xedge {
    uint32_t from, to;
};
struct subsystem {
    uint32_t name; /* interned in strings */
    uint32_t root;
    struct xedge *edge; /* in the order of the file */
    uint32_t nedges, cap;
    /* Made by graph_order: the parents of v are up[up_first[v] .. up_first[v + 1]). */
    uint32_t *up, *up_first;
};

struct graph {
    struct strtab strings;
    struct strtab types; /* type and unit names; ids fit 16 bits */
    struct vertex *v;
    uint32_t nv, vcap;
    uint32_t ngone;
    struct edge *edges;
    uint32_t nedges, ecap; /* with holes left by vertices that grew */
    uint32_t nlive_edges;
    uint32_t nextra; /* of them, to vertices that have another parent, too */
    /* Made by graph_order if there are any: the parents of v are up[up_first[v] ..
     * up_first[v + 1]); and room for graph_below. */
    uint32_t *up, *up_first, *below, *seen, stamp;
    struct properties *props;
    uint32_t nprops, propcap;
    struct subsystem *sub; /* other than containment */
    uint32_t nsub;
    uint32_t root;     /* VTX_NONE: empty */
    uint32_t dominant; /* name of the subsystem that is the tree; 0: containment */
    uint32_t *by_post; /* vertex of each post-order rank */
    bool ordered;
    uint64_t generation; /* changes with each change of topology */
    /* (parent, name) -> child, and rank -> vertices, built on demand */
    uint32_t *path_slot;
    uint32_t npath_slots;
    uint64_t path_generation;
    int64_t next_uniq;
    uint32_t max_vertices; /* GRAPH_MAX_VERTICES unless set lower */
    /* types that occur often enough to have a name of their own in code */
    uint16_t t_node, t_core, t_gpu, t_cluster, t_slot, t_xor_slot, t_storage_node;
};

struct graph *graph_create (void);
void graph_destroy (struct graph *g);
struct graph *graph_copy (const struct graph *g);

/* UINT16_MAX with ENOMEM or EOVERFLOW. */
uint16_t graph_type (struct graph *g, const char *name, size_t len);
/* UINT16_MAX: no vertex and no builtin has this type. */
uint16_t graph_find_type (const struct graph *g, const char *name);
const char *graph_type_name (const struct graph *g, uint16_t type);
const char *graph_string (const struct graph *g, uint32_t id);

struct vertex_spec {
    const char *type, *basename, *name, *unit; /* name NULL: basename + id */
    int64_t id, uniq_id, size;
    int32_t rank;
};
/* A vertex without a parent; the first one added so is the root once
 * graph_attach has never been called on it. VTX_NONE with errno; ERANGE: a rank, or the id
 * of a core or GPU, that no set of them can hold. */
uint32_t graph_add_vertex (struct graph *g, const struct vertex_spec *spec);
/* Containment edge; EEXIST if the child has a parent, ELOOP on a cycle. */
int graph_attach (struct graph *g, uint32_t parent, uint32_t child);
/* The same for a child that may have other parents. prefer: its path goes through this
 * one. EEXIST: the edge is there. A cycle is found by graph_order. */
int graph_attach_also (struct graph *g, uint32_t parent, uint32_t child, bool prefer);
/* Room for n more children of the parent, so that they stay contiguous. */
int graph_reserve_children (struct graph *g, uint32_t parent, uint32_t n);
int graph_reserve_vertices (struct graph *g, uint32_t n);
/* Unlink a vertex and all below; their numbers stay unused. */
int graph_remove (struct graph *g, uint32_t v);
struct subsystem *graph_subsystem (struct graph *g, const char *name, bool create);
int graph_add_xedge (struct graph *g, struct subsystem *s, uint32_t from, uint32_t to);
/* Make another subsystem the tree that matches go down; the one that was becomes a
 * list of edges. Of several parents the first counts. ENOENT: there is none, or it
 * has no root; ELOOP. */
int graph_promote (struct graph *g, const char *name);
/* The name of the subsystem that is the tree. */
const char *graph_dominant (const struct graph *g);
/* "/power0/pdu1" in another subsystem; -1 with ENOENT if v is not in it. After
 * graph_order. */
int graph_xpath (const struct graph *g, const struct subsystem *s, uint32_t v,
                 char *buf, size_t len);

/* Number the vertices in post-order (children in their order); cheap if nothing
 * has changed. In a tree, the subtree of v has the ranks post - nbelow + 1 ... post; in
 * any case a vertex has a lower rank than all of its parents. ELOOP: there is a cycle;
 * EMLINK: there are more than 1024 ways from the root to a vertex. */
int graph_order (struct graph *g);
/* All that is below v, each vertex once, in no order; borrowed until the next call. After
 * graph_order; v has to be in the tree. */
const uint32_t *graph_below (struct graph *g, uint32_t v, uint32_t *n);
/* The parents of v in the tree, `parent` first; borrowed. After graph_order. */
const uint32_t *graph_parents (const struct graph *g, uint32_t v, uint32_t *n);

/* Of the edge to v from its parent; returns what it was. */
uint32_t graph_set_weight (struct graph *g, uint32_t v, uint32_t weight);

/* Of v; may be NULL if there are none. */
static inline const struct edge *graph_children (const struct graph *g, uint32_t v)
{
    return g->edges ? g->edges + g->v[v].first : NULL;
}

#define GRAPH_NAME_MAX 512
/* "corona263" is basename corona (*len bytes) and id 263; without digits the id is -1.
 * EOVERFLOW: the number does not fit. */
int graph_split_name (const char *name, size_t *len, int64_t *id);
/* The name, maybe composed in buf (GRAPH_NAME_MAX bytes). */
const char *graph_name (const struct graph *g, uint32_t v, char *buf);
/* "/cluster0/rack0/node1" in buf; -1 with EOVERFLOW. */
int graph_path (const struct graph *g, uint32_t v, char *buf, size_t len);
/* In the tree, else in any other subsystem; VTX_NONE with ENOENT. */
uint32_t graph_find_path (struct graph *g, const char *path);
/* Names may be equal: the next vertex after `after` (VTX_NONE: the first) that has the
 * path in the tree; VTX_NONE with ENOENT. Looks at all vertices. */
uint32_t graph_next_of_path (struct graph *g, const char *path, uint32_t after);
uint32_t graph_find_child (struct graph *g, uint32_t parent, const char *name,
                           size_t len);

/* value may be NULL. */
int graph_set_property (struct graph *g, uint32_t v, const char *key,
                        const char *value);
int graph_remove_property (struct graph *g, uint32_t v, const char *key);
/* NULL: the vertex does not have it. */
const struct property *graph_get_property (const struct graph *g, uint32_t v,
                                           const char *key);
const struct properties *graph_properties (const struct graph *g, uint32_t v);

uint32_t graph_vertex_count (const struct graph *g);
uint32_t graph_edge_count (const struct graph *g); /* containment and others */

#endif
