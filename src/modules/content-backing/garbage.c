#include "modules/content-backing/garbage.h"

#include "base/error.h"
#include "core/kvs/collect/collect.h"
#include "core/kvs/storage.h"

#include <errno.h>
#include <stdlib.h>

#define LOOK_EVERY (256 * 1024) /* bytes stored until sizes are looked at */
#define LOOK_BUSY (32 * 1024)   /* the same during a collection */
#define SHRINK_PAGES 32         /* at a time */
#define GROWTH_MAX 8            /* part of what it begins at, by which it may grow */

struct garbage {
    struct db *db;
    struct digest *digest;
    struct collect *collect;
    bool recovery;
    int ratio; /* 0: only when it is asked for */
    int64_t min;
    int64_t live; /* bytes in use that the last collection left */
    size_t stored;
    struct db_swept swept;
    int64_t used, before; /* at the beginning: in use, of the file */
    int64_t released;     /* bytes that the sweep took out of use */
};

static int do_mark (void *arg, const void *digest, bool dir, flux_error_t *error)
{
    struct garbage *g = arg;

    return db_mark (g->db, digest, digest_size (g->digest), dir, error);
}

static int do_load (void *arg, const void *digest, struct buf *out, flux_error_t *error)
{
    struct garbage *g = arg;

    return db_load (g->db, digest, digest_size (g->digest), out, error);
}

static int do_begin (void *arg, bool dry, flux_error_t *error)
{
    struct garbage *g = arg;

    if (g->recovery)
        return error_fail (error, EPERM,
                           "the instance is in recovery mode: nothing is freed");
    g->swept = (struct db_swept){ .keep = dry };
    g->released = 0;
    g->before = db_file_size (g->db);
    g->used = g->before - db_file_free (g->db);
    return db_collect_begin (g->db, error);
}

static int do_checkpoints (void *arg, struct buf *out, flux_error_t *error)
{
    struct garbage *g = arg;

    return db_checkpoint_get (g->db, out, error);
}

static int64_t used (struct garbage *g)
{
    return db_file_size (g->db) - db_file_free (g->db);
}

static int do_sweep (void *arg, collect_over_f over, void *over_arg,
                     flux_error_t *error)
{
    struct garbage *g = arg;
    int64_t before = used (g);
    int rc;

    rc = db_sweep (g->db, &g->swept, over, over_arg, error);
    g->released += before - used (g);
    return rc;
}

/* What will soon be in use again stays, unless all is wanted. */
static int64_t enough (struct garbage *g, bool all)
{
    return all ? 0 : g->live * (g->ratio > 1 ? g->ratio - 1 : 1) + g->min;
}

static int do_shrink (void *arg, bool all, collect_over_f over, void *over_arg,
                      flux_error_t *error)
{
    struct garbage *g = arg;
    int rc;

    g->live = g->used - g->released;
    do {
        if (db_file_free (g->db) <= enough (g, all))
            return 0;
        rc = db_shrink (g->db, SHRINK_PAGES, error);
    } while (rc > 0 && !over (over_arg));
    return rc;
}

/* In use when a collection begins by itself. */
static int64_t threshold (const struct garbage *g)
{
    int64_t a = g->live * g->ratio, b = g->live + g->min;

    return a > b ? a : b;
}

static double do_grown (void *arg, bool asked)
{
    struct garbage *g = arg;
    int64_t from = threshold (g);

    if ((asked || g->ratio == 0) && from < g->used)
        from = g->used;
    return from > 0 ? (double)(used (g) - from) / (from / GROWTH_MAX + 1) : 0.;
}

static void do_end (void *arg, bool done)
{
    struct garbage *g = arg;
    flux_error_t error;

    db_collect_end (g->db);
    if (done) {
        db_set_live (g->db, g->live, &error); /* else it begins earlier once */
        db_tidy (g->db);
    }
}

static json_t *do_counts (void *arg, double *progress)
{
    struct garbage *g = arg;
    const struct db_swept *s = &g->swept;

    *progress = s->at < s->top ? (double)s->at / s->top : s->top > 0;
    return json_pack ("{s:I s:I s:I s:I s:{s:I s:I}}", "live", (json_int_t)s->live,
                      "live_bytes", (json_int_t)s->live_bytes, "freed",
                      (json_int_t)s->freed, "freed_bytes", (json_int_t)s->freed_bytes,
                      "size", "before", (json_int_t)g->before, "after",
                      (json_int_t)db_file_size (g->db));
}

static const struct collect_store store = {
    .mark = { .mark = do_mark, .load = do_load },
    .begin = do_begin,
    .checkpoints = do_checkpoints,
    .sweep = do_sweep,
    .shrink = do_shrink,
    .grown = do_grown,
    .end = do_end,
    .counts = do_counts,
};

void garbage_stored (struct garbage *g, size_t len)
{
    bool busy = collect_is_busy (g->collect);

    g->stored += len;
    if (g->stored < (busy ? LOOK_BUSY : LOOK_EVERY))
        return;
    g->stored = 0;
    if (busy)
        collect_grown (g->collect);
    else if (g->ratio > 0 && !g->recovery && used (g) > threshold (g))
        collect_start (g->collect);
}

void garbage_give_way (struct garbage *g)
{
    collect_give_way (g->collect);
}

int garbage_hold (struct garbage *g, const void *digest)
{
    return collect_hold (g->collect, digest);
}

void garbage_request (struct garbage *g, const flux_msg_t *msg)
{
    collect_request (g->collect, msg);
}

void garbage_disconnect (struct garbage *g, const flux_msg_t *msg)
{
    collect_disconnect (g->collect, msg);
}

struct garbage *garbage_create (flux_t *h, struct db *db, struct digest *digest,
                                bool recovery)
{
    struct garbage *g;

    if (!(g = calloc (1, sizeof (*g))))
        return NULL;
    g->db = db;
    g->digest = digest;
    g->recovery = recovery;
    storage_gc_limits (h, &g->ratio, &g->min);
    /* What was never collected may be all garbage, or none. */
    if ((g->live = db_get_live (db)) < 0)
        g->live = used (g);
    if (!(g->collect = collect_create (h, digest, &store, g))) {
        free (g);
        return NULL;
    }
    return g;
}

void garbage_destroy (struct garbage *g)
{
    if (g) {
        collect_destroy (g->collect);
        free (g);
    }
}
