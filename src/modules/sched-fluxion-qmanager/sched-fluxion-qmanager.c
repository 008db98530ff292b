/* The queues of the graph scheduler: which job is matched next.
 *
 * Happy path:
 *  1. Options are read, and checked; service sched is registered.
 *  2. sched-fluxion-resource.notify answers: there is a graph. It forgets what an
 *     earlier queue manager had placed, and is told of each job that runs (hello).
 *  3. sched-ready; job-manager sends one sched.alloc for each job.
 *  4. At the end of a turn in which something changed, each queue sends its next jobs
 *     to be matched, in one request, and answers those that got something.
 *
 * The thread never waits for a match: what comes meanwhile is done when it comes, and a
 * job that is cancelled while it is asked for gives back what it gets.
 *
 * Failures: an option that is not understood ends the load, with a line that names it;
 * a request that can never be satisfied is denied; without sched-fluxion-resource the
 * module ends, and jobs wait for the next scheduler. */
#include <flux/core.h>
#include <flux/schedutil.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/hashmap.h"
#include "core/reactor/reactor.h"
#include "options.h"
#include "queue.h"
#include "value/jobid.h"
#include "value/rset.h"

/* A queue, and what it has under way. */
struct lane {
    struct ctx *ctx;
    char *name;
    struct queue q;
    json_t *qparams, *pparams; /* as given */
    flux_future_t *f;          /* of the batch */
    struct batch batch;
    struct list dropped; /* jobs that lost a reservation in this round */
};

struct job {
    struct qjob q;
    struct lane *lane;
    flux_msg_t *msg; /* what to answer to, without the jobspec */
    int64_t t_estimate;
    struct list dropped;
    bool endless;
};

struct running {
    struct lane *lane; /* NULL: of a queue that is not there any more */
    bool endless;
};

struct ctx {
    flux_t *h;
    schedutil_t *util;
    flux_msg_handler_t **handlers;
    flux_future_t *notify;
    struct options opt;
    json_t *parents; /* virtual queue -> its parent */
    struct lane *lane;
    size_t nlanes;
    struct idmap *jobs, *running;
    struct hashmap *shapes;
    struct reactor_task schedule;
    bool ready;
};

/* Shapes */

static struct shape *shape_get (struct ctx *ctx, char *take_text)
{
    struct shape *s = hashmap_lookup (ctx->shapes, take_text);

    if (s) {
        free (take_text);
        s->refs++;
        return s;
    }
    if (!(s = calloc (1, sizeof (*s)))
        || hashmap_insert (ctx->shapes, take_text, s) < 0) {
        free (s);
        free (take_text);
        return NULL;
    }
    s->text = take_text;
    s->refs = 1;
    return s;
}

static void shape_put (struct ctx *ctx, struct shape *s)
{
    if (!s || --s->refs > 0)
        return;
    hashmap_take (ctx->shapes, s->text);
    free (s->text);
    free (s);
}

/* One task of the shape: what it runs does not matter. */
static json_t *bare_task (json_t *task)
{
    return json_pack ("{s:[s] s:O? s:O?}", "command", "-", "slot",
                      json_object_get (task, "slot"), "count",
                      json_object_get (task, "count"));
}

/* A jobspec that only has what matters to a match, as text; new. */
static char *bare_jobspec (json_t *jobspec)
{
    json_t *system =
        json_object_get (json_object_get (jobspec, "attributes"), "system");
    json_t *tasks = json_array (), *task, *o, *sys = json_object ();
    static const char *const keys[] = { "duration", "constraints", "queue" };
    char *text = NULL;
    size_t i;

    json_array_foreach (json_object_get (jobspec, "tasks"), i, task)
        json_array_append_new (tasks, bare_task (task));
    for (i = 0; i < 3; i++)
        if ((o = json_object_get (system, keys[i])))
            json_object_set (sys, keys[i], o);
    o = json_pack ("{s:O? s:O? s:O s:{s:O}}", "version",
                   json_object_get (jobspec, "version"), "resources",
                   json_object_get (jobspec, "resources"), "tasks", tasks, "attributes",
                   "system", sys);
    if (o)
        text = json_dumps (o, JSON_COMPACT);
    json_decref (o);
    json_decref (sys);
    json_decref (tasks);
    return text;
}

/* Jobs */

static void job_destroy (struct ctx *ctx, struct job *job)
{
    if (job) {
        list_remove (&job->dropped);
        flux_msg_decref (job->msg);
        shape_put (ctx, job->q.shape);
        free (job);
    }
}

static void job_forget (struct ctx *ctx, struct job *job)
{
    idmap_remove (ctx->jobs, job->q.id);
    job_destroy (ctx, job);
}

static struct lane *find_lane (struct ctx *ctx, const char *name)
{
    const char *parent;

    if (!name)
        name = "default";
    if ((parent = json_string_value (json_object_get (ctx->parents, name))))
        name = parent;
    for (size_t i = 0; i < ctx->nlanes; i++)
        if (!strcmp (ctx->lane[i].name, name))
            return &ctx->lane[i];
    return NULL;
}

static void wake (struct ctx *ctx)
{
    reactor_post (flux_get_reactor (ctx->h), &ctx->schedule);
}

static void freed (struct ctx *ctx, bool endless)
{
    for (size_t i = 0; i < ctx->nlanes; i++)
        queue_freed (&ctx->lane[i].q, endless);
    wake (ctx);
}

static void give_back (struct ctx *ctx, uint64_t id)
{
    flux_future_destroy (flux_rpc_pack (ctx->h, "sched-fluxion-resource.cancel",
                                        FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE, "{s:I}",
                                        "jobid", (json_int_t)id));
}

static void deny (struct ctx *ctx, const flux_msg_t *msg, const char *note)
{
    if (schedutil_alloc_respond_deny (ctx->util, msg, note) < 0)
        flux_log_error (ctx->h, "sched.alloc: cannot deny");
}

static struct job *job_create (struct ctx *ctx, const flux_msg_t *msg, uint64_t id,
                               int64_t priority, json_t *jobspec)
{
    struct job *job = calloc (1, sizeof (*job));
    double duration = 0;
    char *text;

    if (!job)
        return NULL;
    list_init (&job->dropped);
    list_init (&job->q.link);
    job->q.id = id;
    job->q.priority = priority;
    (void)json_unpack (jobspec, "{s:{s:{s?F}}}", "attributes", "system", "duration",
                       &duration);
    job->endless = duration <= 0;
    /* The request without its jobspec: queued jobs should be small. */
    if (!(job->msg = flux_msg_copy (msg, false))
        || flux_msg_pack (job->msg, "{s:I}", "id", (json_int_t)id) < 0
        || !(text = bare_jobspec (jobspec))
        || !(job->q.shape = shape_get (ctx, text))) {
        job_destroy (ctx, job);
        return NULL;
    }
    return job;
}

static void alloc_cb (flux_t *h, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    const char *queue = NULL;
    char note[160];
    json_int_t id, priority;
    struct lane *lane;
    struct job *job;
    json_t *o;

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
    (void)json_unpack (o, "{s:{s:{s?s}}}", "attributes", "system", "queue", &queue);
    if (!(lane = find_lane (ctx, queue))) {
        snprintf (note, sizeof (note), "queue (%.80s) doesn't exist",
                  queue ? queue : "default");
        deny (ctx, msg, note);
        return;
    }
    if (!(job = job_create (ctx, msg, id, priority, o))
        || idmap_insert (ctx->jobs, id, job) < 0) {
        job_destroy (ctx, job);
        deny (ctx, msg, "scheduler is out of memory");
        return;
    }
    job->lane = lane;
    queue_add (&lane->q, &job->q);
    wake (ctx);
}

static void partial_done (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    if (flux_rpc_get (f, NULL) < 0)
        flux_log (ctx->h, LOG_ERR, "partial release: %s", flux_future_error_string (f));
    flux_future_destroy (f);
}

static void free_part (struct ctx *ctx, uint64_t id, json_t *R)
{
    char *text = json_dumps (R, JSON_COMPACT);
    flux_future_t *f =
        text ? flux_rpc_pack (ctx->h, "sched-fluxion-resource.partial-cancel",
                              FLUX_NODEID_ANY, 0, "{s:I s:s}", "jobid", (json_int_t)id,
                              "R", text)
             : NULL;

    if (!f || flux_future_then (f, -1., partial_done, ctx) < 0) {
        flux_log_error (ctx->h, "sched.free");
        flux_future_destroy (f);
    }
    free (text);
}

static void free_cb (flux_t *h, const flux_msg_t *msg, const char *unused, void *arg)
{
    struct ctx *ctx = arg;
    struct running *run;
    bool endless = true;
    json_int_t id;
    int final = 1;
    json_t *R;

    if (flux_request_unpack (msg, NULL, "{s:I s:o s?b}", "id", &id, "R", &R, "final",
                             &final)
        < 0) {
        flux_log_error (h, "sched.free: malformed request");
        return;
    }
    if (!(run = idmap_lookup (ctx->running, id))) {
        flux_log (h, LOG_ERR, "sched.free: job %jd: nothing is allocated",
                  (intmax_t)id);
        return;
    }
    endless = run->endless;
    if (!final)
        free_part (ctx, id, R);
    else {
        give_back (ctx, id);
        if (run->lane)
            queue_complete (&run->lane->q);
        idmap_remove (ctx->running, id);
    }
    freed (ctx, endless);
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
    bool reserved = job->q.state == QJOB_RESERVED;
    idmap_remove (ctx->jobs, id);
    if (queue_remove (&job->lane->q, &job->q)) {
        if (reserved)
            give_back (ctx, id);
        job_destroy (ctx, job);
    }
    wake (ctx);
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
        if (json_unpack (entry, "[I,I]", &id, &priority) == 0
            && (job = idmap_lookup (ctx->jobs, id)))
            queue_reprioritize (&job->lane->q, &job->q, priority);
    }
    wake (ctx);
}

/* Hello */

/* An RPC to sched-fluxion-resource before jobs come. */
static int call_resource (struct ctx *ctx, const char *method, json_int_t id,
                          const char *R)
{
    char topic[64];
    flux_future_t *f;
    int rc;

    snprintf (topic, sizeof (topic), "sched-fluxion-resource.%s", method);
    f = flux_rpc_pack (ctx->h, topic, FLUX_NODEID_ANY, 0, "{s:I s:s s:b}", "jobid", id,
                       "R", R, "hello", 1);
    rc = f ? flux_rpc_get (f, NULL) : -1;
    if (rc < 0)
        flux_log (ctx->h, LOG_ERR, "hello: job %jd: %s: %s", (intmax_t)id, method,
                  f ? flux_future_error_string (f) : strerror (errno));
    flux_future_destroy (f);
    return rc;
}

static int free_ranks (struct ctx *ctx, json_int_t id, const char *R, const char *ranks)
{
    flux_error_t error;
    struct rset *r = rset_decode (R, &error);
    struct idset *ids = idset_decode (ranks);
    struct rset *gone = r && ids ? rset_copy_ranks (r, ids) : NULL;
    char *text = gone ? rset_encode (gone) : NULL;
    int rc = text ? call_resource (ctx, "partial-cancel", id, text) : -1;

    free (text);
    rset_destroy (gone);
    idset_destroy (ids);
    rset_destroy (r);
    return rc;
}

static struct running *add_running (struct ctx *ctx, uint64_t id, struct lane *lane,
                                    bool endless)
{
    struct running *run = calloc (1, sizeof (*run));

    if (!run || idmap_insert (ctx->running, id, run) < 0) {
        free (run);
        return NULL;
    }
    run->lane = lane;
    run->endless = endless;
    if (lane)
        lane->q.counts.running++;
    return run;
}

static int hello_cb (flux_t *h, const flux_msg_t *msg, const char *R, void *arg)
{
    struct ctx *ctx = arg;
    const char *ranks = NULL, *queue = NULL;
    json_t *o = json_loads (R, 0, NULL);
    double expiration = 0;
    json_int_t id = 0;
    int rc = -1;

    (void)json_unpack (o, "{s:{s?F}}", "execution", "expiration", &expiration);
    (void)json_unpack (o, "{s:{s:{s:{s:s}}}}", "attributes", "system", "scheduler",
                       "queue", &queue);
    if (flux_msg_unpack (msg, "{s:I s?s}", "id", &id, "free", &ranks) == 0
        && call_resource (ctx, "update", id, R) == 0
        && (!ranks || !*ranks || free_ranks (ctx, id, R, ranks) == 0)) {
        struct lane *lane = queue              ? find_lane (ctx, queue)
                            : ctx->nlanes == 1 ? ctx->lane
                                               : NULL;
        rc = add_running (ctx, id, lane, expiration <= 0) ? 0 : -1;
    }
    json_decref (o);
    if (rc < 0)
        /* The job's resources are not what they were: it cannot go on. */
        flux_future_destroy (flux_job_raise (h, id, "scheduler-restart", 0,
                                             "failed to reallocate R for running job"));
    return 0;
}

static const struct schedutil_ops ops = {
    .hello = hello_cb,
    .alloc = alloc_cb,
    .free = free_cb,
    .cancel = cancel_cb,
    .prioritize = prioritize_cb,
};

/* Matching */

static void grant (struct lane *lane, struct job *job, const char *R)
{
    struct ctx *ctx = lane->ctx;
    const char *selection = queue_selection (&lane->q, &job->q);
    int rc;

    if (!add_running (ctx, job->q.id, NULL, job->endless)) {
        deny (ctx, job->msg, "scheduler is out of memory");
        give_back (ctx, job->q.id);
        return;
    }
    ((struct running *)idmap_lookup (ctx->running, job->q.id))->lane = lane;
    if (job->t_estimate)
        rc = schedutil_alloc_respond_success_pack (
            ctx->util, job->msg, R, "{s:{s:n s:s}}", "sched", "t_estimate",
            "selection_type", selection);
    else
        rc = schedutil_alloc_respond_success_pack (
            ctx->util, job->msg, R, "{s:{s:s}}", "sched", "selection_type", selection);
    if (rc < 0) {
        flux_log_error (ctx->h, "sched.alloc: cannot answer");
        idmap_remove (ctx->running, job->q.id);
        give_back (ctx, job->q.id);
    }
}

static void annotate (struct lane *lane, struct job *job, int64_t at)
{
    struct ctx *ctx = lane->ctx;
    int rc;

    list_remove (&job->dropped);
    if (job->t_estimate == at)
        return;
    job->t_estimate = at;
    if (at)
        rc = schedutil_alloc_respond_annotate_pack (
            ctx->util, job->msg, "{s:{s:I s:s}}", "sched", "t_estimate", (json_int_t)at,
            "selection_type", "reserved");
    else
        rc = schedutil_alloc_respond_annotate_pack (ctx->util, job->msg,
                                                    "{s:{s:n s:n}}", "sched",
                                                    "t_estimate", "selection_type");
    if (rc < 0)
        flux_log_error (ctx->h, "sched.alloc: cannot annotate");
}

/* A job that was cancelled while it was asked for. */
static void forget_gone (struct lane *lane, struct job *job, bool has_some)
{
    if (has_some) {
        give_back (lane->ctx, job->q.id);
        freed (lane->ctx, job->endless);
    }
    job_destroy (lane->ctx, job);
}

static void conclude (struct lane *lane, enum queue_outcome outcome, int64_t at,
                      const char *text, bool tried)
{
    struct ctx *ctx = lane->ctx;
    struct qjob *qjob = queue_result (&lane->q, outcome, at, tried);
    struct job *job = qjob ? container_of (qjob, struct job, q) : NULL;

    if (!job)
        return;
    if (qjob->gone)
        forget_gone (lane, job,
                     outcome == OUTCOME_ALLOCATED || outcome == OUTCOME_RESERVED);
    else if (outcome == OUTCOME_RESERVED)
        annotate (lane, job, at);
    else if (outcome == OUTCOME_ALLOCATED) {
        grant (lane, job, text);
        job_forget (ctx, job);
    } else if (outcome == OUTCOME_DENIED) {
        deny (ctx, job->msg, text);
        job_forget (ctx, job);
    }
}

static void conclude_failure (struct lane *lane, int errnum, const char *text,
                              bool tried)
{
    char note[200];

    if (errnum == EBUSY) {
        conclude (lane, OUTCOME_BUSY, 0, NULL, tried);
        return;
    }
    if (errnum == ENODEV)
        snprintf (note, sizeof (note), "alloc denied due to type=\"unsatisfiable\"");
    else
        snprintf (note, sizeof (note),
                  "alloc denied due to type=\"match error\": %.120s", text);
    conclude (lane, OUTCOME_DENIED, 0, note, tried);
}

static int take_answer (struct lane *lane, flux_future_t *f)
{
    const char *status, *R = "", *text = "";
    int errnum = 0, tried = 0;
    json_int_t at = 0;

    if (flux_rpc_get_unpack (f, "{s:s s?s s?I s?i s?s s?b}", "status", &status, "R", &R,
                             "at", &at, "errnum", &errnum, "text", &text, "tried",
                             &tried)
        < 0)
        return -1;
    if (!strcmp (status, "ALLOCATED"))
        conclude (lane, OUTCOME_ALLOCATED, at, R, tried);
    else if (!strcmp (status, "RESERVED"))
        conclude (lane, OUTCOME_RESERVED, at, NULL, tried);
    else
        conclude_failure (lane, errnum, text, tried);
    return 0;
}

static void batch_cb (flux_future_t *f, void *arg)
{
    struct lane *lane = arg;
    struct qjob *gone;

    if (take_answer (lane, f) == 0) {
        flux_future_reset (f);
        return;
    }
    if (errno == EBUSY)
        conclude (lane, OUTCOME_BUSY, 0, NULL, false);
    else if (errno != ENODATA)
        flux_log (lane->ctx->h, LOG_ERR, "match: %s", flux_future_error_string (f));
    flux_future_destroy (f);
    lane->f = NULL;
    while ((gone = queue_batch_end (&lane->q)))
        forget_gone (lane, container_of (gone, struct job, q), false);
    wake (lane->ctx);
}

struct unreserved {
    struct lane *lane;
    json_t *ids;
};

static void unreserve (struct qjob *qjob, void *arg)
{
    struct unreserved *u = arg;
    struct job *job = container_of (qjob, struct job, q);

    json_array_append_new (u->ids, json_integer ((json_int_t)qjob->id));
    list_remove (&job->dropped);
    list_append (&u->lane->dropped, &job->dropped);
}

static int send_batch (struct lane *lane, json_t *ids)
{
    struct batch *b = &lane->batch;
    json_t *jobs = json_array ();

    for (unsigned int i = 0; jobs && i < b->count; i++)
        json_array_append_new (jobs, json_pack ("{s:I s:s}", "jobid",
                                                (json_int_t)b->job[i]->id, "jobspec",
                                                b->job[i]->shape->text));
    lane->f = flux_rpc_pack (
        lane->ctx->h, "sched-fluxion-resource.match_multi", FLUX_NODEID_ANY,
        FLUX_RPC_STREAMING, "{s:s s:o s:O s:i s:b}", "cmd",
        b->stop ? "allocate_with_satisfiability" : "allocate_orelse_reserve", "jobs",
        jobs, "unreserve", ids, "reservations", (int)b->reservations, "stop", b->stop);
    if (lane->f && flux_future_then (lane->f, -1., batch_cb, lane) == 0)
        return 0;
    flux_log_error (lane->ctx->h, "match");
    return -1;
}

/* The round is over: who has lost a reservation and has no other is told. */
static void settle (struct lane *lane)
{
    struct list *node;

    while ((node = list_pop (&lane->dropped)))
        annotate (lane, container_of (node, struct job, dropped), 0);
}

static void step (struct lane *lane)
{
    struct unreserved u = { lane, json_array () };

    if (u.ids && queue_next (&lane->q, &lane->batch, unreserve, &u)) {
        if (send_batch (lane, u.ids) < 0)
            flux_reactor_stop_error (flux_get_reactor (lane->ctx->h));
    } else {
        json_t *o;
        size_t i;
        /* There are none to be asked for: nobody else takes these back. */
        json_array_foreach (u.ids, i, o)
            give_back (lane->ctx, json_integer_value (o));
        settle (lane);
    }
    json_decref (u.ids);
}

static void schedule (void *arg)
{
    struct ctx *ctx = arg;

    for (size_t i = 0; ctx->ready && i < ctx->nlanes; i++)
        if (!ctx->lane[i].f)
            step (&ctx->lane[i]);
}

/* Resources */

static int introduce (struct ctx *ctx)
{
    flux_future_t *f =
        flux_rpc (ctx->h, "sched-fluxion-resource.hello", NULL, FLUX_NODEID_ANY, 0);
    int rc = f ? flux_rpc_get (f, NULL) : -1, count;

    flux_future_destroy (f);
    if (rc < 0 || schedutil_hello (ctx->util) < 0
        || schedutil_ready (ctx->util, "unlimited", &count) < 0) {
        flux_log_error (ctx->h, "hello");
        return -1;
    }
    flux_log (ctx->h, LOG_DEBUG, "ready: %d jobs wait", count);
    ctx->ready = true;
    return 0;
}

static void notify_cb (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    if (flux_rpc_get (f, NULL) < 0) {
        flux_log (ctx->h, LOG_ERR,
                  "exiting due to sched-fluxion-resource.notify failure: %s",
                  flux_future_error_string (f));
        flux_reactor_stop (flux_get_reactor (ctx->h));
        return;
    }
    if (!ctx->ready && introduce (ctx) < 0) {
        flux_reactor_stop_error (flux_get_reactor (ctx->h));
        return;
    }
    for (size_t i = 0; i < ctx->nlanes; i++)
        queue_changed (&ctx->lane[i].q);
    wake (ctx);
    flux_future_reset (f);
}

static void status_done (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;
    const flux_msg_t *msg = flux_future_aux_get (f, "request");
    const char *s;

    if (flux_rpc_get (f, &s) == 0)
        flux_respond (ctx->h, msg, s);
    else
        flux_respond_error (ctx->h, msg, errno, flux_future_error_string (f));
    flux_future_destroy (f);
}

static void status_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    flux_future_t *f =
        flux_rpc (h, "sched-fluxion-resource.status", NULL, FLUX_NODEID_ANY, 0);

    if (!f
        || flux_future_aux_set (f, "request", (void *)flux_msg_incref (msg),
                                (flux_free_f)flux_msg_decref)
               < 0
        || flux_future_then (f, -1., status_done, ctx) < 0) {
        flux_respond_error (h, msg, errno, NULL);
        flux_future_destroy (f);
    }
}

static json_t *lane_params (const struct lane *lane)
{
    const struct queue_params *p = &lane->q.params;

    return json_pack ("{s:s s:i s:i s:O s:O}", "policy", queue_policy_names[p->policy],
                      "queue_depth", (int)p->depth, "max_queue_depth",
                      (int)p->max_depth, "queue_parameters", lane->qparams,
                      "policy_parameters", lane->pparams);
}

static json_t *lane_stats (const struct lane *lane)
{
    const struct queue_counts *c = &lane->q.counts;
    json_t *o = lane_params (lane);
    json_t *counts = json_pack (
        "{s:I s:I s:I s:I s:I s:I s:I}", "pending", (json_int_t)c->pending, "running",
        (json_int_t)c->running, "reserved", (json_int_t)c->reserved, "rejected",
        (json_int_t)c->rejected, "complete", (json_int_t)c->complete, "cancelled",
        (json_int_t)c->cancelled, "reprioritized", (json_int_t)c->reprioritized);

    if (!o || !counts || json_object_set_new (o, "action_counts", counts) < 0) {
        json_decref (o);
        return NULL;
    }
    return o;
}

static void respond_lanes (struct ctx *ctx, const flux_msg_t *msg,
                           json_t *(*encode) (const struct lane *lane))
{
    json_t *o = json_object ();

    for (size_t i = 0; o && i < ctx->nlanes; i++)
        json_object_set_new (o, ctx->lane[i].name, encode (&ctx->lane[i]));
    if (!o || flux_respond_pack (ctx->h, msg, "{s:O}", "queues", o) < 0)
        flux_respond_error (ctx->h, msg, ENOMEM, NULL);
    json_decref (o);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    respond_lanes (arg, msg, lane_stats);
}

static void params_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    respond_lanes (arg, msg, lane_params);
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "sched.resource-status", status_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "sched-fluxion-qmanager.stats-get", stats_cb,
      FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "sched-fluxion-qmanager.params", params_cb,
      FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

static int lanes_init (struct ctx *ctx, flux_error_t *error)
{
    struct queue_params p;
    json_t *name;
    size_t i;

    if (!(ctx->lane = calloc (json_array_size (ctx->opt.queues), sizeof (*ctx->lane))))
        return -1;
    json_array_foreach (ctx->opt.queues, i, name) {
        struct lane *lane = &ctx->lane[i];
        lane->ctx = ctx;
        list_init (&lane->dropped);
        ctx->nlanes++;
        if (!(lane->name = strdup (json_string_value (name)))
            || options_queue (&ctx->opt, lane->name, &p, &lane->qparams, &lane->pparams,
                              error)
                   < 0)
            return -1;
        queue_init (&lane->q, &p);
        flux_log (ctx->h, LOG_DEBUG, "enforced policy (queue=%s): %s", lane->name,
                  queue_policy_names[p.policy]);
    }
    return 0;
}

static int find_parents (struct ctx *ctx, json_t *queues)
{
    const char *name;
    json_t *value, *parent;

    if (!(ctx->parents = json_object ()))
        return -1;
    json_object_foreach (queues, name, value) {
        if ((parent = json_object_get (value, "parent")))
            json_object_set (ctx->parents, name, parent);
    }
    return 0;
}

static int read_options (struct ctx *ctx, int argc, char **argv)
{
    const flux_conf_t *conf = flux_get_conf (ctx->h);
    json_t *table = NULL, *queues = NULL;
    flux_error_t error = { "out of memory" };

    if (conf)
        (void)flux_conf_unpack (conf, NULL, "{s?o s?o}", "sched-fluxion-qmanager",
                                &table, "queues", &queues);
    if (options_init (&ctx->opt, table, queues, argc, argv, &error) < 0
        || find_parents (ctx, queues) < 0 || lanes_init (ctx, &error) < 0) {
        flux_log (ctx->h, LOG_ERR, "%s", error.text);
        errno = EINVAL;
        return -1;
    }
    return 0;
}

static int ctx_init (struct ctx *ctx, flux_t *h)
{
    if (!(ctx->jobs = idmap_create (NULL)) || !(ctx->running = idmap_create (free))
        || !(ctx->shapes = hashmap_create (NULL))
        || flux_msg_handler_addvec (h, handlers, ctx, &ctx->handlers) < 0
        || !(ctx->util = schedutil_create (
                 h, SCHEDUTIL_FREE_NOLOOKUP | SCHEDUTIL_HELLO_PARTIAL_OK, &ops, ctx))
        || !(ctx->notify = flux_rpc (h, "sched-fluxion-resource.notify", NULL,
                                     FLUX_NODEID_ANY, FLUX_RPC_STREAMING))
        || flux_future_then (ctx->notify, -1., notify_cb, ctx) < 0)
        return -1;
    return 0;
}

static void lane_fini (struct lane *lane)
{
    struct ctx *ctx = lane->ctx;
    struct qjob *gone;
    struct order_node *n;

    flux_future_destroy (lane->f);
    while ((gone = queue_batch_end (&lane->q)))
        job_destroy (ctx, container_of (gone, struct job, q));
    while ((n = order_first (&lane->q.jobs))) {
        struct qjob *job = container_of (n, struct qjob, node);
        (void)queue_remove (&lane->q, job);
        job_destroy (ctx, container_of (job, struct job, q));
    }
    free (lane->name);
    json_decref (lane->qparams);
    json_decref (lane->pparams);
}

static void ctx_fini (struct ctx *ctx)
{
    reactor_task_cancel (&ctx->schedule);
    flux_future_destroy (ctx->notify);
    for (size_t i = 0; i < ctx->nlanes; i++)
        lane_fini (&ctx->lane[i]);
    free (ctx->lane);
    schedutil_destroy (ctx->util);
    flux_msg_handler_delvec (ctx->handlers);
    idmap_destroy (ctx->jobs);
    idmap_destroy (ctx->running);
    hashmap_destroy (ctx->shapes);
    json_decref (ctx->parents);
    options_fini (&ctx->opt);
}

int mod_main (flux_t *h, int argc, char **argv)
{
    struct ctx ctx = { .h = h };
    int rc = -1;

    reactor_task_init (&ctx.schedule, schedule, &ctx);
    if (read_options (&ctx, argc, argv) == 0) {
        if (ctx_init (&ctx, h) < 0)
            flux_log_error (h, "cannot start");
        else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) > 0)
            rc = 0;
    }
    ctx_fini (&ctx);
    return rc;
}
