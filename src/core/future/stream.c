#include "core/future/stream.h"

#include <errno.h>
#include <stdlib.h>

struct stream {
    flux_future_t *f;
    stream_f *apply;
    void *arg;
    bool ended;
};

void stream_catch_up (struct stream *s)
{
    while (s && !s->ended && flux_future_is_ready (s->f)) {
        int rc = s->apply (s->f, s->arg);

        s->ended = rc != 0;
        if (rc < 0)
            flux_reactor_stop_error (flux_future_get_reactor (s->f));
        if (!s->ended)
            flux_future_reset (s->f);
    }
}

static void answer_cb (flux_future_t *f, void *arg)
{
    stream_catch_up (arg);
}

struct stream *stream_open (flux_future_t *f, stream_f *apply, void *arg)
{
    struct stream *s = f ? calloc (1, sizeof (*s)) : NULL;

    if (!s) {
        flux_future_destroy (f);
        return NULL;
    }
    *s = (struct stream){ .f = f, .apply = apply, .arg = arg };
    if (flux_future_then (f, -1., answer_cb, s) == 0)
        return s;
    stream_close (s);
    return NULL;
}

void stream_close (struct stream *s)
{
    int saved_errno = errno;

    if (s)
        flux_future_destroy (s->f);
    free (s);
    errno = saved_errno;
}
