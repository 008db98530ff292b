#include "core/subprocess/launch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"
#include "base/os/thread.h"

#define STACK_SIZE (256 * 1024)
#define IDLE_SECONDS 1
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
    struct list node; /* of all.next */

    /* of both threads */
    pthread_mutex_t lock;
    int refs;
    bool done;
    bool abandoned;
    pid_t pid;
    int errnum;
    flux_cmd_t *cmd;
};

static void launch_decref (struct launch *l)
{
    int saved_errno = errno;

    if (__atomic_sub_fetch (&l->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    pthread_mutex_destroy (&l->lock);
    flux_cmd_destroy (l->cmd);
    free (l->fds);
    free (l);
    errno = saved_errno;
}

/* By the thread that has the watcher. Where the other has said, or is about to say, that it
 * is done, that is waited for: it must find its descriptor. */
static void stop_waiting (struct launch *l, bool done)
{
    int saved_errno = errno;
    uint64_t n;

    flux_watcher_destroy (l->w);
    while (done && read (l->event_fd, &n, sizeof (n)) < 0 && errno == EINTR)
        ;
    if (l->event_fd >= 0)
        close (l->event_fd);
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

/* A thread that is done waits a moment for the next: to make one takes a good part of
 * what it takes to start a process. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t another;
    struct list next; /* each has a thread that is about to take it */
    int idle;         /* threads that wait for more */
} all;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void none_yet (void) /* nor any more, in a process that was forked */
{
    pthread_mutex_init (&all.lock, NULL);
    pthread_cond_init (&all.another, NULL);
    list_init (&all.next);
    all.idle = 0;
}

static void begin (void)
{
    none_yet ();
    pthread_atfork (NULL, NULL, none_yet);
}

static void start_process (struct launch *l)
{
    static const uint64_t one = 1;
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
    pthread_mutex_unlock (&l->lock);
    if (abandoned)
        reap (l);
    else if (write (l->event_fd, &one, sizeof (one)) < 0)
        abort (); /* a counter that is 0 has room for one */
    launch_decref (l);
}

static struct launch *next_launch (void)
{
    struct timespec end;

    clock_gettime (CLOCK_REALTIME, &end);
    end.tv_sec += IDLE_SECONDS;
    pthread_mutex_lock (&all.lock);
    all.idle++;
    while (list_empty (&all.next)
           && pthread_cond_timedwait (&all.another, &all.lock, &end) == 0)
        ;
    struct list *node = list_pop (&all.next);
    if (!node)
        all.idle--;
    pthread_mutex_unlock (&all.lock);
    return node ? container_of (node, struct launch, node) : NULL;
}

static void *run (void *arg)
{
    for (struct launch *l = arg; l; l = next_launch ())
        start_process (l);
    return NULL;
}

/* To a thread that is idle, or a new one. */
static int hand_over (struct launch *l)
{
    bool taken;

    pthread_once (&once, begin);
    pthread_mutex_lock (&all.lock);
    if ((taken = all.idle > 0)) {
        all.idle--;
        list_append (&all.next, &l->node);
    }
    pthread_mutex_unlock (&all.lock);
    if (taken)
        pthread_cond_signal (&all.another);
    return taken ? 0 : thread_start (NULL, STACK_SIZE, run, l);
}

static void done_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct launch *l = arg;

    stop_waiting (l, true);
    launch_f cb = l->cb;
    uint64_t signals = l->signals;
    pid_t pid = l->pid;
    int errnum = l->errnum;
    void *cb_arg = l->arg;
    launch_decref (l);
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
    l->refs = 2;
    pthread_mutex_init (&l->lock, NULL);
    if ((l->fds = calloc (s->fd_count + 1, sizeof (l->fds[0])))) {
        memcpy (l->fds, s->fds, s->fd_count * sizeof (l->fds[0]));
        l->spawn.fds = l->fds;
        l->spawn.child = &l->child;
        l->spawn.killed = &l->killed;
    }
    if (!l->fds || (l->event_fd = eventfd (0, EFD_CLOEXEC)) < 0
        || !(l->w = flux_fd_watcher_create (r, l->event_fd, FLUX_POLLIN, done_cb, l))
        || hand_over (l) < 0) {
        stop_waiting (l, false);
        l->refs = 1;
        launch_decref (l);
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
    pthread_mutex_lock (&l->lock);
    l->cmd = cmd;
    l->abandoned = true;
    done = l->done;
    pthread_mutex_unlock (&l->lock);
    stop_waiting (l, done);
    if (done)
        reap (l);
    launch_decref (l);
}
