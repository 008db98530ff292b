/* Inactive jobs leave the KVS: on request, or by the limits of the configuration
 * (job-manager.inactive-age-limit, inactive-num-limit). Whoever asked, and job-list,
 * hear of it when the KVS has acknowledged it; if it does not, the jobs stay. */
#include "base/json/keys.h"
#include "modules/job-manager/jobtap/jobtap.h"
#include "value/fsd.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define BATCH 1000
#define PAUSE 0.1 /* s, until what could not be purged is tried again */

struct limits {
    double age; /* s; < 0: none */
    int num;    /* < 0: none */
};

static bool beyond (struct ctx *ctx, struct limits lim, double now, double t_inactive)
{
    return (lim.num >= 0 && history_count (ctx->m->history) > (size_t)lim.num)
           || (lim.age >= 0 && now - t_inactive > lim.age);
}

/* Jobs that are leaving. They are out of the history at once, so that nobody
 * chooses them again, and come back if the KVS keeps them. */
struct purge {
    struct ctx *ctx;
    const flux_msg_t *msg; /* NULL: nobody asked */
    size_t total;
    flux_kvs_txn_t *txn;
    json_t *ids;
    struct victim {
        flux_jobid_t id;
        double t_inactive;
        struct history_record rec;
    } * victims;
    size_t count;
};

static void purge_destroy (void *arg)
{
    struct purge *p = arg;

    if (!p)
        return;
    int saved_errno = errno;
    flux_msg_decref (p->msg);
    flux_kvs_txn_destroy (p->txn);
    json_decref (p->ids);
    free (p->victims);
    free (p);
    errno = saved_errno;
}

static struct purge *purge_create (struct ctx *ctx, const flux_msg_t *msg, int max)
{
    struct purge *p = calloc (1, sizeof (*p));

    if (!p)
        return NULL;
    p->ctx = ctx;
    p->total = history_count (ctx->m->history);
    if (msg)
        p->msg = flux_msg_incref (msg);
    if (!(p->txn = flux_kvs_txn_create ()) || !(p->ids = json_array ())
        || !(p->victims = calloc (max, sizeof (*p->victims)))) {
        purge_destroy (p);
        errno = ENOMEM;
        return NULL;
    }
    return p;
}

static int purge_add (struct purge *p, flux_jobid_t id, double t_inactive)
{
    struct history *h = p->ctx->m->history;
    struct victim v = { .id = id, .t_inactive = t_inactive };
    char key[64];

    if (!history_lookup (h, id, &v.rec)
        || flux_job_kvs_key (key, sizeof (key), id, NULL) < 0
        || flux_kvs_txn_unlink (p->txn, 0, key) < 0
        || json_array_append_new (p->ids, json_integer (id)) < 0)
        return -1;
    history_remove (h, id);
    p->victims[p->count++] = v;
    return 0;
}

static void purge_failed (struct purge *p, const char *why)
{
    int errnum = errno;

    flux_log (p->ctx->h, LOG_ERR, "inactive jobs cannot be purged: %s", why);
    for (size_t i = p->count; i > 0; i--) {
        const struct victim *v = &p->victims[i - 1];
        history_put_back (p->ctx->m->history, v->id, v->t_inactive, v->rec);
    }
    if (p->msg)
        flux_respond_error (p->ctx->h, p->msg, errnum, why);
}

/* They are out of the KVS: now everybody may hear. */
static void purge_done (struct purge *p)
{
    flux_future_destroy (flux_event_publish_pack (p->ctx->h, "job-purge-inactive", 0,
                                                  "{s:O}", "jobs", p->ids));
    for (size_t i = 0; i < p->count; i++)
        jobtap_purged (p->ctx->jobtap, p->victims[i].id, "job.inactive-remove");
    if (p->msg)
        flux_respond_pack (p->ctx->h, p->msg, "{s:i s:i}", "count", (int)p->count,
                           "total", (int)p->total);
}

static void purge_continuation (flux_future_t *f, void *arg)
{
    struct purge *p = arg;

    p->ctx->purging = false;
    if (flux_future_get (f, NULL) < 0)
        purge_failed (p, flux_future_error_string (f));
    else
        purge_done (p);
    flux_future_destroy (f);
}

/* Takes p, and answers. */
static void purge_commit (struct purge *p)
{
    flux_future_t *f;

    if (p->count == 0) {
        if (p->msg)
            flux_respond_pack (p->ctx->h, p->msg, "{s:i s:i}", "count", 0, "total",
                               (int)p->total);
        purge_destroy (p);
        return;
    }
    if (!(f = flux_kvs_commit (p->ctx->h, NULL, 0, p->txn))
        || flux_future_aux_set (f, NULL, p, purge_destroy) < 0) {
        purge_failed (p, strerror (errno));
        purge_destroy (p);
        flux_future_destroy (f);
        return;
    }
    p->ctx->purging = true;
    if (flux_future_then (f, -1., purge_continuation, p) < 0) {
        p->ctx->purging = false;
        purge_failed (p, strerror (errno));
        flux_future_destroy (f);
    }
}

/* Oldest first. msg may be NULL. */
static int purge (struct ctx *ctx, const flux_msg_t *msg, struct limits lim, int batch)
{
    struct purge *p = purge_create (ctx, msg, batch);
    double now = ctx->m->ops->mono (ctx), t;
    flux_jobid_t id;

    if (!p)
        return -1;
    while (p->count < (size_t)batch && history_oldest (ctx->m->history, &id, &t)
           && beyond (ctx, lim, now, t)) {
        if (purge_add (p, id, t) < 0)
            break;
    }
    purge_commit (p);
    return 0;
}

void purge_turn (struct ctx *ctx)
{
    struct limits lim = { ctx->inactive_age_limit, ctx->inactive_num_limit };
    flux_jobid_t id;
    double t;

    if (ctx->purging || ctx->m->paused || (lim.age < 0 && lim.num < 0)
        || !history_oldest (ctx->m->history, &id, &t)
        || !beyond (ctx, lim, ctx->m->ops->mono (ctx), t))
        return;
    if (purge (ctx, NULL, lim, BATCH) < 0)
        flux_log_error (ctx->h, "inactive jobs cannot be purged");
}

double purge_next_due (struct ctx *ctx)
{
    double now = ctx->m->ops->mono (ctx), t;
    flux_jobid_t id;

    if (ctx->inactive_age_limit < 0 || ctx->purging || ctx->m->paused
        || !history_oldest (ctx->m->history, &id, &t))
        return -1;
    return fmax (t + ctx->inactive_age_limit - now, PAUSE);
}

static size_t count_beyond (struct ctx *ctx, struct limits lim, size_t total)
{
    double now = ctx->m->ops->mono (ctx);
    size_t old =
        lim.age < 0 ? 0 : history_count_before (ctx->m->history, now - lim.age);
    size_t more = lim.num >= 0 && total > (size_t)lim.num ? total - lim.num : 0;

    return old > more ? old : more;
}

static void purge_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    struct limits lim;
    int batch, force = 0;
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
    if (!force)
        flux_respond_pack (h, msg, "{s:i s:i}", "count",
                           (int)count_beyond (ctx, lim, total), "total", (int)total);
    else if (ctx_storing (ctx, msg) && purge (ctx, msg, lim, batch) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

static void purge_id_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct ctx *ctx = arg;
    json_int_t id;
    int force = 0;
    struct purge *p;

    if (flux_request_unpack (msg, NULL, "{s:I s?b}", "id", &id, "force", &force) < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    if (!history_lookup (ctx->m->history, id, NULL)) {
        flux_respond_error (h, msg, ENOENT,
                            manager_lookup (ctx->m, id) ? "job is active"
                                                        : "unknown job id");
        return;
    }
    if (!force) {
        flux_respond_pack (h, msg, "{s:i}", "count", 1);
        return;
    }
    if (!ctx_storing (ctx, msg))
        return;
    /* put back as the oldest one, if at all: its own time is of no matter then */
    if (!(p = purge_create (ctx, msg, 1))
        || purge_add (p, id, ctx->m->ops->mono (ctx)) < 0) {
        flux_respond_error (h, msg, errno, NULL);
        purge_destroy (p);
        return;
    }
    purge_commit (p);
}

int purge_configure (struct ctx *ctx, const flux_conf_t *conf, flux_error_t *error)
{
    static const struct json_key keys[] = {
        { "inactive-age-limit", JSON_KIND_STRING },
        { "inactive-num-limit", JSON_KIND_INTEGER },
        /* at most so many old events for readers that come: none are kept */
        { "journal-size-limit", JSON_KIND_INTEGER },
        { "stop-queues-on-restart", JSON_KIND_BOOLEAN },
        /* who reads these checks them */
        { "plugins", JSON_KIND_ANY },
        { "housekeeping", JSON_KIND_ANY },
        { "prolog", JSON_KIND_ANY },
        { "epilog", JSON_KIND_ANY },
        { "perilog", JSON_KIND_ANY },
        { NULL },
    };
    const char *age = NULL;
    int num = -1;
    double t = -1;
    json_t *table = NULL;

    if (flux_conf_unpack (conf, error, "{s?o}", "job-manager", &table) < 0
        || json_check_keys (table, "config: job-manager", keys, error) < 0)
        return -1;
    (void)json_unpack (table, "{s?s s?i}", "inactive-age-limit", &age,
                       "inactive-num-limit", &num);
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
