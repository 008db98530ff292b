/* job-exec: runs jobs for job-manager (RFC 32) on rank 0, and their shells on each rank. */
#include "ctx.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json/jsonout.h"
#include "base/json/jsontext.h"
#include "core/message/message.h"
#include "core/subprocess/io.h"
#include "modules/job-exec/servers/shells.h"

#define STATE_TIMEOUT 5. /* s, for the broker's answer */

struct ctx *job_ctx (struct job *job)
{
    return job->arg;
}

void exec_respond (struct ctx *ctx, struct job *job, const char *type, const char *data)
{
    struct buf b = BUF_INIT;

    if (!job->request)
        return;
    buf_printf (&b, "{\"id\":%llu,\"type\":\"%s\",\"data\":%s}",
                (unsigned long long)job->id, type, data);
    if (b.err || flux_respond (ctx->h, job->request, b.data) < 0)
        flux_log_error (ctx->h, "job %llu: error responding with %s",
                        (unsigned long long)job->id, type);
    buf_fini (&b);
}

static void arm_timer (struct ctx *ctx)
{
    double when;

    if (!timer_next (&ctx->timers, &when)) {
        flux_watcher_stop (ctx->timer_w);
        return;
    }
    double after = when - clock_monotonic ();
    flux_timer_watcher_reset (ctx->timer_w, after > 0 ? after : 0., 0.);
    flux_watcher_start (ctx->timer_w);
}

void exec_set_timer (struct ctx *ctx, struct timer *t, double after, timer_f cb,
                     void *arg)
{
    double before, now_next;
    bool had = timer_next (&ctx->timers, &before);

    if (timer_set (&ctx->timers, t, clock_monotonic () + after, cb, arg) < 0) {
        flux_log_error (ctx->h, "timer");
        return;
    }
    timer_next (&ctx->timers, &now_next);
    if (!had || now_next < before)
        arm_timer (ctx);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct ctx *ctx = arg;
    timer_run (&ctx->timers, clock_monotonic ());
    arm_timer (ctx);
}

static void prepare_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct ctx *ctx = arg;
    nodes_flush (ctx);
    commit_flush (ctx);
    resume_settle (ctx);
    agent_flush (ctx->agent);
}

void exec_count (struct ctx *ctx, struct job *job)
{
    ctx->job_count++;
    job->counted = true;
    if (!job->is_test)
        ctx->shell_count += job->shell_count;
}

static void forget (struct ctx *ctx, struct job *job)
{
    if (!job->is_test && job->counted)
        ctx->shell_count -= job->shell_count;
    timer_clear (&ctx->timers, &job->run_timer);
    timer_clear (&ctx->timers, &job->expire_timer);
    timer_clear (&ctx->timers, &job->barrier_timer);
    timer_clear (&ctx->timers, &job->kill_timer);
    idmap_remove (ctx->resume.claims, job->id);
    idmap_remove (ctx->jobs, job->id); /* frees it */
}

static void free_job (void *value)
{
    struct job *job = value;
    flux_msg_decref (job->request);
    job_destroy (job);
}

void exec_release (struct ctx *ctx, struct job *job)
{
    exec_respond (ctx, job, "release", "{\"ranks\":\"all\",\"final\":true}");
    nodes_forget (ctx, job);
    forget (ctx, job);
}

static void send_op (struct job *job, struct shell_ref *s, char type, const char *text,
                     size_t len, void *arg)
{
    node_send (arg, job, s, type, text, len);
}

static void dirty_op (struct job *job, void *arg)
{
    commit_mark (arg, job);
}

static void input_done_op (struct job *job, void *request, int errnum, void *arg)
{
    struct ctx *ctx = arg;
    const flux_msg_t *msg = request;
    int rc = errnum ? flux_respond_error (ctx->h, msg, errnum, "job is not running")
                    : flux_respond (ctx->h, msg, NULL);
    if (rc < 0)
        flux_log_error (ctx->h, "error responding to stdin");
    flux_msg_decref (msg);
}

static void barrier_op (struct job *job, bool complete, void *arg)
{
    struct ctx *ctx = arg;

    if (complete)
        timer_clear (&ctx->timers, &job->barrier_timer);
    else
        barrier_begin (ctx, job);
}

static void start_op (struct job *job, void *arg)
{
    struct ctx *ctx = arg;
    double left = limit_left (job, clock_monotonic ()), now;
    char data[48] = "{}";

    if (left < 0) /* the shells were asked, and this came before the answer */
        left = 1e-6;
    now = job->resuming /* it was started long ago */
              ? left
              : job_time_at_start (job, left, ctx->config.max_start_delay);
    if (now != left) {
        expire_begin_anew (ctx, job, now);
        snprintf (data, sizeof (data), "{\"time_left\":%.6f}", now);
    }
    exec_respond (ctx, job, "start", data);
}

static void exception_op (struct job *job, int severity, const char *type,
                          const char *note, void *arg)
{
    struct buf b = BUF_INIT;
    buf_printf (&b, "{\"severity\":%d,\"type\":", severity);
    json_add_string (&b, type, strlen (type));
    buf_adds (&b, ",\"note\":");
    json_add_string (&b, note, strlen (note));
    buf_addc (&b, '}');
    if (!b.err)
        exec_respond (arg, job, "exception", b.data);
    buf_fini (&b);
}

static void finish_op (struct job *job, void *arg)
{
    struct ctx *ctx = arg;
    char data[32];

    snprintf (data, sizeof (data), "{\"status\":%d}", job->status);
    exec_respond (ctx, job, "finish", data);
    timer_clear (&ctx->timers, &job->run_timer);
    timer_clear (&ctx->timers, &job->expire_timer);
    timer_clear (&ctx->timers, &job->barrier_timer);
    timer_clear (&ctx->timers, &job->kill_timer);
    commit_finished (ctx, job);
}

static void log_op (struct job *job, const char *text, void *arg)
{
    struct ctx *ctx = arg;
    char id[32];
    flux_job_id_encode (job->id, "f58", id, sizeof (id));
    flux_log (ctx->h, LOG_INFO, "%s: %s", id, text);
}

static const struct job_ops ops = {
    .send = send_op,
    .input_done = input_done_op,
    .dirty = dirty_op,
    .barrier = barrier_op,
    .start = start_op,
    .exception = exception_op,
    .finish = finish_op,
    .log = log_op,
    .resumed = resume_op,
    .limit_answer = expire_answer_op,
    .limit_passed = expire_passed_op,
};

/* The request is for a job that we know, or knew. The answers go to whoever asked last,
 * so that must be a job-manager, which would wait for them. */
static void reattach (struct ctx *ctx, struct job *job, const flux_msg_t *msg)
{
    if (!msg_is_from_module (msg)) {
        flux_respond_error (ctx->h, msg, EEXIST, "the job is job-manager's");
        return;
    }
    flux_msg_decref (job->request);
    job->request = (void *)flux_msg_incref (msg);
    if (!job->resuming)
        exec_respond (ctx, job, "reattached", "{}");
    if (job->finished) {
        char data[32];
        snprintf (data, sizeof (data), "{\"status\":%d}", job->status);
        exec_respond (ctx, job, "finish", data);
    }
}

static void respond_invalid (struct ctx *ctx, const flux_msg_t *msg, uint64_t id,
                             const char *text)
{
    struct job job = { .id = id, .request = (void *)msg };
    exception_op (&job, 0, "exec", text, ctx);
    exec_respond (ctx, &job, "start", "{}");
    exec_respond (ctx, &job, "finish", "{\"status\":256}");
    exec_respond (ctx, &job, "release", "{\"ranks\":\"all\",\"final\":true}");
}

static bool parse_head (const char *s, uint64_t *id, bool *again)
{
    struct span all, v;
    int64_t n;

    if (!s || jsontext_value (s, strlen (s), &all) < 0
        || jsontext_get (all, "id", &v) < 0 || !jsontext_int (v, &n))
        return false;
    *id = n;
    *again = false;
    if (jsontext_get (all, "reattach", &v) == 0)
        jsontext_bool (v, again);
    return true;
}

/* A share of the budget for each shell that runs. */
static size_t output_window (const struct ctx *ctx)
{
    size_t n = OUTPUT_BUDGET / ctx->shell_count;

    return n > OUTPUT_WINDOW_MAX   ? OUTPUT_WINDOW_MAX
           : n < OUTPUT_WINDOW_MIN ? OUTPUT_WINDOW_MIN
                                   : n;
}

void exec_begin (struct ctx *ctx, struct job *job, const char *payload)
{
    double left = job_time_left (job, clock_wall (), ctx->config.max_start_delay);

    exec_count (ctx, job);
    job_event (job, "init", NULL);
    job_event (job, "starting", NULL);
    if (job->is_test)
        testexec_start (ctx, job);
    else {
        job_set_window (job, output_window (ctx));
        nodes_start_job (ctx, job, payload, strlen (payload), left);
    }
    if (!job->finished)
        exec_set_limit (ctx, job, left);
}

/* Its tasks would run as this user. Nobody lets such a job in; should one be there, it ends
 * here. What is simulated runs nothing. */
static int check_user (struct ctx *ctx, const struct job *job, flux_error_t *error)
{
    if (!job->guest)
        return 0;
    if (job->is_test)
        return ctx->config.guests_test
                   ? 0
                   : error_fail (error, EPERM,
                                 "exec.test: jobs of others are not simulated "
                                 "(exec.testexec.allow-guests)");
    return ctx->config.imp
               ? 0
               : error_fail (error, EPERM,
                             "a job of uid %u cannot run in an instance of uid %u "
                             "without a setuid helper",
                             job->userid, getuid ());
}

static int choose_service (struct ctx *ctx, struct job *job, flux_error_t *error)
{
    struct span service = { job->service, strlen (job->service) };
    int unit =
        units_choose (&ctx->config.units, service.len > 0 ? &service : NULL, error);

    job->unit = unit > 0;
    return unit < 0 ? -1 : 0;
}

static void start_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    const char *s;
    uint64_t id;
    bool again;
    struct job *job;
    flux_error_t error;

    if (flux_request_decode (msg, NULL, &s) < 0 || !parse_head (s, &id, &again)) {
        flux_log (h, LOG_ERR, "malformed start request");
        flux_respond_error (h, msg, EPROTO, "malformed start request");
        return;
    }
    if ((job = idmap_lookup (ctx->jobs, id))) {
        reattach (ctx, job, msg);
        return;
    }
    if (again && ctx->resume.token && ctx->resume.recovery)
        return; /* who comes after the recovery is asked anew */
    if (again && !ctx->resume.token) {
        respond_invalid (ctx, msg, id, "lost contact with job shells");
        return;
    }
    if (!(job = job_create (s, strlen (s), &error))) {
        respond_invalid (ctx, msg, id, error.text);
        return;
    }
    job->guest = job->userid != getuid ();
    if (check_user (ctx, job, &error) < 0 || choose_service (ctx, job, &error) < 0) {
        free_job (job);
        respond_invalid (ctx, msg, id, error.text);
        return;
    }
    job->request = (void *)flux_msg_incref (msg);
    job->ops = &ops;
    job->arg = ctx;
    if (idmap_insert (ctx->jobs, id, job) < 0) {
        free_job (job);
        respond_invalid (ctx, msg, id, "out of memory");
        return;
    }
    if (again)
        resume_job (ctx, job);
    else
        exec_begin (ctx, job, s);
}

static void kill_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    json_int_t id;
    int signum;
    struct job *job;
    char text[16];
    const char *errstr = NULL;

    if (flux_request_unpack (msg, NULL, "{s:I s:i}", "id", &id, "signum", &signum) < 0)
        goto error;
    if (signum < 1 || signum > SIGRTMAX) {
        errno = EINVAL;
        errstr = "invalid signal number";
        goto error;
    }
    if (!(job = idmap_lookup (ctx->jobs, id)) || job->finished) {
        errno = ENOENT;
        errstr = "job is not running";
        goto error;
    }
    snprintf (text, sizeof (text), "%d", signum);
    if (job->is_test)
        testexec_kill (ctx, job, signum);
    else if (job->away_until > 0 && signum <= SIGNAL_MAX)
        job->signals |= SIGNAL_BIT (signum); /* for all of it, when it is there */
    else
        job_send_all (job, 'k', text);
    flux_respond (h, msg, NULL);
    return;
error:
    flux_respond_error (h, msg, errno, errstr);
}

static void stdin_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    const char *s;
    struct span all, v, io;
    int64_t id;
    struct job *job;
    const char *errstr = NULL;

    if (flux_request_decode (msg, NULL, &s) < 0 || !s)
        goto error;
    errno = EPROTO;
    if (jsontext_value (s, strlen (s), &all) < 0 || jsontext_get (all, "id", &v) < 0
        || !jsontext_int (v, &id) || jsontext_get (all, "io", &io) < 0)
        goto error;
    job = idmap_lookup (ctx->jobs, id);
    if (flux_msg_authorize (msg, job ? job->userid : FLUX_USERID_UNKNOWN) < 0)
        goto error;
    if (!job || job->finished) {
        errno = ENOENT;
        errstr = "job is not running";
        goto error;
    }
    if (job->is_test) {
        errno = EINVAL;
        errstr = "a simulated job has no input";
        goto error;
    }
    flux_msg_incref (msg);
    if (job_input (job, (void *)msg, io.s, io.len) < 0) {
        flux_msg_decref (msg);
        errstr = errno == EAGAIN ? "too much input waits for the tasks" : NULL;
        goto error;
    }
    return;
error:
    flux_respond_error (h, msg, errno, errstr);
}

static void expiration_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct ctx *ctx = arg;
    json_int_t id;
    double expiration;
    struct job *job;
    char text[64];

    if (flux_request_unpack (msg, NULL, "{s:I s:F}", "id", &id, "expiration",
                             &expiration)
        < 0)
        goto error;
    if (!(job = idmap_lookup (ctx->jobs, id)) || job->finished) {
        errno = ENOENT;
        goto error;
    }
    double left = job_change_expiration (
        job, expiration, limit_left (job, clock_monotonic ()), clock_wall ());
    exec_set_limit (ctx, job, left);
    snprintf (text, sizeof (text), "%.6f %.6f", expiration, left);
    job_send_all (job, 'x', text);
    flux_respond (h, msg, NULL);
    return;
error:
    flux_respond_error (h, msg, errno, NULL);
}

/* The instance that is this job says which of its shells it can do without. */
static void critical_ranks_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct ctx *ctx = arg;
    json_int_t id;
    const char *ranks, *errstr = NULL;
    struct job *job;

    if (flux_request_unpack (msg, NULL, "{s:I s:s}", "id", &id, "ranks", &ranks) < 0)
        goto error;
    if (!(job = idmap_lookup (ctx->jobs, id)) || job->finished) {
        errno = ENOENT;
        errstr = "job is not running";
        goto error;
    }
    if (job_set_critical (job, ranks) < 0) {
        errstr = "ranks: not a set of the job's shells";
        goto error;
    }
    if (!ctx->resume.token)
        flux_respond (h, msg, NULL);
    else if (commit_critical (ctx, job, ranks, msg) < 0)
        goto error;
    return;
error:
    flux_respond_error (h, msg, errno, errstr);
}

static void exception_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    struct ctx *ctx = arg;
    json_int_t id;
    int severity;
    const char *type;
    struct job *job;

    if (flux_event_unpack (msg, NULL, "{s:I s:s s:i}", "id", &id, "type", &type,
                           "severity", &severity)
        < 0) {
        flux_log_error (h, "malformed job-exception event");
        return;
    }
    if (severity != 0 || !(job = idmap_lookup (ctx->jobs, id)))
        return;
    job->exception = true;
    resume_give_up (ctx, job);
    bool limit = !strcmp (type, "timeout") || !strcmp (type, "timelimit");
    kill_job (ctx, job, limit ? SIGALRM : ctx->config.term_signal);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    json_t *o = agent_stats (ctx->agent), *config = config_encode (&ctx->config);

    if (!o || !config
        || flux_respond_pack (h, msg, "{s:O s:I s:I s:I s:I s:I s:O}", "config", config,
                              "jobs_active", (json_int_t)idmap_count (ctx->jobs),
                              "jobs_started", (json_int_t)ctx->job_count, "commits",
                              (json_int_t)ctx->commit_count, "output_bytes",
                              (json_int_t)ctx->output_bytes, "nodes",
                              (json_int_t)idmap_count (ctx->nodes), "agent", o)
               < 0)
        flux_log_error (h, "error responding to stats-get");
    json_decref (config);
    json_decref (o);
}

/* Its jobs say so, too, but that is late. */
static void look_for_imp (struct ctx *ctx)
{
    const char *imp = ctx->config.imp;

    if (imp && access (imp, X_OK) < 0)
        flux_log (ctx->h, LOG_ERR, "exec.imp: %s: %s: jobs of other users will fail",
                  imp, strerror (errno));
}

/* The shell of this instance stays what it is. */
static void config_reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                              void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    const flux_conf_t *conf;
    struct config c;

    if (flux_conf_reload_decode (msg, &conf) < 0
        || config_read (&c, conf, ctx->argc, ctx->argv, &error) < 0) {
        flux_respond_error (h, msg, errno, error.text[0] ? error.text : NULL);
        return;
    }
    free (c.shell);
    free (ctx->config.imp);
    c.shell = ctx->config.shell;
    ctx->config = c;
    look_for_imp (ctx);
    (void)flux_set_conf_new (h, flux_conf_incref (conf));
    flux_respond (h, msg, NULL);
}

static const struct flux_msg_handler_spec handler_tab[] = {
    { FLUX_MSGTYPE_REQUEST, "config-reload", config_reload_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "start", start_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kill", kill_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "stdin", stdin_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "expiration", expiration_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "critical-ranks", critical_ranks_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "stats-get", stats_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

static const struct flux_msg_handler_spec event_tab[] = {
    { FLUX_MSGTYPE_EVENT, "job-exception", exception_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

static int configure (struct ctx *ctx, int argc, char *argv[])
{
    struct config *c = &ctx->config;
    flux_error_t error;
    const char *shell;

    ctx->argc = argc;
    ctx->argv = argv;
    if (config_read (c, flux_get_conf (ctx->h), argc, argv, &error) < 0) {
        flux_log (ctx->h, LOG_ERR, "%s", error.text);
        return -1;
    }
    look_for_imp (ctx);
    if (c->shell)
        return 0;
    shell = flux_conf_builtin_get ("shell_path", FLUX_CONF_AUTO);
    if (!shell || !(c->shell = strdup (shell))) {
        flux_log (ctx->h, LOG_ERR, "path of flux-shell is unknown");
        errno = ENOENT;
        return -1;
    }
    return 0;
}

static int collect_facts (struct ctx *ctx)
{
    const char *path = flux_attr_get (ctx->h, "jobid-path");
    const char *level = flux_attr_get (ctx->h, "instance-level");
    struct buf b = BUF_INIT;

    if (!path)
        path = "/";
    buf_adds (&b, "\"jobid_path\":");
    json_add_string (&b, path, strlen (path));
    buf_printf (&b, ",\"instance_level\":%d", level ? atoi (level) : 0);
    ctx->facts = buf_take (&b, NULL);
    return ctx->facts ? 0 : -1;
}

static int say_hello (struct ctx *ctx)
{
    flux_future_t *f = flux_rpc_pack (
        ctx->h, "job-manager.exec-hello", FLUX_NODEID_ANY, 0, "{s:s s:b s:b}",
        "service", "job-exec", "reattaches", ctx->resume.token != NULL, "limits", true);
    int rc = f ? flux_rpc_get (f, NULL) : -1;
    if (rc < 0)
        flux_log (ctx->h, LOG_ERR, "job-manager.exec-hello: %s",
                  f ? flux_future_error_string (f) : strerror (errno));
    flux_future_destroy (f);
    return rc;
}

static int init (struct ctx *ctx, int argc, char *argv[])
{
    flux_reactor_t *r = flux_get_reactor (ctx->h);
    ctx->heal = agent_heal_time (ctx->h);
    list_init (&ctx->dirty_nodes);
    list_init (&ctx->dead_nodes);
    list_init (&ctx->dirty_jobs);
    commits_init (ctx);
    if (!(ctx->jobs = idmap_create (free_job)) || !(ctx->nodes = idmap_create (NULL))
        || configure (ctx, argc, argv) < 0 || collect_facts (ctx) < 0
        || site_init (&ctx->site, ctx->h) < 0 || resume_init (ctx) < 0)
        return -1;
    struct shells_keep keep = { ctx->resume.token, ctx->config.reattach_timeout };
    if (!(ctx->agent =
              agent_create (ctx->h, ctx->config.shell, ctx->resume.token ? &keep : NULL,
                            nodes_local_frame, ctx)))
        return -1;
    ctx->timer_w = flux_timer_watcher_create (r, 0., 0., timer_cb, ctx);
    ctx->prepare_w = flux_prepare_watcher_create (r, prepare_cb, ctx);
    if (!ctx->timer_w || !ctx->prepare_w)
        return -1;
    flux_watcher_start (ctx->prepare_w);
    if (flux_msg_handler_addvec_ex (ctx->h, "job-exec", handler_tab, ctx,
                                    &ctx->handlers)
            < 0
        || flux_msg_handler_addvec (ctx->h, event_tab, ctx, &ctx->event_handlers) < 0
        || flux_event_subscribe (ctx->h, "job-exception") < 0)
        return -1;
    return say_hello (ctx) < 0 || resume_begin (ctx) < 0 ? -1 : 0;
}

/* No: the broker is about to end. Who cannot tell ends, too. */
static bool instance_goes_on (flux_t *h)
{
    static const char *const states[] = { "init", "quorum", "run", "cleanup" };
    flux_future_t *f = flux_rpc (h, "state-machine.get", NULL, FLUX_NODEID_ANY, 0);
    const char *state;
    bool goes_on = false;

    if (f && flux_future_wait_for (f, STATE_TIMEOUT) == 0
        && flux_rpc_get_unpack (f, "{s:s}", "state", &state) == 0) {
        for (size_t i = 0; i < sizeof (states) / sizeof (states[0]); i++)
            goes_on = goes_on || strcmp (state, states[i]) == 0;
    }
    flux_future_destroy (f);
    return goes_on;
}

/* Where jobs outlive brokers, they outlive this module, too. */
static void fini (struct ctx *ctx)
{
    bool abandon = ctx->resume.token && instance_goes_on (ctx->h);

    if (!abandon)
        nodes_end (ctx);
    nodes_flush (ctx);
    resume_fini (ctx);
    commits_destroy (ctx);
    nodes_destroy (ctx);
    agent_destroy (ctx->agent, abandon);
    flux_msg_handler_delvec (ctx->handlers);
    flux_msg_handler_delvec (ctx->event_handlers);
    flux_watcher_destroy (ctx->timer_w);
    flux_watcher_destroy (ctx->prepare_w);
    idmap_destroy (ctx->jobs);
    timer_heap_fini (&ctx->timers);
    config_fini (&ctx->config);
    free (ctx->facts);
    site_fini (&ctx->site);
}

static void agent_stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                            void *arg)
{
    json_t *o = agent_stats (arg);

    if (!o || flux_respond_pack (h, msg, "{s:o}", "agent", o) < 0)
        flux_log_error (h, "error responding to stats-get");
}

/* Rank 0 does not ask for what is left on others where it finds nothing again. */
static int end_unwanted (flux_t *h, int argc, char *argv[])
{
    struct config c;
    flux_error_t error;

    if (config_read (&c, flux_get_conf (h), argc, argv, &error) < 0) {
        flux_log (h, LOG_ERR, "%s", error.text);
        return -1;
    }
    if (c.reattach_timeout <= 0)
        shells_end_earlier (h);
    config_fini (&c);
    return 0;
}

/* On the other ranks. */
static int run_agent (flux_t *h, int argc, char *argv[])
{
    static const struct flux_msg_handler_spec tab[] = {
        { FLUX_MSGTYPE_REQUEST, "stats-get", agent_stats_cb, 0 },
        FLUX_MSGHANDLER_TABLE_END,
    };
    flux_msg_handler_t **handlers = NULL;
    struct agent *a;
    int rc = -1;

    if (end_unwanted (h, argc, argv) < 0)
        return -1;
    a = agent_create (h, NULL, NULL, NULL, NULL);

    if (a && flux_msg_handler_addvec_ex (h, "job-exec", tab, a, &handlers) == 0
        && flux_reactor_run (flux_get_reactor (h), 0) >= 0)
        rc = 0;
    flux_msg_handler_delvec (handlers);
    agent_destroy (a, agent_keeps (a) && instance_goes_on (h));
    return rc;
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct ctx ctx = { .h = h };
    uint32_t rank;
    int rc = -1;

    if (flux_get_rank (h, &rank) < 0)
        return -1;
    if (rank > 0)
        return run_agent (h, argc, argv);
    if (init (&ctx, argc, argv) == 0 && flux_reactor_run (flux_get_reactor (h), 0) >= 0)
        rc = 0;
    fini (&ctx);
    return rc;
}
