/* local://PATH - a UNIX stream socket (RFC 3, "Message Framing and
 * Security"), ssh://HOST/PATH - the same on another host, through a process, and
 * fd://N - a descriptor that is connected already. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "core/connect/connector.h"
#include "core/connect/ssh.h"
#include "core/message/msgstream.h"

/* A broker that is just starting may not listen yet. */
#define CONNECT_TRIES 5
#define RETRY_FIRST_MS 16
#define RETRY_MAX_MS 2000

struct local {
    struct msgstream *stream;
    char *path;      /* NULL: fd:// */
    struct ssh *ssh; /* then path is what stands behind ssh:// */
    struct flux_msg_cred cred;
    bool set_cred; /* tests: what FLUX_HANDLE_USERID, _ROLEMASK say */
};

static void limit_waits (int fd, int option, double seconds)
{
    struct timeval t = { .tv_sec = seconds, .tv_usec = (seconds - (int)seconds) * 1e6 };

    (void)setsockopt (fd, SOL_SOCKET, option, &t, sizeof (t));
}

static int try_connect (const char *path, double limit)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd;

    if (strlen (path) >= sizeof (addr.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy (addr.sun_path, path);
    fd = fd_above_standard (socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd < 0)
        return -1;
    limit_waits (fd, SO_SNDTIMEO, limit); /* until there is room among who wants in */
    if (connect (fd, (struct sockaddr *)&addr, sizeof (addr)) < 0) {
        int saved_errno = errno == EAGAIN && limit > 0. ? ETIMEDOUT : errno;

        close (fd);
        errno = saved_errno;
        return -1;
    }
    limit_waits (fd, SO_SNDTIMEO, 0.);
    return fd;
}

int connector_local_connect (const char *path, double limit)
{
    int delay_ms = RETRY_FIRST_MS;
    int fd;

    for (int i = 1;; i++) {
        fd = try_connect (path, limit);
        if (fd >= 0 || i == CONNECT_TRIES
            || (errno != ECONNREFUSED && errno != ENOENT && errno != EAGAIN))
            return fd;
        poll (NULL, 0, delay_ms);
        delay_ms = delay_ms * 2 < RETRY_MAX_MS ? delay_ms * 2 : RETRY_MAX_MS;
    }
}

/* The server says with one byte whether it lets us in. */
static int read_verdict (int fd, double limit)
{
    unsigned char verdict;
    ssize_t n;

    limit_waits (fd, SO_RCVTIMEO, limit);
    do {
        n = read (fd, &verdict, 1);
    } while (n < 0 && errno == EINTR);
    limit_waits (fd, SO_RCVTIMEO, 0.);
    if (n < 0 && errno == EAGAIN)
        errno = ETIMEDOUT;
    if (n == 0)
        errno = ECONNRESET;
    if (n == 1 && verdict != 0)
        errno = verdict;
    return n == 1 && verdict == 0 ? 0 : -1;
}

static struct msgstream *connect_stream (const char *path, double limit,
                                         flux_error_t *error)
{
    struct msgstream *stream = NULL;
    int fd = connector_local_connect (path, limit);

    if (fd < 0) {
        error_text (error, "%s: %s", path, strerror (errno));
        return NULL;
    }
    if (read_verdict (fd, limit) < 0) {
        if (errno == ETIMEDOUT)
            error_text (error, "%s: the broker does not answer", path);
        else
            error_text (error, "%s: the broker refused the connection: %s", path,
                        errno == EAGAIN ? "this user has too many" : strerror (errno));
    } else if (!(stream = msgstream_create (fd)))
        error_text (error, "%s: %s", path, strerror (errno));
    if (!stream) {
        int saved_errno = errno;

        close (fd);
        errno = saved_errno;
    }
    return stream;
}

/* Waits until the other host has let us in, or ssh gives up. */
static struct msgstream *connect_ssh (const char *rest, double limit, struct ssh **ssh,
                                      flux_error_t *error)
{
    struct ssh *s = ssh_start (rest, error);
    struct msgstream *stream = NULL;
    int fd, saved_errno;
    char why[128];

    if (!s)
        return NULL;
    fd = ssh_take_fd (s);
    if (read_verdict (fd, limit) == 0 && (stream = msgstream_create (fd))) {
        *ssh = s;
        return stream;
    }
    saved_errno = errno;
    close (fd);
    if (saved_errno == ECONNRESET)
        ssh_explain (s, why, sizeof (why));
    else
        snprintf (why, sizeof (why), "%s", strerror (saved_errno));
    ssh_destroy (s);
    errno = saved_errno;
    error_text (error, "ssh://%s: %s", rest, why);
    return NULL;
}

static int op_pollfd (void *impl)
{
    return msgstream_fd (((struct local *)impl)->stream);
}

static int op_pollwant (void *impl)
{
    struct local *l = impl;

    return FLUX_POLLIN | (msgstream_unsent (l->stream) > 0 ? FLUX_POLLOUT : 0);
}

static int op_pollevents (void *impl)
{
    struct local *l = impl;

    return FLUX_POLLOUT | (msgstream_buffered (l->stream) ? FLUX_POLLIN : 0);
}

static int send_with_cred (struct local *l, const flux_msg_t *msg)
{
    flux_msg_t *cpy = flux_msg_copy (msg, true);
    int rc;

    if (!cpy)
        return -1;
    flux_msg_set_cred (cpy, l->cred);
    rc = msgstream_send (l->stream, cpy);
    flux_msg_decref (cpy);
    return rc;
}

static int op_send (void *impl, const flux_msg_t *msg, int flags)
{
    struct local *l = impl;

    return l->set_cred ? send_with_cred (l, msg) : msgstream_send (l->stream, msg);
}

static flux_msg_t *op_recv (void *impl)
{
    return msgstream_recv (((struct local *)impl)->stream);
}

static int op_flush (void *impl)
{
    return msgstream_flush (((struct local *)impl)->stream);
}

static size_t op_unsent (void *impl)
{
    return msgstream_unsent (((struct local *)impl)->stream);
}

static int op_reconnect (void *impl)
{
    struct local *l = impl;
    struct msgstream *stream;
    struct ssh *ssh = NULL;

    if (!l->path) {
        errno = ENOSYS;
        return -1;
    }
    if (l->ssh)
        stream = connect_ssh (l->path, 0., &ssh, NULL);
    else
        stream = connect_stream (l->path, 0., NULL);
    if (!stream)
        return -1;
    msgstream_destroy (l->stream);
    ssh_destroy (l->ssh);
    l->stream = stream;
    l->ssh = ssh;
    return 0;
}

static int op_setopt (void *impl, const char *option, const void *val, size_t len)
{
    struct local *l = impl;
    char *path;

    if (strcmp (option, CONNECTOR_LOCAL_PATH) != 0 || !l->path || l->ssh || !val) {
        errno = EINVAL;
        return -1;
    }
    if (!(path = strndup (val, len)))
        return -1;
    free (l->path);
    l->path = path;
    return 0;
}

static void op_destroy (void *impl)
{
    struct local *l = impl;

    if (!l)
        return;
    msgstream_destroy (l->stream);
    ssh_destroy (l->ssh);
    free (l->path);
    free (l);
}

static const struct flux_handle_ops local_ops = {
    .pollfd = op_pollfd,
    .pollwant = op_pollwant,
    .pollevents = op_pollevents,
    .send = op_send,
    .recv = op_recv,
    .flush = op_flush,
    .unsent = op_unsent,
    .reconnect = op_reconnect,
    .setopt = op_setopt,
    .destroy = op_destroy,
};

static void read_test_cred (struct local *l)
{
    const char *userid = getenv ("FLUX_HANDLE_USERID");
    const char *rolemask = getenv ("FLUX_HANDLE_ROLEMASK");

    l->set_cred = userid || rolemask;
    l->cred.userid = userid ? strtoul (userid, NULL, 0) : getuid ();
    l->cred.rolemask = rolemask ? strtoul (rolemask, NULL, 0) : FLUX_ROLE_OWNER;
}

/* Takes the stream and ssh. */
static flux_t *open_stream (struct msgstream *stream, struct ssh *ssh, const char *path,
                            int flags)
{
    struct local *l;
    flux_t *h = NULL;

    if (!stream)
        return NULL;
    if (!(l = calloc (1, sizeof (*l)))) {
        msgstream_destroy (stream);
        ssh_destroy (ssh);
        return NULL;
    }
    l->stream = stream;
    l->ssh = ssh;
    read_test_cred (l);
    if ((path && !(l->path = strdup (path)))
        || !(h = flux_handle_create (l, &local_ops, flags)))
        op_destroy (l);
    return h;
}

flux_t *connector_local_open (const char *path, int flags, double limit,
                              flux_error_t *error)
{
    if (!path[0]) {
        errno = EINVAL;
        error_text (error, "local://: a path is missing");
        return NULL;
    }
    return open_stream (connect_stream (path, limit, error), NULL, path, flags);
}

flux_t *connector_ssh_open (const char *rest, int flags, double limit,
                            flux_error_t *error)
{
    struct ssh *ssh = NULL;
    struct msgstream *stream = connect_ssh (rest, limit, &ssh, error);

    return open_stream (stream, ssh, rest, flags);
}

flux_t *connector_fd_open (const char *s, int flags, double limit, flux_error_t *error)
{
    char *end;
    long fd = strtol (s, &end, 10);
    struct msgstream *stream;

    if (end == s || *end != '\0' || fd < 0 || fd > INT32_MAX) {
        errno = EINVAL;
        error_text (error, "fd://%s: not a descriptor number", s);
        return NULL;
    }
    if (!(stream = msgstream_create (fd)))
        error_text (error, "fd://%s: %s", s, strerror (errno));
    return open_stream (stream, NULL, NULL, flags);
}
