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
    uint64_t cost; /* of all output up to the end of its frame */
    size_t len;
    char line[];
};

/* Output of one kind, until it was acknowledged. */
struct output {
    struct list lines;
    uint64_t cost;    /* of all that was said */
    uint64_t dropped; /* of that, no longer here */
    uint64_t granted; /* of C that the shell got: acknowledged */
};

/* What a broker sends to a shell, and it acknowledges. */
struct sent {
    uint64_t waits; /* not yet acknowledged */
    uint64_t stale; /* of that, before the job was claimed */
};

struct job {
    uint64_t id;
    int64_t window;
    bool claimed;
    bool held; /* until G: w, b and X are only kept */
    bool ended;
    bool forgotten; /* when it has ended */
    bool loaded;
    bool broken;               /* something of it is missing */
    struct list begun;         /* pieces of a frame that is not whole yet */
    char begun_type;           /* of these */
    size_t begun_cost;         /* and the bytes of their text */
    struct list state;         /* lines of all that is not below */
    struct output to_kvs;      /* o */
    struct output to_file;     /* w */
    struct said *groups;       /* the last p, or NULL */
    struct said *end;          /* X, or NULL */
    uint64_t released;         /* barriers that came to their end (B) */
    struct list released_keys; /* what it brought into the last of them */
    struct list entered_keys;  /* and into one that is under way */
    bool again; /* it is in the last one for others, and hears nothing of it */
    uint64_t seq;
    struct sent input;  /* i, c */
    struct sent writes; /* w, a */
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
    drop_list (k, &j->begun);
    drop_list (k, &j->state);
    drop_list (k, &j->to_kvs.lines);
    drop_list (k, &j->to_file.lines);
    drop_list (k, &j->released_keys);
    drop_list (k, &j->entered_keys);
    drop (k, j->groups);
    drop (k, j->end);
    j->groups = j->end = NULL;
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
    list_init (&j->begun);
    list_init (&j->state);
    list_init (&j->to_kvs.lines);
    list_init (&j->to_file.lines);
    list_init (&j->released_keys);
    list_init (&j->entered_keys);
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

/* All lines of a frame have the same cost. */
static void drop_until (struct keep *k, struct output *o, uint64_t cost)
{
    while (!list_empty (&o->lines)) {
        struct said *s = list_first (&o->lines, struct said, node);
        if (s->cost > cost)
            return;
        o->dropped = s->cost;
        list_remove (&s->node);
        drop (k, s);
    }
}

static void move_lines (struct list *to, struct list *from)
{
    struct list *node;

    while ((node = list_pop (from)))
        list_append (to, node);
}

static void add_lines (struct buf *up, const struct list *lines)
{
    list_foreach (lines, it) {
        struct said *s = container_of (it, struct said, node);
        buf_add (up, s->line, s->len);
    }
}

/* All bytes, and of these those of w. What was granted of o is as much or less than the
 * KVS has, since credit may come later than it could. */
static void got_credit (struct keep *k, struct job *j, const char *text)
{
    char *end;
    uint64_t all = strtoull (text, &end, 10), file = strtoull (end, NULL, 10);
    uint64_t sum = j->to_kvs.granted + j->to_file.granted + all;

    j->to_file.granted += file;
    j->to_kvs.granted = sum - j->to_file.granted;
    if ((int64_t)j->to_kvs.granted > 0)
        drop_until (k, &j->to_kvs, j->to_kvs.granted);
    drop_until (k, &j->to_file, j->to_file.granted);
}

static void tell_end (struct job *j, struct buf *up)
{
    if (j->end && j->claimed && !j->held && !j->again)
        buf_add (up, j->end->line, j->end->len);
}

/* True if it is not for the shell. */
static bool got_release (struct keep *k, struct job *j, struct buf *up)
{
    if (j->again) {
        j->again = false;
        tell_end (j, up);
        return true;
    }
    j->released++;
    drop_list (k, &j->released_keys);
    move_lines (&j->released_keys, &j->entered_keys);
    return false;
}

/* Who is killed waits for nobody. */
static void give_up_barrier (struct job *j, struct buf *up)
{
    if (j->again && j->end) {
        j->again = false;
        tell_end (j, up);
    }
}

bool keep_down (struct keep *k, const struct frame *f, struct buf *up)
{
    struct job *j = idmap_lookup (k->jobs, f->id);

    switch (j ? f->type : 0) {
    case 'i':
        j->input.waits += f->len;
        break;
    case 'w':
        j->writes.waits += f->len;
        break;
    case 'C':
        got_credit (k, j, f->text);
        break;
    case 'B':
        return got_release (k, j, up);
    case 'k':
    case 'K':
        give_up_barrier (j, up);
        break;
    }
    return false;
}

static struct said *note (struct keep *k, struct job *j, const char *line, size_t len)
{
    struct said *s = j->broken ? NULL : malloc (sizeof (*s) + len);

    if (!s) {
        j->broken = true;
        job_drop (k, j);
        return NULL;
    }
    *s = (struct said){ .seq = j->seq++, .len = len };
    memcpy (s->line, line, len);
    list_init (&s->node);
    k->bytes += len;
    return s;
}

/* What was sent before it was claimed is nobody's to be told of. */
static void pass_taken (struct job *j, struct sent *sent, const struct frame *f,
                        struct buf *up)
{
    uint64_t n = strtoull (f->text, NULL, 10);
    uint64_t stale = n < sent->stale ? n : sent->stale;

    sent->waits -= n < sent->waits ? n : sent->waits;
    sent->stale -= stale;
    if (n > stale && j->claimed)
        buf_printf (up, "%c %" PRIu64 " %" PRIu64 "\n", f->type, j->id, n - stale);
}

static void note_end (struct keep *k, struct job *j)
{
    if (j->ended)
        return;
    j->ended = true;
    k->running--;
}

static void keep_output (struct job *j, struct output *o)
{
    o->cost += j->begun_cost;
    list_foreach (&j->begun, it)
        container_of (it, struct said, node)->cost = o->cost;
    move_lines (&o->lines, &j->begun);
}

static void keep_last (struct keep *k, struct job *j, struct said **last)
{
    drop (k, *last);
    *last = container_of (list_pop (&j->begun), struct said, node);
    drop_list (k, &j->begun);
}

/* A whole frame. */
static void keep_frame (struct keep *k, struct job *j)
{
    switch (j->begun_type) {
    case 'o':
        keep_output (j, &j->to_kvs);
        break;
    case 'w':
        keep_output (j, &j->to_file);
        break;
    case 'p':
        keep_last (k, j, &j->groups);
        break;
    case 'X':
        keep_last (k, j, &j->end);
        break;
    case 'b':
        drop_list (k, &j->entered_keys);
        move_lines (&j->entered_keys, &j->begun);
        break;
    case 'l': /* the log of a broker that is not there */
    case 'T': /* nor does it wait for an answer */
        drop_list (k, &j->begun);
        break;
    default:
        move_lines (&j->state, &j->begun);
    }
    j->begun_cost = 0;
}

/* False: more of its frame is to come. */
static bool add_piece (struct keep *k, struct job *j, const struct frame *f,
                       const char *line, size_t len)
{
    struct said *s;

    if (j->begun_type != f->type) { /* its shell was killed within it */
        drop_list (k, &j->begun);
        j->begun_cost = 0;
    }
    j->begun_type = f->type;
    if (!(s = note (k, j, line, len)))
        return !f->more;
    list_append (&j->begun, &s->node);
    j->begun_cost += f->len;
    return !f->more;
}

static bool is_passed (const struct job *j, char type)
{
    if (!j->claimed || (j->held && strchr ("wbX", type)))
        return false;
    return type != 'X' || !j->again;
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
    if ((f.type == 'c' || f.type == 'a') && !f.more) {
        pass_taken (j, f.type == 'c' ? &j->input : &j->writes, &f, up);
        return;
    }
    if (!j->forgotten && j->broken && is_passed (j, f.type))
        buf_add (up, line, len);
    else if (!j->forgotten && add_piece (k, j, &f, line, len)) {
        if (is_passed (j, f.type))
            add_lines (up, &j->begun);
        keep_frame (k, j);
    }
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
        j->claimed = j->held = j->again = false;
    }
}

/* The two in the order in which they were said. */
static void replay (const struct list *x, const struct list *y, struct buf *up)
{
    const struct list *a = x->next, *b = y->next;

    while (a != x || b != y) {
        const struct said *s = a == x ? NULL : container_of (a, struct said, node);
        const struct said *o = b == y ? NULL : container_of (b, struct said, node);
        if (!s || (o && o->seq < s->seq)) {
            s = o;
            b = b->next;
        } else
            a = a->next;
        buf_add (up, s->line, s->len);
    }
}

void keep_claim (struct keep *k, uint64_t id, uint64_t kept, bool hold, bool unknown,
                 struct buf *up)
{
    struct job *j = idmap_lookup (k->jobs, id);

    if (!j || j->forgotten || j->broken) {
        buf_printf (up, "N %" PRIu64 " %s\n", id, j || unknown ? "unknown" : "never");
        return;
    }
    drop_until (k, &j->to_kvs, kept);
    j->claimed = true;
    j->held = hold;
    j->again = false;
    j->input.stale = j->input.waits;
    j->writes.stale = j->writes.waits;
    buf_printf (up, "A %" PRIu64 " %" PRId64 " %" PRId64 " %" PRIu64 "\n", id,
                j->window,
                j->window
                    + (int64_t)(j->to_kvs.granted + j->to_file.granted
                                - j->to_kvs.dropped - j->to_file.dropped),
                j->released);
    if (j->groups)
        buf_add (up, j->groups->line, j->groups->len);
    replay (&j->state, &j->to_kvs.lines, up);
    tell_end (j, up);
    buf_printf (up, "Z %" PRIu64 "\n", id);
}

void keep_go_on (struct keep *k, uint64_t id, uint64_t barrier, struct buf *up)
{
    struct job *j = idmap_lookup (k->jobs, id);

    if (!j || !j->held)
        return;
    j->held = false;
    add_lines (up, &j->to_file.lines);
    if (barrier < j->released) {
        j->again = true;
        add_lines (up, &j->released_keys);
    }
    add_lines (up, &j->entered_keys);
    tell_end (j, up);
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
        buf_printf (b,
                    "J %" PRIu64 " %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                    " %" PRIu64 " %" PRIu64 "\n",
                    j->id, j->window, j->to_kvs.granted, j->to_kvs.dropped,
                    j->to_file.granted, j->to_file.dropped, j->released);
        add_lines (b, &j->released_keys);
        replay (&j->state, &j->to_kvs.lines, b);
        add_lines (b, &j->to_file.lines);
        if (j->end)
            buf_add (b, j->end->line, j->end->len);
    }
    return b->err ? -1 : 0;
}

static struct job *load_head (struct keep *k, const struct frame *f)
{
    struct output o = { .cost = 0 }, w = { .cost = 0 };
    struct job *j;
    int64_t window;
    uint64_t released;

    if (sscanf (f->text,
                "%" SCNd64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                &window, &o.granted, &o.dropped, &w.granted, &w.dropped, &released)
        != 6) {
        errno = EINVAL;
        return NULL;
    }
    if (!(j = job_add (k, f->id)))
        return NULL;
    j->window = window;
    j->to_kvs.granted = o.granted;
    j->to_kvs.dropped = j->to_kvs.cost = o.dropped;
    j->to_file.granted = w.granted;
    j->to_file.dropped = j->to_file.cost = w.dropped;
    j->released = released;
    j->loaded = true;
    k->loaded++;
    return j;
}

static void end_entered (struct keep *k, uint64_t id)
{
    struct job *j = idmap_lookup (k->jobs, id);

    if (j)
        move_lines (&j->released_keys, &j->entered_keys);
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
        if (f.type == 'b' && !f.more) /* only the last that came to an end is there */
            end_entered (k, f.id);
    }
    buf_fini (&nobody);
    return 0;
}
