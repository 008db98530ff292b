#include "modules/job-exec/ctx.h"

#include <flux/idset.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/json/jsontext.h"
#include "core/kvs/storage.h"
#include "modules/job-exec/reattach/kept.h"
#include "modules/job-exec/reattach/resume_impl.h"
#include "modules/job-exec/reattach/token.h"

struct claim {
    struct ctx *ctx;
    uint64_t id;
    flux_future_t *f; /* lookups; NULL: they are done */
    /* what the eventlogs say: */
    bool began;      /* tasks were started, or about to be */
    bool any;        /* it was job-exec's */
    bool ran;        /* all shells were there */
    bool ending;     /* it has a fatal exception */
    bool started;    /* job-manager knows */
    bool finished;   /* job-manager knows */
    bool done;       /* all of it is stored */
    double since;    /* wall's clock, when it was started; 0: it was not */
    int status;      /* then */
    double deadline; /* monotonic, for ranks that are not there */
    /* of its shells: */
    int found, heard, missing;
    bool unknown;       /* one may have been there */
    struct idset *gone; /* brokers of those whose exit is stored */
    json_t *exceptions;
};

static void claim_destroy (void *value)
{
    struct claim *c = value;

    flux_future_destroy (c->f);
    idset_destroy (c->gone);
    json_decref (c->exceptions);
    free (c);
}

/* ---- the instance ---- */

int resume_init (struct ctx *ctx)
{
    const char *recovery = flux_attr_get (ctx->h, "broker.recovery-mode");

    ctx->resume.recovery = recovery && strcmp (recovery, "1") == 0;
    if (!(ctx->resume.claims = idmap_create (claim_destroy))
        || !(ctx->resume.away = away_map_create ()))
        return -1;
    if (!storage_outlives (ctx->h) || ctx->config.reattach_timeout <= 0)
        return 0;
    return (ctx->resume.token = token_find (ctx->h)) ? 0 : -1;
}

void resume_fini (struct ctx *ctx)
{
    struct resume *r = &ctx->resume;

    flux_future_destroy (r->hello_f);
    flux_future_destroy (r->online_f);
    idmap_destroy (r->claims);
    r->claims = NULL;
    idmap_destroy (r->away);
    r->away = NULL;
    idset_destroy (r->online);
    timer_clear (&ctx->timers, &r->timer);
    free (r->token);
    r->token = NULL;
}

/* ---- when all were claimed ---- */

void resume_check_over (struct ctx *ctx)
{
    struct resume *r = &ctx->resume;

    if (!r->asked || r->lookups > 0)
        return;
    r->over = true;
    nodes_claims_over (ctx);
}

/* job-manager has answered: what it had to ask for came before. */
static void hello_continuation (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    if (flux_future_get (f, NULL) < 0)
        flux_log (ctx->h, LOG_ERR, "job-manager.stats-get: %s",
                  flux_future_error_string (f));
    else {
        ctx->resume.asked = true;
        resume_check_over (ctx);
    }
    flux_future_destroy (f);
    ctx->resume.hello_f = NULL;
}

int resume_begin (struct ctx *ctx)
{
    struct resume *r = &ctx->resume;

    if (!r->token || r->recovery)
        return 0;
    r->hello_f = flux_rpc (ctx->h, "job-manager.stats-get", NULL, FLUX_NODEID_ANY, 0);
    return r->hello_f
                   && flux_future_then (r->hello_f, -1., hello_continuation, ctx) == 0
               ? 0
               : -1;
}

/* ---- shells ---- */

void resume_end_claim (struct ctx *ctx, struct job *job)
{
    idmap_remove (ctx->resume.claims, job->id);
    job->resuming = job->away = false;
}

void resume_lose (struct ctx *ctx, struct job *job, const char *type, const char *note)
{
    resume_end_claim (ctx, job);
    job_raise (job, 0, type, note);
    for (int i = 0; i < job->shell_count; i++)
        job_shell_exited (job, &job->shells[i], SIGKILL);
}

static bool is_online (const struct ctx *ctx, unsigned int rank)
{
    return rank == 0 || (ctx->resume.online && idset_test (ctx->resume.online, rank));
}

static void ask_shell (struct ctx *ctx, struct job *job, struct shell_ref *s)
{
    if (s->asked)
        return;
    s->asked = true;
    if (nodes_claim (ctx, job, s) < 0)
        resume_lose (ctx, job, "exec", "the shells cannot be asked for: out of memory");
}

static void ask_those_of (struct ctx *ctx, unsigned int rank)
{
    size_t pos = 0;
    void *value;

    while (ctx->resume.claims && idmap_next (ctx->resume.claims, &pos, NULL, &value)) {
        struct claim *c = value;
        struct job *job = c->f ? NULL : idmap_lookup (ctx->jobs, c->id);
        struct shell_ref *s = job ? job_shell (job, rank) : NULL;
        if (s && !s->asked) {
            ask_shell (ctx, job, s);
            pos = 0; /* others may have been asked, or lost, on the way */
        }
    }
}

void resume_rank (struct ctx *ctx, unsigned int rank)
{
    ask_those_of (ctx, rank);
}

static void online_continuation (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;
    const char *members;

    if (flux_rpc_get_unpack (f, "{s:s}", "members", &members) < 0) {
        flux_log (ctx->h, LOG_ERR, "groups.get: %s", flux_future_error_string (f));
        return;
    }
    idset_destroy (ctx->resume.online);
    ctx->resume.online = idset_decode (members);
    for (unsigned int rank = idset_first (ctx->resume.online); rank != IDSET_INVALID_ID;
         rank = idset_next (ctx->resume.online, rank))
        ask_those_of (ctx, rank);
    flux_future_reset (f);
}

static const struct shell_ref *first_not_asked (const struct job *job)
{
    for (int i = 0; i < job->shell_count; i++) {
        if (!job->shells[i].asked)
            return &job->shells[i];
    }
    return NULL;
}

static void lose_rank (struct ctx *ctx, struct job *job, unsigned int rank)
{
    struct shell_ref *s = job_shell (job, rank);
    char note[128];

    if (s && job_spares (job, s)) {
        s->asked = true;
        resume_op (job, s, JOB_UNKNOWN, ctx);
        return;
    }
    snprintf (note, sizeof (note),
              "node failure on rank %u, which has not come back in time", rank);
    resume_lose (ctx, job, "node-failure", note);
}

static void not_back (struct timer *t, void *arg);

/* For the one that is the next to be lost. */
static void set_timer (struct ctx *ctx)
{
    double first = INFINITY;
    size_t pos = 0;
    void *value;

    while (idmap_next (ctx->resume.claims, &pos, NULL, &value)) {
        const struct claim *c = value;
        first = fmin (first, c->deadline);
    }
    timer_clear (&ctx->timers, &ctx->resume.timer);
    if (first < INFINITY)
        exec_set_timer (ctx, &ctx->resume.timer, fmax (0., first - clock_monotonic ()),
                        not_back, ctx);
}

static void not_back (struct timer *t, void *arg)
{
    struct ctx *ctx = arg;
    double now = clock_monotonic ();
    size_t pos = 0;
    void *value;

    while (idmap_next (ctx->resume.claims, &pos, NULL, &value)) {
        struct claim *c = value;
        struct job *job = c->f ? NULL : idmap_lookup (ctx->jobs, c->id);
        const struct shell_ref *s = job ? first_not_asked (job) : NULL;
        if (c->deadline > now)
            continue;
        c->deadline = c->f ? now + 1. : INFINITY;
        if (!s)
            continue;
        if (job_spares (job, s))
            c->deadline = now; /* it may not be the only one */
        lose_rank (ctx, job, s->rank);
        pos = 0;
    }
    set_timer (ctx);
}

static void wait_for_ranks (struct ctx *ctx)
{
    struct resume *r = &ctx->resume;

    set_timer (ctx);
    if (r->online_f)
        return;
    r->online_f = flux_rpc_pack (ctx->h, "groups.get", FLUX_NODEID_ANY,
                                 FLUX_RPC_STREAMING, "{s:s}", "name", "broker.online");
    if (!r->online_f
        || flux_future_then (r->online_f, -1., online_continuation, ctx) < 0)
        flux_log_error (ctx->h, "groups.get");
}

/* ---- what the KVS has ---- */

static void got_event (struct claim *c, double t, const char *name, json_t *context)
{
    int severity;

    if (!strcmp (name, "start")) {
        c->started = c->began = c->ran = true;
        c->since = t;
    } else if (!strcmp (name, "finish"))
        c->finished = true;
    else if (!strcmp (name, "exception") && context
             && json_array_append (c->exceptions, context) == 0
             && json_unpack (context, "{s:i}", "severity", &severity) == 0
             && severity == 0)
        c->ending = true;
}

static void got_exec_event (struct claim *c, double t, const char *name,
                            json_t *context)
{
    int rank;

    c->any = true;
    if (!strcmp (name, "starting") && c->since <= 0)
        c->since = t;
    if (!strcmp (name, "shell.start"))
        c->ran = true;
    if (!strcmp (name, "shell-exit")
        && json_unpack (context, "{s:i}", "rank", &rank) == 0 && rank >= 0)
        (void)idset_set (c->gone, rank);
    if (!strncmp (name, "shell.", 6) || !strcmp (name, "shell-exit"))
        c->began = true;
    else if (!strcmp (name, "complete"))
        (void)json_unpack (context, "{s:i}", "status", &c->status);
    else if (!strcmp (name, "done"))
        c->done = true;
}

static void read_events (struct claim *c, struct span log,
                         void (*got) (struct claim *c, double t, const char *name,
                                      json_t *context))
{
    const char *p = log.s, *end = log.s + log.len, *nl;

    for (; p < end && (nl = memchr (p, '\n', end - p)); p = nl + 1) {
        json_t *o = json_loadb (p, nl - p, 0, NULL), *context = NULL;
        const char *name;
        double t;
        if (json_unpack (o, "{s:F s:s s?o}", "timestamp", &t, "name", &name, "context",
                         &context)
            == 0)
            got (c, t, name, context);
        json_decref (o);
    }
}

/* Length 0: there is no such key. -1: who knows. */
static int value_of (flux_future_t *f, const char *name, struct span *v)
{
    flux_future_t *child = flux_future_get_child (f, name);
    const void *data = NULL;
    size_t len = 0;

    *v = (struct span){ "", 0 };
    if (flux_kvs_lookup_get_raw (child, &data, &len) < 0)
        return errno == ENOENT ? 0 : -1;
    if (data)
        *v = (struct span){ data, len };
    return 0;
}

/* What the job has said to a job-exec before. */
static int read_critical (flux_future_t *f, struct job *job)
{
    struct span v;
    char *shells;

    if (value_of (f, "critical", &v) < 0)
        return -1;
    if (v.len == 0)
        return 0;
    shells = strndup (v.s, v.len);
    int rc = shells ? job_set_critical (job, shells) : -1;
    free (shells);
    return rc;
}

static uint64_t number_of (struct span v)
{
    int64_t n;

    return jsontext_int (v, &n) && n > 0 ? n : 0;
}

static int read_kept (flux_future_t *f, struct job *job)
{
    char name[24];
    struct span v;

    for (int i = 0; i < job->shell_count; i++) {
        snprintf (name, sizeof (name), "%d", i);
        if (value_of (f, name, &v) < 0)
            return -1;
        job_resume_shell (job, &job->shells[i], number_of (v));
    }
    return 0;
}

/* All was said and stored; perhaps not to job-manager. */
static void tell_end (struct ctx *ctx, struct job *job, const struct claim *c)
{
    char data[32];

    snprintf (data, sizeof (data), "{\"status\":%d}", c->status);
    exec_respond (ctx, job, "reattached", "{}");
    if (!c->started)
        exec_respond (ctx, job, "start", "{}");
    exec_respond (ctx, job, "finish", data);
    resume_end_claim (ctx, job);
    exec_release (ctx, job);
}

static void start_anew (struct ctx *ctx, struct job *job)
{
    const char *payload;

    resume_end_claim (ctx, job);
    for (int i = 0; i < job->shell_count; i++)
        list_remove (&job->shells[i].node);
    if (flux_request_decode (job->request, NULL, &payload) == 0)
        exec_begin (ctx, job, payload);
}

/* The broker was killed when some shells had been told to start. */
static void start_rest (struct ctx *ctx, struct job *job)
{
    double left = job_time_left (job, clock_wall (), ctx->config.max_start_delay);
    const char *payload;

    resume_end_claim (ctx, job);
    job->away_until = 0;
    if (flux_request_decode (job->request, NULL, &payload) < 0)
        return;
    nodes_start_job (ctx, job, payload, strlen (payload), left);
    if (!job->finished)
        job_go_on (job);
    job_send_signals (job);
}

static const struct shell_ref *first_missing (const struct job *job)
{
    for (int i = 0; i < job->shell_count; i++) {
        if (job->shells[i].answered && job->shells[i].answer != JOB_HEARD)
            return &job->shells[i];
    }
    return &job->shells[0];
}

/* Nobody has it, or not all of it. */
static void missing (struct ctx *ctx, struct job *job, struct claim *c)
{
    const struct shell_ref *s = first_missing (job);
    char note[256];

    c->ending = c->ending || job->exception; /* since */
    if (c->ending && !c->began && !c->any) {
        resume_end_claim (ctx, job); /* it was canceled before anything came of it */
        exec_release (ctx, job);
    } else if (c->heard > 0 && !c->unknown && !c->ending && !c->ran)
        start_rest (ctx, job);
    else if (c->began || c->ending || c->found > 0 || (c->unknown && c->any)) {
        job->exception = c->ending;
        snprintf (note, sizeof (note), "lost contact with job shells on %s (rank %u)",
                  flux_get_hostbyrank (ctx->h, s->rank), s->rank);
        resume_lose (ctx, job, "exec", note);
    } else
        start_anew (ctx, job);
}

static void ask_shells (struct ctx *ctx, struct job *job)
{
    for (int i = 0; i < job->shell_count && job->resuming; i++) {
        if (is_online (ctx, job->shells[i].rank))
            ask_shell (ctx, job, &job->shells[i]);
        else
            wait_for_ranks (ctx);
    }
}

/* Its tasks may have been faster than the store. */
static void say_begin (struct job *job, const struct claim *c)
{
    if (c->any)
        return;
    job_event (job, "init", NULL);
    job_event (job, "starting", NULL);
}

static void found (struct ctx *ctx, struct job *job)
{
    if (!job->counted)
        exec_count (ctx, job);
    exec_respond (ctx, job, "reattached", "{}");
    if (job->limit.at <= 0)
        exec_set_limit (ctx, job, job_time_rest (job, clock_wall ()));
}

/* A simulated job goes on. */
static void resume_test (struct ctx *ctx, struct job *job, const struct claim *c)
{
    double since = c->since;
    bool ending = c->ending;

    job->start_sent = c->started;
    job->exception = ending;
    found (ctx, job);
    resume_end_claim (ctx, job);
    if (ending)
        kill_job (ctx, job, ctx->config.term_signal);
    else
        testexec_resume (ctx, job, since);
}

static void decide (struct ctx *ctx, struct job *job, struct claim *c, struct span log)
{
    if (c->done)
        tell_end (ctx, job, c);
    else if (job->is_test && c->since > 0) {
        job_resume (job, log.s, log.len, c->exceptions);
        resume_test (ctx, job, c);
    } else if (job->is_test)
        missing (ctx, job, c);
    else {
        job_resume (job, log.s, log.len, c->exceptions);
        ask_shells (ctx, job);
        if (job->resuming && job->exception)
            resume_give_up (ctx, job);
    }
}

static void lookups_continuation (flux_future_t *f, void *arg)
{
    struct claim *c = arg;
    struct ctx *ctx = c->ctx;
    struct job *job = idmap_lookup (ctx->jobs, c->id);
    struct span events, log;

    ctx->resume.lookups--;
    c->f = NULL;
    if (!(c->exceptions = json_array ())
        || !(c->gone = idset_create (0, IDSET_FLAG_AUTOGROW))
        || value_of (f, "eventlog", &events) < 0 || value_of (f, "log", &log) < 0
        || read_kept (f, job) < 0 || read_critical (f, job) < 0)
        resume_lose (ctx, job, "exec", "what is stored of the job cannot be read");
    else {
        read_events (c, events, got_event);
        read_events (c, log, got_exec_event);
        decide (ctx, job, c, log);
    }
    flux_future_destroy (f);
    resume_check_over (ctx);
}

static int lookup (struct claim *c, flux_future_t *all, const char *name,
                   const char *key)
{
    flux_future_t *f = flux_kvs_lookup (c->ctx->h, NULL, 0, key);

    return f ? flux_future_push (all, name, f) : -1;
}

/* Of the output of a shell. */
static int look_up_kept (struct claim *c, const struct job *job, int i)
{
    char name[24], key[128];

    snprintf (name, sizeof (name), "%d", i);
    return kept_key (key, sizeof (key), job->id, job->shells[i].rank) < 0
               ? -1
               : lookup (c, c->f, name, key);
}

static int start_lookups (struct claim *c, const struct job *job)
{
    char eventlog[128], log[128], critical[128];

    if (!(c->f = flux_future_wait_all_create ())
        || flux_job_kvs_key (eventlog, sizeof (eventlog), job->id, "eventlog") < 0
        || flux_job_kvs_guest_key (log, sizeof (log), job->id, "exec.eventlog") < 0
        || lookup (c, c->f, "eventlog", eventlog) < 0
        || kept_critical_key (critical, sizeof (critical), job->id) < 0
        || lookup (c, c->f, "log", log) < 0
        || lookup (c, c->f, "critical", critical) < 0)
        return -1;
    for (int i = 0; i < job->shell_count; i++) {
        if (look_up_kept (c, job, i) < 0)
            return -1;
    }
    flux_future_set_flux (c->f, c->ctx->h);
    return flux_future_then (c->f, -1., lookups_continuation, c);
}

void resume_job (struct ctx *ctx, struct job *job)
{
    struct claim *c = calloc (1, sizeof (*c));

    job->resuming = true;
    if (c) {
        c->ctx = ctx;
        c->id = job->id;
        c->deadline = job->away_until > 0
                          ? job->away_until
                          : clock_monotonic () + ctx->config.reattach_timeout;
    }
    if (!c || idmap_insert (ctx->resume.claims, job->id, c) < 0) {
        free (c);
        resume_lose (ctx, job, "exec", "the job cannot be found again: out of memory");
    } else if (start_lookups (c, job) < 0)
        resume_lose (ctx, job, "exec", "the job cannot be found again: out of memory");
    else
        ctx->resume.lookups++;
}

/* ---- shells have answered ---- */

void resume_give_up (struct ctx *ctx, struct job *job)
{
    const struct shell_ref *s = first_not_asked (job);
    struct claim *c = idmap_lookup (ctx->resume.claims, job->id);

    if (job->away) /* a store that fails would keep it as long */
        resume_lose (ctx, job, "node-failure", "a node is lost");
    else if (job->away_until > 0 && job->resuming && c && !c->f && s)
        lose_rank (ctx, job, s->rank);
}

/* The job has said that it can do without all that are not there. */
static bool can_do_without (const struct job *job, const struct claim *c)
{
    for (int i = 0; i < job->shell_count; i++) {
        if (job->shells[i].answer != JOB_HEARD && !job_spares (job, &job->shells[i]))
            return false;
    }
    return c->began && !c->ending;
}

/* They are lost: now, or as it was told before. */
static void spare_missing (struct ctx *ctx, struct job *job, const struct idset *gone)
{
    for (int i = 0; i < job->shell_count && !job->finished; i++) {
        struct shell_ref *s = &job->shells[i];
        char note[256];

        if (s->answer == JOB_HEARD || s->exited)
            continue;
        s->started = s->spared = true;
        snprintf (note, sizeof (note), "lost contact with job shell on %s (rank %u)",
                  flux_get_hostbyrank (ctx->h, s->rank), s->rank);
        if (idset_test (gone, s->rank))
            job_shell_exited (job, s, SIGKILL);
        else
            job_shell_lost (job, s, SIGKILL, "exec", note);
    }
}

/* All shells were found, but for those that the job spares. */
static void go_on (struct ctx *ctx, struct job *job, struct claim *c)
{
    bool ending = c->ending || job->killed;
    struct idset *gone = c->gone;

    c->gone = NULL;
    resume_end_claim (ctx, job);
    job->away_until = 0;
    if (job->shell_count > 1 && !job->finished)
        job_go_on (job);
    spare_missing (ctx, job, gone);
    idset_destroy (gone);
    job_send_signals (job);
    if (!ending || job->finished)
        return;
    job->exception = true;
    job->killed = false; /* who said so may not have been heard */
    kill_job (ctx, job, ctx->config.term_signal);
}

void resume_op (struct job *job, struct shell_ref *s, enum job_resumed what, void *arg)
{
    struct ctx *ctx = arg;
    struct claim *c = idmap_lookup (ctx->resume.claims, job->id);

    if (what == JOB_FOUND) {
        if (c->found++ == 0) {
            say_begin (job, c);
            found (ctx, job);
        }
        return;
    }
    if (s->answered && s->answer == JOB_HEARD) /* and lost since */
        c->heard--;
    s->answered = true;
    s->answer = what;
    if (what == JOB_HEARD)
        c->heard++;
    else
        c->missing++;
    c->unknown = c->unknown || what == JOB_UNKNOWN;
    if (c->heard + c->missing < job->shell_count)
        return;
    if (c->missing > 0 && !can_do_without (job, c))
        missing (ctx, job, c);
    else
        go_on (ctx, job, c);
}
