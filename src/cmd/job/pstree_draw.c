#include "cmd/job/pstree_draw.h"

#include <string.h>

static const struct connectors {
    const char *branch;
    const char *last;
    const char *through;
    const char *space;
} connectors[] = {
    [PSTREE_WIDE] = { "├── ", "└── ", "│   ", "    " },
    [PSTREE_COMPACT] = { "├─", "└─", "│ ", "  " },
    [PSTREE_ASCII] = { "|-- ", "`-- ", "|   ", "    " },
};

struct drawing {
    const struct pstree_style *style;
    const struct connectors *c;
    struct buf *out;
    struct buf prefix;
    struct buf label;
};

/* Columns are taken as characters: labels with wide ones are cut a bit late. */
static size_t cut (const char *s, size_t len, int width)
{
    size_t n = 0;

    for (int columns = 0; n < len; n++)
        if ((s[n] & 0xc0) != 0x80 && columns++ == width)
            break;
    return n;
}

static void print_line (struct drawing *d, json_t *job, const char *connector,
                        int count)
{
    size_t start = d->out->len;

    if (d->style->detail)
        d->style->detail (job, d->out, d->style->arg);
    if (d->prefix.len)
        buf_add (d->out, d->prefix.data, d->prefix.len);
    buf_adds (d->out, connector);
    if (count > 1)
        buf_printf (d->out, "%d*[", count);
    d->style->label (job, d->out, d->style->arg);
    if (count > 1)
        buf_addc (d->out, ']');
    if (d->style->width > 0 && !d->out->err)
        d->out->len =
            start + cut (d->out->data + start, d->out->len - start, d->style->width);
    buf_addc (d->out, '\n');
}

static void draw_children (struct drawing *d, json_t *job, bool connected);

static void draw (struct drawing *d, json_t *job, const char *connector,
                  const char *below, int count)
{
    size_t len = d->prefix.len;

    print_line (d, job, connector, count);
    buf_adds (&d->prefix, below);
    draw_children (d, job, true);
    d->prefix.len = len;
}

static const char *get_label (struct drawing *d, json_t *job)
{
    buf_reset (&d->label);
    d->style->label (job, &d->label, d->style->arg);
    return d->label.len ? d->label.data : "";
}

/* What is printed: [job, number of equal ones]. Found by label, in one pass. */
static json_t *combine (struct drawing *d, json_t *children)
{
    json_t *lines = json_array ();
    json_t *seen = json_object ();
    json_t *child;
    size_t i;

    json_array_foreach (children, i, child) {
        bool leaf = !json_object_get (child, "children") && d->style->combine;
        const char *label = leaf ? get_label (d, child) : NULL;
        json_t *line = leaf ? json_object_get (seen, label) : NULL;
        if (line) {
            json_t *n = json_array_get (line, 1);
            json_integer_set (n, json_integer_value (n) + 1);
            continue;
        }
        line = json_pack ("[O,i]", child, 1);
        if (leaf)
            json_object_set (seen, label, line);
        json_array_append_new (lines, line);
    }
    json_decref (seen);
    return lines;
}

static void draw_children (struct drawing *d, json_t *job, bool connected)
{
    json_t *lines = combine (d, json_object_get (job, "children"));
    json_t *line;
    size_t i;

    json_array_foreach (lines, i, line) {
        bool last = i + 1 == json_array_size (lines);
        json_t *child = json_array_get (line, 0);
        int count = json_integer_value (json_array_get (line, 1));
        if (!connected)
            draw (d, child, "", "", count);
        else
            draw (d, child, last ? d->c->last : d->c->branch,
                  last ? d->c->space : d->c->through, count);
    }
    json_decref (lines);
}

void pstree_draw (json_t *root, const struct pstree_style *style, struct buf *out)
{
    struct drawing d = {
        .style = style,
        .c = &connectors[style->connectors],
        .out = out,
        .prefix = BUF_INIT,
        .label = BUF_INIT,
    };

    if (style->skip_root)
        draw_children (&d, root, false);
    else
        draw (&d, root, "", "", 1);
    buf_fini (&d.prefix);
    buf_fini (&d.label);
}
