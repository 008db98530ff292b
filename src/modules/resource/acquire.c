/* RFC 28: one scheduler at a time knows R, and what is up. */
#include <stdlib.h>
#include <syslog.h>

#include "resource.h"

static char *encode_ids (const struct idset *ids)
{
    return idset_encode (ids, IDSET_FLAG_RANGE);
}

static int tell_all (struct resource *ctx, const struct idset *up)
{
    struct rset *r = rset_copy (ctx->inv.R);
    json_t *o = NULL;
    char *ids = encode_ids (up);
    int rc = -1;

    if (r && ids && rset_remove_ranks (r, ctx->inv.excluded) == 0
        && (o = rset_encode_json (r)))
        rc = flux_respond_pack (ctx->h, ctx->acquirer, "{s:O s:s}", "resources", o,
                                "up", ids);
    json_decref (o);
    free (ids);
    rset_destroy (r);
    return rc;
}

static int tell_change (struct resource *ctx, const struct idset *up)
{
    struct idset *more = idset_difference (up, ctx->told);
    struct idset *less = idset_difference (ctx->told, up);
    char *u = more ? encode_ids (more) : NULL;
    char *d = less ? encode_ids (less) : NULL;
    json_t *o = json_object ();
    int rc = u && d && o ? 0 : -1;

    if (rc == 0 && *u)
        rc = json_object_set_new (o, "up", json_string (u));
    if (rc == 0 && *d)
        rc = json_object_set_new (o, "down", json_string (d));
    if (rc == 0 && ctx->told_expiration != rset_expiration (ctx->inv.R))
        rc = json_object_set_new (o, "expiration",
                                  json_real (rset_expiration (ctx->inv.R)));
    if (rc == 0 && json_object_size (o) > 0)
        rc = flux_respond_pack (ctx->h, ctx->acquirer, "O", o);
    json_decref (o);
    free (u);
    free (d);
    idset_destroy (more);
    idset_destroy (less);
    return rc;
}

static void tell (void *arg)
{
    struct resource *ctx = arg;
    struct idset *up;
    int rc;

    if (!ctx->acquirer || !ctx->inv.R || (ctx->muted && ctx->told))
        return;
    if (!(up = inventory_up (&ctx->inv)))
        rc = -1;
    else if (!ctx->told)
        rc = tell_all (ctx, up);
    else
        rc = tell_change (ctx, up);
    if (rc < 0) {
        flux_log_error (ctx->h, "acquire: cannot answer");
        idset_destroy (up);
        return;
    }
    idset_destroy (ctx->told);
    ctx->told = up;
    ctx->told_expiration = rset_expiration (ctx->inv.R);
}

void acquire_changed (struct resource *ctx)
{
    reactor_before_sleep (flux_get_reactor (ctx->h), &ctx->tell);
}

void acquire_tell (struct resource *ctx)
{
    reactor_task_cancel (&ctx->tell);
    tell (ctx);
}

void acquire_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct resource *ctx = arg;

    if (!flux_msg_is_streaming (msg))
        flux_respond_error (h, msg, EPROTO, "resource.acquire is a streaming request");
    else if (ctx->acquirer)
        flux_respond_error (h, msg, EBUSY,
                            "resources are acquired already, only one may");
    else {
        ctx->acquirer = flux_msg_incref (msg);
        ctx->muted = false;
        acquire_changed (ctx);
    }
}

static void release (struct resource *ctx)
{
    flux_msg_decref (ctx->acquirer);
    ctx->acquirer = NULL;
    idset_destroy (ctx->told);
    ctx->told = NULL;
}

void acquire_mute_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct resource *ctx = arg;

    ctx->muted = true;
    flux_respond (h, msg, NULL);
}

void acquire_disconnect (struct resource *ctx, const flux_msg_t *msg)
{
    if (ctx->acquirer && flux_disconnect_match (msg, ctx->acquirer))
        release (ctx);
}

void acquire_prepare (struct resource *ctx)
{
    reactor_task_init (&ctx->tell, tell, ctx);
}

void acquire_fini (struct resource *ctx)
{
    reactor_task_cancel (&ctx->tell);
    release (ctx);
}
