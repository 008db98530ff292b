#include "shell/server/keep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/json/jsontext.h"
#include "base/list.h"
#include "core/shell/protocol.h"

/* One line. */
struct said {
    struct list node;
    uint64_t seq;
    uint64_t cost; /* of all output up to its end */
    bool more;     /* a piece */
    size_t len;
    char line[];
};

struct job {
    uint64_t id;
    int64_t window;
    bool claimed;
    bool ended;
    bool forgotten; /* when it has ended */
    bool loaded;
    bool broken;         /* something of it is missing */
    struct list state;   /* lines of all but output */
    struct list output;  /* lines o and w */
    struct said *groups; /* the last p, or NULL */
    uint64_t seq;
    uint64_t cost;    /* of all output that was said */
    uint64_t dropped; /* of that, no longer here */
    uint64_t granted; /* C that the shell got */
    uint64_t input;   /* i that it got, and has not taken (c) */
    uint64_t stale;   /* of that, of a broker that has gone */
};

struct keep {
    struct idmap *jobs;
    size_t running;
    size_t loaded;
    size_t bytes;
};

/* It is in no list. */
static void drop (struct keep *k, struct said *s)
{
    if (s)
        k->bytes -= s->len;
    free (s);
}

static void drop_list (struct keep *k, struct list *l)
{
    struct list *node;

    while ((node = list_pop (l)))
        drop (k, container_of (node, struct said, node));
}

static void job_drop (struct keep *k, struct job *j)
{
    drop_list (k, &j->state);
    drop_list (k, &j->output);
    drop (k, j->groups);
    j->groups = NULL;
}

static void job_remove (struct keep *k, struct job *j)
{
    job_drop (k, j);
    if (j->loaded)
        k->loaded--;
    if (!j->ended)
        k->running--;
    idmap_remove (k->jobs, j->id); /* frees it */
}

struct keep *keep_create (void)
{
    struct keep *k = calloc (1, sizeof (*k));

    if (k && !(k->jobs = idmap_create (free))) {
        free (k);
        return NULL;
    }
    return k;
}

void keep_destroy (struct keep *k)
{
    size_t pos = 0;
    void *j;

    if (!k)
        return;
    while (idmap_next (k->jobs, &pos, NULL, &j))
        job_drop (k, j);
    idmap_destroy (k->jobs);
    free (k);
}

static struct job *job_add (struct keep *k, uint64_t id)
{
    struct job *j;

    if (idmap_lookup (k->jobs, id)) {
        errno = EEXIST;
        return NULL;
    }
    if (!(j = calloc (1, sizeof (*j))) || idmap_insert (k->jobs, id, j) < 0) {
        free (j);
        errno = ENOMEM;
        return NULL;
    }
    j->id = id;
    list_init (&j->state);
    list_init (&j->output);
    k->running++;
    return j;
}

int keep_start (struct keep *k, uint64_t id, const char *record, size_t len)
{
    struct span facts = { record, len }, v;
    struct job *j = job_add (k, id);

    if (!j)
        return -1;
    j->claimed = true;
    if (jsontext_get (facts, "output_window", &v) < 0 || !jsontext_int (v, &j->window))
        j->window = 0;
    return 0;
}

static void drop_to (struct keep *k, struct job *j, const struct said *last)
{
    bool done = false;

    while (!done) {
        struct said *s = container_of (list_pop (&j->output), struct said, node);
        done = s == last;
        drop (k, s);
    }
}

/* Whole frames only: a piece goes with what it is a piece of. */
static void drop_until (struct keep *k, struct job *j, uint64_t cost)
{
    while (!list_empty (&j->output)) {
        struct said *last = list_first (&j->output, struct said, node);
        while (last->more && last->node.next != &j->output)
            last = container_of (last->node.next, struct said, node);
        if (last->more || last->cost > cost)
            return;
        j->dropped = last->cost;
        drop_to (k, j, last);
    }
}

void keep_down (struct keep *k, const struct frame *f)
{
    struct job *j = idmap_lookup (k->jobs, f->id);

    if (!j)
        return;
    if (f->type == 'i')
        j->input += f->len;
    if (f->type != 'C')
        return;
    j->granted += strtoull (f->text, NULL, 10);
    drop_until (k, j, j->granted);
}

static struct said *note (struct keep *k, struct job *j, const char *line, size_t len)
{
    struct said *s = j->broken ? NULL : malloc (sizeof (*s) + len);

    if (!s) {
        j->broken = true;
        job_drop (k, j);
        return NULL;
    }
    *s = (struct said){ .seq = j->seq++, .cost = j->cost, .len = len };
    memcpy (s->line, line, len);
    list_init (&s->node);
    k->bytes += len;
    return s;
}

static void note_output (struct keep *k, struct job *j, const struct frame *f,
                         const char *line, size_t len)
{
    struct said *s;

    j->cost += f->len;
    if ((s = note (k, j, line, len))) {
        s->more = f->more;
        list_append (&j->output, &s->node);
    }
}

/* What was sent by a broker that has gone is nobody's to be told of. */
static void pass_taken (struct job *j, const struct frame *f, struct buf *up)
{
    uint64_t n = strtoull (f->text, NULL, 10), stale = n < j->stale ? n : j->stale;

    j->input -= n < j->input ? n : j->input;
    j->stale -= stale;
    if (n > stale && j->claimed)
        buf_printf (up, "c %" PRIu64 " %" PRIu64 "\n", j->id, n - stale);
}

static void note_end (struct keep *k, struct job *j)
{
    if (j->ended)
        return;
    j->ended = true;
    k->running--;
}

static void note_line (struct keep *k, struct job *j, const struct frame *f,
                       const char *line, size_t len)
{
    struct said *s;

    switch (f->type) {
    case 'o':
    case 'w':
        note_output (k, j, f, line, len);
        break;
    case 'p':
        drop (k, j->groups);
        j->groups = note (k, j, line, len);
        break;
    case 'l': /* the log of a broker that is not there */
    case 'b':
        break;
    default:
        if ((s = note (k, j, line, len)))
            list_append (&j->state, &s->node);
    }
}

void keep_said (struct keep *k, const char *line, size_t len, struct buf *up)
{
    struct frame f;
    struct job *j;

    if (len < 2 || frame_parse (line, line + len - 1, &f) < 0) {
        buf_add (up, line, len);
        return;
    }
    if (!(j = idmap_lookup (k->jobs, f.id)))
        return;
    if (f.type == 'c' && !f.more) {
        pass_taken (j, &f, up);
        return;
    }
    if (!j->forgotten)
        note_line (k, j, &f, line, len);
    if (j->claimed && !j->forgotten)
        buf_add (up, line, len);
    if (f.type == 'X' && !f.more) {
        note_end (k, j);
        if (j->forgotten)
            job_remove (k, j);
    }
}

void keep_detach (struct keep *k)
{
    size_t pos = 0;
    void *value;

    while (idmap_next (k->jobs, &pos, NULL, &value)) {
        struct job *j = value;
        j->claimed = false;
        j->stale = j->input;
    }
}

static void replay (struct job *j, struct buf *up)
{
    struct list *a = j->state.next, *b = j->output.next;

    if (j->groups)
        buf_add (up, j->groups->line, j->groups->len);
    while (a != &j->state || b != &j->output) {
        struct said *s = a == &j->state ? NULL : container_of (a, struct said, node);
        struct said *o = b == &j->output ? NULL : container_of (b, struct said, node);
        if (!s || (o && o->seq < s->seq)) {
            s = o;
            b = b->next;
        } else
            a = a->next;
        buf_add (up, s->line, s->len);
    }
}

void keep_claim (struct keep *k, uint64_t id, uint64_t kept, bool unknown,
                 struct buf *up)
{
    struct job *j = idmap_lookup (k->jobs, id);

    if (!j || j->forgotten || j->broken) {
        buf_printf (up, "N %" PRIu64 " %s\n", id, j || unknown ? "unknown" : "never");
        return;
    }
    drop_until (k, j, kept);
    j->claimed = true;
    buf_printf (up, "A %" PRIu64 " %" PRId64 " %" PRId64 "\n", id, j->window,
                j->window + (int64_t)(j->granted - j->dropped));
    replay (j, up);
    buf_printf (up, "Z %" PRIu64 "\n", id);
}

bool keep_forget (struct keep *k, uint64_t id)
{
    struct job *j = idmap_lookup (k->jobs, id);

    if (!j)
        return false;
    if (j->ended) {
        job_remove (k, j);
        return false;
    }
    j->forgotten = true;
    job_drop (k, j);
    return true;
}

static bool next (const struct keep *k, size_t *pos, uint64_t *id, bool running)
{
    void *value;

    while (idmap_next (k->jobs, pos, id, &value)) {
        const struct job *j = value;
        if (!j->forgotten && (running ? !j->ended : !j->claimed))
            return true;
    }
    return false;
}

bool keep_unclaimed (const struct keep *k, size_t *pos, uint64_t *id)
{
    return next (k, pos, id, false);
}

bool keep_running_next (const struct keep *k, size_t *pos, uint64_t *id)
{
    return next (k, pos, id, true);
}

size_t keep_count (const struct keep *k)
{
    return idmap_count (k->jobs);
}

size_t keep_running (const struct keep *k)
{
    return k->running;
}

size_t keep_loaded (const struct keep *k)
{
    return k->loaded;
}

size_t keep_bytes (const struct keep *k)
{
    return k->bytes;
}

int keep_dump (const struct keep *k, struct buf *b)
{
    size_t pos = 0;
    void *value;

    while (idmap_next (k->jobs, &pos, NULL, &value)) {
        struct job *j = value;
        if (!j->ended || j->broken)
            continue;
        buf_printf (b, "J %" PRIu64 " %" PRId64 " %" PRIu64 " %" PRIu64 "\n", j->id,
                    j->window, j->granted, j->dropped);
        replay (j, b);
    }
    return b->err ? -1 : 0;
}

static struct job *load_head (struct keep *k, const struct frame *f)
{
    struct job *j;
    int64_t window;
    uint64_t granted, dropped;

    if (sscanf (f->text, "%" SCNd64 " %" SCNu64 " %" SCNu64, &window, &granted,
                &dropped)
        != 3) {
        errno = EINVAL;
        return NULL;
    }
    if (!(j = job_add (k, f->id)))
        return NULL;
    j->window = window;
    j->granted = granted;
    j->dropped = j->cost = dropped;
    j->loaded = true;
    k->loaded++;
    return j;
}

int keep_load (struct keep *k, const char *data, size_t len)
{
    const char *end = data + len, *nl;
    struct buf nobody = BUF_INIT;
    struct frame f;

    for (const char *p = data; p < end; p = nl + 1) {
        if (!(nl = memchr (p, '\n', end - p)) || frame_parse (p, nl, &f) < 0) {
            errno = EINVAL;
            return -1;
        }
        if (f.type == 'J' && !load_head (k, &f))
            return -1;
        if (f.type != 'J')
            keep_said (k, p, nl + 1 - p, &nobody);
    }
    buf_fini (&nobody);
    return 0;
}
