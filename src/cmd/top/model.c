#include "cmd/top/model.h"

#include "base/buf.h"
#include "base/sort.h"
#include "base/text/printable.h"
#include "value/resource/rset.h"

#include <errno.h>
#include <flux/idset.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

int top_init (struct top_model *m, const char *path, uint32_t userid,
              const char *(*username) (uint32_t userid))
{
    memset (m, 0, sizeof (*m));
    m->userid = userid;
    m->username = username;
    m->path = strdup (path);
    m->queues = calloc (1, sizeof (*m->queues));
    m->queue_count = 1;
    m->page = 1;
    m->split_inactive = true;
    if (!m->path || !m->queues) {
        top_fini (m);
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

static void free_jobs (struct top_model *m)
{
    for (size_t i = 0; i < m->job_count; i++) {
        free (m->jobs[i].name);
        free (m->jobs[i].uri);
    }
    free (m->jobs);
    free (m->rows);
    m->jobs = NULL;
    m->rows = NULL;
    m->job_count = m->row_count = 0;
}

void top_fini (struct top_model *m)
{
    free_jobs (m);
    for (size_t i = 0; m->queues && i < m->queue_count; i++)
        json_decref (m->queues[i].requires);
    free (m->queues);
    free (m->path);
    json_decref (m->resources);
    memset (m, 0, sizeof (*m));
}

void top_say (struct top_model *m, const char *fmt, ...)
{
    char text[sizeof (m->message)];
    struct buf b = BUF_INIT;
    va_list ap;
    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    buf_add_printable (&b, text, strlen (text), 0);
    snprintf (m->message, sizeof (m->message), "%s", b.data ? b.data : "");
    buf_fini (&b);
}

/* --- queues --- */

int top_set_queues (struct top_model *m, json_t *queues)
{
    const char *name;
    json_t *o;
    struct top_counts *all;

    for (size_t i = 1; i < m->queue_count; i++)
        json_decref (m->queues[i].requires);
    m->queue_count = 1;
    if (!(all = realloc (m->queues, (1 + json_object_size (queues)) * sizeof (*all))))
        return -1;
    m->queues = all;
    json_object_foreach (queues, name, o) {
        struct top_counts *q = &all[m->queue_count];
        memset (q, 0, sizeof (*q));
        if ((size_t)snprintf (q->name, sizeof (q->name), "%s", name)
            >= sizeof (q->name))
            continue;
        q->requires = json_incref (json_object_get (o, "requires"));
        m->queue_count++;
    }
    if (m->queue >= m->queue_count)
        m->queue = 0;
    return 0;
}

int top_select_queue (struct top_model *m, const char *name)
{
    for (size_t i = 1; i < m->queue_count; i++) {
        if (!strcmp (m->queues[i].name, name)) {
            m->queue = i;
            return 0;
        }
    }
    return -1;
}

static struct top_counts *find_queue (struct top_model *m, const char *name)
{
    for (size_t i = 1; name && i < m->queue_count; i++) {
        if (!strcmp (m->queues[i].name, name))
            return &m->queues[i];
    }
    return NULL;
}

static void take_counts (struct top_counts *c, json_t *o)
{
    int depend = 0, priority = 0, sched = 0, run = 0, cleanup = 0, inactive = 0;
    int successful = 0;
    if (json_unpack (o, "{s:{s?i s?i s?i s?i s?i s?i} s?i}", "job_states", "depend",
                     &depend, "priority", &priority, "sched", &sched, "run", &run,
                     "cleanup", &cleanup, "inactive", &inactive, "successful",
                     &successful)
        < 0)
        return;
    c->pending = depend + priority + sched;
    c->running = run + cleanup;
    c->successful = successful;
    c->failed = inactive - successful;
}

void top_stats (struct top_model *m, json_t *o)
{
    json_t *q;
    size_t i;
    take_counts (&m->queues[0], o);
    json_array_foreach (json_object_get (o, "queues"), i, q) {
        const char *name = json_string_value (json_object_get (q, "name"));
        struct top_counts *c = find_queue (m, name);
        if (c)
            take_counts (c, q);
    }
}

/* --- resources --- */

static struct rset *decode (json_t *o, const char *name)
{
    json_t *r = json_object_get (o, name);
    struct rset *rs = r && !json_is_null (r) ? rset_decode_json (r, NULL) : NULL;
    return rs ? rs : rset_create ();
}

/* Those of the queue; a queue without requirements has all. */
static struct idset *queue_ranks (const struct top_model *m, const struct rset *all)
{
    const struct top_counts *q = &m->queues[m->queue];
    json_t *constraint;
    struct rset *some;
    struct idset *ranks;
    if (!q->requires)
        return rset_ranks (all);
    constraint = json_pack ("{s:O}", "properties", q->requires);
    some = rset_filter (all, constraint, NULL);
    ranks = some ? rset_ranks (some) : NULL;
    rset_destroy (some);
    json_decref (constraint);
    return ranks;
}

static struct rset *narrow (struct rset *take_r, const struct idset *ranks)
{
    struct rset *some = take_r && ranks ? rset_copy_ranks (take_r, ranks) : NULL;
    rset_destroy (take_r);
    return some;
}

static int count_of (const struct rset *r, const char *type)
{
    return r ? rset_count (r, type) : 0;
}

static void set_bar (struct top_bar *bar, const char *type, const struct rset *all,
                     const struct rset *used, const struct rset *down)
{
    bar->total = count_of (all, type);
    bar->used = count_of (used, type);
    bar->down = count_of (down, type);
}

static void show_resources (struct top_model *m)
{
    struct rset *all = decode (m->resources, "all");
    struct rset *used = decode (m->resources, "allocated");
    struct rset *down = decode (m->resources, "down");
    struct idset *ranks = all ? queue_ranks (m, all) : NULL;
    all = narrow (all, ranks);
    used = narrow (used, ranks);
    down = narrow (down, ranks);
    set_bar (&m->nodes, "node", all, used, down);
    set_bar (&m->cores, "core", all, used, down);
    set_bar (&m->gpus, "gpu", all, used, down);
    rset_destroy (all);
    rset_destroy (used);
    rset_destroy (down);
    idset_destroy (ranks);
}

void top_resources (struct top_model *m, json_t *o)
{
    json_decref (m->resources);
    m->resources = json_incref (o);
    show_resources (m);
}

/* --- jobs --- */

static const char *const view_states[] = { "running", "pending", "inactive" };

json_t *top_list_payload (const struct top_model *m)
{
    bool all = m->sort != TOP_BY_TIME || m->reverse || m->filter[0];
    json_t *and = json_pack ("[{s:[s]}]", "states", view_states[m->view]);
    if (m->queue > 0)
        json_array_append_new (
            and, json_pack ("{s:[s]}", "queue", m->queues[m->queue].name));
    return json_pack ("{s:i s:[s,s,s,s,s,s,s,s,s,s,s] s:{s:o}}", "max_entries",
                      all ? TOP_ROWS_MAX : TOP_ROWS_DEFAULT, "attrs", "userid", "state",
                      "name", "ntasks", "nnodes", "t_submit", "t_run", "t_cleanup",
                      "t_inactive", "result", "annotations", "constraint", "and", and);
}

static char *printable_copy (const char *s)
{
    struct buf b = BUF_INIT;
    buf_add_printable (&b, s, strlen (s), 0);
    return buf_take (&b, NULL);
}

/* The time that a job has run, waited, or ran. */
static void set_times (struct top_job *job, double submit, double run, double cleanup,
                       double inactive)
{
    job->t_begin = run > 0 ? run : submit;
    job->t_end = 0;
    if (job->state == FLUX_JOB_STATE_INACTIVE)
        job->t_end = run > 0 && cleanup > 0 ? cleanup : inactive;
}

static int take_job (struct top_model *m, struct top_job *job, json_t *o)
{
    json_int_t id, userid = 0;
    const char *name = "", *uri = NULL;
    double submit = 0, run = 0, cleanup = 0, inactive = 0;
    memset (job, 0, sizeof (*job));
    if (json_unpack (o, "{s:I s?I s:i s?s s?i s?i s?F s?F s?F s?F s?i s?{s?{s?s}}}",
                     "id", &id, "userid", &userid, "state", &job->state, "name", &name,
                     "ntasks", &job->ntasks, "nnodes", &job->nnodes, "t_submit",
                     &submit, "t_run", &run, "t_cleanup", &cleanup, "t_inactive",
                     &inactive, "result", &job->result, "annotations", "user", "uri",
                     &uri)
        < 0)
        return -1;
    job->id = id;
    job->userid = userid;
    job->mine = job->userid == m->userid;
    snprintf (job->user, sizeof (job->user), "%s", m->username (job->userid));
    set_times (job, submit, run, cleanup, inactive);
    if (!(job->name = printable_copy (name)))
        return -1;
    if (uri && (job->state & FLUX_JOB_STATE_RUNNING))
        job->uri = strdup (uri);
    return 0;
}

static bool contains (const char *s, const char *what)
{
    return strcasestr (s, what) != NULL;
}

static bool passes (const struct top_model *m, const struct top_job *job)
{
    char id[32];
    if (!m->filter[0])
        return true;
    if (flux_job_id_encode (job->id, "f58", id, sizeof (id)) < 0)
        id[0] = '\0';
    return contains (job->name, m->filter) || contains (job->user, m->filter)
           || contains (id, m->filter);
}

static double duration (const struct top_job *job)
{
    /* a job that goes on: the earlier it began the longer it has run */
    return job->t_end > 0 ? job->t_end - job->t_begin : 4e9 - job->t_begin;
}

static int compare_doubles (double a, double b)
{
    return a < b ? -1 : a > b;
}

/* Numbers: largest first. */
static int compare (const void *x, const void *y, void *arg)
{
    const struct top_job *a = *(struct top_job *const *)x;
    const struct top_job *b = *(struct top_job *const *)y;
    const struct top_model *m = arg;
    int rc = 0;
    switch (m->sort) {
    case TOP_BY_RUNTIME:
        rc = compare_doubles (duration (b), duration (a));
        break;
    case TOP_BY_NODES:
        rc = b->nnodes - a->nnodes;
        break;
    case TOP_BY_TASKS:
        rc = b->ntasks - a->ntasks;
        break;
    case TOP_BY_USER:
        rc = strcmp (a->user, b->user);
        break;
    case TOP_BY_NAME:
        rc = strcmp (a->name, b->name);
        break;
    default:
        break;
    }
    if (rc == 0)
        rc = a->order < b->order ? -1 : a->order > b->order;
    return m->reverse ? -rc : rc;
}

/* The cursor stays with its job; if that is gone, in its row. */
static void place_cursor (struct top_model *m)
{
    for (size_t i = 0; i < m->row_count; i++) {
        if (m->rows[i]->id == m->cursor_id) {
            m->cursor = i;
            return;
        }
    }
    if (m->cursor >= m->row_count)
        m->cursor = m->row_count ? m->row_count - 1 : 0;
    m->cursor_id = m->row_count ? m->rows[m->cursor]->id : 0;
}

static void arrange (struct top_model *m)
{
    m->row_count = 0;
    for (size_t i = 0; i < m->job_count; i++) {
        if (passes (m, &m->jobs[i]))
            m->rows[m->row_count++] = &m->jobs[i];
    }
    sort_array_with (m->rows, m->row_count, sizeof (*m->rows), compare, m);
    place_cursor (m);
}

void top_jobs (struct top_model *m, json_t *o)
{
    json_t *jobs = json_object_get (o, "jobs"), *value;
    size_t i, n = json_array_size (jobs);
    free_jobs (m);
    m->jobs = calloc (n + 1, sizeof (*m->jobs));
    m->rows = calloc (n + 1, sizeof (*m->rows));
    if (!m->jobs || !m->rows) {
        top_say (m, "out of memory");
        return;
    }
    json_array_foreach (jobs, i, value) {
        struct top_job *job = &m->jobs[m->job_count];
        job->order = i;
        if (take_job (m, job, value) == 0) {
            job->order = i;
            m->job_count++;
        } else {
            free (job->name);
            free (job->uri);
        }
    }
    arrange (m);
}

const struct top_job *top_selected (const struct top_model *m)
{
    return m->cursor < m->row_count ? m->rows[m->cursor] : NULL;
}

/* --- keys --- */

static void move (struct top_model *m, long by)
{
    long last = (long)m->row_count - 1, to = (long)m->cursor + by;
    to = to > last ? last : to;
    m->cursor = to < 0 ? 0 : to;
    m->cursor_id = m->row_count ? m->rows[m->cursor]->id : 0;
}

static enum top_action rotate_queue (struct top_model *m, int by)
{
    if (m->queue_count < 2) {
        top_say (m, "this instance has no named queues");
        return TOP_DRAW;
    }
    m->queue = (m->queue + m->queue_count + by) % m->queue_count;
    show_resources (m);
    return TOP_ASK;
}

static enum top_action open_selected (struct top_model *m)
{
    const struct top_job *job = top_selected (m);
    if (!job)
        return TOP_NOTHING;
    if (!job->uri)
        top_say (m, "this job is not an instance");
    else if (!job->mine)
        top_say (m, "this instance belongs to %s", job->user);
    else
        return TOP_OPEN;
    return TOP_DRAW;
}

static enum top_action ask_cancel (struct top_model *m)
{
    const struct top_job *job = top_selected (m);
    if (!job)
        return TOP_NOTHING;
    if (job->state == FLUX_JOB_STATE_INACTIVE)
        top_say (m, "this job has ended");
    else if (!job->mine && !m->owner)
        top_say (m, "this job belongs to %s", job->user);
    else {
        m->mode = TOP_CONFIRM;
        m->target = job->id;
        snprintf (m->target_name, sizeof (m->target_name), "%s", job->name);
    }
    return TOP_DRAW;
}

static enum top_action confirm (struct top_model *m, int key)
{
    m->mode = TOP_NORMAL;
    return key == 'y' || key == 'Y' ? TOP_CANCEL : TOP_DRAW;
}

static void erase_last (char *s)
{
    size_t n = strlen (s);
    while (n > 0 && ((unsigned char)s[n - 1] & 0xc0) == 0x80)
        n--;
    s[n > 0 ? n - 1 : 0] = '\0';
}

static size_t encode_utf8 (int c, char *out)
{
    if (c < 0x80) {
        out[0] = c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = 0xc0 | c >> 6;
        out[1] = 0x80 | (c & 0x3f);
        return 2;
    }
    if (c < 0x10000) {
        out[0] = 0xe0 | c >> 12;
        out[1] = 0x80 | (c >> 6 & 0x3f);
        out[2] = 0x80 | (c & 0x3f);
        return 3;
    }
    out[0] = 0xf0 | c >> 18;
    out[1] = 0x80 | (c >> 12 & 0x3f);
    out[2] = 0x80 | (c >> 6 & 0x3f);
    out[3] = 0x80 | (c & 0x3f);
    return 4;
}

static enum top_action type_filter (struct top_model *m, int key)
{
    bool had = m->filter[0] != '\0';
    size_t n = strlen (m->filter);
    char text[4];
    if (key == TOP_KEY_ENTER)
        m->mode = TOP_NORMAL;
    else if (key == TOP_KEY_ESCAPE) {
        m->mode = TOP_NORMAL;
        m->filter[0] = '\0';
    } else if (key == TOP_KEY_BACKSPACE)
        erase_last (m->filter);
    else if (key >= ' ' && key < 0x110000 && iswprint (key)) {
        size_t len = encode_utf8 (key, text);
        if (n + len < sizeof (m->filter)) {
            memcpy (m->filter + n, text, len);
            m->filter[n + len] = '\0';
        }
    } else
        return TOP_NOTHING;
    arrange (m);
    return had != (m->filter[0] != '\0') ? TOP_ASK : TOP_DRAW;
}

static enum top_action set_sort (struct top_model *m, enum top_sort sort, bool reverse)
{
    m->sort = sort;
    m->reverse = reverse;
    arrange (m);
    return TOP_ASK;
}

static enum top_action next_view (struct top_model *m)
{
    m->view = (m->view + 1) % TOP_VIEWS;
    m->cursor = m->scroll = 0;
    m->cursor_id = 0;
    free_jobs (m);
    return TOP_ASK;
}

static enum top_action moved (struct top_model *m, long by)
{
    move (m, by);
    return TOP_DRAW;
}

static enum top_action clear (struct top_model *m)
{
    if (!m->filter[0])
        return TOP_DRAW;
    m->filter[0] = '\0';
    arrange (m);
    return TOP_ASK;
}

static enum top_action set_mode (struct top_model *m, enum top_mode mode)
{
    m->mode = mode;
    return TOP_DRAW;
}

static enum top_action normal (struct top_model *m, int key)
{
    long all = (long)m->row_count, page = (long)m->page;
    switch (key) {
    case 'j':
    case TOP_KEY_DOWN:
        return moved (m, 1);
    case 'k':
    case TOP_KEY_UP:
        return moved (m, -1);
    case TOP_KEY_PAGE_DOWN:
        return moved (m, page);
    case TOP_KEY_PAGE_UP:
        return moved (m, -page);
    case TOP_KEY_HOME:
    case 'g':
        return moved (m, -all);
    case TOP_KEY_END:
    case 'G':
        return moved (m, all);
    case 'h':
    case TOP_KEY_LEFT:
        return rotate_queue (m, -1);
    case 'l':
    case TOP_KEY_RIGHT:
        return rotate_queue (m, 1);
    case 'd':
        m->split_inactive = !m->split_inactive;
        return TOP_DRAW;
    case TOP_KEY_ENTER:
        return open_selected (m);
    case TOP_KEY_BACKSPACE:
        return TOP_BACK;
    case 'q':
        return TOP_LEAVE;
    case 'c':
        return ask_cancel (m);
    case '/':
        return set_mode (m, TOP_TYPING);
    case TOP_KEY_ESCAPE:
        return clear (m);
    case 's':
        return set_sort (m, (m->sort + 1) % TOP_SORTS, false);
    case 'S':
        return set_sort (m, m->sort, !m->reverse);
    case 'v':
        return next_view (m);
    case '?':
        return set_mode (m, TOP_HELP);
    case 'L' & 0x1f:
        return TOP_REDRAW;
    default:
        return TOP_NOTHING;
    }
}

enum top_action top_key (struct top_model *m, int key)
{
    m->message[0] = '\0';
    switch (m->mode) {
    case TOP_TYPING:
        return type_filter (m, key);
    case TOP_CONFIRM:
        return confirm (m, key);
    case TOP_HELP:
        return set_mode (m, TOP_NORMAL);
    default:
        return normal (m, key);
    }
}
