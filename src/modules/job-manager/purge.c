/* Inactive jobs leave the KVS: on request, or by the limits of the configuration
 * (job-manager.inactive-age-limit, inactive-num-limit). */
#include "ctx.h"
#include "value/fsd.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 1000

struct limits {
    double age; /* s; < 0: none */
    int num;    /* < 0: none */
};

static bool beyond (struct ctx *ctx, struct limits lim, double now, double t_inactive)
{
    return (lim.num >= 0 && history_count (ctx->m->history) > (size_t)lim.num)
           || (lim.age >= 0 && now - t_inactive > lim.age);
}

static void purged (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    if (flux_future_get (f, NULL) < 0)
        flux_log_error (ctx->h, "purged jobs cannot be removed from the KVS");
    flux_future_destroy (f);
    ctx->purging = false;
}

static void announce (struct ctx *ctx, json_t *ids)
{
    flux_future_destroy (flux_event_publish_pack (ctx->h, "job-purge-inactive", 0,
                                                  "{s:O}", "jobs", ids));
}

static int remove_job (struct ctx *ctx, flux_kvs_txn_t *txn, json_t *ids,
                       flux_jobid_t id)
{
    char key[64];

    if (flux_job_kvs_key (key, sizeof (key), id, NULL) < 0
        || flux_kvs_txn_unlink (txn, 0, key) < 0
        || json_array_append_new (ids, json_integer (id)) < 0)
        return -1;
    history_remove (ctx->m->history, id);
    return 0;
}

/* The number of jobs that were removed, oldest first, or -1. */
static int purge (struct ctx *ctx, struct limits lim, int batch)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    json_t *ids = json_array ();
    flux_future_t *f = NULL;
    double now = flux_reactor_time (), t;
    flux_jobid_t id;
    int n = 0;

    while (txn && ids && n < batch && history_oldest (ctx->m->history, &id, &t)
           && beyond (ctx, lim, now, t)) {
        if (remove_job (ctx, txn, ids, id) < 0)
            break;
        n++;
    }
    if (n > 0) {
        announce (ctx, ids);
        ctx->purging = true;
        if (!(f = flux_kvs_commit (ctx->h, NULL, 0, txn))
            || flux_future_then (f, -1., purged, ctx) < 0) {
            flux_future_destroy (f);
            ctx->purging = false;
            n = -1;
        }
    }
    json_decref (ids);
    flux_kvs_txn_destroy (txn);
    return n;
}

void purge_turn (struct ctx *ctx)
{
    struct limits lim = { ctx->inactive_age_limit, ctx->inactive_num_limit };

    if (!ctx->purging && (lim.age >= 0 || lim.num >= 0))
        purge (ctx, lim, BATCH);
}

static void purge_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    struct limits lim;
    int batch, force = 0, count;
    size_t total = history_count (ctx->m->history);

    if (flux_request_unpack (msg, NULL, "{s:F s:i s:i s?b}", "age_limit", &lim.age,
                             "num_limit", &lim.num, "batch", &batch, "force", &force)
        < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    if (batch <= 0 || batch > BATCH) {
        flux_respond_error (h, msg, EPROTO, "batch must be in [1:1000]");
        return;
    }
    if (force) {
        count = purge (ctx, lim, batch);
    } else {
        size_t old = lim.age < 0 ? 0
                                 : history_count_before (
                                     ctx->m->history, flux_reactor_time () - lim.age);
        size_t more = lim.num >= 0 && total > (size_t)lim.num ? total - lim.num : 0;
        count = old > more ? old : more;
    }
    if (count < 0)
        flux_respond_error (h, msg, errno, NULL);
    else
        flux_respond_pack (h, msg, "{s:i s:i}", "count", count, "total", (int)total);
}

static void purge_id_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct ctx *ctx = arg;
    json_int_t id;
    int force = 0;
    flux_kvs_txn_t *txn = NULL;
    json_t *ids = NULL;
    flux_future_t *f;

    if (flux_request_unpack (msg, NULL, "{s:I s?b}", "id", &id, "force", &force) < 0)
        goto error;
    if (!history_lookup (ctx->m->history, id, NULL)) {
        flux_respond_error (h, msg, ENOENT,
                            manager_lookup (ctx->m, id) ? "job is active"
                                                        : "unknown job id");
        return;
    }
    if (force) {
        if (!(txn = flux_kvs_txn_create ()) || !(ids = json_array ())
            || remove_job (ctx, txn, ids, id) < 0
            || !(f = flux_kvs_commit (h, NULL, 0, txn)))
            goto error;
        flux_future_then (f, -1., purged, ctx);
        announce (ctx, ids);
    }
    flux_respond_pack (h, msg, "{s:i}", "count", 1);
    json_decref (ids);
    flux_kvs_txn_destroy (txn);
    return;
error:
    flux_respond_error (h, msg, errno, NULL);
    json_decref (ids);
    flux_kvs_txn_destroy (txn);
}

int purge_configure (struct ctx *ctx, const flux_conf_t *conf, flux_error_t *error)
{
    const char *age = NULL;
    int num = -1;
    double t = -1;

    if (flux_conf_unpack (conf, error, "{s?{s?s s?i}}", "job-manager",
                          "inactive-age-limit", &age, "inactive-num-limit", &num)
        < 0)
        return -1;
    if (age && fsd_parse (age, &t) < 0) {
        snprintf (error->text, sizeof (error->text),
                  "config: job-manager.inactive-age-limit: '%s' is no Flux standard "
                  "duration",
                  age);
        errno = EINVAL;
        return -1;
    }
    ctx->inactive_age_limit = isinf (t) ? -1 : t;
    ctx->inactive_num_limit = num;
    return 0;
}

const struct flux_msg_handler_spec purge_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.purge", purge_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.purge-id", purge_id_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};
