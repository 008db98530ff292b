/* job-manager: the life of all jobs.
 *
 * Each reactor turn ends in turn_cb: jobs are offered to the scheduler, and one
 * KVS commit takes the events of all jobs. While a commit is on its way, events of
 * further turns collect for the next. When it is acknowledged, readers of the
 * journal get its events in one message, and the requests that caused them their
 * answers.
 * Failures: while the store below the KVS fails (kvs.health), the core is paused;
 * a commit under way is held by the KVS. A commit that is refused is made again,
 * as part of the next, when the store is well. Without a KVS the module stops, and
 * with it the instance; what was committed before is found on restart. */
#include "housekeeping.h"
#include "modules/job-manager/jobtap/jobtap.h"

#include "core/handle/module.h"
#include "core/kvs/kvs_health.h"
#include "core/kvs/storage.h"
#include "core/kvs/txn.h"

#define WAITERS_MAX 1024
#define RETRY_AFTER 1. /* s */
/* After a commit of this many jobs the next one waits so long, in seconds: the busier, the
 * fewer commits for each job. A job that is alone never waits. */
#define BUSY 16
#define HOLD 0.005
#define RESERVE (10000ull << 24) /* ids of 10 s */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* --- answers --- */

void ctx_answer (struct ctx *ctx, const flux_msg_t *msg, char *take_payload)
{
    struct answer *a = calloc (1, sizeof (*a));

    if (!a) {
        free (take_payload);
        flux_respond_error (ctx->h, msg, ENOMEM, NULL);
        return;
    }
    a->msg = flux_msg_incref (msg);
    a->payload = take_payload;
    list_append (&ctx->answers, &a->link);
}

static void send_answers (struct ctx *ctx, struct list *answers)
{
    struct list *l;

    while ((l = list_pop (answers))) {
        struct answer *a = container_of (l, struct answer, link);
        flux_respond (ctx->h, a->msg, a->payload);
        flux_msg_decref (a->msg);
        free (a->payload);
        free (a);
    }
}

bool ctx_allowed (struct ctx *ctx, const flux_msg_t *msg, uint32_t userid)
{
    if (flux_msg_authorize (msg, userid) == 0)
        return true;
    flux_respond_error (ctx->h, msg, errno, "only the owner of the job may do that");
    return false;
}

void ctx_respond_text (struct ctx *ctx, const flux_msg_t *msg, flux_error_t *error)
{
    flux_respond_error (ctx->h, msg, errno, error->text[0] ? error->text : NULL);
}

bool ctx_storing (struct ctx *ctx, const flux_msg_t *msg)
{
    flux_error_t error;

    if (flux_msg_is_noresponse (msg) || manager_check_paused (ctx->m, &error) == 0)
        return true;
    flux_respond_error (ctx->h, msg, errno, error.text);
    return false;
}

bool ctx_room (struct ctx *ctx, struct flux_msglist *l, const flux_msg_t *msg)
{
    if (flux_msglist_count (l) < WAITERS_MAX)
        return true;
    flux_respond_error (ctx->h, msg, EAGAIN, "too many requests wait for the same");
    return false;
}

/* --- commits --- */

static void stop (struct ctx *ctx, const char *why)
{
    flux_log (ctx->h, LOG_CRIT, "job events cannot be committed: %s", why);
    flux_reactor_stop_error (flux_get_reactor (ctx->h));
}

static void retry_later (struct ctx *ctx)
{
    flux_timer_watcher_reset (ctx->retry, RETRY_AFTER, 0.);
    flux_watcher_start (ctx->retry);
}

/* Could the same commit be accepted later? A KVS that is not there may be loaded
 * again. */
static bool is_transient (int errnum)
{
    return errnum != EPERM && errnum != EPROTO && errnum != EINVAL
           && errnum != EHOSTUNREACH;
}

static void commit_refused (struct ctx *ctx, flux_future_t *f)
{
    int errnum = errno;

    if (!is_transient (errnum)) {
        errno = errnum;
        stop (ctx, flux_future_error_string (f));
        return;
    }
    flux_log (ctx->h, LOG_ERR,
              "job events are refused by the KVS, which is asked again: %s",
              flux_future_error_string (f));
    manager_commit_failed (ctx->m);
    ctx->refused = true;
    ctx->saved_jobid = 0;
    if (!ctx->m->paused) {
        manager_pause (ctx->m, errnum, flux_future_error_string (f));
        retry_later (ctx);
    }
}

static void commit_continuation (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    ctx->f_commit = NULL;
    if (flux_future_get (f, NULL) < 0) {
        commit_refused (ctx, f);
    } else {
        manager_committed (ctx->m);
        journal_publish (ctx);
        send_answers (ctx, &ctx->answers_sent);
    }
    flux_future_destroy (f);
    journal_committed (ctx);
    if (ctx->ncommit >= BUSY) {
        flux_timer_watcher_reset (ctx->hold, HOLD, 0.);
        flux_watcher_start (ctx->hold);
    }
}

void commit_catch_up (struct ctx *ctx)
{
    if (ctx->f_commit && flux_future_is_ready (ctx->f_commit))
        commit_continuation (ctx->f_commit, ctx);
}

/* Ordered commits that were refused are forgiven, then comes the next one. */
static void resume (struct ctx *ctx)
{
    flux_watcher_stop (ctx->retry);
    if (ctx->refused) {
        flux_future_t *f = kvs_order_reset (ctx->h);
        if (!f)
            flux_log_error (ctx->h, "kvs.order-reset");
        flux_future_destroy (f); /* it comes before the next commit, by order */
        ctx->refused = false;
    }
    manager_resume (ctx->m);
}

static int watch_health (struct ctx *ctx);

static void retry_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct ctx *ctx = arg;

    if (ctx->f_health)
        resume (ctx);
    else if (watch_health (ctx) < 0)
        stop (ctx, strerror (errno));
}

/* The module has ended: it may be loaded again, and then says how it is. */
static void health_ended (struct ctx *ctx, flux_future_t *f)
{
    flux_log (ctx->h, LOG_DEBUG, "the KVS has ended");
    if (!ctx->m->paused)
        manager_pause (ctx->m, ENOSYS, "the KVS is not loaded");
    retry_later (ctx);
    ctx->f_health = NULL;
    flux_future_destroy (f);
}

static void health_continuation (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;
    const char *text;
    int errnum;

    if (kvs_health_get (f, &errnum, &text) < 0) {
        if (errno == ENOSYS)
            health_ended (ctx, f);
        else
            stop (ctx, flux_future_error_string (f));
        return;
    }
    if (errnum) {
        char reason[256];
        snprintf (reason, sizeof (reason), "the KVS cannot store: %s",
                  text && *text ? text : strerror (errnum));
        flux_log (ctx->h, LOG_ERR, "paused: %s", reason);
        flux_watcher_stop (ctx->retry);
        manager_pause (ctx->m, errnum, reason);
    } else if (ctx->m->paused) {
        flux_log (ctx->h, LOG_INFO, "the KVS stores again: jobs go on");
        resume (ctx);
    }
    flux_future_reset (f);
}

static int watch_health (struct ctx *ctx)
{
    if (!(ctx->f_health = kvs_health_watch (ctx->h)))
        return -1;
    return flux_future_then (ctx->f_health, -1., health_continuation, ctx);
}

static void move_answers (struct ctx *ctx)
{
    struct list *l;

    while ((l = list_pop (&ctx->answers)))
        list_append (&ctx->answers_sent, l);
}

/* With the events of a submission goes a bound of all ids, some seconds ahead, so
 * that few commits have to: none comes twice, not even when the jobs are purged. */
static int checkpoint_jobid (struct ctx *ctx, flux_kvs_txn_t *txn)
{
    char buf[32];

    if (ctx->m->max_jobid <= ctx->saved_jobid)
        return 0;
    flux_jobid_t bound = ctx->m->max_jobid + RESERVE;
    int n = snprintf (buf, sizeof (buf), "%llu", (unsigned long long)bound);
    if (flux_kvs_txn_put_raw (txn, 0, MAX_JOBID_KEY, buf, n) < 0)
        return -1;
    ctx->saved_jobid = bound;
    return 0;
}

/* However long a value is: a piece of it is no more than a blob. */
static int put (struct ctx *ctx, flux_kvs_txn_t *txn, flux_jobid_t id, const char *name,
                int flags, struct span s)
{
    char key[64];

    if (flux_job_kvs_key (key, sizeof (key), id, name) < 0)
        return -1;
    do {
        size_t n = s.len < ctx->blob_max ? s.len : ctx->blob_max;

        if (flux_kvs_txn_put_raw (txn, flags, key, s.s, n) < 0)
            return -1;
        s.s += n;
        s.len -= n;
        flags |= FLUX_KVS_APPEND;
    } while (s.len > 0);
    return 0;
}

static void commit (struct ctx *ctx)
{
    flux_kvs_txn_t *txn;
    const struct job *job;
    struct span entries, R;

    ctx->ncommit = 0;
    if (!(txn = flux_kvs_txn_create ()) || checkpoint_jobid (ctx, txn) < 0)
        goto error;
    while ((job = manager_next_commit (ctx->m, &entries, &R))) {
        int flags = FLUX_KVS_APPEND;
        ctx->ncommit++;
        if (job->state == FLUX_JOB_STATE_INACTIVE)
            flags |= KVS_TXN_COLD;
        if ((R.len > 0 && put (ctx, txn, job->id, "R", 0, R) < 0)
            || put (ctx, txn, job->id, "eventlog", flags, entries) < 0)
            goto error;
    }
    move_answers (ctx);
    journal_commit (ctx);
    if (!(ctx->f_commit = flux_kvs_commit (ctx->h, NULL, KVS_TXN_ORDERED, txn))
        || flux_future_then (ctx->f_commit, -1., commit_continuation, ctx) < 0)
        goto error;
    flux_kvs_txn_destroy (txn);
    return;
error:
    flux_log_error (ctx->h, "job events cannot be committed");
    flux_kvs_txn_destroy (txn);
    flux_reactor_stop_error (flux_get_reactor (ctx->h));
}

static void set_timer (struct ctx *ctx)
{
    double after = manager_next_due (ctx->m), purge = purge_next_due (ctx);

    if (purge >= 0 && (after < 0 || purge < after))
        after = purge;
    flux_watcher_stop (ctx->timer);
    if (after >= 0) {
        flux_timer_watcher_reset (ctx->timer, after, 0);
        flux_watcher_start (ctx->timer);
    }
}

static void turn_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct ctx *ctx = arg;

    manager_turn (ctx->m);
    sched_turn (ctx);
    purge_turn (ctx);
    if (!ctx->f_commit && !ctx->refused && !flux_watcher_is_active (ctx->hold)) {
        if (journal_seal (&ctx->m->journal, &ctx->m->sent) < 0) {
            stop (ctx, "out of memory");
            return;
        }
        if (!list_empty (&ctx->m->dirty)) {
            commit (ctx);
        } else {
            journal_publish (ctx);
            send_answers (ctx, &ctx->answers);
        }
    }
    queue_turn (ctx);
    set_timer (ctx);
}

/* The turn does the work. */
static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
}

/* --- requests of other modules --- */

/* The environments of a submit request, as the core wants them. */
struct envs {
    struct buf text;
    struct {
        size_t offset, len;
    } * items;
    size_t count;
};

static void envs_fini (struct envs *e)
{
    buf_fini (&e->text);
    free (e->items);
}

static int envs_init (struct envs *e, struct span array)
{
    struct span v;
    size_t pos = 0, n = 0;

    *e = (struct envs){ .text = BUF_INIT };
    while (jsontext_next (array, &pos, NULL, &v))
        n++;
    if (!(e->items = calloc (n + 1, sizeof (*e->items))))
        return -1;
    for (pos = 0; jsontext_next (array, &pos, NULL, &v); e->count++) {
        e->items[e->count].offset = e->text.len;
        buf_adds (&e->text, "\"environment\":");
        buf_add (&e->text, v.s, v.len);
        buf_addc (&e->text, ',');
        e->items[e->count].len = e->text.len - e->items[e->count].offset;
    }
    return e->text.err ? -1 : 0;
}

static int submission_decode (struct span o, const struct envs *envs,
                              struct submission *s)
{
    struct span v;
    int64_t id, userid, urgency, flags, env;

    *s = (struct submission){ 0 };
    if (jsontext_get (o, "id", &v) < 0 || !jsontext_int (v, &id)
        || jsontext_get (o, "userid", &v) < 0 || !jsontext_int (v, &userid)
        || jsontext_get (o, "urgency", &v) < 0 || !jsontext_int (v, &urgency)
        || jsontext_get (o, "flags", &v) < 0 || !jsontext_int (v, &flags)
        || jsontext_get (o, "jobspec", &s->jobspec) < 0)
        return -1;
    if (jsontext_get (o, "t_submit", &v) == 0)
        jsontext_number (v, &s->t_submit);
    if (jsontext_get (o, "env", &v) == 0 && jsontext_int (v, &env) && env >= 0
        && (size_t)env < envs->count)
        s->env = (struct span){ envs->text.data + envs->items[env].offset,
                                envs->items[env].len };
    s->id = id;
    s->userid = userid;
    s->urgency = urgency;
    s->flags = flags;
    return 0;
}

/* As job-ingest does: nobody else's job gets in on another way. */
static int check_user (struct ctx *ctx, const struct submission *s, flux_error_t *error)
{
    if (s->userid == ctx->owner || ctx->m->guests)
        return 0;
    snprintf (error->text, sizeof (error->text),
              "a job of uid %u cannot run in an instance of uid %u", s->userid,
              ctx->owner);
    errno = EPERM;
    return -1;
}

static void submit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    const char *payload;
    struct span whole, jobs, env_array = { "[]", 2 }, o;
    struct envs envs;
    size_t pos = 0;
    json_t *errors = NULL;
    char *answer = NULL;

    if (flux_request_decode (msg, NULL, &payload) < 0 || !payload
        || jsontext_value (payload, strlen (payload), &whole) < 0
        || jsontext_get (whole, "jobs", &jobs) < 0) {
        flux_respond_error (h, msg, EPROTO, "job-manager.submit: malformed request");
        return;
    }
    jsontext_get (whole, "envs", &env_array);
    if (envs_init (&envs, env_array) < 0) {
        envs_fini (&envs);
        flux_respond_error (h, msg, ENOMEM, NULL);
        return;
    }
    while (jsontext_next (jobs, &pos, NULL, &o)) {
        struct submission s;
        flux_error_t error = { "" };
        if (submission_decode (o, &envs, &s) < 0) {
            flux_log (h, LOG_ERR, "submit: malformed job: %.80s", o.s);
            continue;
        }
        if (check_user (ctx, &s, &error) == 0
            && manager_submit (ctx->m, &s, &error) == 0)
            continue;
        if (!errors)
            errors = json_array ();
        json_array_append_new (
            errors, json_pack ("{s:I s:i s:s}", "id", (json_int_t)s.id, "errnum", errno,
                               "text", error.text[0] ? error.text : strerror (errno)));
    }
    if (errors) {
        json_t *a = json_pack ("{s:o}", "errors", errors);
        answer = json_dumps (a, JSON_COMPACT);
        json_decref (a);
    }
    envs_fini (&envs);
    ctx_answer (ctx, msg, answer ? answer : strdup ("{}"));
}

static void getinfo_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct ctx *ctx = arg;

    flux_respond_pack (h, msg, "{s:I s:f}", "max_jobid", (json_int_t)ctx->m->max_jobid,
                       "epoch", ctx->epoch);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    struct manager *m = ctx->m;

    flux_respond_pack (
        h, msg, "{s:{s:i s:I} s:i s:i s:I s:o s:{s:I s:I}}", "journal", "listeners",
        flux_msglist_count (ctx->readers), "messages", (json_int_t)ctx->njournal,
        "active_jobs", (int)idmap_count (m->jobs), "inactive_jobs",
        (int)history_count (m->history), "max_jobid", (json_int_t)m->max_jobid,
        "housekeeping", housekeeping_stats (ctx->housekeeping), "events", "posted",
        (json_int_t)m->nevents, "commits", (json_int_t)m->ncommits);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct ctx *ctx = arg;

    sched_disconnect (ctx, msg);
    exec_disconnect (ctx, msg);
    journal_disconnect (ctx, msg);
    job_disconnect (ctx, msg);
    flux_msglist_disconnect (ctx->drains, msg);
    flux_msglist_disconnect (ctx->idles, msg);
}

static int configure (struct ctx *ctx, const flux_conf_t *conf, flux_error_t *error)
{
    const char *imp = NULL;
    int simulate = 0;

    if (conf
        && flux_conf_unpack (conf, error, "{s?{s?s s?{s?b}}}", "exec", "imp", &imp,
                             "testexec", "allow-guests", &simulate)
               < 0)
        return -1;
    /* who starts their shells; job-exec takes no others than are simulated, then */
    ctx->m->guests = imp != NULL || simulate;
    return queue_configure (ctx, conf, error) < 0
                   || purge_configure (ctx, conf, error) < 0
                   || housekeeping_configure (ctx->housekeeping, conf, error) < 0
                   || jobtap_configure (ctx->jobtap, conf, error) < 0
               ? -1
               : 0;
}

static void config_reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                              void *arg)
{
    struct ctx *ctx = arg;
    flux_conf_t *conf;
    flux_error_t error = { "" };

    if (flux_module_config_request_decode (msg, &conf) < 0
        || configure (ctx, conf, &error) < 0 || flux_set_conf_new (h, conf) < 0)
        ctx_respond_text (ctx, msg, &error);
    else
        flux_respond (h, msg, NULL);
}

static const struct flux_msg_handler_spec main_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.submit", submit_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.getinfo", getinfo_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.stats-get", stats_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.disconnect", disconnect_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.config-reload", config_reload_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

/* --- life --- */

static double now_op (void *arg)
{
    return flux_reactor_time ();
}

static double mono_op (void *arg)
{
    struct timespec ts;

    clock_gettime (CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static const struct manager_ops ops = {
    .now = now_op,
    .mono = mono_op,
    .sched_alloc = sched_alloc_op,
    .sched_cancel = sched_cancel_op,
    .sched_prioritize = sched_prioritize_op,
    .sched_free = sched_free_op,
    .sched_unused = sched_unused_op,
    .sched_silent = sched_silent_op,
    .exec_start = exec_start_op,
    .exception = exec_exception_op,
    .hook = jobtap_hook,
    .keep = housekeeping_keep_op,
};

static const struct flux_msg_handler_spec *const handler_tables[] = {
    main_handlers,    sched_handlers,  exec_handlers,
    journal_handlers, job_handlers,    queue_handlers,
    purge_handlers,   jobtap_handlers, housekeeping_handlers,
};
#define NTABLES (sizeof (handler_tables) / sizeof (handler_tables[0]))

static void ctx_fini (struct ctx *ctx)
{
    flux_watcher_destroy (ctx->prepare);
    flux_watcher_destroy (ctx->timer);
    flux_watcher_destroy (ctx->retry);
    flux_watcher_destroy (ctx->hold);
    flux_watcher_destroy (ctx->quiet);
    flux_watcher_destroy (ctx->exec_timer);
    flux_future_destroy (ctx->f_commit);
    flux_future_destroy (ctx->f_health);
    send_answers (ctx, &ctx->answers_sent);
    send_answers (ctx, &ctx->answers);
    flux_msg_decref (ctx->sched);
    flux_msg_decref (ctx->exec);
    free (ctx->exec_topic);
    free (ctx->exec_kill_topic);
    json_decref (ctx->prioritize);
    flux_msglist_destroy (ctx->readers);
    flux_msglist_destroy (ctx->drains);
    flux_msglist_destroy (ctx->idles);
    buf_fini (&ctx->scratch);
    jobtap_destroy (ctx->jobtap);
    housekeeping_destroy (ctx->housekeeping);
    manager_destroy (ctx->m);
}

static int ctx_init (struct ctx *ctx, flux_t *h)
{
    flux_reactor_t *r = flux_get_reactor (h);

    *ctx = (struct ctx){
        .h = h,
        .owner = getuid (),
        .inactive_age_limit = -1,
        .inactive_num_limit = -1,
    };
    list_init (&ctx->answers);
    list_init (&ctx->answers_sent);
    buf_init (&ctx->scratch);
    if (!(ctx->m = manager_create (&ops, ctx, wait_answer))
        || !(ctx->jobtap = jobtap_create (ctx))
        || !(ctx->housekeeping = housekeeping_create (ctx))
        || !(ctx->readers = flux_msglist_create ())
        || !(ctx->drains = flux_msglist_create ())
        || !(ctx->idles = flux_msglist_create ())
        || !(ctx->prepare = flux_prepare_watcher_create (r, turn_cb, ctx))
        || !(ctx->timer = flux_timer_watcher_create (r, 0., 0., timer_cb, ctx))
        || !(ctx->exec_timer = flux_timer_watcher_create (r, 0., 0., exec_timeout, ctx))
        || !(ctx->retry = flux_timer_watcher_create (r, 0., 0., retry_cb, ctx))
        || !(ctx->hold = flux_timer_watcher_create (r, 0., 0., timer_cb, ctx))
        || !(ctx->quiet = flux_timer_watcher_create (r, 0., 0., journal_quiet_cb, ctx)))
        return -1;
    return 0;
}

/* Ids of a restarted instance go on where those of the last one ended: their
 * time counts from a moment before this start, as long as all starts before took.
 * Where a clock is wrong, job-ingest still begins beyond max_jobid. */
static void init_epoch (struct ctx *ctx)
{
    if (flux_get_instance_starttime (ctx->h, &ctx->epoch) < 0)
        ctx->epoch = flux_reactor_time ();
    if (ctx->m->max_jobid > 0)
        ctx->epoch -= (double)((ctx->m->max_jobid >> 24) + 1) / 1000;
}

static int run (struct ctx *ctx)
{
    flux_msg_handler_t **handlers[NTABLES] = { NULL };
    int rc = -1;

    for (size_t i = 0; i < NTABLES; i++) {
        if (flux_msg_handler_addvec (ctx->h, handler_tables[i], ctx, &handlers[i]) < 0)
            goto done;
    }
    flux_watcher_start (ctx->prepare);
    if (flux_reactor_run (flux_get_reactor (ctx->h), 0) >= 0)
        rc = 0;
    /* what happened in the last turn is not to be lost */
    if (rc == 0 && !ctx->f_commit && !list_empty (&ctx->m->dirty))
        commit (ctx);
    if (rc == 0 && ctx->f_commit)
        flux_future_wait_for (ctx->f_commit, 10.);
done:
    for (size_t i = 0; i < NTABLES; i++)
        flux_msg_handler_delvec (handlers[i]);
    return rc;
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct ctx ctx;
    flux_error_t error = { "" };
    int rc = -1;

    if (module_no_args (h, argc, argv) < 0)
        return -1;
    if (ctx_init (&ctx, h) < 0)
        goto done;
    ctx.m->owner = ctx.owner; /* nothing here can become somebody else */
    if (configure (&ctx, flux_get_conf (h), &error) < 0
        || jobtap_start (ctx.jobtap, flux_get_conf (h), &error) < 0) {
        flux_log (h, LOG_ERR, "%s", error.text);
        goto done;
    }
    ctx.blob_max = storage_blob_max (h);
    ctx.m->kept = storage_outlives (h);
    if (watch_health (&ctx) < 0) {
        flux_log_error (h, "kvs.health");
        goto done;
    }
    if (queue_restore (&ctx) < 0 || restart_from_kvs (&ctx) < 0)
        goto done;
    if (ctx.m->max_jobid > 0)
        queue_restarted (&ctx);
    init_epoch (&ctx);
    rc = run (&ctx);
done:
    ctx_fini (&ctx);
    return rc;
}
