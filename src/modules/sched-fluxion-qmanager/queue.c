#include "queue.h"

const char *const queue_policy_names[4] = { "fcfs", "easy", "hybrid", "conservative" };

void queue_params_init (struct queue_params *p, enum queue_policy policy)
{
    *p = (struct queue_params){
        .policy = policy,
        .depth = 32,
        .max_depth = 1000000,
        .reservations = 64,
        .max_reservations = 100000,
    };
}

static unsigned int least (unsigned int a, unsigned int b)
{
    return a < b ? a : b;
}

static unsigned int depth (const struct queue_params *p)
{
    return least (p->depth, p->max_depth);
}

unsigned int queue_params_reservations (const struct queue_params *p)
{
    switch (p->policy) {
    case QUEUE_FCFS:
        return 0;
    case QUEUE_EASY:
        return least (1, p->max_reservations);
    case QUEUE_HYBRID:
        return least (p->reservations, p->max_reservations);
    case QUEUE_CONSERVATIVE:
        break;
    }
    return least (depth (p), p->max_reservations);
}

static bool goes_before (const struct order_node *a, const struct order_node *b)
{
    const struct qjob *x = container_of (a, struct qjob, node);
    const struct qjob *y = container_of (b, struct qjob, node);

    if (x->priority != y->priority)
        return x->priority > y->priority;
    return x->id < y->id;
}

void queue_init (struct queue *q, const struct queue_params *params)
{
    *q = (struct queue){
        .params = *params, .round = 1, .change = 1, .batch_size = BATCH_FIRST
    };
    order_init (&q->jobs, goes_before);
    list_init (&q->reserved);
    list_init (&q->asked);
}

/* Is n among those that the round has seen? */
static bool is_seen (const struct queue *q, const struct order_node *n)
{
    return q->seen && (n == q->seen || goes_before (n, q->seen));
}

void queue_add (struct queue *q, struct qjob *job)
{
    job->state = QJOB_WAITING;
    job->gone = job->was_reserved = false;
    list_init (&job->link);
    order_insert (&q->jobs, &job->node);
    q->counts.pending++;
    if (is_seen (q, &job->node))
        q->restart = true;
}

static struct order_node *order_back (const struct order_node *n)
{
    if (n->left) {
        for (n = n->left; n->right; n = n->right)
            ;
        return (struct order_node *)n;
    }
    while (n->up && n->up->left == n)
        n = n->up;
    return n->up;
}

/* Out of the order; the round's place stays where it is. */
static void take_out (struct queue *q, struct qjob *job)
{
    if (is_seen (q, &job->node) && q->considered > 0)
        q->considered--;
    if (q->seen == &job->node)
        q->seen = order_back (&job->node);
    order_remove (&q->jobs, &job->node);
    if (job->state == QJOB_RESERVED) {
        q->nreserved--;
        q->counts.reserved--;
    }
    list_remove (&job->link);
}

bool queue_remove (struct queue *q, struct qjob *job)
{
    q->counts.pending--;
    q->counts.cancelled++;
    if (job->state == QJOB_ASKED) {
        job->gone = true;
        return false;
    }
    /* Who waits behind it for the head, or for what it had reserved, may go on. */
    if (job->state == QJOB_RESERVED || (q->stopped && is_seen (q, &job->node)))
        q->restart = true;
    take_out (q, job);
    return true;
}

void queue_reprioritize (struct queue *q, struct qjob *job, int64_t priority)
{
    if (priority == job->priority)
        return;
    q->counts.reprioritized++;
    if (is_seen (q, &job->node) && q->considered > 0)
        q->considered--;
    if (q->seen == &job->node)
        q->seen = order_back (&job->node);
    order_remove (&q->jobs, &job->node);
    job->priority = priority;
    order_insert (&q->jobs, &job->node);
    if (is_seen (q, &job->node))
        q->considered++;
    q->restart = true;
}

void queue_freed (struct queue *q, bool endless)
{
    if (endless)
        q->change++;
    q->freed++;
    q->restart = true;
}

void queue_changed (struct queue *q)
{
    q->change++;
    q->restart = true;
}

void queue_unblock (struct queue *q)
{
    q->change++;
}

bool queue_is_blocked (const struct queue *q, const struct qjob *job)
{
    return job->shape && job->shape->blocked_change == q->change;
}

void queue_complete (struct queue *q)
{
    q->counts.running--;
    q->counts.complete++;
}

static void begin_round (struct queue *q,
                         void (*unreserve) (struct qjob *job, void *arg), void *arg)
{
    q->restart = q->stopped = false;
    q->seen = NULL;
    q->considered = q->nreserved = 0;
    q->counts.reserved = 0;
    q->round++;
    q->batch_size = BATCH_FIRST;
    if (q->params.policy == QUEUE_FCFS && q->freed > 0)
        q->batch_size = least (q->freed + 1, BATCH_FIRST);
    q->freed = 0;
    list_foreach (&q->reserved, it) {
        struct qjob *job = container_of (it, struct qjob, link);
        list_remove (&job->link);
        job->state = QJOB_WAITING;
        unreserve (job, arg);
    }
}

/* Nothing would come of asking for it. */
static bool is_hopeless (const struct queue *q, const struct qjob *job)
{
    const struct shape *s = job->shape;

    return s && (s->busy_round == q->round || s->blocked_change == q->change);
}

static bool collect (struct queue *q, struct batch *b)
{
    struct order_node *n = q->seen ? order_after (q->seen) : order_first (&q->jobs);
    unsigned int most = q->batch_size;

    b->count = 0;
    q->asked_change = q->change;
    q->batch_size = least (2 * most, BATCH_MAX);
    for (; n && !q->stopped && b->count < most && q->considered < depth (&q->params);
         n = order_after (n)) {
        struct qjob *job = container_of (n, struct qjob, node);
        q->seen = n;
        q->considered++;
        if (is_hopeless (q, job)) {
            q->stopped = q->params.policy == QUEUE_FCFS;
            continue;
        }
        job->state = QJOB_ASKED;
        list_append (&q->asked, &job->link);
        b->job[b->count++] = job;
    }
    return b->count > 0;
}

bool queue_next (struct queue *q, struct batch *b,
                 void (*unreserve) (struct qjob *job, void *arg), void *arg)
{
    unsigned int most = queue_params_reservations (&q->params);

    if (!list_empty (&q->asked))
        return false;
    b->stop = q->params.policy == QUEUE_FCFS;
    b->reservations = most > q->nreserved ? most - q->nreserved : 0;
    /* To go on would give what was freed to those behind. */
    if (!q->restart)
        return collect (q, b);
    begin_round (q, unreserve, arg);
    b->reservations = most;
    return collect (q, b);
}

static void note_busy (struct queue *q, struct qjob *job, bool may_reserve)
{
    if (job->shape) {
        job->shape->busy_round = q->round;
        if (may_reserve)
            job->shape->blocked_change = q->asked_change;
    }
    if (q->params.policy == QUEUE_FCFS)
        q->stopped = true;
}

struct qjob *queue_result (struct queue *q, enum queue_outcome outcome, int64_t at,
                           bool may_reserve)
{
    struct qjob *job = list_first (&q->asked, struct qjob, link);

    if (!job)
        return NULL;
    list_remove (&job->link);
    job->state = QJOB_WAITING;
    if (outcome == OUTCOME_RESERVED && !job->gone) {
        job->state = QJOB_RESERVED;
        job->was_reserved = true;
        job->at = at;
        q->nreserved++;
        q->counts.reserved++;
        list_append (&q->reserved, &job->link);
        return job;
    }
    if (outcome == OUTCOME_BUSY)
        note_busy (q, job, may_reserve);
    if (job->gone) {
        /* Nobody has it: those behind may have more. */
        q->restart = true;
        take_out (q, job);
    } else if (outcome != OUTCOME_BUSY) {
        q->counts.pending--;
        if (outcome == OUTCOME_ALLOCATED)
            q->counts.running++;
        else
            q->counts.rejected++;
        take_out (q, job);
        job->state = outcome == OUTCOME_ALLOCATED ? QJOB_RUNNING : QJOB_WAITING;
    }
    return job;
}

struct qjob *queue_batch_end (struct queue *q)
{
    struct qjob *job;

    while ((job = list_first (&q->asked, struct qjob, link))) {
        list_remove (&job->link);
        job->state = QJOB_WAITING;
        /* The round goes on with the first of them. */
        if (is_seen (q, &job->node))
            q->seen = order_back (&job->node);
        q->considered = q->considered > 0 ? q->considered - 1 : 0;
        if (job->gone) {
            take_out (q, job);
            return job;
        }
    }
    return NULL;
}

const char *queue_selection (const struct queue *q, const struct qjob *job)
{
    struct order_node *first = order_first (&q->jobs);

    if (job->was_reserved)
        return "reserved";
    return first && goes_before (first, &job->node) ? "backfill" : "immediate";
}
