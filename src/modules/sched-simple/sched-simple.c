/* The simple scheduler: order of priority, nodes, cores and GPUs. It is three modules:
 * sched-simple and sched-fifo keep the order strictly, sched-backfill lets jobs overtake
 * the first one that waits (backfill.h).
 *
 * Happy path:
 *  1. resource.acquire answers with R and what is up: the allocator is made.
 *  2. sched-hello: the resources of running jobs are taken.
 *  3. sched-ready; job-manager sends one sched.alloc for each job.
 *  4. At the end of a turn in which something changed, jobs get resources in
 *     order of priority, until one has to wait.
 *
 * Failures: a request that can never be satisfied is denied; resource.acquire
 * ends or a commit fails: the module exits. */
#include <flux/core.h>
#include <flux/schedutil.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "alloc.h"
#include "backfill.h"
#include "base/hashmap.h"
#include "base/heap.h"
#include "base/list.h"
#include "core/future/stream.h"
#include "core/reactor/reactor.h"
#include "core/sched/policy.h"
#include "value/job/jobspec.h"

#define DEPTH_DEFAULT 100
#define DEPTH_MAX 100000

struct job {
    flux_jobid_t id;
    int64_t priority;
    struct jobspec spec; /* only the numbers, and constraints */
    flux_msg_t *msg;     /* what to answer to, without the jobspec */
    struct heap_node node;
};

struct ctx {
    flux_t *h;
    schedutil_t *util;
    flux_msg_handler_t **handlers;
    flux_msg_handler_t *disconnect;
    struct stream *acquire;
    const char *mode;
    int log_level;
    enum alloc_mode alloc_mode;
    struct alloc *alloc; /* NULL until resources are known */
    double expiration;
    struct idmap *jobs;
    struct heap queue;
    flux_jobid_t blocked;      /* the head of the queue that has to wait, or 0 */
    struct backfill *backfill; /* NULL: nobody overtakes */
    int depth;                 /* so many jobs may */
    bool easy;
    flux_jobid_t annotated; /* the last job that was told when it may start, */
    double estimate;        /* and what */
    struct reactor_task schedule;
    struct flux_msglist *waiting; /* status requests from before */
};

/* What is of no interest but to who looks for a fault. */
__attribute__ ((format (printf, 2, 3))) static void note (struct ctx *ctx,
                                                          const char *fmt, ...)
{
    va_list ap;

    if (ctx->log_level < LOG_DEBUG)
        return;
    va_start (ap, fmt);
    flux_vlog (ctx->h, LOG_DEBUG, fmt, ap);
    va_end (ap);
}

static bool job_before (const struct heap_node *a, const struct heap_node *b)
{
    const struct job *x = container_of (a, struct job, node);
    const struct job *y = container_of (b, struct job, node);

    if (x->priority != y->priority)
        return x->priority > y->priority;
    return x->id < y->id;
}

static void job_destroy (void *arg)
{
    struct job *job = arg;

    if (job) {
        flux_msg_decref (job->msg);
        json_decref (job->spec.constraints);
        free (job);
    }
}

static void remove_job (struct ctx *ctx, struct job *job)
{
    if (job->id == ctx->blocked)
        ctx->blocked = 0;
    heap_remove (&ctx->queue, &job->node);
    idmap_remove (ctx->jobs, job->id);
}

/* Something changed that may let the blocked job run. */
static void reschedule (struct ctx *ctx)
{
    ctx->blocked = 0;
    if (ctx->queue.count > 0)
        reactor_post (flux_get_reactor (ctx->h), &ctx->schedule);
}

static void set_times (struct ctx *ctx, struct rset *r, double duration)
{
    double now = flux_reactor_time ();
    double expiration = ctx->expiration;

    if (duration > 0 && (expiration == 0 || now + duration < expiration))
        expiration = now + duration;
    rset_set_times (r, now, expiration);
}

static int hold (struct ctx *ctx, flux_jobid_t id, const struct rset *r)
{
    double end = rset_expiration (r);

    return ctx->backfill
               ? backfill_hold (ctx->backfill, id, r, end > 0 ? end : INFINITY)
               : 0;
}

static int grant (struct ctx *ctx, struct job *job, struct rset *r)
{
    char *summary = rset_dump (r);
    char *R;
    int rc = -1;

    set_times (ctx, r, job->spec.duration);
    R = rset_encode (r);
    if (R && summary && hold (ctx, job->id, r) == 0)
        /* What was expected is over. */
        rc = job->id == ctx->annotated
                 ? schedutil_alloc_respond_success_pack (
                     ctx->util, job->msg, R, "{s:{s:s s:n}}", "sched",
                     "resource_summary", summary, "t_estimate")
                 : schedutil_alloc_respond_success_pack (ctx->util, job->msg, R,
                                                         "{s:{s:s}}", "sched",
                                                         "resource_summary", summary);
    if (rc < 0 && ctx->backfill)
        (void)backfill_release (ctx->backfill, job->id, r);
    free (R);
    free (summary);
    return rc;
}

static void deny (struct ctx *ctx, const flux_msg_t *msg, const char *note)
{
    if (schedutil_alloc_respond_deny (ctx->util, msg, note) < 0)
        flux_log_error (ctx->h, "sched.alloc: cannot deny");
}

/* False if the job has to wait. */
static bool try_job (struct ctx *ctx, struct job *job)
{
    flux_error_t error = { "out of memory" };
    struct rset *r = alloc_alloc (ctx->alloc, &job->spec, &error);

    if (!r && errno == ENOSPC)
        return false;
    if (!r)
        deny (ctx, job->msg, error.text);
    else if (grant (ctx, job, r) < 0) {
        flux_log_error (ctx->h, "sched.alloc: cannot answer");
        (void)alloc_free (ctx->alloc, r, NULL);
    }
    rset_destroy (r);
    remove_job (ctx, job);
    return true;
}

/* The first of the queue waits: it is told when it may expect to start. */
static void announce (struct ctx *ctx, struct job *first, double at)
{
    if (!isfinite (at) || (ctx->annotated == first->id && ctx->estimate == at))
        return;
    ctx->annotated = first->id;
    ctx->estimate = at;
    if (schedutil_alloc_respond_annotate_pack (ctx->util, first->msg, "{s:{s:f}}",
                                               "sched", "t_estimate", at)
        < 0)
        flux_log_error (ctx->h, "sched.alloc: cannot annotate");
}

/* True if the job overtakes, or can never run: it is in the queue no more. */
static bool overtake (struct ctx *ctx, struct job *job)
{
    flux_error_t error = { "out of memory" };
    struct rset *r = alloc_alloc (ctx->alloc, &job->spec, &error);
    double end = INFINITY;
    bool gone = true;

    if (r) {
        set_times (ctx, r, job->spec.duration);
        if (rset_expiration (r) > 0)
            end = rset_expiration (r);
        if (!backfill_allows (ctx->backfill, ctx->alloc, end)) {
            (void)alloc_free (ctx->alloc, r, NULL);
            gone = false;
        } else if (grant (ctx, job, r) < 0) {
            flux_log_error (ctx->h, "sched.alloc: cannot answer");
            (void)alloc_free (ctx->alloc, r, NULL);
        }
    } else if (errno == ENOSPC)
        gone = false;
    else
        deny (ctx, job->msg, error.text);
    rset_destroy (r);
    if (gone)
        remove_job (ctx, job);
    return gone;
}

/* Looks at the next jobs behind the first one. */
static void backfill (struct ctx *ctx, struct job *first)
{
    struct job **waiting = calloc (ctx->depth + 1, sizeof (*waiting));
    struct heap_node *node;
    int count = 0;

    if (!waiting) {
        flux_log_error (ctx->h, "backfill");
        return;
    }
    announce (ctx, first, backfill_reserve (ctx->backfill, ctx->alloc, &first->spec));
    heap_remove (&ctx->queue, &first->node);
    waiting[count++] = first;
    for (int i = 0; i < ctx->depth && (node = heap_first (&ctx->queue)); i++) {
        struct job *job = container_of (node, struct job, node);

        if (!overtake (ctx, job)) {
            heap_remove (&ctx->queue, node);
            waiting[count++] = job;
        }
    }
    /* There is room for those that were there. */
    while (count > 0)
        (void)heap_insert (&ctx->queue, &waiting[--count]->node);
    free (waiting);
}

static void schedule (void *arg)
{
    struct ctx *ctx = arg;
    struct heap_node *node;

    while (ctx->alloc && (node = heap_first (&ctx->queue))) {
        struct job *job = container_of (node, struct job, node);
        if (job->id == ctx->blocked && !ctx->backfill)
            return;
        if (job->id == ctx->blocked || !try_job (ctx, job)) {
            ctx->blocked = job->id;
            if (ctx->backfill)
                backfill (ctx, job);
            return;
        }
    }
}

static struct job *job_create (const flux_msg_t *msg, flux_jobid_t id, int64_t priority,
                               const struct jobspec *spec)
{
    struct job *job = calloc (1, sizeof (*job));

    if (!job)
        return NULL;
    job->id = id;
    job->priority = priority;
    job->spec.nnodes = spec->nnodes;
    job->spec.node_exclusive = spec->node_exclusive;
    job->spec.nslots = spec->nslots;
    job->spec.slots_per_node = spec->slots_per_node;
    job->spec.cores_per_slot = spec->cores_per_slot;
    job->spec.gpus_per_slot = spec->gpus_per_slot;
    job->spec.duration = spec->duration;
    job->spec.constraints = json_incref (spec->constraints);
    /* The request without its jobspec: queued jobs should be small. */
    if (!(job->msg = flux_msg_copy (msg, false))
        || flux_msg_pack (job->msg, "{s:I}", "id", (json_int_t)id) < 0) {
        job_destroy (job);
        return NULL;
    }
    return job;
}

static void alloc_cb (flux_t *h, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error;
    struct jobspec spec;
    json_int_t id, priority;
    json_t *o;
    struct job *job;

    if (flux_request_unpack (msg, NULL, "{s:I s:I s:o}", "id", &id, "priority",
                             &priority, "jobspec", &o)
        < 0) {
        flux_log_error (h, "sched.alloc: malformed request");
        return;
    }
    if (idmap_lookup (ctx->jobs, id)) {
        flux_log (h, LOG_ERR, "sched.alloc: job %jd is asked for twice", (intmax_t)id);
        return;
    }
    if (jobspec_parse (o, &spec, &error) < 0
        || (ctx->alloc && alloc_feasible (ctx->alloc, &spec, &error) < 0)) {
        deny (ctx, msg, error.text);
        return;
    }
    if (!(job = job_create (msg, id, priority, &spec))
        || idmap_insert (ctx->jobs, id, job) < 0) {
        job_destroy (job);
        deny (ctx, msg, "scheduler is out of memory");
        return;
    }
    if (heap_insert (&ctx->queue, &job->node) < 0) {
        deny (ctx, msg, "scheduler is out of memory");
        idmap_remove (ctx->jobs, id);
        return;
    }
    reactor_post (flux_get_reactor (h), &ctx->schedule);
}

static void free_cb (flux_t *h, const flux_msg_t *msg, const char *unused, void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "out of memory" };
    json_int_t id;
    struct rset *r;
    json_t *R;

    if (flux_request_unpack (msg, NULL, "{s:I s:o}", "id", &id, "R", &R) < 0) {
        flux_log_error (h, "sched.free: malformed request");
        return;
    }
    if (!ctx->alloc) {
        flux_log (h, LOG_ERR, "sched.free: job %jd: nothing is allocated",
                  (intmax_t)id);
        return;
    }
    if (!(r = rset_decode_json (R, &error)) || alloc_free (ctx->alloc, r, &error) < 0)
        flux_log (h, LOG_ERR, "sched.free: job %jd: %s", (intmax_t)id, error.text);
    else {
        if (ctx->backfill && backfill_release (ctx->backfill, id, r) < 0)
            flux_log_error (h, "sched.free: job %jd", (intmax_t)id);
        reschedule (ctx);
    }
    rset_destroy (r);
}

static void cancel_cb (flux_t *h, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    struct job *job;
    json_int_t id;

    if (flux_request_unpack (msg, NULL, "{s:I}", "id", &id) < 0) {
        flux_log_error (h, "sched.cancel: malformed request");
        return;
    }
    /* Not in the queue: it has been answered meanwhile. */
    if (!(job = idmap_lookup (ctx->jobs, id)))
        return;
    if (schedutil_alloc_respond_cancel (ctx->util, job->msg) < 0)
        flux_log_error (h, "sched.cancel: cannot answer");
    remove_job (ctx, job);
    reschedule (ctx);
}

static void prioritize_cb (flux_t *h, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    json_t *jobs, *entry;
    size_t i;

    if (flux_request_unpack (msg, NULL, "{s:o}", "jobs", &jobs) < 0) {
        flux_log_error (h, "sched.prioritize: malformed request");
        return;
    }
    json_array_foreach (jobs, i, entry) {
        json_int_t id, priority;
        struct job *job;
        if (json_unpack (entry, "[I,I]", &id, &priority) < 0)
            continue;
        if ((job = idmap_lookup (ctx->jobs, id))) {
            job->priority = priority;
            heap_update (&ctx->queue, &job->node);
        }
    }
    reactor_post (flux_get_reactor (h), &ctx->schedule);
}

static int hello_cb (flux_t *h, const flux_msg_t *msg, const char *R, void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "out of memory" };
    const char *free_ranks = NULL;
    struct idset *ids = NULL;
    struct rset *r = rset_decode (R, &error);
    json_int_t id = 0;
    int rc = -1;

    if (r && flux_msg_unpack (msg, "{s:I s?s}", "id", &id, "free", &free_ranks) == 0
        && (!free_ranks || (ids = idset_decode (free_ranks)))
        && (!ids || rset_remove_ranks (r, ids) == 0))
        rc = alloc_take (ctx->alloc, r, &error);
    if (rc == 0 && hold (ctx, id, r) < 0)
        flux_log_error (h, "hello: job %jd", (intmax_t)id);
    if (rc < 0) {
        flux_log (h, LOG_ERR, "hello: job %jd: %s", (intmax_t)id, error.text);
        /* The job's resources are not what they were: it cannot go on. */
        flux_future_destroy (flux_job_raise (h, id, "scheduler-restart", 0,
                                             "failed to reallocate R for running job"));
    }
    idset_destroy (ids);
    rset_destroy (r);
    return 0;
}

static const struct schedutil_ops ops = {
    .hello = hello_cb,
    .alloc = alloc_cb,
    .free = free_cb,
    .cancel = cancel_cb,
    .prioritize = prioritize_cb,
};

static void respond_status (struct ctx *ctx, const flux_msg_t *msg)
{
    struct rset *down = alloc_down (ctx->alloc);
    struct rset *used = alloc_allocated (ctx->alloc);
    const char *a = alloc_all_text (ctx->alloc);
    char *b = down ? rset_encode (down) : NULL;
    char *c = used ? rset_encode (used) : NULL;
    char *s = NULL;

    if (!a || !b || !c
        || asprintf (&s, "{\"all\":%s,\"down\":%s,\"allocated\":%s}", a, b, c) < 0) {
        s = NULL;
        flux_respond_error (ctx->h, msg, ENOMEM, NULL);
    } else if (flux_respond (ctx->h, msg, s) < 0)
        flux_log_error (ctx->h, "resource-status: cannot answer");
    free (s);
    free (b);
    free (c);
    rset_destroy (down);
    rset_destroy (used);
}

static void status_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;

    stream_catch_up (
        ctx->acquire); /* what came before the question belongs to its answer */
    if (ctx->alloc)
        respond_status (ctx, msg);
    else if (flux_msglist_count (ctx->waiting) >= 1024)
        flux_respond_error (h, msg, EAGAIN, "resources are not known yet");
    else if (flux_msglist_append (ctx->waiting, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

static void feasibility_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                            void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error;
    struct jobspec spec;
    json_t *o;

    if (flux_request_unpack (msg, NULL, "{s:o}", "jobspec", &o) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (jobspec_parse (o, &spec, &error) < 0
             || (ctx->alloc && alloc_feasible (ctx->alloc, &spec, &error) < 0))
        flux_respond_error (h, msg, EINVAL, error.text);
    else
        flux_respond (h, msg, NULL);
}

/* A job may run longer, or less long. */
static void expiration_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct ctx *ctx = arg;
    json_int_t id;
    double end;

    if (flux_request_unpack (msg, NULL, "{s:I s:F}", "id", &id, "expiration", &end)
        < 0) {
        flux_respond_error (h, msg, EPROTO, NULL);
        return;
    }
    if (ctx->backfill) {
        backfill_set_end (ctx->backfill, id, end > 0 ? end : INFINITY);
        reactor_post (flux_get_reactor (h), &ctx->schedule);
    }
    flux_respond (h, msg, NULL);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct ctx *ctx = arg;

    flux_msglist_disconnect (ctx->waiting, msg);
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "sched.resource-status", status_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "sched.expiration", expiration_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "sched.disconnect", disconnect_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "feasibility.check", feasibility_cb, FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

static int set_up (struct ctx *ctx, const char *ranks, bool up)
{
    struct idset *ids = idset_decode (ranks);
    int rc = ids ? alloc_set_up (ctx->alloc, ids, up) : -1;

    idset_destroy (ids);
    return rc;
}

static int shrink (struct ctx *ctx, const char *ranks)
{
    struct idset *ids = idset_decode (ranks);
    int rc = ids ? alloc_shrink (ctx->alloc, ids) : -1;

    if (rc == 0 && ctx->backfill)
        rc = backfill_shrink (ctx->backfill, ids);

    idset_destroy (ids);
    return rc;
}

static int set_properties (struct ctx *ctx, json_t *o, bool add)
{
    const char *name;
    json_t *value;

    json_object_foreach (o, name, value) {
        const char *s = json_string_value (value);
        struct idset *ids = s ? idset_decode (s) : NULL;
        int rc = ids ? alloc_set_property (ctx->alloc, name, ids, add) : -1;
        idset_destroy (ids);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* A job that could be satisfied once may not be any more. */
static void deny_infeasible (struct ctx *ctx)
{
    flux_error_t error;
    size_t pos = 0;
    void *value;

    while (idmap_next (ctx->jobs, &pos, NULL, &value)) {
        struct job *job = value;
        if (alloc_feasible (ctx->alloc, &job->spec, &error) < 0) {
            deny (ctx, job->msg, error.text);
            remove_job (ctx, job);
        }
    }
}

static int begin (struct ctx *ctx, json_t *resources)
{
    flux_error_t error = { "out of memory" };
    struct rset *r = rset_decode_json (resources, &error);
    char *s;

    if (!r || !(ctx->alloc = alloc_create (r, ctx->alloc_mode))) {
        flux_log (ctx->h, LOG_ERR, "resource.acquire: %s", error.text);
        rset_destroy (r);
        return -1;
    }
    ctx->expiration = rset_expiration (r);
    if ((s = rset_dump (r)))
        note (ctx, "resources: %.512s", s);
    free (s);
    rset_destroy (r);
    return 0;
}

/* The first answer has come and was applied. */
static int introduce (struct ctx *ctx)
{
    const flux_msg_t *msg;
    int count;

    if (schedutil_hello (ctx->util) < 0) {
        flux_log_error (ctx->h, "hello");
        return -1;
    }
    if (schedutil_ready (ctx->util, ctx->mode, &count) < 0) {
        flux_log_error (ctx->h, "ready");
        return -1;
    }
    note (ctx, "ready: %d jobs wait", count);
    while ((msg = flux_msglist_pop (ctx->waiting))) {
        respond_status (ctx, msg);
        flux_msg_decref (msg);
    }
    return 0;
}

static int apply (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;
    const char *up = NULL, *down = NULL, *gone = NULL;
    json_t *R = NULL, *add = NULL, *remove = NULL;
    double expiration = -1;
    bool first = !ctx->alloc;

    if (flux_rpc_get_unpack (f, "{s?o s?s s?s s?s s?o s?o s?F}", "resources", &R, "up",
                             &up, "down", &down, "shrink", &gone, "property-add", &add,
                             "property-remove", &remove, "expiration", &expiration)
        < 0) {
        flux_log (ctx->h, LOG_ERR, "resource.acquire: %s",
                  flux_future_error_string (f));
        return -1;
    }
    if ((first && (!R || begin (ctx, R) < 0)) || (up && set_up (ctx, up, true) < 0)
        || (down && set_up (ctx, down, false) < 0) || (gone && shrink (ctx, gone) < 0)
        || set_properties (ctx, remove, false) < 0
        || set_properties (ctx, add, true) < 0) {
        flux_log (ctx->h, LOG_ERR, "resource.acquire: malformed response");
        return -1;
    }
    if (expiration >= 0)
        ctx->expiration = expiration;
    if (first && introduce (ctx) < 0)
        return -1;
    if (gone || add || remove)
        deny_infeasible (ctx);
    reschedule (ctx);
    return 0;
}

/* RFC 27: unlimited, or limited=N. */
static bool is_mode (const char *s)
{
    char *end;

    if (!strcmp (s, "unlimited"))
        return true;
    if (strncmp (s, "limited=", 8) || s[8] < '1' || s[8] > '9')
        return false;
    errno = 0;
    return strtol (s + 8, &end, 10) <= INT_MAX && errno == 0 && *end == '\0';
}

/* queue-policy=fcfs|easy, queue-depth=N. */
static bool parse_policy (struct ctx *ctx, const char *arg)
{
    char *end;
    long n;

    if (!strcmp (arg, "queue-policy=fcfs") || !strcmp (arg, "queue-policy=easy")) {
        ctx->easy = arg[13] == 'e';
        return true;
    }
    if (strncmp (arg, "queue-depth=", 12) != 0 || arg[12] < '1' || arg[12] > '9')
        return false;
    errno = 0;
    n = strtol (arg + 12, &end, 10);
    ctx->depth = n;
    return errno == 0 && *end == '\0' && n <= DEPTH_MAX;
}

static int unknown (struct ctx *ctx, const char *arg)
{
    if (!strcmp (arg, "alloc-check"))
        flux_log (ctx->h, LOG_ERR,
                  "alloc-check is the job manager's: flux jobtap load alloc-check.so");
    else if (!strncmp (arg, "log-level=", 10))
        flux_log (ctx->h, LOG_ERR, "log-level: '%.60s' is not from 3 to 7", arg + 10);
    else
        flux_log (ctx->h, LOG_ERR, "unknown argument: %s", arg);
    errno = EINVAL;
    return -1;
}

/* log-level=3 to 7: errors are logged in any case. */
static bool parse_level (struct ctx *ctx, const char *arg)
{
    if (strncmp (arg, "log-level=", 10) != 0 || arg[10] < '0' + LOG_ERR
        || arg[10] > '0' + LOG_DEBUG || arg[11])
        return false;
    ctx->log_level = arg[10] - '0';
    return true;
}

static int parse_args (struct ctx *ctx, int argc, char **argv)
{
    static const char *const modes[] = { [ALLOC_WORST_FIT] = "worst-fit",
                                         [ALLOC_BEST_FIT] = "best-fit",
                                         [ALLOC_FIRST_FIT] = "first-fit" };

    const char *name = flux_aux_get (ctx->h, "flux::name");

    ctx->mode = "unlimited";
    ctx->depth = DEPTH_DEFAULT;
    ctx->log_level = LOG_DEBUG;
    ctx->easy = name && !strcmp (name, "sched-backfill");
    for (int i = 0; i < argc; i++) {
        int m = -1;
        if (!strncmp (argv[i], "mode=", 5) && is_mode (argv[i] + 5)) {
            ctx->mode = argv[i] + 5;
            continue;
        }
        if (parse_policy (ctx, argv[i]) || parse_level (ctx, argv[i]))
            continue;
        if (!strncmp (argv[i], "alloc-mode=", 11))
            for (int n = 0; n < 3; n++)
                if (!strcmp (argv[i] + 11, modes[n]))
                    m = n;
        if (m < 0)
            return unknown (ctx, argv[i]);
        ctx->alloc_mode = m;
    }
    return 0;
}

/* Of who has asked under the name of the module. */
static int handle_disconnect (struct ctx *ctx)
{
    struct flux_match match = FLUX_MATCH_REQUEST;
    const char *name = flux_aux_get (ctx->h, "flux::name");
    char topic[128];

    snprintf (topic, sizeof (topic), "%s.disconnect", name ? name : "sched-simple");
    match.topic_glob = topic;
    if (!(ctx->disconnect =
              flux_msg_handler_create (ctx->h, match, disconnect_cb, ctx)))
        return -1;
    flux_msg_handler_allow_rolemask (ctx->disconnect, FLUX_ROLE_USER);
    flux_msg_handler_start (ctx->disconnect);
    return 0;
}

static int ctx_init (struct ctx *ctx, flux_t *h)
{
    flux_future_t *f;
    int rc;

    if (!(ctx->jobs = idmap_create (job_destroy))
        || (ctx->easy && !(ctx->backfill = backfill_create ()))
        || !(ctx->waiting = flux_msglist_create ())
        || flux_msg_handler_addvec (h, handlers, ctx, &ctx->handlers) < 0
        || handle_disconnect (ctx) < 0
        || !(ctx->util = schedutil_create (
                 h, SCHEDUTIL_FREE_NOLOOKUP | SCHEDUTIL_HELLO_PARTIAL_OK, &ops, ctx)))
        return -1;
    f = flux_service_register (h, "feasibility");
    rc = f ? flux_future_get (f, NULL) : -1;
    flux_future_destroy (f);
    if (rc < 0)
        return -1;
    return (ctx->acquire = stream_open (flux_rpc (h, "resource.acquire", NULL,
                                                  FLUX_NODEID_ANY, FLUX_RPC_STREAMING),
                                        apply, ctx))
               ? 0
               : -1;
}

static void ctx_fini (struct ctx *ctx)
{
    reactor_task_cancel (&ctx->schedule);
    stream_close (ctx->acquire);
    schedutil_destroy (ctx->util);
    flux_msg_handler_delvec (ctx->handlers);
    flux_msg_handler_destroy (ctx->disconnect);
    flux_msglist_destroy (ctx->waiting);
    heap_fini (&ctx->queue);
    idmap_destroy (ctx->jobs);
    backfill_destroy (ctx->backfill);
    alloc_destroy (ctx->alloc);
}

int mod_main (flux_t *h, int argc, char **argv)
{
    struct ctx ctx = { .h = h };
    flux_error_t error;
    int rc = -1;

    heap_init (&ctx.queue, job_before);
    reactor_task_init (&ctx.schedule, schedule, &ctx);
    if (parse_args (&ctx, argc, argv) < 0)
        return -1;
    if (sched_policy_none (flux_get_conf (h), "sched-simple", &error) < 0) {
        flux_log (h, LOG_ERR, "%s", error.text);
        errno = EINVAL;
        return -1;
    }
    if (ctx_init (&ctx, h) < 0)
        flux_log_error (h, "cannot start");
    else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) > 0)
        rc = 0;
    ctx_fini (&ctx);
    return rc;
}
