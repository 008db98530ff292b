/* R of RFC 20 to a graph of cluster0 -> node -> core and gpu (the reader
 * rv1exec), and the vertices that an R names. */
#include "fluxion/io/reader.h"

#include "base/error.h"

#include <errno.h>
#include <flux/hostlist.h>
#include <flux/idset.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* R, taken apart. The members borrow from json. */
struct rv1 {
    json_t *json;
    json_t *R_lite;
    json_t *properties; /* or NULL */
    struct hostlist *hosts;
    struct idset *ranks; /* all, so that the nth rank has the nth host */
    int64_t starttime, expiration;
};

static void rv1_fini (struct rv1 *r)
{
    json_decref (r->json);
    hostlist_destroy (r->hosts);
    idset_destroy (r->ranks);
}

/* A larger id would cost memory without meaning anything. */
static struct idset *decode_ids (json_t *o, const char *what, flux_error_t *error)
{
    const char *s = json_string_value (o);
    idset_error_t e;
    size_t count;
    unsigned int max;
    struct idset *ids;

    if (!s) {
        error_invalid (error, "rv1exec: %s is not a string", what);
        return NULL;
    }
    if (idset_decode_info (s, -1, &count, &max, &e) < 0
        || (count > 0 && max >= GRAPH_MAX_VERTICES) || !(ids = idset_decode (s))) {
        error_invalid (error, "rv1exec: %s '%.60s' is no usable idset", what, s);
        return NULL;
    }
    return ids;
}

static int collect_ranks (struct rv1 *r, flux_error_t *error)
{
    size_t i;
    json_t *entry;

    if (!(r->ranks = idset_create (0, IDSET_FLAG_AUTOGROW)))
        return error_invalid (error, "rv1exec: out of memory");
    json_array_foreach (r->R_lite, i, entry) {
        struct idset *ids = decode_ids (json_object_get (entry, "rank"), "rank", error);
        int rc;

        if (!ids)
            return -1;
        if (idset_has_intersection (r->ranks, ids)) {
            idset_destroy (ids);
            return error_invalid (error, "rv1exec: R_lite[%zu]: a rank is there twice",
                                  i);
        }
        rc = idset_add (r->ranks, ids);
        idset_destroy (ids);
        if (rc < 0)
            return error_invalid (error, "rv1exec: out of memory");
    }
    return 0;
}

static int rv1_init (struct rv1 *r, const char *text, size_t len, flux_error_t *error)
{
    int version;
    json_t *nodelist = NULL, *host;
    double start = 0, end = 0;
    json_error_t e;
    size_t i;

    memset (r, 0, sizeof (*r));
    if (!(r->json = json_loadb (text, len, 0, &e)))
        return error_invalid (error, "rv1exec: line %d: %.100s", e.line, e.text);
    if (json_unpack_ex (r->json, &e, 0, "{s:i s:{s:o s?o s?o s?F s?F}}", "version",
                        &version, "execution", "R_lite", &r->R_lite, "nodelist",
                        &nodelist, "properties", &r->properties, "starttime", &start,
                        "expiration", &end)
        < 0)
        return error_invalid (error, "rv1exec: %.120s", e.text);
    if (version != 1)
        return error_invalid (error, "rv1exec: version %d is not 1", version);
    if (!json_is_array (r->R_lite) || json_array_size (r->R_lite) == 0)
        return error_invalid (error, "rv1exec: execution.R_lite is no array of ranks");
    if (start < 0 || end < 0 || start > 1e15 || end > 1e15)
        return error_invalid (error, "rv1exec: starttime or expiration out of range");
    r->starttime = start;
    r->expiration = end;
    if (!(r->hosts = hostlist_create ()))
        return error_invalid (error, "rv1exec: out of memory");
    json_array_foreach (nodelist, i, host) {
        const char *s = json_string_value (host);
        if (!s || hostlist_append (r->hosts, s) < 0)
            return error_invalid (error, "rv1exec: nodelist[%zu] is no hostlist", i);
    }
    if (collect_ranks (r, error) < 0)
        return -1;
    if (nodelist && (size_t)hostlist_count (r->hosts) != idset_count (r->ranks))
        return error_invalid (error, "rv1exec: nodelist has %d hosts for %zu ranks",
                              hostlist_count (r->hosts), idset_count (r->ranks));
    return 0;
}

static uint32_t add (struct graph *g, uint32_t parent, const struct vertex_spec *spec)
{
    struct vertex_spec s = *spec;
    uint32_t v;

    s.uniq_id = g->next_uniq;
    v = graph_add_vertex (g, &s);
    if (v != VTX_NONE && parent != VTX_NONE && graph_attach (g, parent, v) < 0)
        return VTX_NONE;
    return v;
}

static uint32_t add_node (struct graph *g, uint32_t root, const char *host, int rank)
{
    char basename[GRAPH_NAME_MAX];
    size_t n;
    struct vertex_spec spec = {
        .type = "node", .name = host, .unit = "", .id = -1, .size = 1, .rank = rank
    };

    if (graph_split_name (host, &n, &spec.id) < 0)
        return VTX_NONE;
    snprintf (basename, sizeof (basename), "%.*s", (int)n, host);
    spec.basename = basename;
    return add (g, root, &spec);
}

static int add_children (struct graph *g, uint32_t node, int rank, json_t *children,
                         flux_error_t *error)
{
    const char *type;
    json_t *value;

    json_object_foreach (children, type, value) {
        struct idset *ids = decode_ids (value, type, error);
        unsigned int id;

        if (!ids)
            return -1;
        if (graph_reserve_children (g, node, idset_count (ids)) < 0) {
            idset_destroy (ids);
            return error_invalid (error, "rv1exec: too many children");
        }
        for (id = idset_first (ids); id != IDSET_INVALID_ID;
             id = idset_next (ids, id)) {
            struct vertex_spec spec = { .type = type,
                                        .basename = type,
                                        .unit = "",
                                        .id = id,
                                        .size = 1,
                                        .rank = rank };
            if (add (g, node, &spec) == VTX_NONE) {
                idset_destroy (ids);
                return error_invalid (error, "rv1exec: cannot add %.40s%u", type, id);
            }
        }
        idset_destroy (ids);
    }
    return 0;
}

/* by_rank holds the index of each rank's host, and then its node. */
static int add_entry (struct graph *g, const struct rv1 *r, uint32_t root,
                      json_t *entry, uint32_t *by_rank, flux_error_t *error)
{
    struct idset *ids = decode_ids (json_object_get (entry, "rank"), "rank", error);
    json_t *children = json_object_get (entry, "children");
    unsigned int rank;
    int rc = -1;

    if (!ids)
        return -1;
    if (!json_is_object (children)) {
        error_invalid (error, "rv1exec: an entry of R_lite has no children");
        goto out;
    }
    for (rank = idset_first (ids); rank != IDSET_INVALID_ID;
         rank = idset_next (ids, rank)) {
        const char *host;
        char fallback[32];
        uint32_t node;

        host = hostlist_nth (r->hosts, by_rank[rank]);
        if (!host) {
            snprintf (fallback, sizeof (fallback), "node%u", rank);
            host = fallback;
        }
        if ((node = add_node (g, root, host, rank)) == VTX_NONE) {
            error_invalid (error,
                           errno == EOVERFLOW
                               ? "rv1exec: rank %u: %.80s: number is too large"
                               : "rv1exec: cannot add node of rank %u (%.80s)",
                           rank, host);
            goto out;
        }
        by_rank[rank] = node;
        if (add_children (g, node, rank, children, error) < 0)
            goto out;
    }
    rc = 0;
out:
    idset_destroy (ids);
    return rc;
}

/* Before anything is made: short idsets can stand for billions of vertices. */
static int check_size (const struct graph *g, const struct rv1 *r, flux_error_t *error)
{
    uint64_t total = 1, marks = 0;
    json_t *entry, *value;
    const char *key;
    size_t i, n;

    json_array_foreach (r->R_lite, i, entry) {
        const char *ranks = json_string_value (json_object_get (entry, "rank"));
        uint64_t below = 1;
        json_object_foreach (json_object_get (entry, "children"), key, value) {
            const char *s = json_string_value (value);
            if (s && idset_decode_info (s, -1, &n, NULL, NULL) == 0)
                below += n;
        }
        if (ranks && idset_decode_info (ranks, -1, &n, NULL, NULL) == 0)
            total += n * below;
        if (below > g->max_vertices || total > g->max_vertices)
            return error_invalid (error, "rv1exec: R_lite[%zu]: more than %u vertices",
                                  i, g->max_vertices);
    }
    json_object_foreach (r->properties, key, value) {
        const char *s = json_string_value (value);
        if (s && idset_decode_info (s, -1, &n, NULL, NULL) == 0)
            marks += n;
        if (marks > g->max_vertices)
            return error_invalid (
                error, "rv1exec: property %.60s: too many ranks in all", key);
    }
    return 0;
}

static int add_properties (struct graph *g, const struct rv1 *r,
                           const uint32_t *node_by_rank, flux_error_t *error)
{
    const char *name;
    json_t *value;

    if (r->properties && !json_is_object (r->properties))
        return error_invalid (error, "rv1exec: properties is no object");
    json_object_foreach (r->properties, name, value) {
        struct idset *ids = decode_ids (value, name, error);
        unsigned int rank;

        if (!ids)
            return -1;
        for (rank = idset_first (ids); rank != IDSET_INVALID_ID;
             rank = idset_next (ids, rank)) {
            if (!idset_test (r->ranks, rank)
                || graph_set_property (g, node_by_rank[rank], name, NULL) < 0) {
                idset_destroy (ids);
                return error_invalid (
                    error, "rv1exec: property %.60s: rank %u is not in R_lite", name,
                    rank);
            }
        }
        idset_destroy (ids);
    }
    return 0;
}

int fluxion_read_rv1exec (struct graph *g, const char *text, size_t len,
                          const struct read_options *opt, flux_error_t *error)
{
    struct vertex_spec cluster = { .type = "cluster",
                                   .basename = "cluster",
                                   .unit = "",
                                   .id = 0,
                                   .size = 1,
                                   .rank = -1 };
    uint32_t *node_by_rank = NULL;
    uint32_t root, n = 0;
    struct rv1 r;
    json_t *entry;
    size_t i;
    int rc = -1;

    if (opt && opt->allowlist)
        return error_invalid (error, "rv1exec: an allow list is not supported");
    if (rv1_init (&r, text, len, error) < 0 || check_size (g, &r, error) < 0)
        goto out;
    if (!(node_by_rank =
              calloc (idset_universe_size (r.ranks), sizeof (*node_by_rank)))) {
        error_invalid (error, "rv1exec: out of memory");
        goto out;
    }
    for (unsigned int id = idset_first (r.ranks); id != IDSET_INVALID_ID;
         id = idset_next (r.ranks, id))
        node_by_rank[id] = n++;
    if ((root = add (g, VTX_NONE, &cluster)) == VTX_NONE
        || graph_reserve_children (g, root, idset_count (r.ranks)) < 0) {
        error_invalid (error, "rv1exec: out of memory");
        goto out;
    }
    json_array_foreach (r.R_lite, i, entry) {
        if (add_entry (g, &r, root, entry, node_by_rank, error) < 0)
            goto out;
    }
    if (add_properties (g, &r, node_by_rank, error) < 0)
        goto out;
    g->root = root;
    rc = graph_order (g);
out:
    free (node_by_rank);
    rv1_fini (&r);
    return rc;
}

/* Vertices below a node, by type and id. */
static int pick_type (struct graph *g, uint32_t node, const char *type,
                      const struct idset *ids, bool strict, struct picks *p,
                      uint32_t *picked, flux_error_t *error)
{
    uint16_t t = graph_find_type (g, type);
    uint32_t n;
    const uint32_t *below = graph_below (g, node, &n);
    size_t found = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t v = below[i];
        if (g->v[v].type != t || g->v[v].id < 0 || !idset_test (ids, g->v[v].id))
            continue;
        found++;
        if (picks_add (p, v, true, g->v[v].size) < 0)
            return error_invalid (error, "rv1exec: out of memory");
    }
    *picked += found;
    if (strict && t == UINT16_MAX) {
        error_invalid (error, "rv1exec: rank %d does not have any %s", g->v[node].rank,
                       type);
        errno = ENOENT;
        return -1;
    }
    if (strict && found < idset_count (ids))
        return error_invalid (error, "rv1exec: rank %d does not have %s of these ids",
                              g->v[node].rank, type);
    return 0;
}

/* The node itself is taken if all that is below it is. */
static int pick_node (struct graph *g, json_t *entry, uint32_t node, bool strict,
                      struct picks *p, flux_error_t *error)
{
    uint32_t picked = 0;
    json_t *val;
    const char *type;

    json_object_foreach (json_object_get (entry, "children"), type, val) {
        struct idset *ids = decode_ids (val, type, error);
        int rc = ids ? pick_type (g, node, type, ids, strict, p, &picked, error) : -1;
        idset_destroy (ids);
        if (rc < 0)
            return -1;
    }
    if (picks_add (p, node, picked > 0 && picked + 1 == g->v[node].nbelow,
                   g->v[node].size)
        < 0)
        return error_invalid (error, "rv1exec: out of memory");
    return 0;
}

/* The entry of R_lite by rank; each rank is in one. */
static json_t **index_entries (const struct rv1 *r, flux_error_t *error)
{
    json_t **entries = calloc (idset_universe_size (r->ranks), sizeof (*entries));
    json_t *entry;
    size_t i;

    if (!entries) {
        error_invalid (error, "rv1exec: out of memory");
        return NULL;
    }
    json_array_foreach (r->R_lite, i, entry) {
        struct idset *ids = decode_ids (json_object_get (entry, "rank"), "rank", error);
        if (!ids) {
            free (entries);
            return NULL;
        }
        for (unsigned int id = idset_first (ids); id != IDSET_INVALID_ID;
             id = idset_next (ids, id))
            entries[id] = entry;
        idset_destroy (ids);
    }
    return entries;
}

static int pick_ranks (struct graph *g, const struct rv1 *r, bool strict,
                       struct picks *p, flux_error_t *error)
{
    size_t missing = idset_count (r->ranks);
    json_t **entries;

    if (graph_order (g) < 0)
        return error_invalid (error, "rv1exec: out of memory");
    if (!(entries = index_entries (r, error)))
        return -1;
    for (uint32_t v = 0; v < g->nv; v++) {
        const struct vertex *x = &g->v[v];
        if (x->gone || x->type != g->t_node || x->rank < 0
            || !idset_test (r->ranks, x->rank))
            continue;
        missing--;
        if (pick_node (g, entries[x->rank], v, strict, p, error) < 0) {
            free (entries);
            return -1;
        }
    }
    free (entries);
    if (missing > 0)
        return error_invalid (error, "rv1exec: %zu ranks are not in the graph",
                              missing);
    return 0;
}

struct rv1 *rv1_parse (const char *text, size_t len, flux_error_t *error)
{
    struct rv1 *r = calloc (1, sizeof (*r));

    if (!r)
        error_invalid (error, "rv1exec: out of memory");
    else if (rv1_init (r, text, len, error) == 0)
        return r;
    rv1_destroy (r);
    return NULL;
}

void rv1_destroy (struct rv1 *r)
{
    int saved = errno;

    if (!r)
        return;
    rv1_fini (r);
    free (r);
    errno = saved;
}

int fluxion_pick_rv1 (struct graph *g, const struct rv1 *r, bool strict,
                      struct picks *p, flux_error_t *error)
{
    p->starttime = r->starttime;
    p->expiration = r->expiration;
    return pick_ranks (g, r, strict, p, error);
}

int fluxion_pick_rv1exec (struct graph *g, const char *text, size_t len, bool strict,
                          struct picks *p, flux_error_t *error)
{
    struct rv1 *r = rv1_parse (text, len, error);
    int rc = r ? fluxion_pick_rv1 (g, r, strict, p, error) : -1;

    rv1_destroy (r);
    return rc;
}
