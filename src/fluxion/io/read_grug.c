/* GRUG: a GraphML file that is a recipe. Each of its nodes stands for a kind of
 * vertex, each edge for how many of them are made below each of another kind. */
#include "base/buf.h"
#include "fluxion/graph/draw.h"
#include "fluxion/io/reader.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum attr {
    N_ROOT,
    N_TYPE,
    N_BASENAME,
    N_SIZE,
    N_UNIT,
    N_SUBSYSTEM,
    E_SUBSYSTEM,
    E_RELATION,
    E_RRELATION,
    E_ID_SCOPE,
    E_ID_START,
    E_ID_STRIDE,
    E_GEN_METHOD,
    E_MULTI_SCALE,
    E_AS_TGT_SUBSYSTEM,
    E_AS_TGT_UPLVL,
    E_AS_SRC_UPLVL,
    NATTR,
};
#define FIRST_EDGE_ATTR E_SUBSYSTEM

static const char *const attr_names[NATTR] = {
    "root",         "type",         "basename",   "size",        "unit",
    "subsystem",    "e_subsystem",  "relation",   "rrelation",   "id_scope",
    "id_start",     "id_stride",    "gen_method", "multi_scale", "as_tgt_subsystem",
    "as_tgt_uplvl", "as_src_uplvl",
};

struct kind {
    char *id;
    char *val[FIRST_EDGE_ATTR];
    uint32_t *made; /* vertices of this kind */
    uint32_t nmade, cap;
    bool open, done; /* depth-first walk */
    int line;
};

struct rule {
    uint32_t source, target;
    char *val[NATTR];
    int line;
};

struct key {
    char *id;
    int attr; /* -1: not of use here */
    char *initial;
};

struct grug {
    XML_Parser xml;
    struct key *keys;
    struct kind *kinds;
    struct rule *rules;
    uint32_t nkeys, nkinds, nrules;
    /* what the parser is inside of */
    char *source, *target;
    int in_key, in_kind, in_rule, in_default, data_key;
    struct buf text;
    /* generation */
    struct graph *g;
    int64_t scale[GRAPH_MAX_DEPTH]; /* enclosing scales, from the root */
    int nscale;
    int32_t next_rank;
    bool failed;
    const struct read_options *opt;
    flux_error_t *error;
};

__attribute__ ((format (printf, 3, 4))) static int fail (struct grug *u, int line,
                                                         const char *fmt, ...)
{
    va_list ap;
    size_t n;

    if (u->failed)
        return -1;
    u->failed = true;
    n = snprintf (u->error->text, sizeof (u->error->text),
                  "error in reading grug string; ");
    va_start (ap, fmt);
    n += vsnprintf (u->error->text + n, sizeof (u->error->text) - n, fmt, ap);
    va_end (ap);
    if (line > 0 && n < sizeof (u->error->text))
        snprintf (u->error->text + n, sizeof (u->error->text) - n, " (line %d)", line);
    if (errno != ENOMEM)
        errno = EINVAL;
    if (u->xml)
        XML_StopParser (u->xml, XML_FALSE);
    return -1;
}

static int line_now (struct grug *u)
{
    return XML_GetCurrentLineNumber (u->xml);
}

static const char *xml_attr (const char **attrs, const char *name)
{
    for (; *attrs; attrs += 2)
        if (strcmp (attrs[0], name) == 0)
            return attrs[1];
    return NULL;
}

/* One more zeroed item at the end of an array. */
static void *append (void *array, uint32_t *count, size_t size)
{
    char *p = array;

    if ((*count & (*count - 1)) == 0) {
        size_t cap = *count ? *count * 2ul : 1;
        if (!(p = realloc (array, cap * size)))
            return NULL;
    }
    memset (p + *count * size, 0, size);
    (*count)++;
    return p;
}

static void start_key (struct grug *u, const char **attrs)
{
    const char *id = xml_attr (attrs, "id"), *name = xml_attr (attrs, "attr.name");
    void *p;

    if (!id || !name) {
        fail (u, line_now (u), "key without id or attr.name");
        return;
    }
    if (!(p = append (u->keys, &u->nkeys, sizeof (*u->keys)))) {
        fail (u, 0, "out of memory");
        return;
    }
    u->keys = p;
    struct key *k = &u->keys[u->nkeys - 1];
    k->attr = -1;
    for (int i = 0; i < NATTR; i++)
        if (strcmp (attr_names[i], name) == 0)
            k->attr = i;
    if (!(k->id = strdup (id)))
        fail (u, 0, "out of memory");
    u->in_key = 1;
}

static void start_node (struct grug *u, const char **attrs)
{
    const char *id = xml_attr (attrs, "id");
    void *p;

    if (!id) {
        fail (u, line_now (u), "node without id");
        return;
    }
    for (uint32_t i = 0; i < u->nkinds; i++)
        if (strcmp (u->kinds[i].id, id) == 0) {
            fail (u, line_now (u), "duplicate node id %s", id);
            return;
        }
    if (!(p = append (u->kinds, &u->nkinds, sizeof (*u->kinds)))) {
        fail (u, 0, "out of memory");
        return;
    }
    u->kinds = p;
    u->kinds[u->nkinds - 1].line = line_now (u);
    if (!(u->kinds[u->nkinds - 1].id = strdup (id)))
        fail (u, 0, "out of memory");
    u->in_kind = 1;
}

static void start_edge (struct grug *u, const char **attrs)
{
    const char *source = xml_attr (attrs, "source");
    const char *target = xml_attr (attrs, "target");
    struct rule *r;
    void *p;

    if (!source || !target) {
        fail (u, line_now (u), "edge without source or target");
        return;
    }
    if (!(p = append (u->rules, &u->nrules, sizeof (*u->rules)))) {
        fail (u, 0, "out of memory");
        return;
    }
    u->rules = p;
    r = &u->rules[u->nrules - 1];
    r->source = r->target = UINT32_MAX;
    r->line = line_now (u);
    for (uint32_t i = 0; i < u->nkinds; i++) {
        if (strcmp (u->kinds[i].id, source) == 0)
            r->source = i;
        if (strcmp (u->kinds[i].id, target) == 0)
            r->target = i;
    }
    if (r->source == UINT32_MAX || r->target == UINT32_MAX)
        fail (u, r->line, "edge from or to a node that does not exist: %s",
              r->source == UINT32_MAX ? source : target);
    u->in_rule = 1;
}

static void start_data (struct grug *u, const char **attrs)
{
    const char *id = xml_attr (attrs, "key");

    u->data_key = -1;
    buf_reset (&u->text);
    for (uint32_t i = 0; id && i < u->nkeys; i++)
        if (strcmp (u->keys[i].id, id) == 0)
            u->data_key = i;
    if (u->data_key < 0)
        fail (u, line_now (u), "undeclared key: %s", id ? id : "(none)");
}

static void on_start (void *arg, const char *name, const char **attrs)
{
    struct grug *u = arg;

    if (u->failed)
        return;
    if (strcmp (name, "key") == 0)
        start_key (u, attrs);
    else if (strcmp (name, "default") == 0) {
        u->in_default = 1;
        buf_reset (&u->text);
    } else if (strcmp (name, "node") == 0)
        start_node (u, attrs);
    else if (strcmp (name, "edge") == 0)
        start_edge (u, attrs);
    else if (strcmp (name, "data") == 0)
        start_data (u, attrs);
}

static void set_value (struct grug *u, char **slot)
{
    free (*slot);
    if (!(*slot = strdup (u->text.data ? u->text.data : "")))
        fail (u, 0, "out of memory");
}

static void end_data (struct grug *u)
{
    int attr = u->data_key >= 0 ? u->keys[u->data_key].attr : -1;

    if (attr < 0)
        return;
    if (u->in_kind && attr < FIRST_EDGE_ATTR)
        set_value (u, &u->kinds[u->nkinds - 1].val[attr]);
    else if (u->in_rule && attr >= FIRST_EDGE_ATTR)
        set_value (u, &u->rules[u->nrules - 1].val[attr]);
    u->data_key = -1;
}

static void on_end (void *arg, const char *name)
{
    struct grug *u = arg;

    if (u->failed)
        return;
    if (strcmp (name, "key") == 0) {
        u->in_key = 0;
    } else if (strcmp (name, "default") == 0) {
        if (u->in_key)
            set_value (u, &u->keys[u->nkeys - 1].initial);
        u->in_default = 0;
    } else if (strcmp (name, "node") == 0) {
        u->in_kind = 0;
    } else if (strcmp (name, "edge") == 0) {
        u->in_rule = 0;
    } else if (strcmp (name, "data") == 0) {
        end_data (u);
    }
}

static void on_text (void *arg, const char *s, int len)
{
    struct grug *u = arg;

    if (u->in_default || u->data_key >= 0)
        buf_add (&u->text, s, len);
}

static const char *initial (struct grug *u, int attr)
{
    static const char *const usual[NATTR] = {
        [N_ROOT] = "0",
        [N_SIZE] = "1",
        [N_SUBSYSTEM] = "containment",
        [E_SUBSYSTEM] = "containment",
        [E_ID_SCOPE] = "0",
        [E_ID_START] = "0",
        [E_ID_STRIDE] = "1",
        [E_GEN_METHOD] = "MULTIPLY",
        [E_MULTI_SCALE] = "1",
        [E_AS_TGT_SUBSYSTEM] = "containment",
        [E_AS_TGT_UPLVL] = "1",
        [E_AS_SRC_UPLVL] = "1",
    };

    for (uint32_t i = 0; i < u->nkeys; i++)
        if (u->keys[i].attr == attr && u->keys[i].initial)
            return u->keys[i].initial;
    return usual[attr] ? usual[attr] : "";
}

static const char *kind_val (struct grug *u, const struct kind *k, int attr)
{
    return k->val[attr] ? k->val[attr] : initial (u, attr);
}

static const char *rule_val (struct grug *u, const struct rule *r, int attr)
{
    return r->val[attr] ? r->val[attr] : initial (u, attr);
}

static int parse_int (struct grug *u, const char *s, int line, int attr, int64_t min,
                      int64_t max, int64_t *n)
{
    char *end;

    errno = 0;
    *n = strtoll (s, &end, 10);
    end += strspn (end, " \t\r\n");
    if (end == s || *end || errno || *n < min || *n > max) {
        errno = 0;
        return fail (u, line, "%s is not valid: %s", attr_names[attr], s);
    }
    return 0;
}

static int make_vertex (struct grug *u, struct kind *k, int64_t id, uint32_t *out)
{
    struct vertex_spec spec = {
        .type = kind_val (u, k, N_TYPE),
        .basename = kind_val (u, k, N_BASENAME),
        .unit = kind_val (u, k, N_UNIT),
        .id = id,
        .uniq_id = u->g->nv,
        .rank = -1,
    };

    if (!*spec.type)
        return fail (u, k->line, "node %s has no type", k->id);
    if (!*spec.basename)
        spec.basename = spec.type;
    if (parse_int (u, kind_val (u, k, N_SIZE), k->line, N_SIZE, 0, INT64_MAX / 2,
                   &spec.size)
        < 0)
        return -1;
    if (strcmp (spec.type, "node") == 0)
        spec.rank = u->next_rank++;
    if (k->nmade == k->cap) {
        uint32_t cap = k->cap ? k->cap * 2 : 1;
        uint32_t *made = realloc (k->made, (size_t)cap * sizeof (*made));
        if (!made)
            return fail (u, 0, "out of memory");
        k->made = made;
        k->cap = cap;
    }
    *out = graph_add_vertex (u->g, &spec);
    if (*out == VTX_NONE)
        return fail (u, k->line,
                     errno == ERANGE ? "id of %s is too large"
                                     : "too many vertices, at %s",
                     spec.type);
    k->made[k->nmade++] = *out;
    return 0;
}

static int link_vertices (struct grug *u, const struct rule *r, uint32_t from,
                          uint32_t to)
{
    const char *name = rule_val (u, r, E_SUBSYSTEM);

    if (strcmp (name, "containment") == 0) {
        if (graph_attach_also (u->g, from, to, false) < 0 && errno != EEXIST)
            return fail (u, r->line,
                         errno == ELOOP ? "edge makes a cycle" : "too many edges");
        return 0;
    }
    struct subsystem *s = graph_subsystem (u->g, name, true);
    if (!s || graph_add_xedge (u->g, s, from, to) < 0)
        return fail (u, r->line,
                     errno == EOVERFLOW ? "too many edges" : "out of memory");
    return 0;
}

static int multiply (struct grug *u, const struct rule *r, int64_t scale)
{
    struct kind *src = &u->kinds[r->source], *tgt = &u->kinds[r->target];
    int64_t scope, start, stride, within = 1;
    bool contained = strcmp (rule_val (u, r, E_SUBSYSTEM), "containment") == 0;
    uint32_t v;

    if (parse_int (u, rule_val (u, r, E_ID_SCOPE), r->line, E_ID_SCOPE, 0, 1000, &scope)
            < 0
        || parse_int (u, rule_val (u, r, E_ID_START), r->line, E_ID_START, INT32_MIN,
                      INT32_MAX, &start)
               < 0
        || parse_int (u, rule_val (u, r, E_ID_STRIDE), r->line, E_ID_STRIDE, INT32_MIN,
                      INT32_MAX, &stride)
               < 0)
        return -1;
    if ((uint64_t)src->nmade * scale + u->g->nv > u->g->max_vertices)
        return fail (u, r->line, "too many vertices");
    /* Ids count on across the sources within the nearest `scope` levels. */
    for (int64_t i = 0; i < scope && i < u->nscale; i++)
        if (__builtin_mul_overflow (within, u->scale[u->nscale - 1 - i], &within))
            return fail (u, r->line, "too many vertices");
    if (graph_reserve_vertices (u->g, src->nmade * scale) < 0)
        return fail (u, 0, "out of memory");
    for (uint32_t j = 0; j < src->nmade; j++) {
        int64_t base = scope ? j % within * scale * stride : 0;
        if (contained && graph_reserve_children (u->g, src->made[j], scale) < 0)
            return fail (u, 0, "out of memory");
        for (int64_t i = 0; i < scale; i++)
            if (make_vertex (u, tgt, start + base + i * (scope ? stride : 1), &v) < 0
                || link_vertices (u, r, src->made[j], v) < 0)
                return -1;
    }
    return 0;
}

/* The first parent of each vertex in a subsystem. */
static uint32_t *parents (struct grug *u, const char *name)
{
    uint32_t *up = malloc (((size_t)u->g->nv + 1) * sizeof (*up));
    struct subsystem *s = graph_subsystem (u->g, name, false);
    bool contained = strcmp (name, "containment") == 0;

    for (uint32_t v = 0; up && v < u->g->nv; v++)
        up[v] = contained ? u->g->v[v].parent : VTX_NONE;
    for (uint32_t i = 0; up && s && i < s->nedges; i++)
        if (up[s->edge[i].to] == VTX_NONE)
            up[s->edge[i].to] = s->edge[i].from;
    return up;
}

/* The ancestor n levels up, or VTX_NONE. */
static uint32_t above (const uint32_t *up, uint32_t v, int64_t n)
{
    while (n-- > 0 && v != VTX_NONE)
        v = up[v];
    return v;
}

/* Vertices of a type as chains in the order of their numbers: head[top] is the first
 * (+ 1) that has this top, next[v] the one after v. Without paths all are in one. */
struct chains {
    uint32_t *head, *next;
};

static int chain_up (const struct graph *g, uint16_t type, const uint32_t *up,
                     int64_t levels, struct chains *c)
{
    c->head = calloc ((size_t)g->nv + 1, sizeof (*c->head));
    c->next = calloc ((size_t)g->nv + 1, sizeof (*c->next));
    if (!c->head || !c->next)
        return -1;
    for (uint32_t v = g->nv; v-- > 0;) {
        uint32_t top = up ? above (up, v, levels) : 0;
        if (g->v[v].type != type || top == VTX_NONE)
            continue;
        c->next[v] = c->head[top];
        c->head[top] = v + 1;
    }
    return 0;
}

/* up: by path; NULL: all. */
static int associate (struct grug *u, const struct rule *r, const uint32_t *up)
{
    struct kind *src = &u->kinds[r->source], *tgt = &u->kinds[r->target];
    struct chains c = { 0 };
    int64_t tgt_up, src_up;
    int rc = 0;

    if (parse_int (u, rule_val (u, r, E_AS_TGT_UPLVL), r->line, E_AS_TGT_UPLVL, 0,
                   GRAPH_MAX_DEPTH, &tgt_up)
            < 0
        || parse_int (u, rule_val (u, r, E_AS_SRC_UPLVL), r->line, E_AS_SRC_UPLVL, 0,
                      GRAPH_MAX_DEPTH, &src_up)
               < 0)
        return -1;
    if (chain_up (u->g, graph_find_type (u->g, kind_val (u, tgt, N_TYPE)), up, tgt_up,
                  &c)
        < 0)
        rc = fail (u, 0, "out of memory");
    for (uint32_t j = 0; j < src->nmade && rc == 0; j++) {
        uint32_t s = src->made[j], top = up ? above (up, s, src_up) : 0;
        uint32_t i = top == VTX_NONE ? 0 : c.head[top];
        for (; i && rc == 0; i = c.next[i - 1])
            if (i - 1 != s)
                rc = link_vertices (u, r, s, i - 1);
    }
    free (c.head);
    free (c.next);
    return rc;
}

static int associate_by_path (struct grug *u, const struct rule *r)
{
    uint32_t *up = parents (u, rule_val (u, r, E_AS_TGT_SUBSYSTEM));
    int rc;

    if (!up)
        return fail (u, 0, "out of memory");
    rc = associate (u, r, up);
    free (up);
    return rc;
}

static int walk (struct grug *u, uint32_t kind);

static int apply (struct grug *u, const struct rule *r)
{
    struct kind *tgt = &u->kinds[r->target];
    const char *method = rule_val (u, r, E_GEN_METHOD);
    int64_t scale;

    if (!read_wants (u->opt, rule_val (u, r, E_SUBSYSTEM)))
        return 0;
    if (tgt->open && strcmp (method, "MULTIPLY") == 0)
        return fail (u, r->line, "the recipe has a cycle");
    if (parse_int (u, rule_val (u, r, E_MULTI_SCALE), r->line, E_MULTI_SCALE, 0,
                   INT32_MAX, &scale)
        < 0)
        return -1;
    if (strcmp (method, "MULTIPLY") == 0) {
        if (multiply (u, r, scale) < 0)
            return -1;
    } else if (strcmp (method, "ASSOCIATE_IN") == 0) {
        return associate (u, r, NULL);
    } else if (strcmp (method, "ASSOCIATE_BY_PATH_IN") == 0) {
        return associate_by_path (u, r);
    } else {
        return fail (u, r->line, "unknown gen_method: %s", method);
    }
    if (tgt->done)
        return 0;
    if (u->nscale == GRAPH_MAX_DEPTH - 1)
        return fail (u, r->line, "the recipe is too deep");
    u->scale[u->nscale++] = scale;
    int rc = walk (u, r->target);
    u->nscale--;
    return rc;
}

static int walk (struct grug *u, uint32_t kind)
{
    u->kinds[kind].open = true;
    for (uint32_t i = 0; i < u->nrules; i++)
        if (u->rules[i].source == kind && apply (u, &u->rules[i]) < 0)
            return -1;
    u->kinds[kind].open = false;
    u->kinds[kind].done = true;
    return 0;
}

static int make_roots (struct grug *u, bool containment)
{
    for (uint32_t i = 0; i < u->nkinds; i++) {
        struct kind *k = &u->kinds[i];
        const char *name = kind_val (u, k, N_SUBSYSTEM);
        int64_t is_root;
        uint32_t v;
        if (parse_int (u, kind_val (u, k, N_ROOT), k->line, N_ROOT, 0, 1, &is_root) < 0)
            return -1;
        if (!is_root || containment != (strcmp (name, "containment") == 0)
            || !read_wants (u->opt, name))
            continue;
        if (containment && u->g->root != VTX_NONE)
            return fail (u, k->line, "two roots of the containment subsystem");
        if (make_vertex (u, k, 0, &v) < 0)
            return -1;
        if (containment) {
            u->g->root = v;
        } else {
            struct subsystem *s = graph_subsystem (u->g, name, true);
            if (!s)
                return fail (u, 0, "out of memory");
            s->root = v;
        }
        u->nscale = 0;
        if (walk (u, i) < 0)
            return -1;
    }
    return 0;
}

static int generate (struct grug *u)
{
    if (make_roots (u, true) < 0 || make_roots (u, false) < 0)
        return -1;
    if (u->g->root == VTX_NONE)
        return fail (u, 0, "there is no root");
    if (graph_order (u->g) < 0)
        return fail (u, 0, "%s",
                     errno == ELOOP    ? "the edges make a cycle"
                     : errno == EMLINK ? "too many ways to a vertex"
                                       : "it is too deep");
    return 0;
}

static void cleanup (struct grug *u)
{
    for (uint32_t i = 0; i < u->nkeys; i++) {
        free (u->keys[i].id);
        free (u->keys[i].initial);
    }
    for (uint32_t i = 0; i < u->nkinds; i++) {
        free (u->kinds[i].id);
        free (u->kinds[i].made);
        for (int k = 0; k < FIRST_EDGE_ATTR; k++)
            free (u->kinds[i].val[k]);
    }
    for (uint32_t i = 0; i < u->nrules; i++)
        for (int k = 0; k < NATTR; k++)
            free (u->rules[i].val[k]);
    free (u->keys);
    free (u->kinds);
    free (u->rules);
    buf_fini (&u->text);
}

static int parse (struct grug *u, const char *text, size_t len)
{
    if (len > INT32_MAX)
        return fail (u, 0, "too large");
    if (!(u->xml = XML_ParserCreate (NULL)))
        return fail (u, 0, "out of memory");
    XML_SetUserData (u->xml, u);
    XML_SetElementHandler (u->xml, on_start, on_end);
    XML_SetCharacterDataHandler (u->xml, on_text);
    if (XML_Parse (u->xml, text, len, 1) != XML_STATUS_OK && !u->failed)
        fail (u, line_now (u), "%s", XML_ErrorString (XML_GetErrorCode (u->xml)));
    XML_ParserFree (u->xml);
    u->xml = NULL;
    return u->failed ? -1 : 0;
}

int fluxion_read_grug (struct graph *g, const char *text, size_t len,
                       const struct read_options *opt, flux_error_t *error)
{
    struct grug u = { .g = g, .data_key = -1, .opt = opt, .error = error };
    int rc = parse (&u, text, len);

    if (rc == 0)
        rc = generate (&u);
    cleanup (&u);
    return rc;
}

static void put_quoted (struct buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_addc (b, '\\');
        buf_addc (b, *s);
    }
}

static void draw_kind (struct grug *u, const struct kind *k, bool more, struct buf *b)
{
    buf_printf (b, "%u [label=\"", (uint32_t)(k - u->kinds));
    put_quoted (b, kind_val (u, k, N_TYPE));
    for (int i = 0; more && i < FIRST_EDGE_ATTR; i++) {
        buf_printf (b, "\\n%s: ", attr_names[i]);
        put_quoted (b, kind_val (u, k, i));
    }
    buf_adds (b, "\"];\n");
}

static void draw_rule (struct grug *u, const struct rule *r, bool more, struct buf *b)
{
    buf_printf (b, "%u->%u [label=\"", r->source, r->target);
    put_quoted (b, rule_val (u, r, E_SUBSYSTEM));
    buf_addc (b, ':');
    put_quoted (b, rule_val (u, r, E_MULTI_SCALE));
    for (int i = FIRST_EDGE_ATTR; more && i < NATTR; i++) {
        buf_printf (b, "\\n%s: ", attr_names[i]);
        put_quoted (b, rule_val (u, r, i));
    }
    buf_adds (b, "\"];\n");
}

int grug_draw (const char *text, size_t len, bool more, struct buf *b,
               flux_error_t *error)
{
    struct grug u = { .data_key = -1, .error = error };
    int rc = parse (&u, text, len);

    if (rc == 0) {
        buf_adds (b, "digraph G {\n");
        for (uint32_t i = 0; i < u.nkinds; i++)
            draw_kind (&u, &u.kinds[i], more, b);
        for (uint32_t i = 0; i < u.nrules; i++)
            draw_rule (&u, &u.rules[i], more, b);
        buf_adds (b, "}\n");
    }
    cleanup (&u);
    return rc;
}
