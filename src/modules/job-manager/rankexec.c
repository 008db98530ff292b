#include "modules/job-manager/rankexec.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOT_STARTED (126 << 8)

struct process {
    struct rankexec *x;
    unsigned int rank;
    flux_subprocess_t *p; /* NULL: it could not even be asked for */
    int errnum;
};

struct rankexec {
    const struct rankexec_ops *ops;
    void *arg;
    struct process *procs;
    size_t count;
    struct idset *active;
    flux_watcher_t *later; /* what is not to be told at once */
};

const struct idset *rankexec_active (const struct rankexec *x)
{
    return x->active;
}

static void ended (struct process *proc, int status, const char *why)
{
    struct rankexec *x = proc->x;

    if (!idset_test (x->active, proc->rank))
        return;
    idset_clear (x->active, proc->rank);
    x->ops->done (proc->rank, status, why, x->arg);
    if (idset_count (x->active) == 0)
        flux_watcher_start (x->later);
}

static struct process *process_of (flux_subprocess_t *p)
{
    return flux_subprocess_aux_get (p, "rankexec");
}

static void completion_cb (flux_subprocess_t *p)
{
    ended (process_of (p), flux_subprocess_status (p), NULL);
}

static void state_cb (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    const char *why;

    if (state != FLUX_SUBPROCESS_FAILED)
        return;
    if (!(why = flux_subprocess_fail_error (p)) || !*why)
        why = strerror (flux_subprocess_fail_errno (p));
    ended (process_of (p), NOT_STARTED, why);
}

static void output_cb (flux_subprocess_t *p, const char *stream)
{
    struct process *proc = process_of (p);
    const char *line;
    char text[1024];
    int len;

    if ((len = flux_subprocess_getline (p, stream, &line)) <= 0)
        return;
    if (line[len - 1] == '\n')
        len--;
    snprintf (text, sizeof (text), "%.*s", len, line);
    proc->x->ops->line (proc->rank, strcmp (stream, "stderr") == 0, text, proc->x->arg);
}

static const flux_subprocess_ops_t process_ops = {
    .on_completion = completion_cb,
    .on_state_change = state_cb,
    .on_stdout = output_cb,
    .on_stderr = output_cb,
};

/* What could not be asked for has failed, too. */
static void later_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct rankexec *x = arg;

    for (size_t i = 0; i < x->count; i++) {
        if (!x->procs[i].p)
            ended (&x->procs[i], NOT_STARTED, strerror (x->procs[i].errnum));
    }
    flux_watcher_stop (w);
    if (idset_count (x->active) == 0)
        x->ops->complete (x->arg);
}

static void spawn (flux_t *h, struct process *proc, const flux_cmd_t *cmd)
{
    proc->p = flux_rexec (h, (int)proc->rank, 0, cmd, &process_ops);
    if (proc->p && flux_subprocess_aux_set (proc->p, "rankexec", proc, NULL) < 0) {
        flux_subprocess_destroy (proc->p);
        proc->p = NULL;
    }
    if (!proc->p)
        proc->errnum = errno;
}

int rankexec_set_environment (flux_cmd_t *cmd, flux_jobid_t id, uint32_t userid,
                              const struct idset *ranks)
{
    char *s = idset_encode (ranks, IDSET_FLAG_RANGE);
    char f58[32];
    int rc = -1;

    if (s && flux_job_id_encode (id, "f58", f58, sizeof (f58)) == 0
        && flux_cmd_setenvf (cmd, 1, "FLUX_JOB_ID", "%s", f58) == 0
        && flux_cmd_setenvf (cmd, 1, "FLUX_JOB_USERID", "%u", userid) == 0
        && flux_cmd_setenvf (cmd, 1, "FLUX_JOB_RANKS", "%s", s) == 0
        && flux_cmd_setenvf (cmd, 1, "FLUX_OWNER_USERID", "%u", getuid ()) == 0)
        rc = 0;
    flux_cmd_unsetenv (cmd, "FLUX_URI"); /* each rank has its own */
    free (s);
    return rc;
}

struct rankexec *rankexec_create (flux_t *h, const flux_cmd_t *cmd,
                                  const struct idset *ranks,
                                  const struct rankexec_ops *ops, void *arg)
{
    struct rankexec *x = calloc (1, sizeof (*x));
    unsigned int rank;
    bool late;

    if (!x)
        return NULL;
    x->ops = ops;
    x->arg = arg;
    if (!(x->procs = calloc (idset_count (ranks) + 1, sizeof (*x->procs)))
        || !(x->active = idset_copy (ranks))
        || !(x->later = flux_timer_watcher_create (flux_get_reactor (h), 0., 0.,
                                                   later_cb, x))) {
        rankexec_destroy (x);
        return NULL;
    }
    late = idset_count (ranks) == 0;
    for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        struct process *proc = &x->procs[x->count++];
        *proc = (struct process){ .x = x, .rank = rank };
        spawn (h, proc, cmd);
        late |= !proc->p;
    }
    if (late)
        flux_watcher_start (x->later);
    return x;
}

void rankexec_destroy (struct rankexec *x)
{
    if (!x)
        return;
    int saved_errno = errno;
    if (x->active)
        rankexec_kill (x, NULL, SIGKILL);
    for (size_t i = 0; i < x->count; i++)
        flux_subprocess_destroy (x->procs[i].p);
    flux_watcher_destroy (x->later);
    idset_destroy (x->active);
    free (x->procs);
    free (x);
    errno = saved_errno;
}

void rankexec_kill (struct rankexec *x, const struct idset *ranks, int signum)
{
    for (size_t i = 0; i < x->count; i++) {
        struct process *proc = &x->procs[i];
        if (proc->p && idset_test (x->active, proc->rank)
            && (!ranks || idset_test (ranks, proc->rank)))
            flux_future_destroy (flux_subprocess_kill (proc->p, signum));
    }
}
