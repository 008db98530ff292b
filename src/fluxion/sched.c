/* State of the scheduler: who holds what, when, and the sums kept over it. */
#include "fluxion/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *job_state_name (enum job_state s)
{
    static const char *const names[] = {
        [JOB_INIT] = "INIT",         [JOB_ALLOCATED] = "ALLOCATED",
        [JOB_RESERVED] = "RESERVED", [JOB_CANCELED] = "CANCELED",
        [JOB_ERROR] = "ERROR",
    };

    return names[s];
}

/* What v adds to the usable units of its parent. */
static int64_t contribution (const struct scheduler *s, uint32_t v, int k)
{
    const struct vertex *x = &s->g->v[v];
    const struct vstate *st = &s->vs[v];
    int64_t n = 0;

    if (x->down || st->exclusive)
        return 0;
    if (x->type == s->tracked[k] && st->live == 0)
        n = x->size;
    if (st->agg != UINT32_MAX)
        n += s->usable[(size_t)st->agg * s->ntracked + k];
    return n;
}

static void add_usable (struct scheduler *s, uint32_t v, int k, int64_t delta)
{
    for (uint32_t p = s->g->v[v].parent; p != VTX_NONE; p = s->g->v[p].parent) {
        s->usable[(size_t)s->vs[p].agg * s->ntracked + k] += delta;
        index_touch (s, p);
        if (s->g->v[p].down || s->vs[p].exclusive)
            return;
    }
}

struct before {
    int64_t n[MAX_TRACKED];
};

static void before_change (struct scheduler *s, uint32_t v, struct before *b)
{
    for (int k = 0; k < s->ntracked; k++)
        b->n[k] = contribution (s, v, k);
}

static void after_change (struct scheduler *s, uint32_t v, const struct before *b)
{
    for (int k = 0; k < s->ntracked; k++) {
        int64_t delta = contribution (s, v, k) - b->n[k];
        if (delta)
            add_usable (s, v, k, delta);
    }
    index_touch (s, v);
}

static int tracked_index (const struct scheduler *s, uint16_t type)
{
    for (int k = 0; k < s->ntracked; k++)
        if (s->tracked[k] == type)
            return k;
    return -1;
}

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
        uint32_t v = g->by_post[i], p = g->v[v].parent;
        if (p == VTX_NONE)
            break;
        for (int k = 0; k < s->ntracked; k++) {
            bool mine = g->v[v].type == s->tracked[k];
            int64_t total = mine ? g->v[v].size : 0;
            int64_t avail = mine ? g->v[v].size - held_units (s, v) : 0;
            if (s->vs[v].agg != UINT32_MAX) {
                total += sched_row (s->total, s, v)[k];
                avail += sched_row (s->avail, s, v)[k];
            }
            sched_row (s->total, s, p)[k] += total;
            sched_row (s->avail, s, p)[k] += avail;
            sched_row (s->usable, s, p)[k] += contribution (s, v, k);
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
        if (tracked_index (s, g->v[v].type) < 0)
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

/* A job keeps from others what it holds exclusively, and all that is below that. Its
 * spans are in post-order: backwards, a vertex comes before what is below it. */
static void count_units (const struct scheduler *s, const struct job *job,
                         int64_t *units)
{
    uint32_t covered = UINT32_MAX; /* from this post-order rank on */

    memset (units, 0, s->ntracked * sizeof (*units));
    for (uint32_t i = job->nspan; i-- > 0;) {
        const struct span *sp = &s->span[job->span[i]];
        if (!job->span[i] || !sp->exclusive)
            continue;
        const struct vertex *x = &s->g->v[sp->v];
        if (x->post >= covered)
            continue;
        covered = x->post - x->nbelow + 1;
        for (int k = 0; k < s->ntracked; k++) {
            if (x->type == s->tracked[k])
                units[k] += x->size;
            if (s->vs[sp->v].agg != UINT32_MAX)
                units[k] += s->total[(size_t)s->vs[sp->v].agg * s->ntracked + k];
        }
    }
}

static void plan_units (struct scheduler *s, const struct job *job,
                        const int64_t *units, int sign)
{
    for (int k = 0; k < s->ntracked; k++) {
        if (units[k] == 0)
            continue;
        if (sign > 0)
            planner_add (s->root_plan[k], job->at, job->end - job->at, units[k]);
        else
            planner_remove (s->root_plan[k], job->at, job->end - job->at, units[k]);
    }
}

void sched_recount (struct scheduler *s, struct job *job)
{
    plan_units (s, job, job->units, -1);
    count_units (s, job, job->units);
    plan_units (s, job, job->units, 1);
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
        count_units (s, job, units);
        plan_units (s, job, units, 1);
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
    if (rebuild_rows (s) < 0)
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
    int k = tracked_index (s, low);
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

static void free_job (struct job *j)
{
    if (j) {
        free (j->span);
        free (j->units);
        free (j->jobspec_name);
        free (j);
    }
}

void scheduler_destroy (struct scheduler *s)
{
    int saved = errno;

    if (!s)
        return;
    memos_destroy (s);
    index_destroy (s);
    for (uint32_t i = 0; i < s->njob; i++)
        free_job (s->job[i]);
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
    void *copy = malloc (size + 1);

    if (!copy)
        *failed = true;
    else if (size)
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
        || !(c->index = index_create (c))) {
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

/* Jobs */

uint32_t sched_slot (struct scheduler *s, uint64_t id)
{
    uintptr_t i = (uintptr_t)idmap_lookup (s->by_id, id);

    return i ? i - 1 : UINT32_MAX;
}

struct job *scheduler_job (struct scheduler *s, uint64_t id)
{
    uint32_t i = sched_slot (s, id);

    return i == UINT32_MAX ? NULL : s->job[i];
}

struct job *scheduler_next_job (struct scheduler *s, size_t *pos)
{
    while (*pos < s->njob) {
        struct job *j = s->job[(*pos)++];
        if (j)
            return j;
    }
    return NULL;
}

static int grow_jobs (struct scheduler *s)
{
    uint32_t cap = s->job_cap ? s->job_cap * 2 : 64;
    struct job **job = realloc (s->job, cap * sizeof (*job));
    uint32_t *list;

    if (!job)
        return -1;
    s->job = job;
    if (!(list = realloc (s->free_job, cap * sizeof (*list))))
        return -1;
    s->free_job = list;
    s->job_cap = cap;
    return 0;
}

struct job *sched_add_job (struct scheduler *s, uint64_t id, flux_error_t *error)
{
    struct job *old = scheduler_job (s, id), *j;
    uint32_t slot;

    if (old && old->state != JOB_CANCELED && old->state != JOB_ERROR) {
        snprintf (error->text, sizeof (error->text), "existing Jobid %llu",
                  (unsigned long long)id);
        errno = EEXIST;
        return NULL;
    }
    if (old)
        sched_drop_job (s, old);
    if (!s->nfree_job && s->njob == s->job_cap && grow_jobs (s) < 0)
        return NULL;
    if (!(j = calloc (1, sizeof (*j))))
        return NULL;
    slot = s->nfree_job ? s->free_job[s->nfree_job - 1] : s->njob;
    if (idmap_insert (s->by_id, id, (void *)(uintptr_t)(slot + 1)) < 0) {
        free (j);
        return NULL;
    }
    if (s->nfree_job)
        s->nfree_job--;
    else
        s->njob++;
    s->job[slot] = j;
    j->id = id;
    return j;
}

void sched_drop_job (struct scheduler *s, struct job *job)
{
    uint32_t slot = sched_slot (s, job->id);

    if (slot == UINT32_MAX)
        return;
    /* A slot in the ring of canceled jobs is reused only from there. */
    idmap_remove (s->by_id, job->id);
    s->job[slot] = NULL;
    if (job->state != JOB_CANCELED)
        s->free_job[s->nfree_job++] = slot;
    free_job (job);
}

void sched_retire (struct scheduler *s, struct job *job)
{
    uint32_t slot = sched_slot (s, job->id);

    job->state = JOB_CANCELED;
    free (job->span);
    job->span = NULL;
    job->nspan = 0;
    free (job->units);
    job->units = NULL;
    if (s->ncanceled == CANCELED_KEPT) {
        uint32_t old = s->canceled[s->canceled_head];
        s->canceled_head = (s->canceled_head + 1) % CANCELED_KEPT;
        s->ncanceled--;
        if (s->job[old]) {
            idmap_remove (s->by_id, s->job[old]->id);
            free_job (s->job[old]);
            s->job[old] = NULL;
        }
        s->free_job[s->nfree_job++] = old;
    }
    s->canceled[(s->canceled_head + s->ncanceled++) % CANCELED_KEPT] = slot;
}

/* Spans */

static int reserve_spans (struct scheduler *s, uint32_t n)
{
    if (s->span_cap - s->nspan >= n && s->span)
        return 0;
    uint64_t cap = (uint64_t)s->nspan + n + s->nspan / 2 + 64;
    if (cap > UINT32_MAX) {
        errno = ENOMEM;
        return -1;
    }
    struct span *span = realloc (s->span, cap * sizeof (*span));
    if (!span)
        return -1;
    s->span = span;
    s->span_cap = cap;
    return 0;
}

static int64_t tokens (const struct span *sp)
{
    return sp->exclusive ? TOKENS : 1;
}

/* What a live exclusive span takes from the sums above it. */
static void count_avail (struct scheduler *s, const struct span *sp, int sign)
{
    int k = tracked_index (s, s->g->v[sp->v].type);

    if (!sp->exclusive || sp->reserved || k < 0)
        return;
    for (uint32_t p = s->g->v[sp->v].parent; p != VTX_NONE; p = s->g->v[p].parent)
        sched_row (s->avail, s, p)[k] -= sign * sp->needs;
}

static void link_span (struct scheduler *s, uint32_t i)
{
    struct span *sp = &s->span[i];
    struct vstate *st = &s->vs[sp->v];

    sp->prev = 0;
    sp->next = st->spans;
    if (st->spans)
        s->span[st->spans].prev = i;
    st->spans = i;
    st->nspans++;
    if (st->plan)
        planner_add (s->plan[st->plan - 1], sp->at, sp->end - sp->at, tokens (sp));
    if (!sp->reserved) {
        /* Only the first and an exclusive holder change what is usable. */
        bool first = st->live == 0;
        struct before b;
        if (first || sp->exclusive)
            before_change (s, sp->v, &b);
        st->live++;
        st->exclusive += sp->exclusive;
        if (first || sp->exclusive)
            after_change (s, sp->v, &b);
    }
    count_avail (s, sp, 1);
}

static void unlink_span (struct scheduler *s, uint32_t i)
{
    struct span *sp = &s->span[i];
    struct vstate *st = &s->vs[sp->v];

    if (sp->prev)
        s->span[sp->prev].next = sp->next;
    else
        st->spans = sp->next;
    if (sp->next)
        s->span[sp->next].prev = sp->prev;
    st->nspans--;
    if (st->plan)
        planner_remove (s->plan[st->plan - 1], sp->at, sp->end - sp->at, tokens (sp));
    if (!sp->reserved) {
        bool last = st->live == 1;
        struct before b;
        if (last || sp->exclusive)
            before_change (s, sp->v, &b);
        st->live--;
        st->exclusive -= sp->exclusive;
        if (last || sp->exclusive)
            after_change (s, sp->v, &b);
    }
    count_avail (s, sp, -1);
    sp->v = VTX_NONE;
    sp->next = s->span_free;
    s->span_free = i;
}

static uint32_t new_span (struct scheduler *s)
{
    uint32_t i = s->span_free;

    if (i)
        s->span_free = s->span[i].next;
    else
        i = s->nspan++;
    return i;
}

int sched_hold (struct scheduler *s, struct job *job, const struct selected *sel,
                uint32_t nsel)
{
    uint32_t slot = sched_slot (s, job->id);
    uint32_t *list = malloc ((nsel + 1) * sizeof (*list));

    job->units = calloc (s->ntracked + 1, sizeof (*job->units));
    if (!list || !job->units || reserve_spans (s, nsel) < 0
        || planner_add (s->calendar, job->at, job->end - job->at, 1) < 0) {
        free (list);
        return -1;
    }
    job->span = list;
    job->nspan = nsel;
    for (uint32_t i = 0; i < nsel; i++) {
        uint32_t n = list[i] = new_span (s);
        s->span[n] = (struct span){
            .v = sel[i].v,
            .job = slot,
            .at = job->at,
            .end = job->end,
            .needs = sel[i].needs,
            .exclusive = sel[i].exclusive,
            .reserved = job->state == JOB_RESERVED,
        };
        link_span (s, n);
    }
    count_units (s, job, job->units);
    plan_units (s, job, job->units, 1);
    return 0;
}

void sched_release (struct scheduler *s, struct job *job, uint32_t i)
{
    if (job->span[i])
        unlink_span (s, job->span[i]);
    job->span[i] = 0;
}

void sched_end (struct scheduler *s, struct job *job)
{
    plan_units (s, job, job->units, -1);
    /* Parents before children: a freed parent passes sums on. */
    for (uint32_t i = job->nspan; i-- > 0;)
        sched_release (s, job, i);
    planner_remove (s->calendar, job->at, job->end - job->at, 1);
    sched_retire (s, job);
}

int scheduler_cancel (struct scheduler *s, uint64_t id)
{
    struct job *job = scheduler_job (s, id);

    if (!job || (job->state != JOB_ALLOCATED && job->state != JOB_RESERVED)) {
        errno = ENOENT;
        return -1;
    }
    s->counts.preorder = s->counts.postorder = job->nspan;
    sched_end (s, job);
    return 0;
}

/* Windows */

static int make_plan (struct scheduler *s, uint32_t v)
{
    struct planner **plan = realloc (s->plan, (s->nplan + 1) * sizeof (*plan));

    if (!plan)
        return -1;
    s->plan = plan;
    if (!(plan[s->nplan] = planner_create (0, FOREVER * 2, INT64_MAX / 4)))
        return -1;
    for (uint32_t i = s->vs[v].spans; i; i = s->span[i].next) {
        const struct span *sp = &s->span[i];
        planner_add (plan[s->nplan], sp->at, sp->end - sp->at, tokens (sp));
    }
    s->vs[v].plan = ++s->nplan;
    return 0;
}

/* Tokens in use at most during the window: 0 none, < TOKENS only shared ones. */
static int64_t tokens_used (struct scheduler *s, uint32_t v, const struct window *w)
{
    struct vstate *st = &s->vs[v];
    int64_t used = 0;

    if (!st->nspans)
        return 0;
    if (st->nspans > SPANS_FOR_PLANNER && !st->plan)
        make_plan (s, v);
    if (st->plan) {
        const struct planner *p = s->plan[st->plan - 1];
        return planner_total (p) - planner_avail_during (p, w->at, w->duration);
    }
    for (uint32_t i = st->spans; i; i = s->span[i].next) {
        const struct span *sp = &s->span[i];
        if (sp->at < w->at + w->duration && sp->end > w->at)
            used |= tokens (sp);
    }
    return used;
}

bool sched_idle (struct scheduler *s, uint32_t v, const struct window *w)
{
    if (w->ignore)
        return true;
    if (s->g->v[v].down || (w->now && s->vs[v].live))
        return false;
    return s->vs[v].nspans == 0 || tokens_used (s, v, w) == 0;
}

bool sched_shareable (struct scheduler *s, uint32_t v, const struct window *w)
{
    const struct vstate *st = &s->vs[v];

    if (w->ignore)
        return true;
    if (s->g->v[v].down || (w->now && st->exclusive))
        return false;
    /* All are live and shared: nothing to look for. */
    if (st->nspans == 0 || (w->now && st->nspans == st->live))
        return true;
    return tokens_used (s, v, w) < TOKENS;
}

static void set_down (struct scheduler *s, uint32_t v, bool down)
{
    struct before b;

    if (s->g->v[v].down == down)
        return;
    before_change (s, v, &b);
    s->g->v[v].down = down;
    after_change (s, v, &b);
}

void scheduler_set_status (struct scheduler *s, uint32_t v, bool down)
{
    set_down (s, v, down);
}

bool scheduler_is_allocated (struct scheduler *s, uint32_t v)
{
    return s->vs[v].exclusive;
}

bool scheduler_is_reserved (struct scheduler *s, uint32_t v)
{
    for (uint32_t i = s->vs[v].spans; i; i = s->span[i].next)
        if (s->span[i].reserved && s->span[i].exclusive)
            return true;
    return false;
}

/* The root is asked about all types that leaves have. */
static bool is_filtered (const struct scheduler *s, uint32_t v, int k)
{
    for (uint32_t i = 0; i < s->nfilters; i++)
        if (s->filter[i].tracked == k
            && (s->filter[i].high == UINT16_MAX
                || s->filter[i].high == s->g->v[v].type))
            return true;
    return v == s->g->root;
}

int64_t scheduler_used_below (struct scheduler *s, uint32_t v, uint16_t type,
                              int64_t *total)
{
    int k = tracked_index (s, type);

    if (k < 0 || s->vs[v].agg == UINT32_MAX || !is_filtered (s, v, k))
        return -1;
    *total = sched_row (s->total, s, v)[k];
    if (*total == 0)
        return -1;
    return *total - sched_row (s->avail, s, v)[k];
}

bool scheduler_job_holds (const struct scheduler *s, const struct job *job, uint32_t i,
                          struct selected *sel)
{
    if (!job->span[i])
        return false;
    const struct span *sp = &s->span[job->span[i]];
    *sel = (struct selected){ sp->v, sp->exclusive, sp->needs, NULL };
    return true;
}

uint32_t sched_new_mark (struct scheduler *s)
{
    if (++s->mark == 0) {
        for (uint32_t v = 0; v < s->nvs; v++)
            s->vs[v].mark = 0;
        s->mark = 1;
    }
    return s->mark;
}
