#include "core/reactor/child_stops.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/list.h"
#include "base/os/thread.h"

#define STACK_SIZE (256 * 1024)
#define STATUS_CONTINUED 0xffff
#define STATUS_STOPPED(signum) ((signum) << 8 | 0x7f)

struct child_stops {
    struct list node;
    pid_t pid;
    struct ev_loop *loop;
    ev_async *wake;
    int status;
    bool news;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t another; /* count has grown */
    struct list children;
    unsigned int count; /* of children that there have been */
    bool thread;
} all = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .another = PTHREAD_COND_INITIALIZER,
    .children = { &all.children, &all.children },
};

static void tell (struct child_stops *s, int status)
{
    /* a stop may be found in two ways */
    if (s->status != 0 && WIFSTOPPED (s->status) == WIFSTOPPED (status))
        return;
    s->status = status;
    s->news = true;
    ev_async_send (s->loop, s->wake);
}

static void tell_child (const siginfo_t *si)
{
    list_foreach (&all.children, it) {
        struct child_stops *s = container_of (it, struct child_stops, node);

        if (s->pid == si->si_pid)
            tell (s, si->si_code == CLD_CONTINUED ? STATUS_CONTINUED
                                                  : STATUS_STOPPED (si->si_status));
    }
}

static void *wait_for_stops (void *arg)
{
    siginfo_t si;

    pthread_mutex_lock (&all.lock);
    for (;;) {
        unsigned int count = all.count;

        pthread_mutex_unlock (&all.lock);
        int rc = waitid (P_ALL, 0, &si, WSTOPPED | WCONTINUED);
        int errnum = errno;
        pthread_mutex_lock (&all.lock);
        if (rc == 0)
            tell_child (&si);
        else if (errnum != EINTR) { /* the program has no child */
            while (count == all.count)
                pthread_cond_wait (&all.another, &all.lock);
        }
    }
    return NULL;
}

struct child_stops *child_stops_create (pid_t pid, struct ev_loop *loop, ev_async *wake)
{
    struct child_stops *s = calloc (1, sizeof (*s));

    if (!s)
        return NULL;
    list_init (&s->node);
    s->pid = pid;
    s->loop = loop;
    s->wake = wake;
    pthread_mutex_lock (&all.lock);
    int rc = all.thread ? 0 : thread_start (NULL, STACK_SIZE, wait_for_stops, NULL);
    all.thread = rc == 0;
    pthread_mutex_unlock (&all.lock);
    if (rc < 0) {
        free (s);
        return NULL;
    }
    return s;
}

void child_stops_destroy (struct child_stops *s)
{
    if (s)
        child_stops_stop (s);
    free (s);
}

/* Of a stop before anybody looked there is no other trace. */
static bool is_stopped (pid_t pid)
{
    char path[64], text[512] = "";
    FILE *f;

    snprintf (path, sizeof (path), "/proc/%d/stat", (int)pid);
    if (!(f = fopen (path, "re")))
        return false;
    size_t len = fread (text, 1, sizeof (text) - 1, f);
    fclose (f);
    text[len] = '\0';
    const char *state = strrchr (text, ')'); /* behind the program's name */
    return state && !strncmp (state, ") T", 3);
}

void child_stops_start (struct child_stops *s)
{
    pthread_mutex_lock (&all.lock);
    list_append (&all.children, &s->node);
    all.count++;
    pthread_cond_signal (&all.another);
    if (is_stopped (s->pid))
        tell (s, STATUS_STOPPED (SIGSTOP));
    pthread_mutex_unlock (&all.lock);
}

void child_stops_stop (struct child_stops *s)
{
    pthread_mutex_lock (&all.lock);
    list_remove (&s->node);
    pthread_mutex_unlock (&all.lock);
}

bool child_stops_get (struct child_stops *s, int *status)
{
    pthread_mutex_lock (&all.lock);
    bool news = s->news;
    *status = s->status;
    s->news = false;
    pthread_mutex_unlock (&all.lock);
    return news;
}
