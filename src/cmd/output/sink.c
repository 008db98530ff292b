#include "cmd/output/sink.h"
#include "base/buf.h"
#include "cmd/cmd.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough to keep the reader busy while more is on its way. */
#define FULL (64 * 1024)

struct sink {
    int fd;
    const char *name;
    void (*resume) (struct sink *s, void *arg);
    void *arg;
    flux_watcher_t *w;
    struct buf buf;
    size_t pos;   /* written already */
    size_t piece; /* surely fits once poll(2) says that something does */
    bool was_full;
    int errnum;
};

static bool writable (int fd, int timeout)
{
    struct pollfd pfd = { .fd = fd, .events = POLLOUT };
    return poll (&pfd, 1, timeout) != 0;
}

static void failed (struct sink *s, int errnum)
{
    s->errnum = errnum;
    if (errnum != EPIPE) /* the reader has gone: it knows */
        cmd_warn ("writing %s: %s", s->name, flux_strerror (errnum));
    buf_fini (&s->buf);
    s->pos = 0;
}

/* Writes what goes; with wait all. */
static void flush (struct sink *s, bool wait)
{
    while (s->pos < s->buf.len && !s->errnum) {
        size_t n = s->buf.len - s->pos;
        if (!writable (s->fd, wait ? -1 : 0))
            break;
        ssize_t done = write (s->fd, s->buf.data + s->pos, n < s->piece ? n : s->piece);
        if (done >= 0)
            s->pos += done;
        else if (errno == EAGAIN && !wait)
            break;
        else if (errno != EINTR && errno != EAGAIN)
            failed (s, errno);
    }
    if (s->pos == s->buf.len || s->pos >= FULL) {
        buf_consume (&s->buf, s->pos);
        s->pos = 0;
    }
    if (s->buf.len > 0 && !wait)
        flux_watcher_start (s->w);
    else
        flux_watcher_stop (s->w);
}

static void ready (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct sink *s = arg;

    flush (s, false);
    if (s->was_full && !sink_full (s)) {
        s->was_full = false;
        s->resume (s, s->arg);
    }
}

struct sink *sink_create (flux_reactor_t *r, int fd, const char *name,
                          void (*resume) (struct sink *s, void *arg), void *arg)
{
    struct sink *s = calloc (1, sizeof (*s));
    struct stat st;

    if (!s)
        return NULL;
    s->fd = fd;
    s->name = name;
    s->resume = resume;
    s->arg = arg;
    s->piece = fstat (fd, &st) == 0 && S_ISREG (st.st_mode) ? 1024 * 1024 : PIPE_BUF;
    if (!(s->w = flux_fd_watcher_create (r, fd, FLUX_POLLOUT, ready, s))) {
        free (s);
        return NULL;
    }
    return s;
}

void sink_destroy (struct sink *s)
{
    if (!s)
        return;
    flux_watcher_destroy (s->w);
    buf_fini (&s->buf);
    free (s);
}

void sink_write (struct sink *s, const char *data, size_t len)
{
    if (s->errnum)
        return;
    if (buf_add (&s->buf, data, len) < 0) {
        failed (s, ENOMEM);
        return;
    }
    flush (s, false);
    if (sink_full (s))
        s->was_full = true;
}

bool sink_full (const struct sink *s)
{
    return s->buf.len - s->pos >= FULL;
}

int sink_finish (struct sink *s)
{
    flush (s, true);
    if (s->errnum) {
        errno = s->errnum;
        return -1;
    }
    return 0;
}
