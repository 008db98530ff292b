/* Questions wait until the journal has all that others may have seen. */
#include "service.h"

#include "core/future/stream.h"

/* A job-manager that is stuck makes nobody wait longer for what is known; in seconds. */
#define SYNC_MAX 1.

/* In the aux of a request that waits, or has. */
static const char synced_key[] = "job-list::synced";

struct sync {
    struct job_list *jl;
    flux_future_t *f;
    struct flux_msglist *asked; /* what came before f was sent */
    struct flux_msglist *later;
};

struct sync *sync_create (struct job_list *jl)
{
    struct sync *s = calloc (1, sizeof (*s));

    if (!s)
        return NULL;
    s->jl = jl;
    if (!(s->asked = flux_msglist_create ()) || !(s->later = flux_msglist_create ())) {
        sync_destroy (s);
        return NULL;
    }
    return s;
}

void sync_destroy (struct sync *s)
{
    if (!s)
        return;
    flux_future_destroy (s->f);
    flux_msglist_destroy (s->asked);
    flux_msglist_destroy (s->later);
    free (s);
}

void sync_disconnect (struct sync *s, const flux_msg_t *msg)
{
    flux_msglist_disconnect (s->asked, msg);
    flux_msglist_disconnect (s->later, msg);
}

static void ask (struct sync *s);

/* All that was said before the answer is here, in front of it. */
static void answered (flux_future_t *f, void *arg)
{
    struct sync *s = arg;

    job_list_replay (s->jl, s->asked);
    flux_future_destroy (s->f);
    s->f = NULL;
    if (flux_msglist_count (s->later) > 0)
        ask (s);
}

static void ask (struct sync *s)
{
    struct flux_msglist *asked = s->later;

    s->later = s->asked; /* empty */
    s->asked = asked;
    if (!(s->f = flux_rpc (s->jl->h, "job-manager.events-journal-sync", NULL, 0, 0))
        || flux_future_then (s->f, SYNC_MAX, answered, s) < 0) {
        flux_log_error (s->jl->h, "job-manager.events-journal-sync");
        answered (s->f, s);
    }
}

bool sync_wait (struct sync *s, const flux_msg_t *msg)
{
    if (flux_msg_aux_get (msg, synced_key))
        return false;
    if (flux_msglist_count (s->later) >= DEFERRED_MAX
        || flux_msg_aux_set (msg, synced_key, s, NULL) < 0
        || flux_msglist_append (s->later, msg) < 0)
        job_list_error (s->jl, msg, EAGAIN, "too many requests wait for job-list");
    else if (!s->f)
        ask (s);
    return true;
}
