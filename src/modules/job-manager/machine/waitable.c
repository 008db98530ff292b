#include "waitable.h"
#include "base/hashmap.h"

#include <errno.h>
#include <stdlib.h>

struct waiter {
    struct list link;
    flux_jobid_t id;
    void *cookie;
};

/* A waitable job. Without a result it is active. */
struct waitable {
    struct list link; /* those with a result, oldest first */
    struct wait_result *res;
    struct waiter *waiter; /* for this one */
};

struct waitables {
    struct idmap *jobs;
    struct list finished;
    struct list waiters; /* for a job */
    struct list any;     /* for any job: first come, first served */
    size_t nany;
    waitable_f cb;
    void *arg;
};

static void waitable_free (void *arg)
{
    struct waitable *j = arg;

    list_remove (&j->link);
    free (j->res);
    free (j);
}

struct waitables *waitables_create (waitable_f cb, void *arg)
{
    struct waitables *w = calloc (1, sizeof (*w));

    if (!w || !(w->jobs = idmap_create (waitable_free))) {
        free (w);
        return NULL;
    }
    list_init (&w->finished);
    list_init (&w->waiters);
    list_init (&w->any);
    w->cb = cb;
    w->arg = arg;
    return w;
}

void waitables_destroy (struct waitables *w)
{
    struct list *l;

    if (!w)
        return;
    while ((l = list_pop (&w->waiters)) || (l = list_pop (&w->any)))
        free (container_of (l, struct waiter, link));
    idmap_destroy (w->jobs);
    free (w);
}

int waitables_add (struct waitables *w, flux_jobid_t id)
{
    struct waitable *j = calloc (1, sizeof (*j));

    if (!j)
        return -1;
    list_init (&j->link);
    if (idmap_insert (w->jobs, id, j) < 0) {
        free (j);
        return -1;
    }
    return 0;
}

static void answer (struct waitables *w, struct waiter *x, int errnum,
                    const struct wait_result *res)
{
    void *cookie = x->cookie;

    list_remove (&x->link);
    w->nany -= x->id == FLUX_JOBID_ANY;
    free (x);
    w->cb (cookie, errnum, res, w->arg);
}

/* Those who wait for any job must hear when there is none left. */
static void check_any (struct waitables *w)
{
    struct waiter *x;

    while (idmap_count (w->jobs) == 0
           && (x = list_first (&w->any, struct waiter, link)))
        answer (w, x, ECHILD, NULL);
}

void waitables_finish (struct waitables *w, const struct wait_result *res)
{
    struct waitable *j = idmap_lookup (w->jobs, res->id);

    if (!j || j->res)
        return;
    struct waiter *x = j->waiter;
    if (!x)
        x = list_first (&w->any, struct waiter, link);
    if (!x) {
        if ((j->res = malloc (sizeof (*res))))
            *j->res = *res;
        list_append (&w->finished, &j->link);
        return;
    }
    idmap_remove (w->jobs, res->id);
    answer (w, x, 0, res);
    check_any (w);
}

int waitables_wait (struct waitables *w, flux_jobid_t id, void *cookie,
                    struct wait_result *res)
{
    struct waitable *j;

    if (id == FLUX_JOBID_ANY)
        j = list_first (&w->finished, struct waitable, link);
    else
        j = idmap_lookup (w->jobs, id);
    if (j && j->res) {
        *res = *j->res;
        idmap_remove (w->jobs, res->id);
        check_any (w);
        return 1;
    }
    /* more waiters for any job than jobs would wait for nothing */
    if (id == FLUX_JOBID_ANY ? w->nany >= idmap_count (w->jobs) : !j) {
        errno = ECHILD;
        return -1;
    }
    if (id != FLUX_JOBID_ANY && j->waiter) {
        errno = EEXIST;
        return -1;
    }
    struct waiter *x = calloc (1, sizeof (*x));
    if (!x)
        return -1;
    x->id = id;
    x->cookie = cookie;
    if (id == FLUX_JOBID_ANY) {
        list_append (&w->any, &x->link);
        w->nany++;
    } else {
        list_append (&w->waiters, &x->link);
        j->waiter = x;
    }
    return 0;
}

static void forget (struct waitables *w, struct list *list,
                    bool (*match) (void *waiter, void *arg), void *arg)
{
    list_foreach (list, l) {
        struct waiter *x = container_of (l, struct waiter, link);
        if (!match (x->cookie, arg))
            continue;
        list_remove (&x->link);
        if (x->id == FLUX_JOBID_ANY)
            w->nany--;
        else
            ((struct waitable *)idmap_lookup (w->jobs, x->id))->waiter = NULL;
        free (x);
    }
}

void waitables_forget (struct waitables *w, bool (*match) (void *waiter, void *arg),
                       void *arg)
{
    forget (w, &w->waiters, match, arg);
    forget (w, &w->any, match, arg);
}

size_t waitables_count (const struct waitables *w)
{
    return idmap_count (w->jobs);
}

bool waitables_next (const struct waitables *w, size_t *pos, flux_jobid_t *id)
{
    return idmap_next (w->jobs, pos, id, NULL);
}
