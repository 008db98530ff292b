/* flux relay: what `ssh HOST flux relay PATH` carries.
 *
 * Happy path: the socket of a broker is connected, and bytes are copied between it and
 * standard input and output until the broker closes; the end of standard input is passed
 * on to the broker, which then closes.
 *
 * Failures: a socket that is not there is a line on stderr and status 1. A reader that
 * pauses stops the copying in his direction; nothing gathers here. */
#include "base/file.h"
#include "cmd/cmd.h"
#include "core/connect/connector.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE 65536

/* Bytes on their way in one direction. */
struct copy {
    int from, to;
    size_t start, end;
    bool eof;  /* of from */
    bool gone; /* to takes nothing more */
    char buf[SIZE];
};

static bool is_temporary (void)
{
    return errno == EAGAIN || errno == EINTR;
}

static void fill (struct copy *c)
{
    ssize_t n = read (c->from, c->buf, SIZE);

    c->start = 0;
    c->end = n > 0 ? n : 0;
    if (n == 0 || (n < 0 && !is_temporary ()))
        c->eof = true;
}

static void drain (struct copy *c)
{
    ssize_t n = write (c->to, c->buf + c->start, c->end - c->start);

    if (n > 0)
        c->start += n;
    else if (n < 0 && !is_temporary ())
        c->gone = true;
}

static bool is_full (const struct copy *c)
{
    return c->start < c->end;
}

/* What to wait for next: to write what is there, else to read. */
static struct pollfd wanted (const struct copy *c)
{
    if (c->gone || (c->eof && !is_full (c)))
        return (struct pollfd){ .fd = -1 };
    return is_full (c) ? (struct pollfd){ .fd = c->to, .events = POLLOUT }
                       : (struct pollfd){ .fd = c->from, .events = POLLIN };
}

static void step (struct copy *c, const struct pollfd *pfd)
{
    if (pfd->fd < 0 || !pfd->revents)
        return;
    if (is_full (c))
        drain (c);
    else
        fill (c);
}

static void relay (int fd)
{
    static struct copy in, out;
    bool told = false;

    in.from = STDIN_FILENO;
    in.to = out.from = fd;
    out.to = STDOUT_FILENO;
    while (!out.gone && !(out.eof && !is_full (&out))) {
        struct pollfd pfd[2] = { wanted (&in), wanted (&out) };

        if (in.eof && !is_full (&in) && !told) {
            shutdown (fd, SHUT_WR);
            told = true;
        }
        if (poll (pfd, 2, -1) < 0 && errno != EINTR)
            cmd_die ("poll: %s", strerror (errno));
        step (&in, &pfd[0]);
        step (&out, &pfd[1]);
    }
}

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p), fd;

    if (argc - i != 1)
        cmd_usage_error (p, "one socket is wanted, as in local-uri");
    const char *path = strncmp (argv[i], "local://", 8) == 0 ? argv[i] + 8 : argv[i];
    if ((fd = connector_local_connect (path, 0.)) < 0)
        cmd_die ("%s: %s", path, strerror (errno));
    /* neither direction may wait for the other */
    if (fd_set_nonblocking (fd) < 0 || fd_set_nonblocking (STDIN_FILENO) < 0
        || fd_set_nonblocking (STDOUT_FILENO) < 0)
        cmd_die ("%s", strerror (errno));
    relay (fd);
    close (fd);
    return 0;
}

const struct command cmd_relay = {
    .name = "relay",
    .summary = "Copy between a broker's socket and standard input and output",
    .usage = "PATH",
    .group = "instance",
    .run = run,
};
