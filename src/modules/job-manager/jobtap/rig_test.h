/* A job-manager whose jobs only jobtap is told of. For one test program each: it has what
 * the module's wiring has otherwise. */
#ifndef JOBTAP_RIG_TEST_H
#define JOBTAP_RIG_TEST_H

#include "base/test.h"

#include "modules/job-manager/jobtap/jobtap.h"

void ctx_respond_text (struct ctx *ctx, const flux_msg_t *msg, flux_error_t *error)
{
    fail ();
}

void ctx_answer (struct ctx *ctx, const flux_msg_t *msg, char *take_payload)
{
    fail ();
}

static double rig_now (void *arg)
{
    return 100;
}
static void rig_no_job (const struct job *job, void *arg)
{
}
static void rig_no_start (const struct job *job, bool reattach, void *arg)
{
}
static void rig_no_exception (const struct job *job, const struct event *ev, void *arg)
{
}

static const struct manager_ops rig_ops = {
    .now = rig_now,
    .mono = rig_now,
    .sched_alloc = rig_no_job,
    .sched_cancel = rig_no_job,
    .sched_prioritize = rig_no_job,
    .sched_free = rig_no_job,
    .exec_start = rig_no_start,
    .exception = rig_no_exception,
    .hook = jobtap_hook,
};

/* No queues, a scheduler that is ready, and job-exec. */
static inline void rig_set_up (struct ctx *ctx)
{
    assert_non_null (ctx->m = manager_create (&rig_ops, ctx, NULL));
    ctx->m->queues.off = ~0u;
    assert_non_null (ctx->jobtap = jobtap_create (ctx));
    jobtap_count_hooks (ctx->jobtap);
    manager_sched_ready (ctx->m, 0);
    manager_exec_hello (ctx->m, false, false);
    ctx->m->queues.off = 0;
}

static inline void rig_tear_down (struct ctx *ctx)
{
    jobtap_destroy (ctx->jobtap);
    manager_destroy (ctx->m);
}

#endif
