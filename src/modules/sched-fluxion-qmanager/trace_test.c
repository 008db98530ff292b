/* Queue and graph together in virtual time, against a plain simulator that keeps a list
 * of who has which node when.
 *
 *   trace_test                          a few short traces; start times are the same
 *   trace_test JOBS NODES SEED [plain]  one trace with each policy, and a table; plain:
 *                                       start times are compared, too
 *   trace_test JOBS NODES SEED dump POLICY
 *                                       its jobs, a line each: submitted at, nodes,
 *                                       limit, run time, started at; ends and arrivals
 *                                       are told one by one (test/fluxion/modules.py)
 *
 * Jobs are as workloads in the Standard Workload Format are: they come by day more than
 * by night, many ask for few nodes and most for a power of two, run times spread over
 * orders of magnitude, and limits are round and often much too long. */
#include "fluxion/match/rig_test.h"

#include "queue.h"

#include <math.h>
#include <time.h>

struct sjob {
    struct qjob q;
    struct request *req;
    int size;
    int64_t submit, limit, run;
    int64_t start, end; /* -1: not yet */
};

struct trace {
    struct sjob *job;
    int njobs, nnodes;
};

/* --- The workload --- */

static uint64_t dice_state;

static double dice (void) /* in [0:1) */
{
    dice_state = dice_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(dice_state >> 11) / 9007199254740992.0;
}

static double normal (void)
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += dice ();
    return sum - 6;
}

static int random_size (int nnodes)
{
    double r = dice ();
    int size = 1;

    if (r < 0.25)
        return 1;
    size = (int)exp2 (dice () * log2 (nnodes) * 0.9);
    if (r < 0.8) /* a power of two */
        while (size & (size - 1))
            size &= size - 1;
    return size < nnodes ? size : nnodes;
}

static int64_t random_limit (int64_t run)
{
    static const int64_t usual[] = { 300, 900, 1800, 3600, 7200, 14400, 28800, 86400 };
    int64_t least = dice () < 0.3 ? run : run + (int64_t)((double)run * 3 * dice ());

    for (size_t i = 0; i < sizeof (usual) / sizeof (usual[0]); i++)
        if (usual[i] >= least)
            return usual[i];
    return run > 86400 ? run : 86400;
}

/* load: of all nodes, on average. */
static void random_jobs (struct trace *t, int njobs, int nnodes, uint64_t seed,
                         double load)
{
    double work = 0, at = 0;

    dice_state = seed;
    *t = (struct trace){ calloc (njobs, sizeof (struct sjob)), njobs, nnodes };
    for (int i = 0; i < njobs; i++) {
        struct sjob *j = &t->job[i];
        j->q.id = i + 1;
        j->q.priority = 16;
        j->size = random_size (nnodes);
        j->run = 1 + (int64_t)exp (6.5 + 1.8 * normal ());
        if (j->run > 86400)
            j->run = 86400;
        j->limit = random_limit (j->run);
        j->start = j->end = -1;
        work += (double)j->size * (double)j->run;
    }
    double gap = work / load / nnodes / njobs;
    for (int i = 0; i < njobs; i++) {
        double hour = fmod (at / 3600, 24);
        at += -log (1 - dice ()) * gap / (1 + 0.8 * sin ((hour - 8) / 24 * 2 * M_PI));
        t->job[i].submit = (int64_t)at;
    }
}

static void trace_fini (struct trace *t)
{
    for (int i = 0; i < t->njobs; i++)
        request_destroy (t->job[i].req);
    free (t->job);
}

/* Arrivals and ends in order of time; -1: no more. */
static int64_t next_event (const struct trace *t, int first, int64_t now)
{
    int64_t next = -1;

    for (int i = first; i < t->njobs; i++) {
        const struct sjob *j = &t->job[i];
        int64_t at = j->submit > now ? j->submit : j->end > now ? j->end : -1;
        if (at > now && (next < 0 || at < next))
            next = at;
        if (j->submit > now)
            break; /* they come in order */
    }
    return next;
}

/* The first that is not over. */
static int skip_over (const struct trace *t, int first, int64_t now)
{
    while (first < t->njobs && t->job[first].end >= 0 && t->job[first].end < now)
        first++;
    return first;
}

/* --- The plain simulator --- */

struct hold {
    int64_t from, to;
    int job;
};
struct node {
    struct hold *hold;
    int count, cap;
};
struct plain {
    struct node *node;
    int nnodes;
    int64_t *point; /* where a hold begins or ends */
    int npoints, cap;
};

static bool is_free (const struct node *n, int64_t from, int64_t to)
{
    for (int i = 0; i < n->count; i++)
        if (n->hold[i].from < to && from < n->hold[i].to)
            return false;
    return true;
}

/* The first nodes that are free all the time. */
static bool take (struct plain *p, int job, int size, int64_t from, int64_t to)
{
    int chosen[4096], n = 0;

    for (int i = 0; i < p->nnodes && n < size; i++)
        if (is_free (&p->node[i], from, to))
            chosen[n++] = i;
    if (n < size)
        return false;
    for (int i = 0; i < n; i++) {
        struct node *node = &p->node[chosen[i]];
        if (node->count == node->cap) {
            node->cap = node->cap ? 2 * node->cap : 4;
            node->hold = realloc (node->hold, node->cap * sizeof (*node->hold));
        }
        node->hold[node->count++] = (struct hold){ from, to, job };
    }
    return true;
}

/* What a job holds; -1: all that is reserved. */
static void drop (struct plain *p, const struct trace *t, int job)
{
    for (int i = 0; i < p->nnodes; i++) {
        struct node *n = &p->node[i];
        for (int k = 0; k < n->count; k++)
            if (job < 0 ? t->job[n->hold[k].job].start < 0 : n->hold[k].job == job)
                n->hold[k--] = n->hold[--n->count];
    }
}

static int by_time (const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void add_point (struct plain *p, int64_t t)
{
    if (p->npoints == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 256;
        p->point = realloc (p->point, p->cap * sizeof (*p->point));
    }
    p->point[p->npoints++] = t;
}

static bool reserve (struct plain *p, int job, const struct sjob *j, int64_t now)
{
    p->npoints = 0;
    for (int i = 0; i < p->nnodes; i++)
        for (int k = 0; k < p->node[i].count; k++) {
            add_point (p, p->node[i].hold[k].from);
            add_point (p, p->node[i].hold[k].to);
        }
    qsort (p->point, p->npoints, sizeof (*p->point), by_time);
    for (int i = 0; i < p->npoints; i++) {
        int64_t at = p->point[i];
        if (at > now && (i == 0 || at != p->point[i - 1])
            && take (p, job, j->size, at, at + j->limit))
            return true;
    }
    return false;
}

struct round {
    int next; /* job to be looked at */
    unsigned int waiting, reserved;
    bool stopped;
};

static void go_on (struct plain *p, struct trace *t, const struct queue_params *qp,
                   struct round *r, int64_t now)
{
    for (; r->next < t->njobs && t->job[r->next].submit <= now; r->next++) {
        struct sjob *j = &t->job[r->next];
        if (j->start >= 0)
            continue;
        if (r->stopped || r->waiting >= qp->depth)
            return;
        if (take (p, r->next, j->size, now, now + j->limit)) {
            j->start = now;
            j->end = now + j->run;
            continue;
        }
        r->waiting++;
        if (qp->policy == QUEUE_FCFS)
            r->stopped = true;
        else if (r->reserved < queue_params_reservations (qp)
                 && reserve (p, r->next, j, now))
            r->reserved++;
    }
}

static void simulate_plain (struct trace *t, const struct queue_params *qp)
{
    struct plain p = { calloc (t->nnodes, sizeof (struct node)), t->nnodes };
    struct round r = { 0 };
    int first = 0;

    for (int64_t now = 0; now >= 0; now = next_event (t, first, now)) {
        bool freed = false;
        for (int i = first; i < t->njobs && t->job[i].submit <= now; i++)
            if (t->job[i].end == now) {
                drop (&p, t, i);
                freed = true;
            }
        first = skip_over (t, first, now);
        if (freed) {
            drop (&p, t, -1);
            r = (struct round){ .next = first };
        }
        go_on (&p, t, qp, &r, now);
    }
    for (int i = 0; i < p.nnodes; i++)
        free (p.node[i].hold);
    free (p.node);
    free (p.point);
}

/* --- Queue and graph --- */

static void unreserve (struct qjob *qjob, void *arg)
{
    assert_int_equal (scheduler_cancel (arg, qjob->id), 0);
}

/* As sched-fluxion-resource answers a batch. False: it was ended early. */
static void answer (struct scheduler *s, struct queue *q, const struct batch *b,
                    int64_t now)
{
    struct match_result res;
    flux_error_t error;
    unsigned int reserved = 0;

    for (unsigned int i = 0; i < b->count; i++) {
        struct sjob *j = container_of (b->job[i], struct sjob, q);
        bool may = !b->stop && reserved < b->reservations;
        int rc =
            scheduler_match (s, may ? MATCH_ALLOCATE_ORELSE_RESERVE : MATCH_ALLOCATE,
                             j->req, j->q.id, now, &res, &error);
        if (rc < 0) {
            if (errno != EBUSY)
                fail_msg ("job %ju: %s", (uintmax_t)j->q.id, error.text);
            queue_result (q, OUTCOME_BUSY, 0, may);
            if (b->stop)
                break;
        } else if (res.reserved) {
            queue_result (q, OUTCOME_RESERVED, res.at, may);
            reserved++;
        } else {
            queue_result (q, OUTCOME_ALLOCATED, now, may);
            j->start = now;
            j->end = now + j->run;
        }
    }
    assert_null (queue_batch_end (q));
}

static void make_requests (struct trace *t, struct scheduler *s)
{
    char text[64];

    for (int i = 0; i < t->njobs; i++) {
        snprintf (text, sizeof (text), "slot:%d[node:1]", t->job[i].size);
        t->job[i].req = rig_request (s, text, (double)t->job[i].limit, NULL);
    }
}

static void settle (struct scheduler *s, struct queue *q, int64_t now)
{
    struct batch b;

    while (queue_next (q, &b, unreserve, s))
        answer (s, q, &b, now);
}

/* one_by_one: what happens at one time is looked at in turn. */
static void simulate_core (struct trace *t, const struct queue_params *qp,
                           bool one_by_one)
{
    char graph[64];
    struct scheduler *s;
    struct queue q;
    int first = 0, next = 0;

    snprintf (graph, sizeof (graph), "cluster0{node0-%d}", t->nnodes - 1);
    s = rig_create (graph, "low");
    make_requests (t, s);
    queue_init (&q, qp);
    for (int64_t now = 0; now >= 0; now = next_event (t, first, now)) {
        for (int i = first; i < t->njobs && t->job[i].submit <= now; i++)
            if (t->job[i].end == now) {
                assert_int_equal (scheduler_cancel (s, t->job[i].q.id), 0);
                queue_complete (&q);
                queue_freed (&q, false);
                if (one_by_one)
                    settle (s, &q, now);
            }
        first = skip_over (t, first, now);
        for (; next < t->njobs && t->job[next].submit <= now; next++) {
            queue_add (&q, &t->job[next].q);
            if (one_by_one)
                settle (s, &q, now);
        }
        settle (s, &q, now);
    }
    assert_int_equal (q.counts.complete, t->njobs);
    scheduler_destroy (s);
}

/* --- What comes of it --- */

static const enum queue_policy policies[] = { QUEUE_FCFS, QUEUE_EASY, QUEUE_HYBRID,
                                              QUEUE_CONSERVATIVE };

static void same_as_plain (int njobs, int nnodes, uint64_t seed, unsigned int depth)
{
    struct queue_params qp;
    struct trace core, plain;

    for (int k = 0; k < 4; k++) {
        queue_params_init (&qp, policies[k]);
        qp.depth = depth;
        qp.reservations = 3;
        random_jobs (&core, njobs, nnodes, seed, 0.9);
        random_jobs (&plain, njobs, nnodes, seed, 0.9);
        simulate_core (&core, &qp, false);
        simulate_plain (&plain, &qp);
        for (int i = 0; i < njobs; i++)
            if (core.job[i].start != plain.job[i].start)
                fail_msg ("%s, seed %ju: job %d starts at %jd, not at %jd",
                          queue_policy_names[policies[k]], (uintmax_t)seed, i + 1,
                          (intmax_t)core.job[i].start, (intmax_t)plain.job[i].start);
        trace_fini (&core);
        trace_fini (&plain);
    }
}

static void short_traces (void **state)
{
    for (int seed = 1; seed <= 6; seed++)
        same_as_plain (150, 4 + 5 * seed, seed, 4 + 4 * seed);
}

static void print_row (const struct trace *t, const char *name, double seconds)
{
    int64_t *wait = calloc (t->njobs, sizeof (*wait)), end = 0;
    double sum = 0, slow = 0, work = 0;

    for (int i = 0; i < t->njobs; i++) {
        const struct sjob *j = &t->job[i];
        wait[i] = j->start - j->submit;
        sum += (double)wait[i];
        slow += fmax (1, (double)(wait[i] + j->run) / fmax (10, (double)j->run));
        work += (double)j->size * (double)j->run;
        end = j->end > end ? j->end : end;
    }
    qsort (wait, t->njobs, sizeof (*wait), by_time);
    printf ("%-13s %10.0f %10jd %10jd %10.1f %11.1f %% %8.1f s\n", name, sum / t->njobs,
            (intmax_t)wait[t->njobs / 2], (intmax_t)wait[t->njobs * 95 / 100],
            slow / t->njobs, 100 * work / (double)(end - t->job[0].submit) / t->nnodes,
            seconds);
    free (wait);
}

static int print_table (int njobs, int nnodes, uint64_t seed, bool plain)
{
    printf ("%d jobs, %d nodes, seed %ju; waits in seconds\n", njobs, nnodes,
            (uintmax_t)seed);
    printf ("%-13s %10s %10s %10s %10s %13s %10s\n", "policy", "mean wait", "median",
            "95 %", "slowdown", "utilization", "simulated");
    for (int k = 0; k < 4; k++) {
        struct queue_params qp;
        struct trace t;
        clock_t t0 = clock ();
        queue_params_init (&qp, policies[k]);
        random_jobs (&t, njobs, nnodes, seed, 0.9);
        simulate_core (&t, &qp, false);
        print_row (&t, queue_policy_names[policies[k]],
                   (double)(clock () - t0) / CLOCKS_PER_SEC);
        fflush (stdout);
        trace_fini (&t);
    }
    if (plain)
        same_as_plain (njobs, nnodes, seed, 32);
    return 0;
}

static int dump (int njobs, int nnodes, uint64_t seed, const char *policy)
{
    struct queue_params qp;
    struct trace t;
    int k = 0;

    while (k < 3 && strcmp (queue_policy_names[policies[k]], policy) != 0)
        k++;
    queue_params_init (&qp, policies[k]);
    random_jobs (&t, njobs, nnodes, seed, 0.9);
    simulate_core (&t, &qp, true);
    for (int i = 0; i < njobs; i++)
        printf ("%jd %d %jd %jd %jd\n", (intmax_t)t.job[i].submit, t.job[i].size,
                (intmax_t)t.job[i].limit, (intmax_t)t.job[i].run,
                (intmax_t)t.job[i].start);
    trace_fini (&t);
    return 0;
}

int main (int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (short_traces),
    };

    if (argc == 6 && strcmp (argv[4], "dump") == 0)
        return dump (atoi (argv[1]), atoi (argv[2]), strtoull (argv[3], NULL, 10),
                     argv[5]);
    if (argc >= 4)
        return print_table (atoi (argv[1]), atoi (argv[2]),
                            strtoull (argv[3], NULL, 10), argc > 4);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
