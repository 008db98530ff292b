/* Transport on ZeroMQ: ROUTER for the children, DEALER to the parent.
 *
 * Happy path: a child's DEALER connects with its id as routing id; the parts
 * of a message (RFC 3) are its frames. Over ipc:// both ends ask the kernel who the
 * other is, and want this user; the socket is this user's alone, too. tcp:// is
 * CURVE, and only keys that were authorized get in (ZAP).
 *
 * Failures: the monitor sockets tell at once when a connection is gone. What a
 * dead child sent before is read first, then it is reported lost. A parent that is
 * not there (any more) when its child connects is lost, too. Where descriptors run out,
 * ZeroMQ would try to accept again and again: strangers do not get the last ones. Nor may
 * they send more than a hello, of which ZeroMQ would take any amount before it knows
 * whether they have a key (strangers.h). */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/hashmap.h"
#include "base/os/descriptors.h"
#include "base/os/private.h"
#include "base/seldom.h"
#include "broker/overlay/strangers.h"
#include "broker/overlay/transport.h"
#include "core/message/message.h"
#include "core/reactor/reactor.h"

#define MAX_FRAMES (MSG_MAX_ROUTES + 4)
#define RECV_BATCH 256
#define LINGER_MS 2000
#define WINDOW_MAX (4u << 20) /* bytes on their way, until more has to wait */
#define FRAME_BYTES 64        /* what a frame costs beside its data */
#define KEY_SIZE 41           /* Z85 */
#define ID_SIZE 64
#define STRANGERS_MAX 1024   /* beside those that should come */
#define STRANGERS_LOOK 1024  /* at so many */
#define STRANGERS_EVERY 0.05 /* s */
#define SAY_AGAIN 60.        /* s, who was not let in */
/* No message is larger: what a header announces beyond it is an attack. */
#define FRAME_MAX ((int64_t)1 << 32)

/* A socket that is read when its descriptor says so. */
struct sock {
    struct transport *t;
    void *zs;
    flux_watcher_t *w;
    struct reactor_task task; /* look again */
    void (*recv) (struct transport *t);
};

/* What is on its way to one broker: counted when it is sent, and again by the I/O thread
 * when it was written (or dropped with the connection). Whoever comes last frees it. */
struct window {
    _Atomic size_t bytes;
    atomic_bool waited; /* tell when there is room */
    atomic_int refs;
    int wake_fd;
};

/* The last part of a message, which knows what all of it costs. */
struct tail {
    struct window *w;
    size_t size;
    unsigned char proto[MSG_PROTO_LEN];
};

/* Which child a connection belongs to. */
struct conn {
    int stale; /* disconnects to come of older connections of this number */
    char id[ID_SIZE];
};

struct transport {
    struct transport_conf conf;
    void *ctx;
    struct sock children, parent;
    struct sock children_monitor, parent_monitor, zap;
    struct idmap *conns;     /* by descriptor */
    struct hashmap *windows; /* by child */
    struct window *parent_window;
    int wake_fd; /* there is room again */
    flux_watcher_t *wake;
    struct hashmap *authorized;
    char pubkey[KEY_SIZE], seckey[KEY_SIZE];
    char bound[512]; /* path of an ipc socket, or "" */
    in_port_t port;  /* where tcp is bound (in network order), or 0 */
    int spare_fd;    /* for end_at_port */
    struct strangers *strangers;
    flux_watcher_t *stranger_timer;
    struct seldom no_key, no_broker;
    const char *parent_path; /* in parent_uri, if that is ipc */
    char parent_uri[512];
    bool ipv6;
    unsigned int connects;
    bool patient;      /* the parent may come up later */
    bool parent_known; /* it is who it should be */
    bool parent_heard;
    bool parent_gone;
    const char *parent_why;
};

/* ---- sockets in the reactor ---- */

static bool readable (void *zs)
{
    int events = 0;
    size_t len = sizeof (events);

    return zmq_getsockopt (zs, ZMQ_EVENTS, &events, &len) == 0 && (events & ZMQ_POLLIN);
}

/* The descriptor is edge-triggered: read until there is nothing left, and
 * look again after each send, which may have swallowed the edge. */
static void look (void *arg)
{
    struct sock *s = arg;

    if (s->zs && readable (s->zs))
        s->recv (s->t);
}

static void sock_readable (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    look (arg);
}

static int sock_init (struct transport *t, struct sock *s, int type,
                      void (*recv) (struct transport *t))
{
    int linger = 0, fd, hwm = 0;
    size_t len = sizeof (fd);

    s->t = t;
    s->recv = recv;
    reactor_task_init (&s->task, look, s);
    if (!(s->zs = zmq_socket (t->ctx, type)))
        return -1;
    zmq_setsockopt (s->zs, ZMQ_LINGER, &linger, sizeof (linger));
    zmq_setsockopt (s->zs, ZMQ_SNDHWM, &hwm, sizeof (hwm));
    zmq_setsockopt (s->zs, ZMQ_RCVHWM, &hwm, sizeof (hwm));
    if (zmq_getsockopt (s->zs, ZMQ_FD, &fd, &len) < 0
        || !(s->w = flux_fd_watcher_create (t->conf.reactor, fd, FLUX_POLLIN,
                                            sock_readable, s)))
        return -1;
    flux_watcher_start (s->w);
    flux_watcher_unref (s->w);
    /* The descriptor says nothing before it was looked at once. */
    reactor_post (t->conf.reactor, &s->task);
    return 0;
}

static void sock_fini (struct sock *s)
{
    if (s->t)
        reactor_task_cancel (&s->task);
    flux_watcher_destroy (s->w);
    if (s->zs)
        zmq_close (s->zs);
    s->zs = NULL;
}

static int sock_monitor (struct transport *t, struct sock *s, struct sock *monitored,
                         const char *endpoint, int events,
                         void (*recv) (struct transport *t))
{
    if (t->conf.cb.log)
        events = ZMQ_EVENT_ALL;
    if (zmq_socket_monitor (monitored->zs, endpoint, events) < 0
        || sock_init (t, s, ZMQ_PAIR, recv) < 0 || zmq_connect (s->zs, endpoint) < 0)
        return -1;
    return 0;
}

/* ---- what is on its way ---- */

static struct window *window_create (int wake_fd)
{
    struct window *w = calloc (1, sizeof (*w));

    if (w) {
        atomic_init (&w->refs, 1);
        w->wake_fd = wake_fd;
    }
    return w;
}

static void window_unref (void *arg)
{
    struct window *w = arg;

    if (w && atomic_fetch_sub (&w->refs, 1) == 1)
        free (w);
}

static struct window *child_window (struct transport *t, const char *id)
{
    struct window *w = hashmap_lookup (t->windows, id);

    if (!w && (w = window_create (t->wake_fd))
        && hashmap_insert (t->windows, id, w) < 0) {
        window_unref (w);
        w = NULL;
    }
    return w;
}

static void wake_reactor (int fd)
{
    uint64_t one = 1;

    /* Can only fail if it was written before and not read yet. */
    if (write (fd, &one, sizeof (one)) < 0)
        return;
}

/* In the I/O thread, mostly. */
static void tail_free (void *data, void *hint)
{
    struct tail *tail = hint;
    struct window *w = tail->w;
    size_t before = atomic_fetch_sub (&w->bytes, tail->size);

    if (before - tail->size <= WINDOW_MAX / 2 && atomic_exchange (&w->waited, false))
        wake_reactor (w->wake_fd);
    window_unref (w);
    free (tail);
}

static bool window_full (struct window *w)
{
    if (!w || atomic_load (&w->bytes) <= WINDOW_MAX)
        return false;
    atomic_store (&w->waited, true);
    /* The last of it may have gone before anybody waited. */
    return atomic_load (&w->bytes) > WINDOW_MAX / 2;
}

static bool full (struct transport *t, const char *id)
{
    return window_full (id ? hashmap_lookup (t->windows, id) : t->parent_window);
}

static void wake_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct transport *t = arg;
    uint64_t count;

    if (read (t->wake_fd, &count, sizeof (count)) == sizeof (count))
        t->conf.cb.writable (t->conf.arg);
}

/* ---- messages ---- */

static int send_tail (struct sock *s, struct tail *tail)
{
    zmq_msg_t frame;

    if (zmq_msg_init_data (&frame, tail->proto, MSG_PROTO_LEN, tail_free, tail) < 0) {
        free (tail);
        return -1;
    }
    atomic_fetch_add (&tail->w->refs, 1);
    atomic_fetch_add (&tail->w->bytes, tail->size);
    if (zmq_msg_send (&frame, s->zs, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close (&frame);
        return -1;
    }
    return 0;
}

static void payload_done (void *data, void *payload)
{
    payload_unref (payload);
}

/* A large payload goes out from where it is. */
static int send_part (struct sock *s, const struct iovec *part, const flux_msg_t *msg)
{
    const void *data;
    zmq_msg_t frame;
    size_t len;

    if (part->iov_len < MSG_LARGE || msg_raw (msg, &data, &len) < 0
        || part->iov_base != data)
        return zmq_send (s->zs, part->iov_base, part->iov_len,
                         ZMQ_DONTWAIT | ZMQ_SNDMORE);
    if (zmq_msg_init_data (&frame, part->iov_base, len, payload_done, msg_payload (msg))
        < 0)
        return -1;
    payload_ref (msg_payload (msg));
    if (zmq_msg_send (&frame, s->zs, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        zmq_msg_close (&frame);
        return -1;
    }
    return 0;
}

static int send_msg (struct sock *s, const char *id, struct window *w,
                     const flux_msg_t *msg)
{
    struct tail *tail = w ? malloc (sizeof (*tail)) : NULL;
    struct iovec iov[MAX_FRAMES];
    int count;

    if (!tail || (count = msg_parts (msg, tail->proto, iov, MAX_FRAMES)) < 0)
        goto error;
    tail->w = w;
    tail->size = FRAME_BYTES * count;
    reactor_before_sleep (s->t->conf.reactor, &s->task);
    if (id && zmq_send (s->zs, id, strlen (id), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        goto error;
    for (int i = 0; i < count - 1; i++) {
        tail->size += iov[i].iov_len;
        if (send_part (s, &iov[i], msg) < 0)
            goto error;
    }
    return send_tail (s, tail);
error:
    free (tail);
    return -1;
}

/* Reads one message whole: its frames as iov, which point into frames. More
 * frames than can be are read and dropped. Returns their number, -1 if there is
 * no message. */
static int recv_frames (void *zs, zmq_msg_t frames[], int max)
{
    int count = 0, extra = 0;
    bool more = true;

    while (more) {
        zmq_msg_t *frame = &frames[count];

        zmq_msg_init (frame);
        if (zmq_msg_recv (frame, zs, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close (frame);
            break;
        }
        more = zmq_msg_more (frame);
        if (count < max - 1)
            count++;
        else {
            extra++;
            zmq_msg_close (frame);
        }
    }
    if (extra > 0) {
        while (count > 0)
            zmq_msg_close (&frames[--count]);
        return 0;
    }
    return count > 0 ? count : -1;
}

static void close_frames (zmq_msg_t frames[], int count)
{
    for (int i = 0; i < count; i++)
        zmq_msg_close (&frames[i]);
}

static void free_frame (void *frame)
{
    zmq_msg_close (frame);
    free (frame);
}

/* A frame that may stay when the others go. */
static zmq_msg_t *keep_frame (zmq_msg_t *frame)
{
    zmq_msg_t *kept = malloc (sizeof (*kept));

    if (kept) {
        zmq_msg_init (kept);
        zmq_msg_move (kept, frame);
    }
    return kept;
}

/* A large payload, the last but one, stays in its frame. */
static flux_msg_t *make_msg (zmq_msg_t frames[], int count)
{
    struct msg_block block = { NULL, free_frame };
    struct iovec iov[MAX_FRAMES];
    flux_msg_t *msg;

    for (int i = 0; i < count; i++) {
        iov[i].iov_base = zmq_msg_data (&frames[i]);
        iov[i].iov_len = zmq_msg_size (&frames[i]);
    }
    if (count > 1 && iov[count - 2].iov_len >= MSG_LARGE
        && (block.p = keep_frame (&frames[count - 2])))
        iov[count - 2].iov_base = zmq_msg_data (block.p);
    msg = msg_from_parts_in (iov, count, &block);
    if (block.p)
        free_frame (block.p);
    return msg;
}

static void child_lost (struct transport *t, const char *id)
{
    hashmap_remove (t->windows, id);
    t->conf.cb.child_lost (id, t->conf.arg);
}

/* The number of a connection may be used again before its end was reported. */
static void note_conn (struct transport *t, int fd, const char *id)
{
    struct conn *c = fd >= 0 ? idmap_lookup (t->conns, fd) : NULL;

    if (fd < 0 || (c && strcmp (c->id, id) == 0))
        return;
    strangers_remove (t->strangers, fd);
    if (!c) {
        if (!(c = calloc (1, sizeof (*c))) || idmap_insert (t->conns, fd, c) < 0) {
            free (c);
            return;
        }
    } else {
        char old[ID_SIZE];

        strcpy (old, c->id);
        c->stale++;
        snprintf (c->id, sizeof (c->id), "%s", id);
        child_lost (t, old);
        return;
    }
    snprintf (c->id, sizeof (c->id), "%s", id);
}

static bool child_recv_one (struct transport *t)
{
    zmq_msg_t frames[MAX_FRAMES + 1];
    int count = recv_frames (t->children.zs, frames, MAX_FRAMES + 1);
    char id[ID_SIZE];
    flux_msg_t *msg = NULL;
    size_t len;

    if (count < 0)
        return false;
    /* A name that goes on behind a NUL would pass for another's. */
    if (count > 1 && (len = zmq_msg_size (&frames[0])) < sizeof (id)
        && !memchr (zmq_msg_data (&frames[0]), '\0', len)) {
        memcpy (id, zmq_msg_data (&frames[0]), len);
        id[len] = '\0';
        /* Frames that zmq looked at ahead do not know their connection, the
         * last one does; a lone frame may not, but a child begins with more. */
        note_conn (t, zmq_msg_get (&frames[count - 1], ZMQ_SRCFD), id);
        msg = make_msg (frames + 1, count - 1);
    }
    close_frames (frames, count);
    if (msg)
        t->conf.cb.child_recv (id, msg, t->conf.arg);
    return true;
}

static void children_recv (struct transport *t)
{
    int n = 0;

    while (n < RECV_BATCH && child_recv_one (t))
        n++;
    if (n == RECV_BATCH)
        reactor_post (t->conf.reactor, &t->children.task);
}

static void parent_monitor_recv (struct transport *t);

static bool parent_recv_one (struct transport *t)
{
    zmq_msg_t frames[MAX_FRAMES];
    int count = recv_frames (t->parent.zs, frames, MAX_FRAMES);
    flux_msg_t *msg;

    if (count < 0)
        return false;
    /* That it is connected was told before it could say anything. */
    if (!t->parent_known && !t->parent_gone)
        parent_monitor_recv (t);
    msg = t->parent_known ? make_msg (frames, count) : NULL;
    close_frames (frames, count);
    t->parent_heard = true;
    if (msg)
        t->conf.cb.parent_recv (msg, t->conf.arg);
    return true;
}

static void parent_recv (struct transport *t)
{
    int n = 0;

    while (n < RECV_BATCH && parent_recv_one (t))
        n++;
    if (n == RECV_BATCH)
        reactor_post (t->conf.reactor, &t->parent.task);
}

/* ---- lost connections ---- */

static const char *event_name (int event)
{
    static const char *names[] = {
        "connected",
        "connect delayed",
        "connect retried",
        "listening",
        "bind failed",
        "accepted",
        "accept failed",
        "closed",
        "close failed",
        "disconnected",
        "monitor stopped",
        "handshake failed",
        "handshake succeeded",
        "handshake failed: protocol",
        "handshake failed: authentication",
    };
    unsigned int i = __builtin_ctz (event | 1 << 30);

    return i < sizeof (names) / sizeof (names[0]) ? names[i] : "another event";
}

static void log_event (struct sock *monitor, int event, int value, zmq_msg_t *address)
{
    struct transport *t = monitor->t;
    char text[512];

    snprintf (text, sizeof (text), "zmq: %s socket: %s %d %.*s",
              monitor == &t->parent_monitor ? "parent" : "children", event_name (event),
              value, (int)zmq_msg_size (address), (char *)zmq_msg_data (address));
    t->conf.cb.log (text, t->conf.arg);
}

/* The next event of a monitor; value is a descriptor in those that are used. */
static bool next_event (struct sock *monitor, int *event, int *value)
{
    zmq_msg_t frames[4];
    unsigned char *data;
    uint16_t e = 0;
    uint32_t v = 0;
    int count;

    if ((count = recv_frames (monitor->zs, frames, 4)) < 0)
        return false;
    data = zmq_msg_data (&frames[0]);
    if (count > 0 && zmq_msg_size (&frames[0]) >= 6) {
        memcpy (&e, data, 2);
        memcpy (&v, data + 2, 4);
    }
    if (monitor->t->conf.cb.log && count > 1)
        log_event (monitor, e, (int)v, &frames[1]);
    close_frames (frames, count);
    *event = e;
    *value = (int)v;
    return true;
}

static bool is_at_port (struct transport *t, int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof (addr);
    in_port_t port = 0;

    if (getsockname (fd, (struct sockaddr *)&addr, &len) < 0)
        return false;
    if (addr.ss_family == AF_INET)
        port = ((struct sockaddr_in *)&addr)->sin_port;
    else if (addr.ss_family == AF_INET6)
        port = ((struct sockaddr_in6 *)&addr)->sin6_port;
    return port != 0 && port == t->port;
}

/* The number may be somebody else's by now, so what is looked at and ended is what it
 * refers to. */
static void end_at_port (struct transport *t, int fd)
{
    if (dup3 (fd, t->spare_fd, O_CLOEXEC) < 0)
        return;
    if (is_at_port (t, t->spare_fd))
        shutdown (t->spare_fd, SHUT_RDWR);
    dup3 (t->wake_fd, t->spare_fd, O_CLOEXEC);
}

static void turn_away (struct transport *t, int fd)
{
    char before[SELDOM_TEXT], text[160];

    end_at_port (t, fd);
    strangers_remove (t->strangers, fd);
    if (!seldom_due (&t->no_broker, clock_coarse (), SAY_AGAIN, before))
        return;
    snprintf (text, sizeof (text),
              "turned away a connection to port %d that no broker has made%s",
              ntohs (t->port), before);
    t->conf.cb.refused (text, t->conf.arg);
}

/* A stranger may have one of the last descriptors, of which clients on the local socket
 * leave all, and he half. */
static void child_accepted (struct transport *t, int fd)
{
    int limit = descriptors_limit (), kept = descriptors_kept (limit), other;

    /* Its first message may have been faster. */
    if (!t->port || idmap_lookup (t->conns, fd))
        return;
    if (fd >= kept + (limit - kept) / 2)
        turn_away (t, fd);
    else if ((other = strangers_add (t->strangers, fd)) >= 0)
        turn_away (t, other);
    if (strangers_count (t->strangers) > 0)
        flux_watcher_start (t->stranger_timer);
}

static void children_monitor_recv (struct transport *t)
{
    int event, fd;

    while (next_event (&t->children_monitor, &event, &fd)) {
        struct conn *c;
        char id[ID_SIZE];

        if (event == ZMQ_EVENT_ACCEPTED)
            child_accepted (t, fd);
        if (event != ZMQ_EVENT_DISCONNECTED)
            continue;
        strangers_remove (t->strangers, fd);
        while (child_recv_one (t))
            ;
        if (!(c = idmap_lookup (t->conns, fd)))
            continue;
        if (c->stale > 0) {
            c->stale--;
            continue;
        }
        strcpy (id, c->id);
        idmap_remove (t->conns, fd);
        child_lost (t, id);
    }
}

/* Who has not said who he is has sent what is no hello. */
static void look_at_strangers (flux_reactor_t *r, flux_watcher_t *w, int revents,
                               void *arg)
{
    struct transport *t = arg;
    int fd;

    /* Not those that are gone, or known, by now. */
    children_monitor_recv (t);
    children_recv (t);
    while ((fd = strangers_greedy (t->strangers, STRANGERS_LOOK)) >= 0)
        turn_away (t, fd);
    if (strangers_count (t->strangers) == 0)
        flux_watcher_stop (t->stranger_timer);
}

static void parent_is_gone (struct transport *t, const char *why)
{
    if (t->parent_gone)
        return;
    t->parent_gone = true;
    while (parent_recv_one (t))
        ;
    t->conf.cb.parent_lost (why, t->conf.arg);
}

/* The kernel knows who listens at the other end, while it does; then its socket tells. */
static int parent_user (const struct transport *t, int fd, uid_t *uid)
{
    struct stat st;

    if (private_peer (fd, uid, NULL) == 0)
        return 0;
    if (lstat (t->parent_path, &st) < 0 || st.st_uid == geteuid ())
        return -1;
    *uid = st.st_uid;
    return 0;
}

/* Over tcp the key has told. */
static void parent_is_connected (struct transport *t, int fd)
{
    uid_t uid;

    if (t->parent_path && parent_user (t, fd, &uid) < 0)
        parent_is_gone (t, "it is gone again");
    else if (t->parent_path && uid != geteuid ())
        parent_is_gone (t, "its socket belongs to another user");
    else
        t->parent_known = true;
}

/* It was bound before anybody was told of it: nobody there means no more. */
static bool is_deserted (const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool deserted;

    if (fd < 0)
        return false;
    strncpy (addr.sun_path, path, sizeof (addr.sun_path) - 1);
    deserted = connect (fd, (struct sockaddr *)&addr, sizeof (addr)) < 0
               && (errno == ENOENT || errno == ECONNREFUSED);
    close (fd);
    return deserted;
}

static void parent_monitor_recv (struct transport *t)
{
    int event, value;

    while (next_event (&t->parent_monitor, &event, &value)) {
        switch (event) {
        case ZMQ_EVENT_CONNECTED:
            parent_is_connected (t, value);
            break;
        case ZMQ_EVENT_CONNECT_RETRIED:
            if (!t->patient || (t->parent_path && is_deserted (t->parent_path)))
                parent_is_gone (t, "there is no broker at its socket");
            break;
        case ZMQ_EVENT_DISCONNECTED:
            parent_is_gone (t, t->parent_why);
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            t->parent_why = TRANSPORT_REFUSED;
            break;
        default:
            break;
        }
    }
}

/* ---- keys ---- */

static const char *get_pubkey (struct transport *t)
{
    if (t->pubkey[0] == '\0' && zmq_curve_keypair (t->pubkey, t->seckey) < 0)
        return NULL;
    return t->pubkey;
}

static int authorize (struct transport *t, const char *pubkey)
{
    return hashmap_insert (t->authorized, pubkey, t);
}

static int set_keys (struct transport *t, const char *pubkey, const char *seckey)
{
    char derived[KEY_SIZE];

    if (strlen (pubkey) != KEY_SIZE - 1 || strlen (seckey) != KEY_SIZE - 1
        || zmq_curve_public (derived, seckey) < 0 || strcmp (derived, pubkey) != 0) {
        errno = EINVAL;
        return -1;
    }
    strcpy (t->pubkey, pubkey);
    strcpy (t->seckey, seckey);
    return 0;
}

static void enable_ipv6 (struct transport *t)
{
    t->ipv6 = true;
}

static void tell_no_key (struct transport *t, zmq_msg_t *address)
{
    char before[SELDOM_TEXT], text[160];

    if (!seldom_due (&t->no_key, clock_coarse (), SAY_AGAIN, before))
        return;
    snprintf (text, sizeof (text), "refused a broker from %.*s: it has another key%s",
              (int)(zmq_msg_size (address) < 64 ? zmq_msg_size (address) : 64),
              (char *)zmq_msg_data (address), before);
    t->conf.cb.refused (text, t->conf.arg);
}

/* RFC of ZeroMQ 27/ZAP: version, request id, domain, address, identity,
 * mechanism, credentials. */
static void zap_recv (struct transport *t)
{
    zmq_msg_t frames[10];
    int count;

    while ((count = recv_frames (t->zap.zs, frames, 10)) >= 0) {
        bool ok = false;
        char key[KEY_SIZE];

        if (count == 7 && zmq_msg_size (&frames[5]) == 5
            && memcmp (zmq_msg_data (&frames[5]), "CURVE", 5) == 0
            && zmq_msg_size (&frames[6]) == 32) {
            zmq_z85_encode (key, zmq_msg_data (&frames[6]), 32);
            ok = hashmap_lookup (t->authorized, key) != NULL;
        }
        if (!ok && count > 3)
            tell_no_key (t, &frames[3]);
        zmq_send (t->zap.zs, "1.0", 3, ZMQ_SNDMORE);
        zmq_send (t->zap.zs, count > 1 ? zmq_msg_data (&frames[1]) : "",
                  count > 1 ? zmq_msg_size (&frames[1]) : 0, ZMQ_SNDMORE);
        zmq_send (t->zap.zs, ok ? "200" : "400", 3, ZMQ_SNDMORE);
        zmq_send (t->zap.zs, ok ? "OK" : "unknown key", ok ? 2 : 11, ZMQ_SNDMORE);
        zmq_send (t->zap.zs, "", 0, ZMQ_SNDMORE);
        zmq_send (t->zap.zs, "", 0, 0);
        close_frames (frames, count);
    }
}

static int set_tcp_options (struct transport *t, void *zs)
{
    int on = 1, maxrt = t->conf.tcp_user_timeout_ms;

    if (t->ipv6)
        zmq_setsockopt (zs, ZMQ_IPV6, &on, sizeof (on));
    zmq_setsockopt (zs, ZMQ_TCP_KEEPALIVE, &on, sizeof (on));
    if (maxrt > 0)
        zmq_setsockopt (zs, ZMQ_TCP_MAXRT, &maxrt, sizeof (maxrt));
    return 0;
}

/* From here on, what is bound is encrypted. */
static int become_curve_server (struct transport *t)
{
    int on = 1;

    if (!get_pubkey (t))
        return -1;
    if (!t->zap.zs
        && (sock_init (t, &t->zap, ZMQ_REP, zap_recv) < 0
            || zmq_bind (t->zap.zs, "inproc://zeromq.zap.01") < 0))
        return -1;
    if (zmq_setsockopt (t->children.zs, ZMQ_ZAP_DOMAIN, "flux", 4) < 0
        || zmq_setsockopt (t->children.zs, ZMQ_CURVE_SERVER, &on, sizeof (on)) < 0
        || zmq_setsockopt (t->children.zs, ZMQ_CURVE_SECRETKEY, t->seckey, KEY_SIZE - 1)
               < 0)
        return -1;
    return set_tcp_options (t, t->children.zs);
}

/* ---- life ---- */

static void transport_destroy (struct transport *t)
{
    int linger = LINGER_MS;

    if (!t)
        return;
    if (t->children.zs)
        zmq_setsockopt (t->children.zs, ZMQ_LINGER, &linger, sizeof (linger));
    if (t->parent.zs && t->parent_heard && !t->parent_gone)
        zmq_setsockopt (t->parent.zs, ZMQ_LINGER, &linger, sizeof (linger));
    if (t->children.zs)
        zmq_socket_monitor (t->children.zs, NULL, 0);
    if (t->parent.zs)
        zmq_socket_monitor (t->parent.zs, NULL, 0);
    sock_fini (&t->children_monitor);
    sock_fini (&t->parent_monitor);
    sock_fini (&t->children);
    sock_fini (&t->parent);
    sock_fini (&t->zap);
    if (t->ctx)
        zmq_ctx_term (t->ctx);
    if (t->bound[0])
        (void)unlink (t->bound);
    idmap_destroy (t->conns);
    hashmap_destroy (t->windows);
    window_unref (t->parent_window);
    strangers_destroy (t->strangers);
    flux_watcher_destroy (t->stranger_timer);
    flux_watcher_destroy (t->wake);
    if (t->spare_fd >= 0)
        close (t->spare_fd);
    if (t->wake_fd >= 0)
        close (t->wake_fd);
    hashmap_destroy (t->authorized);
    free (t);
}

static struct transport *transport_create (const struct transport_conf *conf)
{
    struct transport *t = calloc (1, sizeof (*t));

    if (!t)
        return NULL;
    t->conf = *conf;
    t->spare_fd = -1;
    t->wake_fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (t->wake_fd < 0 || !(t->windows = hashmap_create (window_unref))
        || !(t->parent_window = window_create (t->wake_fd))
        || !(t->wake = flux_fd_watcher_create (conf->reactor, t->wake_fd, FLUX_POLLIN,
                                               wake_cb, t))
        || (t->spare_fd = fcntl (t->wake_fd, F_DUPFD_CLOEXEC, 0)) < 0
        || !(t->strangers = strangers_create (STRANGERS_MAX + conf->descendants))
        || !(t->stranger_timer = flux_timer_watcher_create (
                 conf->reactor, STRANGERS_EVERY, STRANGERS_EVERY, look_at_strangers, t))
        || !(t->conns = idmap_create (free)) || !(t->authorized = hashmap_create (NULL))
        || !(t->ctx = zmq_ctx_new ())) {
        transport_destroy (t);
        return NULL;
    }
    zmq_ctx_set (t->ctx, ZMQ_IO_THREADS, conf->io_threads);
    flux_watcher_start (t->wake);
    flux_watcher_unref (t->wake);
    flux_watcher_unref (t->stranger_timer);
    return t;
}

static int open_children (struct transport *t)
{
    int on = 1, hwm = t->conf.child_rcvhwm;
    int64_t frame_max = FRAME_MAX;

    if (sock_init (t, &t->children, ZMQ_ROUTER, children_recv) < 0
        || zmq_setsockopt (t->children.zs, ZMQ_RCVHWM, &hwm, sizeof (hwm)) < 0
        || zmq_setsockopt (t->children.zs, ZMQ_MAXMSGSIZE, &frame_max,
                           sizeof (frame_max))
               < 0
        || zmq_setsockopt (t->children.zs, ZMQ_ROUTER_MANDATORY, &on, sizeof (on)) < 0)
        return -1;
    return sock_monitor (t, &t->children_monitor, &t->children, "inproc://children",
                         ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_ACCEPTED,
                         children_monitor_recv);
}

/* A socket that is this user's alone, whatever the umask; the mode is only the first
 * of two doors. No other thread of the broker makes files while it boots. */
static int bind_ipc (struct transport *t, const char *uri)
{
    uid_t uid = geteuid ();
    mode_t mask;
    int rc;

    if (zmq_setsockopt (t->children.zs, ZMQ_IPC_FILTER_UID, &uid, sizeof (uid)) < 0)
        return -1;
    mask = umask (0177);
    rc = zmq_bind (t->children.zs, uri);
    umask (mask);
    if (rc == 0)
        snprintf (t->bound, sizeof (t->bound), "%s", uri + strlen ("ipc://"));
    return rc;
}

static int transport_bind (struct transport *t, const char *uri, char *endpoint,
                           size_t size)
{
    if (!t->children.zs && open_children (t) < 0)
        return -1;
    if (strncmp (uri, "ipc://", 6) == 0) {
        if (bind_ipc (t, uri) < 0)
            return -1;
    } else if (become_curve_server (t) < 0 || zmq_bind (t->children.zs, uri) < 0)
        return -1;
    if (zmq_getsockopt (t->children.zs, ZMQ_LAST_ENDPOINT, endpoint, &size) < 0)
        return -1;
    if (strncmp (endpoint, "tcp://", 6) == 0)
        t->port = htons (atoi (strrchr (endpoint, ':') + 1));
    return 0;
}

/* Its window goes on counting what it takes out. */
static int leave_parent (struct transport *t)
{
    int linger = LINGER_MS;
    struct window *w;

    if (!t->parent.zs)
        return 0;
    if (!(w = window_create (t->wake_fd)))
        return -1;
    window_unref (t->parent_window);
    t->parent_window = w;
    if (t->parent_heard && !t->parent_gone)
        zmq_setsockopt (t->parent.zs, ZMQ_LINGER, &linger, sizeof (linger));
    zmq_socket_monitor (t->parent.zs, NULL, 0);
    sock_fini (&t->parent_monitor);
    sock_fini (&t->parent);
    memset (&t->parent_monitor, 0, sizeof (t->parent_monitor));
    memset (&t->parent, 0, sizeof (t->parent));
    t->parent_path = NULL;
    t->parent_known = t->parent_heard = t->parent_gone = false;
    return 0;
}

static int transport_connect (struct transport *t, const char *id, const char *uri,
                              const char *pubkey, bool patient)
{
    char monitor[64];
    int timeout = t->conf.connect_timeout_ms;
    const int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED
                       | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
                       | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
                       | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED;

    if (leave_parent (t) < 0)
        return -1;
    /* The name of the old one may be in use for a moment. */
    snprintf (monitor, sizeof (monitor), "inproc://parent-%u", ++t->connects);
    t->parent_why = "lost the connection";
    t->patient = patient;
    snprintf (t->parent_uri, sizeof (t->parent_uri), "%s", uri);
    if (strncmp (uri, "ipc://", 6) == 0)
        t->parent_path = t->parent_uri + 6;
    if (sock_init (t, &t->parent, ZMQ_DEALER, parent_recv) < 0
        || zmq_setsockopt (t->parent.zs, ZMQ_ROUTING_ID, id, strlen (id)) < 0
        || sock_monitor (t, &t->parent_monitor, &t->parent, monitor, events,
                         parent_monitor_recv)
               < 0)
        return -1;
    if (timeout > 0)
        zmq_setsockopt (t->parent.zs, ZMQ_CONNECT_TIMEOUT, &timeout, sizeof (timeout));
    if (!t->parent_path) {
        if (!pubkey || !get_pubkey (t)) {
            errno = EINVAL;
            return -1;
        }
        set_tcp_options (t, t->parent.zs);
        if (zmq_setsockopt (t->parent.zs, ZMQ_CURVE_SERVERKEY, pubkey, strlen (pubkey))
                < 0
            || zmq_setsockopt (t->parent.zs, ZMQ_CURVE_PUBLICKEY, t->pubkey,
                               KEY_SIZE - 1)
                   < 0
            || zmq_setsockopt (t->parent.zs, ZMQ_CURVE_SECRETKEY, t->seckey,
                               KEY_SIZE - 1)
                   < 0)
            return -1;
    }
    return zmq_connect (t->parent.zs, uri);
}

static int send_child (struct transport *t, const char *id, const flux_msg_t *msg)
{
    int rc = send_msg (&t->children, id, child_window (t, id), msg);

    /* Of who is gone nobody will say so again. */
    if (rc < 0 && errno == EHOSTUNREACH)
        hashmap_remove (t->windows, id);
    return rc;
}

static int send_parent (struct transport *t, const flux_msg_t *msg)
{
    if (t->parent_gone) {
        errno = EHOSTUNREACH;
        return -1;
    }
    return send_msg (&t->parent, NULL, t->parent_window, msg);
}

__attribute__ ((visibility ("default")))
const struct transport_ops flux_overlay_transport = {
    .create = transport_create,
    .destroy = transport_destroy,
    .bind = transport_bind,
    .pubkey = get_pubkey,
    .authorize = authorize,
    .set_keys = set_keys,
    .enable_ipv6 = enable_ipv6,
    .connect = transport_connect,
    .send_child = send_child,
    .send_parent = send_parent,
    .full = full,
};
