/* The enclosing instance, of an instance that is a job.
 *
 * Happy path: connect, watch R of this job: its first answer is what the instance is
 * made of, later ones change its expiration. When the instance runs, post its URI
 * as a memo of the job, so that others find it. It is told at once which brokers this
 * instance cannot lose.
 *
 * Failures: what cannot be had is said in the log, and the instance goes on without.
 * If the enclosing instance goes, so do the shells that hold this one: nothing is to
 * be done here. */
#include <flux/taskmap.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "resource.h"

struct parent {
    flux_t *h;
    flux_jobid_t id;
    flux_future_t *watch; /* of R */
    flux_future_t *running;
    flux_future_t *memo;
    flux_future_t *critical;
    struct rset *R;
};

static void forget (flux_future_t **f)
{
    flux_future_destroy (*f);
    *f = NULL;
}

/* ---- where others find us ---- */

static void posted (flux_future_t *f, void *arg)
{
    struct resource *ctx = arg;

    if (flux_future_get (f, NULL) < 0)
        flux_log (ctx->h, LOG_ERR, "the URI is not known to the enclosing instance: %s",
                  flux_future_error_string (f));
    forget (&ctx->parent->memo);
}

/* ssh://HOST/PATH of our local://PATH. HOST is what the system says, whatever host
 * this broker pretends to be: it has to be reached. */
static char *remote_uri (struct resource *ctx)
{
    const char *local = flux_attr_get (ctx->h, "local-uri");
    char host[HOST_NAME_MAX + 1] = "";
    char *uri;

    if (!local || strncmp (local, "local://", 8) != 0
        || gethostname (host, sizeof (host) - 1) < 0
        || asprintf (&uri, "ssh://%s%s", host, local + 8) < 0)
        return NULL;
    return uri;
}

static void is_running (flux_future_t *f, void *arg)
{
    struct resource *ctx = arg;
    struct parent *p = ctx->parent;
    char *uri;

    if (flux_future_get (f, NULL) == 0 && (uri = remote_uri (ctx))) {
        p->memo = flux_rpc_pack (p->h, "job-manager.memo", FLUX_NODEID_ANY, 0,
                                 "{s:I s:b s:{s:s}}", "id", (json_int_t)p->id,
                                 "volatile", 0, "memo", "uri", uri);
        if (!p->memo || flux_future_then (p->memo, -1., posted, ctx) < 0)
            flux_log_error (ctx->h, "job-manager.memo");
        free (uri);
    }
    forget (&p->running);
}

/* ---- what must not be lost ---- */

/* Shells are the nodes of the brokers' map: several brokers may be of one. */
static char *critical_shells (struct resource *ctx)
{
    const char *text = flux_attr_get (ctx->h, "broker.critical-ranks");
    const char *mapping = flux_attr_get (ctx->h, "broker.mapping");
    struct idset *ranks = text ? idset_decode (text) : NULL;
    struct taskmap *map = mapping ? taskmap_decode (mapping, NULL) : NULL;
    struct idset *shells = idset_create (0, IDSET_FLAG_AUTOGROW);
    char *s = NULL;

    if (!ranks || !map || !shells || taskmap_unknown (map))
        goto done;
    for (unsigned int rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        int node = taskmap_nodeid (map, rank);
        if (node >= 0 && idset_set (shells, node) < 0)
            goto done;
    }
    s = idset_encode (shells, IDSET_FLAG_RANGE);
done:
    taskmap_destroy (map);
    idset_destroy (shells);
    idset_destroy (ranks);
    return s;
}

/* An instance that does not know the request takes all for critical. */
static void critical_told (flux_future_t *f, void *arg)
{
    struct resource *ctx = arg;

    if (flux_future_get (f, NULL) < 0 && errno != ENOSYS)
        flux_log (ctx->h, LOG_ERR, "critical ranks of this job: %s",
                  flux_future_error_string (f));
    forget (&ctx->parent->critical);
}

static void tell_critical (struct resource *ctx)
{
    struct parent *p = ctx->parent;
    char *shells = critical_shells (ctx);

    if (!shells)
        return;
    p->critical = flux_rpc_pack (p->h, "job-exec.critical-ranks", 0, 0, "{s:I s:s}",
                                 "id", (json_int_t)p->id, "ranks", shells);
    if (!p->critical || flux_future_then (p->critical, -1., critical_told, ctx) < 0)
        flux_log_error (ctx->h, "job-exec.critical-ranks");
    free (shells);
}

/* ---- R ---- */

static struct rset *watched_R (flux_future_t *f)
{
    json_t *o;

    return flux_rpc_get_unpack (f, "{s:o}", "R", &o) < 0 ? NULL
           : json_is_string (o) ? rset_decode (json_string_value (o), NULL)
                                : rset_decode_json (o, NULL);
}

static void R_changed (flux_future_t *f, void *arg)
{
    struct resource *ctx = arg;
    struct rset *r = watched_R (f), *own = ctx->inv.R;
    double expiration = r ? rset_expiration (r) : 0;

    if (!r) {
        if (errno != ENODATA)
            flux_log (ctx->h, LOG_ERR, "R of this job: %s",
                      flux_future_error_string (f));
        forget (&ctx->parent->watch);
        return;
    }
    rset_destroy (r);
    flux_future_reset (f);
    if (!own || rset_expiration (own) == expiration)
        return;
    inventory_set_times (&ctx->inv, rset_starttime (own), expiration);
    journal_post (ctx, "resource-update",
                  json_pack ("{s:f}", "expiration", expiration));
    journal_put_R (ctx);
    acquire_changed (ctx);
}

struct rset *parent_take_R (struct resource *ctx)
{
    struct rset *r = ctx->parent ? ctx->parent->R : NULL;

    if (r)
        ctx->parent->R = NULL;
    return r;
}

/* ---- life ---- */

static int is_lost (flux_t *h, void *arg)
{
    struct resource *ctx = arg;
    int saved_errno = errno;

    flux_log (ctx->h, LOG_ERR, "lost the enclosing instance: %s", strerror (errno));
    forget (&ctx->parent->watch);
    forget (&ctx->parent->memo);
    forget (&ctx->parent->critical);
    errno = saved_errno;
    return -1;
}

static int watch_R (struct parent *p)
{
    p->watch = flux_rpc_pack (p->h, "job-info.update-watch", FLUX_NODEID_ANY,
                              FLUX_RPC_STREAMING, "{s:I s:s s:i}", "id",
                              (json_int_t)p->id, "key", "R", "flags", 0);
    return p->watch && (p->R = watched_R (p->watch)) ? 0 : -1;
}

static int follow (struct resource *ctx, struct parent *p)
{
    if (watch_R (p) < 0) {
        flux_log (ctx->h, LOG_ERR, "R of this job: %s",
                  flux_future_error_string (p->watch));
        return -1;
    }
    flux_future_reset (p->watch);
    if (flux_future_then (p->watch, -1., R_changed, ctx) < 0
        || !(p->running = flux_rpc (ctx->h, "state-machine.wait", NULL, 0, 0))
        || flux_future_then (p->running, -1., is_running, ctx) < 0)
        return -1;
    return 0;
}

void parent_init (struct resource *ctx)
{
    const char *uri = flux_attr_get (ctx->h, "parent-uri");
    const char *jobid = flux_attr_get (ctx->h, "jobid");
    struct parent *p;

    if (!uri || !jobid)
        return;
    if (!(p = ctx->parent = calloc (1, sizeof (*p)))
        || flux_job_id_parse (jobid, &p->id) < 0 || !(p->h = flux_open (uri, 0))
        || flux_set_reactor (p->h, flux_get_reactor (ctx->h)) < 0) {
        flux_log_error (ctx->h, "enclosing instance %s", uri);
        parent_fini (ctx);
        return;
    }
    flux_comms_error_set (p->h, is_lost, ctx);
    if (follow (ctx, p) < 0)
        parent_fini (ctx);
    else
        tell_critical (ctx);
}

void parent_fini (struct resource *ctx)
{
    struct parent *p = ctx->parent;

    if (!p)
        return;
    forget (&p->watch);
    forget (&p->running);
    forget (&p->memo);
    forget (&p->critical);
    flux_close (p->h);
    rset_destroy (p->R);
    free (p);
    ctx->parent = NULL;
}
