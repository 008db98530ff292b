#include "cmd/hierarchy/view.h"
#include "cmd/picture/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLUE "\033[94m"
#define CYAN "\033[96m"
#define GREEN "\033[92m"
#define BOLD "\033[1m"
#define END "\033[0m"

void view_resources (const struct hier_resources *r, struct buf *out)
{
    const struct {
        const char *name;
        int value;
    } parts[] = { { "Nodes", r->nodes }, { "Cores", r->cores }, { "Tasks", r->count } };
    const char *comma = "";

    for (int i = 0; i < 3; i++) {
        if (parts[i].value)
            buf_printf (out, "%s%s: %d", comma, parts[i].name, parts[i].value);
        if (parts[i].value)
            comma = ", ";
    }
}

/* --- text --- */

struct text_view {
    struct buf *out;
    bool colors;
    bool last[64]; /* of the ancestors, by depth */
};

static int print_line (const struct hier_instance *i, void *arg)
{
    struct text_view *v = arg;
    struct buf *out = v->out;

    v->last[i->depth] = i->last;
    for (int d = 0; d < i->depth; d++)
        buf_adds (out, v->last[d] ? "    " : "│   ");
    if (i->depth)
        buf_adds (out, i->last ? "└── " : "├── ");
    if (v->colors)
        buf_printf (out, "%s%s", i->group->leaf ? GREEN : BLUE, i->depth ? "" : BOLD);
    buf_printf (out, "%s%s [", i->group->name, v->colors ? END : "");
    view_resources (i->group->resources, out);
    buf_adds (out, "]\n");
    return 0;
}

void view_text (const struct hierarchy *t, bool colors, struct buf *out)
{
    struct text_view v = { .out = out, .colors = colors };

    buf_printf (out, "=> %s\n🌿 Leaf Broker Workers...%s{}\n", colors ? CYAN : "",
                colors ? END : "");
    hierarchy_walk (t, print_line, &v);
}

/* --- JSON --- */

/* The children lists of the ancestors: parents come first. */
struct json_view {
    json_t *root;
    json_t *children[64];
};

static json_t *resources_json (const struct hier_resources *r)
{
    json_t *o = json_object ();

    if (r->nodes)
        json_object_set_new (o, "nodes", json_integer (r->nodes));
    if (r->cores)
        json_object_set_new (o, "cores", json_integer (r->cores));
    if (r->count)
        json_object_set_new (o, "count", json_integer (r->count));
    if (r->exclusive)
        json_object_set_new (o, "exclusive", json_true ());
    return o;
}

static int add_json (const struct hier_instance *i, void *arg)
{
    struct json_view *v = arg;
    json_t *children = json_array ();
    json_t *o = json_pack ("{s:s s:s s:b s:o s:o}", "id", i->id, "group",
                           i->group->name, "leaf", i->group->leaf, "resources",
                           resources_json (i->group->resources), "children", children);
    if (!o)
        return -1;
    v->children[i->depth] = children;
    if (i->depth == 0)
        v->root = o;
    else
        json_array_append_new (v->children[i->depth - 1], o);
    return 0;
}

void view_json (const struct hierarchy *t, struct buf *out)
{
    const struct hier_group *g = &t->groups[t->entry];
    struct json_view v = { 0 };
    json_t *o;
    char *s;

    hierarchy_walk (t, add_json, &v);
    o = json_pack ("{s:s s:i s:i s:o}", "entrypoint", g->name, "instances",
                   g->instances, "leaves", g->leaves, "tree", v.root);
    s = o ? json_dumps (o, JSON_INDENT (2)) : NULL;
    buf_adds (out, s ? s : "");
    buf_addc (out, '\n');
    free (s);
    json_decref (o);
}

/* --- dot --- */

static void add_quoted (struct buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_addc (out, '\\');
        buf_addc (out, (unsigned char)*s < ' ' ? ' ' : *s);
    }
}

static int add_dot (const struct hier_instance *i, void *arg)
{
    struct buf *out = arg;
    const char *dash = strrchr (i->id, '-');

    buf_printf (out, "  \"%s\" [label=\"", i->id);
    add_quoted (out, i->group->name);
    buf_adds (out, "\\n");
    view_resources (i->group->resources, out);
    buf_printf (out, "\"%s];\n", i->group->leaf ? ", fillcolor=\"#cfe8d5\"" : "");
    if (dash)
        buf_printf (out, "  \"%.*s\" -> \"%s\";\n", (int)(dash - i->id), i->id, i->id);
    return 0;
}

void view_dot (const struct hierarchy *t, struct buf *out)
{
    buf_adds (out, "digraph hierarchy {\n"
                   "  node [shape=box, style=\"rounded,filled\", "
                   "fillcolor=\"#d6e4f5\", fontname=\"sans-serif\"];\n");
    hierarchy_walk (t, add_dot, out);
    buf_adds (out, "}\n");
}

/* --- boxes --- */

#define LEAF_W 104.0
#define LEAF_H 40.0
#define PAD 10.0
#define HEAD 38.0

struct box {
    double w, h;
    int columns;
    double cell_w, cell_h; /* of the largest child: a grid stays a grid */
};

static void measure_box (const struct hierarchy *t, const struct hier_group *g,
                         struct box *box)
{
    int count = 0;

    *box = (struct box){ .w = LEAF_W, .h = LEAF_H };
    for (int i = 0; i < g->launch_count; i++) {
        struct box child;
        measure_box (t, &t->groups[g->launch[i].group], &child);
        box->cell_w = fmax (box->cell_w, child.w);
        box->cell_h = fmax (box->cell_h, child.h);
        count += g->launch[i].count;
    }
    if (!count)
        return;
    /* About as wide as a slide. */
    box->columns = lround (ceil (sqrt (count * 1.6 * box->cell_h / box->cell_w)));
    box->columns = box->columns < 1 ? 1 : box->columns > count ? count : box->columns;
    int rows = (count + box->columns - 1) / box->columns;
    box->w = fmax (LEAF_W, box->columns * (box->cell_w + PAD) + PAD);
    box->h = HEAD + rows * (box->cell_h + PAD);
}

static void draw_label (struct buf *out, const char *id, const struct hier_group *g,
                        double x, double y, double w)
{
    struct buf tip = BUF_INIT;
    int on = g->leaf ? SVG_ON_FILL : 0;

    view_resources (g->resources, &tip);
    svg_text (out, x + 8, y + 16, 12, SVG_START, SVG_BOLD | on,
              svg_fit (g->name, 12, w - 16 - 7.0 * strlen (id)));
    svg_text (out, x + w - 8, y + 16, 10, SVG_END, on ? on : SVG_MUTED, id);
    svg_text (out, x + 8, y + 31, 10, SVG_START, on ? on : SVG_MUTED,
              svg_fit (tip.data ? tip.data : "", 10, w - 12));
    buf_fini (&tip);
}

struct drawing {
    const struct hierarchy *t;
    struct buf *out;
};

static void draw_box (struct drawing *d, const struct hier_group *g, const char *id,
                      double x, double y)
{
    struct box box;
    char child[HIER_ID_SIZE];
    int n = 0;

    measure_box (d->t, g, &box);
    svg_rect (d->out, x, y, box.w, box.h, 6,
              g->leaf ? svg_class_of (g->name) : SVG_FRAME, id);
    draw_label (d->out, id, g, x, y, box.w);
    for (int i = 0; i < g->launch_count; i++) {
        for (int k = 0; k < g->launch[i].count; k++, n++) {
            snprintf (child, sizeof (child), "%s-%d", id, n);
            draw_box (d, &d->t->groups[g->launch[i].group], child,
                      x + PAD + n % box.columns * (box.cell_w + PAD),
                      y + HEAD + n / box.columns * (box.cell_h + PAD));
        }
    }
}

void view_svg (const struct hierarchy *t, struct buf *out)
{
    struct drawing d = { t, out };
    struct box box;

    measure_box (t, &t->groups[t->entry], &box);
    svg_begin (out, box.w + 2 * PAD, box.h + 2 * PAD, t->groups[t->entry].name);
    draw_box (&d, &t->groups[t->entry], "0", PAD, PAD);
    svg_end (out);
}
