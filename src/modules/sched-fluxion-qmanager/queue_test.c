/* Queues: a simulation in virtual time of random jobs, against a plain simulator that
 * plans all of the queue anew at every event; then one case for each promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "queue.h"

#define JOBS 200

struct sjob {
    struct qjob q;
    int size;
    int64_t submit, limit, run; /* run <= limit */
    int64_t start, end;         /* -1: not yet */
    bool asked_for;
};

/* Time-dependent use of a pool of `total` units: running jobs until their limits, and
 * reservations. */
struct hold {
    int64_t from, to;
    int size;
};
struct profile {
    int total;
    struct hold hold[2 * JOBS];
    int count;
};

static int used_at (const struct profile *p, int64_t t)
{
    int used = 0;

    for (int i = 0; i < p->count; i++)
        if (p->hold[i].from <= t && t < p->hold[i].to)
            used += p->hold[i].size;
    return used;
}

static bool fits (const struct profile *p, int size, int64_t from, int64_t len)
{
    if (used_at (p, from) + size > p->total)
        return false;
    for (int i = 0; i < p->count; i++)
        if (p->hold[i].from > from && p->hold[i].from < from + len
            && used_at (p, p->hold[i].from) + size > p->total)
            return false;
    return true;
}

/* The first time from `now` on; only ends of holds can be. */
static int64_t first_fit (const struct profile *p, int size, int64_t now, int64_t len)
{
    int64_t best = -1;

    if (size > p->total)
        return -1;
    if (fits (p, size, now, len))
        return now;
    for (int i = 0; i < p->count; i++)
        if (p->hold[i].to > now && (best < 0 || p->hold[i].to < best)
            && fits (p, size, p->hold[i].to, len))
            best = p->hold[i].to;
    return best;
}

static void hold (struct profile *p, int size, int64_t from, int64_t len)
{
    p->hold[p->count++] = (struct hold){ from, from + len, size };
}

static bool runs (const struct sjob *j, int64_t now)
{
    return j->start >= 0 && j->start <= now && j->end > now;
}

/* What runs at now, without reservations. */
static void running_profile (struct profile *p, const struct sjob *job, int64_t now)
{
    p->count = 0;
    for (int i = 0; i < JOBS; i++)
        if (runs (&job[i], now))
            hold (p, job[i].size, job[i].start, job[i].limit);
}

/* The plain simulator: at every event the queue in order, from nothing. */

static const struct sjob *sort_jobs;

static int in_order (const void *a, const void *b)
{
    const struct sjob *x = &sort_jobs[*(const int *)a],
                      *y = &sort_jobs[*(const int *)b];

    if (x->q.priority != y->q.priority)
        return x->q.priority > y->q.priority ? -1 : 1;
    return x->q.id < y->q.id ? -1 : 1;
}

static void plan (struct sjob *job, const struct queue_params *qp, int total,
                  int64_t now)
{
    struct profile p = { .total = total };
    int index[JOBS], n = 0;
    unsigned int waiting = 0, reserved = 0;

    running_profile (&p, job, now);
    for (int i = 0; i < JOBS; i++)
        if (job[i].submit <= now && job[i].start < 0)
            index[n++] = i;
    sort_jobs = job;
    qsort (index, n, sizeof (*index), in_order);
    for (int k = 0; k < n && waiting < qp->depth; k++) {
        struct sjob *j = &job[index[k]];
        int64_t at = first_fit (&p, j->size, now, j->limit);
        if (at == now) {
            j->start = now;
            j->end = now + j->run;
            hold (&p, j->size, now, j->limit);
            continue;
        }
        waiting++;
        if (qp->policy == QUEUE_FCFS)
            break;
        if (at > now && reserved < queue_params_reservations (qp)) {
            hold (&p, j->size, at, j->limit);
            reserved++;
        }
    }
}

static int64_t next_event (const struct sjob *job, int64_t now)
{
    int64_t next = -1;

    for (int i = 0; i < JOBS; i++) {
        if (job[i].submit > now && (next < 0 || job[i].submit < next))
            next = job[i].submit;
        if (runs (&job[i], now) && (next < 0 || job[i].end < next))
            next = job[i].end;
    }
    return next;
}

static void simulate_plain (struct sjob *job, const struct queue_params *qp, int total)
{
    for (int64_t now = 0; now >= 0; now = next_event (job, now))
        plan (job, qp, total, now);
}

/* The same by the core: it is told of what happens, and asks a pool. */

struct pool {
    struct profile p; /* reservations are behind what runs */
    struct sjob *job;
    unsigned int asked;
};

static void drop_reservation (struct qjob *qjob, void *arg)
{
    struct pool *pool = arg;
    struct sjob *j = container_of (qjob, struct sjob, q);

    for (int i = 0; i < pool->p.count; i++)
        if (pool->p.hold[i].from == qjob->at && pool->p.hold[i].size == j->size
            && pool->p.hold[i].to == qjob->at + j->limit) {
            pool->p.hold[i] = pool->p.hold[--pool->p.count];
            return;
        }
    fail_msg ("job %ju has no reservation", (uintmax_t)qjob->id);
}

/* As sched-fluxion-resource answers a batch. */
static void answer (struct queue *q, struct pool *pool, const struct batch *b,
                    int64_t now)
{
    unsigned int reserved = 0;

    for (unsigned int i = 0; i < b->count; i++) {
        struct sjob *j = container_of (b->job[i], struct sjob, q);
        bool may = !b->stop && reserved < b->reservations;
        int64_t at = first_fit (&pool->p, j->size, now, j->limit);
        pool->asked++;
        if (at == now) {
            hold (&pool->p, j->size, now, j->limit);
            assert_ptr_equal (queue_result (q, OUTCOME_ALLOCATED, now, may), &j->q);
            j->start = now;
            j->end = now + j->run;
        } else if (may && at > now) {
            hold (&pool->p, j->size, at, j->limit);
            queue_result (q, OUTCOME_RESERVED, at, may);
            reserved++;
        } else {
            queue_result (q, OUTCOME_BUSY, 0, may);
            if (b->stop)
                break;
        }
    }
    assert_null (queue_batch_end (q));
}

static void step (struct queue *q, struct pool *pool, int64_t now)
{
    struct batch b;

    while (queue_next (q, &b, drop_reservation, pool))
        answer (q, pool, &b, now);
}

static void finish_jobs (struct queue *q, struct pool *pool, int64_t now)
{
    for (int i = 0; i < JOBS; i++) {
        struct sjob *j = &pool->job[i];
        if (j->start < 0 || j->end != now)
            continue;
        for (int k = 0; k < pool->p.count; k++)
            if (pool->p.hold[k].from == j->start && pool->p.hold[k].size == j->size
                && pool->p.hold[k].to == j->start + j->limit) {
                pool->p.hold[k] = pool->p.hold[--pool->p.count];
                break;
            }
        queue_complete (q);
        queue_freed (q, false);
    }
}

static void simulate_core (struct sjob *job, const struct queue_params *qp, int total,
                           struct pool *pool)
{
    struct queue q;

    queue_init (&q, qp);
    *pool = (struct pool){ .p.total = total, .job = job };
    for (int64_t now = 0; now >= 0; now = next_event (job, now)) {
        finish_jobs (&q, pool, now);
        for (int i = 0; i < JOBS; i++)
            if (job[i].submit == now)
                queue_add (&q, &job[i].q);
        step (&q, pool, now);
    }
    assert_int_equal (q.counts.pending, 0);
    assert_int_equal (q.counts.running, 0);
    assert_int_equal (q.counts.complete, JOBS);
    assert_int_equal (q.counts.reserved, 0);
    assert_int_equal (q.jobs.count, 0);
}

static void random_jobs (struct sjob *job, unsigned int seed, int total)
{
    int64_t t = 0;

    srand (seed);
    memset (job, 0, JOBS * sizeof (*job));
    for (int i = 0; i < JOBS; i++) {
        t += rand () % 4;
        job[i].q.id = i + 1;
        job[i].q.priority = rand () % 4 == 0 ? 16 + rand () % 4 : 16;
        job[i].size = 1 + (rand () % 3 ? rand () % 3 : rand () % total);
        job[i].submit = t;
        job[i].limit = 1 + rand () % 20;
        job[i].run = rand () % 2 ? job[i].limit : 1 + rand () % job[i].limit;
        job[i].start = job[i].end = -1;
    }
}

static void same_as_plain (enum queue_policy policy, unsigned int reservations,
                           unsigned int depth)
{
    static struct sjob plain[JOBS], core[JOBS];
    static struct pool pool;
    struct queue_params qp;

    queue_params_init (&qp, policy);
    qp.depth = depth;
    qp.reservations = reservations;
    for (unsigned int seed = 1; seed <= 20; seed++) {
        int total = 4 + seed % 13;
        random_jobs (plain, seed, total);
        random_jobs (core, seed, total);
        simulate_plain (plain, &qp, total);
        simulate_core (core, &qp, total, &pool);
        for (int i = 0; i < JOBS; i++)
            if (plain[i].start != core[i].start)
                fail_msg ("%s, depth %u, seed %u: job %d starts at %jd, not at %jd",
                          queue_policy_names[policy], depth, seed, i + 1,
                          (intmax_t)core[i].start, (intmax_t)plain[i].start);
    }
}

static void test_fcfs (void **state)
{
    same_as_plain (QUEUE_FCFS, 64, 32);
    same_as_plain (QUEUE_FCFS, 64, 1);
}

static void test_easy (void **state)
{
    same_as_plain (QUEUE_EASY, 64, 32);
    same_as_plain (QUEUE_EASY, 64, 3);
}

static void test_hybrid (void **state)
{
    same_as_plain (QUEUE_HYBRID, 2, 32);
    same_as_plain (QUEUE_HYBRID, 5, 1000);
}

static void test_conservative (void **state)
{
    same_as_plain (QUEUE_CONSERVATIVE, 64, 32);
    same_as_plain (QUEUE_CONSERVATIVE, 64, 4);
    same_as_plain (QUEUE_CONSERVATIVE, 64, 1000);
}

/* Promises */

static void none (struct qjob *job, void *arg)
{
    int *count = arg;

    (*count)++;
}

static void unblock (struct qjob *job, void *arg)
{
    queue_unblock (arg);
}

static void begin (struct queue *q, enum queue_policy policy)
{
    struct queue_params qp;

    queue_params_init (&qp, policy);
    queue_init (q, &qp);
}

static void test_one_match_each (void **state)
{
    char s[] = "s", o[] = "o";
    struct shape shape = { s, 3, 0, 0 }, other = { o, 1, 0, 0 };
    struct qjob a = { .id = 1, .shape = &shape }, b = { .id = 2, .shape = &shape },
                c = { .id = 3, .shape = &shape }, d = { .id = 4, .shape = &other };
    struct queue q;
    struct batch batch;
    int dropped = 0;

    begin (&q, QUEUE_CONSERVATIVE);
    queue_add (&q, &a);
    assert_true (queue_next (&q, &batch, none, &dropped));
    assert_int_equal (batch.count, 1);
    queue_result (&q, OUTCOME_BUSY, 0, true); /* not even a reservation */
    assert_null (queue_batch_end (&q));
    /* Neither those like it, nor itself when something is given back. */
    queue_add (&q, &b);
    queue_add (&q, &c);
    assert_false (queue_next (&q, &batch, none, &dropped));
    queue_freed (&q, false);
    assert_false (queue_next (&q, &batch, none, &dropped));
    queue_add (&q, &d);
    assert_true (queue_next (&q, &batch, none, &dropped));
    assert_int_equal (batch.count, 1);
    assert_ptr_equal (batch.job[0], &d);
    queue_result (&q, OUTCOME_ALLOCATED, 0, true);
    assert_null (queue_batch_end (&q));
    /* What had no end is over: all may be different now. */
    queue_freed (&q, true);
    assert_true (queue_next (&q, &batch, none, &dropped));
    assert_int_equal (batch.count, 3);
    queue_result (&q, OUTCOME_BUSY, 0, true);
    queue_result (&q, OUTCOME_BUSY, 0, true);
    queue_result (&q, OUTCOME_BUSY, 0, true);
    assert_null (queue_batch_end (&q));
    queue_changed (&q);
    assert_true (queue_next (&q, &batch, none, &dropped));
    assert_int_equal (batch.count, 3);
}

/* What waits for a reservation without end is asked for in each round: the reservation
 * may move, and is gone with its job. */
static void test_endless_reservation (void **state)
{
    char s[] = "s", o[] = "o";
    struct shape shape = { s, 1, 0, 0 }, other = { o, 1, 0, 0 };
    struct qjob a = { .id = 1, .shape = &shape }, b = { .id = 2, .shape = &other };
    struct queue q;
    struct batch batch;

    begin (&q, QUEUE_CONSERVATIVE);
    queue_add (&q, &a);
    queue_add (&q, &b);
    assert_true (queue_next (&q, &batch, unblock, &q));
    queue_result (&q, OUTCOME_RESERVED, 60, true);
    queue_result (&q, OUTCOME_BUSY, 0, true); /* nothing is behind that */
    assert_null (queue_batch_end (&q));
    assert_false (queue_next (&q, &batch, unblock, &q));
    /* The order is another: b goes first. */
    queue_reprioritize (&q, &b, 1);
    assert_true (queue_next (&q, &batch, unblock, &q));
    assert_int_equal (batch.count, 2);
    assert_ptr_equal (batch.job[0], &b);
    queue_result (&q, OUTCOME_BUSY, 0, true);
    queue_result (&q, OUTCOME_RESERVED, 60, true);
    assert_null (queue_batch_end (&q));
    queue_freed (&q, false);
    assert_true (queue_next (&q, &batch, unblock, &q));
    assert_int_equal (batch.count, 2);
    queue_result (&q, OUTCOME_BUSY, 0, true);
    queue_result (&q, OUTCOME_RESERVED, 120, true);
    assert_null (queue_batch_end (&q));
    /* Where there was none, once is enough. */
    assert_true (queue_remove (&q, &a));
    queue_freed (&q, true);
    assert_true (queue_next (&q, &batch, unblock, &q));
    assert_int_equal (batch.count, 1);
    queue_result (&q, OUTCOME_BUSY, 0, true);
    assert_null (queue_batch_end (&q));
    queue_freed (&q, false);
    assert_false (queue_next (&q, &batch, unblock, &q));
}

/* A change that comes while the answer is under way is not covered by it. */
static void test_change_meanwhile (void **state)
{
    char s[] = "s";
    struct shape shape = { s, 1, 0, 0 };
    struct qjob a = { .id = 1, .shape = &shape };
    struct queue q;
    struct batch batch;
    int dropped = 0;

    begin (&q, QUEUE_EASY);
    queue_add (&q, &a);
    assert_true (queue_next (&q, &batch, none, &dropped));
    queue_changed (&q);
    assert_false (queue_next (&q, &batch, none, &dropped));
    queue_result (&q, OUTCOME_BUSY, 0, true);
    assert_null (queue_batch_end (&q));
    assert_true (queue_next (&q, &batch, none, &dropped));
    assert_ptr_equal (batch.job[0], &a);
}

static void test_cancel_while_asked (void **state)
{
    struct qjob a = { .id = 1 }, b = { .id = 2 }, c = { .id = 3 };
    struct queue q;
    struct batch batch;
    int dropped = 0;

    begin (&q, QUEUE_FCFS);
    queue_add (&q, &a);
    queue_add (&q, &b);
    queue_add (&q, &c);
    assert_true (queue_next (&q, &batch, none, &dropped));
    assert_int_equal (batch.count, 3);
    assert_false (queue_remove (&q, &a));
    assert_false (queue_remove (&q, &c));
    assert_ptr_equal (queue_result (&q, OUTCOME_ALLOCATED, 0, false), &a);
    assert_true (a.gone);
    queue_result (&q, OUTCOME_BUSY, 0, false);
    assert_ptr_equal (queue_batch_end (&q), &c); /* nobody has looked at it */
    assert_null (queue_batch_end (&q));
    assert_int_equal (q.counts.pending, 1);
    assert_int_equal (q.jobs.count, 1);
    /* What it had got goes to who waits. */
    assert_true (queue_next (&q, &batch, none, &dropped));
    assert_int_equal (batch.count, 1);
    assert_ptr_equal (batch.job[0], &b);
}

static void test_order (void **state)
{
    struct qjob job[5] = { { .id = 1, .priority = 16 },
                           { .id = 2, .priority = 31 },
                           { .id = 3, .priority = 16 },
                           { .id = 4, .priority = 1 },
                           { .id = 5, .priority = 31 } };
    static const int expected[] = { 3, 1, 4, 0, 2 };
    struct queue q;
    struct batch batch;
    int dropped = 0;

    begin (&q, QUEUE_EASY);
    for (int i = 0; i < 5; i++)
        queue_add (&q, &job[i]);
    queue_reprioritize (&q, &job[3], 40);
    assert_true (queue_next (&q, &batch, none, &dropped));
    assert_int_equal (batch.count, 5);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal (batch.job[i], &job[expected[i]]);
}

static void test_selection (void **state)
{
    struct qjob a = { .id = 1 }, b = { .id = 2 }, c = { .id = 3 };
    struct queue q;
    struct batch batch;
    int dropped = 0;

    begin (&q, QUEUE_EASY);
    queue_add (&q, &a);
    queue_add (&q, &b);
    queue_add (&q, &c);
    assert_true (queue_next (&q, &batch, none, &dropped));
    queue_result (&q, OUTCOME_ALLOCATED, 0, true);
    assert_string_equal (queue_selection (&q, &a), "immediate");
    queue_result (&q, OUTCOME_RESERVED, 100, true);
    queue_result (&q, OUTCOME_ALLOCATED, 0, false);
    assert_string_equal (queue_selection (&q, &c), "backfill");
    assert_null (queue_batch_end (&q));
    queue_freed (&q, false);
    assert_true (queue_next (&q, &batch, none, &dropped));
    assert_int_equal (dropped, 1);
    queue_result (&q, OUTCOME_ALLOCATED, 0, true);
    assert_string_equal (queue_selection (&q, &b), "reserved");
}

static bool by_id (const struct order_node *a, const struct order_node *b)
{
    return container_of (a, struct qjob, node)->id
           < container_of (b, struct qjob, node)->id;
}

static void test_order_set (void **state)
{
    static struct qjob job[500];
    bool there[500] = { 0 };
    struct order o;

    order_init (&o, by_id);
    srand (7);
    for (int i = 0; i < 20000; i++) {
        int k = rand () % 500;
        job[k].id = k;
        if (there[k])
            order_remove (&o, &job[k].node);
        else
            order_insert (&o, &job[k].node);
        there[k] = !there[k];
        if (i % 500)
            continue;
        struct order_node *n = order_first (&o);
        for (int m = 0; m < 500; m++)
            if (there[m]) {
                assert_ptr_equal (n, &job[m].node);
                assert_ptr_equal (order_from (&o, n), n);
                n = order_after (n);
            }
        assert_null (n);
    }
}

static void nobody (struct qjob *job, void *arg)
{
    fail_msg ("a reservation of %ju", (uintmax_t)job->id);
}

/* A job more or less may start now: few of those that wait are asked for; many if many
 * may. */
static void test_batches_grow (void **state)
{
    static struct qjob job[1000];
    struct queue_params p;
    struct queue q;
    struct batch b;
    unsigned int asked = 0, batches = 0;

    queue_params_init (&p, QUEUE_FCFS);
    p.depth = 1000;
    queue_init (&q, &p);
    for (int i = 0; i < 1000; i++) {
        job[i] = (struct qjob){ .id = i + 1 };
        queue_add (&q, &job[i]);
    }
    for (int i = 0; i < 100; i++) {
        queue_freed (&q, false);
        assert_true (queue_next (&q, &b, nobody, NULL));
        asked += b.count;
        assert_ptr_equal (b.job[0], &job[i]);
        queue_result (&q, OUTCOME_ALLOCATED, 0, false);
        queue_result (&q, OUTCOME_BUSY, 0, false);
        assert_null (queue_batch_end (&q));
        assert_false (queue_next (&q, &b, nobody, NULL));
    }
    assert_true (asked <= 100 * 2);
    queue_freed (&q, false);
    for (; queue_next (&q, &b, nobody, NULL); batches++)
        for (unsigned int i = 0; i < b.count; i++)
            queue_result (&q, OUTCOME_ALLOCATED, 0, false);
    assert_int_equal (q.counts.pending, 0);
    assert_true (batches <= 14); /* 900 in 2, 4, 8, 16, 32, 64, 128, 128 ... */
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_fcfs),
        cmocka_unit_test (test_easy),
        cmocka_unit_test (test_hybrid),
        cmocka_unit_test (test_conservative),
        cmocka_unit_test (test_one_match_each),
        cmocka_unit_test (test_endless_reservation),
        cmocka_unit_test (test_change_meanwhile),
        cmocka_unit_test (test_cancel_while_asked),
        cmocka_unit_test (test_order),
        cmocka_unit_test (test_selection),
        cmocka_unit_test (test_order_set),
        cmocka_unit_test (test_batches_grow),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
