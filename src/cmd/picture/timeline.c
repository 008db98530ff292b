#include "cmd/picture/timeline.h"
#include "base/sort.h"
#include "cmd/picture/svg.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT 110.0 /* labels of rows */
#define RIGHT 24.0
#define TOP 64.0
#define BOTTOM 40.0
#define PLOT 1000.0

struct row {
    char *node;
    int core;
    bool first; /* of its node */
    int line;   /* where it is drawn */
};

struct bar {
    struct timeline_bar b; /* texts are owned */
    int *rows;
    size_t count;
};

struct timeline {
    struct row *rows;
    int row_count;
    struct bar *bars;
    size_t bar_count;
    int lines;
    double start, end;
    double height; /* of a line */
    bool by_node;
    enum timeline_colors colors;
};

struct timeline *timeline_create (void)
{
    return calloc (1, sizeof (struct timeline));
}

static void free_bar (struct bar *b)
{
    free ((char *)b->b.name);
    free ((char *)b->b.id);
    free ((char *)b->b.state);
    free (b->rows);
}

void timeline_destroy (struct timeline *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->row_count; i++)
        free (t->rows[i].node);
    for (size_t i = 0; i < t->bar_count; i++)
        free_bar (&t->bars[i]);
    free (t->rows);
    free (t->bars);
    free (t);
}

/* Room for one more of an array whose size doubles at powers of two. */
static void *grow (void *array, size_t count, size_t size)
{
    if (count & (count - 1))
        return array;
    return realloc (array, (count ? 2 * count : 1) * size);
}

int timeline_add_row (struct timeline *t, const char *node, int core)
{
    struct row *rows = grow (t->rows, t->row_count, sizeof (*rows));
    char *name = strdup (node);

    if (rows)
        t->rows = rows;
    if (!rows || !name) {
        free (name);
        errno = ENOMEM;
        return -1;
    }
    rows[t->row_count] = (struct row){
        .node = name,
        .core = core,
        .first = t->row_count == 0 || strcmp (rows[t->row_count - 1].node, node) != 0
                 || core <= rows[t->row_count - 1].core,
    };
    return t->row_count++;
}

int timeline_add_bar (struct timeline *t, const struct timeline_bar *bar,
                      const int *rows, size_t count)
{
    struct bar *bars = grow (t->bars, t->bar_count, sizeof (*bars));
    struct bar *b;

    if (!bars)
        return -1;
    t->bars = bars;
    b = &bars[t->bar_count];
    *b = (struct bar){ .b = *bar, .count = count };
    b->b.name = strdup (bar->name);
    b->b.id = strdup (bar->id);
    b->b.state = strdup (bar->state);
    b->rows = malloc ((count + 1) * sizeof (*rows));
    if (!b->b.name || !b->b.id || !b->b.state || !b->rows) {
        free_bar (b);
        errno = ENOMEM;
        return -1;
    }
    memcpy (b->rows, rows, count * sizeof (*rows));
    t->bar_count++;
    return 0;
}

/* --- where things are --- */

static void place_rows (struct timeline *t)
{
    bool by_node = t->row_count > TIMELINE_MAX_ROWS;
    int line = -1;

    t->by_node = by_node;
    for (int i = 0; i < t->row_count; i++) {
        if (!by_node || t->rows[i].first)
            line++;
        t->rows[i].line = line;
    }
    t->lines = line + 1;
    t->height = t->lines <= 16 ? 26 : t->lines <= 64 ? 16 : t->lines <= 160 ? 9 : 6;
}

static void find_span (struct timeline *t)
{
    t->start = INFINITY;
    t->end = -INFINITY;
    for (size_t i = 0; i < t->bar_count; i++) {
        t->start = fmin (t->start, t->bars[i].b.start);
        t->end = fmax (t->end, t->bars[i].b.end);
    }
    if (t->bar_count == 0)
        t->start = t->end = 0;
    if (t->end - t->start < 1e-3)
        t->end = t->start + 1e-3;
}

static double at (const struct timeline *t, double time)
{
    return LEFT + (time - t->start) / (t->end - t->start) * PLOT;
}

static double line_y (const struct timeline *t, int line)
{
    return TOP + line * t->height;
}

/* --- axes --- */

static void format_time (char *buf, size_t len, double s, double step)
{
    if (step >= 3600)
        snprintf (buf, len, "%.4g h", s / 3600);
    else if (step >= 60)
        snprintf (buf, len, "%.4g min", s / 60);
    else if (step >= 1 || s == 0)
        snprintf (buf, len, "%.6g s", s);
    else
        snprintf (buf, len, "%.6g ms", s * 1000);
}

/* 1, 2, 5 times a power of ten; above a minute what clocks are divided by. */
static double choose_step (double span)
{
    static const double clock[] = { 60, 120, 300, 600, 1200, 3600, 7200, 21600, 86400 };
    double rough = span / 8;
    double base = pow (10, floor (log10 (rough)));

    for (size_t i = 0; rough > 30 && i < sizeof (clock) / sizeof (clock[0]); i++)
        if (clock[i] >= rough)
            return clock[i];
    if (rough > 86400)
        return ceil (rough / 86400) * 86400;
    return rough <= base       ? base
           : rough <= 2 * base ? 2 * base
           : rough <= 5 * base ? 5 * base
                               : 10 * base;
}

static void draw_axis (struct timeline *t, struct buf *out)
{
    double span = t->end - t->start;
    double step = choose_step (span);
    double bottom = line_y (t, t->lines);
    char text[32];

    for (int i = 0; i * step <= span * 1.0001; i++) {
        double x = at (t, t->start + i * step);
        svg_line (out, x, TOP - 4, x, bottom);
        format_time (text, sizeof (text), i * step, step);
        svg_text (out, x, bottom + 18, 11, SVG_MIDDLE, SVG_MUTED, text);
    }
}

/* Labels stand no closer than they are high. */
static void draw_rows (struct timeline *t, struct buf *out)
{
    double next = -1;
    char text[300];

    for (int i = 0; i < t->row_count; i++) {
        const struct row *r = &t->rows[i];
        double y = line_y (t, r->line);
        if (i > 0 && r->line == t->rows[i - 1].line)
            continue;
        if (r->line % 2 == 0)
            svg_rect (out, LEFT, y, PLOT, t->height, 0, SVG_ROW, NULL);
        if (y < next && !(r->first && y > next - 8))
            continue;
        if (t->by_node)
            snprintf (text, sizeof (text), "%s", r->node);
        else
            snprintf (text, sizeof (text), "%s core %d", r->first ? r->node : "",
                      r->core);
        svg_text (out, LEFT - 8, y + t->height / 2 + 4, 11, SVG_END,
                  r->first ? 0 : SVG_MUTED, svg_fit (text, 11, LEFT - 10));
        next = y + 13;
    }
}

/* --- bars --- */

static int bar_class (const struct timeline *t, const struct timeline_bar *b)
{
    if (b->box)
        return SVG_FRAME;
    if (t->colors == TIMELINE_BY_NAME)
        return svg_class_of (b->name);
    return !strcmp (b->state, "CD")   ? SVG_GOOD
           : !strcmp (b->state, "R")  ? SVG_BUSY
           : !strcmp (b->state, "CA") ? SVG_IDLE
                                      : SVG_BAD;
}

static int compare_ints (const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Rows to lines, sorted, each once. */
static size_t find_lines (const struct timeline *t, const struct bar *b, int *lines)
{
    size_t n = 0;

    for (size_t i = 0; i < b->count; i++)
        lines[i] = t->rows[b->rows[i]].line;
    sort_array (lines, b->count, sizeof (*lines), compare_ints);
    for (size_t i = 0; i < b->count; i++)
        if (n == 0 || lines[i] != lines[n - 1])
            lines[n++] = lines[i];
    return n;
}

/* One rectangle for lines that follow each other. */
static void draw_piece (struct timeline *t, const struct bar *b, int first, int count,
                        struct buf *out)
{
    double inset = b->b.box ? b->b.depth : fmin (1.5 + b->b.depth, t->height / 5);
    double x = at (t, b->b.start);
    double w = fmax (at (t, b->b.end) - x, 1);
    double y = line_y (t, first) + inset;
    double h = fmax (count * t->height - 2 * inset, 1);
    char tip[512], text[32];
    double span = b->b.end - b->b.start;

    format_time (text, sizeof (text), span, span);
    snprintf (tip, sizeof (tip), "%s %s %s, %s", b->b.name, b->b.id, b->b.state, text);
    svg_rect (out, x, y, w, h, fmin (3, h / 4), bar_class (t, &b->b), tip);
    if (!b->b.box && h >= 10 && w >= 24)
        svg_text (out, x + 4, y + h / 2 + 3.5, 10, SVG_START, SVG_ON_FILL,
                  svg_fit (b->b.name, 10, w - 6));
}

static void draw_bar (struct timeline *t, const struct bar *b, struct buf *out)
{
    int *lines = malloc ((b->count + 1) * sizeof (*lines));
    size_t n = lines ? find_lines (t, b, lines) : 0;

    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && lines[k] == lines[k - 1] + 1; k++)
            ;
        draw_piece (t, b, lines[i], k - i, out);
    }
    free (lines);
}

/* Frames first, the outer ones before the inner ones. */
static int compare_bars (const void *va, const void *vb)
{
    const struct bar *a = va;
    const struct bar *b = vb;

    if (!a->b.box != !b->b.box)
        return !a->b.box - !b->b.box;
    if (a->b.depth != b->b.depth)
        return a->b.depth - b->b.depth;
    return (a->b.start > b->b.start) - (a->b.start < b->b.start);
}

/* --- what the colors mean --- */

static double draw_key (struct buf *out, double x, int class, const char *text)
{
    svg_rect (out, x, TOP - 24, 11, 11, 2, class, NULL);
    svg_text (out, x + 16, TOP - 14, 11, SVG_START, 0, svg_fit (text, 11, 160));
    return x + 34 + strlen (svg_fit (text, 11, 160)) * 6.2;
}

static void draw_keys (struct timeline *t, struct buf *out)
{
    static const char *const states[] = { "CD", "R", "F", "CA" };
    static const char *const names[] = { "completed", "running", "failed", "canceled" };
    const char *shown[16];
    size_t n = 0;
    double x = LEFT;

    for (int i = 0; t->colors == TIMELINE_BY_STATE && i < 4; i++) {
        struct timeline_bar b = { .name = "", .state = states[i] };
        x = draw_key (out, x, bar_class (t, &b), names[i]);
    }
    for (size_t i = 0; t->colors == TIMELINE_BY_NAME && i < t->bar_count; i++) {
        const struct timeline_bar *b = &t->bars[i].b;
        size_t k = 0;
        while (k < n && strcmp (shown[k], b->name) != 0)
            k++;
        if (b->box || k < n || n == 16 || x > LEFT + PLOT - 120)
            continue;
        shown[n++] = b->name;
        x = draw_key (out, x, bar_class (t, b), b->name);
    }
}

void timeline_draw (struct timeline *t, const char *title, enum timeline_colors colors,
                    struct buf *out)
{
    char text[160];

    t->colors = colors;
    place_rows (t);
    find_span (t);
    sort_array (t->bars, t->bar_count, sizeof (*t->bars), compare_bars);
    svg_begin (out, LEFT + PLOT + RIGHT, line_y (t, t->lines) + BOTTOM, title);
    svg_text (out, LEFT, 24, 15, SVG_START, SVG_BOLD, svg_fit (title, 15, PLOT - 260));
    snprintf (text, sizeof (text), "%zu jobs on %d cores", t->bar_count, t->row_count);
    svg_text (out, LEFT + PLOT, 24, 12, SVG_END, SVG_MUTED, text);
    draw_rows (t, out);
    draw_axis (t, out);
    draw_keys (t, out);
    for (size_t i = 0; i < t->bar_count; i++)
        draw_bar (t, &t->bars[i], out);
    svg_end (out);
}
