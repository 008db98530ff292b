#include "core/message/msgqueue.h"

#include <stdlib.h>
#include <string.h>

static size_t slot (const struct msgqueue *q, size_t i)
{
    return (q->head + i) & (q->cap - 1);
}

void msgqueue_fini (struct msgqueue *q)
{
    flux_msg_t *msg;

    while ((msg = msgqueue_pop (q)))
        flux_msg_decref (msg);
    free (q->slots);
    memset (q, 0, sizeof (*q));
}

static int reserve (struct msgqueue *q)
{
    size_t cap = q->cap ? q->cap * 2 : 16;
    flux_msg_t **slots;

    if (q->count < q->cap)
        return 0;
    if (!(slots = malloc (cap * sizeof (*slots))))
        return -1;
    for (size_t i = 0; i < q->count; i++)
        slots[i] = q->slots[slot (q, i)];
    free (q->slots);
    q->slots = slots;
    q->head = 0;
    q->cap = cap;
    return 0;
}

int msgqueue_push (struct msgqueue *q, flux_msg_t *msg)
{
    if (reserve (q) < 0)
        return -1;
    q->slots[slot (q, q->count++)] = msg;
    return 0;
}

int msgqueue_push_head (struct msgqueue *q, flux_msg_t *msg)
{
    if (reserve (q) < 0)
        return -1;
    q->head = slot (q, q->cap - 1);
    q->slots[q->head] = msg;
    q->count++;
    return 0;
}

flux_msg_t *msgqueue_pop (struct msgqueue *q)
{
    flux_msg_t *msg;

    if (q->count == 0)
        return NULL;
    msg = q->slots[q->head];
    q->head = slot (q, 1);
    q->count--;
    return msg;
}

flux_msg_t *msgqueue_at (const struct msgqueue *q, size_t i)
{
    return i < q->count ? q->slots[slot (q, i)] : NULL;
}

flux_msg_t *msgqueue_take (struct msgqueue *q, size_t i)
{
    flux_msg_t *msg = msgqueue_at (q, i);

    if (!msg)
        return NULL;
    if (i == 0)
        return msgqueue_pop (q);
    for (; i + 1 < q->count; i++)
        q->slots[slot (q, i)] = q->slots[slot (q, i + 1)];
    q->count--;
    return msg;
}
