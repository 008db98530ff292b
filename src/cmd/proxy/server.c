/* Happy path: a client connects, a connection to the instance is begun for it, the
 * broker's first byte (it lets us in, or says why not) goes to the client, then messages
 * go both ways.
 *
 * Failures: when either end closes, the other is closed when it has what was sent to it.
 * An end that does not read stops the other from being read. When the instance is lost,
 * `keep` decides: see server.h. */
#include "cmd/proxy/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/list.h"
#include "base/os/private.h"
#include "cmd/proxy/session.h"
#include "core/connect/connector.h"
#include "core/connect/ssh.h"
#include "core/message/msgstream.h"

#define WAITING_MAX (1024 * 1024) /* bytes for one end, then the other is not read */
#define BATCH 64
/* Sessions of ssh that are on their way at once: an sshd refuses some when ten are (see
 * MaxStartups), and we are not alone. */
#define STARTING_MAX 4

struct end {
    struct pair *pair;
    struct msgstream *stream;
    flux_watcher_t *r, *w;
};

struct pair {
    struct list node;
    struct list turn; /* in `waiting` of the server until it may begin */
    struct proxy_server *server;
    int fd; /* of the client, until the broker has let it in */
    struct ssh *ssh;
    int up_fd; /* the same of the broker's end */
    flux_watcher_t *verdict;
    bool starting; /* counted by the server */
    struct end client, broker;
    struct session *session; /* NULL without keep */
    bool closing;            /* one end is gone: the other gets what is left */
};

struct proxy_server {
    flux_reactor_t *reactor;
    const char *target;
    bool keep, lost;
    char dir[sizeof (((struct sockaddr_un *)0)->sun_path)];
    char path[sizeof (((struct sockaddr_un *)0)->sun_path) + 16];
    char uri[sizeof (((struct sockaddr_un *)0)->sun_path) + 32];
    int fd;
    flux_watcher_t *listener;
    struct list pairs;
    struct list waiting; /* for their turn: see STARTING_MAX */
    int starting;
};

static void end_close (struct end *e)
{
    flux_watcher_destroy (e->r);
    flux_watcher_destroy (e->w);
    msgstream_destroy (e->stream);
    e->r = e->w = NULL;
    e->stream = NULL;
}

static void begin_next (struct proxy_server *s);

/* Its session has begun, or will not. */
static void turn_over (struct pair *p)
{
    list_remove (&p->turn);
    if (!p->starting)
        return;
    p->starting = false;
    p->server->starting--;
    begin_next (p->server);
}

static void close_upstream (struct pair *p)
{
    end_close (&p->broker);
    flux_watcher_destroy (p->verdict);
    p->verdict = NULL;
    if (p->up_fd >= 0)
        close (p->up_fd);
    p->up_fd = -1;
    ssh_destroy (p->ssh);
    p->ssh = NULL;
    turn_over (p);
}

static void pair_destroy (struct pair *p)
{
    close_upstream (p);
    end_close (&p->client);
    if (p->fd >= 0)
        close (p->fd);
    session_destroy (p->session);
    list_remove (&p->node);
    free (p);
}

static struct end *other (struct end *e)
{
    return e == &e->pair->client ? &e->pair->broker : &e->pair->client;
}

static bool is_full (struct end *e)
{
    return e->stream && msgstream_unsent (e->stream) > WAITING_MAX;
}

static void move (struct end *from);

/* Writes what waits; then the other end may be read again. */
static void push (struct end *e)
{
    if (msgstream_flush (e->stream) == 0)
        flux_watcher_stop (e->w);
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
        flux_watcher_start (e->w);
    else
        msgstream_discard (e->stream);
}

static void lose_broker (struct pair *p);

/* from gives no more. */
static void end_of (struct end *from)
{
    struct pair *p = from->pair;
    struct end *to = other (from);

    if (from == &p->broker && p->session) {
        lose_broker (p);
        return;
    }
    flux_watcher_stop (from->r);
    p->closing = true;
    if (!to->stream || msgstream_unsent (to->stream) == 0)
        pair_destroy (p);
    else
        flux_watcher_stop (to->r);
}

static int note (struct end *from, const flux_msg_t *msg)
{
    struct session *s = from->pair->session;

    if (!s)
        return 0;
    return from == &from->pair->client ? session_up (s, msg) : session_down (s, msg);
}

/* Messages that are there, from one end to the other. The pair may be gone then. */
static void move (struct end *from)
{
    struct end *to = other (from);
    flux_msg_t *msg;
    int n = 0;

    while (to->stream && !is_full (to) && (msg = msgstream_recv (from->stream))) {
        int rc = note (from, msg);

        if (rc == 0)
            rc = msgstream_send (to->stream, msg);
        flux_msg_decref (msg);
        if (rc < 0) {
            pair_destroy (from->pair);
            return;
        }
        if (++n % BATCH == 0)
            push (to);
    }
    if (to->stream)
        push (to);
    if (!to->stream || is_full (to))
        flux_watcher_stop (from->r);
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
        end_of (from);
}

static void readable (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    move (arg);
}

static void writable (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct end *e = arg, *from = other (e);
    struct pair *p = e->pair;

    push (e);
    if (p->closing) {
        if (msgstream_unsent (e->stream) == 0)
            pair_destroy (p);
    } else if (from->stream && !is_full (e)) {
        flux_watcher_start (from->r);
        move (from);
    }
}

/* Takes fd. */
static int end_open (struct pair *p, struct end *e, int fd)
{
    flux_reactor_t *r = p->server->reactor;

    e->pair = p;
    if (!(e->stream = msgstream_create (fd))) {
        close (fd);
        return -1;
    }
    e->r = flux_fd_watcher_create (r, fd, FLUX_POLLIN, readable, e);
    e->w = flux_fd_watcher_create (r, fd, FLUX_POLLOUT, writable, e);
    if (!e->r || !e->w) {
        end_close (e);
        return -1;
    }
    flux_watcher_start (e->r);
    return 0;
}

/* --- beginning --- */

static void send_to (flux_msg_t *msg, void *arg)
{
    struct end *e = arg;

    if (e->stream)
        (void)msgstream_send (e->stream, msg);
}

/* The instance has let the client in, for the first time or again. */
static void join (struct pair *p)
{
    int up = p->up_fd, fd = p->fd;
    bool again = p->client.stream != NULL;

    flux_watcher_destroy (p->verdict);
    p->verdict = NULL;
    p->up_fd = p->fd = -1;
    turn_over (p);
    if (end_open (p, &p->broker, up) < 0
        || (!again && end_open (p, &p->client, fd) < 0)) {
        pair_destroy (p);
        return;
    }
    if (!again)
        return;
    session_restore (p->session, send_to, &p->broker);
    flux_watcher_start (p->client.r);
    move (&p->client); /* what has waited */
}

static void verdict_ready (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct pair *p = arg;
    unsigned char byte;
    ssize_t n = read (p->up_fd, &byte, 1);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == 1 && byte == 0 && p->client.stream)
        join (p);
    else if (p->client.stream)
        close_upstream (p); /* until proxy_server_back is called once more */
    else if (n == 1 && send (p->fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1
             && byte == 0)
        join (p);
    else
        pair_destroy (p);
}

static bool is_remote (const struct proxy_server *s)
{
    return strncmp (s->target, "ssh://", 6) == 0;
}

static int connect_target (struct pair *p)
{
    const char *target = p->server->target;

    if (is_remote (p->server)) {
        p->starting = true;
        p->server->starting++;
        if (!(p->ssh = ssh_start (target + 6, NULL)))
            return -1;
        p->up_fd = ssh_take_fd (p->ssh);
    } else
        p->up_fd = connector_local_connect (target + strlen ("local://"), 0.);
    if (p->up_fd < 0 || fd_set_nonblocking (p->up_fd) < 0)
        return -1;
    p->verdict = flux_fd_watcher_create (p->server->reactor, p->up_fd, FLUX_POLLIN,
                                         verdict_ready, p);
    if (!p->verdict)
        return -1;
    flux_watcher_start (p->verdict);
    return 0;
}

/* Now, or when it has its turn. */
static int begin (struct pair *p)
{
    struct proxy_server *s = p->server;

    if (is_remote (s) && s->starting >= STARTING_MAX) {
        list_append (&s->waiting, &p->turn);
        return 0;
    }
    return connect_target (p);
}

/* A client that has been let in before keeps what it has, until there is another try. */
static void give_up (struct pair *p)
{
    if (p->client.stream)
        close_upstream (p);
    else
        pair_destroy (p);
}

static void begin_next (struct proxy_server *s)
{
    while (!s->lost && s->starting < STARTING_MAX && !list_empty (&s->waiting)) {
        struct pair *p = container_of (s->waiting.next, struct pair, turn);

        list_remove (&p->turn);
        if (connect_target (p) < 0)
            give_up (p);
    }
}

/* Takes fd. */
static void pair_create (struct proxy_server *s, int fd)
{
    struct pair *p = calloc (1, sizeof (*p));

    if (!p) {
        close (fd);
        return;
    }
    p->server = s;
    p->fd = fd;
    p->up_fd = -1;
    p->client.pair = p->broker.pair = p;
    list_init (&p->turn);
    list_append (&s->pairs, &p->node);
    if ((s->keep && !(p->session = session_create ())) || begin (p) < 0)
        pair_destroy (p);
}

static void accept_client (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct proxy_server *s = arg;
    int fd = accept4 (s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    uid_t uid;

    if (fd < 0)
        return;
    if (private_peer (fd, &uid, NULL) < 0 || (uid != getuid () && uid != 0)) {
        unsigned char no = EPERM;

        (void)!send (fd, &no, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        close (fd);
    } else
        pair_create (s, fd);
}

/* --- loss --- */

static void lose_broker (struct pair *p)
{
    close_upstream (p);
    if (!p->client.stream) {
        pair_destroy (p);
        return;
    }
    session_lost (p->session, send_to, &p->client);
    flux_watcher_stop (p->client.r);
    push (&p->client);
}

void proxy_server_lost (struct proxy_server *s)
{
    s->lost = true;
    flux_watcher_stop (s->listener);
    list_foreach (&s->pairs, it) {
        struct pair *p = container_of (it, struct pair, node);

        if (s->keep)
            lose_broker (p);
        else
            pair_destroy (p);
    }
    if (!s->keep) {
        shutdown (s->fd, SHUT_RDWR);
        (void)unlink (s->path);
    }
}

void proxy_server_back (struct proxy_server *s)
{
    s->lost = false;
    flux_watcher_start (s->listener);
    list_foreach (&s->pairs, it) {
        struct pair *p = container_of (it, struct pair, node);

        if (!p->broker.stream && p->up_fd < 0 && begin (p) < 0)
            close_upstream (p);
    }
}

/* --- */

static int listen_on (struct proxy_server *s)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    if (strlen (s->path) >= sizeof (addr.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy (addr.sun_path, s->path);
    s->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0 || bind (s->fd, (struct sockaddr *)&addr, sizeof (addr)) < 0
        || chmod (s->path, 0600) < 0)
        return -1;
    return listen (s->fd, 128);
}

struct proxy_server *proxy_server_create (flux_reactor_t *r, const char *target,
                                          bool keep, flux_error_t *error)
{
    struct proxy_server *s = calloc (1, sizeof (*s));

    if (!s) {
        snprintf (error->text, sizeof (error->text), "out of memory");
        return NULL;
    }
    s->reactor = r;
    s->target = target;
    s->keep = keep;
    s->fd = -1;
    list_init (&s->pairs);
    list_init (&s->waiting);
    if ((size_t)snprintf (s->dir, sizeof (s->dir), "%s/flux-XXXXXX", private_tmpdir ())
            >= sizeof (s->dir)
        || !private_mkdtemp (s->dir)) {
        snprintf (error->text, sizeof (error->text), "%s: %s", s->dir,
                  strerror (errno));
        s->dir[0] = '\0';
    } else {
        snprintf (s->path, sizeof (s->path), "%s/proxy", s->dir);
        snprintf (s->uri, sizeof (s->uri), "local://%s", s->path);
        if (listen_on (s) == 0
            && (s->listener =
                    flux_fd_watcher_create (r, s->fd, FLUX_POLLIN, accept_client, s))) {
            flux_watcher_start (s->listener);
            return s;
        }
        snprintf (error->text, sizeof (error->text), "%s: %s", s->path,
                  strerror (errno));
    }
    proxy_server_destroy (s);
    return NULL;
}

void proxy_server_destroy (struct proxy_server *s)
{
    if (!s)
        return;
    s->lost = true; /* nothing begins any more */
    list_foreach (&s->pairs, it)
        pair_destroy (container_of (it, struct pair, node));
    flux_watcher_destroy (s->listener);
    if (s->fd >= 0)
        close (s->fd);
    if (s->path[0])
        (void)unlink (s->path);
    if (s->dir[0])
        (void)rmdir (s->dir);
    free (s);
}

const char *proxy_server_uri (const struct proxy_server *s)
{
    return s->uri;
}
