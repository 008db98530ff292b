/* Jobs of an instance that was stopped are found in the KVS (RFC 16): three
 * levels of directories below "job", then a directory for each job. Lookups of
 * one job do not wait for those of another: WINDOW are under way at a time. The
 * reactor does not run yet: it would tell the broker that the module is ready. */
#include "ctx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define WINDOW 256

struct lookup {
    flux_jobid_t id;
    flux_future_t *f[3]; /* eventlog, jobspec, R */
};

struct restart {
    struct ctx *ctx;
    flux_jobid_t *ids;
    size_t count, cap;
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

static void replay (struct ctx *ctx, const struct lookup *l)
{
    flux_error_t error = { "" };
    struct span log = value_of (l->f[0]);

    /* no eventlog: never answered, so nobody knows of the job */
    if (log.len > 0
        && manager_replay (ctx->m, l->id, log, value_of (l->f[1]), value_of (l->f[2]),
                           &error)
               < 0)
        flux_log (ctx->h, LOG_ERR, "job %llu cannot be restored: %s",
                  (unsigned long long)l->id, error.text);
}

static int lookup_start (struct ctx *ctx, struct lookup *l, flux_jobid_t id)
{
    static const char *const keys[] = { "eventlog", "jobspec", "R" };
    char key[64];

    l->id = id;
    for (int i = 0; i < 3; i++) {
        flux_job_kvs_key (key, sizeof (key), id, keys[i]);
        if (!(l->f[i] = flux_kvs_lookup (ctx->h, NULL, 0, key)))
            return -1;
    }
    return 0;
}

static void lookup_fini (struct lookup *l)
{
    for (int i = 0; i < 3; i++) {
        flux_future_destroy (l->f[i]);
        l->f[i] = NULL;
    }
}

static int replay_all (struct restart *r)
{
    struct lookup *window = calloc (WINDOW, sizeof (*window));
    int rc = window ? 0 : -1;

    for (size_t i = 0; rc == 0 && i < r->count + WINDOW; i++) {
        struct lookup *l = &window[i % WINDOW];
        if (i >= WINDOW) {
            if (i - WINDOW < r->count)
                replay (r->ctx, l);
            lookup_fini (l);
        }
        if (i < r->count)
            rc = lookup_start (r->ctx, l, r->ids[i]);
    }
    for (int i = 0; window && i < WINDOW; i++)
        lookup_fini (&window[i]);
    free (window);
    return rc;
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
        if ((rc = replay_all (&r)) < 0)
            flux_log_error (ctx->h, "restart");
        manager_restarted (ctx->m);
        flux_log (ctx->h, LOG_INFO, "restart: %zu active and %zu inactive jobs",
                  idmap_count (ctx->m->jobs), history_count (ctx->m->history));
    }
    free (r.ids);
    return rc;
}
