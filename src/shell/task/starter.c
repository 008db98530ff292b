#include "shell/task/starter.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os/thread.h"

#define WAIT_MS 1000
#define LOOK_MS 10
#define PAUSE_MIN 10.
#define PAUSE_MAX 320.
#define FDS_MAX 64
#define STACK_SIZE (256 * 1024)
#define PF_FORKNOEXEC 0x40 /* of the kernel's flags in /proc/PID/stat */

enum state {
    IDLE,
    ASKED,
    DONE,
    LOST, /* the answer is for nobody */
};

/* The thread lives as long as the process: tasks are to be killed when it goes. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t asked, done;
    pid_t owner; /* the process that has the thread: not one that it forks */
    enum state state;
    struct spawn spawn;
    int fds[FDS_MAX];
    volatile pid_t child; /* 0: not there yet */
    pid_t pid;
    int errnum;
    double pause, free_at; /* seconds; monotonic */
} starter = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void *serve (void *arg)
{
    pthread_mutex_lock (&starter.lock);
    for (;;) {
        while (starter.state != ASKED)
            pthread_cond_wait (&starter.asked, &starter.lock);
        pthread_mutex_unlock (&starter.lock);
        pid_t pid = spawn_process (&starter.spawn);
        int errnum = errno;
        pthread_mutex_lock (&starter.lock);
        starter.pid = pid;
        starter.errnum = errnum;
        starter.state = starter.state == LOST ? IDLE : DONE;
        pthread_cond_signal (&starter.done);
    }
    return NULL;
}

/* All anew: the process that forked this one may have a thread that waits, holds the lock,
 * or has been asked. */
static int open_lock (void)
{
    pthread_condattr_t attr;
    int rc;

    if ((rc = pthread_mutex_init (&starter.lock, NULL)) != 0
        || (rc = pthread_cond_init (&starter.asked, NULL)) != 0)
        return rc;
    starter.state = IDLE;
    pthread_condattr_init (&attr);
    pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
    rc = pthread_cond_init (&starter.done, &attr);
    pthread_condattr_destroy (&attr);
    return rc;
}

static int open_thread (void)
{
    int rc;

    if ((rc = open_lock ()) != 0)
        return rc;
    rc = thread_start (NULL, STACK_SIZE, serve, NULL) < 0 ? errno : 0;
    if (rc != 0)
        pthread_cond_destroy (&starter.done);
    starter.owner = rc == 0 ? getpid () : 0;
    return rc;
}

/* False: there was no answer in so much time. */
static bool wait_for_answer (int ms)
{
    struct timespec t;

    clock_gettime (CLOCK_MONOTONIC, &t);
    t.tv_nsec += ms % 1000 * 1000000L;
    t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    while (starter.state == ASKED) {
        if (pthread_cond_timedwait (&starter.done, &starter.lock, &t) != 0)
            return starter.state == DONE;
    }
    return true;
}

static pid_t take_answer (void)
{
    starter.state = IDLE;
    errno = starter.errnum;
    return starter.pid;
}

/* The process is another program by now, for all that can be seen. */
static bool has_execed (pid_t pid)
{
    char path[64], text[512] = "";
    unsigned int flags = 0;
    const char *p;
    FILE *f;

    snprintf (path, sizeof (path), "/proc/%d/stat", (int)pid);
    if (!(f = fopen (path, "re")))
        return true;
    p = fgets (text, sizeof (text), f) ? strrchr (text, ')') : NULL;
    fclose (f);
    if (!p || sscanf (p + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
        return true;
    return !(flags & PF_FORKNOEXEC);
}

static pid_t child (void)
{
    return __atomic_load_n (&starter.child, __ATOMIC_SEQ_CST);
}

/* A process that has SIGKILL executes nothing more, even if its exec goes on. */
static pid_t give_up (void)
{
    while (child () == 0) { /* nobody was to be had for the thread itself */
        if (wait_for_answer (LOOK_MS))
            return take_answer ();
    }
    if (has_execed (child ())) {
        while (!wait_for_answer (WAIT_MS))
            ;
        return take_answer ();
    }
    kill (child (), SIGKILL);
    starter.state = LOST;
    starter.pause = starter.pause == 0 ? PAUSE_MIN : starter.pause * 2;
    if (starter.pause > PAUSE_MAX)
        starter.pause = PAUSE_MAX;
    starter.free_at = clock_monotonic () + starter.pause;
    errno = has_execed (child ()) ? ECANCELED : ETIMEDOUT;
    return -1;
}

static pid_t ask (const struct spawn *s)
{
    if (starter.state != IDLE) {
        errno = EAGAIN;
        return -1;
    }
    starter.spawn = *s;
    memcpy (starter.fds, s->fds, s->fd_count * sizeof (s->fds[0]));
    starter.spawn.fds = starter.fds;
    starter.spawn.child = &starter.child;
    __atomic_store_n (&starter.child, 0, __ATOMIC_SEQ_CST);
    starter.state = ASKED;
    pthread_cond_signal (&starter.asked);
    if (!wait_for_answer (WAIT_MS))
        return give_up ();
    starter.pause = 0;
    return take_answer ();
}

pid_t starter_spawn (const struct spawn *s)
{
    int errnum;

    if (s->fd_count > FDS_MAX) {
        errno = EMFILE;
        return -1;
    }
    if (starter.owner != getpid () && (errnum = open_thread ()) != 0) {
        errno = errnum;
        return -1;
    }
    pthread_mutex_lock (&starter.lock);
    pid_t pid = ask (s);
    errnum = errno;
    pthread_mutex_unlock (&starter.lock);
    errno = errnum;
    return pid;
}

bool starter_is_free (void)
{
    bool is_free;

    pthread_mutex_lock (&starter.lock);
    is_free = starter.state == IDLE
              && (starter.pause == 0 || clock_monotonic () >= starter.free_at);
    pthread_mutex_unlock (&starter.lock);
    return is_free;
}
