#include "alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hashmap.h"
#include "bits.h"

#define MAX_CACHED_CONSTRAINTS 256

struct node {
    unsigned int rank;
    bool up;
    bool gone;
    int cores, gpus;           /* in all */
    int free_cores, free_gpus; /* counts of the sets below */
    struct idset *free[2];
};

/* Nodes with the same equipment. */
struct kind {
    int cores, gpus;
    int count;
};

/* The nodes that satisfy a constraint. */
struct eligible {
    bits_t *nodes; /* NULL: all */
    struct kind *kinds;
    int nkinds;
};

struct alloc {
    enum alloc_mode mode;
    struct rset *all;
    char *all_text;     /* when it was asked for; NULL: it has changed */
    struct node *nodes; /* by rank */
    size_t count;
    size_t words;
    int max_cores;
    bits_t **by_free; /* nodes that are up, by number of free cores */
    int *by_free_count;
    bits_t *with_gpu;         /* nodes with a free GPU */
    bits_t *idle;             /* nodes that are up and wholly free */
    long free_cores;          /* of the nodes that are up */
    struct eligible any;      /* no constraint */
    struct hashmap *eligible; /* by text of the constraint */
    int *picked;              /* scratch: a node index each */
    int *picked_slots;
};

static void eligible_fini (struct eligible *e)
{
    free (e->nodes);
    free (e->kinds);
}

static void eligible_destroy (void *arg)
{
    eligible_fini (arg);
    free (arg);
}

static int count_kind (struct eligible *e, const struct node *n)
{
    struct kind *kinds;

    for (int i = 0; i < e->nkinds; i++) {
        if (e->kinds[i].cores == n->cores && e->kinds[i].gpus == n->gpus) {
            e->kinds[i].count++;
            return 0;
        }
    }
    if (!(kinds = realloc (e->kinds, (e->nkinds + 1) * sizeof (*kinds))))
        return -1;
    e->kinds = kinds;
    kinds[e->nkinds++] = (struct kind){ n->cores, n->gpus, 1 };
    return 0;
}

/* After nodes or properties have changed. */
static int forget_eligible (struct alloc *a)
{
    struct hashmap *fresh = hashmap_create (eligible_destroy);

    if (!fresh)
        return -1;
    hashmap_destroy (a->eligible);
    a->eligible = fresh;
    a->any.nkinds = 0;
    for (size_t i = 0; i < a->count; i++)
        if (!a->nodes[i].gone && count_kind (&a->any, &a->nodes[i]) < 0)
            return -1;
    return 0;
}

static int init_node (struct alloc *a, struct node *n, unsigned int rank)
{
    const struct idset *cores = rset_children (a->all, rank, "core");
    const struct idset *gpus = rset_children (a->all, rank, "gpu");

    n->rank = rank;
    n->cores = n->free_cores = idset_count (cores);
    n->gpus = n->free_gpus = idset_count (gpus);
    if (n->cores > a->max_cores)
        a->max_cores = n->cores;
    n->free[0] = idset_copy (cores);
    n->free[1] = gpus ? idset_copy (gpus) : idset_create (0, IDSET_FLAG_AUTOGROW);
    return n->free[0] && n->free[1] ? 0 : -1;
}

static int init_nodes (struct alloc *a)
{
    struct idset *ranks = rset_ranks (a->all);
    unsigned int rank;
    int rc = ranks ? 0 : -1;

    for (rank = idset_first (ranks); rc == 0 && rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank))
        rc = init_node (a, &a->nodes[a->count++], rank);
    idset_destroy (ranks);
    return rc;
}

static int init_index (struct alloc *a)
{
    a->by_free = calloc (a->max_cores + 1, sizeof (*a->by_free));
    a->by_free_count = calloc (a->max_cores + 1, sizeof (*a->by_free_count));
    a->with_gpu = calloc (a->words + 1, sizeof (bits_t));
    a->idle = calloc (a->words + 1, sizeof (bits_t));
    a->picked = calloc (a->count + 1, sizeof (int));
    a->picked_slots = calloc (a->count + 1, sizeof (int));
    if (!a->by_free || !a->by_free_count || !a->with_gpu || !a->idle || !a->picked
        || !a->picked_slots)
        return -1;
    for (int i = 0; i <= a->max_cores; i++)
        if (!(a->by_free[i] = calloc (a->words + 1, sizeof (bits_t))))
            return -1;
    for (size_t i = 0; i < a->count; i++)
        if (a->nodes[i].gpus > 0)
            bits_set (a->with_gpu, i);
    return 0;
}

struct alloc *alloc_create (const struct rset *r, enum alloc_mode mode)
{
    struct alloc *a = calloc (1, sizeof (*a));
    size_t count = rset_count (r, "node");

    if (!a)
        return NULL;
    a->mode = mode;
    a->words = bits_words (count);
    a->nodes = calloc (count + 1, sizeof (*a->nodes));
    a->all = rset_copy (r);
    if (!a->nodes || !a->all || init_nodes (a) < 0 || init_index (a) < 0
        || forget_eligible (a) < 0) {
        alloc_destroy (a);
        errno = ENOMEM;
        return NULL;
    }
    return a;
}

void alloc_destroy (struct alloc *a)
{
    if (a) {
        int saved_errno = errno;
        for (size_t i = 0; i < a->count; i++) {
            idset_destroy (a->nodes[i].free[0]);
            idset_destroy (a->nodes[i].free[1]);
        }
        free (a->nodes);
        for (int i = 0; a->by_free && i <= a->max_cores; i++)
            free (a->by_free[i]);
        free (a->by_free);
        free (a->by_free_count);
        free (a->with_gpu);
        free (a->idle);
        free (a->picked);
        free (a->picked_slots);
        eligible_fini (&a->any);
        hashmap_destroy (a->eligible);
        rset_destroy (a->all);
        free (a->all_text);
        free (a);
        errno = saved_errno;
    }
}

static int find_node (const struct alloc *a, unsigned int rank)
{
    size_t lo = 0, hi = a->count;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (a->nodes[mid].rank < rank)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < a->count && a->nodes[lo].rank == rank && !a->nodes[lo].gone ? (int)lo
                                                                            : -1;
}

/* Nodes that are down are in no index. */
static void unindex_node (struct alloc *a, int i)
{
    struct node *n = &a->nodes[i];

    if (!n->up)
        return;
    bits_clear (a->by_free[n->free_cores], i);
    bits_clear (a->idle, i);
    a->by_free_count[n->free_cores]--;
    a->free_cores -= n->free_cores;
}

static void index_node (struct alloc *a, int i)
{
    struct node *n = &a->nodes[i];

    if (n->free_gpus > 0)
        bits_set (a->with_gpu, i);
    else
        bits_clear (a->with_gpu, i);
    if (!n->up)
        return;
    bits_set (a->by_free[n->free_cores], i);
    if (n->free_cores == n->cores && n->free_gpus == n->gpus)
        bits_set (a->idle, i);
    a->by_free_count[n->free_cores]++;
    a->free_cores += n->free_cores;
}

int alloc_set_up (struct alloc *a, const struct idset *ranks, bool up)
{
    unsigned int rank;

    for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        int i = find_node (a, rank);
        if (i < 0 || a->nodes[i].up == up)
            continue;
        unindex_node (a, i);
        a->nodes[i].up = up;
        index_node (a, i);
    }
    return 0;
}

static void forget_text (struct alloc *a)
{
    free (a->all_text);
    a->all_text = NULL;
}

int alloc_shrink (struct alloc *a, const struct idset *ranks)
{
    unsigned int rank;

    for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        int i = find_node (a, rank);
        if (i < 0)
            continue;
        unindex_node (a, i);
        a->nodes[i].up = false;
        a->nodes[i].gone = true;
    }
    forget_text (a);
    if (rset_remove_ranks (a->all, ranks) < 0)
        return -1;
    return forget_eligible (a);
}

int alloc_set_property (struct alloc *a, const char *name, const struct idset *ranks,
                        bool add)
{
    int rc = add ? rset_add_property (a->all, name, ranks)
                 : rset_remove_property (a->all, name, ranks);

    forget_text (a);
    return rc < 0 ? -1 : forget_eligible (a);
}

static struct eligible *make_eligible (struct alloc *a, json_t *constraint,
                                       flux_error_t *error)
{
    struct rset *r = rset_filter (a->all, constraint, error);
    struct idset *ranks = r ? rset_ranks (r) : NULL;
    struct eligible *e = calloc (1, sizeof (*e));
    unsigned int rank;

    rset_destroy (r);
    if (!ranks || !e || !(e->nodes = calloc (a->words + 1, sizeof (bits_t))))
        goto error;
    for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        int i = find_node (a, rank);
        if (i >= 0) {
            bits_set (e->nodes, i);
            if (count_kind (e, &a->nodes[i]) < 0)
                goto error;
        }
    }
    idset_destroy (ranks);
    return e;
error:
    idset_destroy (ranks);
    if (e)
        eligible_destroy (e);
    return NULL;
}

static const struct eligible *get_eligible (struct alloc *a, json_t *constraint,
                                            flux_error_t *error)
{
    struct eligible *e;
    char *key;

    if (!constraint || json_object_size (constraint) == 0)
        return &a->any;
    if (!(key = json_dumps (constraint, JSON_COMPACT | JSON_SORT_KEYS)))
        return NULL;
    if (!(e = hashmap_lookup (a->eligible, key))
        && (e = make_eligible (a, constraint, error))) {
        if (hashmap_count (a->eligible) >= MAX_CACHED_CONSTRAINTS) {
            hashmap_destroy (a->eligible);
            a->eligible = hashmap_create (eligible_destroy);
        }
        if (!a->eligible || hashmap_insert (a->eligible, key, e) < 0) {
            eligible_destroy (e);
            e = NULL;
        }
    }
    free (key);
    return e;
}

/* How many slots fit in so many cores and GPUs. */
static int count_slots (const struct jobspec *js, int cores, int gpus)
{
    int n = cores / js->cores_per_slot;

    if (js->gpus_per_slot > 0 && gpus / js->gpus_per_slot < n)
        n = gpus / js->gpus_per_slot;
    return n;
}

/* Nodes, or slots, that there would be for the job if nothing else ran. */
static long count_fitting (const struct eligible *e, const struct jobspec *js)
{
    long total = 0;

    for (int i = 0; i < e->nkinds; i++) {
        const struct kind *k = &e->kinds[i];
        int n = count_slots (js, k->cores, k->gpus);
        if (js->nnodes > 0)
            total += n >= js->slots_per_node ? k->count : 0;
        else
            total += (long)n * k->count;
    }
    return total;
}

/* False with *error. */
static bool fits_kinds (const struct eligible *e, const struct jobspec *js,
                        flux_error_t *error)
{
    long total = count_fitting (e, js);
    int wanted = js->nnodes > 0 ? js->nnodes : js->nslots;
    char gpus[32] = "";

    if (total >= wanted)
        return true;
    if (js->gpus_per_slot > 0)
        snprintf (gpus, sizeof (gpus), " and %d GPU(s)", js->gpus_per_slot);
    if (js->nnodes > 0)
        error_text (error,
                    "unsatisfiable request: need %d node(s) with %d slot(s) of %d "
                    "core(s)%s, there are %ld",
                    wanted, js->slots_per_node, js->cores_per_slot, gpus, total);
    else
        error_text (error,
                    "unsatisfiable request: need %d slot(s) of %d core(s)%s, there are "
                    "%ld",
                    wanted, js->cores_per_slot, gpus, total);
    errno = EINVAL;
    return false;
}

int alloc_feasible (struct alloc *a, const struct jobspec *js, flux_error_t *error)
{
    const struct eligible *e = get_eligible (a, js->constraints, error);

    if (!e)
        return -1;
    return fits_kinds (e, js, error) ? 0 : -1;
}

/* A walk over nodes, in order of preference. */
struct walk {
    struct alloc *a;
    const struct eligible *e;
    const struct jobspec *js;
    bits_t *const *maps; /* one after the other, step by step */
    int map, last, step;
    size_t word;
    bits_t bits; /* left in this word */
};

static bits_t walk_word (const struct walk *w)
{
    const struct alloc *a = w->a;
    bits_t bits = 0;

    /* For first fit, nodes of all numbers of free cores are one map. */
    if (a->mode == ALLOC_FIRST_FIT && w->maps == a->by_free)
        for (int k = w->js->cores_per_slot; k <= a->max_cores; k++)
            bits |= a->by_free_count[k] ? a->by_free[k][w->word] : 0;
    else
        bits = w->maps[w->map][w->word];
    if (w->e->nodes)
        bits &= w->e->nodes[w->word];
    if (w->js->gpus_per_slot > 0)
        bits &= a->with_gpu[w->word];
    return bits;
}

static void walk_init (struct walk *w, struct alloc *a, const struct eligible *e,
                       const struct jobspec *js)
{
    int least = js->cores_per_slot * (js->nnodes > 0 ? js->slots_per_node : 1);

    *w = (struct walk){ .a = a, .e = e, .js = js, .word = (size_t)-1 };
    if (js->node_exclusive) {
        w->maps = &a->idle;
        w->step = 1;
        return;
    }
    w->maps = a->by_free;
    if (a->mode == ALLOC_WORST_FIT) {
        w->map = a->max_cores;
        w->last = least;
        w->step = -1;
    } else if (a->mode == ALLOC_BEST_FIT) {
        w->map = least;
        w->last = a->max_cores;
        w->step = 1;
    } else {
        w->map = w->last = 0;
        w->step = 1;
    }
}

static bool walk_skip_empty (struct walk *w)
{
    const struct alloc *a = w->a;

    while ((w->step > 0 ? w->map <= w->last : w->map >= w->last)
           && w->maps == a->by_free && a->mode != ALLOC_FIRST_FIT
           && a->by_free_count[w->map] == 0)
        w->map += w->step;
    return w->step > 0 ? w->map <= w->last : w->map >= w->last;
}

static int walk_next (struct walk *w)
{
    int i;

    if (w->word == (size_t)-1) {
        if (!walk_skip_empty (w))
            return -1;
        w->word = 0;
        w->bits = w->a->words ? walk_word (w) : 0;
    }
    while (!w->bits) {
        if (++w->word >= w->a->words) {
            w->map += w->step;
            w->word = 0;
            if (!walk_skip_empty (w))
                return -1;
        }
        if (w->word < w->a->words)
            w->bits = walk_word (w);
    }
    i = w->word * 64 + __builtin_ctzll (w->bits);
    w->bits &= w->bits - 1;
    return i;
}

/* Fills a->picked. The number of nodes, or 0 if there are not enough. */
static int pick_nodes (struct alloc *a, const struct eligible *e,
                       const struct jobspec *js)
{
    struct walk w;
    int n = 0, i;

    walk_init (&w, a, e, js);
    while (n < js->nnodes && (i = walk_next (&w)) >= 0) {
        const struct node *node = &a->nodes[i];
        if (count_slots (js, node->free_cores, node->free_gpus) < js->slots_per_node)
            continue;
        a->picked[n] = i;
        a->picked_slots[n++] = js->slots_per_node;
    }
    return n == js->nnodes ? n : 0;
}

static int pick_slots (struct alloc *a, const struct eligible *e,
                       const struct jobspec *js)
{
    int left = js->nslots;
    struct walk w;
    int n = 0, i;

    walk_init (&w, a, e, js);
    while (left > 0 && (i = walk_next (&w)) >= 0) {
        const struct node *node = &a->nodes[i];
        int slots = count_slots (js, node->free_cores, node->free_gpus);
        if (slots == 0)
            continue;
        slots = slots < left ? slots : left;
        a->picked[n] = i;
        a->picked_slots[n++] = slots;
        left -= slots;
    }
    return left == 0 ? n : 0;
}

/* Moves the lowest n ids of a set into a new one. */
static struct idset *take_ids (struct idset *from, int n)
{
    struct idset *to = idset_create (0, IDSET_FLAG_AUTOGROW);
    unsigned int id = idset_first (from);

    for (; to && n > 0 && id != IDSET_INVALID_ID; n--) {
        if (idset_set (to, id) < 0) {
            idset_destroy (to);
            return NULL;
        }
        id = idset_next (from, id);
    }
    if (to)
        (void)idset_subtract (from, to);
    return to;
}

static int take_node (struct alloc *a, int i, int slots, const struct jobspec *js,
                      struct rset *r)
{
    struct node *n = &a->nodes[i];
    int cores = js->node_exclusive ? n->cores : slots * js->cores_per_slot;
    int gpus = js->node_exclusive ? n->gpus : slots * js->gpus_per_slot;
    struct idset *c, *g = NULL;

    unindex_node (a, i);
    c = take_ids (n->free[0], cores);
    if (gpus > 0)
        g = take_ids (n->free[1], gpus);
    n->free_cores = idset_count (n->free[0]);
    n->free_gpus = idset_count (n->free[1]);
    index_node (a, i);
    if (!c || (gpus > 0 && !g)) {
        idset_destroy (c);
        idset_destroy (g);
        return -1;
    }
    return rset_add_ids (r, n->rank, a->all, c, g);
}

struct rset *alloc_alloc (struct alloc *a, const struct jobspec *js,
                          flux_error_t *error)
{
    const struct eligible *e = get_eligible (a, js->constraints, error);
    struct rset *r;
    int n = 0;

    if (!e)
        return NULL;
    if (!fits_kinds (e, js, error))
        return NULL;
    if ((long)js->nslots * js->cores_per_slot <= a->free_cores)
        n = js->nnodes > 0 ? pick_nodes (a, e, js) : pick_slots (a, e, js);
    if (n == 0) {
        errno = ENOSPC;
        return NULL;
    }
    if (!(r = rset_create ()))
        return NULL;
    rset_set_nslots (r, js->nslots);
    for (int i = 0; i < n; i++) {
        if (take_node (a, a->picked[i], a->picked_slots[i], js, r) < 0) {
            (void)alloc_free (a, r, NULL);
            rset_destroy (r);
            errno = ENOMEM;
            return NULL;
        }
    }
    return r;
}

static bool can_free (const struct alloc *a, int i, const struct idset *ids, int type)
{
    const struct idset *all =
        rset_children (a->all, a->nodes[i].rank, type ? "gpu" : "core");
    struct idset *unknown;
    bool ok;

    if (idset_empty (ids))
        return true;
    if (idset_has_intersection (a->nodes[i].free[type], ids))
        return false;
    unknown = idset_difference (ids, all);
    ok = unknown && idset_empty (unknown);
    idset_destroy (unknown);
    return ok;
}

static bool can_take (const struct alloc *a, int i, const struct idset *ids, int type)
{
    struct idset *missing;
    bool ok;

    if (idset_empty (ids))
        return true;
    missing = idset_difference (ids, a->nodes[i].free[type]);
    ok = missing && idset_empty (missing);
    idset_destroy (missing);
    return ok;
}

static int change (struct alloc *a, const struct rset *r, bool give,
                   flux_error_t *error)
{
    static const char *const types[] = { "core", "gpu" };
    struct idset *ranks = rset_ranks (r);
    unsigned int rank;

    if (!ranks)
        return -1;
    for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        int i = find_node (a, rank);
        bool ok = i >= 0 || give;
        for (int t = 0; i >= 0 && ok && t < 2; t++) {
            const struct idset *ids = rset_children (r, rank, types[t]);
            ok = give ? can_free (a, i, ids, t) : can_take (a, i, ids, t);
        }
        if (!ok) {
            if (error)
                snprintf (error->text, sizeof (error->text), "rank %u: %s", rank,
                          give ? "not allocated" : "not free");
            idset_destroy (ranks);
            errno = EINVAL;
            return -1;
        }
    }
    for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        int i = find_node (a, rank);
        if (i < 0)
            continue;
        unindex_node (a, i);
        for (int t = 0; t < 2; t++) {
            const struct idset *ids = rset_children (r, rank, types[t]);
            if (give)
                (void)idset_add (a->nodes[i].free[t], ids);
            else
                (void)idset_subtract (a->nodes[i].free[t], ids);
        }
        a->nodes[i].free_cores = idset_count (a->nodes[i].free[0]);
        a->nodes[i].free_gpus = idset_count (a->nodes[i].free[1]);
        index_node (a, i);
    }
    idset_destroy (ranks);
    return 0;
}

int alloc_free (struct alloc *a, const struct rset *r, flux_error_t *error)
{
    return change (a, r, true, error);
}

int alloc_take (struct alloc *a, const struct rset *r, flux_error_t *error)
{
    return change (a, r, false, error);
}

const char *alloc_all_text (struct alloc *a)
{
    if (!a->all_text)
        a->all_text = rset_encode (a->all);
    return a->all_text;
}

struct rset *alloc_allocated (const struct alloc *a)
{
    struct rset *r = rset_create ();

    for (size_t i = 0; r && i < a->count; i++) {
        const struct node *n = &a->nodes[i];
        struct idset *used[2];
        if (n->gone || (n->free_cores == n->cores && n->free_gpus == n->gpus))
            continue;
        used[0] =
            idset_difference (rset_children (a->all, n->rank, "core"), n->free[0]);
        used[1] =
            n->gpus > 0
                ? idset_difference (rset_children (a->all, n->rank, "gpu"), n->free[1])
                : NULL;
        if (!used[0] || rset_add_ids (r, n->rank, a->all, used[0], used[1]) < 0) {
            rset_destroy (r);
            return NULL;
        }
    }
    /* a queue is known by them */
    if (r && rset_copy_properties (r, a->all) < 0) {
        rset_destroy (r);
        return NULL;
    }
    return r;
}

struct rset *alloc_down (const struct alloc *a)
{
    struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);
    struct rset *r;

    for (size_t i = 0; ranks && i < a->count; i++)
        if (!a->nodes[i].up && !a->nodes[i].gone)
            (void)idset_set (ranks, a->nodes[i].rank);
    r = ranks ? rset_copy_ranks (a->all, ranks) : NULL;
    idset_destroy (ranks);
    return r;
}
