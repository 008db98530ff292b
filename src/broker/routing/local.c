/* connector-local: clients on the unix socket rundir/local-RANK.
 *
 * Happy path: accept, look at who it is, one zero byte, then messages.
 * Failures: a stranger gets EPERM as his byte, a user with too many connections
 * EAGAIN; what is no message, or a reader so slow that broker.client-queue-bytes wait
 * for him, closes the connection. Of a message that is longer than what its user may have
 * waiting the payload is dropped as it comes, and the message refused. If his user's clients together have more than his
 * share of broker.quota-bytes waiting, the one that has not read for longest goes. At the
 * limit of open files, less some that are kept for others, nobody is accepted until one
 * closes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/error.h"
#include "base/list.h"
#include "base/os/descriptors.h"
#include "base/os/private.h"
#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/memory.h"
#include "broker/routing/local.h"
#include "broker/routing/quota.h"
#include "broker/routing/router.h"
#include "core/message/msgstream.h"

#define QUEUE_ATTR "broker.client-queue-bytes"
#define RETRY_ACCEPT 1. /* s */
#define SAY_AGAIN 60.   /* s, that there are no descriptors */
/* Messages taken from one client before others get a turn. */
#define RECV_BATCH 128
#define ACCEPT_BATCH 64

struct local {
    struct broker *b;
    int fd;
    char path[108];
    flux_watcher_t *listener;
    struct list clients;
    struct list dead;
    struct reactor_task reap;
    bool allow_guest, allow_root;
    int count;
    uint64_t queue_max;
    flux_watcher_t *retry; /* accept again */
    bool full;             /* no descriptor is left */
    struct seldom said;    /* when that was logged */
    int last;              /* descriptor of a client */
};

struct client {
    struct list node;
    struct local *local;
    struct peer peer;
    struct msgstream *stream;
    flux_watcher_t *r, *w;
    struct reactor_task recv_task, flush_task;
    double t_read; /* when it last took something of what waited */
    size_t half;   /* bytes of messages of which the rest is to come, as charged */
    bool closed;
};

static void client_destroy (struct client *c)
{
    reactor_task_cancel (&c->recv_task);
    reactor_task_cancel (&c->flush_task);
    flux_watcher_destroy (c->r);
    flux_watcher_destroy (c->w);
    msgstream_destroy (c->stream);
    list_remove (&c->node);
    quota_give (c->local->b->quota, c->peer.user, QUOTA_CONNECTIONS, 1);
    free (c);
}

static void accept_again (struct local *l)
{
    flux_watcher_stop (l->retry);
    flux_watcher_start (l->listener);
}

/* At the end of the turn: whoever closed it may be in a loop that sends. */
static void reap_dead (void *arg)
{
    struct local *l = arg;

    list_foreach (&l->dead, it) {
        struct client *c = container_of (it, struct client, node);

        peer_remove (l->b, &c->peer, ENOSYS);
        client_destroy (c);
    }
    if (l->full)
        accept_again (l);
}

/* Guests do not fill the log: of each of them there is a line a second. It says how many
 * there would have been since the last one. */
static bool worth_a_line (struct client *c, char more[SELDOM_TEXT])
{
    struct user *user = c->peer.user;

    more[0] = '\0';
    if ((c->peer.cred.rolemask & FLUX_ROLE_OWNER) || !user)
        return true;
    return seldom_due (&user->line, clock_coarse (), 1., more);
}

/* Its user pays for parts of messages, too. */
static void charge_half (struct client *c, size_t len)
{
    struct quota *q = c->local->b->quota;

    if (c->half > 0)
        quota_unqueue (q, c->peer.user, c->half);
    if (len > 0)
        (void)quota_queue (q, c->peer.user, len);
    c->half = len;
}

/* Nothing comes from it or goes to it any more; the rest is done by reap_dead. */
static void client_close (struct client *c, const char *why)
{
    struct local *l = c->local;
    char more[SELDOM_TEXT];

    if (c->closed)
        return;
    c->closed = true;
    if (why && worth_a_line (c, more))
        broker_log (l->b, LOG_ERR,
                    "connector-local: closing client %.8s of user %u: %s%s", c->peer.id,
                    (unsigned)c->peer.cred.userid, why, more);
    flux_watcher_stop (c->r);
    flux_watcher_stop (c->w);
    quota_unqueue (l->b->quota, c->peer.user, msgstream_unsent (c->stream));
    memory_used (l->b, c->half);
    charge_half (c, 0);
    msgstream_discard (c->stream);
    list_remove (&c->node);
    list_append (&l->dead, &c->node);
    l->count--;
    reactor_post (l->b->reactor, &l->reap);
}

static void client_flush (void *arg)
{
    struct client *c = arg;
    size_t before = msgstream_unsent (c->stream);
    int rc;

    if (c->closed)
        return;
    rc = msgstream_flush (c->stream);
    if (msgstream_unsent (c->stream) < before)
        c->t_read = clock_coarse ();
    quota_unqueue (c->local->b->quota, c->peer.user,
                   before - msgstream_unsent (c->stream));
    if (rc == 0)
        flux_watcher_stop (c->w);
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
        flux_watcher_start (c->w);
    else
        client_close (c, NULL);
}

static void close_slow (struct client *c, const char *why)
{
    c->peer.user->closed++;
    client_close (c, why);
}

static bool is_slower (const struct client *a, const struct client *b)
{
    if (a->t_read != b->t_read)
        return a->t_read < b->t_read;
    return msgstream_unsent (a->stream) > msgstream_unsent (b->stream);
}

/* His clients are sent more than they read: the one goes that has not read for the
 * longest time. */
static void close_slowest (struct local *l, struct user *user)
{
    struct client *worst = NULL;

    list_foreach (&l->clients, it) {
        struct client *c = container_of (it, struct client, node);

        if (c->peer.user == user && msgstream_unsent (c->stream) > 0
            && (!worst || is_slower (c, worst)))
            worst = c;
    }
    if (worst)
        close_slow (worst, "it does not read, and its user has too much waiting");
}

/* What waits only for the end of the turn need not. */
static void make_room (struct client *c)
{
    client_flush (c);
    if (!quota_queue (c->local->b->quota, c->peer.user, 0))
        close_slowest (c->local, c->peer.user);
}

/* A request for a service that the client offers is refused before others' requests
 * could close it. That others are gone goes into the rest of the queue: it is said once to
 * those that have had a request of theirs. */
static int check_queue (struct client *c, const flux_msg_t *msg)
{
    size_t unsent = msgstream_unsent (c->stream);

    if (router_may_refuse (msg) && unsent > c->local->queue_max / 2) {
        errno = ENOBUFS;
        return -1;
    }
    if (unsent > c->local->queue_max) {
        close_slow (c, "it does not read what it is sent");
        errno = ECONNRESET;
        return -1;
    }
    return 0;
}

static int client_send (struct peer *p, flux_msg_t **msg)
{
    struct client *c = p->arg;
    struct local *l = c->local;
    size_t before = msgstream_unsent (c->stream);

    if (c->closed) {
        errno = ECONNRESET;
        return -1;
    }
    if (before > l->queue_max / 2 && check_queue (c, *msg) < 0)
        return -1;
    if (msgstream_send (c->stream, *msg) < 0) {
        if (!router_may_refuse (*msg))
            client_close (c, strerror (errno));
        return -1;
    }
    flux_msg_decref (*msg);
    *msg = NULL;
    if (before == 0)
        c->t_read = clock_coarse ();
    if (!quota_queue (l->b->quota, p->user, msgstream_unsent (c->stream) - before))
        make_room (c);
    reactor_before_sleep (l->b->reactor, &c->flush_task);
    return 0;
}

/* RFC 12: what a client may claim to be. Only who speaks for the owner may bring
 * routes in a request: the first one says whose it is. */
static void assign_cred (struct client *c, flux_msg_t *msg)
{
    struct flux_msg_cred cred;
    int type;

    if (!(c->peer.cred.rolemask & FLUX_ROLE_OWNER) || flux_msg_get_cred (msg, &cred) < 0
        || cred.userid == FLUX_USERID_UNKNOWN || cred.rolemask == FLUX_ROLE_NONE)
        cred = c->peer.cred;
    cred.rolemask = (cred.rolemask & ~MSG_ROLE_MODULE) | FLUX_ROLE_LOCAL;
    flux_msg_set_cred (msg, cred);
    if (!(cred.rolemask & FLUX_ROLE_OWNER) && flux_msg_get_type (msg, &type) == 0
        && type != FLUX_MSGTYPE_RESPONSE)
        flux_msg_route_clear (msg);
}

static flux_msg_t *client_next (struct client *c)
{
    msgstream_bound (c->stream, quota_room (c->local->b->quota, c->peer.user));
    return msgstream_recv (c->stream);
}

static void client_recv (void *arg)
{
    struct client *c = arg;
    flux_msg_t *msg;
    int n = 0;

    charge_half (c, 0);
    while (!c->closed && n++ < RECV_BATCH && (msg = client_next (c))) {
        assign_cred (c, msg);
        if (msgstream_was_cut (c->stream))
            router_recv_cut (c->local->b, &c->peer, msg);
        else
            router_recv (c->local->b, &c->peer, msg);
    }
    if (c->closed)
        return;
    charge_half (c, msgstream_unread (c->stream));
    if (n > RECV_BATCH)
        reactor_post (c->local->b->reactor, &c->recv_task);
    else if (errno == EPROTO || errno == EMSGSIZE)
        client_close (c, "what it sent is not a message");
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
        client_close (c, NULL);
}

static void client_readable (flux_reactor_t *r, flux_watcher_t *w, int revents,
                             void *arg)
{
    client_recv (arg);
}

static void client_writable (flux_reactor_t *r, flux_watcher_t *w, int revents,
                             void *arg)
{
    client_flush (arg);
}

/* The user, and the byte that tells him: 0, EPERM, EAGAIN. */
static unsigned char admit (struct local *l, int fd, struct flux_msg_cred *cred,
                            struct user **user)
{
    uid_t uid;

    if (private_peer (fd, &uid, NULL) < 0)
        return EPERM;
    cred->userid = uid;
    if (uid == l->b->owner || (uid == 0 && l->allow_root)) {
        cred->userid = l->b->owner;
        cred->rolemask = FLUX_ROLE_OWNER;
    } else if (l->allow_guest)
        cred->rolemask = FLUX_ROLE_USER;
    else
        return EPERM;
    if (!(*user = quota_user (l->b->quota, cred->userid))
        || !quota_take (l->b->quota, *user, QUOTA_CONNECTIONS, 1)) {
        *user = NULL;
        return EAGAIN;
    }
    return 0;
}

static struct client *client_alloc (struct local *l, int fd, struct flux_msg_cred cred)
{
    struct client *c = calloc (1, sizeof (*c));

    if (!c || !(c->stream = msgstream_create (fd))) {
        free (c);
        return NULL;
    }
    c->local = l;
    c->peer.kind = PEER_CLIENT;
    c->peer.send = client_send;
    c->peer.arg = c;
    c->peer.cred = cred;
    list_init (&c->node);
    reactor_task_init (&c->recv_task, client_recv, c);
    reactor_task_init (&c->flush_task, client_flush, c);
    return c;
}

/* Takes fd, and the connection that user was charged for. */
static int client_create (struct local *l, int fd, struct flux_msg_cred cred,
                          struct user *user)
{
    struct client *c = client_alloc (l, fd, cred);
    flux_reactor_t *r = l->b->reactor;

    if (!c) {
        quota_give (l->b->quota, user, QUOTA_CONNECTIONS, 1);
        close (fd);
        return -1;
    }
    c->peer.user = user;
    c->r = flux_fd_watcher_create (r, fd, FLUX_POLLIN, client_readable, c);
    c->w = flux_fd_watcher_create (r, fd, FLUX_POLLOUT, client_writable, c);
    if (!c->r || !c->w || peer_add (l->b, &c->peer) < 0) {
        client_destroy (c);
        return -1;
    }
    list_append (&l->clients, &c->node);
    l->count++;
    flux_watcher_start (c->r);
    return 0;
}

static void accept_one (struct local *l, int fd)
{
    struct flux_msg_cred cred = { 0 };
    struct user *user = NULL;
    unsigned char answer = admit (l, fd, &cred, &user);

    if (send (fd, &answer, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1 || answer != 0) {
        quota_give (l->b->quota, user, QUOTA_CONNECTIONS, 1);
        close (fd);
    } else if (client_create (l, fd, cred, user) < 0)
        broker_log (l->b, LOG_ERR, "connector-local: accept: %s", strerror (errno));
}

/* Whoever waits stays in the listen queue. Descriptors also come free elsewhere, so
 * look again from time to time. */
static void stop_accepting (struct local *l)
{
    int errnum = errno;
    char more[SELDOM_TEXT];

    if (seldom_due (&l->said, clock_coarse (), SAY_AGAIN, more))
        broker_log (l->b, LOG_ERR,
                    "connector-local: accept: %s: no clients until one closes",
                    strerror (errnum));
    l->full = true;
    flux_watcher_stop (l->listener);
    flux_timer_watcher_reset (l->retry, RETRY_ACCEPT, 0.);
    flux_watcher_start (l->retry);
}

static void accept_clients (flux_reactor_t *r, flux_watcher_t *w, int revents,
                            void *arg)
{
    struct local *l = arg;
    int fd, kept = descriptors_kept (descriptors_limit ());

    for (int n = 0; n < ACCEPT_BATCH; n++) {
        if (l->last >= kept - ACCEPT_BATCH && !descriptors_left (l->fd, kept)) {
            errno = EMFILE;
            stop_accepting (l);
            return;
        }
        fd = accept4 (l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            l->full = false;
            l->last = fd;
            accept_one (l, fd);
        } else {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS
                || errno == ENOMEM)
                stop_accepting (l);
            return;
        }
    }
}

static void retry_accept (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    accept_again (arg);
}

void local_flush (struct broker *b)
{
    if (b->local) {
        list_foreach (&b->local->clients, it)
            client_flush (container_of (it, struct client, node));
    }
}

/* Guests have to pass the directory of the socket. One that the broker has made lets
 * them pass, not look; for another its owner is told. */
static void let_pass (struct local *l)
{
    const char *ours = attrs_val (l->b->attrs, "rundir-cleanup");
    const char *rundir = attrs_val (l->b->attrs, "rundir");
    size_t len = strrchr (l->path, '/') - l->path;
    char dir[sizeof (((struct sockaddr_un *)0)->sun_path)];
    struct stat st;

    snprintf (dir, sizeof (dir), "%.*s", (int)len, l->path);
    if (len == 0 || stat (dir, &st) < 0 || (st.st_mode & S_IXOTH))
        return;
    if (rundir && strcmp (dir, rundir) == 0 && ours && strcmp (ours, "1") == 0
        && chmod (dir, 0711) == 0)
        return;
    broker_log (l->b, LOG_ERR,
                "connector-local: guests may connect, but not pass %s: it needs mode "
                "o+x",
                dir);
}

static int listen_on (struct local *l, flux_error_t *error)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    if (strlen (l->path) >= sizeof (addr.sun_path)) {
        error_text (error, "%s: the path of the socket is too long", l->path);
        return -1;
    }
    strcpy (addr.sun_path, l->path);
    (void)unlink (l->path);
    if ((l->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0
        || bind (l->fd, (struct sockaddr *)&addr, sizeof (addr)) < 0
        || chmod (l->path, l->allow_guest ? 0777 : 0600) < 0
        || listen (l->fd, 1024) < 0) {
        error_text (error, "%s: %s", l->path, strerror (errno));
        return -1;
    }
    if (l->allow_guest)
        let_pass (l);
    return 0;
}

static void read_config (struct local *l)
{
    json_t *access = json_object_get (l->b->conf, "access");

    l->allow_guest = json_is_true (json_object_get (access, "allow-guest-user"));
    l->allow_root = json_is_true (json_object_get (access, "allow-root-owner"));
    broker_log (l->b, LOG_DEBUG, "connector-local: allow-guest-user=%s",
                l->allow_guest ? "true" : "false");
    broker_log (l->b, LOG_DEBUG, "connector-local: allow-root-owner=%s",
                l->allow_root ? "true" : "false");
}

static int set_queue_max (const char *name, const char *val, void *arg,
                          flux_error_t *error)
{
    struct local *l = arg;

    return size_decode (val, &l->queue_max);
}

static int watch (struct local *l)
{
    flux_reactor_t *r = l->b->reactor;

    l->listener = flux_fd_watcher_create (r, l->fd, FLUX_POLLIN, accept_clients, l);
    l->retry = flux_timer_watcher_create (r, RETRY_ACCEPT, 0., retry_accept, l);
    if (!l->listener || !l->retry)
        return -1;
    flux_watcher_unref (l->retry);
    flux_watcher_start (l->listener);
    return 0;
}

int local_init (struct broker *b, flux_error_t *error)
{
    struct local *l = calloc (1, sizeof (*l));
    const char *uri = attrs_val (b->attrs, "local-uri");

    if (!l) {
        error_text (error, "out of memory");
        return -1;
    }
    b->local = l;
    l->b = b;
    l->fd = -1;
    list_init (&l->clients);
    list_init (&l->dead);
    reactor_task_init (&l->reap, reap_dead, l);
    if (strncmp (uri, "local://", 8) != 0
        || (size_t)snprintf (l->path, sizeof (l->path), "%s", uri + 8)
               >= sizeof (l->path)) {
        error_text (error, "local-uri: '%s' is not local://PATH, or too long", uri);
        errno = EINVAL;
        return -1;
    }
    read_config (l);
    if (listen_on (l, error) < 0)
        return -1;
    attrs_on_set (b->attrs, QUEUE_ATTR, set_queue_max, l);
    if (set_queue_max (QUEUE_ATTR, attrs_val (b->attrs, QUEUE_ATTR), l, error) < 0)
        return -1;
    return watch (l);
}

void local_fini (struct broker *b)
{
    struct local *l = b->local;

    if (!l)
        return;
    local_flush (b);
    list_foreach (&l->clients, it)
        client_close (container_of (it, struct client, node), NULL);
    l->full = false;
    reap_dead (l);
    reactor_task_cancel (&l->reap);
    attrs_on_set (b->attrs, QUEUE_ATTR, NULL, NULL);
    flux_watcher_destroy (l->listener);
    flux_watcher_destroy (l->retry);
    if (l->fd >= 0) {
        close (l->fd);
        unlink (l->path);
    }
    free (l);
    b->local = NULL;
}
