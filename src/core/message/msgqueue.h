/* A ring of message pointers. Keeps its memory when it empties. */
#ifndef CORE_MSGQUEUE_H
#define CORE_MSGQUEUE_H

#include <flux/message.h>

struct msgqueue {
    flux_msg_t **slots;
    size_t head, count, cap; /* cap is 0 or a power of two */
};

/* Drops the references that are left. */
void msgqueue_fini (struct msgqueue *q);
/* Takes a reference; 0, or -1 with ENOMEM (the caller keeps it). */
int msgqueue_push (struct msgqueue *q, flux_msg_t *msg);
int msgqueue_push_head (struct msgqueue *q, flux_msg_t *msg);
/* The caller gets the reference; NULL if empty. */
flux_msg_t *msgqueue_pop (struct msgqueue *q);
/* Borrowed; NULL behind the end. */
flux_msg_t *msgqueue_at (const struct msgqueue *q, size_t i);
/* Takes out the message at i; those behind move up. */
flux_msg_t *msgqueue_take (struct msgqueue *q, size_t i);

static inline bool msgqueue_empty (const struct msgqueue *q)
{
    return q->count == 0;
}

#endif
