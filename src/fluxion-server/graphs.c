/* Locks, in this order: `change` (whoever replaces or drops a graph), one graph's, the
 * table's (never held while a graph's is waited for). */
#include "fluxion-server/graphs.h"

#include "base/error.h"
#include "base/sort.h"
#include "fluxion/reapi_cli_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct graphs {
    pthread_mutex_t change;
    pthread_mutex_t lock;                 /* all below */
    struct named_graph *item[GRAPHS_MAX]; /* in the order of their names */
    size_t count;
    uint64_t epoch; /* the last */
};

struct graphs *graphs_create (void)
{
    struct graphs *gs = calloc (1, sizeof (*gs));

    if (gs) {
        pthread_mutex_init (&gs->change, NULL);
        pthread_mutex_init (&gs->lock, NULL);
    }
    return gs;
}

void graphs_destroy (struct graphs *gs)
{
    if (!gs)
        return;
    for (size_t i = 0; i < gs->count; i++)
        named_graph_destroy (gs->item[i]);
    pthread_mutex_destroy (&gs->change);
    pthread_mutex_destroy (&gs->lock);
    free (gs);
}

bool graphs_any (const struct graphs *gs)
{
    return __atomic_load_n (&gs->count, __ATOMIC_ACQUIRE) > 0;
}

const char *graphs_name (const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strlen (name);

    if (len == 0)
        return "default";
    if (len > GRAPH_LABEL_MAX || strspn (name, allowed) != len || name[0] == '.')
        return NULL;
    return name;
}

struct named_graph *named_graph_create (const char *name, const char *policy,
                                        reapi_cli_ctx_t *ctx)
{
    struct named_graph *g = calloc (1, sizeof (*g));

    if (!g) {
        reapi_cli_destroy (ctx);
        return NULL;
    }
    g->refs = 1;
    g->ctx = ctx;
    fair_init (&g->lock);
    if (!(g->name = strdup (name)) || !(g->policy = strdup (policy))
        || !(g->answers = answers_create (ANSWERS_MAX))) {
        named_graph_destroy (g);
        return NULL;
    }
    return g;
}

void named_graph_destroy (struct named_graph *g)
{
    if (!g)
        return;
    reapi_cli_destroy (g->ctx);
    answers_destroy (g->answers);
    journal_close (g->journal);
    json_decref (g->topology);
    fair_fini (&g->lock);
    free (g->name);
    free (g->policy);
    free (g);
}

static int by_id (const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

int64_t *named_graph_jobs (struct named_graph *g, size_t *count)
{
    struct scheduler *s = reapi_cli_scheduler (g->ctx);
    struct job *job;
    size_t pos = 0, n = 0;
    int64_t *ids;

    while ((job = scheduler_next_job (s, &pos)))
        n += job->state == JOB_ALLOCATED || job->state == JOB_RESERVED;
    if (!(ids = calloc (n + 1, sizeof (*ids))))
        return NULL;
    *count = 0;
    pos = 0;
    while ((job = scheduler_next_job (s, &pos)))
        if (job->state == JOB_ALLOCATED || job->state == JOB_RESERVED)
            ids[(*count)++] = job->id;
    sort_array (ids, n, sizeof (*ids), by_id);
    return ids;
}

/* Where the name is, or would have to be. */
static size_t find (const struct graphs *gs, const char *name, bool *found)
{
    size_t i = 0;

    while (i < gs->count && strcmp (gs->item[i]->name, name) < 0)
        i++;
    *found = i < gs->count && strcmp (gs->item[i]->name, name) == 0;
    return i;
}

static struct named_graph *hold (struct graphs *gs, const char *name)
{
    struct named_graph *g = NULL;
    bool found;

    pthread_mutex_lock (&gs->lock);
    size_t i = find (gs, name, &found);
    if (found) {
        g = gs->item[i];
        g->refs++;
    }
    pthread_mutex_unlock (&gs->lock);
    return g;
}

void graphs_let_go (struct graphs *gs, struct named_graph *g)
{
    pthread_mutex_lock (&gs->lock);
    bool last = --g->refs == 0;
    pthread_mutex_unlock (&gs->lock);
    if (last)
        named_graph_destroy (g);
}

struct named_graph *graphs_lock (struct graphs *gs, const char *name, uint64_t epoch,
                                 flux_error_t *error)
{
    struct named_graph *g;

    while ((g = hold (gs, name))) {
        fair_lock (&g->lock);
        if (!g->over)
            break;
        graphs_unlock (gs, g);
    }
    if (!g) {
        if (strcmp (name, "default") == 0)
            error_fail (error, ENOENT, "graph not initialized");
        else
            error_fail (error, ENOENT, "graph %s not initialized", name);
        return NULL;
    }
    if (epoch != 0 && epoch != g->epoch) {
        error_fail (error, ESTALE, "graph %s: epoch %llu is not that of now, %llu",
                    name, (unsigned long long)epoch, (unsigned long long)g->epoch);
        graphs_unlock (gs, g);
        errno = ESTALE;
        return NULL;
    }
    return g;
}

struct named_graph *graphs_lock_epoch (struct graphs *gs, uint64_t epoch)
{
    struct named_graph *g = NULL;

    pthread_mutex_lock (&gs->lock);
    for (size_t i = 0; i < gs->count && !g; i++)
        if (gs->item[i]->epoch == epoch)
            g = gs->item[i];
    if (g)
        g->refs++;
    pthread_mutex_unlock (&gs->lock);
    if (!g)
        return NULL;
    fair_lock (&g->lock);
    if (!g->over)
        return g;
    graphs_unlock (gs, g);
    return NULL;
}

void graphs_unlock (struct graphs *gs, struct named_graph *g)
{
    fair_unlock (&g->lock);
    graphs_let_go (gs, g);
}

int graphs_begin (struct graphs *gs, const char *name, struct named_graph **old,
                  flux_error_t *error)
{
    pthread_mutex_lock (&gs->change);
    if ((*old = hold (gs, name)))
        fair_lock (&(*old)->lock);
    else if (gs->count == GRAPHS_MAX) {
        pthread_mutex_unlock (&gs->change);
        return error_fail (error, ENOSPC, "there are %d graphs already", GRAPHS_MAX);
    }
    return 0;
}

uint64_t graphs_next_epoch (struct graphs *gs)
{
    return gs->epoch + 1; /* only what is under `change` writes it */
}

static void insert (struct graphs *gs, struct named_graph *g)
{
    bool found;
    size_t i = find (gs, g->name, &found);

    if (!found) {
        memmove (&gs->item[i + 1], &gs->item[i],
                 (gs->count - i) * sizeof (gs->item[0]));
        __atomic_store_n (&gs->count, gs->count + 1, __ATOMIC_RELEASE);
    }
    gs->item[i] = g;
}

void graphs_put (struct graphs *gs, struct named_graph *old, struct named_graph *new)
{
    pthread_mutex_lock (&gs->lock);
    new->epoch = ++gs->epoch;
    insert (gs, new);
    if (old) {
        old->over = true;
        old->refs--; /* of the table; graphs_begin has another */
    }
    pthread_mutex_unlock (&gs->lock);
    graphs_abort (gs, old);
}

int graphs_restore (struct graphs *gs, struct named_graph *g, flux_error_t *error)
{
    if (gs->count == GRAPHS_MAX) {
        named_graph_destroy (g);
        return error_fail (error, ENOSPC, "more than %d graphs", GRAPHS_MAX);
    }
    insert (gs, g);
    graphs_set_epoch (gs, g->epoch);
    return 0;
}

void graphs_set_epoch (struct graphs *gs, uint64_t epoch)
{
    if (gs->epoch < epoch)
        gs->epoch = epoch;
}

void graphs_drop (struct graphs *gs, struct named_graph *old)
{
    bool found;

    pthread_mutex_lock (&gs->lock);
    size_t i = find (gs, old->name, &found);
    memmove (&gs->item[i], &gs->item[i + 1],
             (gs->count - i - 1) * sizeof (gs->item[0]));
    __atomic_store_n (&gs->count, gs->count - 1, __ATOMIC_RELEASE);
    old->over = true;
    old->refs--;
    pthread_mutex_unlock (&gs->lock);
    graphs_abort (gs, old);
}

void graphs_abort (struct graphs *gs, struct named_graph *old)
{
    if (old)
        graphs_unlock (gs, old);
    pthread_mutex_unlock (&gs->change);
}

size_t graphs_all (struct graphs *gs, struct named_graph *all[GRAPHS_MAX])
{
    pthread_mutex_lock (&gs->lock);
    size_t n = gs->count;
    for (size_t i = 0; i < n; i++) {
        all[i] = gs->item[i];
        all[i]->refs++;
    }
    pthread_mutex_unlock (&gs->lock);
    return n;
}
