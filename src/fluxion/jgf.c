#include "fluxion/jgf.h"
#include "base/hashmap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__ ((format (printf, 2, 3))) static int fail (flux_error_t *error,
                                                         const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (error->text, sizeof (error->text), fmt, ap);
    va_end (ap);
    errno = EINVAL;
    return -1;
}

/* Version 2 writes some numbers as strings. */
static bool get_int (json_t *o, const char *key, int64_t *n)
{
    json_t *v = json_object_get (o, key);

    if (json_is_integer (v)) {
        *n = json_integer_value (v);
        return true;
    }
    if (json_is_string (v)) {
        char *end;
        errno = 0;
        *n = strtoll (json_string_value (v), &end, 10);
        return errno == 0 && *end == '\0' && end != json_string_value (v);
    }
    return false;
}

static bool wrong_int (json_t *meta, const char *key, int64_t *n)
{
    json_t *v = json_object_get (meta, key);

    return v && !json_is_null (v) && !get_int (meta, key, n);
}

/* -1 if the name does not end in digits. */
static int64_t number_at_end (const char *name)
{
    size_t len = strlen (name), n = len;

    while (n > 0 && name[n - 1] >= '0' && name[n - 1] <= '9')
        n--;
    return n < len && len - n < 18 ? strtoll (name + n, NULL, 10) : -1;
}

static bool get_flag (json_t *meta, const char *key)
{
    json_t *v = json_object_get (meta, key);

    return json_is_true (v) || (json_is_integer (v) && json_integer_value (v) != 0);
}

static int parse_ids (struct jgf_node *n, json_t *meta, flux_error_t *error)
{
    struct vertex_spec *s = &n->spec;
    int64_t rank = -1;
    char *end;

    s->size = 1;
    if (json_object_get (meta, "uniq_id")) {
        if (!get_int (meta, "uniq_id", &s->uniq_id))
            return fail (error, "fetch_jgf: uniq_id of node %s is not a number",
                         n->key);
    } else {
        errno = 0;
        s->uniq_id = strtoll (n->key, &end, 10);
        if (errno || *end || end == n->key)
            return fail (error,
                         "fetch_jgf: node %s has no uniq_id and its id is not "
                         "a number",
                         n->key);
    }
    s->id = s->uniq_id;
    if (json_object_get (meta, "id")) {
        if (!get_int (meta, "id", &s->id))
            return fail (error, "fetch_jgf: id of node %s is not a number", n->key);
    } else if (s->name && strcmp (s->type, "node") == 0
               && number_at_end (s->name) >= 0) {
        s->id = number_at_end (s->name);
    }
    if (wrong_int (meta, "size", &s->size) || s->size < 0)
        return fail (error, "fetch_jgf: size of node %s is not valid", n->key);
    if (wrong_int (meta, "rank", &rank) || rank < -1 || rank > INT32_MAX)
        return fail (error, "fetch_jgf: rank of node %s is not valid", n->key);
    s->rank = rank;
    return 0;
}

static int parse_node (struct jgf_node *n, const char *key, json_t *o, uint32_t index,
                       flux_error_t *error)
{
    struct vertex_spec *s = &n->spec;
    json_t *meta = json_object_get (o, "metadata");
    json_t *id = json_object_get (o, "id");

    n->key = key ? key : json_string_value (id);
    if (!n->key)
        return fail (error,
                     "fetch_jgf: JGF does not contain a required key (id) in node %u",
                     index);
    if (!json_is_object (meta))
        return fail (error,
                     "fetch_jgf: JGF does not contain a required key (metadata) in "
                     "node %s",
                     n->key);
    s->type = json_string_value (json_object_get (meta, "type"));
    if (!s->type || !*s->type)
        return fail (error,
                     "fetch_jgf: JGF does not contain a required key (type) in node %s",
                     n->key);
    n->paths = json_object_get (meta, "paths");
    if (!json_is_object (n->paths))
        return fail (
            error, "fetch_jgf: JGF does not contain a required key (paths) in node %s",
            n->key);
    n->path = json_string_value (json_object_get (n->paths, "containment"));
    s->basename = json_string_value (json_object_get (meta, "basename"));
    s->name = json_string_value (json_object_get (meta, "name"));
    s->unit = json_string_value (json_object_get (meta, "unit"));
    if (!s->basename)
        s->basename = s->type;
    if (!s->unit)
        s->unit = "";
    if (strlen (s->basename) > GRAPH_NAME_MAX / 2
        || (s->name && strlen (s->name) >= GRAPH_NAME_MAX)
        || (s->name && (!*s->name || strchr (s->name, '/'))))
        return fail (error, "fetch_jgf: name of node %s is not valid", n->key);
    n->properties = json_object_get (meta, "properties");
    n->exclusive = get_flag (meta, "exclusive");
    n->down = get_flag (meta, "status");
    return parse_ids (n, meta, error);
}

/* The old form names the subsystem and relation in metadata.name, version 2 the
 * relation beside it. An edge back to the parent is not of use: false. */
static bool edge_goes_down (json_t *o, const char **subsystem)
{
    json_t *meta = json_object_get (o, "metadata");
    json_t *names = json_object_get (meta, "name"), *val;
    const char *relation = json_string_value (json_object_get (o, "relation"));
    const char *key;

    *subsystem = json_string_value (json_object_get (meta, "subsystem"));
    if (!*subsystem)
        *subsystem = "containment";
    json_object_foreach (names, key, val) {
        *subsystem = key;
        relation = json_string_value (val);
        break;
    }
    return !relation || (strcmp (relation, "in") != 0 && strcmp (relation, "out") != 0);
}

static int parse_edges (struct jgf *j, json_t *edges, struct hashmap *index,
                        flux_error_t *error)
{
    size_t i;
    json_t *o;

    if (!(j->edge = calloc (json_array_size (edges) + 1, sizeof (*j->edge))))
        return -1;
    json_array_foreach (edges, i, o) {
        struct jgf_edge *e = &j->edge[j->nedges];
        const char *source = json_string_value (json_object_get (o, "source"));
        const char *target = json_string_value (json_object_get (o, "target"));
        if (!source || !target)
            return fail (error,
                         "fetch_jgf: JGF does not contain a required key "
                         "(source|target) in edge %zu",
                         i);
        uintptr_t s = (uintptr_t)hashmap_lookup (index, source);
        uintptr_t t = (uintptr_t)hashmap_lookup (index, target);
        if (!s || !t)
            return fail (error, "fetch_jgf: edge %zu (%s to %s): unknown vertex %s", i,
                         source, target, s ? target : source);
        if (!edge_goes_down (o, &e->subsystem))
            continue;
        e->source = s - 1;
        e->target = t - 1;
        j->nedges++;
    }
    return 0;
}

static int parse_nodes (struct jgf *j, json_t *nodes, struct hashmap *index,
                        flux_error_t *error)
{
    bool keyed = json_is_object (nodes);
    size_t count = keyed ? json_object_size (nodes) : json_array_size (nodes);
    void *iter = keyed ? json_object_iter (nodes) : NULL;

    if (count >= GRAPH_MAX_VERTICES)
        return fail (error, "fetch_jgf: too many nodes");
    if (!(j->node = calloc (count + 1, sizeof (*j->node))))
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct jgf_node *n = &j->node[i];
        const char *key = keyed ? json_object_iter_key (iter) : NULL;
        json_t *o = keyed ? json_object_iter_value (iter) : json_array_get (nodes, i);
        if (parse_node (n, key, o, i, error) < 0)
            return -1;
        if (hashmap_lookup (index, n->key))
            return fail (error, "fetch_jgf: node %s is there twice", n->key);
        if (hashmap_insert (index, n->key, (void *)(uintptr_t)(i + 1)) < 0)
            return -1;
        j->nnodes++;
        if (keyed)
            iter = json_object_iter_next (nodes, iter);
    }
    return 0;
}

static int parse_doc (struct jgf *j, flux_error_t *error)
{
    json_t *graph = json_object_get (j->doc, "graph");
    json_t *nodes = json_object_get (graph, "nodes");
    json_t *edges = json_object_get (graph, "edges");
    const char *writer = json_string_value (json_object_get (j->doc, "writer"));
    struct hashmap *index;

    if (!json_is_object (graph))
        return fail (error, "fetch_jgf: JGF does not contain a required key (graph).");
    if (!json_is_array (nodes) && !json_is_object (nodes))
        return fail (error, "fetch_jgf: JGF does not contain a required key (nodes).");
    if (!json_is_array (edges))
        return fail (error, "fetch_jgf: JGF does not contain a required key (edges).");
    j->shorthand = writer && strcmp (writer, "fluxion:jgf_shorthand") == 0;
    if (!(index = hashmap_create (NULL)))
        return -1;
    int rc = parse_nodes (j, nodes, index, error);
    if (rc == 0)
        rc = parse_edges (j, edges, index, error);
    hashmap_destroy (index);
    return rc;
}

int jgf_parse (struct jgf *j, const char *text, size_t len, flux_error_t *error)
{
    json_error_t je;

    memset (j, 0, sizeof (*j));
    error->text[0] = '\0';
    if (!(j->doc = json_loadb (text, len, 0, &je)))
        return fail (error, "fetch_jgf: JSON: line %d column %d: %s", je.line,
                     je.column, je.text);
    if (parse_doc (j, error) < 0) {
        if (!error->text[0])
            snprintf (error->text, sizeof (error->text), "fetch_jgf: %s",
                      strerror (errno));
        jgf_fini (j);
        return -1;
    }
    return 0;
}

void jgf_fini (struct jgf *j)
{
    int saved = errno;

    free (j->node);
    free (j->edge);
    json_decref (j->doc);
    memset (j, 0, sizeof (*j));
    errno = saved;
}
