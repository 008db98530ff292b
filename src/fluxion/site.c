/* From R and what the resource module tells to a scheduler, and back to R. */
#include "fluxion/site.h"
#include "base/sort.h"

#include <errno.h>
#include <flux/idset.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fluxion/load.h"

#define REQUESTS 256 /* kept as they were read; a power of two */

struct kept {
    char *text;
    struct request *req;
    uint32_t ntypes; /* of the graph that it was bound to */
};

struct site {
    struct scheduler *s;
    char *allowlist;
    bool by_rank;       /* the graph was made from R_lite: ranks say all */
    bool bounded;       /* there is an expiration */
    uint32_t *rank_vtx; /* the highest vertex of each rank, or VTX_NONE */
    uint32_t nranks;
    uint64_t generation; /* of the graph that it was made for */
    struct kept kept[REQUESTS];
};

static bool allowed (const char *list, const char *type)
{
    size_t len = strlen (type);

    for (const char *s = list; s; s = *s ? s + 1 : NULL) {
        size_t n = strcspn (s, ",");
        if (n == len && !strncmp (s, type, len))
            return true;
        s += n;
    }
    return false;
}

/* R without children of types that are not allowed; new. */
static json_t *allowed_R (const char *allowlist, json_t *R)
{
    json_t *copy, *entry;
    size_t i;

    if (!allowlist)
        return json_incref (R);
    if (!(copy = json_deep_copy (R)))
        return NULL;
    json_array_foreach (json_object_get (json_object_get (copy, "execution"), "R_lite"),
                        i, entry) {
        json_t *children = json_object_get (entry, "children"), *value;
        const char *type;
        void *tmp;
        json_object_foreach_safe (children, tmp, type, value)
        {
            if (!allowed (allowlist, type))
                json_object_del (children, type);
        }
    }
    return copy;
}

/* Ranks */

static bool has_rank (const struct graph *g, uint32_t v)
{
    const struct vertex *x = &g->v[v];

    return !x->gone && x->rank >= 0
           && (x->parent == VTX_NONE || g->v[x->parent].rank != x->rank);
}

static int index_ranks (struct site *site)
{
    struct graph *g = scheduler_graph (site->s);
    uint32_t n = 0;

    if (site->rank_vtx && site->generation == g->generation)
        return 0;
    for (uint32_t v = 0; v < g->nv; v++)
        if (!g->v[v].gone && g->v[v].rank >= (int64_t)n)
            n = g->v[v].rank + 1;
    uint32_t *p = malloc ((n + 1) * sizeof (*p));
    if (!p)
        return -1;
    for (uint32_t i = 0; i < n; i++)
        p[i] = VTX_NONE;
    for (uint32_t v = 0; v < g->nv; v++)
        if (has_rank (g, v) && p[g->v[v].rank] == VTX_NONE)
            p[g->v[v].rank] = v;
    free (site->rank_vtx);
    site->rank_vtx = p;
    site->nranks = n;
    site->generation = g->generation;
    return 0;
}

static uint32_t rank_vertex (const struct site *site, unsigned int rank)
{
    return rank < site->nranks ? site->rank_vtx[rank] : VTX_NONE;
}

static struct idset *decode (json_t *o, const char *what, flux_error_t *error)
{
    const char *s = json_string_value (o);
    struct idset *ids = s ? idset_decode (s) : NULL;

    if (!ids)
        error_invalid (error, "%s: '%.80s' is no idset", what, s ? s : "");
    return ids;
}

static int set_status (struct site *site, json_t *o, bool down, flux_error_t *error)
{
    struct idset *ids;

    if (!o)
        return 0;
    if (!(ids = decode (o, down ? "down" : "up", error)))
        return -1;
    if (index_ranks (site) < 0) {
        idset_destroy (ids);
        return error_invalid (error, "out of memory");
    }
    for (unsigned int r = idset_first (ids); r != IDSET_INVALID_ID;
         r = idset_next (ids, r)) {
        uint32_t v = rank_vertex (site, r);
        if (v != VTX_NONE)
            scheduler_set_status (site->s, v, down);
    }
    idset_destroy (ids);
    return 0;
}

static int set_property (struct site *site, const char *name, json_t *o, bool add,
                         flux_error_t *error)
{
    struct graph *g = scheduler_graph (site->s);
    struct idset *ids = decode (o, name, error);
    int rc = 0;

    if (!ids)
        return -1;
    for (unsigned int r = idset_first (ids); rc == 0 && r != IDSET_INVALID_ID;
         r = idset_next (ids, r)) {
        uint32_t v = rank_vertex (site, r);
        if (v == VTX_NONE)
            continue;
        if (add)
            rc = graph_set_property (g, v, name, NULL);
        else if (graph_remove_property (g, v, name) < 0 && errno != ENOENT)
            rc = -1;
    }
    idset_destroy (ids);
    return rc < 0 ? error_invalid (error, "property %.80s: %s", name, strerror (errno))
                  : 0;
}

static int set_properties (struct site *site, json_t *o, bool add, flux_error_t *error)
{
    const char *name;
    json_t *value;

    if (o && index_ranks (site) < 0)
        return error_invalid (error, "out of memory");
    json_object_foreach (o, name, value) {
        if (set_property (site, name, value, add, error) < 0)
            return -1;
    }
    return 0;
}

static void set_expiration (struct site *site, double expiration)
{
    site->bounded = expiration > 0;
    scheduler_set_range (site->s, 0, site->bounded ? (int64_t)ceil (expiration) : 0);
}

static int shrink (struct site *site, json_t *o, flux_error_t *error)
{
    const char *ranks = json_string_value (o);

    if (!o)
        return 0;
    if (!ranks)
        return error_invalid (error, "shrink: no idset");
    if (scheduler_shrink_ranks (site->s, ranks, error) < 0 && errno != ENOENT)
        return -1;
    return 0;
}

int site_apply (struct site *site, json_t *change, bool *capacity, flux_error_t *error)
{
    json_t *gone = json_object_get (change, "shrink");
    json_t *add = json_object_get (change, "property-add");
    json_t *remove = json_object_get (change, "property-remove");
    json_t *expiration = json_object_get (change, "expiration");

    *capacity = gone || add || remove || expiration;
    if (shrink (site, gone, error) < 0
        || set_status (site, json_object_get (change, "down"), true, error) < 0
        || set_status (site, json_object_get (change, "up"), false, error) < 0
        || set_properties (site, remove, false, error) < 0
        || set_properties (site, add, true, error) < 0)
        return -1;
    if (expiration) {
        if (!json_is_number (expiration))
            return error_invalid (error, "expiration is no number");
        set_expiration (site, json_number_value (expiration));
    }
    return 0;
}

/* Making one */

static struct scheduler *load_text (const char *format, const char *text,
                                    const char *allowlist,
                                    const struct site_options *opt, flux_error_t *error)
{
    struct scheduler_options so = {
        .policy = opt->policy,
        .traverser = opt->traverser,
        .prune_filters = opt->prune_filters,
        .subsystems = opt->subsystems,
    };

    return fluxion_load (format, text, strlen (text), allowlist, opt->reserve_vertices,
                         &so, error);
}

/* Every rank of R_lite has a vertex. */
static bool covers (struct site *site, json_t *R)
{
    json_t *entry;
    size_t i;

    if (index_ranks (site) < 0)
        return false;
    json_array_foreach (json_object_get (json_object_get (R, "execution"), "R_lite"), i,
                        entry) {
        const char *s = json_string_value (json_object_get (entry, "rank"));
        struct idset *ids = s ? idset_decode (s) : NULL;
        bool all = ids != NULL;
        for (unsigned int r = all ? idset_first (ids) : IDSET_INVALID_ID;
             r != IDSET_INVALID_ID; r = idset_next (ids, r))
            all = all && rank_vertex (site, r) != VTX_NONE;
        idset_destroy (ids);
        if (!all)
            return false;
    }
    return true;
}

/* The graph that R's writer, if it was one of ours, has left. */
static bool load_scheduling (struct site *site, json_t *R,
                             const struct site_options *opt)
{
    json_t *sched = json_object_get (R, "scheduling");
    const char *writer = json_string_value (json_object_get (sched, "writer"));
    flux_error_t error;
    char *text;

    if (!json_object_get (sched, "graph")
        || (writer && strncmp (writer, "fluxion", 7) != 0)
        || !(text = json_dumps (sched, JSON_COMPACT)))
        return false;
    site->s = load_text ("jgf", text, opt->load_allowlist, opt, &error);
    free (text);
    if (site->s && covers (site, R))
        return true;
    scheduler_destroy (site->s);
    site->s = NULL;
    free (site->rank_vtx);
    site->rank_vtx = NULL;
    return false;
}

static int load_R (struct site *site, json_t *R, const struct site_options *opt,
                   flux_error_t *error)
{
    json_t *o = allowed_R (opt->load_allowlist, R);
    char *text = o ? json_dumps (o, JSON_COMPACT) : NULL;

    json_decref (o);
    if (!text)
        return error_invalid (error, "out of memory");
    site->s = load_text ("rv1exec", text, NULL, opt, error);
    site->by_rank = true;
    free (text);
    return site->s ? 0 : -1;
}

static int all_down (struct site *site)
{
    if (index_ranks (site) < 0)
        return -1;
    for (uint32_t r = 0; r < site->nranks; r++)
        if (site->rank_vtx[r] != VTX_NONE)
            scheduler_set_status (site->s, site->rank_vtx[r], true);
    return 0;
}

static int load (struct site *site, json_t *R, const struct site_options *opt,
                 flux_error_t *error)
{
    if (opt->load_text)
        site->s = load_text (opt->load_format ? opt->load_format : "rv1exec",
                             opt->load_text, opt->load_allowlist, opt, error);
    else if (!load_scheduling (site, R, opt) && load_R (site, R, opt, error) < 0)
        return -1;
    return site->s ? 0 : -1;
}

struct site *site_create (json_t *R, const struct site_options *opt,
                          flux_error_t *error)
{
    struct site *site = calloc (1, sizeof (*site));
    double expiration = 0;

    snprintf (error->text, sizeof (error->text), "out of memory");
    if (!site)
        return NULL;
    if ((opt->load_allowlist && !(site->allowlist = strdup (opt->load_allowlist)))
        || load (site, R, opt, error) < 0 || all_down (site) < 0) {
        site_destroy (site);
        return NULL;
    }
    (void)json_unpack (R, "{s:{s?F}}", "execution", "expiration", &expiration);
    set_expiration (site, expiration);
    return site;
}

void site_destroy (struct site *site)
{
    if (!site)
        return;
    for (int i = 0; i < REQUESTS; i++) {
        free (site->kept[i].text);
        request_destroy (site->kept[i].req);
    }
    scheduler_destroy (site->s);
    free (site->rank_vtx);
    free (site->allowlist);
    free (site);
}

struct scheduler *site_scheduler (struct site *site)
{
    return site->s;
}

/* Requests */

const struct request *site_request (struct site *site, const char *jobspec,
                                    flux_error_t *error)
{
    struct graph *g = scheduler_graph (site->s);
    size_t len = strlen (jobspec);
    struct kept *k = &site->kept[hash_bytes (jobspec, len) & (REQUESTS - 1)];
    struct request *req;
    char *text;

    if (k->req && k->ntypes == g->types.count && !strcmp (k->text, jobspec))
        return k->req;
    if (!(req = request_parse (jobspec, len, NULL, NULL, error)))
        return NULL;
    if (request_bind (req, g, error) < 0 || !(text = strdup (jobspec))) {
        int saved = errno;
        request_destroy (req);
        errno = saved;
        return NULL;
    }
    free (k->text);
    request_destroy (k->req);
    *k = (struct kept){ text, req, g->types.count };
    return req;
}

/* R of running jobs */

static int pick (struct site *site, const char *R, bool strict, struct picks *picks,
                 bool *by_rank, flux_error_t *error)
{
    json_t *o, *some = NULL;
    char *text = NULL;
    int rc = -1;

    snprintf (error->text, sizeof (error->text), "R is not to be read");
    errno = EINVAL;
    if (!(o = json_loads (R, 0, NULL)))
        return -1;
    /* Hosts may have one name, and be told by rank only. */
    if (site->by_rank && json_object_get (o, "execution")) {
        json_object_del (o, "scheduling");
        some = allowed_R (site->allowlist, o);
        text = some ? json_dumps (some, JSON_COMPACT) : NULL;
        R = text;
    }
    if (R)
        rc = fluxion_pick_R (scheduler_graph (site->s), R, strlen (R), strict, picks,
                             by_rank, error);
    free (text);
    json_decref (some);
    json_decref (o);
    return rc;
}

static int by_number (const void *pa, const void *pb)
{
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

    return a < b ? -1 : a > b;
}

/* Does the job have what is picked, and from and until then? */
static bool has_picked (struct scheduler *s, const struct job *job,
                        const struct picks *picks, int64_t end)
{
    uint32_t *held = malloc ((job->nspan + 1) * sizeof (*held)), nheld = 0;
    uint32_t *named = malloc ((picks->count + 1) * sizeof (*named)), nnamed = 0;
    struct selected sel;
    bool same = false;

    for (uint32_t i = 0; held && i < job->nspan; i++)
        if (scheduler_job_holds (s, job, i, &sel) && sel.exclusive)
            held[nheld++] = sel.v;
    for (uint32_t i = 0; named && i < picks->count; i++)
        if (picks->item[i].exclusive)
            named[nnamed++] = picks->item[i].v;
    if (held && named && nheld == nnamed && job->state == JOB_ALLOCATED
        && job->at == picks->starttime && job->end == end) {
        sort_array (held, nheld, sizeof (*held), by_number);
        sort_array (named, nnamed, sizeof (*named), by_number);
        same = nheld == 0 || memcmp (held, named, nheld * sizeof (*held)) == 0;
    }
    free (held);
    free (named);
    return same;
}

/* Once more what the job has already changes nothing. */
static int update (struct site *site, uint64_t id, const struct picks *picks,
                   struct match_result *result, flux_error_t *error)
{
    struct job *job = scheduler_job (site->s, id);
    int64_t duration = picks->expiration - picks->starttime;

    if (!job || job->state == JOB_CANCELED)
        return scheduler_update (site->s, id, picks, picks->starttime,
                                 duration > 0 ? duration : INT64_MAX / 4, false, result,
                                 error);
    if (!has_picked (site->s, job, picks, duration > 0 ? picks->expiration : job->end))
        return error_invalid (error, "existing Jobid %llu", (unsigned long long)id);
    *result = (struct match_result){ .at = job->at, .end = job->end };
    return 0;
}

int site_update (struct site *site, uint64_t id, const char *R,
                 struct match_result *result, flux_error_t *error)
{
    struct picks picks = { 0 };
    bool by_rank;
    int rc = pick (site, R, true, &picks, &by_rank, error);

    if (rc == 0)
        rc = update (site, id, &picks, result, error);
    picks_fini (&picks);
    return rc;
}

int site_partial_cancel (struct site *site, uint64_t id, const char *R, bool *full,
                         flux_error_t *error)
{
    struct picks picks = { 0 };
    bool by_rank;
    int rc = pick (site, R, false, &picks, &by_rank, error);

    if (rc == 0)
        rc = scheduler_partial_cancel (site->s, id, &picks, by_rank, full, error);
    picks_fini (&picks);
    return rc;
}

char *site_result (struct site *site, enum write_format format,
                   const struct match_result *result, const struct request *req,
                   double now)
{
    struct write_info info = {
        .starttime = result->at,
        .expiration = result->end,
        .queue = req ? req->queue : NULL,
    };
    struct buf b = BUF_INIT;

    /* It starts within the second `at`, and is to have all of its time. */
    if (req && req->duration > 0 && !result->reserved
        && ceil (now + req->duration) > result->end
        && result->end == result->at + (int64_t)ceil (req->duration))
        info.expiration = (int64_t)ceil (now + req->duration);
    if (req && req->duration == 0 && !site->bounded)
        info.expiration = 0;
    if (fluxion_write (format, scheduler_graph (site->s), result->sel, result->nsel,
                       &info, &b)
        < 0) {
        buf_fini (&b);
        return NULL;
    }
    return buf_take (&b, NULL);
}

/* Statistics */

static int add_count (json_t *o, const struct idset *ranks, uint32_t n)
{
    char *s = idset_encode (ranks, IDSET_FLAG_RANGE | IDSET_FLAG_BRACKETS);
    char key[64];
    int rc = -1;

    if (s && *s != '[') {
        snprintf (key, sizeof (key), "[%.60s]", s);
        rc = json_object_set_new (o, key, json_integer (n));
    } else if (s)
        rc = json_object_set_new (o, s, json_integer (n));
    free (s);
    return rc;
}

/* counts[r]: vertices of rank r; 0 when done. */
static json_t *group_counts (uint32_t *counts, uint32_t n)
{
    json_t *o = json_object ();

    for (uint32_t r = 0; o && r < n; r++) {
        struct idset *ids;
        uint32_t count = counts[r];
        if (count == 0)
            continue;
        if (!(ids = idset_create (0, IDSET_FLAG_AUTOGROW)))
            break;
        for (uint32_t i = r; i < n; i++)
            if (counts[i] == count) {
                idset_set (ids, i);
                counts[i] = 0;
            }
        int rc = add_count (o, ids, count);
        idset_destroy (ids);
        if (rc < 0)
            break;
    }
    return o;
}

json_t *site_by_rank (struct site *site)
{
    struct graph *g = scheduler_graph (site->s);
    uint32_t *counts;
    json_t *o;

    if (index_ranks (site) < 0
        || !(counts = calloc (site->nranks + 1, sizeof (*counts))))
        return NULL;
    for (uint32_t v = 0; v < g->nv; v++)
        if (!g->v[v].gone && g->v[v].rank >= 0)
            counts[g->v[v].rank]++;
    o = group_counts (counts, site->nranks);
    free (counts);
    return o;
}
