/* connector-local: clients on the unix socket rundir/local-RANK.
 *
 * Happy path: accept, look at SO_PEERCRED, one zero byte, then messages.
 * Failures: a stranger gets EPERM as his byte; what is no message, or a reader
 * so slow that SENDQ_MAX bytes wait for him, closes the connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/list.h"
#include "broker/broker.h"
#include "core/msgstream.h"

#define SENDQ_MAX (256u << 20)
/* Messages taken from one client before others get a turn. */
#define RECV_BATCH 128

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
};

struct client {
    struct list node;
    struct local *local;
    struct peer peer;
    struct msgstream *stream;
    flux_watcher_t *r, *w;
    struct reactor_task recv_task, flush_task;
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
    free (c);
}

static void reap_dead (void *arg)
{
    struct local *l = arg;

    list_foreach (&l->dead, it)
        client_destroy (container_of (it, struct client, node));
}

/* Freed at the end of the turn: callers further up still hold the client. */
static void client_close (struct client *c, const char *why)
{
    struct local *l = c->local;

    if (c->closed)
        return;
    c->closed = true;
    if (why)
        broker_log (l->b, LOG_ERR, "connector-local: closing client %.8s: %s",
                    c->peer.id, why);
    flux_watcher_stop (c->r);
    flux_watcher_stop (c->w);
    list_remove (&c->node);
    list_append (&l->dead, &c->node);
    l->count--;
    peer_remove (l->b, &c->peer, ENOSYS);
    reactor_post (l->b->reactor, &l->reap);
}

static void client_flush (void *arg)
{
    struct client *c = arg;

    if (c->closed)
        return;
    if (msgstream_flush (c->stream) == 0)
        flux_watcher_stop (c->w);
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
        flux_watcher_start (c->w);
    else
        client_close (c, NULL);
}

static int client_send (struct peer *p, flux_msg_t **msg)
{
    struct client *c = p->arg;

    if (c->closed) {
        errno = ECONNRESET;
        return -1;
    }
    if (msgstream_unsent (c->stream) > SENDQ_MAX) {
        client_close (c, "it does not read what it is sent");
        errno = ENOBUFS;
        return -1;
    }
    if (msgstream_send (c->stream, *msg) < 0)
        return -1;
    flux_msg_decref (*msg);
    *msg = NULL;
    reactor_before_sleep (c->local->b->reactor, &c->flush_task);
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
    cred.rolemask |= FLUX_ROLE_LOCAL;
    flux_msg_set_cred (msg, cred);
    if (!(cred.rolemask & FLUX_ROLE_OWNER) && flux_msg_get_type (msg, &type) == 0
        && type != FLUX_MSGTYPE_RESPONSE)
        flux_msg_route_clear (msg);
}

static void client_recv (void *arg)
{
    struct client *c = arg;
    flux_msg_t *msg;
    int n = 0;

    while (!c->closed && n++ < RECV_BATCH && (msg = msgstream_recv (c->stream))) {
        assign_cred (c, msg);
        router_recv (c->local->b, &c->peer, msg);
    }
    if (c->closed)
        return;
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

static bool authenticate (struct local *l, int fd, struct flux_msg_cred *cred)
{
    struct ucred uc;
    socklen_t len = sizeof (uc);
    unsigned char answer = 0;

    if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) < 0)
        return false;
    cred->userid = uc.uid;
    cred->rolemask = FLUX_ROLE_NONE;
    if (uc.uid == l->b->owner || (uc.uid == 0 && l->allow_root)) {
        cred->userid = l->b->owner;
        cred->rolemask = FLUX_ROLE_OWNER;
    } else if (l->allow_guest)
        cred->rolemask = FLUX_ROLE_USER;
    else
        answer = EPERM;
    return send (fd, &answer, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 && answer == 0;
}

static int client_create (struct local *l, int fd, struct flux_msg_cred cred)
{
    struct client *c = calloc (1, sizeof (*c));
    flux_reactor_t *r = l->b->reactor;

    if (!c || !(c->stream = msgstream_create (fd))) {
        free (c);
        close (fd);
        return -1;
    }
    c->local = l;
    c->peer.kind = PEER_CLIENT;
    c->peer.send = client_send;
    c->peer.arg = c;
    c->peer.cred = cred;
    list_init (&c->node);
    reactor_task_init (&c->recv_task, client_recv, c);
    reactor_task_init (&c->flush_task, client_flush, c);
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

static void accept_clients (flux_reactor_t *r, flux_watcher_t *w, int revents,
                            void *arg)
{
    struct local *l = arg;
    struct flux_msg_cred cred;
    int fd;

    while ((fd = accept4 (l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (!authenticate (l, fd, &cred))
            close (fd);
        else if (client_create (l, fd, cred) < 0)
            broker_log (l->b, LOG_ERR, "connector-local: accept: %s", strerror (errno));
    }
}

void local_flush (struct broker *b)
{
    if (b->local) {
        list_foreach (&b->local->clients, it)
            client_flush (container_of (it, struct client, node));
    }
}

static int listen_on (struct local *l, flux_error_t *error)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    if (strlen (l->path) >= sizeof (addr.sun_path)) {
        error_set (error, "%s: the path of the socket is too long", l->path);
        return -1;
    }
    strcpy (addr.sun_path, l->path);
    (void)unlink (l->path);
    if ((l->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0
        || bind (l->fd, (struct sockaddr *)&addr, sizeof (addr)) < 0
        || (l->allow_guest && chmod (l->path, 0777) < 0) || listen (l->fd, 1024) < 0) {
        error_set (error, "%s: %s", l->path, strerror (errno));
        return -1;
    }
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

int local_init (struct broker *b, flux_error_t *error)
{
    struct local *l = calloc (1, sizeof (*l));
    const char *uri = attrs_val (b->attrs, "local-uri");

    if (!l) {
        error_set (error, "out of memory");
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
        error_set (error, "local-uri: '%s' is not local://PATH, or too long", uri);
        errno = EINVAL;
        return -1;
    }
    read_config (l);
    if (listen_on (l, error) < 0)
        return -1;
    l->listener =
        flux_fd_watcher_create (b->reactor, l->fd, FLUX_POLLIN, accept_clients, l);
    if (!l->listener)
        return -1;
    flux_watcher_start (l->listener);
    return 0;
}

void local_fini (struct broker *b)
{
    struct local *l = b->local;

    if (!l)
        return;
    local_flush (b);
    list_foreach (&l->clients, it)
        client_close (container_of (it, struct client, node), NULL);
    reap_dead (l);
    reactor_task_cancel (&l->reap);
    flux_watcher_destroy (l->listener);
    if (l->fd >= 0) {
        close (l->fd);
        unlink (l->path);
    }
    free (l);
    b->local = NULL;
}
