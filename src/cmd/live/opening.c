#include "cmd/live/opening.h"

#include "base/os/thread.h"
#include "cmd/live/live.h"
#include "core/connect/within.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct opening {
    char *uri;
    flux_watcher_t *w;
    opening_f cb;
    void *arg;
    int event_fd;
    flux_t *h;
    flux_error_t error;

    /* of both threads */
    pthread_mutex_t lock;
    bool done;
    bool dropped;
};

static void opening_destroy (struct opening *o)
{
    flux_watcher_destroy (o->w);
    if (o->event_fd >= 0)
        close (o->event_fd);
    flux_close (o->h);
    pthread_mutex_destroy (&o->lock);
    free (o->uri);
    free (o);
}

static void *run (void *arg)
{
    static const uint64_t one = 1;
    struct opening *o = arg;
    bool dropped;

    o->h = open_within (o->uri, INSTANCE_LIMIT, &o->error);
    if (o->h && live_learn (o->h, &o->error) < 0) {
        flux_close (o->h);
        o->h = NULL;
    }
    pthread_mutex_lock (&o->lock);
    o->done = true;
    dropped = o->dropped;
    if (!dropped && write (o->event_fd, &one, sizeof (one)) < 0)
        abort (); /* a counter that is 0 has room for one */
    pthread_mutex_unlock (&o->lock);
    if (dropped)
        opening_destroy (o);
    return NULL;
}

static void done_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct opening *o = arg;

    /* the thread is about to leave */
    pthread_mutex_lock (&o->lock);
    pthread_mutex_unlock (&o->lock);
    flux_error_t error = o->error;
    flux_t *h = o->h;
    opening_f cb = o->cb;
    void *cb_arg = o->arg;
    o->h = NULL;
    opening_destroy (o);
    cb (h, &error, cb_arg);
}

struct opening *opening_start (flux_reactor_t *r, const char *uri, opening_f cb,
                               void *arg)
{
    struct opening *o = calloc (1, sizeof (*o));

    if (!o)
        return NULL;
    o->cb = cb;
    o->arg = arg;
    pthread_mutex_init (&o->lock, NULL);
    o->event_fd = eventfd (0, EFD_CLOEXEC);
    if (o->event_fd < 0 || !(o->uri = strdup (uri))
        || !(o->w = flux_fd_watcher_create (r, o->event_fd, FLUX_POLLIN, done_cb, o))
        || thread_start (NULL, 0, run, o) < 0) {
        int saved_errno = errno;

        opening_destroy (o);
        errno = saved_errno;
        return NULL;
    }
    flux_watcher_start (o->w);
    return o;
}

void opening_drop (struct opening *o)
{
    bool done;

    if (!o)
        return;
    flux_watcher_destroy (o->w);
    o->w = NULL;
    pthread_mutex_lock (&o->lock);
    o->dropped = true;
    done = o->done;
    pthread_mutex_unlock (&o->lock);
    if (done)
        opening_destroy (o);
}
