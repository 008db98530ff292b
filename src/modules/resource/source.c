/* Where R comes from: configuration, else the KVS (this module was reloaded,
 * or the instance restarted), else the enclosing job, else all who look. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/error.h"
#include "resource.h"

static void announce (struct resource *ctx, const char *method)
{
    ctx->method = method;
    journal_post (ctx, "resource-define", json_pack ("{s:s}", "method", method));
    journal_put_R (ctx);
    acquire_changed (ctx);
    resource_defined (ctx);
}

/* Takes r. */
static struct rset *without_reserved (const struct settings *s, struct rset *r)
{
    struct rset *left;

    if (!s->reserve || !r)
        return r;
    left = reserve_apply (s->reserve, r);
    rset_destroy (r);
    return left;
}

void source_define (struct resource *ctx, struct rset *take_R, const char *method)
{
    if (!(take_R = without_reserved (&ctx->settings, take_R))) {
        flux_log_error (ctx->h, "resource.reserve");
        flux_reactor_stop_error (flux_get_reactor (ctx->h));
        return;
    }
    inventory_define (&ctx->inv, take_R);
    announce (ctx, method);
}

struct rset *source_configured (struct resource *ctx, const struct settings *s,
                                flux_error_t *error)
{
    struct rset *r = rset_copy (s->R);
    flux_error_t why;

    if (!r) {
        error_fail (error, ENOMEM, "out of memory");
        return NULL;
    }
    /* Pretended hosts are fine as long as nobody wants to verify them. */
    if (rset_rerank (r, ctx->inv.hosts, &why) < 0 && (errno != ENOENT || s->verify)) {
        error_invalid (error, "configured resources: %.130s", why.text);
        rset_destroy (r);
        return NULL;
    }
    if (!(r = without_reserved (s, r)))
        error_fail (error, ENOMEM, "out of memory");
    return r;
}

/* inv has had them since before what is excluded and drained was looked for there. */
static void from_settings (struct resource *ctx)
{
    struct idset *ranks = rset_ranks (ctx->inv.R);
    unsigned int last = idset_last (ranks);

    idset_destroy (ranks);
    if (last != IDSET_INVALID_ID && last >= ctx->size)
        flux_log (ctx->h, LOG_INFO,
                  "configured resources exceed the %u ranks of this "
                  "instance",
                  ctx->size);
    announce (ctx, "configuration");
    ctx->verify = ctx->settings.verify;
}

static bool same_hosts (struct resource *ctx, const struct rset *r)
{
    char *a = rset_nodelist_text (r);
    char *b = hostlist_encode (ctx->inv.hosts);
    bool same = a && b && !strcmp (a, b);

    free (a);
    free (b);
    return same;
}

/* Two lookups in one round trip. */
static int from_kvs (struct resource *ctx)
{
    flux_future_t *f1, *f2;
    const char *s;
    struct rset *r = NULL;

    f1 = flux_kvs_lookup (ctx->h, KVS_PRIMARY_NAMESPACE, 0, "resource.R");
    f2 = flux_kvs_lookup (ctx->h, KVS_PRIMARY_NAMESPACE, 0, "resource.eventlog");
    if (f2 && flux_kvs_lookup_get (f2, &s) == 0 && s)
        inventory_replay (&ctx->inv, s, strlen (s));
    if (f1 && flux_kvs_lookup_get (f1, &s) == 0 && s && !ctx->settings.R
        && !ctx->settings.rediscover)
        r = rset_decode (s, NULL);
    flux_future_destroy (f1);
    flux_future_destroy (f2);
    if (!r)
        return -1;
    if (!same_hosts (ctx, r)) {
        rset_destroy (r);
        return -1;
    }
    source_define (ctx, r, "kvs");
    ctx->verify = ctx->settings.verify;
    return 0;
}

/* R for the ranks of this instance. Takes r; NULL: there are not as many. */
static struct rset *fit (struct resource *ctx, struct rset *take_r)
{
    struct rset *r = NULL;
    flux_error_t error;

    if (rset_count (take_r, "node") != (int)ctx->size) {
        flux_log (ctx->h, LOG_INFO,
                  "R of the enclosing job does not fit the ranks of this instance");
        rset_destroy (take_r);
        return NULL;
    }
    if (rset_rerank (take_r, ctx->inv.hosts, &error) == 0)
        return take_r;
    /* Hosts have other names here than in the configuration around (a short one and a
     * full one): brokers are its tasks, in order. To look for what the hosts have would
     * be to take what is not the job's. */
    flux_log (ctx->h, LOG_INFO, "R of the enclosing job: %s: ranks are taken in order",
              error.text);
    r = rset_remap (take_r, ctx->inv.hosts);
    rset_destroy (take_r);
    return r;
}

/* R of the job that this instance is. */
static int from_job (struct resource *ctx)
{
    struct rset *r = parent_take_R (ctx);

    if (!r || !(r = fit (ctx, r)))
        return -1;
    rset_set_nslots (r, 0);
    source_define (ctx, r, "job-info");
    return 0;
}

/* What was stored may have expired otherwise since. */
static void set_expiration (struct resource *ctx)
{
    struct rset *r = parent_take_R (ctx);

    if (r && ctx->inv.R)
        inventory_set_times (&ctx->inv, rset_starttime (r), rset_expiration (r));
    rset_destroy (r);
}

void source_init (struct resource *ctx)
{
    int kvs = from_kvs (ctx);

    if (kvs == 0)
        set_expiration (ctx);
    if (ctx->settings.R)
        from_settings (ctx);
    else if (kvs < 0 && !ctx->settings.rediscover)
        (void)from_job (ctx);
}
