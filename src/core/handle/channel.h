/* A two-ended queue of messages between two threads.
 *
 * A message is handed over as a pointer: never copied, never encoded. Each
 * end belongs to one thread at a time. An end sleeps on an eventfd, which
 * the other end only writes when this end has said that it is about to
 * sleep, so a busy pair makes no system calls. */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include <flux/handle.h>

struct channel_end;

/* 0, or -1 with ENOMEM, EMFILE. */
int channel_create (struct channel_end *ends[2]);
/* Tell the other end that nothing will follow what was sent; this end stays
 * valid until channel_close. */
void channel_shutdown (struct channel_end *end);

/* Closes this end. The other end still gets what was sent before, then
 * ECONNRESET; what it sends is dropped. */
void channel_close (struct channel_end *end);

/* Hands one reference of *msg over and sets it to NULL. The receiver may
 * change the message (push a route), so it must be the last reference,
 * except for events, which nobody changes. On -1 with errno ECONNRESET or
 * ENOMEM the caller still owns it. */
int channel_send (struct channel_end *end, flux_msg_t **msg);

/* The same for what may wait in favour of what channel_send hands over: of a crowd of these
 * messages one is received for some of those. Both kinds stay in order among themselves. A
 * disconnect (RFC 6), which ends what was asked for by either, is received when all that was
 * sent before it, of both kinds, has been. */
int channel_send_later (struct channel_end *end, flux_msg_t **msg);

/* The next message, owned by the caller; or NULL with errno EAGAIN, or
 * ECONNRESET when the other end is closed and the queue is empty. */
flux_msg_t *channel_recv (struct channel_end *end);

/* Readable after channel_pollevents said that there is nothing to receive
 * and then something came. Do not read from it. */
int channel_pollfd (struct channel_end *end);

/* FLUX_POLLIN if channel_recv will not say EAGAIN, FLUX_POLLOUT always,
 * FLUX_POLLERR if the other end is closed. Without FLUX_POLLIN the end is
 * armed: the next message makes pollfd readable. */
int channel_pollevents (struct channel_end *end);

/* Messages that the other end has sent and this one has not received, and
 * the reverse: for bounds and for `flux module list`. */
size_t channel_recv_count (struct channel_end *end);
size_t channel_send_count (struct channel_end *end);

/* The rank of this process, so that handles know which requests leave it. */
void channel_set_rank (int rank);

/* A handle on an end, which it owns and closes. */
flux_t *channel_open_handle (struct channel_end *end, int flags);

#endif
