#include "fluxion-server/workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct turns *turns; /* under lock, like the rest */
    bool stop;
    size_t nthreads;
    pthread_t thread[];
};

/* Behind the thread that answers health: on Linux, niceness is of a thread. */
#define NICENESS 5

static void *run (void *arg)
{
    struct workers *w = arg;
    struct client *client;
    struct work *work;

    (void)setpriority (PRIO_PROCESS, 0, NICENESS);
    pthread_mutex_lock (&w->lock);
    for (;;) {
        if ((work = turns_next (w->turns, &client))) {
            pthread_mutex_unlock (&w->lock);
            work->run (work);
            pthread_mutex_lock (&w->lock);
            turns_done (w->turns, client);
            /* What waited for this to be done is taken by this thread, next. */
        } else if (w->stop)
            break;
        else
            pthread_cond_wait (&w->wake, &w->lock);
    }
    pthread_mutex_unlock (&w->lock);
    return NULL;
}

struct workers *workers_create (size_t nthreads)
{
    struct workers *w = calloc (1, sizeof (*w) + nthreads * sizeof (w->thread[0]));

    if (!w || !(w->turns = turns_create (nthreads - 1))) {
        free (w);
        errno = ENOMEM;
        return NULL;
    }
    pthread_mutex_init (&w->lock, NULL);
    pthread_cond_init (&w->wake, NULL);
    for (; w->nthreads < nthreads; w->nthreads++) {
        int rc = pthread_create (&w->thread[w->nthreads], NULL, run, w);
        if (rc != 0) {
            workers_destroy (w);
            errno = rc;
            return NULL;
        }
    }
    return w;
}

void workers_stop (struct workers *w)
{
    pthread_mutex_lock (&w->lock);
    w->stop = true;
    pthread_cond_broadcast (&w->wake);
    pthread_mutex_unlock (&w->lock);
    for (; w->nthreads > 0; w->nthreads--)
        pthread_join (w->thread[w->nthreads - 1], NULL);
}

void workers_destroy (struct workers *w)
{
    if (!w)
        return;
    workers_stop (w);
    turns_destroy (w->turns);
    pthread_cond_destroy (&w->wake);
    pthread_mutex_destroy (&w->lock);
    free (w);
}

struct client *workers_client (struct workers *w, const char *name)
{
    pthread_mutex_lock (&w->lock);
    struct client *client = turns_client (w->turns, name);
    pthread_mutex_unlock (&w->lock);
    return client;
}

void workers_let_go (struct workers *w, struct client *client)
{
    pthread_mutex_lock (&w->lock);
    turns_let_go (w->turns, client);
    pthread_mutex_unlock (&w->lock);
}

void workers_add (struct workers *w, struct client *client, struct work *work)
{
    pthread_mutex_lock (&w->lock);
    if (w->stop) {
        pthread_mutex_unlock (&w->lock);
        work->run (work);
        return;
    }
    turns_add (w->turns, client, work);
    pthread_cond_signal (&w->wake);
    pthread_mutex_unlock (&w->lock);
}
