#include "fluxion/io/jgf.h"
#include "base/hashmap.h"
#include "base/json/jscan.h"
#include "base/os/pages.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char jgf_containment[] = "containment";

/* An edge by the ids of its ends, which may be defined after it. */
struct raw_edge {
    char *source, *target;
    const char *subsystem, *relation;
};

struct parser {
    struct jscan s;
    struct jgf *j;
    struct raw_edge *edge;
    uint32_t nedges, edge_cap, node_cap;
    bool has_graph, has_nodes, has_edges;
    flux_error_t *error;
};

__attribute__ ((format (printf, 2, 3))) static int fail (struct parser *p,
                                                         const char *fmt, ...)
{
    va_list ap;

    if (p->error->text[0])
        return -1;
    va_start (ap, fmt);
    vsnprintf (p->error->text, sizeof (p->error->text), fmt, ap);
    va_end (ap);
    errno = EINVAL;
    return -1;
}

/* What metadata says, before it is known whether that is enough. */
struct metadata {
    bool there, has_paths, has_uniq, has_id;
    int64_t uniq, id, size, rank;
    char *type, *basename, *name, *unit;
};

/* A number; version 2 writes some as strings. null is as if it were not there. */
static bool read_number (struct jscan *s, int64_t *n, bool *there)
{
    char c = jscan_peek (s), *text, *end;

    if (c == 'n')
        return jscan_skip (s);
    *there = true;
    if (c == '0')
        return jscan_int (s, n);
    if (!jscan_string_in_place (s, &text))
        return false;
    errno = 0;
    *n = strtoll (text, &end, 10);
    return (errno == 0 && *end == '\0' && end != text)
           || jscan_fail (s, "expected a number");
}

static bool read_text (struct jscan *s, char **out)
{
    return jscan_peek (s) == 'n' ? jscan_skip (s) : jscan_string_in_place (s, out);
}

/* true and 1 are yes. */
static bool read_flag (struct jscan *s, bool *flag)
{
    int64_t n = 0;

    if (jscan_peek (s) == '0') {
        if (!jscan_int (s, &n))
            return false;
        *flag = n != 0;
        return true;
    }
    *flag = jscan_peek (s) == 't';
    return jscan_skip (s);
}

static bool read_properties (struct jscan *s, json_t **out)
{
    char *key, *text;
    int64_t n;

    if (jscan_peek (s) == 'n')
        return jscan_skip (s);
    if (!jscan_object (s))
        return false;
    while (jscan_next_key_in_place (s, &key)) {
        json_t *val = NULL;
        char c = jscan_peek (s);
        if (!*out && !(*out = json_object ()))
            return jscan_fail (s, "out of memory");
        if (c == '"' && jscan_string_in_place (s, &text))
            val = json_string (text);
        else if (c == '0' && jscan_int (s, &n))
            val = json_integer (n);
        else if (c == 'n' && jscan_skip (s))
            val = json_null ();
        else if (c)
            return jscan_fail (s, "a property has to be a string");
        if (json_object_set_new (*out, key, val) < 0)
            return jscan_fail (s, "property is not valid");
    }
    return !s->fault;
}

static bool read_paths (struct jscan *s, struct jgf_node *n)
{
    char *key, *text;

    if (!jscan_object (s))
        return false;
    while (jscan_next_key_in_place (s, &key)) {
        if (!jscan_string_in_place (s, &text))
            return false;
        if (strcmp (key, "containment") == 0) {
            n->path = text;
            continue;
        }
        if ((!n->paths && !(n->paths = json_object ()))
            || json_object_set_new (n->paths, key, json_string (text)) < 0)
            return jscan_fail (s, "path is not valid");
    }
    return !s->fault;
}

static bool read_member (struct jscan *s, struct jgf_node *n, struct metadata *m,
                         const char *key)
{
    bool there;

    /* A graph has hundreds of thousands of these keys. */
    switch (*key) {
    case 't':
        if (strcmp (key, "type") == 0)
            return read_text (s, &m->type);
        break;
    case 'b':
        if (strcmp (key, "basename") == 0)
            return read_text (s, &m->basename);
        break;
    case 'n':
        if (strcmp (key, "name") == 0)
            return read_text (s, &m->name);
        break;
    case 'i':
        if (strcmp (key, "id") == 0)
            return read_number (s, &m->id, &m->has_id);
        break;
    case 'u':
        if (strcmp (key, "unit") == 0)
            return read_text (s, &m->unit);
        if (strcmp (key, "uniq_id") == 0)
            return read_number (s, &m->uniq, &m->has_uniq);
        break;
    case 's':
        if (strcmp (key, "size") == 0)
            return read_number (s, &m->size, &there);
        if (strcmp (key, "status") == 0)
            return read_flag (s, &n->down);
        break;
    case 'r':
        if (strcmp (key, "rank") == 0)
            return read_number (s, &m->rank, &there);
        break;
    case 'e':
        if (strcmp (key, "exclusive") == 0)
            return read_flag (s, &n->exclusive);
        break;
    case 'p':
        if (strcmp (key, "properties") == 0 && !n->properties)
            return read_properties (s, &n->properties);
        if (strcmp (key, "paths") == 0) {
            m->has_paths = true;
            return read_paths (s, n);
        }
        break;
    }
    return jscan_skip (s);
}

static bool read_metadata (struct jscan *s, struct jgf_node *n, struct metadata *m)
{
    char *key;
    bool ok = true;

    if (!jscan_object (s))
        return false;
    m->there = true;
    while (ok && jscan_next_key_in_place (s, &key))
        ok = read_member (s, n, m, key);
    return ok && !s->fault;
}

static int set_ids (struct parser *p, struct jgf_node *n, const struct metadata *m)
{
    struct vertex_spec *s = &n->spec;
    char *end;

    s->uniq_id = m->uniq;
    if (!m->has_uniq) {
        errno = 0;
        s->uniq_id = strtoll (n->key, &end, 10);
        if (errno || *end || end == n->key)
            return fail (p,
                         "fetch_jgf: node %.60s has no uniq_id and its id is not a "
                         "number",
                         n->key);
    }
    s->id = m->has_id ? m->id : s->uniq_id;
    if (!m->has_id && s->name && strcmp (s->type, "node") == 0) {
        int64_t number;
        size_t len;
        if (graph_split_name (s->name, &len, &number) < 0)
            return fail (p, "fetch_jgf: number of node %.60s is too large", s->name);
        s->id = number >= 0 ? number : s->id;
    }
    if (m->size < 0 || m->size > INT64_MAX / GRAPH_MAX_VERTICES)
        return fail (p, "fetch_jgf: size of node %.60s is not valid", n->key);
    if (m->rank < -1 || m->rank > INT32_MAX)
        return fail (p, "fetch_jgf: rank of node %.60s is not valid", n->key);
    s->size = m->size;
    s->rank = m->rank;
    return 0;
}

static int finish_node (struct parser *p, struct jgf_node *n, const struct metadata *m)
{
    struct vertex_spec *s = &n->spec;
    uint32_t index = n - p->j->node;
    const char *missing = !m->there               ? "metadata"
                          : !m->type || !*m->type ? "type"
                          : !m->has_paths         ? "paths"
                                                  : NULL;

    if (!n->key)
        return fail (
            p, "fetch_jgf: JGF does not contain a required key (id) in node %u", index);
    if (missing)
        return fail (
            p, "fetch_jgf: JGF does not contain a required key (%s) in node %.60s",
            missing, n->key);
    s->type = m->type;
    s->basename = m->basename ? m->basename : m->type;
    s->name = m->name;
    s->unit = m->unit ? m->unit : "";
    if (strlen (s->basename) > GRAPH_NAME_MAX / 2 || strchr (s->basename, '/')
        || (s->name
            && (!*s->name || strlen (s->name) >= GRAPH_NAME_MAX
                || strchr (s->name, '/'))))
        return fail (p, "fetch_jgf: name of node %.60s is not valid", n->key);
    return set_ids (p, n, m);
}

/* Room for one more item. */
static bool grow (void *array, uint32_t count, uint32_t *cap, size_t size)
{
    void **a = array;

    if (count < *cap)
        return true;
    uint64_t want = *cap ? *cap * 2ull : 64;
    void *more = want < UINT32_MAX ? realloc (*a, want * size) : NULL;
    if (!more)
        return false;
    *a = more;
    *cap = want;
    return true;
}

static bool read_node (struct parser *p, char *key)
{
    struct metadata m = { .size = 1, .rank = -1 };
    struct jscan *s = &p->s;
    struct jgf_node *n;
    int64_t number;
    char *name, *text;

    if (!grow (&p->j->node, p->j->nnodes, &p->node_cap, sizeof (*n))
        || p->j->nnodes >= GRAPH_MAX_VERTICES)
        return jscan_fail (s, "too many nodes");
    n = &p->j->node[p->j->nnodes++];
    memset (n, 0, sizeof (*n));
    n->key = key;
    if (!jscan_object (s))
        return false;
    while (jscan_next_key_in_place (s, &name)) {
        bool ok;
        if (*name == 'm' && strcmp (name, "metadata") == 0 && !m.there) {
            ok = read_metadata (s, n, &m);
        } else if (strcmp (name, "id") == 0 && !key && jscan_peek (s) == '"') {
            ok = jscan_string_in_place (s, &text);
            n->key = text;
        } else if (strcmp (name, "id") == 0 && !key && jscan_peek (s) == '0') {
            ok = jscan_int (s, &number) && jscan_fail (s, "the id has to be a string");
        } else {
            ok = jscan_skip (s);
        }
        if (!ok)
            return false;
    }
    return !s->fault && finish_node (p, n, &m) == 0;
}

static bool read_nodes (struct parser *p)
{
    char *key;

    p->has_nodes = true;
    if (jscan_peek (&p->s) == '{') { /* version 2 */
        jscan_object (&p->s);
        while (jscan_next_key_in_place (&p->s, &key))
            if (!read_node (p, key))
                return false;
    } else {
        if (!jscan_array (&p->s))
            return false;
        while (jscan_next_item (&p->s))
            if (!read_node (p, NULL))
                return false;
    }
    return !p->s.fault;
}

static const char *known (const char *subsystem)
{
    return strcmp (subsystem, jgf_containment) == 0 ? jgf_containment : subsystem;
}

/* The old form names the subsystem and relation in metadata.name. */
static bool read_edge_metadata (struct jscan *s, struct raw_edge *e)
{
    char *key, *subsystem, *text;

    if (jscan_peek (s) == 'n')
        return jscan_skip (s);
    if (!jscan_object (s))
        return false;
    while (jscan_next_key_in_place (s, &key)) {
        if (strcmp (key, "subsystem") == 0 && jscan_peek (s) == '"') {
            if (!jscan_string_in_place (s, &text))
                return false;
            e->subsystem = known (text);
        } else if (strcmp (key, "name") == 0 && jscan_peek (s) == '{') {
            jscan_object (s);
            while (jscan_next_key_in_place (s, &subsystem)) {
                if (!read_text (s, &text))
                    return false;
                e->subsystem = known (subsystem);
                e->relation = text;
            }
        } else if (!jscan_skip (s)) {
            return false;
        }
    }
    return !s->fault;
}

static bool read_edge (struct parser *p)
{
    struct jscan *s = &p->s;
    struct raw_edge *e;
    char *key, *text;

    if (!grow (&p->edge, p->nedges, &p->edge_cap, sizeof (*e)))
        return jscan_fail (s, "too many edges");
    e = &p->edge[p->nedges++];
    *e = (struct raw_edge){ .subsystem = jgf_containment };
    if (!jscan_object (s))
        return false;
    while (jscan_next_key_in_place (s, &key)) {
        bool ok;
        if (strcmp (key, "source") == 0) {
            ok = read_text (s, &e->source);
        } else if (strcmp (key, "target") == 0) {
            ok = read_text (s, &e->target);
        } else if (strcmp (key, "relation") == 0) {
            text = NULL;
            ok = read_text (s, &text);
            e->relation = text;
        } else if (strcmp (key, "metadata") == 0) {
            ok = read_edge_metadata (s, e);
        } else {
            ok = jscan_skip (s);
        }
        if (!ok)
            return false;
    }
    return !s->fault;
}

static bool read_graph (struct parser *p)
{
    char *key;

    p->has_graph = true;
    if (!jscan_object (&p->s))
        return false;
    while (jscan_next_key_in_place (&p->s, &key)) {
        if (strcmp (key, "nodes") == 0 && !p->has_nodes) {
            if (!read_nodes (p))
                return false;
        } else if (strcmp (key, "edges") == 0 && !p->has_edges) {
            p->has_edges = true;
            if (!jscan_array (&p->s))
                return false;
            while (jscan_next_item (&p->s))
                if (!read_edge (p))
                    return false;
        } else if (!jscan_skip (&p->s)) {
            return false;
        }
    }
    return !p->s.fault;
}

static bool read_free_ranks (struct parser *p)
{
    char *text = NULL;

    if (p->j->free_ranks)
        return jscan_fail (&p->s, "free_ranks is there twice");
    if (!read_text (&p->s, &text) || !text)
        return !p->s.fault;
    p->j->free_ranks = idset_decode (text);
    return p->j->free_ranks || jscan_fail (&p->s, "free_ranks is not an idset");
}

static bool read_document (struct parser *p)
{
    char *key, *writer;

    if (!jscan_object (&p->s))
        return false;
    while (jscan_next_key_in_place (&p->s, &key)) {
        bool ok;
        if (strcmp (key, "graph") == 0 && !p->has_graph) {
            ok = read_graph (p);
        } else if (strcmp (key, "free_ranks") == 0) {
            ok = read_free_ranks (p);
        } else if (strcmp (key, "writer") == 0 && jscan_peek (&p->s) == '"') {
            ok = jscan_string_in_place (&p->s, &writer);
            p->j->shorthand = ok && strcmp (writer, "fluxion:jgf_shorthand") == 0;
        } else {
            ok = jscan_skip (&p->s);
        }
        if (!ok)
            return false;
    }
    return jscan_end (&p->s);
}

/* Hash of the nodes by key: index + 1. */
struct table {
    uint32_t *slot;
    uint32_t mask;
};

static uint32_t *find_slot (const struct jgf *j, const struct table *t, const char *key)
{
    uint32_t i = hash_bytes (key, strlen (key)) & t->mask;

    while (t->slot[i] && strcmp (j->node[t->slot[i] - 1].key, key) != 0)
        i = (i + 1) & t->mask;
    return &t->slot[i];
}

static int index_nodes (struct parser *p, struct table *t)
{
    uint32_t n = 16;

    while (n < p->j->nnodes * 2ull)
        n *= 2;
    if (!(t->slot = calloc (n, sizeof (*t->slot))))
        return fail (p, "fetch_jgf: out of memory");
    t->mask = n - 1;
    for (uint32_t i = 0; i < p->j->nnodes; i++) {
        uint32_t *slot = find_slot (p->j, t, p->j->node[i].key);
        if (*slot)
            return fail (p, "fetch_jgf: node %.60s is there twice", p->j->node[i].key);
        *slot = i + 1;
    }
    return 0;
}

/* Most documents number their nodes from 0, in order: then no table is needed. */
static bool is_number (const char *key, uint32_t *n)
{
    const char *p = key;

    for (*n = 0; *p >= '0' && *p <= '9' && p - key < 9; p++)
        *n = *n * 10 + (*p - '0');
    return *p == '\0' && p > key && (*key != '0' || p == key + 1);
}

static bool in_order (const struct jgf *j)
{
    uint32_t n;

    for (uint32_t i = 0; i < j->nnodes; i++)
        if (!is_number (j->node[i].key, &n) || n != i)
            return false;
    return true;
}

/* Index + 1 of the node, 0: unknown. */
static uint32_t find_node (const struct jgf *j, const struct table *t, const char *key)
{
    uint32_t n;

    if (t->slot)
        return *find_slot (j, t, key);
    return is_number (key, &n) && n < j->nnodes ? n + 1 : 0;
}

/* An edge back to the parent is of no use. */
static bool goes_up (const struct raw_edge *e)
{
    return e->relation
           && (strcmp (e->relation, "in") == 0 || strcmp (e->relation, "out") == 0);
}

static int resolve_edges (struct parser *p, const struct table *t)
{
    struct jgf *j = p->j;

    if (!(j->edge = calloc (p->nedges + 1, sizeof (*j->edge))))
        return fail (p, "fetch_jgf: out of memory");
    for (uint32_t i = 0; i < p->nedges; i++) {
        const struct raw_edge *r = &p->edge[i];
        if (!r->source || !r->target)
            return fail (p,
                         "fetch_jgf: JGF does not contain a required key "
                         "(source|target) in edge %u",
                         i);
        uint32_t source = find_node (j, t, r->source);
        uint32_t target = find_node (j, t, r->target);
        if (!source || !target)
            return fail (p, "fetch_jgf: edge %u (%.30s to %.30s): unknown vertex %.30s",
                         i, r->source, r->target, source ? r->target : r->source);
        if (!goes_up (r))
            j->edge[j->nedges++] =
                (struct jgf_edge){ source - 1, target - 1, r->subsystem };
    }
    return 0;
}

static int finish (struct parser *p)
{
    const char *missing = !p->has_graph   ? "graph"
                          : !p->has_nodes ? "nodes"
                          : !p->has_edges ? "edges"
                                          : NULL;
    struct table t = { 0 };

    if (missing)
        return fail (p, "fetch_jgf: JGF does not contain a required key (%s).",
                     missing);
    int rc = in_order (p->j) ? 0 : index_nodes (p, &t);
    if (rc == 0)
        rc = resolve_edges (p, &t);
    free (t.slot);
    return rc;
}

int jgf_parse (struct jgf *j, const char *text, size_t len, flux_error_t *error)
{
    struct parser p = { .j = j, .error = error };
    int line, column, rc = -1;

    memset (j, 0, sizeof (*j));
    error->text[0] = '\0';
    if (!(j->text = pages_alloc (len + 1)))
        return fail (&p, "fetch_jgf: out of memory");
    memcpy (j->text, text, len);
    jscan_init (&p.s, j->text, len);
    if (read_document (&p)) {
        rc = finish (&p);
    } else if (p.s.fault) {
        jscan_where (&p.s, &line, &column);
        fail (&p, "fetch_jgf: JSON: line %d column %d: %s", line, column, p.s.fault);
    }
    free (p.edge);
    if (rc < 0)
        jgf_fini (j);
    return rc;
}

void jgf_fini (struct jgf *j)
{
    int saved = errno;

    for (uint32_t i = 0; i < j->nnodes; i++) {
        json_decref (j->node[i].properties);
        json_decref (j->node[i].paths);
    }
    idset_destroy (j->free_ranks);
    free (j->node);
    free (j->edge);
    free (j->text);
    memset (j, 0, sizeof (*j));
    errno = saved;
}
