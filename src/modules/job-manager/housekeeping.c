/* Happy path: a job has come to its end; instead of sched.free its R is kept here, the
 * command runs on each of its ranks, then sched.free. With release-after, ranks that are
 * ready go back when so much time has passed since the first was, and from then on each
 * when it is ready. Failures are logged, and the rank goes back all the same: it is the
 * command's affair to drain it. Where there is no scheduler nothing is sent: the next one
 * hears what is still held when it says hello. */
#include "housekeeping.h"
#include "base/error.h"
#include "base/json/keys.h"
#include "rankexec.h"
#include "value/fsd.h"
#include "value/resource/rset.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

struct housekeeping {
    struct ctx *ctx;
    json_t *command;      /* NULL: not configured */
    double release_after; /* s; < 0: all at once */
    struct list runs;
};

/* Of one job. */
struct run {
    struct list link;
    struct housekeeping *hk;
    flux_jobid_t id;
    uint32_t userid;
    int64_t priority;
    double t_submit, t_start;
    char *R;
    struct rset *rset;
    struct idset *allocated; /* the scheduler does not have them back */
    struct rankexec *x;
    flux_watcher_t *timer; /* since the first was ready */
    bool releasing;        /* each when it is ready */
};

static const char *f58 (flux_jobid_t id)
{
    static __thread char buf[32];

    flux_job_id_encode (id, "f58", buf, sizeof (buf));
    return buf;
}

static void run_destroy (struct run *run)
{
    if (!run)
        return;
    list_remove (&run->link);
    rankexec_destroy (run->x);
    flux_watcher_destroy (run->timer);
    rset_destroy (run->rset);
    idset_destroy (run->allocated);
    free (run->R);
    free (run);
}

/* --- back to the scheduler --- */

/* R of these ranks only, to be freed; as the scheduler gave it if that is all. */
static char *R_of (const struct run *run, const struct idset *ranks)
{
    struct idset *all = rset_ranks (run->rset);
    bool whole = all && idset_equal (all, ranks);
    struct rset *part = whole ? NULL : rset_copy_ranks (run->rset, ranks);
    char *R = whole ? strdup (run->R) : part ? rset_encode (part) : NULL;

    idset_destroy (all);
    rset_destroy (part);
    return R;
}

/* What is ready. */
static void release (struct run *run)
{
    struct idset *ready = idset_difference (run->allocated, rankexec_active (run->x));
    char *R = ready && idset_count (ready) > 0 ? R_of (run, ready) : NULL;

    if (R) {
        idset_subtract (run->allocated, ready);
        if (run->hk->ctx->m->sched_told)
            sched_free_part (run->hk->ctx, run->id, (struct span){ R, strlen (R) },
                             idset_count (run->allocated) == 0);
    }
    idset_destroy (ready);
    free (R);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct run *run = arg;

    run->releasing = true;
    release (run);
}

/* --- the command --- */

static void say (struct run *run, int level, unsigned int rank, const char *text)
{
    flux_t *h = run->hk->ctx->h;

    flux_log (h, level, "housekeeping: %s (rank %u) %s: %s",
              flux_get_hostbyrank (h, rank), rank, f58 (run->id), text);
}

static void line_cb (unsigned int rank, bool is_error, const char *text, void *arg)
{
    say (arg, is_error ? LOG_ERR : LOG_INFO, rank, text);
}

static void say_status (struct run *run, unsigned int rank, int status)
{
    char text[64];

    if (status == 0)
        return;
    if (WIFSIGNALED (status))
        snprintf (text, sizeof (text), "%s", strsignal (WTERMSIG (status)));
    else
        snprintf (text, sizeof (text), "exited with code=%d", WEXITSTATUS (status));
    say (run, LOG_ERR, rank, text);
}

static void done_cb (unsigned int rank, int status, const char *why, void *arg)
{
    struct run *run = arg;
    double after = run->hk->release_after;

    if (why)
        say (run, LOG_ERR, rank, why);
    else
        say_status (run, rank, status);
    if (run->releasing || after == 0) {
        release (run);
    } else if (after > 0 && !run->timer) {
        run->timer = flux_timer_watcher_create (flux_get_reactor (run->hk->ctx->h),
                                                after, 0., timer_cb, run);
        flux_watcher_start (run->timer);
    }
}

static void complete_cb (void *arg)
{
    struct run *run = arg;

    release (run);
    flux_log (run->hk->ctx->h, LOG_DEBUG, "housekeeping: %s complete", f58 (run->id));
    run_destroy (run);
}

static const struct rankexec_ops exec_ops = { line_cb, done_cb, complete_cb };

static flux_cmd_t *make_command (const struct run *run)
{
    flux_cmd_t *cmd = flux_cmd_create (0, NULL, environ);
    json_t *arg;
    size_t i;

    json_array_foreach (run->hk->command, i, arg) {
        if (cmd && flux_cmd_argv_append (cmd, json_string_value (arg)) < 0)
            goto error;
    }
    if (!cmd || flux_cmd_setcwd (cmd, "/") < 0
        || rankexec_set_environment (cmd, run->id, run->userid, run->allocated) < 0)
        goto error;
    return cmd;
error:
    flux_cmd_destroy (cmd);
    return NULL;
}

static struct run *run_create (struct housekeeping *hk, const struct job *job)
{
    struct run *run = calloc (1, sizeof (*run));
    flux_error_t error;

    if (!run)
        return NULL;
    list_init (&run->link);
    run->hk = hk;
    run->id = job->id;
    run->userid = job->userid;
    run->priority = job->priority;
    run->t_submit = job->t_submit;
    run->t_start = flux_reactor_time ();
    if (!(run->R = job_current_R (job)) || !(run->rset = rset_decode (job->R, &error))
        || !(run->allocated = rset_ranks (run->rset))) {
        run_destroy (run);
        return NULL;
    }
    return run;
}

bool housekeeping_keep_op (const struct job *job, void *arg)
{
    struct housekeeping *hk = ((struct ctx *)arg)->housekeeping;
    struct run *run;
    flux_cmd_t *cmd;

    if (!hk || !hk->command)
        return false;
    if (!(run = run_create (hk, job)))
        goto error;
    cmd = make_command (run);
    run->x =
        cmd ? rankexec_create (hk->ctx->h, cmd, run->allocated, &exec_ops, run) : NULL;
    flux_cmd_destroy (cmd);
    if (!run->x)
        goto error;
    list_append (&hk->runs, &run->link);
    flux_log (hk->ctx->h, LOG_DEBUG, "housekeeping: %s started", f58 (run->id));
    return true;
error:
    flux_log_error (hk->ctx->h, "housekeeping: %s cannot be started", f58 (job->id));
    run_destroy (run);
    return false;
}

void housekeeping_hello (struct housekeeping *hk, const flux_msg_t *msg)
{
    list_foreach (&hk->runs, l) {
        struct run *run = container_of (l, struct run, link);
        char *R = idset_count (run->allocated) > 0 ? R_of (run, run->allocated) : NULL;
        json_t *o = R ? json_loads (R, 0, NULL) : NULL;
        if (o)
            flux_respond_pack (
                hk->ctx->h, msg, "{s:I s:I s:I s:f s:o}", "id", (json_int_t)run->id,
                "priority", (json_int_t)run->priority, "userid",
                (json_int_t)run->userid, "t_submit", run->t_submit, "R", o);
        free (R);
    }
}

/* --- questions --- */

static json_t *run_stats (const struct run *run)
{
    char *pending = idset_encode (rankexec_active (run->x), IDSET_FLAG_RANGE);
    char *allocated = idset_encode (run->allocated, IDSET_FLAG_RANGE);
    json_t *o =
        json_pack ("{s:f s:s s:s}", "t_start", run->t_start, "pending",
                   pending ? pending : "", "allocated", allocated ? allocated : "");

    free (pending);
    free (allocated);
    return o;
}

json_t *housekeeping_stats (const struct housekeeping *hk)
{
    json_t *running = json_object (), *o = json_pack ("{s:o}", "running", running);

    list_foreach (&hk->runs, l) {
        struct run *run = container_of (l, struct run, link);
        json_object_set_new (running, f58 (run->id), run_stats (run));
    }
    if (hk->command) {
        json_t *config = json_pack ("{s:O}", "command", hk->command);
        if (hk->release_after >= 0)
            json_object_set_new (config, "release-after",
                                 json_real (hk->release_after));
        json_object_set_new (o, "config", config);
    }
    return o;
}

static void kill_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct housekeeping *hk = ((struct ctx *)arg)->housekeeping;
    json_int_t id = (json_int_t)FLUX_JOBID_ANY;
    const char *text = NULL;
    struct idset *ranks = NULL;
    int signum;

    if (flux_request_unpack (msg, NULL, "{s:i s?I s?s}", "signum", &signum, "jobid",
                             &id, "ranks", &text)
            < 0
        || (text && !(ranks = idset_decode (text)))) {
        flux_respond_error (h, msg, EPROTO, "malformed request");
        return;
    }
    if (signum <= 0 || signum > SIGRTMAX) {
        flux_respond_error (h, msg, EINVAL, "there is no such signal");
        idset_destroy (ranks);
        return;
    }
    list_foreach (&hk->runs, l) {
        struct run *run = container_of (l, struct run, link);
        if ((flux_jobid_t)id == FLUX_JOBID_ANY || (flux_jobid_t)id == run->id)
            rankexec_kill (run->x, ranks, signum);
    }
    idset_destroy (ranks);
    flux_respond (h, msg, NULL);
}

const struct flux_msg_handler_spec housekeeping_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.housekeeping-kill", kill_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

/* --- configuration --- */

static bool is_command (json_t *command)
{
    json_t *arg;
    size_t i;

    json_array_foreach (command, i, arg) {
        if (!json_is_string (arg))
            return false;
    }
    return json_array_size (command) > 0;
}

static int read_table (json_t *table, const char *imp, json_t **command, double *after,
                       flux_error_t *error)
{
    static const char where[] = "job-manager.housekeeping";
    static const struct json_key keys[] = { { "command", JSON_KIND_ANY },
                                            { "release-after", JSON_KIND_STRING },
                                            { NULL } };
    const char *text = NULL;

    *command = NULL;
    *after = -1;
    if (json_check_keys (table, where, keys, error) < 0)
        return -1;
    (void)json_unpack (table, "{s?o s?s}", "command", command, "release-after", &text);
    if (*command && !is_command (*command))
        return error_invalid (error, "%s.command: must be an array of strings", where);
    if (!*command && !imp)
        return error_invalid (
            error, "%s.command: no command specified and exec.imp not defined", where);
    if (text && fsd_parse (text, after) < 0)
        return error_invalid (error, "%s.release-after: invalid release-after", where);
    if (isinf (*after))
        *after = -1;
    *command = *command ? json_incref (*command)
                        : json_pack ("[s s s]", imp, "run", "housekeeping");
    return 0;
}

int housekeeping_configure (struct housekeeping *hk, const flux_conf_t *conf,
                            flux_error_t *error)
{
    json_t *table = NULL, *command = NULL;
    const char *imp = NULL;
    double after = -1;

    if (flux_conf_unpack (conf, error, "{s?{s?o} s?{s?s}}", "job-manager",
                          "housekeeping", &table, "exec", "imp", &imp)
        < 0)
        return -1;
    if (table && read_table (table, imp, &command, &after, error) < 0)
        return -1;
    if (command)
        flux_log (hk->ctx->h, LOG_DEBUG, "housekeeping is configured");
    json_decref (hk->command);
    hk->command = command;
    hk->release_after = after;
    return 0;
}

struct housekeeping *housekeeping_create (struct ctx *ctx)
{
    struct housekeeping *hk = calloc (1, sizeof (*hk));

    if (!hk)
        return NULL;
    hk->ctx = ctx;
    list_init (&hk->runs);
    return hk;
}

void housekeeping_destroy (struct housekeeping *hk)
{
    if (!hk)
        return;
    while (!list_empty (&hk->runs))
        run_destroy (list_first (&hk->runs, struct run, link));
    json_decref (hk->command);
    free (hk);
}
