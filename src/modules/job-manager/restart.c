/* Jobs of an instance that was stopped are found in the KVS (RFC 16): three
 * levels of directories below "job", then a directory for each job. Lookups of
 * one job do not wait for those of another: WINDOW are under way at a time. */
#include "ctx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define WINDOW 256

struct lookup {
    struct list link;
    struct restart *restart;
    flux_jobid_t id;
    flux_future_t *f[3]; /* eventlog, jobspec, R */
    int pending;
};

struct restart {
    struct ctx *ctx;
    flux_jobid_t *ids;
    size_t count, cap, next;
    int in_flight;
    size_t nbad;
};

static int add_id (struct restart *r, flux_jobid_t id)
{
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 1024;
        flux_jobid_t *p = realloc (r->ids, cap * sizeof (*p));
        if (!p)
            return -1;
        r->ids = p;
        r->cap = cap;
    }
    r->ids[r->count++] = id;
    return 0;
}

/* level 0: "job" itself. */
static int walk (struct restart *r, const char *key, int level)
{
    flux_future_t *f = flux_kvs_lookup (r->ctx->h, NULL, FLUX_KVS_READDIR, key);
    const flux_kvsdir_t *dir;
    flux_kvsitr_t *itr = NULL;
    const char *name;
    int rc = 0;

    if (!f || flux_kvs_lookup_get_dir (f, &dir) < 0
        || !(itr = flux_kvsitr_create (dir))) {
        rc = level == 0 && errno == ENOENT ? 0 : -1;
        goto done;
    }
    while (rc == 0 && (name = flux_kvsitr_next (itr))) {
        char path[64];
        flux_jobid_t id;
        snprintf (path, sizeof (path), "%s.%s", key, name);
        if (level < 3)
            rc = walk (r, path, level + 1);
        else if (flux_job_id_parse (path + 4, &id) == 0)
            rc = add_id (r, id);
    }
done:
    flux_kvsitr_destroy (itr);
    flux_future_destroy (f);
    return rc;
}

static int compare (const void *a, const void *b)
{
    flux_jobid_t x = *(const flux_jobid_t *)a, y = *(const flux_jobid_t *)b;

    return x < y ? -1 : x > y;
}

static struct span value_of (flux_future_t *f)
{
    const void *data;
    size_t len;

    if (flux_kvs_lookup_get_raw (f, &data, &len) < 0 || !data)
        return (struct span){ "", 0 };
    return (struct span){ data, len };
}

static void replay (struct lookup *l)
{
    struct ctx *ctx = l->restart->ctx;
    flux_error_t error = { "" };
    struct span log = value_of (l->f[0]);

    /* no eventlog: never answered, so nobody knows of the job */
    if (log.len == 0)
        return;
    if (manager_replay (ctx->m, l->id, log, value_of (l->f[1]), value_of (l->f[2]),
                        &error)
        < 0) {
        flux_log (ctx->h, LOG_ERR, "job %llu cannot be restored: %s",
                  (unsigned long long)l->id, error.text);
        l->restart->nbad++;
    }
}

static void start_lookups (struct restart *r);

static void lookup_continuation (flux_future_t *f, void *arg)
{
    struct lookup *l = arg;
    struct restart *r = l->restart;

    if (--l->pending > 0)
        return;
    replay (l);
    for (int i = 0; i < 3; i++)
        flux_future_destroy (l->f[i]);
    free (l);
    r->in_flight--;
    start_lookups (r);
}

static int start_lookup (struct restart *r, flux_jobid_t id)
{
    static const char *const keys[] = { "eventlog", "jobspec", "R" };
    struct lookup *l = calloc (1, sizeof (*l));
    char key[64];

    if (!l)
        return -1;
    l->restart = r;
    l->id = id;
    l->pending = 3;
    for (int i = 0; i < 3; i++) {
        flux_job_kvs_key (key, sizeof (key), id, keys[i]);
        if (!(l->f[i] = flux_kvs_lookup (r->ctx->h, NULL, 0, key))
            || flux_future_then (l->f[i], -1., lookup_continuation, l) < 0)
            return -1;
    }
    r->in_flight++;
    return 0;
}

static void start_lookups (struct restart *r)
{
    while (r->in_flight < WINDOW && r->next < r->count) {
        if (start_lookup (r, r->ids[r->next++]) < 0) {
            flux_log_error (r->ctx->h, "restart");
            flux_reactor_stop_error (flux_get_reactor (r->ctx->h));
            return;
        }
    }
    if (r->in_flight == 0)
        flux_reactor_stop (flux_get_reactor (r->ctx->h));
}

int restart_from_kvs (struct ctx *ctx)
{
    struct restart r = { .ctx = ctx };
    int rc = 0;

    if (walk (&r, "job", 0) < 0) {
        flux_log_error (ctx->h, "restart: the job directory cannot be read");
        rc = -1;
    } else if (r.count > 0) {
        qsort (r.ids, r.count, sizeof (*r.ids), compare);
        start_lookups (&r);
        rc = flux_reactor_run (flux_get_reactor (ctx->h), 0) < 0 ? -1 : 0;
        manager_restarted (ctx->m);
        flux_log (ctx->h, LOG_INFO, "restart: %zu active and %zu inactive jobs",
                  idmap_count (ctx->m->jobs), history_count (ctx->m->history));
    }
    free (r.ids);
    return rc;
}
