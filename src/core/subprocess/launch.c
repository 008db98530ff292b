#include "core/subprocess/launch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os/thread.h"

#define STACK_SIZE (256 * 1024)
#define BIT(signum) (UINT64_C (1) << ((signum)-1))
#define STOPS (BIT (SIGSTOP) | BIT (SIGTSTP) | BIT (SIGTTIN) | BIT (SIGTTOU))

struct launch {
    struct spawn spawn;
    int *fds; /* of it */
    int owned;
    volatile pid_t child;
    bool killed;
    launch_f cb;
    void *arg;
    flux_watcher_t *w;
    int event_fd;
    uint64_t signals;

    /* of both threads */
    pthread_mutex_t lock;
    bool done;
    bool abandoned;
    pid_t pid;
    int errnum;
    flux_cmd_t *cmd;
};

static void launch_destroy (struct launch *l)
{
    int saved_errno = errno;

    flux_watcher_destroy (l->w);
    if (l->event_fd >= 0)
        close (l->event_fd);
    pthread_mutex_destroy (&l->lock);
    flux_cmd_destroy (l->cmd);
    free (l->fds);
    free (l);
    errno = saved_errno;
}

static void reap (struct launch *l)
{
    if (l->pid <= 0)
        return;
    spawn_kill (l->pid, l->spawn.flags);
    while (waitpid (l->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void *run (void *arg)
{
    static const uint64_t one = 1;
    struct launch *l = arg;
    bool abandoned;

    pid_t pid = spawn_process (&l->spawn);
    int errnum = errno;
    for (int i = l->owned; i < l->spawn.fd_count; i++) {
        if (l->fds[i] >= 0)
            close (l->fds[i]);
    }
    pthread_mutex_lock (&l->lock);
    l->pid = pid;
    l->errnum = errnum;
    l->done = true;
    abandoned = l->abandoned;
    if (!abandoned && write (l->event_fd, &one, sizeof (one)) < 0)
        abort (); /* a counter that is 0 has room for one */
    pthread_mutex_unlock (&l->lock);
    if (abandoned) {
        reap (l);
        launch_destroy (l);
    }
    return NULL;
}

static void done_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct launch *l = arg;

    /* the thread is about to leave */
    pthread_mutex_lock (&l->lock);
    pthread_mutex_unlock (&l->lock);
    launch_f cb = l->cb;
    uint64_t signals = l->signals;
    pid_t pid = l->pid;
    int errnum = l->errnum;
    void *cb_arg = l->arg;
    launch_destroy (l);
    errno = errnum;
    cb (pid, signals, cb_arg);
}

struct launch *launch_create (flux_reactor_t *r, const struct spawn *s, int owned,
                              launch_f cb, void *arg)
{
    struct launch *l = calloc (1, sizeof (*l));

    if (!l)
        return NULL;
    l->spawn = *s;
    l->owned = owned;
    l->cb = cb;
    l->arg = arg;
    l->event_fd = -1;
    pthread_mutex_init (&l->lock, NULL);
    if ((l->fds = calloc (s->fd_count + 1, sizeof (l->fds[0])))) {
        memcpy (l->fds, s->fds, s->fd_count * sizeof (l->fds[0]));
        l->spawn.fds = l->fds;
        l->spawn.child = &l->child;
        l->spawn.killed = &l->killed;
    }
    if (!l->fds || (l->event_fd = eventfd (0, EFD_CLOEXEC)) < 0
        || !(l->w = flux_fd_watcher_create (r, l->event_fd, FLUX_POLLIN, done_cb, l))
        || thread_start (NULL, STACK_SIZE, run, l) < 0) {
        launch_destroy (l);
        return NULL;
    }
    flux_watcher_start (l->w);
    return l;
}

/* As with a process: what stops and what continues undo each other. */
static void note_signal (struct launch *l, int signum)
{
    if (signum == SIGCONT)
        l->signals &= ~STOPS;
    if (BIT (signum) & STOPS)
        l->signals &= ~BIT (SIGCONT);
    l->signals |= BIT (signum);
}

void launch_signal (struct launch *l, int signum)
{
    if (signum < 1 || signum > 64)
        return;
    note_signal (l, signum);
    if (signum != SIGKILL)
        return;
    __atomic_store_n (&l->killed, true, __ATOMIC_SEQ_CST);
    pthread_mutex_lock (&l->lock);
    pid_t child = __atomic_load_n (&l->child, __ATOMIC_SEQ_CST);
    if (!l->done && child > 0) /* it may have children before the thread knows of it */
        spawn_kill (child, l->spawn.flags);
    pthread_mutex_unlock (&l->lock);
}

void launch_abandon (struct launch *l, flux_cmd_t *cmd)
{
    bool done;

    launch_signal (l, SIGKILL);
    flux_watcher_destroy (l->w);
    l->w = NULL;
    pthread_mutex_lock (&l->lock);
    l->cmd = cmd;
    l->abandoned = true;
    done = l->done;
    pthread_mutex_unlock (&l->lock);
    if (done) {
        reap (l);
        launch_destroy (l);
    }
}
