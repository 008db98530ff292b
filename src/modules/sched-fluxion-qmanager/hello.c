/* Jobs that run already. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "ctx.h"
#include "value/resource/rset.h"

/* An RPC to sched-fluxion-resource before jobs come. */
static int call_resource (struct ctx *ctx, const char *method, json_int_t id,
                          const char *R)
{
    char topic[64];
    flux_future_t *f;
    int rc;

    snprintf (topic, sizeof (topic), "sched-fluxion-resource.%s", method);
    f = flux_rpc_pack (ctx->h, topic, FLUX_NODEID_ANY, 0, "{s:I s:s s:b}", "jobid", id,
                       "R", R, "hello", 1);
    rc = f ? flux_rpc_get (f, NULL) : -1;
    if (rc < 0)
        flux_log (ctx->h, LOG_ERR, "hello: job %jd: %s: %s", (intmax_t)id, method,
                  f ? flux_future_error_string (f) : strerror (errno));
    flux_future_destroy (f);
    return rc;
}

static int free_ranks (struct ctx *ctx, json_int_t id, const char *R, const char *ranks)
{
    flux_error_t error;
    struct rset *r = rset_decode (R, &error);
    struct idset *ids = idset_decode (ranks);
    struct rset *gone = r && ids ? rset_copy_ranks (r, ids) : NULL;
    char *text = gone ? rset_encode (gone) : NULL;
    int rc = text ? call_resource (ctx, "partial-cancel", id, text) : -1;

    free (text);
    rset_destroy (gone);
    idset_destroy (ids);
    rset_destroy (r);
    return rc;
}

struct running *running_add (struct ctx *ctx, uint64_t id, struct lane *lane,
                             bool endless)
{
    struct running *run = calloc (1, sizeof (*run));

    if (!run || idmap_insert (ctx->running, id, run) < 0) {
        free (run);
        return NULL;
    }
    run->lane = lane;
    run->endless = endless;
    if (lane)
        lane->q.counts.running++;
    return run;
}

int hello_cb (flux_t *h, const flux_msg_t *msg, const char *R, void *arg)
{
    struct ctx *ctx = arg;
    const char *ranks = NULL, *queue = NULL;
    json_t *o = json_loads (R, 0, NULL);
    double expiration = 0;
    json_int_t id = 0;
    int rc = -1;

    (void)json_unpack (o, "{s:{s?F}}", "execution", "expiration", &expiration);
    (void)json_unpack (o, "{s:{s:{s:{s:s}}}}", "attributes", "system", "scheduler",
                       "queue", &queue);
    if (flux_msg_unpack (msg, "{s:I s?s}", "id", &id, "free", &ranks) == 0
        && call_resource (ctx, "update", id, R) == 0
        && (!ranks || !*ranks || free_ranks (ctx, id, R, ranks) == 0)) {
        struct lane *lane = queue              ? lane_find (ctx, queue)
                            : ctx->nlanes == 1 ? ctx->lane
                                               : NULL;
        rc = running_add (ctx, id, lane, expiration <= 0) ? 0 : -1;
    }
    json_decref (o);
    if (rc < 0)
        /* The job's resources are not what they were: it cannot go on. */
        flux_future_destroy (flux_job_raise (h, id, "scheduler-restart", 0,
                                             "failed to reallocate R for running job"));
    return 0;
}
