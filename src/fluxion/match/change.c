/* Changes to jobs and to the graph that no match makes. */
#include "base/error.h"
#include "base/sort.h"
#include "fluxion/io/jgf.h"
#include "fluxion/match/pool.h"

#include <flux/idset.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Partial cancel. What is picked goes, and with it what was held only on the way to it.
 * A picked vertex that still leads to something is on the way from then on. */

/* Of one call, as a set: marks from `base` on. */
enum {
    PICKED = 1,
    KEPT_BELOW = 2,
    EMPTIED = 4, /* something below has gone */
    ALL_STATES = 8,
};

static uint32_t state_of (const struct scheduler *s, uint32_t base, uint32_t v)
{
    uint32_t n = s->vs[v].mark - base;

    return n < ALL_STATES ? n : 0;
}

static void add_state (struct scheduler *s, uint32_t base, uint32_t v, uint32_t state)
{
    s->vs[v].mark = base + (state_of (s, base, v) | state);
}

static void add_above (struct scheduler *s, uint32_t base, uint32_t v, uint32_t state)
{
    uint32_t n;
    const uint32_t *up = graph_parents (s->g, v, &n);

    for (uint32_t i = 0; i < n; i++)
        if (!(state_of (s, base, up[i]) & state)) {
            add_state (s, base, up[i], state);
            add_above (s, base, up[i], state);
        }
}

/* by_rank: a picked node stands for all that is below it. */
static void mark_picks (struct scheduler *s, uint32_t base, const struct picks *picks,
                        bool by_rank)
{
    struct graph *g = s->g;

    for (uint32_t i = 0; i < picks->count; i++) {
        uint32_t v = picks->item[i].v, n;
        if (g->v[v].gone)
            continue;
        add_state (s, base, v, PICKED);
        if (!by_rank || g->v[v].type != g->t_node || g->v[v].post == POST_NONE)
            continue;
        const uint32_t *below = graph_below (g, v, &n);
        for (uint32_t k = 0; k < n; k++)
            add_state (s, base, below[k], PICKED);
    }
}

/* In post-order, children first. Returns what is left. */
static uint32_t release_marked (struct scheduler *s, uint32_t base, struct job *job)
{
    uint32_t kept = 0;
    bool pools = false;

    for (uint32_t i = 0; i < job->nspan; i++) {
        const struct span *sp = &s->span[job->span[i]];
        uint32_t v = sp->v;
        if (!job->span[i])
            continue;
        if (is_pool (s, v)) {
            pools = true;
            continue;
        }
        uint32_t state = state_of (s, base, v);
        bool goes = state & PICKED || (!sp->exclusive && state & EMPTIED);
        if (goes && !(state & KEPT_BELOW)) {
            sched_release (s, job, i);
            add_above (s, base, v, EMPTIED);
            continue;
        }
        if (goes && sp->exclusive)
            sched_share (s, job, i);
        add_above (s, base, v, KEPT_BELOW);
        kept++;
    }
    /* What was drawn from pools is not known by vertex: it goes with the last. */
    for (uint32_t i = 0; pools && i < job->nspan && kept == 0; i++)
        sched_release (s, job, i);
    s->counts = (struct scheduler_counts){ 0, 0 };
    return kept;
}

static void compact_spans (struct scheduler *s, struct job *job)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < job->nspan; i++)
        if (job->span[i])
            job->span[n++] = job->span[i];
    job->nspan = n;
    sched_recount (s, job);
}

int scheduler_partial_cancel (struct scheduler *s, uint64_t id,
                              const struct picks *picks, bool by_rank, bool *full,
                              flux_error_t *error)
{
    struct job *job = scheduler_job (s, id);

    if (!job || (job->state != JOB_ALLOCATED && job->state != JOB_RESERVED))
        return error_fail (error, ENOENT, "nonexistent job %llu",
                           (unsigned long long)id);
    if (job->state == JOB_RESERVED)
        return error_fail (error, EINVAL,
                           "reservations not currently supported by partial cancel");
    if (s->generation != s->g->generation && sched_rebuild (s) < 0)
        return error_fail (error, errno, "%s", strerror (errno));
    uint32_t base = sched_new_marks (s, ALL_STATES);
    mark_picks (s, base, picks, by_rank);
    *full = release_marked (s, base, job) == 0;
    if (*full)
        sched_end (s, job);
    else
        compact_spans (s, job);
    return 0;
}

/* Update: an allocation that was made elsewhere. */

static int by_post (const void *pa, const void *pb, void *arg)
{
    const struct graph *g = arg;
    uint32_t a = g->v[((const struct selected *)pa)->v].post;
    uint32_t b = g->v[((const struct selected *)pb)->v].post;

    if (a == b) { /* not of the tree */
        a = ((const struct selected *)pa)->v;
        b = ((const struct selected *)pb)->v;
    }
    return a < b ? -1 : a > b;
}

static int add_selected (struct scheduler *s, uint32_t v, bool exclusive)
{
    if (s->vs[v].mark == s->mark)
        return 0;
    s->vs[v].mark = s->mark;
    if (s->nsel == s->sel_cap) {
        uint32_t cap = s->sel_cap ? s->sel_cap * 2 : 256;
        struct selected *sel = realloc (s->sel, cap * sizeof (*sel));
        if (!sel)
            return -1;
        s->sel = sel;
        s->sel_cap = cap;
    }
    s->sel[s->nsel++] = (struct selected){ v, exclusive, s->g->v[v].size, NULL };
    return 0;
}

static int select_picked (struct scheduler *s, const struct picks *picks)
{
    s->nsel = 0;
    sched_new_mark (s);
    for (uint32_t i = 0; i < picks->count; i++)
        if (picks->item[i].exclusive && add_selected (s, picks->item[i].v, true) < 0)
            return -1;
    for (uint32_t i = 0; i < picks->count; i++) {
        uint32_t n = s->nsel;
        if (add_selected (s, picks->item[i].v, false) < 0)
            return -1;
        if (s->nsel > n && is_pool (s, picks->item[i].v))
            s->sel[n].needs = picks->item[i].size;
    }
    for (uint32_t i = 0, n = s->nsel; i < n; i++)
        for (uint32_t v = s->g->v[s->sel[i].v].parent; v != VTX_NONE;
             v = s->g->v[v].parent)
            if (add_selected (s, v, false) < 0)
                return -1;
    sort_array_with (s->sel, s->nsel, sizeof (*s->sel), by_post, s->g);
    return 0;
}

int sched_check_free (struct scheduler *s, const struct window *w, flux_error_t *error)
{
    char path[4096];

    for (uint32_t i = 0; i < s->nsel; i++) {
        uint32_t v = s->sel[i].v;
        uint8_t down = s->g->v[v].down;
        s->g->v[v].down = 0; /* what runs there, runs there */
        bool ok = is_pool (s, v)        ? s->sel[i].needs <= pool_free (s, v, w)
                  : s->sel[i].exclusive ? sched_idle (s, v, w)
                                        : sched_shareable (s, v, w);
        s->g->v[v].down = down;
        if (!ok) {
            if (graph_path (s->g, v, path, sizeof (path)) < 0)
                *path = '\0';
            return error_fail (error, EINVAL, "resource already allocated: %s", path);
        }
    }
    return 0;
}

int scheduler_update (struct scheduler *s, uint64_t id, const struct picks *picks,
                      int64_t at, int64_t duration, bool reserve,
                      struct match_result *result, flux_error_t *error)
{
    struct window w = { at, duration, !reserve && at == s->start, false };
    struct job *job;

    error->text[0] = '\0';
    if (at < s->start || duration < 1 || at >= s->end)
        return error_fail (error, EINVAL, "invalid time (%lld, %lld)", (long long)at,
                           (long long)duration);
    if (duration > s->end - at)
        w.duration = s->end - at;
    if (picks->count == 0)
        return error_fail (error, EINVAL, "no resources are named");
    if (s->generation != s->g->generation && sched_rebuild (s) < 0)
        return error_fail (error, errno, "%s", strerror (errno));
    if (select_picked (s, picks) < 0)
        return error_fail (error, ENOMEM, "out of memory");
    if (sched_check_free (s, &w, error) < 0 || !(job = sched_add_job (s, id, error)))
        return -1;
    job->at = at;
    job->end = at + w.duration;
    job->state = reserve ? JOB_RESERVED : JOB_ALLOCATED;
    if (sched_hold (s, job, s->sel, s->nsel) < 0) {
        job->state = JOB_INIT;
        sched_drop_job (s, job);
        return error_fail (error, ENOMEM, "out of memory");
    }
    *result = (struct match_result){ s->sel, s->nsel, job->at, job->end, reserve };
    return 0;
}

/* Grow and shrink */

static int reserve_sel (struct scheduler *s, uint32_t n)
{
    struct selected *sel;

    if (n <= s->sel_cap)
        return 0;
    if (!(sel = realloc (s->sel, n * sizeof (*sel))))
        return -1;
    s->sel = sel;
    s->sel_cap = n;
    return 0;
}

/* Taken back, and given anew with the other end; or with the old one. */
int scheduler_set_end (struct scheduler *s, uint64_t id, int64_t end,
                       flux_error_t *error)
{
    struct job *job = scheduler_job (s, id);
    flux_error_t unused;
    int rc;

    if (!job || job->state != JOB_ALLOCATED)
        return error_fail (error, ENOENT, "nonexistent job %llu",
                           (unsigned long long)id);
    if (end <= 0 || end > s->end)
        end = s->end;
    if (end <= job->at)
        return error_fail (error, EINVAL, "the job has begun later");
    if (reserve_sel (s, job->nspan) < 0)
        return error_fail (error, ENOMEM, "out of memory");
    s->nsel = 0;
    for (uint32_t i = 0; i < job->nspan; i++)
        s->nsel += scheduler_job_holds (s, job, i, &s->sel[s->nsel]);
    struct match_result result = { .at = job->at, .end = job->end };
    double overhead = job->overhead;
    sched_end (s, job);
    struct window w = { result.at, end - result.at, false, false };
    if ((rc = sched_check_free (s, &w, error)) == 0)
        result.end = end;
    int saved = errno;
    if (sched_keep (s, id, &result, &unused) < 0)
        return error_fail (error, ENOMEM, "out of memory");
    scheduler_job (s, id)->overhead = overhead;
    errno = saved;
    return rc;
}

int scheduler_grow_parsed (struct scheduler *s, struct jgf *j, flux_error_t *error)
{
    if (fluxion_grow_parsed (s->g, j, error) < 0)
        return -1;
    if (sched_rebuild (s) < 0)
        return error_fail (error, errno, "%s", strerror (errno));
    return 0;
}

int scheduler_grow (struct scheduler *s, const char *jgf, size_t len,
                    flux_error_t *error)
{
    struct jgf j;

    if (jgf_parse (&j, jgf, len, error) < 0)
        return -1;
    int rc = scheduler_grow_parsed (s, &j, error);
    int saved = errno;
    jgf_fini (&j);
    errno = saved;
    return rc;
}

/* What leaves the graph, with all that is below each. */
struct leaving {
    uint32_t *v, n;
};

static uint32_t mark_leaving (struct scheduler *s, const struct leaving *l)
{
    uint32_t base = sched_new_marks (s, ALL_STATES);

    for (uint32_t i = 0; i < l->n; i++) {
        uint32_t n;
        const uint32_t *below = graph_below (s->g, l->v[i], &n);
        add_state (s, base, l->v[i], PICKED);
        for (uint32_t k = 0; k < n; k++)
            add_state (s, base, below[k], PICKED);
    }
    return base;
}

static bool loses (const struct scheduler *s, uint32_t base, const struct job *job)
{
    for (uint32_t i = 0; i < job->nspan; i++)
        if (state_of (s, base, s->span[job->span[i]].v) & PICKED)
            return true;
    return false;
}

/* What is kept, and emptied, is another for the next job. */
static void forget_above (struct scheduler *s, uint32_t base, uint32_t v)
{
    uint32_t n;
    const uint32_t *up = graph_parents (s->g, v, &n);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t state = state_of (s, base, up[i]);
        if (!(state & ~PICKED))
            continue;
        s->vs[up[i]].mark = base + (state & PICKED);
        forget_above (s, base, up[i]);
    }
}

static uint32_t largest_job (const struct scheduler *s)
{
    uint32_t most = 0;

    for (uint32_t slot = 0; slot < s->njob; slot++)
        if (s->job[slot] && s->job[slot]->nspan > most)
            most = s->job[slot]->nspan;
    return most;
}

/* From every job, as by a partial cancel; a job with nothing left ends. */
static int release_everywhere (struct scheduler *s, const struct leaving *l)
{
    uint32_t base = mark_leaving (s, l);
    uint32_t *held = malloc ((size_t)largest_job (s) * sizeof (*held) + 1);

    for (uint32_t slot = 0; held && slot < s->njob; slot++) {
        struct job *job = s->job[slot];
        if (!job || job->state == JOB_CANCELED || !loses (s, base, job))
            continue;
        uint32_t n = job->nspan;
        for (uint32_t i = 0; i < n; i++)
            held[i] = s->span[job->span[i]].v;
        if (release_marked (s, base, job) > 0)
            compact_spans (s, job);
        else
            sched_end (s, job);
        for (uint32_t i = 0; i < n; i++)
            forget_above (s, base, held[i]);
    }
    int rc = held ? 0 : -1;
    free (held);
    return rc;
}

static int shared_below (flux_error_t *error)
{
    return error_fail (error, EOPNOTSUPP,
                       "vertices with several parents: nothing can be removed");
}

int scheduler_shrink (struct scheduler *s, uint32_t v, flux_error_t *error)
{
    if (s->g->v[v].parent == VTX_NONE)
        return error_fail (error, EINVAL,
                           v == s->g->root
                               ? "the root cannot be removed"
                               : "what is not in the tree cannot be removed");
    if (s->generation != s->g->generation && sched_rebuild (s) < 0)
        return error_fail (error, errno, "%s", strerror (errno));
    if (s->g->nextra)
        return shared_below (error);
    if (release_everywhere (s, &(struct leaving){ &v, 1 }) < 0
        || graph_remove (s->g, v) < 0 || sched_rebuild (s) < 0)
        return error_fail (error, errno, "%s", strerror (errno));
    return 0;
}

/* Those that are there; ENOENT: none is. */
static int find_ranks (struct scheduler *s, const struct idset *ids,
                       struct leaving *out)
{
    struct graph *g = s->g;

    *out = (struct leaving){ malloc ((size_t)g->nv * sizeof (*out->v) + 1), 0 };
    for (uint32_t v = 0; out->v && v < g->nv; v++)
        if (!g->v[v].gone && v != g->root && g->v[v].rank >= 0
            && g->v[v].parent != VTX_NONE && idset_test (ids, g->v[v].rank))
            out->v[out->n++] = v;
    if (out->v && !out->n)
        errno = ENOENT;
    return out->n > 0 ? 0 : -1;
}

static int shrink_ids (struct scheduler *s, const struct idset *ids, const char *ranks,
                       flux_error_t *error)
{
    struct leaving l = { 0 };

    if (s->g->nextra)
        return shared_below (error);
    if ((s->generation != s->g->generation && sched_rebuild (s) < 0)
        || find_ranks (s, ids, &l) < 0) {
        free (l.v);
        return errno == ENOENT
                   ? error_fail (error, ENOENT, "there is no such rank: %s", ranks)
                   : error_fail (error, errno, "%s", strerror (errno));
    }
    int rc = release_everywhere (s, &l);
    for (uint32_t i = 0; i < l.n && rc == 0; i++)
        if (!s->g->v[l.v[i]].gone)
            graph_remove (s->g, l.v[i]);
    free (l.v);
    if (rc < 0 || sched_rebuild (s) < 0)
        return error_fail (error, errno, "%s", strerror (errno));
    return 0;
}

int scheduler_shrink_ranks (struct scheduler *s, const char *ranks, flux_error_t *error)
{
    struct idset *ids = idset_decode (ranks);
    int rc = ids && !idset_empty (ids)
                 ? shrink_ids (s, ids, ranks, error)
                 : error_fail (error, EINVAL, "not an idset: %s", ranks);

    idset_destroy (ids);
    return rc;
}
