#include "base/fanout.h"

#include <errno.h>
#include <stdlib.h>

int fanout_init (struct fanout *q, int readers)
{
    list_init (&q->items);
    q->count = readers;
    q->bytes = 0;
    q->readers = calloc (readers + 1, sizeof (*q->readers));
    if (!q->readers) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

void fanout_fini (struct fanout *q)
{
    free (q->readers);
    q->readers = NULL;
    q->count = 0;
}

int fanout_add (struct fanout *q, struct fanout_item *item, size_t len)
{
    item->len = len;
    item->waiting = 0;
    if (!(item->for_ = calloc (q->count / 64 + 1, sizeof (*item->for_)))) {
        errno = ENOMEM;
        return -1;
    }
    list_init (&item->node);
    list_append (&q->items, &item->node);
    q->bytes += len;
    return 0;
}

static bool is_for (const struct fanout_item *item, int reader)
{
    return item->for_[reader / 64] >> (reader % 64) & 1;
}

void fanout_give (struct fanout *q, int reader)
{
    struct fanout_item *item = container_of (q->items.prev, struct fanout_item, node);
    struct fanout_reader *r = &q->readers[reader];

    if (is_for (item, reader))
        return;
    item->for_[reader / 64] |= 1ull << (reader % 64);
    item->waiting++;
    if (!r->at) {
        r->at = item;
        r->off = 0;
    }
}

struct fanout_item *fanout_at (const struct fanout *q, int reader, size_t *off)
{
    const struct fanout_reader *r = &q->readers[reader];

    *off = r->off;
    return r->at;
}

static void go_on (struct fanout *q, int reader)
{
    struct fanout_reader *r = &q->readers[reader];
    struct list *node = &r->at->node;

    r->at->waiting--;
    r->at = NULL;
    r->off = 0;
    while ((node = node->next) != &q->items && !r->at) {
        struct fanout_item *item = container_of (node, struct fanout_item, node);
        if (is_for (item, reader))
            r->at = item;
    }
}

void fanout_advance (struct fanout *q, int reader, size_t len)
{
    struct fanout_reader *r = &q->readers[reader];

    while (r->at) {
        size_t left = r->at->len - r->off;
        if (len < left) {
            r->off += len;
            break;
        }
        len -= left;
        go_on (q, reader);
        if (len == 0)
            break;
    }
}

void fanout_drop (struct fanout *q, int reader)
{
    while (q->readers[reader].at)
        go_on (q, reader);
}

struct fanout_item *fanout_pop (struct fanout *q)
{
    struct fanout_item *item;

    if (list_empty (&q->items))
        return NULL;
    item = container_of (q->items.next, struct fanout_item, node);
    if (item->waiting > 0)
        return NULL;
    list_remove (&item->node);
    q->bytes -= item->len;
    free (item->for_);
    item->for_ = NULL;
    return item;
}
