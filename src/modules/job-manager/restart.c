/* Jobs of an instance that was stopped are found in the KVS (RFC 16): three
 * levels of directories below "job", then a directory for each job. Lookups of
 * one job do not wait for those of another: WINDOW are under way at a time. The
 * reactor does not run yet: it would tell the broker that the module is ready.
 * Failures: a directory that cannot be read, or the highest id, stops the start,
 * and the log names the key: to go on without would lose jobs or use ids twice. A
 * job that cannot be read is left alone, and named. A directory without eventlog
 * is what is left of a submission that nobody has an answer to: it is removed. */
#include "base/sort.h"
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
    flux_kvs_txn_t *txn; /* removes what is left of submissions */
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
        if (rc < 0)
            flux_log_error (r->ctx->h, "restart: directory %s cannot be read", key);
        goto done;
    }
    while (rc == 0 && (name = flux_kvsitr_next (itr))) {
        char path[64];
        flux_jobid_t id;
        snprintf (path, sizeof (path), "%s.%s", key, name);
        if (level < 3 && (rc = walk (r, path, level + 1)) < 0)
            break;
        else if (level < 3)
            continue;
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

static const char *const keys[] = { "eventlog", "jobspec", "R" };

/* Length 0 if there is no such key. */
static int value_of (const struct lookup *l, int i, struct span *v, flux_error_t *error)
{
    const void *data = NULL;
    size_t len = 0;

    *v = (struct span){ "", 0 };
    if (flux_kvs_lookup_get_raw (l->f[i], &data, &len) < 0 && errno != ENOENT) {
        snprintf (error->text, sizeof (error->text), "%s cannot be read: %s", keys[i],
                  strerror (errno));
        return -1;
    }
    if (data)
        *v = (struct span){ data, len };
    return 0;
}

static int remove_left_over (struct restart *r, flux_jobid_t id)
{
    char key[64];

    if (!r->txn && !(r->txn = flux_kvs_txn_create ()))
        return -1;
    return flux_job_kvs_key (key, sizeof (key), id, NULL) < 0
               ? -1
               : flux_kvs_txn_unlink (r->txn, 0, key);
}

static int replay (struct restart *r, const struct lookup *l)
{
    struct ctx *ctx = r->ctx;
    flux_error_t error = { "" };
    struct span log, jobspec, R;

    if (l->id > ctx->m->max_jobid)
        ctx->m->max_jobid = l->id;
    if (value_of (l, 0, &log, &error) == 0 && log.len == 0)
        return remove_left_over (r, l->id);
    if (error.text[0] || value_of (l, 1, &jobspec, &error) < 0
        || value_of (l, 2, &R, &error) < 0
        || manager_replay (ctx->m, l->id, log, jobspec, R, &error) < 0)
        flux_log (ctx->h, LOG_ERR, "job %llu cannot be restored: %s",
                  (unsigned long long)l->id, error.text);
    return 0;
}

static int lookup_start (struct ctx *ctx, struct lookup *l, flux_jobid_t id)
{
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
                rc = replay (r, l);
            lookup_fini (l);
        }
        if (rc == 0 && i < r->count)
            rc = lookup_start (r->ctx, l, r->ids[i]);
    }
    for (int i = 0; window && i < WINDOW; i++)
        lookup_fini (&window[i]);
    free (window);
    return rc;
}

static int read_max_jobid (struct ctx *ctx)
{
    flux_future_t *f = flux_kvs_lookup (ctx->h, NULL, 0, MAX_JOBID_KEY);
    const void *data = NULL;
    size_t len = 0;
    int64_t id = 0;
    int rc = 0;

    if (!f || flux_kvs_lookup_get_raw (f, &data, &len) < 0)
        rc = errno == ENOENT ? 0 : -1;
    else if (!jsontext_int ((struct span){ data, len }, &id) || id < 0)
        errno = EINVAL, rc = -1;
    else
        ctx->m->max_jobid = ctx->saved_jobid = id;
    if (rc < 0)
        flux_log_error (ctx->h, "restart: %s cannot be read", MAX_JOBID_KEY);
    flux_future_destroy (f);
    return rc;
}

/* Not waited for: if it fails, the next start does the same. */
static void commit_removals (struct restart *r)
{
    flux_future_t *f = r->txn ? flux_kvs_commit (r->ctx->h, NULL, 0, r->txn) : NULL;

    if (r->txn && !f)
        flux_log_error (r->ctx->h, "restart: unanswered submissions are not removed");
    flux_future_destroy (f);
    flux_kvs_txn_destroy (r->txn);
}

int restart_from_kvs (struct ctx *ctx)
{
    struct restart r = { .ctx = ctx };
    int rc = 0;

    if (read_max_jobid (ctx) < 0 || walk (&r, "job", 0) < 0) {
        rc = -1;
    } else if (r.count > 0) {
        sort_array (r.ids, r.count, sizeof (*r.ids), compare);
        if ((rc = replay_all (&r)) < 0)
            flux_log_error (ctx->h, "restart");
        manager_restarted (ctx->m);
        flux_log (ctx->h, LOG_INFO, "restart: %zu active and %zu inactive jobs",
                  idmap_count (ctx->m->jobs), history_count (ctx->m->history));
    }
    commit_removals (&r);
    free (r.ids);
    return rc;
}
