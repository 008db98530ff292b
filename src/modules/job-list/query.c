/* Lists of jobs. Those that are active are listed at once; those that ended in slices, since
 * there may be a million of them: between two, others are served. A job that ends meanwhile
 * is listed once, as it was found. */
#include "service.h"

#include "base/clock.h"
#include "base/error.h"
#include "value/resource/constraint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE 0.005     /* s */
#define SLICE_CHECK 256 /* jobs between two looks at the clock */

struct query {
    struct list node;
    struct job_list *jl;
    const flux_msg_t *msg;
    struct buf b; /* of the next response */
    bool first;   /* no response yet */
    int count;    /* jobs listed */
    struct jobs_cursor cursor;
    uint64_t attrs;
    int max;
    double since;
    struct constraint *constraint;
    int states; /* no others match */
};

static int query_decode (const flux_msg_t *msg, struct query *q, flux_error_t *error)
{
    json_t *attrs, *constraint = NULL;
    const char *bad;

    if (flux_request_unpack (msg, NULL, "{s:i s:o s?F s?o}", "max_entries", &q->max,
                             "attrs", &attrs, "since", &q->since, "constraint",
                             &constraint)
        < 0) {
        snprintf (error->text, sizeof (error->text), "invalid payload");
        return -1;
    }
    if (q->max < 0)
        return error_fail (error, EPROTO, "invalid payload: max_entries < 0");
    if (job_attrs_decode (attrs, &q->attrs, &bad) < 0) {
        snprintf (error->text, sizeof (error->text), "%.80s is not a valid attribute",
                  bad);
        return -1;
    }
    if (constraint && json_is_null (constraint))
        constraint = NULL;
    if (!(q->constraint = job_constraint (constraint, error)))
        return -1;
    q->states = job_constraint_states (constraint);
    return 0;
}

/* Responses */

static void begin_response (struct query *q)
{
    buf_reset (&q->b);
    buf_adds (&q->b, "{\"jobs\":[");
}

static void flush_stream (struct query *q)
{
    buf_adds (&q->b, q->first ? "],\"version\":1}" : "]}");
    job_list_respond (q->jl, q->msg, &q->b);
    q->first = false;
    begin_response (q);
}

static void finish (struct query *q)
{
    if (!flux_msg_is_streaming (q->msg)) {
        buf_adds (&q->b, "]}");
        job_list_respond (q->jl, q->msg, &q->b);
    } else {
        if (q->first || q->b.data[q->b.len - 1] != '[')
            flush_stream (q);
        job_list_error (q->jl, q->msg, ENODATA, NULL);
    }
}

static void query_destroy (struct query *q)
{
    if (q) {
        list_remove (&q->node);
        constraint_destroy (q->constraint);
        buf_fini (&q->b);
        flux_msg_decref (q->msg);
        free (q);
    }
}

/* Adds the job if it is one that was asked for. True if there may be more. */
static bool add (struct query *q, const struct job *job)
{
    if (job->state == FLUX_JOB_STATE_NEW || !job_list_visible (q->jl, q->msg, job)
        || !job_match (q->constraint, job))
        return true;
    if (q->b.data[q->b.len - 1] != '[')
        buf_addc (&q->b, ',');
    job_encode (job, q->attrs, &q->b);
    if (q->max > 0 && ++q->count == q->max)
        return false;
    if (flux_msg_is_streaming (q->msg) && q->b.len > RESPONSE_MAX)
        flush_stream (q);
    return true;
}

/* Steps */

static bool list_active (struct query *q)
{
    struct jobs *jobs = &q->jl->jobs;

    for (struct job *job = jobs_next (jobs, NULL, q->states); job;
         job = jobs_next (jobs, job, q->states))
        if (!add (q, job))
            return false;
    return true;
}

/* 1: there may be more; 0: done; -1 with errno. */
static int list_ended (struct query *q)
{
    struct jobs *jobs = &q->jl->jobs;
    double end = clock_monotonic () + SLICE;
    const struct job *job;
    int n = 0;

    if (jobs_cursor_open (jobs, &q->cursor) < 0)
        return -1;
    while (++n % SLICE_CHECK > 0 || clock_monotonic () < end) {
        if (jobs_cursor_next (jobs, &q->cursor, &job) < 0)
            return -1;
        /* They come newest first: the rest is older still. */
        if (!job || (q->since > 0 && job->t[T_INACTIVE] <= q->since) || !add (q, job))
            return 0;
    }
    return 1;
}

/* True if it goes on later. */
static bool go_on (struct query *q)
{
    int rc = list_ended (q);

    if (rc < 0)
        job_list_error (q->jl, q->msg, errno, "cannot read jobs that ended");
    else if (rc == 0)
        finish (q);
    return rc == 1;
}

static void scan_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct job_list *jl = arg;
    struct query *q = list_first (&jl->scans, struct query, node);

    if (!q)
        return;             /* whose asker went away */
    list_remove (&q->node); /* they take turns */
    if (go_on (q))
        list_append (&jl->scans, &q->node);
    else
        query_destroy (q);
    if (list_empty (&jl->scans))
        return;
    flux_timer_watcher_reset (w, 0., 0.);
    flux_watcher_start (w);
}

static void start (struct query *q)
{
    struct job_list *jl = q->jl;

    q->first = true;
    begin_response (q);
    if (!list_active (q) || !(q->states & FLUX_JOB_STATE_INACTIVE)) {
        finish (q);
    } else if (go_on (q)) {
        if (list_empty (&jl->scans)) {
            flux_timer_watcher_reset (jl->scanner, 0., 0.);
            flux_watcher_start (jl->scanner);
        }
        list_append (&jl->scans, &q->node);
        return;
    }
    query_destroy (q);
}

static struct query *query_create (struct job_list *jl, const flux_msg_t *msg)
{
    struct query *q;

    if (!(q = calloc (1, sizeof (*q))))
        return NULL;
    list_init (&q->node);
    q->jl = jl;
    q->msg = flux_msg_incref (msg);
    jobs_cursor_init (&q->cursor);
    return q;
}

void query_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct job_list *jl = arg;
    flux_error_t error = { "" };
    struct query *q;

    if (job_list_defer (jl, msg))
        return;
    if ((q = query_create (jl, msg)) && query_decode (msg, q, &error) == 0) {
        start (q);
        return;
    }
    job_list_error (jl, msg, errno, error.text[0] ? error.text : NULL);
    query_destroy (q);
}

void query_disconnect (struct job_list *jl, const flux_msg_t *msg)
{
    struct list *l, *next;

    for (l = jl->scans.next; l != &jl->scans; l = next) {
        struct query *q = container_of (l, struct query, node);

        next = l->next;
        if (flux_disconnect_match (msg, q->msg))
            query_destroy (q);
    }
}

int query_init (struct job_list *jl)
{
    list_init (&jl->scans);
    jl->scanner =
        flux_timer_watcher_create (flux_get_reactor (jl->h), 0., 0., scan_cb, jl);
    return jl->scanner ? 0 : -1;
}

void query_fini (struct job_list *jl)
{
    while (jl->scans.next && !list_empty (&jl->scans))
        query_destroy (list_first (&jl->scans, struct query, node));
    flux_watcher_destroy (jl->scanner);
}
