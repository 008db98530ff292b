/* perilog.so: a prolog before a job starts, an epilog after it has ended.
 *
 * Happy path: RUN, prolog-start, the command runs on rank 0 or on all ranks of the job,
 * prolog-finish, the job starts and finishes, epilog-start, the command, epilog-finish.
 * Failures: what fails or takes too long is an exception of the job, and the ranks where
 * it did are drained. A fatal exception ends a prolog: SIGTERM, and after kill-timeout
 * its ranks are drained and not waited for. A prolog that did not come to its end has an
 * epilog all the same. */
#include "base/clock.h"
#include "modules/job-manager/plugins/perilog_conf.h"
#include "modules/job-manager/rankexec.h"
#include "value/resource/rset.h"

#include <flux/hostlist.h>
#include <flux/jobtap.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#define ITEM "perilog"

struct perilog {
    flux_plugin_t *p;
    flux_t *h;
    struct perilog_conf conf;
    json_t *works; /* id -> address, of those with an action under way */
};

/* What is under way for a job. */
struct work {
    struct perilog *pl;
    flux_jobid_t id;
    json_int_t userid;
    struct idset *ranks;        /* of the job */
    struct action_conf ac;      /* of what runs; its command is a reference */
    struct rankexec *x;         /* NULL: nothing runs */
    struct idset *failed;       /* where it did */
    struct idset *started;      /* where it was to run */
    flux_watcher_t *timer;      /* of its timeout */
    flux_watcher_t *kill_timer; /* since it was told to end */
    double t_end;               /* when the timeout is over */
    int status;                 /* the worst */
    bool timed_out, canceled;
    bool epilog_owed; /* epilog-start is posted, the prolog has not ended */
};

/* --- words --- */

static const char *f58 (flux_jobid_t id)
{
    static __thread char buf[32];

    flux_job_id_encode (id, "f58", buf, sizeof (buf));
    return buf;
}

/* "h[0-1] (rank 0-1)" */
static void where (struct work *w, const struct idset *ranks, char *buf, size_t len)
{
    struct hostlist *hl = hostlist_create ();
    char *ids = idset_encode (ranks, IDSET_FLAG_RANGE), *hosts;

    for (unsigned int i = idset_first (ranks); i != IDSET_INVALID_ID;
         i = idset_next (ranks, i))
        hostlist_append (hl, flux_get_hostbyrank (w->pl->h, i));
    hosts = hostlist_encode (hl);
    snprintf (buf, len, "%s (rank %s)", hosts ? hosts : "", ids ? ids : "");
    hostlist_destroy (hl);
    free (hosts);
    free (ids);
}

static void drained (flux_future_t *f, void *arg)
{
    struct perilog *pl = arg;

    if (flux_future_get (f, NULL) < 0)
        flux_log (pl->h, LOG_ERR, "perilog: drain: %s", flux_future_error_string (f));
    flux_future_destroy (f);
}

/* Rank 0 is not the job's, unless all its ranks were asked. */
static void drain (struct work *w, const struct idset *ranks, const char *what)
{
    char *ids = idset_encode (ranks, IDSET_FLAG_RANGE), reason[128];
    flux_future_t *f = NULL;

    if (!w->ac.per_rank || idset_count (ranks) == 0) {
        free (ids);
        return;
    }
    snprintf (reason, sizeof (reason), "%s %s for job %s", w->ac.name, what,
              f58 (w->id));
    f = flux_rpc_pack (w->pl->h, "resource.drain", 0, 0, "{s:s s:s s:s}", "targets",
                       ids, "reason", reason, "mode", "update");
    if (!f || flux_future_then (f, -1., drained, w->pl) < 0) {
        flux_log_error (w->pl->h, "perilog: drain %s", ids);
        flux_future_destroy (f);
    }
    free (ids);
}

/* --- the end of an action --- */

static void run_action (struct work *w, const struct action_conf *ac);

static void stop (struct work *w)
{
    rankexec_destroy (w->x);
    flux_watcher_destroy (w->timer);
    flux_watcher_destroy (w->kill_timer);
    idset_destroy (w->failed);
    idset_destroy (w->started);
    json_decref (w->ac.command);
    w->x = NULL;
    w->timer = w->kill_timer = NULL;
    w->failed = w->started = NULL;
    w->ac.command = NULL;
}

static void raise_failure (struct work *w)
{
    char place[160];

    where (w, w->failed, place, sizeof (place));
    if (w->timed_out)
        flux_jobtap_raise_exception (w->pl->p, w->id, w->ac.name, 0,
                                     "%s timed out on %s", w->ac.name, place);
    else if (WIFSIGNALED (w->status))
        flux_jobtap_raise_exception (w->pl->p, w->id, w->ac.name, 0,
                                     "%s killed by signal %d on %s", w->ac.name,
                                     WTERMSIG (w->status), place);
    else
        flux_jobtap_raise_exception (w->pl->p, w->id, w->ac.name, 0,
                                     "%s exited with code=%d on %s", w->ac.name,
                                     WEXITSTATUS (w->status), place);
}

static void judge (struct work *w)
{
    if (w->canceled) { /* its job has an exception already */
        if (w->status == 0)
            w->status = SIGTERM;
        return;
    }
    if (w->status == 0 && !w->timed_out)
        return;
    if (w->status == 0)
        w->status = SIGTERM;
    drain (w, w->failed, w->timed_out ? "timed out" : "failed");
    raise_failure (w);
}

static void finish (struct work *w)
{
    struct perilog *pl = w->pl;
    bool prolog = strcmp (w->ac.name, "prolog") == 0;
    flux_jobid_t id = w->id;
    int rc;

    judge (w);
    int status = w->status;
    bool owed = prolog && w->epilog_owed;
    stop (w);
    w->epilog_owed = false;
    if (owed && pl->conf.epilog.command)
        run_action (w, &pl->conf.epilog);
    else if (owed)
        flux_jobtap_epilog_finish (pl->p, id, "job-manager.epilog", 0);
    if (prolog)
        rc = flux_jobtap_prolog_finish (pl->p, id, "job-manager.prolog", status);
    else
        rc = flux_jobtap_epilog_finish (pl->p, id, "job-manager.epilog", status);
    if (rc < 0)
        flux_log_error (pl->h, "perilog: %s: %s-finish", f58 (id),
                        prolog ? "prolog" : "epilog");
}

/* --- while it runs --- */

static void line_cb (unsigned int rank, bool is_error, const char *text, void *arg)
{
    struct work *w = arg;

    if (perilog_conf_ignores (&w->pl->conf, text))
        return;
    flux_log (w->pl->h, is_error ? LOG_ERR : LOG_INFO, "%s: %s: %s (rank %u): %s: %s",
              f58 (w->id), w->ac.name, flux_get_hostbyrank (w->pl->h, rank), rank,
              is_error ? "stderr" : "stdout", text);
}

/* It does not end: its ranks are good for nothing. */
static void kill_timeout_cb (flux_reactor_t *r, flux_watcher_t *timer, int revents,
                             void *arg)
{
    struct work *w = arg;

    drain (w, rankexec_active (w->x),
           w->canceled ? "canceled then timed out" : "timed out");
    for (unsigned int i = idset_first (rankexec_active (w->x)); i != IDSET_INVALID_ID;
         i = idset_next (rankexec_active (w->x), i))
        idset_set (w->failed, i);
    finish (w); /* which kills them */
}

static void terminate (struct work *w)
{
    flux_reactor_t *r = flux_get_reactor (w->pl->h);

    if (w->kill_timer)
        return;
    rankexec_kill (w->x, NULL, SIGTERM);
    w->kill_timer =
        flux_timer_watcher_create (r, w->ac.kill_timeout, 0., kill_timeout_cb, w);
    flux_watcher_start (w->kill_timer);
}

static void done_cb (unsigned int rank, int status, const char *why, void *arg)
{
    struct work *w = arg;

    if (why)
        flux_log (w->pl->h, LOG_ERR, "%s: %s: %s (rank %u): %s", f58 (w->id),
                  w->ac.name, flux_get_hostbyrank (w->pl->h, rank), rank, why);
    if (status == 0)
        return;
    /* those that were ended after the first failure are not to blame */
    if (!(w->ac.exit_on_first_error && w->status != 0 && WIFSIGNALED (status)))
        idset_set (w->failed, rank);
    if (status > w->status)
        w->status = status;
    if (w->ac.exit_on_first_error && idset_count (w->failed) == 1)
        terminate (w);
}

static void complete_cb (void *arg)
{
    finish (arg);
}

static const struct rankexec_ops exec_ops = { line_cb, done_cb, complete_cb };

static void timeout_cb (flux_reactor_t *r, flux_watcher_t *timer, int revents,
                        void *arg)
{
    struct work *w = arg;

    if (w->canceled)
        return;
    w->timed_out = true;
    terminate (w);
}

static void cancel (struct work *w)
{
    if (!w->x || w->timed_out || !w->ac.cancel_on_exception
        || idset_count (rankexec_active (w->x)) == 0)
        return;
    w->canceled = true;
    terminate (w);
}

/* --- its beginning --- */

static flux_cmd_t *make_command (struct work *w, json_t *command)
{
    flux_cmd_t *cmd = flux_cmd_create (0, NULL, environ);
    char cwd[] = "/";
    json_t *arg;
    size_t i;

    json_array_foreach (command, i, arg) {
        if (cmd && flux_cmd_argv_append (cmd, json_string_value (arg)) < 0)
            goto error;
    }
    if (!cmd || flux_cmd_setcwd (cmd, cwd) < 0
        || rankexec_set_environment (cmd, w->id, w->userid, w->ranks) < 0)
        goto error;
    return cmd;
error:
    flux_cmd_destroy (cmd);
    return NULL;
}

static int prepare (struct work *w, const struct action_conf *ac)
{
    w->ac = *ac;
    json_incref (w->ac.command);
    w->status = 0;
    w->timed_out = w->canceled = false;
    w->failed = idset_create (0, IDSET_FLAG_AUTOGROW);
    w->started = ac->per_rank ? idset_copy (w->ranks) : idset_decode ("0");
    if (!w->failed || !w->started)
        return -1;
    if (ac->timeout == 0)
        return 0;
    w->t_end = clock_monotonic () + ac->timeout;
    if (!(w->timer = flux_timer_watcher_create (flux_get_reactor (w->pl->h),
                                                ac->timeout, 0., timeout_cb, w)))
        return -1;
    flux_watcher_start (w->timer);
    return 0;
}

static void run_action (struct work *w, const struct action_conf *ac)
{
    flux_cmd_t *cmd = make_command (w, ac->command);

    if (prepare (w, ac) < 0 || !cmd
        || !(w->x = rankexec_create (w->pl->h, cmd, w->started, &exec_ops, w))) {
        flux_log_error (w->pl->h, "%s: %s cannot be run", f58 (w->id), ac->name);
        w->status = 126 << 8;
        if (w->failed && w->started)
            idset_add (w->failed, w->started);
        finish (w);
    }
    flux_cmd_destroy (cmd);
}

static void work_destroy (void *arg)
{
    struct work *w = arg;
    char key[32];

    if (!w)
        return;
    snprintf (key, sizeof (key), "%s", f58 (w->id));
    json_object_del (w->pl->works, key);
    stop (w);
    idset_destroy (w->ranks);
    free (w);
}

static int fill_work (struct work *w, flux_plugin_arg_t *args)
{
    json_int_t id;
    json_t *R;
    flux_error_t error;
    struct rset *rset;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:I s:I s:o}", "id", &id,
                                "userid", &w->userid, "R", &R)
            < 0
        || !(rset = rset_decode_json (R, &error)))
        return -1;
    w->id = id;
    w->ranks = rset_ranks (rset);
    rset_destroy (rset);
    return w->ranks ? 0 : -1;
}

static struct work *find_work (struct perilog *pl)
{
    return flux_jobtap_job_aux_get (pl->p, FLUX_JOBTAP_CURRENT_JOB, ITEM);
}

static struct work *make_work (struct perilog *pl, flux_plugin_arg_t *args)
{
    struct work *w = find_work (pl);

    if (w)
        return w;
    if (!(w = calloc (1, sizeof (*w))))
        return NULL;
    w->pl = pl;
    if (fill_work (w, args) < 0
        || flux_jobtap_job_aux_set (pl->p, FLUX_JOBTAP_CURRENT_JOB, ITEM, w,
                                    work_destroy)
               < 0) {
        work_destroy (w);
        return NULL;
    }
    json_object_set_new (pl->works, f58 (w->id), json_integer ((intptr_t)w));
    if (flux_jobtap_job_subscribe (pl->p, FLUX_JOBTAP_CURRENT_JOB) < 0)
        return NULL;
    return w;
}

static int begin_prolog (struct perilog *pl, struct work *w)
{
    if (!pl->conf.prolog.command)
        return 0;
    if (flux_jobtap_prolog_start (pl->p, "job-manager.prolog") < 0)
        return -1;
    run_action (w, &pl->conf.prolog);
    return 0;
}

static int begin_epilog (struct perilog *pl, struct work *w)
{
    if (!pl->conf.epilog.command)
        return 0;
    if (flux_jobtap_epilog_start (pl->p, "job-manager.epilog") < 0)
        return -1;
    if (w->x)
        w->epilog_owed = true;
    else
        run_action (w, &pl->conf.epilog);
    return 0;
}

/* --- callbacks --- */

static int run_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *data)
{
    struct perilog *pl = data;
    struct work *w;

    if (!pl->conf.prolog.command && !pl->conf.epilog.command)
        return 0;
    if (!(w = make_work (pl, args)))
        return flux_jobtap_error (p, args, "perilog: R of the job: %s",
                                  strerror (errno));
    return begin_prolog (pl, w);
}

static int finish_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                      void *data)
{
    struct work *w = find_work (data);

    return w ? begin_epilog (data, w) : 0;
}

/* Before it could start. */
static int cleanup_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                       void *data)
{
    struct work *w = find_work (data);

    if (!w || !w->x || strcmp (w->ac.name, "prolog") != 0)
        return 0;
    cancel (w);
    return begin_epilog (data, w);
}

static int exception_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                         void *data)
{
    struct work *w = find_work (data);
    int severity = -1;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:{s:{s:i}}}", "entry",
                                "context", "severity", &severity)
            == 0
        && severity == 0 && w && w->x)
        cancel (w);
    return 0;
}

/* Jobs that ran when the plugin was loaded, or job-manager started again. What was under
 * way then is gone: it begins anew. */
static int new_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *data)
{
    const flux_jobid_t id = FLUX_JOBTAP_CURRENT_JOB;
    struct perilog *pl = data;
    struct work *w;
    int state;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:i}", "state", &state) < 0
        || !(state & (FLUX_JOB_STATE_RUN | FLUX_JOB_STATE_CLEANUP))
        || !(w = make_work (pl, args)))
        return 0;
    if (state == FLUX_JOB_STATE_RUN
        && flux_jobtap_job_event_posted (p, id, "prolog-start") > 0
        && flux_jobtap_job_event_posted (p, id, "prolog-finish") == 0)
        return begin_prolog (pl, w);
    if (state == FLUX_JOB_STATE_CLEANUP
        && flux_jobtap_job_event_posted (p, id, "epilog-start") > 0
        && flux_jobtap_job_event_posted (p, id, "epilog-finish") == 0)
        return begin_epilog (pl, w);
    return 0;
}

static int conf_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                    void *data)
{
    struct perilog *pl = data;
    struct perilog_conf conf;
    flux_error_t error = { "" };
    json_t *o;

    if (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_IN, "{s:o}", "conf", &o) < 0)
        return flux_jobtap_error (p, args, "%s", flux_plugin_arg_strerror (args));
    if (perilog_conf_read (&conf, o, &error) < 0)
        return flux_jobtap_error (p, args, "%s", error.text);
    perilog_conf_fini (&pl->conf);
    pl->conf = conf;
    return 0;
}

static json_t *describe (const struct work *w)
{
    char *active = idset_encode (rankexec_active (w->x), IDSET_FLAG_RANGE);
    json_t *o = json_pack ("{s:s s:s s:i s:i s:s}", "name", w->ac.name, "state",
                           w->canceled    ? "canceled"
                           : w->timed_out ? "timeout"
                                          : "running",
                           "total", (int)idset_count (w->started), "active",
                           (int)idset_count (rankexec_active (w->x)), "active_ranks",
                           active ? active : "");

    if (o && w->timer)
        json_object_set_new (o, "remaining_time",
                             json_integer ((int)(w->t_end - clock_monotonic ())));
    free (active);
    return o;
}

static int query_cb (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                     void *data)
{
    struct perilog *pl = data;
    json_t *procs = json_object (), *value;
    const char *key;

    json_object_foreach (pl->works, key, value) {
        const struct work *w = (void *)(intptr_t)json_integer_value (value);
        if (w->x)
            json_object_set_new (procs, key, describe (w));
    }
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:{s:o s:o} s:o}", "conf",
                                 "prolog", action_conf_encode (&pl->conf.prolog),
                                 "epilog", action_conf_encode (&pl->conf.epilog),
                                 "procs", procs);
}

static void perilog_destroy (void *arg)
{
    struct perilog *pl = arg;

    perilog_conf_fini (&pl->conf);
    json_decref (pl->works);
    free (pl);
}

int flux_plugin_init (flux_plugin_t *p)
{
    struct perilog *pl = calloc (1, sizeof (*pl));

    if (!pl || !(pl->works = json_object ())
        || flux_plugin_aux_set (p, ITEM, pl, perilog_destroy) < 0) {
        free (pl);
        return -1;
    }
    pl->p = p;
    pl->h = flux_jobtap_get_flux (p);
    const struct flux_plugin_handler handlers[] = {
        { "conf.update", conf_cb, pl },
        { "plugin.query", query_cb, pl },
        { "job.new", new_cb, pl },
        { "job.state.run", run_cb, pl },
        { "job.state.cleanup", cleanup_cb, pl },
        { "job.event.finish", finish_cb, pl },
        { "job.event.exception", exception_cb, pl },
        { NULL, NULL, NULL },
    };
    return flux_plugin_register (p, "perilog", handlers);
}
