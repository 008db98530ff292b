/* What a queue is told to do, and what it has done. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "ctx.h"
#include "value/job/jobid.h"

/* Ids in a list: an answer has a bound, however many jobs wait. */
#define LISTED_MAX 1000

static json_t *lane_params (const struct lane *lane)
{
    const struct queue_params *p = &lane->q.params;

    return json_pack ("{s:s s:i s:i s:O s:O}", "policy", queue_policy_names[p->policy],
                      "queue_depth", (int)p->depth, "max_queue_depth",
                      (int)p->max_depth, "queue_parameters", lane->qparams,
                      "policy_parameters", lane->pparams);
}

static int append_id (json_t *list, uint64_t id)
{
    char text[32];

    if (json_array_size (list) >= LISTED_MAX)
        return 0;
    if (jobid_encode (id, JOBID_F58PLAIN, text, sizeof (text)) < 0)
        return -1;
    return json_array_append_new (list, json_string (text));
}

/* Those that wait, in the order in which they are asked for; and those that nothing
 * but a change of the graph can help. */
static json_t *lane_pending (const struct lane *lane)
{
    json_t *pending = json_array (), *blocked = json_array ();
    struct order_node *n = order_first (&lane->q.jobs);
    int rc = 0;

    for (unsigned int i = 0; n && i < LISTED_MAX && rc == 0; i++, n = order_after (n)) {
        const struct qjob *job = container_of (n, struct qjob, node);
        rc = append_id (queue_is_blocked (&lane->q, job) ? blocked : pending, job->id);
    }
    if (rc < 0) {
        json_decref (pending);
        pending = NULL;
    }
    return json_pack ("{s:o s:[] s:o}", "pending", pending, "pending_provisional",
                      "blocked", blocked);
}

/* What was rejected or canceled is answered at once: none wait for that. */
static json_t *lane_scheduled (const struct lane *lane)
{
    json_t *list = json_array ();
    size_t pos = 0;
    uint64_t id;
    void *value;

    while (json_array_size (list) < LISTED_MAX
           && idmap_next (lane->ctx->running, &pos, &id, &value))
        if (((struct running *)value)->lane == lane && append_id (list, id) < 0) {
            json_decref (list);
            list = NULL;
            break;
        }
    return json_pack ("{s:o s:[] s:[]}", "running", list, "rejected", "canceled");
}

static json_t *lane_counts (const struct lane *lane)
{
    const struct queue_counts *c = &lane->q.counts;

    return json_pack (
        "{s:I s:I s:I s:I s:I s:I s:I}", "pending", (json_int_t)c->pending, "running",
        (json_int_t)c->running, "reserved", (json_int_t)c->reserved, "rejected",
        (json_int_t)c->rejected, "complete", (json_int_t)c->complete, "cancelled",
        (json_int_t)c->cancelled, "reprioritized", (json_int_t)c->reprioritized);
}

static json_t *lane_stats (const struct lane *lane)
{
    json_t *o = lane_params (lane);

    /* Between two rounds nothing changes by itself. */
    bool busy = lane->f || reactor_task_is_queued (&lane->ctx->schedule);
    if (json_object_set_new (o, "busy", json_boolean (busy)) == 0
        && json_object_set_new (o, "action_counts", lane_counts (lane)) == 0
        && json_object_set_new (o, "pending_queues", lane_pending (lane)) == 0
        && json_object_set_new (o, "scheduled_queues", lane_scheduled (lane)) == 0)
        return o;
    json_decref (o);
    return NULL;
}

static void respond_lanes (struct ctx *ctx, const flux_msg_t *msg,
                           json_t *(*encode) (const struct lane *lane))
{
    json_t *o = json_object ();

    for (size_t i = 0; o && i < ctx->nlanes; i++)
        json_object_set_new (o, ctx->lane[i].name, encode (&ctx->lane[i]));
    if (!o || flux_respond_pack (ctx->h, msg, "{s:O}", "queues", o) < 0)
        flux_respond_error (ctx->h, msg, ENOMEM, NULL);
    json_decref (o);
}

void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    respond_lanes (arg, msg, lane_stats);
}

void params_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    respond_lanes (arg, msg, lane_params);
}
