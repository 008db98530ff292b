#include "cmd/top/layout.h"

#include "value/fsd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUMMARY_ROWS 6
#define RIGHT_MARGIN 16 /* of the numbers in the summary: " complete," and the like */

static void format_time (char *s, size_t len, double seconds)
{
    if (fsd_format_digits (s, len, seconds > 0 ? seconds : 0, 2) < 0)
        snprintf (s, len, "?");
}

/* --- summary --- */

static void draw_title (const struct top_model *m, double now, struct canvas *c)
{
    char left[32] = "∞";
    int x = (c->width - canvas_text_width (m->path)) / 2;
    if (m->expiration > 0)
        format_time (left, sizeof (left), m->expiration - now);
    canvas_put (c, x > 2 ? x : 2, 0, STYLE_BOLD, m->path);
    canvas_put (c, 0, 0, STYLE_BOLD, "ƒ");
    canvas_put_right (c, c->width - 1, 0, STYLE_PLAIN, left);
}

/* Used from the left, down from the right, numbers over both at the end. */
static void draw_bar (struct canvas *c, int y, const char *name,
                      const struct top_bar *bar)
{
    int x0 = 11, inner = c->width / 2 - 13;
    char text[32];
    if (inner < 10)
        inner = 10;
    canvas_put_right (c, 9, y, STYLE_PLAIN, name);
    canvas_put (c, 10, y, STYLE_BOLD, "[");
    canvas_put (c, x0 + inner, y, STYLE_BOLD, "]");
    snprintf (text, sizeof (text), "%d/%d", bar->used, bar->total);
    int room = inner - (int)strlen (text);
    int used = bar->total ? (int)((long)room * bar->used / bar->total) : 0;
    int down = bar->total ? (int)((long)room * bar->down / bar->total) : 0;
    if (bar->used > 0 && used == 0)
        used = 1;
    if (bar->down > 0 && down == 0)
        down = 1;
    for (int i = 0; i < down && i < room; i++)
        canvas_put (c, x0 + room - 1 - i, y, STYLE_DOWN, "|");
    for (int i = 0; i < used && i < room; i++)
        canvas_put (c, x0 + i, y, STYLE_USED, "|");
    canvas_put_right (c, x0 + inner, y, STYLE_PLAIN, text);
}

static void draw_count (struct canvas *c, int x, int y, int n, const char *what,
                        int style)
{
    char text[32];
    snprintf (text, sizeof (text), "%d", n);
    canvas_put_right (c, x, y, n > 0 ? style : STYLE_PLAIN, text);
    canvas_put (c, x + 1, y, STYLE_PLAIN, what);
}

static void draw_counts (const struct top_model *m, struct canvas *c)
{
    const struct top_counts *q = &m->queues[m->queue];
    int x = c->width - RIGHT_MARGIN + 1;
    if (x < 52) /* no room beside the bars */
        return;
    draw_count (c, x, 1, q->pending, "pending", STYLE_PLAIN);
    draw_count (c, x, 2, q->running, "running", STYLE_PLAIN);
    if (!m->split_inactive || x < 64) {
        draw_count (c, x, 3, q->successful + q->failed, "inactive", STYLE_PLAIN);
        return;
    }
    draw_count (c, x - 17, 3, q->successful, "complete,", STYLE_PLAIN);
    draw_count (c, x, 3, q->failed, "failed", STYLE_BAD);
}

static void draw_queue (const struct top_model *m, struct canvas *c)
{
    char text[128];
    if (m->queue_count < 2)
        return;
    snprintf (text, sizeof (text), "queue: %s (%zu of %zu)",
              m->queue ? m->queues[m->queue].name : "all", m->queue,
              m->queue_count - 1);
    if (!m->queue)
        snprintf (text, sizeof (text), "queue: all of %zu", m->queue_count - 1);
    canvas_put (c, 1, 4, m->queue ? STYLE_BOLD : STYLE_PLAIN, text);
}

static void draw_facts (const struct top_model *m, double now, struct canvas *c)
{
    char text[64], up[32];
    snprintf (text, sizeof (text), "size: %d", m->size);
    canvas_put (c, 1, 5, STYLE_PLAIN, text);
    if (m->depth > 0) {
        snprintf (text, sizeof (text), "depth: %d", m->depth);
        canvas_put (c, 11, 5, STYLE_PLAIN, text);
    }
    if (m->starttime > 0) {
        format_time (up, sizeof (up), now - m->starttime);
        snprintf (text, sizeof (text), "uptime: %s", up);
        canvas_put (c, c->width >= 60 ? 31 : 23, 5, STYLE_PLAIN, text);
    }
    canvas_put_right (c, c->width - 1, 5, STYLE_PLAIN, m->version);
    if (m->heart)
        canvas_put (c, c->width / 2 + 12, 5, STYLE_HEART, "♥");
}

/* --- jobs --- */

struct column {
    const char *title;
    enum top_sort sort;
    int end;   /* column behind it; 0: flows to the right */
    int start; /* of what flows */
};

static const char *const time_titles[] = { "RUNTIME", "WAITING", "RUNTIME" };

static void draw_header (const struct top_model *m, struct canvas *c, int y)
{
    const struct column columns[] = {
        { "JOBID", TOP_SORTS, 12 },     { "USER", TOP_BY_USER, 21 },
        { "ST", TOP_SORTS, 24 },        { "NTASKS", TOP_BY_TASKS, 31 },
        { "NNODES", TOP_BY_NODES, 38 }, { time_titles[m->view], TOP_BY_RUNTIME, 46 },
        { "NAME", TOP_BY_NAME, 0, 47 },
    };
    for (size_t i = 0; i < sizeof (columns) / sizeof (columns[0]); i++) {
        const struct column *col = &columns[i];
        bool by = m->sort == col->sort;
        if (col->end)
            canvas_put_right (c, col->end, y, by ? STYLE_BOLD : STYLE_PLAIN,
                              col->title);
        else
            canvas_put (c, col->start, y, by ? STYLE_BOLD : STYLE_PLAIN, col->title);
        if (by)
            canvas_put (c, col->end ? col->end : col->start + 4, y, STYLE_BOLD,
                        m->reverse ? "▴" : "▾");
    }
    canvas_mark_row (c, y, STYLE_REVERSE);
}

static const char *status (const struct top_job *job)
{
    if (job->state == FLUX_JOB_STATE_INACTIVE)
        return flux_job_resulttostr (job->result, "S");
    return flux_job_statetostr (job->state, "S");
}

static int job_style (const struct top_job *job)
{
    if (job->uri)
        return STYLE_INSTANCE;
    if (job->state != FLUX_JOB_STATE_INACTIVE)
        return STYLE_PLAIN;
    if (job->result == FLUX_JOB_RESULT_COMPLETED)
        return STYLE_GOOD;
    return job->result == FLUX_JOB_RESULT_CANCELED ? STYLE_DIM : STYLE_BAD;
}

static void draw_number (struct canvas *c, int x, int y, int style, int n)
{
    char text[16];
    if (n <= 0)
        return;
    snprintf (text, sizeof (text), "%d", n);
    canvas_put_right (c, x, y, style, text);
}

static void draw_job (const struct top_job *job, double now, struct canvas *c, int y)
{
    char id[32] = "?", time[32];
    int style = job_style (job);
    double t = (job->t_end > 0 ? job->t_end : now) - job->t_begin;
    (void)flux_job_id_encode (job->id, "f58", id, sizeof (id));
    format_time (time, sizeof (time), t);
    canvas_put_right (c, 12, y, style, id);
    canvas_put_right (c, 21, y, style, job->user);
    canvas_put_right (c, 24, y, style, status (job));
    draw_number (c, 31, y, style, job->ntasks);
    draw_number (c, 38, y, style, job->nnodes);
    canvas_put_right (c, 46, y, style, time);
    canvas_put (c, 47, y, style, job->name);
}

/* The cursor is always on the screen. */
static void scroll (struct top_model *m, int rows)
{
    m->page = rows > 0 ? rows : 1;
    if (m->cursor < m->scroll)
        m->scroll = m->cursor;
    if (m->cursor >= m->scroll + m->page)
        m->scroll = m->cursor - m->page + 1;
    if (m->scroll + m->page > m->row_count)
        m->scroll = m->row_count > m->page ? m->row_count - m->page : 0;
}

static void draw_jobs (struct top_model *m, double now, struct canvas *c, int y,
                       int rows)
{
    scroll (m, rows);
    for (int i = 0; i < rows && m->scroll + i < m->row_count; i++) {
        draw_job (m->rows[m->scroll + i], now, c, y + i);
        if (m->scroll + i == m->cursor)
            canvas_mark_row (c, y + i, STYLE_REVERSE);
    }
}

/* --- the last row --- */

static const char *const view_names[] = { "running", "pending", "ended" };

static void draw_state (const struct top_model *m, struct canvas *c, int y)
{
    char text[256];
    size_t max =
        m->filter[0] || m->sort != TOP_BY_TIME ? TOP_ROWS_MAX : TOP_ROWS_DEFAULT;
    int n = snprintf (text, sizeof (text), "%s%zu %s",
                      m->job_count >= max ? "the first " : "", m->row_count,
                      view_names[m->view]);
    if (m->filter[0])
        snprintf (text + n, sizeof (text) - n, " with \"%s\"", m->filter);
    int x = canvas_put (c, 1, y, STYLE_DIM, text);
    const char *keys = "? help  / filter  s sort  v view  c cancel  q quit";
    if (x + 2 + (int)strlen (keys) < c->width)
        canvas_put_right (c, c->width - 1, y, STYLE_DIM, keys);
}

static void draw_status (const struct top_model *m, struct canvas *c, int y)
{
    char text[256], id[32] = "?";
    switch (m->mode) {
    case TOP_TYPING:
        snprintf (text, sizeof (text), "filter: %s▏", m->filter);
        canvas_put (c, 1, y, STYLE_BOLD, text);
        return;
    case TOP_CONFIRM:
        (void)flux_job_id_encode (m->target, "f58", id, sizeof (id));
        snprintf (text, sizeof (text), "cancel %s (%s)? y/n", id, m->target_name);
        canvas_put (c, 1, y, STYLE_BAD, text);
        return;
    default:
        break;
    }
    if (m->message[0])
        canvas_put (c, 1, y, STYLE_BOLD, m->message);
    else
        draw_state (m, c, y);
}

static void draw_help (struct canvas *c, int y, int rows)
{
    static const char *const lines[] = {
        "j k ↓ ↑       move          PgUp PgDn g G   pages, first, last",
        "h l ← →       queues        d               split ended jobs or not",
        "Enter         open the instance at the cursor (blue)",
        "Backspace q   back to the instance around it; q at the top quits",
        "v             running, pending, ended jobs",
        "/             only jobs whose name, user or id has this (Esc: all)",
        "s S           sort by the next column; reverse",
        "c             cancel the job at the cursor, when y confirms it",
        "Ctrl-L        draw everything again",
        "",
        "any key goes on",
    };
    for (int i = 0; i < rows && i < (int)(sizeof (lines) / sizeof (lines[0])); i++)
        canvas_put (c, 4, y + i, STYLE_PLAIN, lines[i]);
}

int top_layout (struct top_model *m, double now, int width, int height,
                struct canvas *c)
{
    int rows = height - SUMMARY_ROWS - 2;
    if (canvas_init (c, width, height) < 0)
        return -1;
    draw_title (m, now, c);
    draw_bar (c, 1, "nodes", &m->nodes);
    draw_bar (c, 2, "cores", &m->cores);
    draw_bar (c, 3, "gpus", &m->gpus);
    draw_counts (m, c);
    draw_queue (m, c);
    draw_facts (m, now, c);
    if (rows > 0) {
        draw_header (m, c, SUMMARY_ROWS);
        if (m->mode == TOP_HELP)
            draw_help (c, SUMMARY_ROWS + 1, rows);
        else
            draw_jobs (m, now, c, SUMMARY_ROWS + 1, rows);
    }
    if (height > 1) {
        for (int x = 0; x < width && rows <= 0; x++)
            canvas_put (c, x, height - 1, STYLE_PLAIN, " ");
        draw_status (m, c, height - 1);
    }
    return 0;
}
