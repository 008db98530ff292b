/* What a client writes to a broker's socket, in pieces of any size: each message that comes out
 * is one that can be sent on, and after bytes that are none the stream stays refused. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/message/msgstream.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* -1: it is to be closed. */
static int take_all (struct msgstream *s, struct msgstream *out)
{
    flux_msg_t *msg;

    while ((msg = msgstream_recv (s))) {
        if (msgstream_send (out, msg) < 0)
            abort ();
        flux_msg_decref (msg);
    }
    msgstream_discard (out);
    return errno == EAGAIN ? 0 : -1;
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    int in[2], to[2];
    struct msgstream *s, *out;
    size_t step = size > 0 ? data[0] % 61 + 1 : 1;
    int rc = 0;

    if (size > 60000 || socketpair (AF_UNIX, SOCK_STREAM, 0, in) < 0)
        return 0;
    if (socketpair (AF_UNIX, SOCK_STREAM, 0, to) < 0 || !(s = msgstream_create (in[0]))
        || !(out = msgstream_create (to[0])))
        abort ();
    if (size > 0 && data[0] >= 128)
        msgstream_bound (s, 20000);
    for (size_t i = 1; i < size && rc == 0; i += step) {
        size_t n = size - i < step ? size - i : step;

        if (write (in[1], data + i, n) != (ssize_t)n)
            abort ();
        rc = take_all (s, out);
    }
    close (in[1]);
    if (rc == 0 && take_all (s, out) == 0)
        abort (); /* its end is seen */
    if (msgstream_recv (s))
        abort ();
    msgstream_destroy (s);
    msgstream_destroy (out);
    close (to[1]);
    return 0;
}
