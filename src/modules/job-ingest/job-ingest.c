/* job-ingest: takes jobs from users.
 *
 * A request's way: submit_cb checks it and adds it to the open batch; at the end
 * of the reactor turn the batch is closed: one KVS commit with the jobspecs of all
 * its jobs; when that is acknowledged, one message with the jobs themselves to
 * job-manager; when that is answered, so are the requests.
 * While one batch is being committed the next one grows, and as long as job-manager
 * has many to look at: the busier, the fewer commits for each job. Batches reach
 * job-manager in the order of their ids.
 * Where the configuration names plugins (stages.h), each job is first shown to them, and
 * added to a batch when they have answered. A job that asks for a host that this rank has
 * never heard of waits until R was read again.
 * Failures: a request that is wrong is refused at once; if the commit fails, all
 * its jobs are refused, and job-manager never hears of them; a job that
 * job-manager refuses is removed from the KVS again, before that is answered. If
 * job-manager is gone, so is the instance, and the next start removes what is
 * left. Too many bytes on their way: EAGAIN. */
#include "base/json/json.h"
#include "crew.h"
#include "ingest.h"
#include "stages.h"
#include "value/resource/rset.h"
#include <flux/core.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

/* A batch that has grown to this is sent even if others are on their way. */
#define BATCH_MAX_BYTES (256 << 10)
/* Jobs for whose answer the next batch waits: what came meanwhile would only stand in
 * line, and shares a commit instead. */
#define MANY_JOBS 16
/* Of all batches; more is refused. */
#define MAX_BYTES (256 << 20)

#define ENDING "job-ingest ends: try again when module job-ingest is loaded"

struct batch_job {
    const flux_msg_t *msg;
    flux_jobid_t id;
    bool refused;
};

struct batch {
    struct ctx *ctx;
    struct batch_job *jobs;
    size_t count, cap;
    size_t bytes;
    flux_kvs_txn_t *txn;
    struct buf request;
    struct buf envs; /* distinct environments: ",{...},{...}" */
    int nenvs;
    size_t last_env; /* where the last one begins in envs */
    flux_future_t *f_commit, *f_submit, *f_remove;
};

struct ctx {
    flux_t *h;
    int argc;
    char **argv; /* of the module, see stages_args */
    struct ingest ingest;
    struct stages stages;
    struct crew *crew;           /* NULL: no plugins */
    struct ingest again;         /* without defaults, for what plugins have changed */
    flux_future_t *f_hosts;      /* which hosts are there? */
    struct flux_msglist *unsure; /* requests that name one that is not known */
    struct batch *open;
    int committing, in_flight; /* batches */
    size_t jobs_in_flight;
    bool ending;
    size_t bytes; /* of all batches */
    flux_watcher_t *prepare;
    flux_msg_handler_t **handlers;
    unsigned long njobs, nbatches, nrefused;
};

static void batch_destroy (struct batch *b)
{
    if (!b)
        return;
    b->ctx->bytes -= b->bytes;
    for (size_t i = 0; i < b->count; i++)
        flux_msg_decref (b->jobs[i].msg);
    free (b->jobs);
    flux_kvs_txn_destroy (b->txn);
    buf_fini (&b->request);
    buf_fini (&b->envs);
    flux_future_destroy (b->f_commit);
    flux_future_destroy (b->f_submit);
    flux_future_destroy (b->f_remove);
    free (b);
}

static struct batch *batch_create (struct ctx *ctx)
{
    struct batch *b = calloc (1, sizeof (*b));

    if (!b || !(b->txn = flux_kvs_txn_create ())) {
        free (b);
        return NULL;
    }
    b->ctx = ctx;
    buf_adds (&b->request, "{\"jobs\":[");
    return b;
}

static int put (flux_kvs_txn_t *txn, flux_jobid_t id, const char *name,
                struct span value)
{
    char key[64];

    if (flux_job_kvs_key (key, sizeof (key), id, name) < 0)
        return -1;
    return flux_kvs_txn_put_raw (txn, 0, key, value.s, value.len);
}

/* Jobs that come together mostly have the same environment. */
static int batch_env (struct batch *b, struct span env)
{
    if (env.len == 0)
        return -1;
    if (b->nenvs == 0 || b->envs.len - b->last_env != env.len
        || memcmp (b->envs.data + b->last_env, env.s, env.len) != 0) {
        if (b->nenvs++ > 0)
            buf_addc (&b->envs, ',');
        b->last_env = b->envs.len;
        buf_add (&b->envs, env.s, env.len);
    }
    return b->nenvs - 1;
}

static int batch_add (struct batch *b, const flux_msg_t *msg,
                      const struct ingest_job *job)
{
    if (b->count == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 16;
        struct batch_job *p = realloc (b->jobs, cap * sizeof (*p));
        if (!p)
            return -1;
        b->jobs = p;
        b->cap = cap;
    }
    if (put (b->txn, job->id, "jobspec", job->jobspec) < 0
        || (job->J.len > 0 && put (b->txn, job->id, "J", job->J) < 0))
        return -1;
    if (b->count > 0)
        buf_addc (&b->request, ',');
    if (ingest_job_encode (&b->request, job, batch_env (b, job->environment)) < 0)
        return -1;
    b->jobs[b->count++] = (struct batch_job){ flux_msg_incref (msg), job->id, false };
    size_t bytes = job->jobspec.len + job->J.len;
    b->bytes += bytes;
    b->ctx->bytes += bytes;
    return 0;
}

static struct batch_job *batch_find (struct batch *b, flux_jobid_t id)
{
    /* ids ascend */
    size_t lo = 0, hi = b->count;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (b->jobs[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < b->count && b->jobs[lo].id == id ? &b->jobs[lo] : NULL;
}

static void batch_done (struct batch *b)
{
    b->ctx->in_flight--;
    b->ctx->jobs_in_flight -= b->count;
    batch_destroy (b);
}

/* All jobs of the batch, unless they have their answer. */
static void respond_error (struct batch *b, int errnum, const char *text)
{
    for (size_t i = 0; i < b->count; i++)
        flux_respond_error (b->ctx->h, b->jobs[i].msg, errnum, text);
}

static void fail (struct batch *b, const char *what, flux_future_t *f)
{
    int errnum = errno;
    const char *text = f ? flux_future_error_string (f) : strerror (errnum);

    flux_log (b->ctx->h, LOG_ERR, "%s of %zu jobs failed: %s", what, b->count, text);
    respond_error (b, errnum, text);
    batch_done (b);
}

static void respond_refused (struct batch *b, json_t *errors)
{
    json_t *o;
    size_t i;

    json_array_foreach (errors, i, o) {
        json_int_t id;
        int errnum;
        const char *text;
        struct batch_job *job;
        if (json_unpack (o, "{s:I s:i s:s}", "id", &id, "errnum", &errnum, "text",
                         &text)
                == 0
            && (job = batch_find (b, id)))
            flux_respond_error (b->ctx->h, job->msg, errnum, text);
    }
}

static json_t *errors_of (struct batch *b)
{
    json_t *errors = NULL;

    (void)flux_rpc_get_unpack (b->f_submit, "{s?o}", "errors", &errors);
    return errors;
}

static void removed (flux_future_t *f, void *arg)
{
    struct batch *b = arg;

    if (flux_future_get (f, NULL) < 0)
        flux_log_error (b->ctx->h, "jobs that were refused are not removed");
    respond_refused (b, errors_of (b));
    batch_done (b);
}

/* What job-manager refused leaves the KVS again. */
static int remove_refused (struct batch *b, json_t *errors)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char key[64];
    json_t *o;
    size_t i;

    json_array_foreach (errors, i, o) {
        json_int_t id = json_integer_value (json_object_get (o, "id"));
        struct batch_job *job = batch_find (b, id);
        if (!job)
            continue;
        job->refused = true;
        b->ctx->nrefused++;
        if (txn && flux_job_kvs_key (key, sizeof (key), id, NULL) >= 0)
            flux_kvs_txn_unlink (txn, 0, key);
    }
    if (txn)
        b->f_remove = flux_kvs_commit (b->ctx->h, NULL, 0, txn);
    flux_kvs_txn_destroy (txn);
    return b->f_remove ? flux_future_then (b->f_remove, -1., removed, b) : -1;
}

static void submitted (flux_future_t *f, void *arg)
{
    struct batch *b = arg;
    json_t *errors;
    char payload[64];
    bool removing = false;

    if (flux_future_get (f, NULL) < 0) {
        fail (b, "submission", f);
        return;
    }
    if (json_array_size (errors = errors_of (b)) > 0
        && !(removing = remove_refused (b, errors) == 0))
        respond_refused (b, errors);
    for (size_t i = 0; i < b->count; i++) {
        if (b->jobs[i].refused)
            continue;
        snprintf (payload, sizeof (payload), "{\"id\":%llu}",
                  (unsigned long long)b->jobs[i].id);
        flux_respond (b->ctx->h, b->jobs[i].msg, payload);
    }
    if (!removing)
        batch_done (b);
}

static void committed (flux_future_t *f, void *arg)
{
    struct batch *b = arg;

    b->ctx->committing--;
    if (flux_future_get (f, NULL) < 0) {
        fail (b, "commit", f);
        return;
    }
    if (!(b->f_submit = flux_rpc (b->ctx->h, "job-manager.submit", b->request.data,
                                  FLUX_NODEID_ANY, 0))
        || flux_future_then (b->f_submit, -1., submitted, b) < 0) {
        fail (b, "submission", NULL);
        return;
    }
    buf_fini (&b->request);
}

static void batch_send (struct batch *b)
{
    flux_t *h = b->ctx->h;

    buf_adds (&b->request, "],\"envs\":[");
    buf_add (&b->request, b->envs.data ? b->envs.data : "", b->envs.len);
    buf_adds (&b->request, "]}");
    buf_fini (&b->envs);
    b->ctx->njobs += b->count;
    b->ctx->nbatches++;
    b->ctx->in_flight++;
    b->ctx->jobs_in_flight += b->count;
    if (b->request.err || !(b->f_commit = flux_kvs_commit (h, NULL, 0, b->txn))
        || flux_future_then (b->f_commit, -1., committed, b) < 0) {
        fail (b, "commit", NULL);
        return;
    }
    b->ctx->committing++;
    flux_kvs_txn_destroy (b->txn);
    b->txn = NULL;
}

static bool batch_grows (const struct ctx *ctx)
{
    return ctx->committing > 0 || ctx->jobs_in_flight >= MANY_JOBS;
}

static void prepare_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct ctx *ctx = arg;
    struct batch *b = ctx->open;

    if (!b || (batch_grows (ctx) && b->bytes < BATCH_MAX_BYTES)
        || (b->count < ctx->stages.batch_count && !ctx->ending))
        return;
    ctx->open = NULL;
    batch_send (b);
}

static void add_job (struct ctx *ctx, const flux_msg_t *msg,
                     const struct ingest_job *job)
{
    if ((!ctx->open && !(ctx->open = batch_create (ctx)))
        || batch_add (ctx->open, msg, job) < 0)
        flux_respond_error (ctx->h, msg, errno, NULL);
}

/* --- plugins --- */

/* A job that is shown to them. */
struct shown {
    struct ctx *ctx;
    const flux_msg_t *msg;
    struct ingest_job job; /* without its texts */
    char *jobspec;
    char *J; /* NULL: that of mechanism none for the jobspec */
};

static void shown_destroy (struct shown *shown)
{
    int saved_errno = errno;

    shown->ctx->bytes -= shown->jobspec ? strlen (shown->jobspec) : 0;
    flux_msg_decref (shown->msg);
    free (shown->jobspec);
    free (shown->J);
    free (shown);
    errno = saved_errno;
}

static struct shown *shown_create (struct ctx *ctx, const flux_msg_t *msg,
                                   const struct ingest_job *job)
{
    struct shown *shown = calloc (1, sizeof (*shown));

    if (!shown)
        return NULL;
    shown->ctx = ctx;
    shown->msg = flux_msg_incref (msg);
    shown->job = *job;
    if (!(shown->jobspec = strndup (job->jobspec.s, job->jobspec.len))
        || (job->J.len > 0 && !(shown->J = strndup (job->J.s, job->J.len)))) {
        shown_destroy (shown);
        return NULL;
    }
    ctx->bytes += job->jobspec.len;
    return shown;
}

static void answered (int errnum, const char *text, json_t *data, void *arg)
{
    struct shown *shown = arg;
    struct ctx *ctx = shown->ctx;
    flux_error_t error = { "" };
    char *s = data ? json_encode_str (data) : NULL;
    double now = flux_reactor_time ();

    if (errnum != 0)
        flux_respond_error (ctx->h, shown->msg, errnum, text);
    else if ((data && !s)
             || ingest_redecode (&ctx->again, s ? s : shown->jobspec, shown->jobspec,
                                 shown->J, &shown->job, &error)
                    < 0)
        flux_respond_error (ctx->h, shown->msg, errno,
                            error.text[0] ? error.text : NULL);
    else {
        /* ids ascend in the order in which jobs are added */
        shown->job.id = jobid_gen_next (&ctx->ingest.gen, (uint64_t)(now * 1000));
        shown->job.t_submit = now;
        add_job (ctx, shown->msg, &shown->job);
    }
    free (s);
    shown_destroy (shown);
}

/* Newlines of a JSON text are between its parts only. */
static char *one_line (const char *jobspec, const struct ingest_job *job)
{
    struct buf b = BUF_INIT;
    char *s;

    buf_adds (&b, "{\"jobspec\":");
    buf_adds (&b, jobspec);
    buf_printf (&b, ",\"userid\":%u,\"urgency\":%d,\"flags\":%d}", job->userid,
                job->urgency, job->flags);
    if (!(s = buf_take (&b, NULL)))
        return NULL;
    for (char *p = s; (p = strpbrk (p, "\r\n")); p++)
        *p = ' ';
    return s;
}

static int show (struct ctx *ctx, const flux_msg_t *msg, const struct ingest_job *job)
{
    struct shown *shown = shown_create (ctx, msg, job);
    char *line = shown ? one_line (shown->jobspec, job) : NULL;
    size_t len = line ? strlen (line) : 0;
    int rc = -1;

    if (line) {
        line[len] = '\n'; /* in the place of its end */
        rc = crew_ask (ctx->crew, line, len + 1, shown);
    }
    if (rc < 0 && shown)
        shown_destroy (shown);
    int saved_errno = errno;
    free (line);
    errno = saved_errno;
    return rc;
}

static int wait_for_hosts (struct ctx *ctx, const flux_msg_t *msg);

/* sure: what is not known now is not there. */
static void take_request (struct ctx *ctx, const flux_msg_t *msg, bool sure)
{
    struct ingest_job job;
    struct flux_msg_cred cred;
    flux_error_t error = { "" };
    const char *s;

    if (flux_msg_get_cred (msg, &cred) < 0 || flux_request_decode (msg, NULL, &s) < 0
        || ingest_decode (&ctx->ingest, s, cred, flux_reactor_time (), &job, &error)
               < 0) {
        if (errno == ENOENT && !sure && wait_for_hosts (ctx, msg) == 0)
            return;
        flux_respond_error (ctx->h, msg, errno == ENOENT ? EPERM : errno,
                            error.text[0] ? error.text : NULL);
        return;
    }
    if (!ctx->crew)
        add_job (ctx, msg, &job);
    else if (show (ctx, msg, &job) < 0)
        flux_respond_error (ctx->h, msg, errno,
                            errno == EAGAIN ? "too many submissions wait for plugins"
                                            : NULL);
}

/* --- hosts --- */

static size_t payload_size (const flux_msg_t *msg)
{
    const void *data;
    size_t len = 0;

    return flux_msg_get_payload (msg, &data, &len) < 0 ? 0 : len;
}

/* Where there is no R, the scheduler has to say. */
static void learn_hosts (struct ctx *ctx, flux_future_t *f)
{
    const char *s;
    struct rset *r = NULL;
    struct hostlist *hosts = NULL;

    if (flux_kvs_lookup_get (f, &s) == 0 && s && (r = rset_decode (s, NULL)))
        hosts = rset_nodelist (r);
    ingest_set_hosts (&ctx->ingest, hosts);
    hostlist_destroy (hosts);
    rset_destroy (r);
}

/* Whoever waits is submitted, or told to try again. */
static void end_wait (struct ctx *ctx)
{
    const flux_msg_t *msg;

    flux_future_destroy (ctx->f_hosts);
    ctx->f_hosts = NULL;
    while ((msg = flux_msglist_pop (ctx->unsure))) {
        ctx->bytes -= payload_size (msg);
        if (ctx->ending)
            flux_respond_error (ctx->h, msg, EAGAIN, ENDING);
        else
            take_request (ctx, msg, true);
        flux_msg_decref (msg);
    }
}

static void submit_unsure (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    learn_hosts (ctx, f);
    end_wait (ctx);
    ctx->ingest.any_host = false;
}

static int wait_for_hosts (struct ctx *ctx, const flux_msg_t *msg)
{
    if (!ctx->unsure && !(ctx->unsure = flux_msglist_create ()))
        return -1;
    if (!ctx->f_hosts
        && (!(ctx->f_hosts =
                  flux_kvs_lookup (ctx->h, KVS_PRIMARY_NAMESPACE, 0, "resource.R"))
            || flux_future_then (ctx->f_hosts, -1., submit_unsure, ctx) < 0)) {
        flux_future_destroy (ctx->f_hosts);
        ctx->f_hosts = NULL;
        return -1;
    }
    if (flux_msglist_append (ctx->unsure, msg) < 0)
        return -1;
    ctx->bytes += payload_size (msg);
    return 0;
}

static void submit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;

    if (ctx->ending) {
        flux_respond_error (h, msg, EAGAIN, ENDING);
        return;
    }
    if (ctx->bytes > MAX_BYTES) {
        flux_respond_error (h, msg, EAGAIN, "too many submissions are on their way");
        return;
    }
    take_request (ctx, msg, false);
}

/* Whoever has asked the one that goes is told to try again. */
static int configure_crew (struct ctx *ctx, struct stages *new)
{
    struct crew *crew = NULL;

    if (new->crew && ctx->stages.crew && !strcmp (new->crew, ctx->stages.crew)
        && new->buffer_size == ctx->stages.buffer_size)
        return 0;
    if (new->crew
        && !(crew = crew_create (ctx->h, new->crew, new->buffer_size, answered)))
        return -1;
    crew_destroy (ctx->crew);
    ctx->crew = crew;
    return 0;
}

/* The table and the arguments, which go before it. */
static int parse_stages (struct ctx *ctx, json_t *ingest, struct stages *stages,
                         flux_error_t *error)
{
    json_t *o = stages_args (ingest, ctx->argc, ctx->argv, error);
    int rc = o ? stages_parse (o, stages, error) : -1;

    json_decref (o);
    return rc;
}

static int configure (struct ctx *ctx, const flux_conf_t *conf, flux_error_t *error)
{
    json_t *queues = NULL, *policy = NULL, *ingest = NULL;
    struct stages new = { 0 };
    const char *imp = NULL;
    int simulate = 0;

    if (flux_conf_unpack (conf, error, "{s?o s?o s?o s?{s?s s?{s?b}}}", "queues",
                          &queues, "policy", &policy, "ingest", &ingest, "exec", "imp",
                          &imp, "testexec", "allow-guests", &simulate)
            < 0
        || parse_stages (ctx, ingest, &new, error) < 0)
        return -1;
    if (ingest_configure (&ctx->ingest, queues, policy, error) < 0
        || configure_crew (ctx, &new) < 0) {
        stages_fini (&new);
        return -1;
    }
    ingest_set_own (&ctx->ingest, new.no_defaults, new.no_constraints,
                    new.no_validation);
    /* job-exec takes no others of theirs than are simulated, then */
    ctx->ingest.guests = ctx->again.guests = imp != NULL || simulate;
    ingest_set_own (&ctx->again, true, true, new.no_validation);
    stages_fini (&ctx->stages);
    ctx->stages = new;
    return 0;
}

static void config_reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                              void *arg)
{
    struct ctx *ctx = arg;
    flux_conf_t *conf;
    flux_error_t error = { "" };

    if (flux_module_config_request_decode (msg, &conf) < 0
        || configure (ctx, conf, &error) < 0 || flux_set_conf_new (h, conf) < 0)
        flux_respond_error (h, msg, errno, error.text);
    else
        flux_respond (h, msg, NULL);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;

    flux_respond_pack (h, msg, "{s:I s:I s:I s:i}", "jobs", (json_int_t)ctx->njobs,
                       "batches", (json_int_t)ctx->nbatches, "refused",
                       (json_int_t)ctx->nrefused, "in_flight", ctx->in_flight);
}

static const struct flux_msg_handler_spec spec[] = {
    { FLUX_MSGTYPE_REQUEST, "job-ingest.submit", submit_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-ingest.config-reload", config_reload_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-ingest.stats-get", stats_cb, FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

/* Ids of all ranks count from one moment, which job-manager knows, and begin
 * beyond the highest one that was ever handed out: where the clock is behind,
 * their time is as well, but none comes twice. */
static int init_ids (struct ctx *ctx)
{
    uint32_t rank;
    double epoch = 0;
    json_int_t max = 0;
    flux_future_t *f;
    int rc = -1;

    if (flux_get_rank (ctx->h, &rank) < 0)
        return -1;
    f = flux_rpc (ctx->h, "job-manager.getinfo", NULL, FLUX_NODEID_ANY, 0);
    if (!f
        || flux_rpc_get_unpack (f, "{s:F s:I}", "epoch", &epoch, "max_jobid", &max) < 0)
        flux_log_error (ctx->h, "job-manager does not say which job ids are in use");
    else
        rc = 0;
    flux_future_destroy (f);
    jobid_gen_init (&ctx->ingest.gen, rank, (uint64_t)(epoch * 1000), max);
    return rc;
}

/* What was begun is brought to its end: who is told that he was refused is not
 * submitted. */
static void finish (struct ctx *ctx)
{
    flux_reactor_t *r = flux_get_reactor (ctx->h);

    ctx->ending = true;
    end_wait (ctx);
    crew_destroy (ctx->crew);
    ctx->crew = NULL;
    while (ctx->open || ctx->in_flight > 0)
        if (flux_reactor_run (r, FLUX_REACTOR_ONCE) < 0)
            return;
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct ctx ctx = { .h = h };
    flux_error_t error = { "" };
    int rc = -1;

    ctx.argc = argc;
    ctx.argv = argv;
    ingest_init (&ctx.ingest, getuid ());
    ingest_init (&ctx.again, getuid ());
    if (configure (&ctx, flux_get_conf (h), &error) < 0) {
        flux_log (h, LOG_ERR, "%s", error.text);
        goto done;
    }
    if (init_ids (&ctx) < 0
        || !(ctx.prepare =
                 flux_prepare_watcher_create (flux_get_reactor (h), prepare_cb, &ctx))
        || flux_msg_handler_addvec (h, spec, &ctx, &ctx.handlers) < 0)
        goto done;
    flux_watcher_start (ctx.prepare);
    if (flux_reactor_run (flux_get_reactor (h), 0) >= 0) {
        finish (&ctx);
        rc = 0;
    }
done:
    flux_msg_handler_delvec (ctx.handlers);
    flux_watcher_destroy (ctx.prepare);
    crew_destroy (ctx.crew);
    batch_destroy (ctx.open);
    flux_future_destroy (ctx.f_hosts);
    flux_msglist_destroy (ctx.unsure);
    ingest_fini (&ctx.ingest);
    ingest_fini (&ctx.again);
    stages_fini (&ctx.stages);
    return rc;
}
