#include "shell/server/inside.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hashmap.h"
#include "base/heap.h"
#include "base/list.h"
#include "shell/job/layout.h"
#include "shell/job/simple.h"
#include "shell/shell.h"
#include "shell/task/starter.h"

#define FDS_PER_TASK 4 /* stdin, stdout, stderr, PMI */
#define FDS_OF_SERVER 16
#define FILES_MAX 8192

struct job {
    struct shell *sh;
    struct list touched; /* in inside.touched, or in no list */
    struct heap_node due;
    double deadline;
    int fds;
    bool killed; /* gone, but for the turn that goes on */
};

static struct {
    int epoll_fd;
    inside_ended_f ended;
    struct idmap *jobs;
    struct idmap *pids; /* struct task */
    struct list touched;
    struct heap due;
    int fds, fds_max;
} inside;

static bool is_before (const struct heap_node *a, const struct heap_node *b)
{
    return container_of (a, struct job, due)->deadline
           < container_of (b, struct job, due)->deadline;
}

int inside_init (int epoll_fd, inside_ended_f ended)
{
    if (chdir ("/") < 0) /* it is in nobody's way */
        return -1;
    inside.epoll_fd = epoll_fd;
    inside.ended = ended;
    list_init (&inside.touched);
    heap_init (&inside.due, is_before);
    /* the other half is for pipes to shells of their own */
    inside.fds_max = (int)limits_raise_files (FILES_MAX) / 2 - FDS_OF_SERVER;
    inside.jobs = idmap_create (NULL);
    inside.pids = idmap_create (NULL);
    return inside.jobs && inside.pids ? 0 : -1;
}

static void job_destroy (struct job *j)
{
    for (int i = 0; i < j->sh->task_count; i++) {
        struct task *t = &j->sh->tasks[i];
        if (t->pid > 0 && idmap_lookup (inside.pids, t->pid) == t)
            idmap_remove (inside.pids, t->pid);
    }
    idmap_remove (inside.jobs, j->sh->id);
    list_remove (&j->touched);
    heap_remove (&inside.due, &j->due);
    inside.fds -= j->fds;
    shell_destroy (j->sh);
    free (j);
}

void inside_fini (void)
{
    size_t pos = 0;
    void *value;

    while (inside.jobs && idmap_next (inside.jobs, &pos, NULL, &value)) {
        struct job *j = value;
        shell_tasks_kill (j->sh, SIGKILL);
        job_destroy (j);
    }
    idmap_destroy (inside.jobs);
    idmap_destroy (inside.pids);
    heap_fini (&inside.due);
    inside.jobs = inside.pids = NULL;
}

static void touch (struct job *j)
{
    if (list_empty (&j->touched))
        list_append (&inside.touched, &j->touched);
}

bool inside_wants (const struct shell *sh, size_t len)
{
    return shell_is_simple (sh, len, geteuid ()) && starter_is_free ()
           && inside.fds + sh->nodes[sh->rank].tasks * FDS_PER_TASK <= inside.fds_max;
}

static int add_pids (const struct shell *sh)
{
    for (int i = 0; i < sh->task_count; i++) {
        struct task *t = &sh->tasks[i];
        if (t->pid > 0 && idmap_insert (inside.pids, t->pid, t) < 0)
            return -1;
    }
    return 0;
}

/* Those that may have members: who is told kills them when this process cannot. */
static void tell_groups (struct shell *sh)
{
    struct buf b = BUF_INIT;

    for (int i = 0; i < sh->task_count; i++) {
        const struct task *t = &sh->tasks[i];
        if (t->pid > 0
            && (!t->exited || t->streams[0].src.fd >= 0 || t->streams[1].src.fd >= 0))
            buf_printf (&b, "%s%d", b.len ? " " : "", (int)t->pid);
    }
    shell_send (sh, 'p', &b);
    buf_fini (&b);
}

static void job_kill (struct job *j)
{
    struct buf b = BUF_INIT;

    shell_tasks_kill (j->sh, SIGKILL);
    j->sh->out.len = 0; /* as of a process that is killed */
    buf_printf (&b, "%d", SIGKILL);
    shell_send (j->sh, 'X', &b);
    buf_fini (&b);
    frame_flush (&j->sh->out); /* -1: nobody is left who would want it */
    j->killed = true;
    touch (j);
}

/* Another process may have what this one lacks, or can wait for it. */
static bool is_shortage (int errnum)
{
    return errnum == EMFILE || errnum == ENFILE || errnum == EAGAIN || errnum == ENOMEM
           || errnum == ENOTEMPTY  /* it would have to be emptied first */
           || errnum == ETIMEDOUT; /* a file system does not answer */
}

/* -1: sh is as inside_start says. */
static int start_tasks (struct shell *sh)
{
    int rc;

    sh->inside = true;
    sh->epoll_fd = inside.epoll_fd;
    rc = shell_start (sh);
    return rc < 0 && is_shortage (errno) && sh->running == 0 && !sh->out.begun ? -1 : 0;
}

int inside_start (struct shell *sh)
{
    struct job *j = calloc (1, sizeof (*j));

    if (!j || idmap_insert (inside.jobs, sh->id, j) < 0) {
        free (j);
        errno = ENOMEM;
        return -1;
    }
    if (start_tasks (sh) < 0) {
        int saved = errno;
        idmap_remove (inside.jobs, sh->id);
        free (j);
        errno = saved;
        return -1;
    }
    sh->owner = j;
    j->sh = sh;
    j->fds = sh->task_count * FDS_PER_TASK;
    inside.fds += j->fds;
    list_init (&j->touched);
    touch (j);
    if (add_pids (sh) < 0)
        job_kill (j);
    else if (sh->running > 0)
        tell_groups (sh);
    return 0;
}

/* Those that have ended, before their turn comes. */
static void reap (struct job *j)
{
    int status;

    for (int i = 0; i < j->sh->task_count; i++) {
        const struct task *t = &j->sh->tasks[i];
        if (t->pid > 0 && !t->exited && waitpid (t->pid, &status, WNOHANG) == t->pid)
            inside_reaped (t->pid, status);
    }
}

bool inside_frame (const struct frame *f)
{
    struct job *j = idmap_lookup (inside.jobs, f->id);

    if (!j)
        return false;
    if (j->killed)
        return true;
    if (f->type == 'K' && frame_signum (f) == SIGKILL)
        job_kill (j);
    else if (f->type == 'K')
        shell_tasks_kill (j->sh, frame_signum (f));
    else {
        if (f->type == 'T')
            reap (j);
        shell_frame (j->sh, f);
    }
    touch (j);
    return true;
}

bool inside_reaped (pid_t pid, int status)
{
    struct task *t = idmap_take (inside.pids, pid);

    if (!t)
        return false;
    shell_task_changed (t->sh, t, status);
    if (t->sh->running > 0) /* else there is nothing to change, or the end is near */
        tell_groups (t->sh);
    touch (t->sh->owner);
    return true;
}

void inside_event (struct source *src, int revents)
{
    struct job *j = src->task->sh->owner;

    if (j->killed || src->fd < 0)
        return;
    src->ready (j->sh, src, revents);
    touch (j);
}

/* -1: it was killed. */
static int set_due (struct job *j)
{
    double deadline = shell_deadline (j->sh);

    if (deadline == j->deadline && heap_has (&j->due))
        return 0;
    heap_remove (&inside.due, &j->due);
    j->deadline = deadline;
    if (deadline == INFINITY || heap_insert (&inside.due, &j->due) == 0)
        return 0;
    job_kill (j);
    return -1;
}

static void settle (struct job *j)
{
    if (!j->killed) {
        shell_settle (j->sh);
        if (shell_done (j->sh))
            shell_finish (j->sh);
        else if (set_due (j) == 0)
            return;
    }
    inside.ended (j->sh);
    job_destroy (j);
}

void inside_settle (void)
{
    struct heap_node *n;
    struct list *node;
    double now = clock_monotonic ();

    while ((n = heap_first (&inside.due))) {
        struct job *j = container_of (n, struct job, due);
        if (j->deadline > now)
            break;
        heap_remove (&inside.due, n);
        touch (j);
    }
    while ((node = list_pop (&inside.touched)))
        settle (container_of (node, struct job, touched));
}

double inside_deadline (void)
{
    struct heap_node *n = heap_first (&inside.due);
    return n ? container_of (n, struct job, due)->deadline : INFINITY;
}
