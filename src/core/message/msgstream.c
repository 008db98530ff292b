#include "core/message/msgstream.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/os/pages.h"
#include "core/message/message.h"

#define PREFACE_LEN 8
#define READ_LEN (64 * 1024)
#define ROOM_MAX (32 * 1024 * 1024) /* given on a header's word */
#define LARGE (4 * 1024 * 1024)     /* grows by a quarter, no more by its size */
#define IDLE_LEN (16 * 1024)        /* kept by a stream that has nothing to say */
#define HEAD_LEN (16 * 1024)        /* has routes and topic, else it is no message */
#define READ_TURN (16 * 1024 * 1024)

/* Behind it comes the length of the message parts, without these eight bytes (RFC 3). */
static const unsigned char magic[4] = { 0xFF, 0xEE, 0x00, 0x12 };

/* Bytes between start and end of an allocation of size cap. */
struct window {
    unsigned char *data;
    size_t start, end, cap;
};

struct msgstream {
    int fd;
    bool is_socket;
    bool drained; /* the last read got less than it asked for */
    struct window in, out;
    size_t bound; /* of a part of a message */
    /* The one that comes now has more: `in` has its head, and of the rest, cut_left bytes
     * of which are to come, the end is kept. */
    bool cutting, was_cut;
    size_t cut_left;
    unsigned char cut_tail[MSG_TAIL_LEN];
    /* A large payload is not copied: behind what is in `out` it is sent from where it
     * is; behind it comes `late`. NULL: there is none. */
    struct payload *large;
    const char *large_data;
    size_t large_len; /* that are left */
    struct window late;
};

static size_t window_len (const struct window *w)
{
    return w->end - w->start;
}

/* Room for len bytes behind end. */
static int window_reserve (struct window *w, size_t len)
{
    size_t used = window_len (w);
    size_t cap = w->cap ? w->cap : READ_LEN;
    unsigned char *data;

    if (w->cap - w->end >= len && w->data)
        return 0;
    while (cap < used + len)
        cap += cap < LARGE ? cap : cap / 4;
    if (w->start > 0)
        memmove (w->data, w->data + w->start, used);
    w->start = 0;
    w->end = used;
    if (cap > w->cap || !w->data) {
        if (!(data = pages_realloc (w->data, used, cap)))
            return -1;
        w->data = data;
        w->cap = cap;
    }
    return 0;
}

static void window_consume (struct window *w, size_t len)
{
    w->start += len;
    if (w->start < w->end)
        return;
    /* Do not keep for ever what was touched for one large message: there may be thousands
     * of streams. */
    if (w->end > IDLE_LEN) {
        free (w->data);
        w->data = NULL;
        w->cap = 0;
    }
    w->start = w->end = 0;
}

struct msgstream *msgstream_create (int fd)
{
    struct msgstream *s;
    int type;
    socklen_t len = sizeof (type);

    if (fd < 0) {
        errno = EINVAL;
        return NULL;
    }
    if (fd_set_nonblocking (fd) < 0 || fd_set_cloexec (fd) < 0
        || !(s = calloc (1, sizeof (*s))))
        return NULL;
    s->fd = fd;
    s->bound = SIZE_MAX;
    s->is_socket = getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
    return s;
}

void msgstream_destroy (struct msgstream *s)
{
    int saved_errno = errno;

    if (!s)
        return;
    close (s->fd);
    free (s->in.data);
    msgstream_discard (s);
    free (s);
    errno = saved_errno;
}

int msgstream_fd (const struct msgstream *s)
{
    return s->fd;
}

static unsigned char *add_preface (struct window *w, uint32_t size)
{
    unsigned char *p = w->data + w->end;
    uint32_t len = htonl (size);

    memcpy (p, magic, 4);
    memcpy (p + 4, &len, 4);
    return p + PREFACE_LEN;
}

static int send_large (struct msgstream *s, const flux_msg_t *msg, size_t size)
{
    const void *data;
    size_t len;

    if (msg_raw (msg, &data, &len) < 0
        || window_reserve (&s->out, PREFACE_LEN + size - len) < 0
        || window_reserve (&s->late, MSG_TAIL_LEN) < 0)
        return -1;
    s->out.end += PREFACE_LEN + msg_encode_head (msg, add_preface (&s->out, size));
    msg_encode_tail (msg, s->late.data + s->late.end);
    s->late.end += MSG_TAIL_LEN;
    s->large = payload_ref (msg_payload (msg));
    s->large_data = data;
    s->large_len = len;
    return 0;
}

int msgstream_send (struct msgstream *s, const flux_msg_t *msg)
{
    struct window *w = s->large ? &s->late : &s->out;
    ssize_t size = flux_msg_encode_size (msg);

    if (size < 0)
        return -1;
    if (size > MSGSTREAM_MAX_LEN) {
        errno = EMSGSIZE;
        return -1;
    }
    if (!s->large && msg_known_len (msg) >= MSG_LARGE)
        return send_large (s, msg, size);
    if (window_reserve (w, PREFACE_LEN + size) < 0)
        return -1;
    msg_encode_to (msg, add_preface (w, size));
    w->end += PREFACE_LEN + size;
    return 0;
}

static ssize_t write_some (struct msgstream *s, const void *data, size_t len)
{
    ssize_t n;

    do {
        n = s->is_socket ? send (s->fd, data, len, MSG_NOSIGNAL)
                         : write (s->fd, data, len);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* The large payload is sent, or dropped: what waited behind it is next. */
static void finish_large (struct msgstream *s)
{
    free (s->out.data);
    s->out = s->late;
    s->late = (struct window){ 0 };
    payload_unref (s->large);
    s->large = NULL;
}

static ssize_t write_next (struct msgstream *s)
{
    struct window *out = &s->out;
    ssize_t n;

    if (window_len (out) > 0) {
        if ((n = write_some (s, out->data + out->start, window_len (out))) > 0)
            window_consume (out, n);
    } else if ((n = write_some (s, s->large_data, s->large_len)) > 0) {
        s->large_data += n;
        if ((s->large_len -= n) == 0)
            finish_large (s);
    }
    return n;
}

int msgstream_flush (struct msgstream *s)
{
    while (window_len (&s->out) > 0 || s->large) {
        if (write_next (s) < 0) {
            if (errno == EWOULDBLOCK)
                errno = EAGAIN;
            if (errno == EPIPE)
                errno = ECONNRESET;
            return -1;
        }
    }
    return 0;
}

size_t msgstream_unsent (const struct msgstream *s)
{
    return window_len (&s->out) + (s->large ? s->large_len : 0) + window_len (&s->late);
}

void msgstream_discard (struct msgstream *s)
{
    if (s->large)
        finish_large (s);
    free (s->out.data);
    s->out = (struct window){ 0 };
}

/* The length of the first message with its preface if all of it is there; 0
 * if it is not; -1 with EPROTO or EMSGSIZE. */
static ssize_t complete_len (const struct msgstream *s)
{
    const unsigned char *p;
    size_t have = window_len (&s->in);
    uint32_t len;

    if (have == 0)
        return 0;
    p = s->in.data + s->in.start;
    if (memcmp (p, magic, have < 4 ? have : 4) != 0) {
        errno = EPROTO;
        return -1;
    }
    if (have < PREFACE_LEN)
        return 0;
    memcpy (&len, p + 4, 4);
    len = ntohl (len);
    if (len > MSGSTREAM_MAX_LEN) {
        errno = EMSGSIZE;
        return -1;
    }
    return have - PREFACE_LEN < len ? 0 : (ssize_t)PREFACE_LEN + len;
}

bool msgstream_buffered (const struct msgstream *s)
{
    return s->cutting ? s->cut_left == 0 : complete_len (s) != 0;
}

void msgstream_bound (struct msgstream *s, size_t len)
{
    s->bound = len;
}

bool msgstream_was_cut (const struct msgstream *s)
{
    return s->was_cut;
}

size_t msgstream_unread (const struct msgstream *s)
{
    return window_len (&s->in);
}

/* Bytes of the first message that have not arrived; 0 if that is not known. */
static size_t announced (const struct msgstream *s)
{
    size_t have = window_len (&s->in);
    uint32_t len;

    if (have < PREFACE_LEN)
        return 0;
    memcpy (&len, s->in.data + s->in.start + 4, 4);
    return PREFACE_LEN + (size_t)ntohl (len) - have;
}

/* Room for what comes next. It grows with what arrives, not with what a header
 * announces; but memory that is not touched costs nothing, so that a message of some
 * megabytes gets a block of its own once its first part is here, and keeps it
 * (msg_decode_in). */
static int make_room (struct msgstream *s)
{
    struct window *in = &s->in;
    size_t have = window_len (in), rest = announced (s);
    unsigned char *data;

    if (rest < MSG_LARGE || have < READ_LEN / 2 || rest > ROOM_MAX + 8 * have)
        return window_reserve (in, have < READ_LEN ? READ_LEN : have);
    if (in->start == 0 && in->cap == have + rest)
        return 0;
    if (!(data = pages_alloc (have + rest)))
        return -1;
    memcpy (data, in->data + in->start, have);
    free (in->data);
    *in = (struct window){ .data = data, .end = have, .cap = have + rest };
    return 0;
}

static ssize_t read_into (struct msgstream *s, void *buf, size_t len)
{
    ssize_t n;

    do {
        n = read (s->fd, buf, len);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EWOULDBLOCK)
            errno = EAGAIN;
        return -1;
    }
    if (n == 0) {
        errno = ECONNRESET;
        return -1;
    }
    s->drained = (size_t)n < len;
    return n;
}

/* The end of what has come of a message. */
static void keep_tail (struct msgstream *s, const unsigned char *data, size_t len)
{
    size_t old = len < MSG_TAIL_LEN ? MSG_TAIL_LEN - len : 0;

    memmove (s->cut_tail, s->cut_tail + MSG_TAIL_LEN - old, old);
    memcpy (s->cut_tail + old, data + len - (MSG_TAIL_LEN - old), MSG_TAIL_LEN - old);
}

/* No more is kept of the message that comes. */
static int cut (struct msgstream *s)
{
    struct window *in = &s->in;
    unsigned char *head = malloc (HEAD_LEN);

    if (!head)
        return -1;
    s->cut_left = announced (s);
    s->cutting = true;
    memcpy (head, in->data + in->start, HEAD_LEN);
    keep_tail (s, in->data + in->start, window_len (in));
    free (in->data);
    *in = (struct window){ .data = head, .end = HEAD_LEN, .cap = HEAD_LEN };
    return 0;
}

static ssize_t skip_some (struct msgstream *s)
{
    unsigned char buf[READ_LEN];
    ssize_t n =
        read_into (s, buf, s->cut_left < sizeof (buf) ? s->cut_left : sizeof (buf));

    if (n > 0) {
        keep_tail (s, buf, n);
        s->cut_left -= n;
    }
    return n;
}

/* All of it has passed. */
static flux_msg_t *take_cut (struct msgstream *s)
{
    struct window *in = &s->in;
    flux_msg_t *msg =
        msg_decode_cut (in->data + PREFACE_LEN, in->end - PREFACE_LEN, s->cut_tail);

    s->cutting = false;
    window_consume (in, in->end);
    return msg;
}

static ssize_t read_some (struct msgstream *s)
{
    struct window *in = &s->in;
    ssize_t n;

    /* Save the read that would only say EAGAIN; the caller polls now. */
    if (s->drained) {
        s->drained = false;
        errno = EAGAIN;
        return -1;
    }
    if (!s->cutting && window_len (in) > HEAD_LEN
        && window_len (in) + announced (s) > s->bound && cut (s) < 0)
        return -1;
    if (s->cutting)
        return skip_some (s);
    if (make_room (s) < 0)
        return -1;
    if ((n = read_into (s, in->data + in->end, in->cap - in->end)) > 0)
        in->end += n;
    return n;
}

/* 1: there is a message (*len; 0: one that was cut); 0: not yet. */
static int arrived (struct msgstream *s, ssize_t *len)
{
    *len = 0;
    if (s->cutting)
        return s->cut_left == 0;
    if ((*len = complete_len (s)) < 0)
        return -1;
    return *len > 0;
}

flux_msg_t *msgstream_recv (struct msgstream *s)
{
    struct window *in = &s->in;
    struct msg_block block = { NULL, free };
    bool whole;
    flux_msg_t *msg;
    ssize_t len, n;
    size_t total = 0;
    int rc;

    while ((rc = arrived (s, &len)) == 0) {
        /* One that comes as fast as it is read does not keep others waiting. */
        if (total > READ_TURN) {
            errno = EAGAIN;
            return NULL;
        }
        if ((n = read_some (s)) < 0)
            return NULL;
        total += n;
    }
    if (rc < 0)
        return NULL;
    if ((s->was_cut = len == 0))
        return take_cut (s);
    if ((whole = in->start == 0 && in->cap == (size_t)len))
        block.p = in->data;
    msg = msg_decode_in (in->data + in->start + PREFACE_LEN, len - PREFACE_LEN, &block);
    if (whole && !block.p)
        *in = (struct window){ 0 }; /* the message has it */
    else
        window_consume (in, len);
    return msg;
}
