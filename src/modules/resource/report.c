/* What each host has. The lowest rank of each host looks; each broker hands
 * what came to it in a turn to its parent in one message, so that rank 0 gets
 * few, large messages. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "resource.h"
#include "topo.h"

static bool is_leader (struct hostlist *hosts, uint32_t rank)
{
    const char *me = hostlist_nth (hosts, rank);

    return me && hostlist_find (hosts, me) == (int)rank;
}

/* Rank 0: R of all ranks, when the last host has reported. */
static void define (struct resource *ctx)
{
    struct rset *r = rset_create ();

    for (uint32_t rank = 0; r && rank < ctx->size; rank++) {
        const char *host = hostlist_nth (ctx->inv.hosts, rank);
        int leader = hostlist_find (ctx->inv.hosts, host);
        if (rset_add_like (r, rank, host, ctx->reports, leader) < 0) {
            rset_destroy (r);
            r = NULL;
        }
    }
    if (r)
        source_define (ctx, r, "dynamic-discovery");
    else
        flux_log_error (ctx->h, "cannot make R from reports");
}

/* Rank 0: what the configuration promises is there? */
static void verify (struct resource *ctx, const struct rset *found)
{
    struct idset *ranks = rset_ranks (found);
    unsigned int rank;

    for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        struct idset *one = idset_create (0, IDSET_FLAG_AUTOGROW);
        struct rset *want = NULL;
        flux_error_t error;
        if (one && idset_set (one, rank) == 0
            && (want = rset_copy_ranks (ctx->inv.R, one))
            && rset_verify (want, found, &error) < 0) {
            flux_log (ctx->h, LOG_ERR, "verify: %s", error.text);
            resource_drain (ctx, one, error.text);
        }
        rset_destroy (want);
        idset_destroy (one);
    }
    idset_destroy (ranks);
}

static void receive (struct resource *ctx, const struct rset *r)
{
    struct idset *ranks = rset_ranks (r);

    if (ctx->method) {
        if (ctx->verify)
            verify (ctx, r);
    } else if (ranks) {
        struct rset *all = rset_union (ctx->reports, r);
        if (all) {
            rset_destroy (ctx->reports);
            ctx->reports = all;
        }
        (void)idset_subtract (ctx->expected, ranks);
        if (idset_empty (ctx->expected))
            define (ctx);
    }
    idset_destroy (ranks);
}

static void send_outbox (void *arg)
{
    struct resource *ctx = arg;
    json_t *o = rset_encode_json (ctx->outbox);
    flux_future_t *f;

    f = flux_rpc_pack (ctx->h, "resource.report", FLUX_NODEID_UPSTREAM,
                       FLUX_RPC_NORESPONSE, "{s:o}", "R", o);
    if (!f)
        flux_log_error (ctx->h, "report: cannot be sent");
    flux_future_destroy (f);
    rset_destroy (ctx->outbox);
    ctx->outbox = NULL;
}

static void hand_over (struct resource *ctx, const struct rset *r)
{
    struct rset *sum;

    if (ctx->rank == 0) {
        receive (ctx, r);
        return;
    }
    sum = ctx->outbox ? rset_union (ctx->outbox, r) : rset_copy (r);
    if (!sum) {
        flux_log_error (ctx->h, "report");
        return;
    }
    rset_destroy (ctx->outbox);
    ctx->outbox = sum;
    reactor_before_sleep (flux_get_reactor (ctx->h), &ctx->send_outbox);
}

void report_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct resource *ctx = arg;
    flux_error_t error = { "malformed request" };
    struct rset *r = NULL;
    json_t *o;

    if (flux_request_unpack (msg, NULL, "{s:o}", "R", &o) < 0
        || !(r = rset_decode_json (o, &error)))
        flux_log (h, LOG_ERR, "report: %s", error.text);
    else
        hand_over (ctx, r);
    rset_destroy (r);
}

static int look (struct resource *ctx)
{
    struct topo topo;
    flux_error_t error;
    struct rset *r;

    if (ctx->reported)
        return 0;
    if (topo_discover (&topo, getenv ("FLUX_HWLOC_XMLFILE"), ctx->settings.norestrict,
                       &error)
        < 0) {
        flux_log (ctx->h, LOG_ERR, "discovery: %s", error.text);
        errno = EINVAL;
        return -1;
    }
    if (!(r = rset_create ())
        || rset_add_ids (r, ctx->rank, r, topo.cores, topo.gpus) < 0) {
        rset_destroy (r);
        return -1;
    }
    ctx->reported = true;
    hand_over (ctx, r);
    rset_destroy (r);
    return 0;
}

/* Rank 0 found that it needs reports after all. */
void discover_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    if (look (arg) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else
        flux_respond (h, msg, NULL);
}

/* With R from the enclosing job, or from a trusted configuration, nobody has
 * to look. */
static bool is_needed (struct resource *ctx)
{
    if (ctx->settings.R)
        return ctx->settings.verify;
    return ctx->settings.rediscover
           || !(flux_attr_get (ctx->h, "parent-uri")
                && flux_attr_get (ctx->h, "jobid"));
}

int report_local (struct resource *ctx)
{
    const char *text = flux_attr_get (ctx->h, "hostlist");
    struct hostlist *hosts = text ? hostlist_decode (text) : NULL;
    bool leader = hosts && is_leader (hosts, ctx->rank);

    if (!hosts) {
        flux_log_error (ctx->h, "hostlist");
        return -1;
    }
    hostlist_destroy (hosts);
    if (ctx->rank == 0 ? (ctx->method && !ctx->verify) : !is_needed (ctx))
        return 0;
    return leader ? look (ctx) : 0;
}

/* Rank 0: the enclosing job's R does not fit, so the others did not look. */
static void ask_others (struct resource *ctx)
{
    unsigned int rank = idset_next (ctx->expected, 0);

    for (; rank != IDSET_INVALID_ID; rank = idset_next (ctx->expected, rank))
        flux_future_destroy (
            flux_rpc (ctx->h, "resource.discover", NULL, rank, FLUX_RPC_NORESPONSE));
}

void report_prepare (struct resource *ctx)
{
    reactor_task_init (&ctx->send_outbox, send_outbox, ctx);
}

int report_init (struct resource *ctx)
{
    if (ctx->rank > 0)
        return 0;
    ctx->reports = rset_create ();
    ctx->expected = idset_create (0, IDSET_FLAG_AUTOGROW);
    if (!ctx->reports || !ctx->expected)
        return -1;
    for (uint32_t rank = 0; rank < ctx->size; rank++)
        if (is_leader (ctx->inv.hosts, rank) && idset_set (ctx->expected, rank) < 0)
            return -1;
    if (!ctx->method && !is_needed (ctx))
        ask_others (ctx);
    return 0;
}

void report_fini (struct resource *ctx)
{
    reactor_task_cancel (&ctx->send_outbox);
    rset_destroy (ctx->outbox);
    rset_destroy (ctx->reports);
    idset_destroy (ctx->expected);
}
