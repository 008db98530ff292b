#include "fluxion/reapi_cli_inner.h"

#include "base/hashmap.h"
#include "fluxion/find.h"
#include "fluxion/load.h"

#include <flux/idset.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Jobspecs come in runs of equal ones: the last few are kept as they were read. */
#define CACHE_SIZE 8

struct cached {
    char *text;
    size_t len;
    struct request *req;
    uint32_t ntypes; /* of the graph that it was bound to */
    uint64_t used;
};

struct reapi_cli_ctx {
    struct scheduler *s;
    enum write_format format;
    char *load_format;
    uint64_t next_id;
    struct buf errors;
    struct cached cache[CACHE_SIZE];
    uint64_t clock; /* of the cache */
};

__attribute__ ((format (printf, 3, 4))) static int
fail (reapi_cli_ctx_t *ctx, int errnum, const char *fmt, ...)
{
    va_list ap;

    /* A client that never clears messages must not fill the memory. */
    if (ctx->errors.len > 65536)
        buf_reset (&ctx->errors);
    va_start (ap, fmt);
    buf_vprintf (&ctx->errors, fmt, ap);
    va_end (ap);
    buf_addc (&ctx->errors, '\n');
    errno = errnum;
    return -1;
}

static int check (reapi_cli_ctx_t *ctx, const char *call)
{
    if (!ctx) {
        errno = EINVAL;
        return -1;
    }
    if (!ctx->s)
        return fail (ctx, EINVAL, "%s: the graph is not initialized", call);
    return 0;
}

static double seconds_since (const struct timespec *t0)
{
    struct timespec t;

    clock_gettime (CLOCK_MONOTONIC, &t);
    return (t.tv_sec - t0->tv_sec) + (t.tv_nsec - t0->tv_nsec) * 1e-9;
}

reapi_cli_ctx_t *reapi_cli_new (void)
{
    reapi_cli_ctx_t *ctx = calloc (1, sizeof (*ctx));

    if (ctx)
        ctx->next_id = 1;
    return ctx;
}

static void drop_cache (reapi_cli_ctx_t *ctx)
{
    for (int i = 0; i < CACHE_SIZE; i++) {
        free (ctx->cache[i].text);
        request_destroy (ctx->cache[i].req);
        ctx->cache[i] = (struct cached){ 0 };
    }
}

void reapi_cli_destroy (reapi_cli_ctx_t *ctx)
{
    int saved = errno;

    if (!ctx)
        return;
    drop_cache (ctx);
    scheduler_destroy (ctx->s);
    free (ctx->load_format);
    buf_fini (&ctx->errors);
    free (ctx);
    errno = saved;
}

reapi_cli_ctx_t *reapi_cli_clone (reapi_cli_ctx_t *ctx)
{
    reapi_cli_ctx_t *c;

    if (check (ctx, "clone") < 0 || !(c = calloc (1, sizeof (*c))))
        return NULL;
    c->format = ctx->format;
    c->next_id = ctx->next_id;
    c->load_format = strdup (ctx->load_format);
    c->s = scheduler_copy (ctx->s);
    if (!c->load_format || !c->s) {
        reapi_cli_destroy (c);
        errno = ENOMEM;
        return NULL;
    }
    return c;
}

static const char *option (json_t *o, const char *key, const char *initial)
{
    const char *s = json_string_value (json_object_get (o, key));

    return s && *s ? s : initial;
}

static int load (reapi_cli_ctx_t *ctx, const char *rgraph, json_t *o)
{
    struct scheduler_options so = {
        .policy = option (o, "matcher_policy", "first"),
        .traverser = option (o, "traverser_policy", "simple"),
        .prune_filters = option (o, "prune_filters", NULL),
    };
    const char *load_format = option (o, "load_format", "jgf");
    const char *format = option (o, "match_format", "jgf");
    json_int_t reserve = json_integer_value (json_object_get (o, "reserve_vtx_vec"));
    enum write_format wf;
    struct scheduler *s;
    flux_error_t error;
    char *copy;

    if (write_format_parse (format, &wf) < 0)
        return fail (ctx, EPROTO, "initialize: unknown match format: %s", format);
    if (reserve < 0 || reserve > 2000000)
        return fail (ctx, EPROTO, "initialize: reserve_vtx_vec is out of range");
    s = fluxion_load (load_format, rgraph, strlen (rgraph),
                      option (o, "load_allowlist", NULL), reserve, &so, &error);
    if (!s)
        return fail (ctx, EPROTO, "initialize: %s", error.text);
    if (!(copy = strdup (load_format))) {
        scheduler_destroy (s);
        return -1;
    }
    scheduler_destroy (ctx->s);
    free (ctx->load_format);
    drop_cache (ctx);
    ctx->s = s;
    ctx->load_format = copy;
    ctx->format = wf;
    ctx->next_id = 1;
    return 0;
}

int reapi_cli_initialize (reapi_cli_ctx_t *ctx, const char *rgraph, const char *options)
{
    json_error_t e;
    json_t *o;

    if (!ctx || !rgraph) {
        errno = EINVAL;
        return -1;
    }
    if (!options || !*options)
        options = "{}";
    if (!(o = json_loads (options, 0, &e)) || !json_is_object (o)) {
        json_decref (o);
        return fail (ctx, EPROTO, "initialize: options are not a JSON object: %s",
                     e.text);
    }
    int rc = load (ctx, rgraph, o);
    json_decref (o);
    return rc;
}

/* Borrowed until the cache is used again. */
static const struct request *get_request (reapi_cli_ctx_t *ctx, const char *text)
{
    struct graph *g = scheduler_graph (ctx->s);
    struct cached *oldest = &ctx->cache[0];
    size_t len = strlen (text);
    flux_error_t error;

    for (int i = 0; i < CACHE_SIZE; i++) {
        struct cached *c = &ctx->cache[i];
        if (c->req && c->len == len && memcmp (c->text, text, len) == 0
            && c->ntypes == g->types.count) {
            c->used = ++ctx->clock;
            return c->req;
        }
        if (c->used < oldest->used)
            oldest = c;
    }
    struct request *req = request_parse (text, len, NULL, NULL, &error);
    char *copy = req ? strdup (text) : NULL;
    if (!copy || request_bind (req, g, &error) < 0) {
        if (req && !copy)
            snprintf (error.text, sizeof (error.text), "out of memory");
        request_destroy (req);
        free (copy);
        fail (ctx, EINVAL, "match: jobspec: %s", error.text);
        return NULL;
    }
    free (oldest->text);
    request_destroy (oldest->req);
    *oldest = (struct cached){ copy, len, req, g->types.count, ++ctx->clock };
    return req;
}

static char *result_text (reapi_cli_ctx_t *ctx, const struct match_result *res,
                          const char *queue)
{
    struct write_info info = {
        .starttime = res->at,
        .expiration = res->end,
        .queue = queue,
    };
    struct buf b = BUF_INIT;

    if (fluxion_write (ctx->format, scheduler_graph (ctx->s), res->sel, res->nsel,
                       &info, &b)
        < 0) {
        buf_fini (&b);
        return NULL;
    }
    return buf_take (&b, NULL);
}

static bool keeps (match_op_t op)
{
    return op == MATCH_ALLOCATE || op == MATCH_ALLOCATE_W_SATISFIABILITY
           || op == MATCH_ALLOCATE_ORELSE_RESERVE;
}

static int match (reapi_cli_ctx_t *ctx, match_op_t op, const struct request *req,
                  const struct timespec *t0, uint64_t id, bool *reserved, char **R,
                  int64_t *at, double *ov)
{
    struct match_result res = { 0 };
    flux_error_t error;
    struct job *job;
    char *text;

    if (scheduler_match (ctx->s, op, req, id, 0, &res, &error) < 0)
        return fail (ctx, errno, "match: %s", error.text);
    text =
        op == MATCH_SATISFIABILITY ? strdup ("") : result_text (ctx, &res, req->queue);
    if (!text) {
        if (keeps (op))
            scheduler_cancel (ctx->s, id);
        return fail (ctx, ENOMEM, "match: out of memory");
    }
    double seconds = seconds_since (t0);
    if (keeps (op) && (job = scheduler_job (ctx->s, id)))
        job->overhead = seconds;
    if (reserved)
        *reserved = keeps (op) && res.reserved;
    if (at)
        *at = op == MATCH_SATISFIABILITY ? 0 : res.at;
    if (ov)
        *ov = seconds;
    if (R)
        *R = text;
    else
        free (text);
    return 0;
}

static int match_text (reapi_cli_ctx_t *ctx, match_op_t op, const char *jobspec,
                       uint64_t id, bool *reserved, char **R, int64_t *at, double *ov)
{
    const struct request *req;
    struct timespec t0;

    clock_gettime (CLOCK_MONOTONIC, &t0);
    if (!(req = get_request (ctx, jobspec)))
        return -1;
    return match (ctx, op, req, &t0, id, reserved, R, at, ov);
}

struct scheduler *reapi_cli_scheduler (reapi_cli_ctx_t *ctx)
{
    return ctx->s;
}

int reapi_cli_match_request (reapi_cli_ctx_t *ctx, match_op_t op, struct request *req,
                             uint64_t id, bool *reserved, char **R, int64_t *at,
                             double *ov)
{
    struct timespec t0;
    flux_error_t error;

    clock_gettime (CLOCK_MONOTONIC, &t0);
    if (check (ctx, "match") < 0)
        return -1;
    if (request_bind (req, scheduler_graph (ctx->s), &error) < 0)
        return fail (ctx, EINVAL, "match: jobspec: %s", error.text);
    return match (ctx, op, req, &t0, id, reserved, R, at, ov);
}

int reapi_cli_match (reapi_cli_ctx_t *ctx, match_op_t op, const char *jobspec,
                     uint64_t *jobid, bool *reserved, char **R, int64_t *at, double *ov)
{
    if (check (ctx, "match") < 0)
        return -1;
    if (!jobspec || !match_op_valid (op))
        return fail (ctx, EINVAL, "match: no jobspec, or unknown operation");
    /* An id that the caller chose is not given again. */
    while (keeps (op) && scheduler_job (ctx->s, ctx->next_id))
        ctx->next_id++;
    uint64_t id = ctx->next_id;
    int rc = match_text (ctx, op, jobspec, id, reserved, R, at, ov);
    if (keeps (op) && (rc == 0 || errno == EBUSY || errno == ENODEV))
        ctx->next_id++;
    if (rc == 0 && jobid)
        *jobid = keeps (op) ? id : UINT64_MAX;
    return rc;
}

int reapi_cli_match_with_jobid (reapi_cli_ctx_t *ctx, match_op_t op,
                                const char *jobspec, uint64_t jobid, bool *reserved,
                                char **R, int64_t *at, double *ov)
{
    if (check (ctx, "match") < 0)
        return -1;
    if (!jobspec || !match_op_valid (op))
        return fail (ctx, EINVAL, "match: no jobspec, or unknown operation");
    return match_text (ctx, op, jobspec, jobid, reserved, R, at, ov);
}

int reapi_cli_match_allocate (reapi_cli_ctx_t *ctx, bool orelse_reserve,
                              const char *jobspec, uint64_t *jobid, bool *reserved,
                              char **R, int64_t *at, double *ov)
{
    return reapi_cli_match (
        ctx, orelse_reserve ? MATCH_ALLOCATE_ORELSE_RESERVE : MATCH_ALLOCATE, jobspec,
        jobid, reserved, R, at, ov);
}

int reapi_cli_match_satisfy (reapi_cli_ctx_t *ctx, const char *jobspec, bool *sat,
                             double *ov)
{
    int rc = reapi_cli_match (ctx, MATCH_SATISFIABILITY, jobspec, NULL, NULL, NULL,
                              NULL, ov);

    if (sat)
        *sat = rc == 0;
    return rc;
}

static int pick_text (reapi_cli_ctx_t *ctx, const char *R, bool strict,
                      struct picks *picks, bool *by_rank, flux_error_t *error)
{
    error->text[0] = '\0';
    return fluxion_pick_R (scheduler_graph (ctx->s), R, strlen (R), strict, picks,
                           by_rank, error);
}

int reapi_cli_update_allocate (reapi_cli_ctx_t *ctx, uint64_t jobid, const char *R,
                               int64_t *at, double *ov, char **R_out)
{
    struct match_result res;
    struct picks picks = { 0 };
    struct timespec t0;
    flux_error_t error;
    bool by_rank;
    char *text;

    if (check (ctx, "update") < 0)
        return -1;
    clock_gettime (CLOCK_MONOTONIC, &t0);
    struct job *job = scheduler_job (ctx->s, jobid);
    if (job && job->state != JOB_CANCELED)
        return fail (ctx, EEXIST, "update: existing Jobid %llu",
                     (unsigned long long)jobid);
    if (!R || pick_text (ctx, R, true, &picks, &by_rank, &error) < 0) {
        picks_fini (&picks);
        return fail (ctx, EINVAL, "update: %s", R ? error.text : "no R");
    }
    int64_t start = picks.starttime, length = picks.expiration - picks.starttime;
    int rc =
        scheduler_update (ctx->s, jobid, &picks, start,
                          length > 0 ? length : INT64_MAX / 4, false, &res, &error);
    picks_fini (&picks);
    if (rc < 0)
        return fail (ctx, errno, "update: %s", error.text);
    if (!(text = result_text (ctx, &res, NULL))) {
        scheduler_cancel (ctx->s, jobid);
        return fail (ctx, ENOMEM, "update: out of memory");
    }
    job = scheduler_job (ctx->s, jobid);
    job->overhead = seconds_since (&t0);
    if (at)
        *at = res.at;
    if (ov)
        *ov = job->overhead;
    if (R_out)
        *R_out = text;
    else
        free (text);
    return 0;
}

int reapi_cli_add_parsed (reapi_cli_ctx_t *ctx, struct jgf *subgraph)
{
    flux_error_t error = { "" };

    if (check (ctx, "add_subgraph") < 0)
        return -1;
    if (scheduler_grow_parsed (ctx->s, subgraph, &error) < 0)
        return fail (ctx, EINVAL, "add_subgraph: %s", error.text);
    return 0;
}

int reapi_cli_add_subgraph (reapi_cli_ctx_t *ctx, const char *R_subgraph)
{
    flux_error_t error = { "" };

    if (check (ctx, "add_subgraph") < 0)
        return -1;
    if (!R_subgraph
        || scheduler_grow (ctx->s, R_subgraph, strlen (R_subgraph), &error) < 0)
        return fail (ctx, EINVAL, "add_subgraph: %s", error.text);
    return 0;
}

int reapi_cli_remove_subgraph (reapi_cli_ctx_t *ctx, const char *path)
{
    flux_error_t error;

    if (check (ctx, "remove_subgraph") < 0)
        return -1;
    uint32_t v = path ? graph_find_path (scheduler_graph (ctx->s), path) : VTX_NONE;
    if (v == VTX_NONE)
        return fail (ctx, EINVAL, "remove_subgraph: no such path: %s",
                     path ? path : "");
    if (scheduler_shrink (ctx->s, v, &error) < 0)
        return fail (ctx, errno, "remove_subgraph: %s", error.text);
    return 0;
}

int reapi_cli_cancel (reapi_cli_ctx_t *ctx, uint64_t jobid, bool noent_ok)
{
    if (check (ctx, "cancel") < 0)
        return -1;
    if (scheduler_cancel (ctx->s, jobid) < 0) {
        fail (ctx, ENOENT, "cancel: nonexistent job %llu", (unsigned long long)jobid);
        return noent_ok ? 0 : -1;
    }
    return 0;
}

/* R as text, or parsed. */
static int partial_cancel (reapi_cli_ctx_t *ctx, uint64_t jobid, const char *R,
                           const struct parsed_R *parsed, bool noent_ok,
                           bool *full_removal)
{
    struct picks picks = { 0 };
    flux_error_t error;
    bool by_rank, full = false;

    if (check (ctx, "partial_cancel") < 0)
        return -1;
    if (full_removal)
        *full_removal = false;
    struct job *job = scheduler_job (ctx->s, jobid);
    if (!job || job->state == JOB_CANCELED) {
        fail (ctx, ENOENT, "partial_cancel: nonexistent job %llu",
              (unsigned long long)jobid);
        return noent_ok ? 0 : -1;
    }
    int rc = -1;
    snprintf (error.text, sizeof (error.text), "no R");
    if (parsed)
        rc = fluxion_pick_parsed (scheduler_graph (ctx->s), parsed, false, &picks,
                                  &by_rank, &error);
    else if (R)
        rc = pick_text (ctx, R, false, &picks, &by_rank, &error);
    if (rc < 0) {
        picks_fini (&picks);
        return fail (ctx, EINVAL, "partial_cancel: %s", error.text);
    }
    rc = scheduler_partial_cancel (ctx->s, jobid, &picks, false, &full, &error);
    picks_fini (&picks);
    if (rc < 0)
        return fail (ctx, errno, "partial_cancel: %s", error.text);
    if (full_removal)
        *full_removal = full;
    return 0;
}

int reapi_cli_partial_cancel (reapi_cli_ctx_t *ctx, uint64_t jobid, const char *R,
                              bool noent_ok, bool *full_removal)
{
    return partial_cancel (ctx, jobid, R, NULL, noent_ok, full_removal);
}

int reapi_cli_partial_cancel_parsed (reapi_cli_ctx_t *ctx, uint64_t jobid,
                                     const struct parsed_R *R, bool noent_ok,
                                     bool *full_removal)
{
    return partial_cancel (ctx, jobid, NULL, R, noent_ok, full_removal);
}

int reapi_cli_info (reapi_cli_ctx_t *ctx, uint64_t jobid, char **mode, bool *reserved,
                    int64_t *at, double *ov)
{
    if (check (ctx, "info") < 0)
        return -1;
    struct job *job = scheduler_job (ctx->s, jobid);
    if (!job)
        return fail (ctx, ENOENT, "info: nonexistent job %llu",
                     (unsigned long long)jobid);
    if (mode && !(*mode = strdup (job_state_name (job->state))))
        return -1;
    if (reserved)
        *reserved = job->state == JOB_RESERVED;
    if (at)
        *at = job->at;
    if (ov)
        *ov = job->overhead;
    return 0;
}

int reapi_cli_find (reapi_cli_ctx_t *ctx, const char *criteria, const char *format,
                    char **R)
{
    enum write_format wf;
    struct buf b = BUF_INIT;
    flux_error_t error = { "" };

    if (check (ctx, "find") < 0)
        return -1;
    wf = ctx->format;
    if (!criteria || !R || (format && write_format_parse (format, &wf) < 0))
        return fail (ctx, EINVAL, "find: no criteria, or unknown format: %s",
                     format ? format : "(none)");
    if (fluxion_find (ctx->s, criteria, wf, &b, &error) < 0) {
        buf_fini (&b);
        return fail (ctx, errno, "find: %s", error.text);
    }
    *R = NULL;
    if (b.len > 0)
        *R = buf_take (&b, NULL);
    buf_fini (&b);
    return 0;
}

int reapi_cli_stat (reapi_cli_ctx_t *ctx, int64_t *V, int64_t *E, int64_t *J,
                    double *load_time, double *min, double *max, double *avg)
{
    if (check (ctx, "stat") < 0)
        return -1;
    return fail (ctx, ENOSYS, "stat: not offered");
}

int reapi_cli_set_status (reapi_cli_ctx_t *ctx, const char *path,
                          resource_status_t status)
{
    if (check (ctx, "set_status") < 0)
        return -1;
    uint32_t v = path ? graph_find_path (scheduler_graph (ctx->s), path) : VTX_NONE;
    if (v == VTX_NONE || (status != RESOURCE_UP && status != RESOURCE_DOWN))
        return fail (ctx, EINVAL, "set_status: no such path or status: %s",
                     path ? path : "");
    scheduler_set_status (ctx->s, v, status == RESOURCE_DOWN);
    return 0;
}

int reapi_cli_get_status (reapi_cli_ctx_t *ctx, const char *path,
                          resource_status_t *status)
{
    if (check (ctx, "get_status") < 0)
        return -1;
    struct graph *g = scheduler_graph (ctx->s);
    uint32_t v = path ? graph_find_path (g, path) : VTX_NONE;
    if (v == VTX_NONE || !status)
        return fail (ctx, EINVAL, "get_status: no such path: %s", path ? path : "");
    *status = g->v[v].down ? RESOURCE_DOWN : RESOURCE_UP;
    return 0;
}

/* The vertex of a rank is the highest one that has it. */
static bool has_rank (const struct graph *g, uint32_t v)
{
    const struct vertex *x = &g->v[v];

    return !x->gone && x->rank >= 0
           && (x->parent == VTX_NONE || g->v[x->parent].rank != x->rank);
}

int reapi_cli_set_rank_status (reapi_cli_ctx_t *ctx, const char *ranks,
                               resource_status_t status)
{
    struct idset *ids = NULL;

    if (check (ctx, "set_rank_status") < 0)
        return -1;
    struct graph *g = scheduler_graph (ctx->s);
    bool all = ranks && strcmp (ranks, "all") == 0;
    if (!ranks || (!all && !(ids = idset_decode (ranks)))
        || (status != RESOURCE_UP && status != RESOURCE_DOWN))
        return fail (ctx, EINVAL, "set_rank_status: no idset or status: %s",
                     ranks ? ranks : "");
    for (uint32_t v = 0; v < g->nv; v++)
        if (has_rank (g, v) && (all || idset_test (ids, g->v[v].rank)))
            scheduler_set_status (ctx->s, v, status == RESOURCE_DOWN);
    idset_destroy (ids);
    return 0;
}

int reapi_cli_get_rank_status (reapi_cli_ctx_t *ctx, int64_t rank,
                               resource_status_t *status)
{
    if (check (ctx, "get_rank_status") < 0)
        return -1;
    struct graph *g = scheduler_graph (ctx->s);
    for (uint32_t v = 0; status && rank >= 0 && v < g->nv; v++)
        if (g->v[v].rank == rank && has_rank (g, v)) {
            *status = g->v[v].down ? RESOURCE_DOWN : RESOURCE_UP;
            return 0;
        }
    return fail (ctx, EINVAL, "get_rank_status: there is no rank %lld",
                 (long long)rank);
}

char *reapi_cli_get_err_msg (reapi_cli_ctx_t *ctx)
{
    return strdup (ctx && ctx->errors.data ? ctx->errors.data : "");
}

void reapi_cli_clear_err_msg (reapi_cli_ctx_t *ctx)
{
    if (ctx)
        buf_reset (&ctx->errors);
}
