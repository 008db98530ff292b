#include "base/os/thread.h"

#include <errno.h>
#include <signal.h>

int thread_start (pthread_t *thread, size_t stack, void *(*fn) (void *arg), void *arg)
{
    pthread_attr_t attr;
    pthread_t unused;
    sigset_t all, before;
    int rc;

    sigfillset (&all);
    pthread_attr_init (&attr);
    if (stack > 0)
        pthread_attr_setstacksize (&attr, stack);
    if (!thread)
        pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    rc = pthread_create (thread ? thread : &unused, &attr, fn, arg);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    pthread_attr_destroy (&attr);
    if (rc != 0)
        errno = rc;
    return rc == 0 ? 0 : -1;
}
