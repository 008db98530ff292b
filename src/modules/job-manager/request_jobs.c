/* What clients ask about jobs. */
#include "base/error.h"
#include "base/sort.h"
#include "ctx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool exception_type_valid (const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++) {
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return false;
    }
    return true;
}

#define NOTE_MAX (64 * 1024)

static int check_exception (const char *type, int severity, const char *note,
                            flux_error_t *error)
{
    if (strlen (type) + (note ? strlen (note) : 0) > NOTE_MAX)
        return error_fail (error, E2BIG,
                           "type and note of an exception have at most %d bytes",
                           NOTE_MAX);
    if (!exception_type_valid (type))
        return error_fail (error, EPROTO, "exception type must be one word");
    if (severity < 0 || severity > 7)
        return error_fail (error, EPROTO, "exception severity range is [0:7]");
    return 0;
}

/* A job can always be ended, once. */
static bool may_raise (const struct job *job, int severity, flux_error_t *error)
{
    return (severity == 0 && job->state != FLUX_JOB_STATE_CLEANUP)
           || manager_check_room (job, error) == 0;
}

static void raise_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    json_int_t id;
    const char *type, *note = NULL;
    int severity;
    uint32_t userid;
    struct job *job;

    if (flux_request_unpack (msg, NULL, "{s:I s:s s:i s?s}", "id", &id, "type", &type,
                             "severity", &severity, "note", &note)
            < 0
        || flux_msg_get_userid (msg, &userid) < 0
        || check_exception (type, severity, note, &error) < 0
        || !(job = manager_lookup_active (ctx->m, id, &error))) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    if (!ctx_allowed (ctx, msg, job->userid) || !ctx_storing (ctx, msg))
        return;
    if (!may_raise (job, severity, &error)) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    manager_raise (ctx->m, job, type, severity, note, userid);
    ctx_answer (ctx, msg, NULL);
}

static void kill_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    json_int_t id;
    int signum;
    struct job *job;

    if (flux_request_unpack (msg, NULL, "{s:I s:i}", "id", &id, "signum", &signum) < 0
        || !(job = manager_lookup_active (ctx->m, id, &error))) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    if (!ctx_allowed (ctx, msg, job->userid))
        return;
    if (exec_kill (ctx, job, signum, &error) < 0)
        ctx_respond_text (ctx, msg, &error);
    else
        flux_respond (h, msg, NULL);
}

/* The jobs that the requester may touch and the request matches. */
struct match {
    uint32_t userid; /* of jobs, or FLUX_USERID_UNKNOWN */
    int states;
};

static int match_decode (const flux_msg_t *msg, json_int_t userid, int states,
                         struct match *match, flux_error_t *error)
{
    struct flux_msg_cred cred;

    match->userid = userid < 0 || userid >= FLUX_USERID_UNKNOWN ? FLUX_USERID_UNKNOWN
                                                                : (uint32_t)userid;
    match->states = states;
    if (flux_msg_get_cred (msg, &cred) < 0)
        return -1;
    if (!(cred.rolemask & FLUX_ROLE_OWNER) && match->userid != cred.userid) {
        snprintf (error->text, sizeof (error->text),
                  "guests can only reach their own jobs");
        errno = EPERM;
        return -1;
    }
    return 0;
}

static bool matches (const struct match *match, const struct job *job)
{
    return job->state & match->states & ~FLUX_JOB_STATE_INACTIVE
           && (match->userid == FLUX_USERID_UNKNOWN || match->userid == job->userid);
}

static void raiseall_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    int dry_run, states, severity, count = 0, errors = 0;
    json_int_t user;
    const char *type, *note = NULL;
    uint32_t userid;
    struct match match;
    char payload[64];

    if (flux_request_unpack (msg, NULL, "{s:b s:I s:i s:i s:s s?s}", "dry_run",
                             &dry_run, "userid", &user, "states", &states, "severity",
                             &severity, "type", &type, "note", &note)
            < 0
        || flux_msg_get_userid (msg, &userid) < 0
        || check_exception (type, severity, note, &error) < 0
        || match_decode (msg, user, states, &match, &error) < 0) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    if (!dry_run && !ctx_storing (ctx, msg))
        return;
    list_foreach (&ctx->m->all, l) {
        struct job *job = container_of (l, struct job, all_link);
        if (!matches (&match, job))
            continue;
        count++;
        if (dry_run)
            continue;
        if (!may_raise (job, severity, &error))
            errors++;
        else
            manager_raise (ctx->m, job, type, severity, note, userid);
    }
    snprintf (payload, sizeof (payload), "{\"count\":%d,\"errors\":%d}", count, errors);
    ctx_answer (ctx, msg, strdup (payload));
}

static void killall_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    int dry_run, signum, count = 0, errors = 0;
    json_int_t user;
    struct match match;

    if (flux_request_unpack (msg, NULL, "{s:b s:I s:i}", "dry_run", &dry_run, "userid",
                             &user, "signum", &signum)
            < 0
        || match_decode (msg, user, FLUX_JOB_STATE_RUN, &match, &error) < 0) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    list_foreach (&ctx->m->all, l) {
        struct job *job = container_of (l, struct job, all_link);
        if (!matches (&match, job))
            continue;
        count++;
        if (!dry_run && exec_kill (ctx, job, signum, &error) < 0)
            errors++;
    }
    flux_respond_pack (h, msg, "{s:i s:i}", "count", count, "errors", errors);
}

static void urgency_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    json_int_t id;
    int urgency;
    struct flux_msg_cred cred;
    struct job *job;
    char payload[64];

    if (flux_request_unpack (msg, NULL, "{s:I s:i}", "id", &id, "urgency", &urgency) < 0
        || flux_msg_get_cred (msg, &cred) < 0
        || !(job = manager_lookup_active (ctx->m, id, &error))) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    if (!ctx_allowed (ctx, msg, job->userid) || !ctx_storing (ctx, msg))
        return;
    if (!(cred.rolemask & FLUX_ROLE_OWNER) && urgency > FLUX_JOB_URGENCY_DEFAULT
        && urgency > job->urgency) {
        flux_respond_error (h, msg, EINVAL, "guests cannot raise urgency above 16");
        return;
    }
    snprintf (payload, sizeof (payload), "{\"old_urgency\":%d}", job->urgency);
    if (manager_set_urgency (ctx->m, job, urgency, cred.userid, &error) < 0)
        ctx_respond_text (ctx, msg, &error);
    else
        ctx_answer (ctx, msg, strdup (payload));
}

static void memo_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    json_int_t id;
    int is_volatile = 0;
    json_t *memo;
    struct job *job;

    if (flux_request_unpack (msg, NULL, "{s:I s?b s:o}", "id", &id, "volatile",
                             &is_volatile, "memo", &memo)
            < 0
        || !(job = manager_lookup_active (ctx->m, id, &error))) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    if (!ctx_allowed (ctx, msg, job->userid) || !ctx_storing (ctx, msg))
        return;
    if (!json_is_object (memo)) {
        flux_respond_error (h, msg, EPROTO, "memo must be an object");
        return;
    }
    if (manager_memo (ctx->m, job, memo, is_volatile, &error) < 0)
        ctx_respond_text (ctx, msg, &error);
    else
        ctx_answer (ctx, msg, NULL);
}

/* An update, for as long as the scheduler is asked about it. */
struct update {
    struct ctx *ctx;
    const flux_msg_t *msg;
    flux_jobid_t id;
    json_t *updates;
};

static void update_destroy (void *arg)
{
    struct update *up = arg;

    flux_msg_decref (up->msg);
    json_decref (up->updates);
    free (up);
}

static void apply_update (struct ctx *ctx, const flux_msg_t *msg, struct job *job,
                          json_t *updates)
{
    flux_error_t error = { "" };
    bool updated = job->expiration_updated;
    double before = job->expiration;

    if (manager_post_update (ctx->m, job, updates, &error) < 0) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    if (job->expiration_updated != updated || job->expiration != before)
        sched_expiration (ctx, job, job->expiration);
    ctx_answer (ctx, msg, NULL);
}

static void feasible (flux_future_t *f, void *arg)
{
    struct update *up = arg;
    flux_error_t error = { "" };
    struct job *job = manager_lookup_active (up->ctx->m, up->id, &error);

    if (!job)
        ctx_respond_text (up->ctx, up->msg, &error);
    else if (flux_future_get (f, NULL) < 0 && errno != ENOSYS)
        flux_respond_error (up->ctx->h, up->msg, errno, flux_future_error_string (f));
    else if (!job_pending (job))
        flux_respond_error (up->ctx->h, up->msg, EINVAL,
                            "the job has got its resources meanwhile");
    else if (ctx_storing (up->ctx, up->msg))
        apply_update (up->ctx, up->msg, job, up->updates);
    flux_future_destroy (f);
}

static void ask_feasible (struct ctx *ctx, const flux_msg_t *msg, struct job *job,
                          const struct update_plan *plan)
{
    struct update *up = calloc (1, sizeof (*up));
    flux_future_t *f = flux_rpc_pack (ctx->h, "feasibility.check", FLUX_NODEID_ANY, 0,
                                      "{s:O}", "jobspec", plan->jobspec);

    if (up) {
        *up = (struct update){ ctx, flux_msg_incref (msg), job->id, NULL };
        up->updates = json_incref (plan->updates);
    }
    if (!f || !up || flux_future_aux_set (f, NULL, up, update_destroy) < 0) {
        if (up)
            update_destroy (up);
        flux_respond_error (ctx->h, msg, ENOMEM, NULL);
        flux_future_destroy (f);
    } else if (flux_future_then (f, -1., feasible, up) < 0) {
        flux_respond_error (ctx->h, msg, errno, NULL);
        flux_future_destroy (f);
    }
}

static void plan_update (struct ctx *ctx, const flux_msg_t *msg, struct job *job,
                         json_t *updates, const struct flux_msg_cred *cred)
{
    struct update_plan plan = { .cred = cred };
    flux_error_t error = { "" };

    if (manager_plan_update (ctx->m, job, updates, &plan, &error) < 0)
        ctx_respond_text (ctx, msg, &error);
    else if (plan.feasibility && job_pending (job))
        ask_feasible (ctx, msg, job, &plan);
    else
        apply_update (ctx, msg, job, plan.updates);
    update_plan_fini (&plan);
}

static void update_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    struct flux_msg_cred cred;
    json_int_t id;
    json_t *updates;
    struct job *job;

    if (flux_request_unpack (msg, NULL, "{s:I s:o}", "id", &id, "updates", &updates) < 0
        || flux_msg_get_cred (msg, &cred) < 0
        || !(job = manager_lookup_active (ctx->m, id, &error))) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    if (!ctx_allowed (ctx, msg, job->userid) || !ctx_storing (ctx, msg))
        return;
    if (!job_pending (job) && !(cred.rolemask & FLUX_ROLE_OWNER)) {
        flux_respond_error (h, msg, EPERM, "guests cannot update a running job");
        return;
    }
    if (json_object_size (updates) == 0) {
        flux_respond_error (h, msg, EPROTO, "updates must be an object with a key");
        return;
    }
    plan_update (ctx, msg, job, updates, &cred);
}

/* --- wait --- */

static void respond_wait (struct ctx *ctx, const flux_msg_t *msg,
                          const struct wait_result *res)
{
    flux_respond_pack (ctx->h, msg, "{s:I s:b s:s}", "id", (json_int_t)res->id,
                       "success", res->success, "errstr", res->errstr);
}

static void respond_no_child (struct ctx *ctx, const flux_msg_t *msg, flux_jobid_t id)
{
    flux_respond_error (
        ctx->h, msg, ECHILD,
        id == FLUX_JOBID_ANY
            ? "there are no more waitable jobs"
            : "invalid job id, or job may be inactive and not waitable");
}

void wait_answer (void *waiter, int errnum, const struct wait_result *res, void *arg)
{
    const flux_msg_t *msg = waiter;

    if (errnum)
        respond_no_child (arg, msg, FLUX_JOBID_ANY);
    else
        respond_wait (arg, msg, res);
    flux_msg_decref (msg);
}

static void wait_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    json_int_t id;
    struct wait_result res;

    if (flux_request_unpack (msg, NULL, "{s:I}", "id", &id) < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    switch (waitables_wait (ctx->m->waitables, id, (void *)msg, &res)) {
    case 1:
        respond_wait (ctx, msg, &res);
        break;
    case 0:
        flux_msg_incref (msg);
        break;
    default:
        if (errno == ECHILD)
            respond_no_child (ctx, msg, id);
        else
            flux_respond_error (h, msg, errno,
                                errno == EEXIST ? "job id already has a waiter" : NULL);
    }
}

static bool same_sender (void *waiter, void *arg)
{
    const flux_msg_t *msg = waiter;

    if (!flux_disconnect_match (arg, msg))
        return false;
    flux_msg_decref (msg);
    return true;
}

void job_disconnect (struct ctx *ctx, const flux_msg_t *msg)
{
    waitables_forget (ctx->m->waitables, same_sender, (void *)msg);
}

/* --- list --- */

static json_t *list_entry (const struct job *job)
{
    json_t *o = json_pack ("{s:I s:I s:i s:I s:f s:i}", "id", (json_int_t)job->id,
                           "userid", (json_int_t)job->userid, "urgency", job->urgency,
                           "priority", (json_int_t)job->priority, "t_submit",
                           job->t_submit, "state", (int)job->state);

    if (o && job->annotations)
        json_object_set (o, "annotations", job->annotations);
    return o;
}

static int compare (const void *x, const void *y)
{
    const struct job *a = *(const struct job *const *)x;
    const struct job *b = *(const struct job *const *)y;
    bool ra = a->state & FLUX_JOB_STATE_RUNNING, rb = b->state & FLUX_JOB_STATE_RUNNING;

    if (ra != rb)
        return ra ? 1 : -1;
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static void list_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    int max = 0;
    size_t n = 0;
    const struct job **jobs = calloc (idmap_count (ctx->m->jobs) + 1, sizeof (*jobs));
    json_t *a = json_array ();

    if (flux_msg_has_payload (msg))
        flux_request_unpack (msg, NULL, "{s?i}", "max_entries", &max);
    if (!jobs || !a) {
        flux_respond_error (h, msg, ENOMEM, NULL);
    } else {
        list_foreach (&ctx->m->all, l) {
            struct job *job = container_of (l, struct job, all_link);
            if (job->state != FLUX_JOB_STATE_INACTIVE)
                jobs[n++] = job;
        }
        sort_array (jobs, n, sizeof (*jobs), compare);
        for (size_t i = 0; i < n && (max <= 0 || i < (size_t)max); i++)
            json_array_append_new (a, list_entry (jobs[i]));
        flux_respond_pack (h, msg, "{s:O}", "jobs", a);
    }
    json_decref (a);
    free (jobs);
}

static bool known (flux_jobid_t id, void *arg)
{
    struct manager *m = arg;

    return manager_lookup (m, id) || history_lookup (m->history, id, NULL);
}

/* False if o is there and is no integer. */
static bool slice_part (json_t *o, int *value, const int **ptr)
{
    *ptr = NULL;
    if (!o || json_is_null (o))
        return true;
    *value = json_integer_value (o);
    *ptr = value;
    return json_is_integer (o);
}

void job_history_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    json_t *start = NULL, *stop = NULL, *step = NULL, *jobs;
    const int *pstart, *pstop, *pstep;
    int i, j, k;
    uint32_t userid;

    if (flux_request_unpack (msg, NULL, "{s?o s?o s?o}", "start", &start, "stop", &stop,
                             "step", &step)
            < 0
        || flux_msg_get_userid (msg, &userid) < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    if (!slice_part (start, &i, &pstart) || !slice_part (stop, &j, &pstop)
        || !slice_part (step, &k, &pstep)
        || !(jobs = recent_slice (&ctx->m->recent, userid, pstart, pstop, pstep, known,
                                  ctx->m))) {
        flux_respond_error (h, msg, EPROTO, "start, stop and step must be integers");
        return;
    }
    flux_respond_pack (h, msg, "{s:o}", "jobs", jobs);
}

/* What the job's events promise to who reads the KVS: R with alloc, the log itself with
 * submit. A job may run before that. */
static void stored_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    struct job *job;
    json_int_t id;

    if (flux_request_unpack (msg, NULL, "{s:I}", "id", &id) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (!(job = manager_lookup (ctx->m, id)))
        flux_respond_error (h, msg, ENOENT, "no such job is active");
    else if (job->committed == job->log.len)
        flux_respond (h, msg, NULL);
    else if (ctx_storing (ctx, msg))
        ctx_answer (ctx, msg, NULL);
}

const struct flux_msg_handler_spec job_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.raise", raise_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.kill", kill_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.raiseall", raiseall_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.killall", killall_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.urgency", urgency_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.memo", memo_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.update", update_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.wait", wait_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.list", list_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.stored", stored_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};
