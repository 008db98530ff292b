#include "cmd/submit/attach/tail.h"

#include "base/buf.h"
#include "base/list.h"

#include <stdlib.h>
#include <string.h>

struct line {
    struct list node;
    unsigned int rank;
    bool err;
    struct buf text;
};

struct tail {
    size_t count, max;
    struct list lines; /* the oldest is the first */
};

struct tail *tail_create (size_t count)
{
    struct tail *t = calloc (1, sizeof (*t));
    if (t) {
        list_init (&t->lines);
        t->max = count;
    }
    return t;
}

static void drop_first (struct tail *t)
{
    struct line *l = container_of (list_pop (&t->lines), struct line, node);
    buf_fini (&l->text);
    free (l);
    t->count--;
}

void tail_destroy (struct tail *t)
{
    while (t && t->count > 0)
        drop_first (t);
    free (t);
}

/* The line that data goes on with, or a new one. */
static struct line *line_for (struct tail *t, unsigned int rank, bool err)
{
    struct line *l =
        list_empty (&t->lines) ? NULL : container_of (t->lines.prev, struct line, node);
    if (l && l->rank == rank && l->err == err && l->text.data[l->text.len - 1] != '\n')
        return l;
    if (!(l = calloc (1, sizeof (*l))))
        return NULL;
    l->rank = rank;
    l->err = err;
    list_append (&t->lines, &l->node);
    t->count++;
    return l;
}

int tail_add (struct tail *t, unsigned int rank, bool err, const char *data, size_t len)
{
    while (len > 0 && t->max > 0) {
        const char *nl = memchr (data, '\n', len);
        size_t n = nl ? (size_t)(nl + 1 - data) : len;
        struct line *l = line_for (t, rank, err);
        if (!l)
            return -1;
        if (buf_add (&l->text, data, n) < 0) {
            if (l->text.len == 0) {
                list_remove (&l->node);
                t->count--;
                free (l);
            }
            return -1;
        }
        while (t->count > t->max)
            drop_first (t);
        data += n;
        len -= n;
    }
    return 0;
}

void tail_flush (struct tail *t, tail_f fn, void *arg)
{
    while (t->count > 0) {
        struct line *l = list_first (&t->lines, struct line, node);
        fn (l->rank, l->err, l->text.data, l->text.len, arg);
        drop_first (t);
    }
}
