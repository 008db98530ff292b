/* Tasks of entries: a process of the rexec service. One at a time for each entry. */
#include "entry.h"

#include "base/clock.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#define KILL_DELAY 5. /* s, from SIGTERM to SIGKILL */
#define LINE_MAX_LOG 1024

extern char **environ;

struct task {
    struct list node;
    flux_t *h;
    struct entry *entry; /* NULL: it was deleted */
    int id;
    json_t *record;
    flux_subprocess_t *p;
    flux_watcher_t *timer;
    bool timed_out;
};

static void set (struct task *t, const char *key, json_t *value)
{
    json_object_set_new (t->record, key, value);
}

static json_t *record_create (const char *state, int rank)
{
    return json_pack ("{s:s s:f s:i s:i s:i}", "state", state, "create-time",
                      clock_wall (), "rank", rank, "pid", 0, "status", 0);
}

static void push_record (struct entry *e, json_t *record)
{
    json_array_insert (e->tasks, 0, record);
    while (json_array_size (e->tasks) > e->history)
        json_array_remove (e->tasks, json_array_size (e->tasks) - 1);
}

static void task_destroy (struct task *t)
{
    list_remove (&t->node);
    flux_watcher_destroy (t->timer);
    json_decref (t->record);
    free (t);
}

static void log_failure (struct task *t, const char *command, int status)
{
    if (t->timed_out)
        flux_log (t->h, LOG_ERR, "cron-%d: \"%s\": Timed out", t->id, command);
    else if (WIFSIGNALED (status))
        flux_log (t->h, LOG_ERR, "cron-%d: \"%s\": Failed: %s", t->id, command,
                  strsignal (WTERMSIG (status)));
    else
        flux_log (t->h, LOG_ERR, "cron-%d: \"%s\": Failed: Exit %d", t->id, command,
                  WEXITSTATUS (status));
}

static void end (struct task *t, bool success)
{
    struct entry *e = t->entry;

    if (e)
        e->task = NULL;
    task_destroy (t);
    if (e)
        entry_done (e, success);
}

static void completion_cb (flux_subprocess_t *p)
{
    struct task *t = flux_subprocess_aux_get (p, "task");
    int status = flux_subprocess_status (p);
    double now = clock_wall (),
           start = json_number_value (json_object_get (t->record, "start-time"));
    bool success = status == 0 && !t->timed_out;

    set (t, "state", json_string (t->timed_out ? "Timeout" : "Exited"));
    set (t, "end-time", json_real (now));
    set (t, "running-time", json_real (start > 0 ? now - start : 0));
    set (t, "status", json_integer (status));
    set (t, "code",
         json_integer (WIFSIGNALED (status) ? 128 + WTERMSIG (status)
                                            : WEXITSTATUS (status)));
    if (!success)
        log_failure (t, t->entry ? t->entry->command : "", status);
    flux_subprocess_destroy (p);
    end (t, success);
}

static void failed (struct task *t, const char *why)
{
    set (t, "state", json_string ("Failed"));
    set (t, "error", json_string (why));
    set (t, "end-time", json_real (clock_wall ()));
    flux_log (t->h, LOG_ERR, "cron-%d: failure running %s: %s", t->id,
              t->entry ? t->entry->command : "", why);
    end (t, false);
}

static void state_cb (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    struct task *t = flux_subprocess_aux_get (p, "task");

    if (state == FLUX_SUBPROCESS_RUNNING) {
        set (t, "state", json_string ("Running"));
        set (t, "start-time", json_real (clock_wall ()));
        set (t, "pid", json_integer (flux_subprocess_pid (p)));
    } else if (state == FLUX_SUBPROCESS_FAILED) {
        const char *why = flux_subprocess_fail_error (p);

        if (!why || !*why)
            why = strerror (flux_subprocess_fail_errno (p));
        failed (t, why);
        flux_subprocess_destroy (p);
    }
}

static void output_cb (flux_subprocess_t *p, const char *stream)
{
    struct task *t = flux_subprocess_aux_get (p, "task");
    int level = !strcmp (stream, "stderr") ? LOG_ERR : LOG_INFO;
    const char *line;
    int len;

    while ((len = flux_subprocess_getline (p, stream, &line)) > 0) {
        while (len > 0 && line[len - 1] == '\n')
            len--;
        flux_log (t->h, level, "cron-%d: %s: %.*s%s", t->id, stream,
                  len < LINE_MAX_LOG ? len : LINE_MAX_LOG, line,
                  len < LINE_MAX_LOG ? "" : "...");
    }
}

static void send_signal (struct task *t, int signo)
{
    flux_future_t *f = flux_subprocess_kill (t->p, signo);

    flux_future_destroy (f);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct task *t = arg;

    if (t->timed_out) {
        send_signal (t, SIGKILL);
        return;
    }
    t->timed_out = true;
    send_signal (t, SIGTERM);
    flux_timer_watcher_reset (w, KILL_DELAY, 0.);
    flux_watcher_start (w);
}

static int start_timer (struct task *t, double timeout)
{
    if (timeout <= 0)
        return 0;
    if (!(t->timer = flux_timer_watcher_create (flux_get_reactor (t->h), timeout, 0.,
                                                timer_cb, t)))
        return -1;
    flux_watcher_start (t->timer);
    return 0;
}

static flux_cmd_t *make_cmd (const struct entry *e)
{
    flux_cmd_t *cmd = flux_cmd_create (0, NULL, e->environ ? NULL : environ);
    const char *name;
    size_t i;
    json_t *o;
    char *cwd = e->cwd ? strdup (e->cwd) : getcwd (NULL, 0);
    int rc = cmd && cwd ? 0 : -1;

    json_array_foreach (e->argv, i, o)
        if (rc == 0)
            rc = flux_cmd_argv_append (cmd, json_string_value (o));
    json_object_foreach (e->environ, name, o)
        if (rc == 0)
            rc = flux_cmd_setenvf (cmd, 1, name, "%s", json_string_value (o));
    if (rc == 0)
        rc = flux_cmd_setcwd (cmd, cwd);
    free (cwd);
    if (rc < 0) {
        flux_cmd_destroy (cmd);
        return NULL;
    }
    return cmd;
}

static const flux_subprocess_ops_t ops = {
    .on_completion = completion_cb,
    .on_state_change = state_cb,
    .on_stdout = output_cb,
    .on_stderr = output_cb,
};

static struct task *task_create (struct entry *e)
{
    struct task *t = calloc (1, sizeof (*t));

    if (!t)
        return NULL;
    t->h = e->cron->h;
    t->id = e->id;
    t->entry = e;
    if (!(t->record = record_create ("Initialized", e->rank))) {
        free (t);
        return NULL;
    }
    list_append (&e->cron->tasks, &t->node);
    return t;
}

void task_run (struct entry *e)
{
    struct task *t = task_create (e);
    flux_cmd_t *cmd = t ? make_cmd (e) : NULL;

    if (!t) {
        flux_log_error (e->cron->h, "cron-%d", e->id);
        return;
    }
    e->task = t;
    push_record (e, t->record);
    if (!cmd || !(t->p = flux_rexec (t->h, e->rank, 0, cmd, &ops))
        || flux_subprocess_aux_set (t->p, "task", t, NULL) < 0
        || start_timer (t, e->timeout) < 0) {
        flux_subprocess_destroy (t->p);
        failed (t, strerror (errno));
    }
    flux_cmd_destroy (cmd);
}

void task_defer (struct entry *e)
{
    json_t *record = record_create ("Deferred", e->rank);

    if (record)
        push_record (e, record);
    json_decref (record);
}

void task_kill (struct task *t)
{
    if (t->p)
        send_signal (t, SIGTERM);
}

void task_forget (struct task *t)
{
    t->entry = NULL;
}

void task_destroy_all (struct cron *cron)
{
    list_foreach (&cron->tasks, it) {
        struct task *t = container_of (it, struct task, node);

        flux_subprocess_destroy (t->p);
        task_destroy (t);
    }
}
