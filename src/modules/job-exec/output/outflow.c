#include "modules/job-exec/output/outflow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/json/jsonout.h"
#include "core/shell/protocol.h"

enum state {
    SMALL, /* output goes up */
    ASKED, /* and is kept until M */
    OPEN,
};

/* A shell that has output. */
struct shell {
    uint64_t id;
    enum state state;
    size_t passed;     /* bytes that went up */
    uint64_t kept;     /* of o text: stored, or on its way, or it went up */
    struct buf text;   /* to be stored */
    size_t cost;       /* of text */
    size_t on_way;     /* to the store */
    int64_t leader;    /* its rank */
    struct buf frames; /* w, to be sent to it */
    size_t write_cost; /* of these */
    size_t writing;    /* on their way to it */
    char eof[32];      /* and then it is to hear that there is no more; "": not yet */
    char status[16];   /* text of X; "": it has not ended */
    struct list ready; /* in that list */
    struct list to_write;
};

struct outflow {
    const struct outflow_ops *ops;
    void *arg;
    struct idmap *shells;
    struct list ready;    /* shells whose text may be stored */
    size_t waiting;       /* bytes of these */
    struct list to_write; /* shells that have frames to be sent */
    int commits;          /* on their way */
    int64_t bytes;
};

static void shell_destroy (void *value)
{
    struct shell *s = value;

    list_remove (&s->ready);
    list_remove (&s->to_write);
    buf_fini (&s->text);
    buf_fini (&s->frames);
    free (s);
}

struct outflow *outflow_create (const struct outflow_ops *ops, void *arg)
{
    struct outflow *of = calloc (1, sizeof (*of));

    if (!of || !(of->shells = idmap_create (shell_destroy))) {
        free (of);
        return NULL;
    }
    list_init (&of->ready);
    list_init (&of->to_write);
    of->ops = ops;
    of->arg = arg;
    return of;
}

void outflow_destroy (struct outflow *of)
{
    if (!of)
        return;
    int saved = errno;
    idmap_destroy (of->shells);
    free (of);
    errno = saved;
}

void outflow_reset (struct outflow *of)
{
    size_t pos;
    uint64_t id;

    for (pos = 0; idmap_next (of->shells, &pos, &id, NULL); pos = 0)
        idmap_remove (of->shells, id);
    of->waiting = 0;
}

static void raise (struct outflow *of, uint64_t id, const char *why)
{
    struct buf b = BUF_INIT;
    char note[256];

    snprintf (note, sizeof (note), "output cannot be stored: %s", why);
    buf_adds (&b, "{\"type\":\"exec\",\"severity\":0,\"note\":");
    json_add_string (&b, note, strlen (note));
    buf_addc (&b, '}');
    if (!b.err)
        of->ops->up (id, 'x', b.data, b.len, of->arg);
    buf_fini (&b);
}

static void forget (struct outflow *of, struct shell *s)
{
    if (!list_empty (&s->ready))
        of->waiting -= s->text.len;
    idmap_remove (of->shells, s->id);
}

/* written: of these bytes, what the leader has or nobody will write. */
static void give_credit (struct outflow *of, uint64_t id, size_t bytes, size_t written)
{
    char text[48];

    snprintf (text, sizeof (text), written > 0 ? "%zu %zu" : "%zu", bytes, written);
    of->ops->down (id, 'C', text, strlen (text), of->arg);
}

static struct shell *get_shell (struct outflow *of, uint64_t id)
{
    struct shell *s = idmap_lookup (of->shells, id);

    if (s || !(s = calloc (1, sizeof (*s))))
        return s;
    s->id = id;
    list_init (&s->ready);
    list_init (&s->to_write);
    s->leader = -1;
    if (idmap_insert (of->shells, id, s) < 0) {
        free (s);
        return NULL;
    }
    return s;
}

static void mark_ready (struct outflow *of, struct shell *s)
{
    if (list_empty (&s->ready))
        list_append (&of->ready, &s->ready);
}

static void keep (struct outflow *of, struct shell *s, const char *text, size_t len)
{
    size_t before = s->text.len;

    buf_add (&s->text, text, len);
    buf_addc (&s->text, '\n');
    if (s->text.err) {
        size_t lost = s->cost + len;
        if (!list_empty (&s->ready))
            of->waiting -= before;
        list_remove (&s->ready);
        buf_fini (&s->text);
        s->cost = 0;
        raise (of, s->id, "out of memory");
        give_credit (of, s->id, lost, 0);
        return;
    }
    s->cost += len;
    if (s->state == OPEN) {
        mark_ready (of, s);
        of->waiting += s->text.len - before;
    }
}

static void mark_to_write (struct outflow *of, struct shell *s)
{
    if (s->frames.len > 0 && list_empty (&s->to_write))
        list_append (&of->to_write, &s->to_write);
}

static void drop_writes (struct outflow *of, struct shell *s)
{
    size_t lost = s->write_cost;

    list_remove (&s->to_write);
    buf_fini (&s->frames);
    s->write_cost = 0;
    if (lost > 0 && !s->status[0])
        give_credit (of, s->id, lost, lost);
}

static void keep_write (struct outflow *of, struct shell *s, const char *text,
                        size_t len)
{
    s->write_cost += len;
    if (frame_append (&s->frames, 'w', s->id, text, len) < 0) {
        raise (of, s->id, "out of memory");
        drop_writes (of, s);
    } else if (s->state == OPEN)
        mark_to_write (of, s);
}

/* o and w. */
static void got_output (struct outflow *of, uint64_t id, char type, const char *text,
                        size_t len)
{
    struct shell *s = get_shell (of, id);

    if (!s) {
        of->ops->up (id, type, text, len, of->arg); /* as good, but slow */
        return;
    }
    if (s->state == SMALL && s->passed + len > OUTFLOW_SMALL) {
        s->state = ASKED;
        s->leader = of->ops->leader (id, of->arg);
        of->ops->up (id, 'm', "", 0, of->arg);
    }
    if (s->state == SMALL || (type == 'w' && s->leader < 0)) {
        s->passed += len;
        s->kept += type == 'o' ? len : 0;
        of->ops->up (id, type, text, len, of->arg);
    } else if (type == 'w')
        keep_write (of, s, text, len);
    else
        keep (of, s, text, len);
}

/* Rank 0 passes it on, so it goes up when all before it is written. */
static void got_eof (struct outflow *of, uint64_t id, const char *text, size_t len)
{
    struct shell *s = idmap_lookup (of->shells, id);

    if (s && len < sizeof (s->eof) && (s->write_cost > 0 || s->writing > 0)) {
        memcpy (s->eof, text, len);
        s->eof[len] = '\0';
    } else
        of->ops->up (id, 'w', text, len, of->arg);
}

static bool is_kept (const struct shell *s)
{
    return s->cost == 0 && s->on_way == 0 && s->write_cost == 0 && s->writing == 0;
}

static void tell_exit (struct outflow *of, struct shell *s)
{
    char status[sizeof (s->status)];
    uint64_t id = s->id;

    if (s->eof[0] && s->write_cost == 0 && s->writing == 0) {
        of->ops->up (id, 'w', s->eof, strlen (s->eof), of->arg);
        s->eof[0] = '\0';
    }
    if (!s->status[0] || !is_kept (s))
        return;
    memcpy (status, s->status, sizeof (status));
    forget (of, s);
    of->ops->up (id, 'X', status, strlen (status), of->arg);
}

static void got_exit (struct outflow *of, uint64_t id, const char *text, size_t len)
{
    struct shell *s = idmap_lookup (of->shells, id);

    if (!s || len == 0 || len >= sizeof (s->status)) { /* no status of a shell */
        if (s)
            forget (of, s);
        of->ops->up (id, 'X', text, len, of->arg);
        return;
    }
    memcpy (s->status, text, len);
    s->status[len] = '\0';
    if (!is_kept (s))
        of->ops->up (id, 'y', "", 0, of->arg);
    tell_exit (of, s);
}

void outflow_frame (struct outflow *of, uint64_t id, char type, const char *text,
                    size_t len)
{
    if (type == 'w' && frame_is_eof (text, len))
        got_eof (of, id, text, len);
    else if (type == 'o' || type == 'w')
        got_output (of, id, type, text, len);
    else if (type == 'X')
        got_exit (of, id, text, len);
    else
        of->ops->up (id, type, text, len, of->arg);
}

void outflow_resume (struct outflow *of, uint64_t id, uint64_t kept)
{
    struct shell *s = get_shell (of, id);

    if (s)
        s->kept = kept;
    else
        raise (of, id, "out of memory");
}

void outflow_forget (struct outflow *of, uint64_t id)
{
    struct shell *s = idmap_lookup (of->shells, id);

    if (s)
        forget (of, s);
}

void outflow_open (struct outflow *of, uint64_t id)
{
    struct shell *s = idmap_lookup (of->shells, id);

    if (!s || s->state != ASKED)
        return;
    s->state = OPEN;
    mark_to_write (of, s);
    if (s->text.len > 0) {
        mark_ready (of, s);
        of->waiting += s->text.len;
    }
}

static bool add_part (struct outflow *of, struct outflow_batch *batch, struct shell *s)
{
    struct outflow_part *part = calloc (1, sizeof (*part));

    if (!part)
        return false;
    of->waiting -= s->text.len;
    list_remove (&s->ready);
    s->kept += s->cost;
    *part = (struct outflow_part){
        .id = s->id, .text = s->text, .cost = s->cost, .kept = s->kept
    };
    list_init (&part->node);
    list_append (&batch->parts, &part->node);
    buf_init (&s->text);
    s->on_way += s->cost;
    s->cost = 0;
    return true;
}

/* If there is no memory for it, it is tried again in the next turn. */
static bool store_some (struct outflow *of)
{
    struct outflow_batch *batch = calloc (1, sizeof (*batch));
    size_t len = 0;

    if (!batch)
        return false;
    list_init (&batch->parts);
    while (!list_empty (&of->ready) && len < OUTFLOW_COMMIT_MAX) {
        struct shell *s = list_first (&of->ready, struct shell, ready);
        len += s->text.len;
        if (!add_part (of, batch, s))
            break;
    }
    if (list_empty (&batch->parts)) {
        free (batch);
        return false;
    }
    of->commits++;
    of->ops->store (batch, of->arg);
    return true;
}

static void send_writes (struct outflow *of)
{
    struct list *node;

    while ((node = list_pop (&of->to_write))) {
        struct shell *s = container_of (node, struct shell, to_write);
        uint64_t id = s->id;

        if (of->ops->write (id, s->leader, s->frames.data, s->frames.len, s->write_cost,
                            of->arg)
            < 0) {
            raise (of, id, strerror (errno));
            drop_writes (of, s);
            if ((s = idmap_lookup (of->shells, id))) /* not lost just now */
                tell_exit (of, s);
            continue;
        }
        s->writing += s->write_cost;
        s->write_cost = 0;
        buf_fini (&s->frames);
    }
}

/* Little waits while a commit is on its way, and shares the next. */
void outflow_flush (struct outflow *of)
{
    send_writes (of);
    while (!list_empty (&of->ready)
           && of->commits < (of->waiting >= OUTFLOW_SMALL ? OUTFLOW_COMMITS : 1)) {
        if (!store_some (of))
            return;
    }
}

void outflow_batch_destroy (struct outflow_batch *batch)
{
    struct list *node;

    while ((node = list_pop (&batch->parts))) {
        struct outflow_part *part = container_of (node, struct outflow_part, node);
        buf_fini (&part->text);
        free (part);
    }
    free (batch);
}

void outflow_written (struct outflow *of, uint64_t id, size_t cost)
{
    struct shell *s = idmap_lookup (of->shells, id);

    if (!s)
        return;
    s->writing -= cost < s->writing ? cost : s->writing;
    if (!s->status[0])
        give_credit (of, id, cost, cost);
    if ((s = idmap_lookup (of->shells, id))) /* it may have been lost just now */
        tell_exit (of, s);
}

static void part_stored (struct outflow *of, struct outflow_part *part,
                         const char *error)
{
    struct shell *s = idmap_lookup (of->shells, part->id);

    if (!error)
        of->bytes += part->cost;
    if (!s) /* nobody is to hear of it */
        return;
    if (error)
        raise (of, part->id, error);
    s->on_way -= part->cost < s->on_way ? part->cost : s->on_way;
    if (s->status[0])
        tell_exit (of, s);
    else
        give_credit (of, part->id, part->cost, 0);
}

void outflow_stored (struct outflow *of, struct outflow_batch *batch, const char *error)
{
    of->commits--;
    list_foreach (&batch->parts, it)
        part_stored (of, container_of (it, struct outflow_part, node), error);
    outflow_batch_destroy (batch);
}

int64_t outflow_bytes (const struct outflow *of)
{
    return of->bytes;
}
