/* Decode, look at everything, encode again: the bytes must not change, whether they
 * go through a stream or as frames. The corpus has ids of the greatest length. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/message/message.h"

static flux_msg_t *through_frames (const flux_msg_t *msg)
{
    unsigned char proto[MSG_PROTO_LEN];
    struct iovec iov[MSG_MAX_ROUTES + 4];
    int n = msg_parts (msg, proto, iov, MSG_MAX_ROUTES + 4);
    flux_msg_t *back;

    if (n < 0 || !(back = msg_from_parts (iov, n)))
        abort ();
    return back;
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    flux_msg_t *msg = flux_msg_decode (data, size);
    flux_msg_t *again;
    const char *s;
    ssize_t len;
    char *buf, *buf2;

    if (!msg)
        return 0;
    if ((s = flux_msg_route_first (msg)) && strlen (s) == 0)
        abort ();
    free (flux_msg_route_string (msg));
    flux_msg_unpack (msg, "{s?i}", "a", &(int){ 0 });
    if ((len = flux_msg_encode_size (msg)) < 0 || !(buf = malloc (len)))
        abort ();
    if (flux_msg_encode (msg, buf, len) < 0 || !(again = flux_msg_decode (buf, len)))
        abort ();
    if (flux_msg_encode_size (again) != len || !(buf2 = malloc (len))
        || flux_msg_encode (again, buf2, len) < 0 || memcmp (buf, buf2, len) != 0)
        abort ();
    free (buf2);
    flux_msg_destroy (again);
    again = through_frames (msg);
    if (flux_msg_encode_size (again) != len || !(buf2 = malloc (len))
        || flux_msg_encode (again, buf2, len) < 0 || memcmp (buf, buf2, len) != 0)
        abort ();
    free (buf);
    free (buf2);
    flux_msg_destroy (again);
    flux_msg_destroy (msg);
    return 0;
}
