#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <flux/rpc.h>

#include "base/json/sweep.h"
#include "core/message/message.h"
#include "core/message/msgqueue.h"
#include "core/message/msgstream.h"

/* RFC 3: a request with two hops, topic and payload, written by hand. */
static const unsigned char request[] = "\x03"
                                       "r2\0"
                                       "\x03"
                                       "r1\0"
                                       "\x00"
                                       "\x06"
                                       "a.foo\0"
                                       "\x03"
                                       "{}\0"
                                       "\x14\x8e\x01\x01\x0b"
                                       "\x00\x00\x04\xd2"
                                       "\x00\x00\x00\x01"
                                       "\xff\xff\xff\xff"
                                       "\x00\x00\x00\x2a";
#define REQUEST_LEN (sizeof (request) - 1)

static void decodes_request (void **state)
{
    flux_msg_t *msg = flux_msg_decode (request, REQUEST_LEN);
    const char *s;
    uint32_t u;
    int type;
    char buf[128];

    assert_non_null (msg);
    assert_int_equal (flux_msg_get_type (msg, &type), 0);
    assert_int_equal (type, FLUX_MSGTYPE_REQUEST);
    assert_int_equal (flux_msg_get_topic (msg, &s), 0);
    assert_string_equal (s, "a.foo");
    assert_int_equal (flux_msg_get_string (msg, &s), 0);
    assert_string_equal (s, "{}");
    assert_int_equal (flux_msg_get_userid (msg, &u), 0);
    assert_int_equal (u, 1234);
    assert_int_equal (flux_msg_get_rolemask (msg, &u), 0);
    assert_int_equal (u, FLUX_ROLE_OWNER);
    assert_int_equal (flux_msg_get_nodeid (msg, &u), 0);
    assert_int_equal (u, FLUX_NODEID_ANY);
    assert_int_equal (flux_msg_get_matchtag (msg, &u), 0);
    assert_int_equal (u, 42);
    assert_int_equal (flux_msg_route_count (msg), 2);
    assert_string_equal (flux_msg_route_first (msg), "r1");
    assert_string_equal (flux_msg_route_last (msg), "r2");

    assert_int_equal (flux_msg_encode_size (msg), REQUEST_LEN);
    assert_int_equal (flux_msg_encode (msg, buf, sizeof (buf)), 0);
    assert_memory_equal (buf, request, REQUEST_LEN);
    assert_int_equal (flux_msg_encode (msg, buf, REQUEST_LEN - 1), -1);
    flux_msg_destroy (msg);
}

static void decodes_control (void **state)
{
    static const unsigned char bytes[] = "\x14\x8e\x01\x08\x00"
                                         "\xff\xff\xff\xff"
                                         "\x00\x00\x00\x00"
                                         "\x00\x00\x00\x03"
                                         "\x00\x00\x00\x07";
    flux_msg_t *msg = flux_msg_decode (bytes, sizeof (bytes) - 1);
    int type, status;

    assert_non_null (msg);
    assert_int_equal (flux_msg_get_control (msg, &type, &status), 0);
    assert_int_equal (type, 3);
    assert_int_equal (status, 7);
    assert_int_equal (flux_msg_get_topic (msg, &(const char *){ NULL }), -1);
    flux_msg_destroy (msg);
}

/* What is sent can be read: no longer than the reader takes. */
static void longest_topic (void **state)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_EVENT);
    char topic[4098];

    memset (topic, 't', sizeof (topic));
    topic[4097] = '\0';
    assert_int_equal (flux_msg_set_topic (msg, topic), -1);
    assert_int_equal (errno, EINVAL);
    topic[4096] = '\0';
    assert_int_equal (flux_msg_set_topic (msg, topic), 0);
    size_t size = flux_msg_encode_size (msg);
    char *buf = malloc (size);
    assert_int_equal (flux_msg_encode (msg, buf, size), 0);
    flux_msg_t *back = flux_msg_decode (buf, size);
    assert_non_null (back);
    flux_msg_destroy (back);
    flux_msg_destroy (msg);
    free (buf);
}

/* Flags of parts are there with these, and only with them. */
static void flags_follow_parts (void **state)
{
    static const int parts[] = { FLUX_MSGFLAG_TOPIC, FLUX_MSGFLAG_PAYLOAD,
                                 FLUX_MSGFLAG_ROUTE };
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_REQUEST);
    int flags;

    for (int i = 0; i < 3; i++) {
        errno = 0;
        assert_int_equal (flux_msg_set_flag (msg, parts[i]), -1);
        assert_int_equal (errno, EINVAL);
        assert_int_equal (flux_msg_set_flags (msg, parts[i] | FLUX_MSGFLAG_PRIVATE),
                          -1);
        assert_int_equal (flux_msg_clear_flag (msg, parts[i]), 0);
    }
    flux_msg_set_topic (msg, "a");
    flux_msg_set_string (msg, "b");
    flux_msg_route_enable (msg);
    assert_int_equal (flux_msg_set_flags (msg, FLUX_MSGFLAG_STREAMING), 0);
    for (int i = 0; i < 3; i++) {
        assert_true (flux_msg_has_flag (msg, parts[i]));
        assert_int_equal (flux_msg_set_flag (msg, parts[i]), 0);
        assert_int_equal (flux_msg_clear_flag (msg, parts[i]), -1);
    }
    flux_msg_get_flags (msg, &flags);
    assert_int_equal (flux_msg_set_flags (msg, flags), 0);
    flux_msg_set_topic (msg, NULL);
    flux_msg_set_payload (msg, NULL, 0);
    flux_msg_route_disable (msg);
    flux_msg_get_flags (msg, &flags);
    assert_int_equal (flags, FLUX_MSGFLAG_STREAMING);
    flux_msg_destroy (msg);
}

static int pack_and_read (void)
{
    static const char text[] = "{\"a\":[1,{\"b\":\"c\"}]}";
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_EVENT);
    int n, rc = flux_msg_pack (msg, "{s:i s:[s]}", "n", 1, "l", "x");

    if (rc == 0) {
        flux_msg_set_string (msg, text);
        rc = flux_msg_unpack (msg, "{s:[i]}", "a", &n);
    }
    int saved = errno;
    flux_msg_destroy (msg);
    errno = saved;
    return rc;
}

static void no_memory_is_said (void **state)
{
    assert_in_range (json_sweep (pack_and_read), 5, 100);
}

static void refuses_damaged (void **state)
{
    unsigned char buf[sizeof (request)];

    for (size_t len = 0; len < REQUEST_LEN; len++) {
        assert_null (flux_msg_decode (request, len));
        assert_int_equal (errno, EPROTO);
    }
    for (size_t i = 0; i < REQUEST_LEN; i++) {
        memcpy (buf, request, sizeof (buf));
        buf[i] ^= 0xff; /* must not crash; may still be a message */
        flux_msg_destroy (flux_msg_decode (buf, REQUEST_LEN));
    }
    memcpy (buf, request, sizeof (buf));
    buf[REQUEST_LEN - 20] = 0x8f;
    assert_null (flux_msg_decode (buf, REQUEST_LEN));
}

static void long_parts (void **state)
{
    size_t sizes[] = { 0, 1, 253, 254, 255, 256, 70000 };

    for (size_t i = 0; i < sizeof (sizes) / sizeof (sizes[0]); i++) {
        flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_EVENT);
        char *data = calloc (1, sizes[i] + 1);
        const void *out;
        size_t len;
        ssize_t size;
        void *buf;

        memset (data, 'x', sizes[i]);
        flux_msg_set_topic (msg, "e");
        assert_int_equal (flux_msg_set_payload (msg, data, sizes[i]), 0);
        size = flux_msg_encode_size (msg);
        assert_int_equal (size, 3 + sizes[i] + (sizes[i] < 255 ? 1 : 5) + 21);
        buf = malloc (size);
        assert_int_equal (flux_msg_encode (msg, buf, size), 0);
        flux_msg_destroy (msg);
        msg = flux_msg_decode (buf, size);
        assert_non_null (msg);
        assert_int_equal (flux_msg_get_payload (msg, &out, &len), 0);
        assert_int_equal (len, sizes[i]);
        assert_memory_equal (out, data, len);
        flux_msg_destroy (msg);
        free (buf);
        free (data);
    }
}

static void routes (void **state)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_REQUEST);
    flux_msg_t *cpy;
    char id[64], *s;

    assert_int_equal (flux_msg_route_push (msg, "x"), -1);
    flux_msg_route_enable (msg);
    for (int i = 0; i < 40; i++) {
        snprintf (id, sizeof (id), "route-number-%d", i);
        assert_int_equal (flux_msg_route_push (msg, id), 0);
        assert_string_equal (flux_msg_route_last (msg), id);
    }
    cpy = flux_msg_copy (msg, false);
    assert_true (flux_msg_route_match_first (msg, cpy));
    for (int i = 39; i >= 0; i--) {
        snprintf (id, sizeof (id), "route-number-%d", i);
        assert_string_equal (flux_msg_route_last (msg), id);
        assert_int_equal (flux_msg_route_delete_last (msg), 0);
    }
    assert_int_equal (flux_msg_route_count (msg), 0);
    assert_null (flux_msg_route_last (msg));
    assert_int_equal (flux_msg_route_delete_last (msg), 0);
    assert_int_equal (flux_msg_route_count (cpy), 40);
    flux_msg_route_clear (cpy);
    flux_msg_route_push (cpy, "0a2b3c4d-0000-0000-0000-000000000000");
    flux_msg_route_push (cpy, "b");
    s = flux_msg_route_string (cpy);
    assert_string_equal (s, "0a2b3c4d!b");
    free (s);
    flux_msg_destroy (cpy);
    flux_msg_destroy (msg);
}

/* A request with one route id of len bytes, with its NUL or without. */
static flux_msg_t *decode_with_id (size_t len, bool nul)
{
    size_t part = len + nul, n = 0;
    unsigned char *buf = calloc (1, part + 64);
    flux_msg_t *msg;

    assert_non_null (buf);
    buf[n++] = 255;
    buf[n++] = 0;
    buf[n++] = 0;
    buf[n++] = part >> 8;
    buf[n++] = part;
    memset (buf + n, 'r', len);
    n += part;
    buf[n++] = 0; /* end of the routes */
    memcpy (buf + n, "\x02t", 3);
    n += 3;
    buf[n++] = 20;
    memcpy (buf + n, "\x8e\x01\x01\x09", 4); /* request, with routes and topic */
    memset (buf + n + 4, 0, 16);
    msg = flux_msg_decode (buf, n + 20);
    free (buf);
    return msg;
}

static void longest_route_id (void **state)
{
    for (int nul = 0; nul <= 1; nul++) {
        flux_msg_t *msg = decode_with_id (4096, nul);

        assert_non_null (msg);
        assert_int_equal (strlen (flux_msg_route_first (msg)), 4096);
        flux_msg_decref (msg);
        assert_null (decode_with_id (4097, nul));
        assert_int_equal (errno, EPROTO);
    }
}

static void packs (void **state)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_REQUEST);
    json_t *shared = json_pack ("{s:i}", "n", 1);
    const char *s;
    int n;

    assert_int_equal (flux_msg_pack (msg, "[i]", 1), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_msg_pack (msg, "{s:i s:{s:s}}", "a", 7, "b", "c", "d"), 0);
    assert_int_equal (flux_msg_unpack (msg, "{s:i}", "a", &n), 0);
    assert_int_equal (n, 7);
    assert_int_equal (flux_msg_get_string (msg, &s), 0);
    assert_string_equal (s, "{\"a\":7,\"b\":{\"c\":\"d\"}}");
    assert_int_equal (flux_msg_unpack (msg, "{s:s}", "a", &s), -1);
    assert_int_equal (errno, EPROTO);
    assert_true (strlen (flux_msg_last_error (msg)) > 0);

    /* What the packer keeps may change without changing the message. */
    assert_int_equal (flux_msg_pack (msg, "{s:O}", "x", shared), 0);
    json_object_set_new (shared, "n", json_integer (2));
    assert_int_equal (flux_msg_unpack (msg, "{s:{s:i}}", "x", "n", &n), 0);
    assert_int_equal (n, 1);
    json_decref (shared);

    assert_int_equal (flux_msg_set_string (msg, "[1]"), 0);
    assert_int_equal (flux_msg_unpack (msg, "{s:i}", "x", &n), -1);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (flux_msg_set_string (msg, NULL), 0);
    assert_false (flux_msg_has_payload (msg));
    flux_msg_destroy (msg);
}

static void compares (void **state)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_REQUEST);
    struct flux_match m = FLUX_MATCH_ANY;

    flux_msg_set_topic (msg, "kvs.get");
    flux_msg_set_matchtag (msg, 5);
    assert_true (flux_msg_cmp (msg, m));
    assert_false (flux_msg_cmp (msg, FLUX_MATCH_EVENT));
    m.topic_glob = "kvs.*";
    assert_true (flux_msg_cmp (msg, m));
    m.topic_glob = "kvs";
    assert_false (flux_msg_cmp (msg, m));
    m.topic_glob = NULL;
    m.matchtag = 6;
    assert_false (flux_msg_cmp (msg, m));
    m.matchtag = 5;
    assert_true (flux_msg_cmp (msg, m));
    flux_msg_destroy (msg);
}

static void parts_round_trip (void **state)
{
    flux_msg_t *msg = flux_msg_decode (request, REQUEST_LEN);
    unsigned char proto[MSG_PROTO_LEN];
    struct iovec iov[8];
    flux_msg_t *back;
    char buf[128];
    int n;

    assert_int_equal (msg_parts (msg, proto, iov, 5), -1);
    n = msg_parts (msg, proto, iov, 8);
    assert_int_equal (n, 6);
    back = msg_from_parts (iov, n);
    assert_non_null (back);
    assert_int_equal (flux_msg_encode (back, buf, sizeof (buf)), 0);
    assert_memory_equal (buf, request, REQUEST_LEN);
    flux_msg_destroy (back);
    flux_msg_destroy (msg);
}

static void authorizes (void **state)
{
    struct flux_msg_cred owner = { 100, FLUX_ROLE_OWNER };
    struct flux_msg_cred guest = { 200, FLUX_ROLE_USER };
    struct flux_msg_cred none = { FLUX_USERID_UNKNOWN, FLUX_ROLE_USER };

    assert_int_equal (flux_msg_cred_authorize (owner, 200), 0);
    assert_int_equal (flux_msg_cred_authorize (guest, 200), 0);
    assert_int_equal (flux_msg_cred_authorize (guest, 100), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (flux_msg_cred_authorize (none, FLUX_USERID_UNKNOWN), -1);
}

static void queue_is_a_ring (void **state)
{
    struct msgqueue q = { 0 };
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_EVENT);

    for (uint32_t i = 0; i < 100; i++) {
        flux_msg_t *m = flux_msg_copy (msg, false);

        flux_msg_set_seq (m, i);
        assert_int_equal (i % 2 ? msgqueue_push (&q, m) : msgqueue_push_head (&q, m),
                          0);
        if (i % 3 == 0)
            flux_msg_decref (msgqueue_pop (&q));
    }
    assert_int_equal (q.count, 66);
    flux_msg_decref (msgqueue_take (&q, 10));
    assert_int_equal (q.count, 65);
    msgqueue_fini (&q);
    flux_msg_destroy (msg);
}

static void prints (void **state)
{
    flux_msg_t *msg = flux_msg_decode (request, REQUEST_LEN);
    char *s = NULL;
    size_t len;
    FILE *f = open_memstream (&s, &len);

    flux_msg_fprint (f, msg);
    fclose (f);
    assert_non_null (strstr (s, "> a.foo\n> {}\n"));
    assert_non_null (strstr (s, "> |r2\n> |r1\n> |\n"));
    free (s);
    flux_msg_destroy (msg);
}

static flux_msg_t *with_payload (struct buf *b, int c, size_t len)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_EVENT);

    buf_reserve (b, len);
    memset (b->data, c, len);
    b->len = len;
    assert_int_equal (msg_take_payload (msg, b), 0);
    return msg;
}

static void takes_over (void **state)
{
    struct buf b = BUF_INIT, back = BUF_INIT;
    flux_msg_t *small = with_payload (&b, 's', 100), *large, *other;
    const void *data;
    size_t len;

    assert_int_equal (b.len, 100); /* it was copied */
    large = with_payload (&b, 'l', 1000000);
    assert_null (b.data);
    assert_int_equal (flux_msg_get_payload (large, &data, &len), 0);
    assert_int_equal (len, 1000000);
    other = flux_msg_create (FLUX_MSGTYPE_EVENT);
    msg_share_payload (other, large);
    payload_give_back (msg_payload (large), &back); /* two have it */
    assert_null (back.data);
    flux_msg_destroy (large);
    assert_int_equal (flux_msg_get_payload (other, &data, &len), 0);
    assert_true (len == 1000000 && ((const char *)data)[999999] == 'l');
    struct payload *p = payload_ref (msg_payload (other));
    flux_msg_destroy (other);
    payload_give_back (p, &back);
    payload_unref (p);
    assert_true (back.data == data && back.len == 1000000);
    buf_fini (&back);
    flux_msg_destroy (small);
}

static int freed;

static void free_it (void *p)
{
    freed++;
    free (p);
}

/* A block is kept with the last reference to its payload, or stays the caller's. */
static void keeps_blocks (void **state)
{
    for (size_t len = 100; len <= 1000000; len *= 10000) {
        struct buf b = BUF_INIT;
        flux_msg_t *msg = with_payload (&b, 'x', len), *other;
        unsigned char proto[MSG_PROTO_LEN];
        struct msg_block block = { malloc (len), free_it };
        struct iovec iov[8];
        const void *data;
        int count;

        buf_fini (&b);
        flux_msg_set_topic (msg, "e");
        assert_int_equal (count = msg_parts (msg, proto, iov, 8), 3);
        memcpy (block.p, iov[1].iov_base, len);
        iov[1].iov_base = block.p;
        freed = 0;
        assert_non_null (other = msg_from_parts_in (iov, count, &block));
        assert_int_equal (flux_msg_get_payload (other, &data, NULL), 0);
        if (len >= MSG_LARGE)
            assert_true (!block.p && data == iov[1].iov_base);
        else
            assert_true (block.p && data != iov[1].iov_base);
        flux_msg_destroy (msg);
        assert_int_equal (freed, 0);
        flux_msg_destroy (other);
        assert_int_equal (freed, len >= MSG_LARGE);
        free (block.p);
        /* What is no message gives it back in any case. */
        block = (struct msg_block){ malloc (1000000), free_it };
        iov[0] = (struct iovec){ block.p, 1000000 };
        assert_null (msg_from_parts_in (iov, 1, &block));
        assert_non_null (block.p);
        free (block.p);
    }
}

/* RFC 3: the length in the preface is that of the message parts, without the preface. */
static void frames (void **state)
{
    static const unsigned char preface[] = { 0xff, 0xee, 0x00, 0x12, 0, 0, 0 };
    flux_msg_t *msg = flux_msg_decode (request, REQUEST_LEN);
    unsigned char bytes[256];
    struct msgstream *s;
    int fds[2];

    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_non_null (s = msgstream_create (fds[0]));
    assert_int_equal (msgstream_send (s, msg), 0);
    assert_int_equal (msgstream_flush (s), 0);
    assert_int_equal (read (fds[1], bytes, sizeof (bytes)), 8 + REQUEST_LEN);
    assert_memory_equal (bytes, preface, sizeof (preface));
    assert_int_equal (bytes[7], REQUEST_LEN);
    assert_memory_equal (bytes + 8, request, REQUEST_LEN);
    msgstream_destroy (s);
    close (fds[1]);
    flux_msg_destroy (msg);
}

static bool is_same (const flux_msg_t *a, const flux_msg_t *b)
{
    ssize_t len = flux_msg_encode_size (a);
    char *x = malloc (len), *y = malloc (len);
    bool same = flux_msg_encode_size (b) == len && flux_msg_encode (a, x, len) == 0
                && flux_msg_encode (b, y, len) == 0 && !memcmp (x, y, len);

    free (x);
    free (y);
    return same;
}

/* Large and small ones, in order, through a socket that takes little at a time. */
static void streams (void **state)
{
    static const size_t lens[] = { 10,      3000000, 0,      700000, 5, 262144,
                                   9000000, 262143,  400000, 400000, 1, 64 };
    enum { COUNT = sizeof (lens) / sizeof (lens[0]) };
    flux_msg_t *msgs[COUNT], *msg;
    struct msgstream *out, *in;
    size_t sum = 0;
    int fds[2];

    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_non_null (out = msgstream_create (fds[0]));
    assert_non_null (in = msgstream_create (fds[1]));
    for (int i = 0; i < COUNT; i++) {
        char *data = malloc (lens[i] + 1);

        for (size_t j = 0; j < lens[i]; j++)
            data[j] = i * 7 + j % 241;
        msgs[i] = flux_request_encode_raw ("a.b", data, lens[i]);
        assert_int_equal (flux_msg_route_push (msgs[i], "me"), 0);
        flux_msg_set_matchtag (msgs[i], i);
        assert_int_equal (msgstream_send (out, msgs[i]), 0);
        sum += 8 + flux_msg_encode_size (msgs[i]);
        free (data);
    }
    assert_int_equal (msgstream_unsent (out), sum);
    for (int i = 0; i < COUNT; i++) {
        while (!(msg = msgstream_recv (in))) {
            assert_int_equal (errno, EAGAIN);
            assert_true (msgstream_flush (out) == 0 || errno == EAGAIN);
        }
        assert_true (is_same (msg, msgs[i]));
        flux_msg_destroy (msg);
        flux_msg_destroy (msgs[i]);
    }
    assert_int_equal (msgstream_unsent (out), 0);
    /* What waits goes with the stream. */
    msg = flux_request_encode_raw ("a.b", fds, sizeof (fds));
    struct buf b = BUF_INIT;
    flux_msg_t *large = with_payload (&b, 'x', 5000000);
    flux_msg_set_topic (large, "e");
    assert_int_equal (msgstream_send (out, large), 0);
    assert_int_equal (msgstream_send (out, msg), 0);
    assert_int_equal (msgstream_send (out, large), 0);
    assert_int_equal (msgstream_flush (out), -1);
    flux_msg_destroy (large);
    flux_msg_destroy (msg);
    msgstream_destroy (out);
    do
        flux_msg_destroy (msg = msgstream_recv (in));
    while (msg || errno == EAGAIN);
    assert_int_equal (errno, ECONNRESET);
    msgstream_destroy (in);
}

/* Those that are longer come without what they say; those before and behind them are whole. */
static void streams_are_bounded (void **state)
{
    static const size_t lens[] = {
        10, 3000000, 16000, 70000, 0, 262144, 5, 100001, 64
    };
    enum { COUNT = sizeof (lens) / sizeof (lens[0]), BOUND = 100000 };
    struct msgstream *out, *in;
    flux_msg_t *msg;
    int fds[2];

    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_non_null (out = msgstream_create (fds[0]));
    assert_non_null (in = msgstream_create (fds[1]));
    msgstream_bound (in, BOUND);
    for (int i = 0; i < COUNT; i++) {
        char *data = calloc (1, lens[i] + 1);

        msg = flux_request_encode_raw ("a.b", data, lens[i]);
        assert_int_equal (flux_msg_route_push (msg, "me"), 0);
        flux_msg_set_matchtag (msg, i);
        assert_int_equal (msgstream_send (out, msg), 0);
        flux_msg_destroy (msg);
        free (data);
    }
    for (int i = 0; i < COUNT; i++) {
        const char *topic;
        const void *data;
        uint32_t tag;
        size_t len;

        while (!(msg = msgstream_recv (in))) {
            assert_int_equal (errno, EAGAIN);
            assert_true (msgstream_unread (in) <= BOUND);
            assert_true (msgstream_flush (out) == 0 || errno == EAGAIN);
        }
        assert_int_equal (flux_msg_get_matchtag (msg, &tag), 0);
        assert_int_equal (tag, i);
        assert_int_equal (flux_msg_get_topic (msg, &topic), 0);
        assert_string_equal (topic, "a.b");
        assert_string_equal (flux_msg_route_last (msg), "me");
        assert_int_equal (msg_raw (msg, &data, &len), 0);
        assert_int_equal (msgstream_was_cut (in), lens[i] > BOUND);
        assert_int_equal (len, lens[i] > BOUND ? 0 : lens[i]);
        flux_msg_destroy (msg);
    }
    assert_int_equal (msgstream_unread (in), 0);
    msgstream_destroy (out);
    msgstream_destroy (in);
}

/* Of what is no message nothing is made. */
static void cut_garbage (void **state)
{
    static const unsigned char head[] = "\x02me\0\x04"
                                        "a.b";
    unsigned char tail[MSG_TAIL_LEN] = { MSG_PROTO_LEN, 0x8e, 1, FLUX_MSGTYPE_REQUEST };
    const unsigned char all = FLUX_MSGFLAG_TOPIC | FLUX_MSGFLAG_ROUTE;
    flux_msg_t *msg;

    tail[4] = all | FLUX_MSGFLAG_PAYLOAD;
    assert_non_null (msg = msg_decode_cut (head, sizeof (head), tail));
    flux_msg_destroy (msg);
    for (size_t n = 0; n < sizeof (head); n++)
        assert_null (msg_decode_cut (head, n, tail));
    tail[4] = all;
    assert_null (msg_decode_cut (head, sizeof (head), tail));
    tail[4] = all | FLUX_MSGFLAG_PAYLOAD;
    tail[0]--;
    assert_null (msg_decode_cut (head, sizeof (head), tail));
    assert_int_equal (errno, EPROTO);
}

static void control_messages_come_back (void **state)
{
    flux_msg_t *msg = flux_control_encode (3, 44),
               *other = flux_msg_create (FLUX_MSGTYPE_EVENT);
    int type = 0, status = 0;

    assert_int_equal (flux_control_decode (msg, &type, &status), 0);
    assert_int_equal (type, 3);
    assert_int_equal (status, 44);
    assert_int_equal (flux_control_decode (other, &type, &status), -1);
    flux_msg_destroy (msg);
    flux_msg_destroy (other);
}

static void matchtags_are_compared (void **state)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_REQUEST);
    struct flux_match m = flux_match_init (FLUX_MSGTYPE_REQUEST, 5, "a.*");

    assert_int_equal (flux_msg_set_matchtag (msg, 5), 0);
    assert_true (flux_msg_cmp_matchtag (msg, 5));
    assert_false (flux_msg_cmp_matchtag (msg, 6));
    assert_int_equal (m.typemask, FLUX_MSGTYPE_REQUEST);
    assert_int_equal (m.matchtag, 5);
    assert_string_equal (m.topic_glob, "a.*");
    flux_msg_destroy (msg);
}

static void a_list_has_a_last (void **state)
{
    struct flux_msglist *l = flux_msglist_create ();
    flux_msg_t *a = flux_msg_create (FLUX_MSGTYPE_REQUEST),
               *b = flux_msg_copy (a, true);

    assert_null (flux_msglist_last (l));
    assert_null (flux_msglist_last (NULL));
    flux_msglist_append (l, a);
    flux_msglist_append (l, b);
    assert_ptr_equal (flux_msglist_last (l), b);
    assert_null (flux_msglist_next (l));
    flux_msglist_destroy (l);
    flux_msg_destroy (a);
    flux_msg_destroy (b);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (control_messages_come_back),
        cmocka_unit_test (matchtags_are_compared),
        cmocka_unit_test (a_list_has_a_last),
        cmocka_unit_test (decodes_request),
        cmocka_unit_test (decodes_control),
        cmocka_unit_test (refuses_damaged),
        cmocka_unit_test (long_parts),
        cmocka_unit_test (routes),
        cmocka_unit_test (packs),
        cmocka_unit_test (longest_topic),
        cmocka_unit_test (flags_follow_parts),
        cmocka_unit_test (no_memory_is_said),
        cmocka_unit_test (compares),
        cmocka_unit_test (parts_round_trip),
        cmocka_unit_test (authorizes),
        cmocka_unit_test (queue_is_a_ring),
        cmocka_unit_test (prints),
        cmocka_unit_test (longest_route_id),
        cmocka_unit_test (takes_over),
        cmocka_unit_test (frames),
        cmocka_unit_test (streams),
        cmocka_unit_test (streams_are_bounded),
        cmocka_unit_test (cut_garbage),
        cmocka_unit_test (keeps_blocks),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
