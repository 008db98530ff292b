/* rc1 and rc3: the modules of b->modlist, and scripts.
 *
 * Happy path: every module starts as soon as those that it needs run, and
 * ends as soon as those that need it are gone. No process is started unless
 * there are scripts in rc1.d or rc3.d, or broker.rc1_path names a command.
 *
 * Failures: a module that does not start fails rc1, and the broker shuts
 * down; in recovery mode the broker goes on without it and those that need it.
 * What did start is unloaded by rc3, which before collects garbage (content.gc-at-end) and
 * dumps the KVS (content.dump) if it is told so. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>

#include "base/buf.h"
#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/conffile.h"
#include "broker/modhost/modlist.h"
#include "broker/modhost/modules.h"
#include "broker/programs/command.h"
#include "broker/rc/dumps.h"
#include "broker/rc/rc.h"
#include "broker/rc/rc2.h"
#include "broker/rc/rccmd.h"
#include "broker/rc/rcplan.h"
#include "broker/rc/runat.h"
#include "broker/routing/router.h"
#include "broker/routing/services.h"
#include "config.h"
#include "value/fsd.h"

/* For the end of a module; seconds. */
#define WAIT_MAX 20.

struct rc {
    struct rcplan plan;
    int failed;
    bool starting;                  /* rc1 is under way */
    bool jobs_ended, program_ended; /* both: scripts of cleanup can run */
    bool ending;                    /* rc3 is */
    int others;            /* modules that are not in the list, being removed */
    flux_watcher_t *waits; /* for them, or those of the list */
    int *scripts_status;
    flux_watcher_t *timer;
    bool cleanup_done;
    flux_watcher_t *again; /* the next attempt to cancel the jobs */
    int refusals;          /* since the last that was taken */
};

static void load_ready (struct broker *b);
static void unload_ready (struct broker *b);

/* The module that stands for an entry of the list here, or NULL. */
static const char *module_name (struct broker *b, int i)
{
    const struct modlist_entry *e = &b->modlist->entry[i];
    const char *name;

    if (e->leader && b->rank > 0)
        return NULL;
    if (!e->attribute)
        return e->name;
    name = attrs_val (b->attrs, e->attribute);
    return name && strcmp (name, "none") != 0 ? name : NULL;
}

/* -1: the list does not have it. */
static int find_listed (struct broker *b, const char *name)
{
    for (int i = 0; i < b->modlist->count; i++) {
        const char *here = module_name (b, i);

        if (here && strcmp (here, name) == 0)
            return i;
    }
    return -1;
}

static void find_absent (struct broker *b)
{
    for (int i = 0; i < b->modlist->count; i++)
        b->rc->plan.absent[i] = !module_name (b, i);
}

/* ---- scripts ---- */

/* "rc1" or "rc3": those of the site and of FLUX_RC_EXTRA. */
static char *scripts_command (const char *rc)
{
    const char *dirs[2] = { FLUX_SYSCONFDIR, getenv ("FLUX_RC_EXTRA") };

    return rccmd_scripts (dirs, 2, rc);
}

/* A site, or who starts the instance, has files for flux modprobe, or changes modules by
 * [modules] in the configuration: then it does what else is done here. */
static bool uses_modprobe (struct broker *b)
{
    static const char *const patterns[] = {
        FLUX_SYSCONFDIR "/modprobe/modprobe.toml",
        FLUX_SYSCONFDIR "/modprobe/modprobe.d/*.toml",
        FLUX_SYSCONFDIR "/modprobe/rc[13].py",
        FLUX_SYSCONFDIR "/modprobe/rc[13].d/*.py",
    };
    bool found = json_object_get (b->conf, "modules") || getenv ("FLUX_MODPROBE_PATH")
                 || getenv ("FLUX_MODPROBE_PATH_APPEND");

    for (size_t i = 0; !found && i < sizeof (patterns) / sizeof (patterns[0]); i++) {
        glob_t g;

        if (glob (patterns[i], 0, NULL, &g) == 0) {
            found = true;
            globfree (&g);
        }
    }
    return found;
}

/* ---- rc1 ---- */

static void rc1_finish (struct broker *b, bool success)
{
    b->rc->starting = false;
    if (!success && b->exit_code == 0)
        b->exit_code = 1;
    broker_post (b, success ? EVENT_RC1_SUCCESS : EVENT_RC1_FAIL);
}

static int exit_status (int status)
{
    return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}

static void rc1_script_done (struct broker *b, int status, void *arg)
{
    if (b->state != STATE_INIT)
        return; /* it was stopped */
    if (status != 0)
        broker_log (b, LOG_ERR, "rc1 failed with status %d", exit_status (status));
    rc1_finish (b, status == 0);
}

static void rc1_scripts (struct broker *b)
{
    char *cmd = scripts_command ("rc1");

    if (!cmd)
        rc1_finish (b, true);
    else if (command_run (b, cmd, rc1_script_done, NULL) < 0)
        rc1_script_done (b, 1 << 8, NULL);
    free (cmd);
}

/* Who repairs an instance wants to get in, with whatever can be started. */
static bool is_recovery (struct broker *b)
{
    const char *s = attrs_val (b->attrs, "broker.recovery-mode");

    return s && *s && strcmp (s, "0") != 0;
}

static void load_failed (struct broker *b, const char *name, int errnum,
                         const char *errstr)
{
    const char *path = attrs_val (b->attrs, "config.path");
    flux_error_t told;

    if (!errstr || !*errstr)
        errstr = strerror (errnum);
    else if (path && conffile_tell (path, errstr, &told) == 0)
        errstr = told.text;
    broker_log (b, LOG_ERR, "rc1: load %s: %s", name, errstr);
    if (!is_recovery (b)) {
        b->rc->failed++;
        rcplan_give_up (&b->rc->plan);
    }
}

static void loaded (struct broker *b, const char *name, int errnum, const char *errstr,
                    void *arg)
{
    enum progress *progress = arg;

    if (b->rc->ending)
        return; /* rc3 has asked it to end, and waits for that */
    *progress = errnum ? FAILED : RUNNING;
    if (errnum)
        load_failed (b, name, errnum, errstr);
    load_ready (b);
}

static void load (struct broker *b, int i)
{
    const char *name = module_name (b, i);
    enum progress *progress = &b->rc->plan.progress[i];
    flux_error_t error;

    if (modules_load (b, name, NULL, NULL, NULL, loaded, progress, &error) < 0) {
        *progress = FAILED;
        load_failed (b, name, errno, error.text);
    }
}

static void restored (struct broker *b, int status, void *arg)
{
    int i = (intptr_t)arg;

    if (b->state != STATE_INIT)
        return; /* it was stopped */
    if (status == 0) {
        load (b, i);
    } else {
        b->rc->plan.progress[i] = FAILED;
        broker_log (b, LOG_ERR, "content.restore failed with status %d: %s",
                    exit_status (status), attrs_val (b->attrs, "content.restore"));
        b->rc->failed++;
        rcplan_give_up (&b->rc->plan);
    }
    load_ready (b);
}

/* False: what stands at i needs nothing to be restored before. */
static bool restore (struct broker *b, int i)
{
    struct buf cmd = BUF_INIT;
    bool wanted =
        !strcmp (b->modlist->entry[i].name, "kvs") && dumps_restore_command (b, &cmd);

    if (wanted
        && (cmd.err || command_run (b, cmd.data, restored, (void *)(intptr_t)i) < 0))
        restored (b, 1 << 8, (void *)(intptr_t)i);
    buf_fini (&cmd);
    return wanted;
}

/* Starts what can start; ends rc1 when nothing is left to do. */
static void load_ready (struct broker *b)
{
    struct rc *rc = b->rc;
    int i;

    while (rc->starting && (i = rcplan_start_next (&rc->plan)) >= 0)
        if (!restore (b, i))
            load (b, i);
    if (!rc->starting || rcplan_starting (&rc->plan) > 0)
        return;
    rc->starting = false;
    if (rc->failed)
        rc1_finish (b, false);
    else
        rc1_scripts (b);
}

static bool is_builtin_rc (struct broker *b, const char *attr, const char *dflt,
                           const char **cmd)
{
    *cmd = attrs_val (b->attrs, attr);
    return *cmd && strcmp (*cmd, dflt) == 0;
}

/* What every broker has, also before a command of its own runs, or none. */
static void exec_loaded (struct broker *b, const char *name, int errnum,
                         const char *errstr, void *arg)
{
    const char *cmd = attrs_val (b->attrs, "broker.rc1_path");

    if (b->state != STATE_INIT)
        return; /* it was stopped */
    if (errnum) {
        load_failed (b, "rexec", errnum, errstr);
        rc1_finish (b, is_recovery (b));
    } else if (!cmd || !*cmd)
        broker_post (b, EVENT_RC1_NONE);
    else if (command_run (b, cmd, rc1_script_done, NULL) < 0)
        rc1_script_done (b, 1 << 8, NULL);
}

void rc1_start (struct broker *b)
{
    flux_error_t error;
    const char *cmd;

    b->rc->starting = true;
    find_absent (b);
    if (is_builtin_rc (b, "broker.rc1_path", "flux modprobe rc1", &cmd)
        && !uses_modprobe (b))
        load_ready (b);
    else if (modules_load (b, "rexec", NULL, NULL, NULL, exec_loaded, NULL, &error) < 0)
        exec_loaded (b, "rexec", errno, error.text, NULL);
}

/* ---- cleanup ---- */

/* A store that fails keeps job-manager from canceling anything, and jobs from their
 * end: so long is waited until it is well again. */
#define CANCEL_EVERY 1. /* s */
#define REFUSALS_MAX 10

static void cleanup_scripts_done (struct broker *b, int status, void *arg)
{
    broker_post (b, status == 0 ? EVENT_CLEANUP_SUCCESS : EVENT_CLEANUP_FAIL);
}

static void cleanup_scripts (struct broker *b)
{
    if (b->state == STATE_CLEANUP) /* nobody was in more of a hurry */
        runat_start (b, "cleanup", cleanup_scripts_done, NULL);
}

static void cleanup_idle (struct broker *b, const flux_msg_t *rep, void *arg)
{
    struct rc *rc = b->rc;

    if (rc->cleanup_done)
        return;
    rc->cleanup_done = true;
    flux_watcher_destroy (rc->timer);
    rc->timer = NULL;
    flux_watcher_destroy (rc->again);
    rc->again = NULL;
    rc->jobs_ended = true;
    if (rc->program_ended)
        cleanup_scripts (b);
}

static void program_ended (struct broker *b)
{
    b->rc->program_ended = true;
    if (b->rc->jobs_ended)
        cleanup_scripts (b);
}

static void cleanup_timeout (flux_reactor_t *r, flux_watcher_t *w, int revents,
                             void *arg)
{
    struct broker *b = arg;

    broker_log (b, LOG_ERR, "cleanup: jobs did not end in time");
    cleanup_idle (b, NULL, NULL);
}

static void cancel_answered (struct broker *b, const flux_msg_t *rep, void *arg)
{
    struct rc *rc = b->rc;
    const char *text = NULL;

    if (rc->cleanup_done)
        return;
    if (flux_response_decode (rep, NULL, NULL) == 0) {
        rc->refusals = 0;
        return;
    }
    if (++rc->refusals < REFUSALS_MAX)
        return;
    if (flux_response_decode_error (rep, &text) < 0)
        text = strerror (errno);
    broker_log (b, LOG_ERR, "cleanup: jobs cannot be ended: %s", text);
    if (b->exit_code == 0)
        b->exit_code = 1;
    cleanup_idle (b, NULL, NULL);
}

/* Once more is not twice: a job that is canceled does not run any more. */
static int cancel_jobs (struct broker *b)
{
    return broker_rpc (b, "job-manager.raiseall", FLUX_NODEID_ANY,
                       json_pack ("{s:b s:I s:i s:i s:s}", "dry_run", 0, "userid",
                                  (json_int_t)FLUX_USERID_UNKNOWN, "states",
                                  FLUX_JOB_STATE_RUN, "severity", 0, "type", "cancel"),
                       cancel_answered, NULL);
}

static void cancel_again (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    (void)cancel_jobs (arg);
}

/* No more jobs start, those that run are canceled, and then they are gone.
 * Four requests at once: job-manager handles them in this order. */
void rc_cleanup_start (struct broker *b)
{
    const char *timeout = attrs_val (b->attrs, "broker.cleanup-timeout");
    double seconds;

    rc2_end (b, program_ended);
    /* in recovery none runs here, and those of the instance are not its to end */
    if (!modules_loaded (b, "job-manager") || is_recovery (b)) {
        cleanup_idle (b, NULL, NULL);
        return;
    }
    (void)broker_rpc (
        b, "job-manager.queue-start", FLUX_NODEID_ANY,
        json_pack ("{s:b s:b s:b}", "start", 0, "all", 1, "nocheckpoint", 1), NULL,
        NULL);
    (void)broker_rpc (b, "resource.acquire-mute", FLUX_NODEID_ANY, NULL, NULL, NULL);
    (void)cancel_jobs (b);
    if (broker_rpc (b, "job-manager.idle", FLUX_NODEID_ANY,
                    json_pack ("{s:b}", "end", 1), cleanup_idle, NULL)
        < 0) {
        cleanup_idle (b, NULL, NULL);
        return;
    }
    if (!b->rc->cleanup_done
        && (b->rc->again = flux_timer_watcher_create (b->reactor, CANCEL_EVERY,
                                                      CANCEL_EVERY, cancel_again, b)))
        flux_watcher_start (b->rc->again);
    if (timeout && strcmp (timeout, "none") != 0 && fsd_parse (timeout, &seconds) == 0
        && !b->rc->cleanup_done) {
        b->rc->timer =
            flux_timer_watcher_create (b->reactor, seconds, 0., cleanup_timeout, b);
        flux_watcher_start (b->rc->timer);
    }
}

/* ---- rc3 ---- */

static void rc3_finish (struct broker *b)
{
    b->rc->ending = false;
    flux_watcher_stop (b->rc->waits);
    broker_post (b, b->rc->failed ? EVENT_RC3_FAIL : EVENT_RC3_SUCCESS);
}

static void unloaded (struct broker *b, const char *name, int errnum,
                      const char *errstr, void *arg)
{
    enum progress *progress = arg;

    /* What it could not save is lost. */
    if (errnum) {
        broker_log (b, LOG_ERR, "rc3: %s: %s", name,
                    errstr && *errstr ? errstr : strerror (errnum));
        b->rc->failed++;
        if (b->exit_code == 0)
            b->exit_code = 1;
    }
    if (progress)
        *progress = PROGRESS_IDLE;
    else if (b->rc->others > 0) /* it was waited for */
        b->rc->others--;
    unload_ready (b);
}

static void unload_ready (struct broker *b)
{
    struct rc *rc = b->rc;
    int i;

    if (!rc->ending || rc->others > 0)
        return;
    while (rc->ending && (i = rcplan_end_next (&rc->plan)) >= 0) {
        enum progress *progress = &rc->plan.progress[i];

        if (modules_remove (b, module_name (b, i), unloaded, progress) < 0)
            *progress = PROGRESS_IDLE;
    }
    if (rc->ending && rcplan_left (&rc->plan) == 0)
        rc3_finish (b);
}

struct waited {
    struct buf names;
    bool listed;
};

/* Of those of the list, which have been asked; of the others all. */
static void add_waited (struct broker *b, const char *name, void *arg)
{
    struct waited *waited = arg;
    int i = find_listed (b, name);

    if (waited->listed ? i >= 0 && b->rc->plan.progress[i] == ENDING : i < 0)
        buf_printf (&waited->names, " %s", name);
}

/* A thread cannot be killed. One that was loaded by hand may wait for itself, and what
 * the instance's own modules have to save does not wait for that. */
static void still_waits (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct broker *b = arg;
    struct waited waited = { .names = BUF_INIT, .listed = b->rc->others == 0 };

    modules_foreach (b, add_waited, &waited);
    broker_log (b, LOG_ERR, "rc3: does not end%s:%s",
                waited.listed ? "" : " and is left behind",
                waited.names.data ? waited.names.data : "");
    buf_fini (&waited.names);
    if (waited.listed)
        return;
    b->rc->others = 0;
    b->rc->failed++;
    if (b->exit_code == 0)
        b->exit_code = 1;
    unload_ready (b);
}

static void note_module (struct broker *b, const char *name, void *arg)
{
    int i = find_listed (b, name);

    if (i >= 0) {
        b->rc->plan.progress[i] = RUNNING;
        return;
    }
    b->rc->others++;
    if (modules_remove (b, name, unloaded, NULL) < 0)
        b->rc->others--;
}

/* Whatever is loaded now, by whom ever. First those that are not in the list:
 * they may need any of the others. */
static void rc3_modules (struct broker *b)
{
    struct rc *rc = b->rc;

    rcplan_reset (&rc->plan);
    rc->others = 0;
    rc->starting = false;
    rc->ending = true;
    rc->waits =
        flux_timer_watcher_create (b->reactor, WAIT_MAX, WAIT_MAX, still_waits, b);
    flux_watcher_start (rc->waits);
    modules_foreach (b, note_module, NULL);
    unload_ready (b);
}

static void rc3_script_done (struct broker *b, int status, void *arg)
{
    if (status != 0) {
        broker_log (b, LOG_ERR, "rc3 failed with status %d", exit_status (status));
        if (b->exit_code == 0)
            b->exit_code = 1;
    }
    rc3_modules (b);
}

/* What is to be done with the KVS when nobody writes to it any more (rank 0), after
 * the scripts, whatever came of them, and what is done then. NULL: nothing. */
static char *last_commands (struct broker *b, const char *scripts, const char *then)
{
    const char *gc = attrs_val (b->attrs, "content.gc-at-end");
    struct buf dump = BUF_INIT;
    char *cmd;

    if (b->rank > 0 || !modules_loaded (b, "kvs"))
        return NULL;
    cmd = rccmd_last (scripts, gc && atoi (gc),
                      dumps_dump_command (b, &dump) ? dump.data : NULL, then);
    buf_fini (&dump);
    return cmd;
}

void rc3_start (struct broker *b)
{
    const char *cmd;
    char *scripts = NULL, *last;

    b->rc->failed = 0;
    bool builtin = is_builtin_rc (b, "broker.rc3_path", "flux modprobe rc3", &cmd);
    bool modprobe = builtin && uses_modprobe (b);

    if (builtin && !modprobe)
        cmd = scripts = scripts_command ("rc3");
    if ((last = last_commands (b, modprobe ? NULL : cmd, modprobe ? cmd : NULL)))
        cmd = last;
    if (!cmd || !*cmd)
        rc3_modules (b);
    else if (command_run (b, cmd, rc3_script_done, NULL) < 0)
        rc3_script_done (b, 1 << 8, NULL);
    free (scripts);
    free (last);
}

int rc_init (struct broker *b)
{
    for (int i = 0; i < b->modlist->count; i++)
        if (services_reserve (b->services, b->modlist->entry[i].name) < 0)
            return -1;
    if (!(b->rc = calloc (1, sizeof (*b->rc))))
        return -1;
    return rcplan_init (&b->rc->plan, b->modlist);
}

void rc_fini (struct broker *b)
{
    if (b->rc) {
        flux_watcher_destroy (b->rc->timer);
        flux_watcher_destroy (b->rc->again);
        flux_watcher_destroy (b->rc->waits);
        rcplan_fini (&b->rc->plan);
        free (b->rc);
        b->rc = NULL;
    }
}
