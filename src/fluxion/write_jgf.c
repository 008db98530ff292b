#include "fluxion/write_priv.h"

#include <stdlib.h>
#include <string.h>

/* Paths are made from the path of the parent, which post-order keeps near. */
struct paths {
    char text[GRAPH_MAX_DEPTH * 64];
    uint32_t of; /* vertex whose path is in text */
    size_t len;
};

static void write_path (const struct graph *g, uint32_t v, struct paths *p,
                        struct buf *b)
{
    char name[GRAPH_NAME_MAX], whole[GRAPH_MAX_DEPTH * GRAPH_NAME_MAX];
    uint32_t parent = g->v[v].parent;

    if (parent != VTX_NONE && p->of != parent) {
        p->of = VTX_NONE;
        if (graph_path (g, parent, p->text, sizeof (p->text)) == 0) {
            p->of = parent;
            p->len = strlen (p->text);
        }
    }
    buf_addc (b, '"');
    const char *last = graph_name (g, v, name);
    size_t len = strlen (last);
    bool plain = true;
    for (size_t i = 0; i < len; i++)
        plain &= (unsigned char)last[i] >= 0x20 && last[i] != '"' && last[i] != '\\';
    if (parent == VTX_NONE && plain) {
        buf_addc (b, '/');
        buf_add (b, last, len);
    } else if (p->of == parent && plain && !strpbrk (p->text, "\"\\")) {
        buf_add (b, p->text, p->len);
        buf_addc (b, '/');
        buf_add (b, last, len);
    } else {
        b->len--;
        graph_path (g, v, whole, sizeof (whole));
        write_string (b, whole);
        return;
    }
    buf_addc (b, '"');
}

static void write_pair (struct buf *b, const char *key, const char *val)
{
    buf_adds (b, key);
    write_string (b, val);
}

static void write_number (struct buf *b, const char *key, int64_t n)
{
    buf_adds (b, key);
    write_int (b, n);
}

static void write_properties (const struct graph *g, uint32_t v, struct buf *b)
{
    const struct properties *p = graph_properties (g, v);

    if (p->count == 0)
        return;
    buf_adds (b, ", \"properties\": {");
    for (uint32_t i = 0; i < p->count; i++) {
        if (i)
            buf_adds (b, ", ");
        write_string (b, graph_string (g, p->item[i].key));
        buf_adds (b, ": ");
        write_string (b, graph_string (g, p->item[i].value));
    }
    buf_addc (b, '}');
}

static void write_all_keys (const struct graph *g, const struct selected *s,
                            struct buf *b)
{
    const struct vertex *x = &g->v[s->v];
    char name[GRAPH_NAME_MAX];

    write_pair (b, "{\"type\": ", graph_type_name (g, x->type));
    write_pair (b, ", \"basename\": ", graph_string (g, x->basename));
    write_pair (b, ", \"name\": ", graph_name (g, s->v, name));
    write_number (b, ", \"id\": ", x->id);
    write_number (b, ", \"uniq_id\": ", x->uniq_id);
    write_number (b, ", \"rank\": ", x->rank);
    write_properties (g, s->v, b);
    buf_adds (b, s->exclusive ? ", \"exclusive\": true" : ", \"exclusive\": false");
    write_pair (b, ", \"unit\": ", graph_type_name (g, x->unit));
    write_number (b, ", \"size\": ", s->needs);
}

static void write_few_keys (const struct graph *g, const struct selected *s,
                            struct buf *b)
{
    const struct vertex *x = &g->v[s->v];
    char name[GRAPH_NAME_MAX];

    write_pair (b, "{\"type\": ", graph_type_name (g, x->type));
    if (strcmp (graph_string (g, x->basename), graph_type_name (g, x->type)) != 0)
        write_pair (b, ", \"basename\": ", graph_string (g, x->basename));
    if (x->name)
        write_pair (b, ", \"name\": ", graph_name (g, s->v, name));
    write_number (b, ", \"id\": ", x->id);
    write_number (b, ", \"rank\": ", x->rank);
    write_properties (g, s->v, b);
    if (x->unit)
        write_pair (b, ", \"unit\": ", graph_type_name (g, x->unit));
    if (s->exclusive)
        buf_adds (b, ", \"exclusive\": true");
    if (s->needs != 1)
        write_number (b, ", \"size\": ", s->needs);
}

static void write_node (enum write_format format, const struct graph *g,
                        const struct selected *s, const struct write_info *info,
                        struct paths *p, struct buf *b)
{
    buf_adds (b, "{\"id\": \"");
    write_int (b, g->v[s->v].uniq_id);
    buf_adds (b, "\", \"metadata\": ");
    if (format == WRITE_JGF_VERBOSE)
        write_all_keys (g, s, b);
    else
        write_few_keys (g, s, b);
    buf_adds (b, ", \"paths\": {\"containment\": ");
    write_path (g, s->v, p, b);
    buf_addc (b, '}');
    if (s->label) {
        buf_adds (b, ", \"ephemeral\": {\"label\": ");
        write_string (b, s->label);
        buf_addc (b, '}');
    }
    if (info->extra) {
        size_t was = b->len;
        buf_adds (b, ", \"agfilter\": ");
        size_t start = b->len;
        info->extra (s->v, b, info->extra_arg);
        if (b->len == start)
            b->len = was;
    }
    buf_adds (b, "}}");
}

static void write_edge (enum write_format format, const struct graph *g, uint32_t v,
                        struct buf *b)
{
    buf_adds (b, "{\"source\": \"");
    write_int (b, g->v[g->v[v].parent].uniq_id);
    buf_adds (b, "\", \"target\": \"");
    write_int (b, g->v[v].uniq_id);
    if (format == WRITE_JGF_VERBOSE)
        buf_adds (b, "\", \"metadata\": {\"name\": {\"containment\": \"contains\"}}}");
    else
        buf_adds (b, "\"}");
}

/* Shorthand: an exclusive vertex stands for all that is below it. Going backwards
 * through post-order, what is below v comes right after v. */
static uint8_t *hidden (const struct graph *g, const struct selected *sel,
                        uint32_t count)
{
    uint8_t *hide = calloc (count, 1);

    for (uint32_t i = count; hide && i-- > 0;) {
        const struct vertex *x = &g->v[sel[i].v];
        if (!sel[i].exclusive || hide[i])
            continue;
        for (uint32_t k = i; k-- > 0 && g->v[sel[k].v].post > x->post - x->nbelow;)
            hide[k] = 1;
    }
    return hide;
}

void write_jgf (enum write_format format, const struct graph *g,
                const struct selected *sel, uint32_t count,
                const struct write_info *info, struct buf *b)
{
    uint8_t *hide = NULL;
    struct paths p = { .of = VTX_NONE };
    const char *comma = "";

    if (format == WRITE_JGF_SHORTHAND && !(hide = hidden (g, sel, count))) {
        b->err = ENOMEM;
        return;
    }
    buf_adds (b, "{\"graph\": {\"nodes\": [");
    for (uint32_t i = 0; i < count; i++) {
        if (hide && hide[i])
            continue;
        buf_adds (b, comma);
        write_node (format, g, &sel[i], info, &p, b);
        comma = ", ";
    }
    buf_adds (b, "], \"edges\": [");
    comma = "";
    for (uint32_t i = 0; i < count; i++) {
        if ((hide && hide[i]) || g->v[sel[i].v].parent == VTX_NONE)
            continue;
        buf_adds (b, comma);
        write_edge (format, g, sel[i].v, b);
        comma = ", ";
    }
    buf_adds (b, "]}");
    if (format == WRITE_JGF_SHORTHAND)
        buf_adds (b, ", \"writer\": \"fluxion:jgf_shorthand\"");
    buf_addc (b, '}');
    free (hide);
}
