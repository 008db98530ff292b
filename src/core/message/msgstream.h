/* Framed messages over a non-blocking stream socket (RFC 3, "Message Framing
 * and Security"): magic, length, parts.
 *
 * Nothing here waits. Sending only appends to a buffer; one flush writes all
 * that gathered in a reactor turn. */
#ifndef CORE_MSGSTREAM_H
#define CORE_MSGSTREAM_H

#include <flux/message.h>

/* A larger message is refused on both sides. */
#define MSGSTREAM_MAX_LEN (1024u * 1024u * 1024u)

struct msgstream;

/* Takes the descriptor, makes it non-blocking, and closes it in the end. */
struct msgstream *msgstream_create (int fd);
void msgstream_destroy (struct msgstream *s);
int msgstream_fd (const struct msgstream *s);

/* Appends to the output buffer. -1 with ENOMEM, EMSGSIZE, EINVAL. */
int msgstream_send (struct msgstream *s, const flux_msg_t *msg);

/* Writes what the socket takes. 0 if the buffer is empty now; -1 with EAGAIN
 * if something is left (wait until the socket is writable, flush again),
 * or the socket's error. */
int msgstream_flush (struct msgstream *s);

/* Bytes not yet written: the bound for a slow reader is the owner's. */
size_t msgstream_unsent (const struct msgstream *s);

/* Forgets what is not yet written: the stream is at its end. */
void msgstream_discard (struct msgstream *s);

/* The next message, owned by the caller; or NULL with EAGAIN (the socket has
 * no more now), ECONNRESET (end of file, also after half a message), EPROTO
 * (not a message: close the connection), EMSGSIZE or the socket's error.
 * Reads from the socket only when no complete message is buffered. */
flux_msg_t *msgstream_recv (struct msgstream *s);

/* Of a message that is longer, and has not arrived as a whole yet, some kilobytes are kept: it
 * comes without its payload, so that it can be refused. */
void msgstream_bound (struct msgstream *s, size_t len);
/* The last message has come so. */
bool msgstream_was_cut (const struct msgstream *s);
/* Bytes that were read, and have not become a message yet. */
size_t msgstream_unread (const struct msgstream *s);

/* True if msgstream_recv will give a message without reading. */
bool msgstream_buffered (const struct msgstream *s);

#endif
