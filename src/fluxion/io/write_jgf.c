/* JSON Graph Format, in two generations and as shorthand. The vertices stand in
 * post-order; each but the root brings the edge from its parent. */
#include <stdlib.h>
#include <string.h>

#include "fluxion/io/writer_impl.h"

static void write_properties (const struct graph *g, uint32_t v, struct buf *b)
{
    const struct properties *p = graph_properties (g, v);

    if (!p || p->count == 0)
        return;
    buf_adds (b, ", \"properties\": {");
    for (uint32_t i = 0; i < p->count; i++) {
        if (i > 0)
            buf_add (b, ", ", 2);
        json_add_text (b, graph_string (g, p->item[i].key));
        buf_add (b, ": ", 2);
        json_add_text (b, graph_string (g, p->item[i].value));
    }
    buf_addc (b, '}');
}

/* The path grows along with the depth: ancestors are not looked up again. */
static void write_path (const struct graph *g, uint32_t v, struct buf *b)
{
    uint32_t chain[GRAPH_MAX_DEPTH + 1];
    char name[GRAPH_NAME_MAX];
    struct buf path = BUF_INIT;
    int n = 0;

    for (; v != VTX_NONE && n <= GRAPH_MAX_DEPTH; v = g->v[v].parent)
        chain[n++] = v;
    while (n-- > 0) {
        buf_addc (&path, '/');
        buf_adds (&path, graph_name (g, chain[n], name));
    }
    b->err |= path.err;
    json_add_string (b, path.data, path.len);
    buf_fini (&path);
}

/* The tree's first, then those of the others that the vertex is in, as they were
 * read. */
static void write_paths (const struct graph *g, uint32_t v, struct buf *b)
{
    bool first = g->nsub > 0 && g->v[v].post == POST_NONE;
    char path[GRAPH_NAME_MAX * 8];

    buf_adds (b, ", \"paths\": {");
    if (!first) {
        json_add_text (b, graph_dominant (g));
        buf_add (b, ": ", 2);
        write_path (g, v, b);
    }
    for (uint32_t i = 0; i < g->nsub; i++) {
        if (graph_xpath (g, &g->sub[i], v, path, sizeof (path)) < 0)
            continue;
        if (!first)
            buf_add (b, ", ", 2);
        first = false;
        json_add_text (b, graph_string (g, g->sub[i].name));
        buf_add (b, ": ", 2);
        json_add_text (b, path);
    }
    buf_addc (b, '}');
}

static void write_common (const struct graph *g, const struct selected *sel,
                          const struct write_info *info, struct buf *b)
{
    write_paths (g, sel->v, b);
    if (sel->label) {
        buf_adds (b, ", \"ephemeral\": {\"label\": ");
        json_add_text (b, sel->label);
        buf_addc (b, '}');
    }
    if (info && info->extra) {
        struct buf extra = BUF_INIT;
        info->extra (sel->v, &extra, info->extra_arg);
        if (extra.len > 0) {
            buf_adds (b, ", \"agfilter\": ");
            buf_add (b, extra.data, extra.len);
        }
        buf_fini (&extra);
    }
}

static void verbose_node (const struct graph *g, const struct selected *sel,
                          const struct write_info *info, struct buf *b)
{
    const struct vertex *v = &g->v[sel->v];
    char name[GRAPH_NAME_MAX];

    buf_adds (b, "{\"id\": \"");
    json_add_int (b, v->uniq_id);
    buf_adds (b, "\", \"metadata\": {\"type\": ");
    json_add_text (b, graph_type_name (g, v->type));
    buf_adds (b, ", \"basename\": ");
    json_add_text (b, graph_string (g, v->basename));
    buf_adds (b, ", \"name\": ");
    json_add_text (b, graph_name (g, sel->v, name));
    buf_adds (b, ", \"id\": ");
    json_add_int (b, v->id);
    buf_adds (b, ", \"uniq_id\": ");
    json_add_int (b, v->uniq_id);
    buf_adds (b, ", \"rank\": ");
    json_add_int (b, v->rank);
    write_properties (g, sel->v, b);
    buf_adds (b, sel->exclusive ? ", \"exclusive\": true" : ", \"exclusive\": false");
    buf_adds (b, ", \"unit\": ");
    json_add_text (b, graph_type_name (g, v->unit));
    buf_adds (b, ", \"size\": ");
    json_add_int (b, sel->needs);
    write_common (g, sel, info, b);
    buf_adds (b, "}}");
}

/* Leaves out what a reader knows by default. */
static void compact_node (const struct graph *g, const struct selected *sel,
                          const struct write_info *info, struct buf *b)
{
    const struct vertex *v = &g->v[sel->v];
    const char *type = graph_type_name (g, v->type);
    const char *basename = graph_string (g, v->basename);
    const char *unit = graph_type_name (g, v->unit);
    char name[GRAPH_NAME_MAX];

    buf_adds (b, "{\"id\": \"");
    json_add_int (b, v->uniq_id);
    buf_adds (b, "\", \"metadata\": {\"type\": ");
    json_add_text (b, type);
    if (strcmp (basename, type) != 0) {
        buf_adds (b, ", \"basename\": ");
        json_add_text (b, basename);
    }
    if (v->name != 0) {
        buf_adds (b, ", \"name\": ");
        json_add_text (b, graph_name (g, sel->v, name));
    }
    buf_adds (b, ", \"id\": ");
    json_add_int (b, v->id);
    buf_adds (b, ", \"rank\": ");
    json_add_int (b, v->rank);
    write_properties (g, sel->v, b);
    if (*unit) {
        buf_adds (b, ", \"unit\": ");
        json_add_text (b, unit);
    }
    if (sel->exclusive)
        buf_adds (b, ", \"exclusive\": true");
    if (sel->needs != 1) {
        buf_adds (b, ", \"size\": ");
        json_add_int (b, sel->needs);
    }
    write_common (g, sel, info, b);
    buf_adds (b, "}}");
}

static void write_edge (const struct graph *g, uint32_t parent, uint32_t v,
                        bool verbose, struct buf *b)
{
    buf_adds (b, "{\"source\": \"");
    json_add_int (b, g->v[parent].uniq_id);
    buf_adds (b, "\", \"target\": \"");
    json_add_int (b, g->v[v].uniq_id);
    if (verbose) {
        buf_adds (b, "\", \"metadata\": {\"name\": {");
        json_add_text (b, graph_dominant (g));
        buf_adds (b, ": \"contains\"}}}");
    } else if (g->dominant) {
        buf_adds (b, "\", \"metadata\": {\"subsystem\": ");
        json_add_text (b, graph_dominant (g));
        buf_adds (b, "}}");
    } else {
        buf_adds (b, "\"}");
    }
}

static bool is_selected (const struct graph *g, const struct selected *sel,
                         uint32_t count, uint32_t v)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (g->v[sel[mid].v].post < g->v[v].post)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < count && g->v[sel[low].v].post == g->v[v].post; low++)
        if (sel[low].v == v)
            return true;
    return false;
}

/* What feeds what, within the selection. */
static void write_xedges (const struct graph *g, const struct selected *sel,
                          uint32_t count, bool verbose, bool first, struct buf *b)
{
    for (uint32_t i = 0; i < g->nsub; i++) {
        const struct subsystem *s = &g->sub[i];
        for (uint32_t k = 0; k < count && s->up_first; k++) {
            uint32_t v = sel[k].v;
            for (uint32_t n = s->up_first[v]; n < s->up_first[v + 1]; n++) {
                if (!is_selected (g, sel, count, s->up[n]))
                    continue;
                if (!first)
                    buf_add (b, ", ", 2);
                first = false;
                buf_adds (b, "{\"source\": \"");
                json_add_int (b, g->v[s->up[n]].uniq_id);
                buf_adds (b, "\", \"target\": \"");
                json_add_int (b, g->v[v].uniq_id);
                buf_adds (b, verbose ? "\", \"metadata\": {\"name\": {"
                                     : "\", \"metadata\": {\"subsystem\": ");
                json_add_text (b, graph_string (g, s->name));
                buf_adds (b, verbose ? ": \"contains\"}}}" : "}}");
            }
        }
    }
}

/* In shorthand, what stands below an exclusive vertex of the selection is left
 * out. exclusive: a bit for each vertex of the graph. */
static bool implied (const struct graph *g, const uint8_t *exclusive, uint32_t v)
{
    for (v = g->v[v].parent; v != VTX_NONE; v = g->v[v].parent)
        if (exclusive[v])
            return true;
    return false;
}

int write_jgf (enum write_format format, const struct graph *g,
               const struct selected *sel, uint32_t count,
               const struct write_info *info, struct buf *b)
{
    bool verbose = format == WRITE_JGF_VERBOSE;
    bool shorthand = format == WRITE_JGF_SHORTHAND;
    uint8_t *exclusive = NULL;
    bool first = true, left_out = false;

    if (shorthand) {
        if (!(exclusive = calloc (g->nv, 1)))
            return -1;
        for (uint32_t i = 0; i < count; i++)
            exclusive[sel[i].v] = sel[i].exclusive;
    }
    buf_adds (b, "{\"graph\": {\"nodes\": [");
    for (uint32_t i = 0; i < count; i++) {
        if (shorthand && implied (g, exclusive, sel[i].v)) {
            left_out = true;
            continue;
        }
        if (!first)
            buf_add (b, ", ", 2);
        first = false;
        if (verbose)
            verbose_node (g, &sel[i], info, b);
        else
            compact_node (g, &sel[i], info, b);
    }
    buf_adds (b, "], \"edges\": [");
    first = true;
    for (uint32_t i = 0; i < count; i++) {
        if (g->v[sel[i].v].parent == VTX_NONE
            || (shorthand && implied (g, exclusive, sel[i].v)))
            continue;
        uint32_t n;
        const uint32_t *up = graph_parents (g, sel[i].v, &n);
        for (uint32_t k = 0; k < n; k++) {
            if (g->nextra && !is_selected (g, sel, count, up[k]))
                continue;
            if (!first)
                buf_add (b, ", ", 2);
            first = false;
            write_edge (g, up[k], sel[i].v, verbose, b);
        }
    }
    if (g->nsub)
        write_xedges (g, sel, count, verbose, first, b);
    buf_adds (b, "]}");
    /* If nothing was left out, it is plain JGF. */
    if (left_out)
        buf_adds (b, ", \"writer\": \"fluxion:jgf_shorthand\"");
    buf_addc (b, '}');
    free (exclusive);
    return 0;
}
