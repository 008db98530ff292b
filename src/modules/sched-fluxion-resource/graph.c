/* Requests about the graph. */
#include <errno.h>
#include <flux/idset.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctx.h"
#include "fluxion/find.h"
#include "value/resource/rset.h"

static uint32_t find_path (struct ctx *ctx, const flux_msg_t *msg, const char *path)
{
    struct graph *g = scheduler_graph (site_scheduler (ctx->site));
    uint32_t v = graph_find_path (g, path);

    if (v == VTX_NONE)
        flux_respond_error (ctx->h, msg, ENOENT, "there is no such resource path");
    return v;
}

void find_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    const char *criteria, *format = NULL;
    enum write_format wf = WRITE_RV1_NOSCHED;
    struct buf b = BUF_INIT;
    flux_error_t error = { "" };

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:s s?s}", "criteria", &criteria, "format",
                             &format)
        < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (format && write_format_parse (format, &wf) < 0)
        flux_respond_error (h, msg, EINVAL, "unknown format");
    else if (fluxion_find (site_scheduler (ctx->site), criteria, wf, &b, &error) < 0)
        flux_respond_error (h, msg, errno, error.text[0] ? error.text : NULL);
    else if (b.len == 0)
        flux_respond_pack (h, msg, "{s:n}", "R");
    else {
        bool plain = wf == WRITE_SIMPLE || wf == WRITE_PRETTY_SIMPLE;
        json_t *R =
            plain ? json_string (b.data) : json_loads (b.data, JSON_DECODE_ANY, NULL);
        if (!R || flux_respond_pack (h, msg, "{s:O}", "R", R) < 0)
            flux_respond_error (h, msg, ENOMEM, NULL);
        json_decref (R);
    }
    buf_fini (&b);
}

/* Status: three R's as text, each made again when it may have changed. */

static void forget (struct ctx *ctx, int first)
{
    for (int i = first; i < STATUS_COUNT; i++) {
        free (ctx->status[i]);
        ctx->status[i] = NULL;
    }
}

void status_changed (struct ctx *ctx, int first)
{
    if (ctx->opt.update_interval > 0)
        ctx->status_stale = true;
    else
        forget (ctx, first);
}

void status_fini (struct ctx *ctx)
{
    forget (ctx, 0);
}

static const char *status_part (struct ctx *ctx, int i)
{
    static const char *const criteria[STATUS_COUNT] = {
        [STATUS_ALL] = "status=up or status=down",
        [STATUS_DOWN] = "status=down",
        [STATUS_ALLOCATED] = "sched-now=allocated",
    };
    struct buf b = BUF_INIT;
    flux_error_t error;

    if (ctx->status[i])
        return ctx->status[i];
    if (fluxion_find (site_scheduler (ctx->site), criteria[i], WRITE_RV1_NOSCHED, &b,
                      &error)
        < 0) {
        buf_fini (&b);
        return NULL;
    }
    if (b.len == 0)
        buf_adds (&b, "{\"version\":1,\"execution\":{\"R_lite\":[],\"nodelist\":[],"
                      "\"starttime\":0,\"expiration\":0}}");
    ctx->status[i] = buf_take (&b, NULL);
    buf_fini (&b);
    return ctx->status[i];
}

void answer_status (struct ctx *ctx, const flux_msg_t *msg)
{
    double now = clock_monotonic ();
    const char *part[STATUS_COUNT] = { NULL };
    struct buf b = BUF_INIT;
    bool good = true;

    /* With an interval, an answer may be that old. */
    if (now - ctx->status_time >= ctx->opt.update_interval) {
        if (ctx->status_stale)
            forget (ctx, STATUS_ALL);
        ctx->status_stale = false;
        ctx->status_time = now;
    }
    for (int i = 0; i < STATUS_COUNT; i++)
        good &= (part[i] = status_part (ctx, i)) != NULL;
    if (good)
        buf_printf (&b, "{\"all\":%s,\"down\":%s,\"allocated\":%s}", part[STATUS_ALL],
                    part[STATUS_DOWN], part[STATUS_ALLOCATED]);
    if (!good || b.err)
        flux_respond_error (ctx->h, msg, ENOMEM, NULL);
    else
        (void)flux_respond (ctx->h, msg, b.data);
    buf_fini (&b);
}

void status_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;

    if (ctx->site)
        answer_status (ctx, msg);
    else if (flux_msglist_count (ctx->waiting) >= MAX_WAITING)
        flux_respond_error (h, msg, EAGAIN, "resources are not known yet");
    else if (flux_msglist_append (ctx->waiting, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

static json_t *encode_stats (const struct match_stats *st)
{
    double variance = st->njobs_reset ? st->m2 / (double)st->njobs_reset : 0;

    return json_pack ("{s:I s:I s:I s:I s:{s:f s:f s:f s:f}}", "njobs",
                      (json_int_t)st->njobs, "njobs-reset", (json_int_t)st->njobs_reset,
                      "max-match-jobid", (json_int_t)st->max_jobid, "max-match-iters",
                      (json_int_t)(st->njobs_reset > 0), "stats", "min", st->min, "max",
                      st->max, "avg", st->mean, "variance", variance);
}

void stats_get_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    double now = clock_monotonic ();

    if (!ctx_ready (ctx, msg))
        return;
    struct graph *g = scheduler_graph (site_scheduler (ctx->site));
    json_t *by_rank = site_by_rank (ctx->site);
    json_t *ok = encode_stats (&ctx->ok), *failed = encode_stats (&ctx->failed);
    if (!by_rank || !ok || !failed
        || flux_respond_pack (h, msg, "{s:I s:I s:O s:f s:I s:I s:{s:O s:O}}", "V",
                              (json_int_t)graph_vertex_count (g), "E",
                              (json_int_t)graph_edge_count (g), "by_rank", by_rank,
                              "load-time", ctx->load_time, "graph-uptime",
                              (json_int_t)(now - ctx->t_loaded), "time-since-reset",
                              (json_int_t)(now - ctx->t_reset), "match", "succeeded",
                              ok, "failed", failed)
               < 0)
        flux_respond_error (h, msg, ENOMEM, NULL);
    json_decref (by_rank);
    json_decref (ok);
    json_decref (failed);
}

void stats_clear_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;

    ctx->ok = (struct match_stats){ .njobs = ctx->ok.njobs };
    ctx->failed = (struct match_stats){ .njobs = ctx->failed.njobs };
    ctx->t_reset = clock_monotonic ();
    flux_respond (h, msg, NULL);
}

/* What a request has changed can be told to listeners only as that it has. */
static void changed_by_request (struct ctx *ctx, int first)
{
    status_changed (ctx, first);
    ctx->differs = true;
    tell_change (ctx, json_pack ("{s:b}", "differs", 1));
}

/* Properties: of one path, or of each of an array. A value NULL: it is removed. */

/* VTX_NONE after an answer. */
static uint32_t find_to_change (struct ctx *ctx, const flux_msg_t *msg, json_t *path,
                                const char *key, const char *value)
{
    struct graph *g = scheduler_graph (site_scheduler (ctx->site));
    uint32_t v;

    if (!json_is_string (path)) {
        flux_respond_error (ctx->h, msg, EPROTO, "no resource path");
        return VTX_NONE;
    }
    v = find_path (ctx, msg, json_string_value (path));
    if (v != VTX_NONE && !value && !graph_get_property (g, v, key)) {
        flux_respond_error (ctx->h, msg, ENOENT, NULL);
        return VTX_NONE;
    }
    return v;
}

static int change_property (struct ctx *ctx, const flux_msg_t *msg, json_t *path,
                            const char *key, const char *value)
{
    struct graph *g = scheduler_graph (site_scheduler (ctx->site));
    uint32_t v = find_path (ctx, msg, json_string_value (path));

    if (v == VTX_NONE)
        return -1;
    int rc = value ? graph_set_property (g, v, key, value)
                   : graph_remove_property (g, v, key);
    if (rc < 0 && !value && errno == ENOENT)
        rc = 0; /* the path was named before */
    if (rc < 0)
        flux_respond_error (ctx->h, msg, errno, NULL);
    return rc;
}

static int change_each (struct ctx *ctx, const flux_msg_t *msg, json_t *paths,
                        const char *key, const char *value)
{
    json_t *one;
    size_t i;

    if (json_array_size (paths) == 0)
        return find_to_change (ctx, msg, paths, key, value) == VTX_NONE
                   ? -1
                   : change_property (ctx, msg, paths, key, value);
    /* All are known before one is changed. */
    json_array_foreach (paths, i, one)
        if (find_to_change (ctx, msg, one, key, value) == VTX_NONE)
            return -1;
    json_array_foreach (paths, i, one)
        if (change_property (ctx, msg, one, key, value) < 0)
            return -1;
    return 0;
}

void set_property_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    const char *keyval, *eq;
    json_t *paths;
    char *key;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:o s:s}", "sp_resource_path", &paths,
                             "sp_keyval", &keyval)
        < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    eq = strchr (keyval, '=');
    if (!eq || eq == keyval || eq[1] == '\0' || keyval[0] == '-') {
        flux_respond_error (h, msg, EINVAL, "Incorrect format. Use PROPERTY=VALUE");
        return;
    }
    if (strcspn (keyval, PROPERTY_REFUSED) < (size_t)(eq - keyval)) {
        flux_respond_error (h, msg, EINVAL,
                            "a property's name has none of " PROPERTY_REFUSED);
        return;
    }
    if (!(key = strndup (keyval, eq - keyval)))
        flux_respond_error (h, msg, ENOMEM, NULL);
    else if (change_each (ctx, msg, paths, key, eq + 1) == 0) {
        changed_by_request (ctx, STATUS_ALL);
        flux_respond_pack (h, msg, "{}");
    }
    free (key);
}

void remove_property_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct ctx *ctx = arg;
    const char *key;
    json_t *paths;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:o s:s}", "resource_path", &paths, "key",
                             &key)
        < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (change_each (ctx, msg, paths, key, NULL) == 0) {
        changed_by_request (ctx, STATUS_ALL);
        flux_respond_pack (h, msg, "{}");
    }
}

void get_property_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    const char *path, *key;
    flux_error_t error;
    uint32_t v;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:s s:s}", "gp_resource_path", &path,
                             "gp_key", &key)
        < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    if ((v = find_path (ctx, msg, path)) == VTX_NONE)
        return;
    struct graph *g = scheduler_graph (site_scheduler (ctx->site));
    const struct property *p = graph_get_property (g, v, key);
    if (p)
        flux_respond_pack (h, msg, "{s:[s]}", "values", graph_string (g, p->value));
    else {
        snprintf (error.text, sizeof (error.text),
                  "Property '%.40s' was not found for resource %.80s", key, path);
        flux_respond_error (h, msg, ENOENT, error.text);
    }
}

/* The id in this instance is the one in what is around it: graphs from R keep ids. */
void ns_info_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    json_int_t rank, id;
    const char *type;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:I s:s s:I}", "rank", &rank, "type-name",
                             &type, "id", &id)
        < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    struct graph *g = scheduler_graph (site_scheduler (ctx->site));
    uint16_t t = graph_find_type (g, type);
    for (uint32_t v = 0; v < g->nv; v++)
        if (!g->v[v].gone && g->v[v].rank == rank && g->v[v].type == t
            && g->v[v].id == id) {
            flux_respond_pack (h, msg, "{s:I}", "id", id);
            return;
        }
    flux_respond_error (h, msg, ENOENT, "there is no such resource");
}

void set_status_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    const char *path, *status;
    uint32_t v;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:s s:s}", "resource_path", &path, "status",
                             &status)
        < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    if (strcmp (status, "up") != 0 && strcmp (status, "down") != 0) {
        flux_respond_error (h, msg, EINVAL, "status is neither up nor down");
        return;
    }
    if ((v = find_path (ctx, msg, path)) == VTX_NONE)
        return;
    scheduler_set_status (site_scheduler (ctx->site), v, *status == 'd');
    status_changed (ctx, STATUS_DOWN);
    flux_respond_pack (h, msg, "{}");
    tell_change (ctx, json_object ());
}

void add_subgraph_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    const char *text;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:s}", "subgraph", &text) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (scheduler_grow (site_scheduler (ctx->site), text, strlen (text), &error)
             < 0)
        flux_respond_error (h, msg, EINVAL, error.text);
    else {
        changed_by_request (ctx, STATUS_ALL);
        flux_respond_pack (h, msg, "{}");
    }
}

void remove_subgraph_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    const char *path;
    uint32_t v;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:s}", "subgraph_path", &path) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if ((v = find_path (ctx, msg, path)) == VTX_NONE)
        return;
    else if (scheduler_shrink (site_scheduler (ctx->site), v, &error) < 0)
        flux_respond_error (h, msg, errno, error.text);
    else {
        changed_by_request (ctx, STATUS_ALL);
        flux_respond_pack (h, msg, "{}");
    }
}
