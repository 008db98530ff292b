/* State of the scheduler: who holds what, when, and the sums kept over it. */
#include "fluxion/match/index.h"
#include "fluxion/match/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rebuild_rows (struct scheduler *s)
{
    struct graph *g = s->g;
    uint32_t n = graph_vertex_count (g), rows = 0;

    for (uint32_t i = 0; i < n && g->root != VTX_NONE; i++) {
        uint32_t v = g->by_post[i];
        s->vs[v].agg = g->v[v].nchildren ? rows++ : UINT32_MAX;
        if (i == g->v[g->root].post)
            break;
    }
    size_t size = ((size_t)rows * s->ntracked + 1) * sizeof (int64_t);
    int64_t *total = calloc (1, size), *avail = calloc (1, size);
    int64_t *usable = calloc (1, size);
    if (!total || !avail || !usable) {
        free (total);
        free (avail);
        free (usable);
        return -1;
    }
    free (s->total);
    free (s->avail);
    free (s->usable);
    s->total = total;
    s->avail = avail;
    s->usable = usable;
    s->nrows = rows;
    return 0;
}

static int64_t held_units (const struct scheduler *s, uint32_t v)
{
    return s->vs[v].exclusive ? s->g->v[v].size : 0;
}

void sched_sum (struct scheduler *s)
{
    size_t size = (size_t)s->nrows * s->ntracked * sizeof (int64_t);
    struct graph *g = s->g;

    memset (s->total, 0, size);
    memset (s->avail, 0, size);
    memset (s->usable, 0, size);

    for (uint32_t i = 0; g->root != VTX_NONE && i < g->v[g->root].nbelow; i++) {
        uint32_t v = g->by_post[i], nup;
        const uint32_t *up = graph_parents (g, v, &nup);
        for (int k = 0; k < s->ntracked; k++) {
            bool mine = g->v[v].type == s->tracked[k];
            int64_t total = mine ? g->v[v].size : 0;
            int64_t avail = mine ? g->v[v].size - held_units (s, v) : 0;
            if (s->vs[v].agg != UINT32_MAX) {
                total += sched_row (s->total, s, v)[k];
                avail += sched_row (s->avail, s, v)[k];
            }
            for (uint32_t n = 0; n < nup; n++) {
                sched_row (s->total, s, up[n])[k] += total;
                sched_row (s->avail, s, up[n])[k] += avail;
                sched_row (s->usable, s, up[n])[k] += sched_contribution (s, v, k);
            }
        }
    }
}

/* Types of leaves are tracked too, so that the root can tell when to try. */
static void track_leaves (struct scheduler *s)
{
    struct graph *g = s->g;

    s->ntracked = s->nfiltered;
    for (uint32_t v = 0; v < g->nv && s->ntracked < MAX_TRACKED; v++) {
        if (g->v[v].gone || g->v[v].nchildren || g->v[v].parent == VTX_NONE)
            continue;
        if (sched_tracked (s, g->v[v].type) < 0)
            s->tracked[s->ntracked++] = g->v[v].type;
    }
}

static int set_root_plans (struct scheduler *s)
{
    for (int k = 0; k < s->ntracked; k++) {
        int64_t total = s->g->root == VTX_NONE || s->nrows == 0
                            ? 0
                            : sched_row (s->total, s, s->g->root)[k];
        uint16_t type = s->g->root == VTX_NONE ? 0 : s->g->v[s->g->root].type;
        if (type == s->tracked[k])
            total += s->g->v[s->g->root].size;
        if (s->root_plan[k])
            planner_set_total (s->root_plan[k], total);
        else if (!(s->root_plan[k] =
                       planner_create (s->start, s->end - s->start, total)))
            return -1;
    }
    return 0;
}

/* The plans of the root know jobs by type; if the tracked types change, they are
 * made anew. */
static int replay_root_plans (struct scheduler *s)
{
    for (int k = 0; k < MAX_TRACKED; k++) {
        planner_destroy (s->root_plan[k]);
        s->root_plan[k] = NULL;
    }
    if (set_root_plans (s) < 0)
        return -1;
    for (uint32_t i = 0; i < s->njob; i++) {
        struct job *job = s->job[i];
        if (!job || !job->nspan)
            continue;
        int64_t *units = calloc (s->ntracked + 1, sizeof (*units));
        if (!units)
            return -1;
        free (job->units);
        job->units = units;
        sched_count_units (s, job, units);
        sched_plan_units (s, job, units, 1);
    }
    return 0;
}

static int find_unit_sizes (struct scheduler *s)
{
    uint8_t *unit = malloc (s->g->types.count);

    if (!unit)
        return -1;
    memset (unit, 1, s->g->types.count);
    for (uint32_t v = 0; v < s->g->nv; v++)
        if (s->g->v[v].size != 1)
            unit[s->g->v[v].type] = 0;
    s->nnodes = 0;
    for (uint32_t v = 0; v < s->g->nv; v++)
        if (s->g->v[v].type == s->g->t_node && !s->g->v[v].gone)
            s->nnodes++;
    free (s->unit_size);
    s->unit_size = unit;
    return 0;
}

int sched_rebuild (struct scheduler *s)
{
    struct graph *g = s->g;

    memos_destroy (s);
    index_destroy (s);
    if (graph_order (g) < 0 || find_unit_sizes (s) < 0)
        return -1;
    if (g->nv > s->nvs) {
        struct vstate *vs = realloc (s->vs, (size_t)g->nv * sizeof (*vs));
        if (!vs)
            return -1;
        memset (vs + s->nvs, 0, (g->nv - s->nvs) * sizeof (*vs));
        for (uint32_t v = s->nvs; v < g->nv; v++)
            vs[v].agg = UINT32_MAX;
        s->vs = vs;
        s->nvs = g->nv;
    }
    track_leaves (s);
    if (rebuild_rows (s) < 0 || pools_rebuild (s) < 0)
        return -1;
    sched_sum (s);
    if (!(s->index = index_create (s)))
        return -1;
    s->generation = g->generation;
    return replay_root_plans (s);
}

static int add_filter (struct scheduler *s, const char *item, flux_error_t *error)
{
    const char *colon = strchr (item, ':');
    char high[128];

    if (!colon || colon == item || !colon[1]
        || (size_t)(colon - item) >= sizeof (high)) {
        snprintf (error->text, sizeof (error->text),
                  "prune filter '%s' is not of the form HIGH:LOW", item);
        errno = EINVAL;
        return -1;
    }
    memcpy (high, item, colon - item);
    high[colon - item] = '\0';
    uint16_t low = graph_type (s->g, colon + 1, strlen (colon + 1));
    uint16_t up =
        strcmp (high, "ALL") == 0 ? UINT16_MAX : graph_type (s->g, high, strlen (high));
    int k = sched_tracked (s, low);
    if (k < 0 && s->ntracked == MAX_TRACKED) {
        snprintf (error->text, sizeof (error->text), "too many prune filters");
        errno = EINVAL;
        return -1;
    }
    if (k < 0) {
        k = s->ntracked++;
        s->tracked[k] = low;
    }
    struct filter *f = realloc (s->filter, (s->nfilters + 1) * sizeof (*f));
    if (!f)
        return -1;
    s->filter = f;
    s->filter[s->nfilters++] = (struct filter){ up, k };
    return 0;
}

static int parse_filters (struct scheduler *s, const char *spec, flux_error_t *error)
{
    char *copy, *save = NULL;
    int rc = 0;

    if (!(copy = strdup (spec)))
        return -1;
    for (char *item = strtok_r (copy, ",", &save); item && rc == 0;
         item = strtok_r (NULL, ",", &save))
        rc = add_filter (s, item, error);
    free (copy);
    s->nfiltered = s->ntracked;
    return rc;
}

struct scheduler *scheduler_create (struct graph *g,
                                    const struct scheduler_options *opt,
                                    flux_error_t *error)
{
    struct scheduler *s = calloc (1, sizeof (*s));
    const char *filters = opt->prune_filters;

    error->text[0] = '\0';
    if (!s) {
        graph_destroy (g);
        return NULL;
    }
    s->g = g;
    s->end = FOREVER;
    s->few_is_busy = opt->few_is_busy;
    if (opt->subsystems && !(s->subsystems = strdup (opt->subsystems)))
        goto error;
    if (policy_parse (opt->policy && *opt->policy ? opt->policy : "first", &s->policy,
                      error)
        < 0)
        goto error;
    if (opt->traverser && strcmp (opt->traverser, "flexible") == 0)
        s->flexible = true;
    else if (opt->traverser && *opt->traverser && strcmp (opt->traverser, "simple")) {
        snprintf (error->text, sizeof (error->text), "unknown traverser policy: %s",
                  opt->traverser);
        errno = EINVAL;
        goto error;
    }
    if (g->root == VTX_NONE) {
        snprintf (error->text, sizeof (error->text), "the graph has no root");
        errno = EINVAL;
        goto error;
    }
    if (!(s->by_id = idmap_create (NULL)) || !(s->arena = arena_create ())
        || !(s->canceled = calloc (CANCELED_KEPT, sizeof (*s->canceled)))
        || !(s->calendar = planner_create (0, FOREVER * 2, INT64_MAX / 4))
        || parse_filters (s, filters ? filters : "ALL:core,ALL:node", error) < 0
        || sched_rebuild (s) < 0)
        goto error;
    s->nspan = 1; /* 0 means none */
    return s;
error:
    if (!error->text[0])
        snprintf (error->text, sizeof (error->text), "%s", strerror (errno));
    scheduler_destroy (s);
    return NULL;
}

void scheduler_destroy (struct scheduler *s)
{
    int saved = errno;

    if (!s)
        return;
    memos_destroy (s);
    index_destroy (s);
    pools_destroy (s);
    free (s->subsystems);
    for (uint32_t i = 0; i < s->njob; i++)
        sched_free_job (s->job[i]);
    for (uint32_t i = 0; i < s->nplan; i++)
        planner_destroy (s->plan[i]);
    for (int k = 0; k < MAX_TRACKED; k++)
        planner_destroy (s->root_plan[k]);
    planner_destroy (s->calendar);
    free (s->plan);
    free (s->job);
    free (s->free_job);
    free (s->canceled);
    idmap_destroy (s->by_id);
    free (s->filter);
    free (s->unit_size);
    free (s->total);
    free (s->avail);
    free (s->usable);
    free (s->vs);
    free (s->span);
    free (s->sel);
    arena_destroy (s->arena);
    graph_destroy (s->g);
    free (s);
    errno = saved;
}

static void *copy_mem (const void *p, size_t size, bool *failed)
{
    void *copy = calloc (1, size + 1); /* p: NULL before the first of it */

    if (!copy)
        *failed = true;
    else if (size && p)
        memcpy (copy, p, size);
    return copy;
}

static struct job *copy_job (const struct job *j, int ntracked, bool *failed)
{
    struct job *c = copy_mem (j, sizeof (*j), failed);

    if (!c)
        return NULL;
    c->span = copy_mem (j->span, j->nspan * sizeof (*j->span), failed);
    c->units =
        j->units ? copy_mem (j->units, ntracked * sizeof (*j->units), failed) : NULL;
    c->jobspec_name = j->jobspec_name ? strdup (j->jobspec_name) : NULL;
    return c;
}

struct scheduler *scheduler_copy (const struct scheduler *s)
{
    struct scheduler *c = calloc (1, sizeof (*c));
    size_t rows = ((size_t)s->nrows * s->ntracked + 1) * sizeof (int64_t);
    bool failed = false;

    if (!c)
        return NULL;
    *c = *s;
    c->index = NULL;
    c->memos = NULL;
    c->pools = NULL;
    c->subsystems = s->subsystems ? strdup (s->subsystems) : NULL;
    c->sel = NULL;
    c->nsel = c->sel_cap = 0;
    c->plan = NULL;
    c->nplan = 0;
    c->g = graph_copy (s->g);
    c->filter = copy_mem (s->filter, s->nfilters * sizeof (*s->filter), &failed);
    c->unit_size = copy_mem (s->unit_size, s->g->types.count, &failed);
    c->total = copy_mem (s->total, rows, &failed);
    c->avail = copy_mem (s->avail, rows, &failed);
    c->usable = copy_mem (s->usable, rows, &failed);
    c->vs = copy_mem (s->vs, s->nvs * sizeof (*s->vs), &failed);
    c->span = copy_mem (s->span, s->nspan * sizeof (*s->span), &failed);
    c->span_cap = s->nspan;
    for (uint32_t v = 0; c->vs && v < c->nvs; v++)
        c->vs[v].plan = 0; /* made again when needed */
    for (int k = 0; k < MAX_TRACKED; k++)
        if (s->root_plan[k] && !(c->root_plan[k] = planner_copy (s->root_plan[k])))
            failed = true;
    c->calendar = planner_copy (s->calendar);
    c->arena = arena_create ();
    c->canceled =
        copy_mem (s->canceled, CANCELED_KEPT * sizeof (*s->canceled), &failed);
    c->free_job = copy_mem (s->free_job, s->nfree_job * sizeof (*s->free_job), &failed);
    c->by_id = idmap_create (NULL);
    c->job = calloc (s->njob + 1, sizeof (*c->job));
    c->job_cap = s->njob;
    c->njob = c->job ? s->njob : 0;
    for (uint32_t i = 0; i < c->njob; i++)
        if (s->job[i]) {
            c->job[i] = copy_job (s->job[i], s->ntracked, &failed);
            if (c->job[i] && c->by_id
                && idmap_insert (c->by_id, c->job[i]->id, (void *)(uintptr_t)(i + 1))
                       < 0)
                failed = true;
        }
    if (failed || !c->g || !c->calendar || !c->arena || !c->by_id || !c->job
        || !(c->index = index_create (c)) || pools_rebuild (c) < 0) {
        if (!c->vs)
            c->nvs = 0;
        scheduler_destroy (c);
        errno = ENOMEM;
        return NULL;
    }
    return c;
}

struct graph *scheduler_graph (struct scheduler *s)
{
    return s->g;
}

void scheduler_set_range (struct scheduler *s, int64_t start, int64_t end)
{
    s->start = start;
    s->end = end > start ? end : start + FOREVER;
    replay_root_plans (s);
}

struct scheduler_counts scheduler_counts (const struct scheduler *s)
{
    return s->counts;
}
