#include "fluxion/match/saved.h"

#include "base/error.h"
#include "fluxion/match/index.h"
#include "fluxion/match/sched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix (uint64_t h, uint64_t n)
{
    return (h ^ n) * 0x100000001b3ULL;
}

uint64_t scheduler_fingerprint (struct scheduler *s)
{
    const struct graph *g = s->g;
    uint64_t h = 0xcbf29ce484222325ULL;
    char name[GRAPH_NAME_MAX];

    for (uint32_t v = 0; v < g->nv; v++) {
        const struct vertex *x = &g->v[v];
        graph_name (g, v, name);
        h = mix (h, hash_stable (name, strlen (name)));
        h = mix (mix (h, x->parent), (uint64_t)x->uniq_id);
        h = mix (mix (h, (uint64_t)x->size), x->gone);
    }
    return h;
}

json_t *scheduler_save_job (struct scheduler *s, const struct job *job)
{
    json_t *holds = json_array ();
    struct selected sel;
    bool failed = !holds;

    for (uint32_t i = 0; i < job->nspan && !failed; i++)
        if (scheduler_job_holds (s, job, i, &sel))
            failed = json_array_append_new (
                         holds, json_pack ("[I I b]", (json_int_t)sel.v,
                                           (json_int_t)sel.needs, sel.exclusive))
                     < 0;
    if (failed) {
        json_decref (holds);
        return NULL;
    }
    return json_pack ("{s:I s:b s:I s:I s:f s:o}", "id", (json_int_t)job->id,
                      "reserved", job->state == JOB_RESERVED, "at", (json_int_t)job->at,
                      "end", (json_int_t)job->end, "overhead", job->overhead, "holds",
                      holds);
}

static int select_hold (struct scheduler *s, json_t *hold, flux_error_t *error)
{
    json_int_t v, needs;
    int exclusive;

    if (json_unpack (hold, "[I I b!]", &v, &needs, &exclusive) < 0 || v < 0
        || v >= s->g->nv || s->g->v[v].gone || needs < 0 || needs > s->g->v[v].size)
        return error_invalid (error, "what it holds is not of this graph");
    if (s->vs[v].mark == s->mark)
        return error_invalid (error, "it holds a resource twice");
    s->vs[v].mark = s->mark;
    s->sel[s->nsel++] = (struct selected){ v, exclusive, needs, NULL };
    return 0;
}

static int select_holds (struct scheduler *s, json_t *holds, flux_error_t *error)
{
    size_t n = json_array_size (holds), i;
    json_t *hold;

    if (n == 0 || n > s->g->nv)
        return error_invalid (error, "it holds nothing, or more than there is");
    if (n > s->sel_cap) {
        struct selected *sel = realloc (s->sel, n * sizeof (*sel));
        if (!sel)
            return error_fail (error, ENOMEM, "out of memory");
        s->sel = sel;
        s->sel_cap = n;
    }
    s->nsel = 0;
    s->mark = sched_new_mark (s);
    json_array_foreach (holds, i, hold)
        if (select_hold (s, hold, error) < 0)
            return -1;
    return 0;
}

int scheduler_restore_job (struct scheduler *s, json_t *saved, flux_error_t *error)
{
    json_int_t id, at, end;
    struct match_result result = { 0 };
    json_t *holds;
    double overhead;
    int reserved;

    if (json_unpack (saved, "{s:I s:b s:I s:I s:F s:o}", "id", &id, "reserved",
                     &reserved, "at", &at, "end", &end, "overhead", &overhead, "holds",
                     &holds)
            < 0
        || at < s->start || end <= at || end > s->end)
        return error_invalid (error, "it has no id, times and resources");
    if (s->generation != s->g->generation && sched_rebuild (s) < 0)
        return error_fail (error, errno, "%s", strerror (errno));
    struct window w = { at, end - at, !reserved && at == s->start, false };
    if (select_holds (s, holds, error) < 0 || sched_check_free (s, &w, error) < 0)
        return -1;
    result.at = at;
    result.end = end;
    result.reserved = reserved;
    error->text[0] = '\0';
    if (sched_keep (s, id, &result, error) < 0) {
        if (!error->text[0])
            error_fail (error, errno, "%s", strerror (errno));
        return -1;
    }
    scheduler_job (s, id)->overhead = overhead;
    return 0;
}

/* A vertex of a tree that has been visited has a weight on its edge. */
static struct edge *edge_to (struct scheduler *s, uint32_t v)
{
    const struct vertex *x = &s->g->v[v];

    if (x->gone || x->parent == VTX_NONE || s->vs[v].agg == UINT32_MAX || s->g->nextra)
        return NULL;
    return &s->g->edges[s->g->v[x->parent].first + x->at];
}

json_t *scheduler_save_weights (struct scheduler *s)
{
    json_t *weights = json_array ();
    bool failed = !weights;

    for (uint32_t v = 0; v < s->g->nv && v < s->nvs && !failed; v++) {
        const struct edge *e = edge_to (s, v);
        if (e && e->weight != WEIGHT_UNTOUCHED)
            failed = json_array_append_new (weights, json_pack ("[I I]", (json_int_t)v,
                                                                (json_int_t)e->weight))
                     < 0;
    }
    if (failed) {
        json_decref (weights);
        return NULL;
    }
    return weights;
}

int scheduler_restore_weights (struct scheduler *s, json_t *saved, flux_error_t *error)
{
    json_int_t v, weight;
    json_t *item;
    size_t i;

    if (s->generation != s->g->generation && sched_rebuild (s) < 0)
        return error_fail (error, errno, "%s", strerror (errno));
    json_array_foreach (saved, i, item) {
        if (json_unpack (item, "[I I!]", &v, &weight) < 0 || v < 0 || v >= s->g->nv
            || weight < 0 || weight >= WEIGHT_UNTOUCHED || !edge_to (s, v))
            return error_invalid (error, "a weight is not of this graph");
        index_weight (s, v, graph_set_weight (s->g, v, weight), weight);
    }
    return 0;
}
