#include "outflow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/json/jsonout.h"

enum state {
    SMALL, /* entries go up */
    ASKED, /* and are kept until M */
    OPEN,
};

/* A shell that has output. */
struct shell {
    uint64_t id;
    enum state state;
    size_t passed;     /* bytes that went up */
    struct buf text;   /* to be stored */
    size_t cost;       /* of text */
    size_t on_way;     /* to the store */
    char status[16];   /* text of X; "": it has not ended */
    struct list ready; /* in that list */
};

struct outflow {
    const struct outflow_ops *ops;
    void *arg;
    struct idmap *shells;
    struct list ready; /* shells whose text may be stored */
    size_t waiting;    /* bytes of these */
    int commits;       /* on their way */
    int64_t bytes;
};

static void shell_destroy (void *value)
{
    struct shell *s = value;

    list_remove (&s->ready);
    buf_fini (&s->text);
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

static void give_credit (struct outflow *of, uint64_t id, size_t bytes)
{
    char text[24];

    snprintf (text, sizeof (text), "%zu", bytes);
    of->ops->down (id, 'C', text, strlen (text), of->arg);
}

static struct shell *get_shell (struct outflow *of, uint64_t id)
{
    struct shell *s = idmap_lookup (of->shells, id);

    if (s || !(s = calloc (1, sizeof (*s))))
        return s;
    s->id = id;
    list_init (&s->ready);
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
        give_credit (of, s->id, lost);
        return;
    }
    s->cost += len;
    if (s->state == OPEN) {
        mark_ready (of, s);
        of->waiting += s->text.len - before;
    }
}

static void got_entry (struct outflow *of, uint64_t id, const char *text, size_t len)
{
    struct shell *s = get_shell (of, id);

    if (!s) {
        of->ops->up (id, 'o', text, len, of->arg); /* as good, but slow */
        return;
    }
    if (s->state == SMALL && s->passed + len > OUTFLOW_SMALL) {
        s->state = ASKED;
        of->ops->up (id, 'm', "", 0, of->arg);
    }
    if (s->state == SMALL) {
        s->passed += len;
        of->ops->up (id, 'o', text, len, of->arg);
    } else
        keep (of, s, text, len);
}

static void tell_exit (struct outflow *of, struct shell *s)
{
    char status[sizeof (s->status)];
    uint64_t id = s->id;

    if (!s->status[0] || s->cost > 0 || s->on_way > 0)
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
    if (s->cost > 0 || s->on_way > 0)
        of->ops->up (id, 'y', "", 0, of->arg);
    tell_exit (of, s);
}

void outflow_frame (struct outflow *of, uint64_t id, char type, const char *text,
                    size_t len)
{
    if (type == 'o')
        got_entry (of, id, text, len);
    else if (type == 'X')
        got_exit (of, id, text, len);
    else
        of->ops->up (id, type, text, len, of->arg);
}

void outflow_open (struct outflow *of, uint64_t id)
{
    struct shell *s = idmap_lookup (of->shells, id);

    if (!s || s->state != ASKED)
        return;
    s->state = OPEN;
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
    *part = (struct outflow_part){ .id = s->id, .text = s->text, .cost = s->cost };
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

/* Little waits while a commit is on its way, and shares the next. */
void outflow_flush (struct outflow *of)
{
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
        give_credit (of, part->id, part->cost);
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
