/* Happy path: a message that can be read from the process is sent to the handle, one that
 * the handle receives is written to the process.
 *
 * Failures: a process that does not read: the handle is not read either, while so much
 * waits, and its broker bounds what it keeps. Either end is gone, or says what is no
 * message: the other one is closed. */
#include "core/subprocess/msgchan.h"

#include <flux/core.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "core/message/msgstream.h"

#define UNSENT_MAX (1024 * 1024)
#define BATCH 64

struct chan {
    struct msgchan base;
    flux_t *h;
    struct msgstream *process;
    flux_watcher_t *from_handle, *from_process, *to_process;
};

static void end (struct chan *c)
{
    flux_watcher_destroy (c->from_handle);
    flux_watcher_destroy (c->from_process);
    flux_watcher_destroy (c->to_process);
    c->from_handle = c->from_process = c->to_process = NULL;
    msgstream_destroy (c->process);
    c->process = NULL;
    flux_close (c->h);
    c->h = NULL;
}

/* False: the process is gone. */
static bool flush (struct chan *c)
{
    if (msgstream_flush (c->process) == 0) {
        flux_watcher_stop (c->to_process);
        flux_watcher_start (c->from_handle);
        return true;
    }
    if (errno != EAGAIN)
        return false;
    flux_watcher_start (c->to_process);
    if (msgstream_unsent (c->process) > UNSENT_MAX)
        flux_watcher_stop (c->from_handle);
    return true;
}

static void writable_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    if (!flush (arg))
        end (arg);
}

static void handle_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct chan *c = arg;
    flux_msg_t *msg = NULL;
    bool ok = true;

    for (int i = 0; ok && i < BATCH && msgstream_unsent (c->process) <= UNSENT_MAX;
         i++) {
        if (!(msg = flux_recv (c->h, FLUX_MATCH_ANY, FLUX_O_NONBLOCK))) {
            ok = errno == EAGAIN || errno == EWOULDBLOCK;
            break;
        }
        ok = msgstream_send (c->process, msg) == 0;
        flux_msg_decref (msg);
    }
    if (!ok || !flush (c))
        end (c);
}

static void process_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct chan *c = arg;
    flux_msg_t *msg;

    do {
        if (!(msg = msgstream_recv (c->process))) {
            if (errno != EAGAIN)
                end (c);
            return;
        }
        if (flux_send_new (c->h, &msg, 0) < 0) {
            flux_msg_decref (msg);
            end (c);
            return;
        }
    } while (msgstream_buffered (c->process));
}

struct msgchan *msgchan_create (flux_reactor_t *r, const char *uri, int *child)
{
    struct chan *c = calloc (1, sizeof (*c));
    int fd[2] = { -1, -1 };

    if (!c)
        return NULL;
    list_init (&c->base.node);
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0
        || (fd[0] = fd_above_standard (fd[0])) < 0
        || (fd[1] = fd_above_standard (fd[1])) < 0 || !(c->h = flux_open (uri, 0))
        || flux_set_reactor (c->h, r) < 0 || !(c->process = msgstream_create (fd[0])))
        goto error;
    fd[0] = -1; /* the stream's */
    int own = msgstream_fd (c->process);
    if (!(c->from_handle =
              flux_handle_watcher_create (r, c->h, FLUX_POLLIN, handle_cb, c))
        || !(c->from_process =
                 flux_fd_watcher_create (r, own, FLUX_POLLIN, process_cb, c))
        || !(c->to_process =
                 flux_fd_watcher_create (r, own, FLUX_POLLOUT, writable_cb, c)))
        goto error;
    flux_watcher_start (c->from_handle);
    flux_watcher_start (c->from_process);
    /* they keep nobody's reactor going: the process does */
    flux_watcher_unref (c->from_process);
    flux_watcher_unref (c->to_process);
    *child = fd[1];
    return &c->base;
error:;
    int saved_errno = errno;
    if (fd[0] >= 0)
        close (fd[0]);
    if (fd[1] >= 0)
        close (fd[1]);
    msgchan_destroy (&c->base);
    errno = saved_errno;
    return NULL;
}

void msgchan_destroy (struct msgchan *mc)
{
    if (mc) {
        struct chan *c = container_of (mc, struct chan, base);

        list_remove (&mc->node);
        end (c);
        free (c);
    }
}
