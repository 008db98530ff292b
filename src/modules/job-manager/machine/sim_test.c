/* The core with a KVS, a scheduler and an exec service on virtual time, from a seed:
 * commits are held, refused and cut by crashes, the clock is set, jobs are canceled.
 * At the end, and at each restart, everything that was promised must be true.
 *   SIM_SEED=N runs one seed, SIM_COUNT=N as many from 1. */
#include "base/test.h"

#include "base/hashmap.h"

#include "modules/job-manager/machine/manager.h"
#include "value/job/jobid.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC                                                                           \
    "{\"resources\":[{\"type\":\"slot\",\"count\":1,\"with\":[{\"type\":\"core\","     \
    "\"count\":1}],\"label\":\"task\"}],\"tasks\":[{\"command\":[\"true\"],\"slot\":"  \
    "\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{\"system\":{\"duration\":"  \
    "0}},\"version\":1}"
#define JOBS_MAX 128
#define CORES 3

struct sim_job {
    flux_jobid_t id;
    char log[4096];  /* in the KVS */
    char next[4096]; /* in the commit under way */
    bool spec, R;    /* in the KVS */
    bool R_sent;     /* its commit is on its way */
    bool R_next;     /* it is in the commit under way */
    bool answered;   /* the submission */
    bool told;       /* of it the journal has told `clean` */
    bool asked;      /* the scheduler has it */
    bool core;       /* holds one, says the scheduler */
    bool running;
};

static struct sim {
    unsigned int seed, rng;
    struct manager *m;
    struct jobid_gen gen;
    double now, mono;
    struct sim_job jobs[JOBS_MAX];
    int count, cores;
    flux_jobid_t stored_max, next_max, last_answered;
    bool in_commit, refused, outage;
    int commits, refusals, crashes, pauses;
} * S;

static unsigned int draw (unsigned int n)
{
    S->rng = S->rng * 1103515245 + 12345;
    return (S->rng >> 8) % n;
}

static struct sim_job *job_of (flux_jobid_t id)
{
    for (int i = 0; i < S->count; i++)
        if (S->jobs[i].id == id)
            return &S->jobs[i];
    return NULL;
}

static bool logged (const struct sim_job *j, const char *name)
{
    char s[64];

    snprintf (s, sizeof (s), "\"name\":\"%s\"", name);
    return strstr (j->log, s) != NULL;
}

/* --- what the core asks for --- */

static double now (void *arg)
{
    return S->now;
}
static double mono (void *arg)
{
    return S->mono;
}
static void sched_alloc (const struct job *job, void *arg)
{
    assert_false (S->m->paused);
    assert_false (job_of (job->id)->core);
    job_of (job->id)->asked = true;
}
static void sched_cancel (const struct job *job, void *arg)
{
}
static void sched_prioritize (const struct job *job, void *arg)
{
}
static void sched_free (const struct job *job, void *arg)
{
    struct sim_job *j = job_of (job->id);

    assert_true (j->core);
    assert_false (j->running);
    j->core = false;
    S->cores++;
}
/* The answer came after the job was given up. */
static void sched_unused (flux_jobid_t id, struct span R, void *arg)
{
    assert_true (job_of (id)->core && !job_of (id)->running);
    job_of (id)->core = false;
    S->cores++;
}
static void exec_start (const struct job *job, bool reattach, void *arg)
{
    struct sim_job *j = job_of (job->id);

    assert_true (job->R && j->core && !j->running);
    assert_false (logged (j, "finish")); /* what has ended does not run again */
    assert_true (reattach == job->started);
    j->running = true;
}
static void exception (const struct job *job, const struct event *ev, void *arg)
{
}
static void waited (void *waiter, int errnum, const struct wait_result *res, void *arg)
{
}

static const struct manager_ops ops = {
    .now = now,
    .mono = mono,
    .sched_alloc = sched_alloc,
    .sched_cancel = sched_cancel,
    .sched_prioritize = sched_prioritize,
    .sched_free = sched_free,
    .sched_unused = sched_unused,
    .exec_start = exec_start,
    .exception = exception,
};

/* --- the KVS --- */

static void apply_R (void)
{
    for (int i = 0; i < S->count; i++)
        S->jobs[i].R |= S->jobs[i].R_sent;
}

static void begin_commit (void)
{
    const struct job *job;
    struct span s, R;

    if (S->in_commit || S->refused)
        return;
    assert_int_equal (journal_seal (&S->m->journal, &S->m->sent), 0);
    while ((job = manager_next_commit (S->m, &s, &R))) {
        struct sim_job *j = job_of (job->id);
        assert_true (s.len < sizeof (j->next) && !j->next[0]);
        memcpy (j->next, s.s, s.len);
        j->next[s.len] = '\0';
        j->R_next = R.len > 0;
        S->in_commit = true;
    }
    S->next_max = S->m->max_jobid;
}

static void apply_commit (void)
{
    apply_R (); /* it was sent before */
    for (int i = 0; i < S->count; i++) {
        struct sim_job *j = &S->jobs[i];
        size_t len = strlen (j->log), more = strlen (j->next);
        assert_true (len + more < sizeof (j->log));
        memcpy (j->log + len, j->next, more + 1);
        j->next[0] = '\0';
        j->R |= j->R_next;
        j->R_next = false;
        assert_true (!logged (j, "alloc") || j->R);
    }
    S->stored_max = S->next_max;
}

static void drop_commit (void)
{
    for (int i = 0; i < S->count; i++) {
        S->jobs[i].next[0] = '\0';
        S->jobs[i].R_next = false;
    }
}

/* Whoever reads the journal finds the same in the KVS. */
static void publish (void)
{
    const struct journal_item *item = (void *)S->m->sent.index.data;

    for (size_t i = 0; i < S->m->sent.index.len / sizeof (*item); i++) {
        struct span e = { S->m->sent.text.data + item[i].start, item[i].len }, v;
        int64_t id;
        assert_true (jsontext_get (e, "id", &v) == 0 && jsontext_int (v, &id));
        assert_int_equal (jsontext_get (e, "entry", &v), 0);
        struct sim_job *j = job_of (id);
        if (!j)
            abort ();
        char *entry = strndup (v.s, v.len);
        assert_non_null (memmem (j->log, strlen (j->log), entry, v.len));
        free (entry);
        j->told |= item[i].type == EV_CLEAN;
    }
    buf_reset (&S->m->sent.text);
    buf_reset (&S->m->sent.index);
    for (int i = 0; i < S->count; i++) /* the answers that waited for it */
        S->jobs[i].answered |= logged (&S->jobs[i], "submit");
}

static void end_commit (bool refuse)
{
    if (!S->in_commit)
        return;
    S->in_commit = false;
    if (refuse) {
        drop_commit ();
        manager_commit_failed (S->m);
        S->refused = true;
        S->refusals++;
    } else {
        apply_commit ();
        manager_committed (S->m);
        publish ();
        S->commits++;
    }
}

/* --- what happens --- */

static void submit (void)
{
    flux_error_t error;
    struct sim_job *j = &S->jobs[S->count];
    struct submission s = { .userid = 1000, .urgency = 16 };

    if (S->count == JOBS_MAX)
        return;
    s.id = jobid_gen_next (&S->gen, (uint64_t)(S->now * 1000));
    struct sim_job *old = job_of (s.id);
    if (old) { /* of all that anybody ever saw it is none */
        assert_false (old->answered || old->spec || old->log[0]);
        old->id = 0;
    }
    if (S->outage)
        return; /* refused: job-manager never hears of it */
    *j = (struct sim_job){ .id = s.id, .spec = true };
    S->count++;
    s.jobspec = (struct span){ SPEC, strlen (SPEC) };
    assert_int_equal (manager_submit (S->m, &s, &error), S->m->paused ? -1 : 0);
    j->spec = !S->m->paused;
}

static struct sim_job *any (bool (*is) (const struct sim_job *j))
{
    int start = S->count ? (int)draw (S->count) : 0;

    for (int i = 0; i < S->count; i++) {
        struct sim_job *j = &S->jobs[(start + i) % S->count];
        if (is (j))
            return j;
    }
    return NULL;
}

static bool is_asked (const struct sim_job *j)
{
    return j->asked;
}
static bool is_running (const struct sim_job *j)
{
    return j->running;
}
static bool is_any (const struct sim_job *j)
{
    return true;
}

static void schedule (void)
{
    struct sim_job *j = any (is_asked);
    struct job *job = j ? manager_lookup (S->m, j->id) : NULL;
    char R[160];

    if (!j)
        return;
    if (job && job->alloc_canceled) {
        j->asked = false;
        manager_sched_canceled (S->m, j->id);
        return;
    }
    if (S->cores == 0)
        return;
    j->asked = false;
    bool stored = draw (2); /* by the scheduler, or left to the core */
    j->core = true;
    j->R_sent = stored;
    S->cores--;
    int n = snprintf (R, sizeof (R),
                      "{\"version\":1,\"execution\":{\"R_lite\":[],\"starttime\":%.0f,"
                      "\"expiration\":%.0f}}",
                      S->now, S->now + 50);
    manager_sched_success (S->m, j->id, (struct span){ R, n }, (struct span){ "", 0 },
                           stored);
}

static void execute (void)
{
    struct sim_job *j = any (is_running);
    struct job *job = j ? manager_lookup (S->m, j->id) : NULL;

    if (!j)
        return;
    assert_non_null (job);
    if (!job->started && job->state == FLUX_JOB_STATE_RUN) {
        manager_exec_start (S->m, j->id);
        return;
    }
    j->running = false;
    if (job->started)
        manager_exec_finish (S->m, j->id, (int)draw (2) * 256);
    manager_exec_release (S->m, j->id, "all", true);
}

static void cancel (void)
{
    struct sim_job *j = any (is_any);
    struct job *job = j ? manager_lookup (S->m, j->id) : NULL;

    if (job && job->state != FLUX_JOB_STATE_INACTIVE && !S->m->paused)
        manager_raise (S->m, job, "cancel", 0, "", 1000);
}

static void set_clock (void)
{
    S->now += (int)draw (2000) - 1000;
    if (S->now < 1)
        S->now = 1;
}

static void outage (void)
{
    S->outage = !S->outage;
    if (S->outage) {
        manager_pause (S->m, ENOSPC, "full");
        S->pauses++;
    } else {
        manager_resume (S->m);
        S->refused = false;
    }
}

static void hello (const struct job *job, void *arg)
{
    struct sim_job *j = job_of (job->id);

    assert_true (j->R && S->cores > 0);
    j->core = true;
    S->cores--;
}

/* All processes are killed; what the KVS has is all that there is. */
static void start_again (void)
{
    flux_error_t error = { "" };
    flux_jobid_t max = S->stored_max;

    manager_destroy (S->m);
    S->m = manager_create (&ops, NULL, waited);
    S->in_commit = S->refused = S->outage = false;
    S->cores = CORES;
    for (int i = 0; i < S->count; i++) {
        struct sim_job *j = &S->jobs[i];
        char R[] = "{\"version\":1,\"execution\":{\"R_lite\":[]}}";
        j->asked = j->core = j->running = j->R_sent = false;
        assert_true (!j->answered || logged (j, "submit")); /* kept */
        if (j->spec && j->id > max)
            max = j->id;
        if (j->log[0])
            assert_int_equal (
                manager_replay (S->m, j->id, (struct span){ j->log, strlen (j->log) },
                                (struct span){ SPEC, strlen (SPEC) },
                                (struct span){ R, j->R ? strlen (R) : 0 }, &error),
                0);
    }
    if (S->m->max_jobid < max)
        S->m->max_jobid = max;
    jobid_gen_init (&S->gen, 0, (uint64_t)(S->now * 1000) - 1, S->m->max_jobid);
    manager_restarted (S->m);
    manager_sched_hello (S->m, hello, NULL);
    manager_sched_ready (S->m, draw (3));
    manager_exec_hello (S->m, false, false);
}

static void crash (void)
{
    unsigned int how = draw (3);

    S->crashes++;
    if (how > 0)
        apply_R ();
    if (how > 1 && S->in_commit && !S->outage)
        apply_commit (); /* and nobody heard of it */
    drop_commit ();
    start_again ();
}

static void step (void)
{
    S->now += 0.1;
    S->mono += 0.1;
    switch (draw (40)) {
    case 0:
        if (draw (4) == 0)
            crash ();
        break;
    case 1:
        outage ();
        break;
    case 2:
        set_clock ();
        break;
    case 3:
        cancel ();
        break;
    case 4:
        end_commit (true);
        break;
    case 5:
        if (!S->outage)
            S->refused = false;
        break;
    case 6 ... 10:
        submit ();
        break;
    case 11 ... 18:
        schedule ();
        break;
    case 19 ... 26:
        execute ();
        break;
    case 27 ... 32:
        if (!S->outage)
            end_commit (false);
        break;
    default:
        manager_turn (S->m);
        begin_commit ();
    }
}

/* --- at the end --- */

static int times (const struct sim_job *j, const char *name)
{
    char s[64];
    int n = 0;

    snprintf (s, sizeof (s), "\"name\":\"%s\"", name);
    for (const char *p = j->log; (p = strstr (p, s)); p++)
        n++;
    return n;
}

static const char *place (const struct sim_job *j, const char *name)
{
    char s[64];

    snprintf (s, sizeof (s), "\"name\":\"%s\"", name);
    return strstr (j->log, s);
}

/* RFC 21 */
static void check_log (const struct sim_job *j)
{
    static const char *const once[] = { "submit", "validate", "depend", "alloc",
                                        "start",  "finish",   "free",   "clean" };
    const char *last = j->log;
    double t = 0;

    for (size_t i = 0; i < sizeof (once) / sizeof (once[0]); i++) {
        const char *p = place (j, once[i]);
        assert_true (times (j, once[i]) <= 1);
        assert_true (!p || p > last);
        last = p ? p : last;
    }
    assert_int_equal (times (j, "submit"), 1);
    assert_int_equal (times (j, "clean"), 1);
    assert_int_equal (times (j, "free"), times (j, "alloc"));
    assert_true (times (j, "finish") == 0 || times (j, "start") == 1);
    assert_true (times (j, "start") == 0 || times (j, "alloc") == 1);
    assert_true (times (j, "finish") + times (j, "exception") > 0);
    assert_null (strchr (strchr (place (j, "clean"), '\n') + 1, '\n'));
    for (const char *p = j->log; p && *p; p = strchr (p, '\n') + 1) {
        double next = strtod (p + strlen ("{\"timestamp\":"), NULL);
        assert_true (next > t);
        t = next;
    }
}

static bool quiet (void)
{
    return idmap_count (S->m->jobs) == 0 && !S->in_commit;
}

static void run_seed (unsigned int seed)
{
    static struct sim sim;

    sim = (struct sim){ .seed = seed, .rng = seed * 7919 + 1, .now = 5000, .mono = 9 };
    S = &sim;
    S->m = manager_create (&ops, NULL, waited);
    start_again ();
    for (int i = 0; i < 600; i++)
        step ();
    if (S->outage)
        outage ();
    for (int i = 0; i < 20000 && !quiet (); i++) {
        S->refused = false;
        S->now += 0.1;
        S->mono += 0.1;
        manager_turn (S->m);
        begin_commit ();
        end_commit (false);
        schedule ();
        execute ();
    }
    assert_true (quiet ());
    assert_int_equal (S->cores, CORES);
    for (int i = 0; i < S->count; i++) {
        if (S->jobs[i].answered)
            check_log (&S->jobs[i]);
        for (int k = 0; k < i; k++)
            assert_true (S->jobs[i].id > S->jobs[k].id || S->jobs[i].id == 0);
    }
    manager_destroy (S->m);
    S->m = NULL;
}

static void seeds (void **state)
{
    const char *one = getenv ("SIM_SEED"), *n = getenv ("SIM_COUNT");
    unsigned int from = one ? (unsigned int)atoi (one) : 1;
    unsigned int count = one ? 1 : n ? (unsigned int)atoi (n) : 300;
    int jobs = 0, crashes = 0, refusals = 0, pauses = 0;

    for (unsigned int s = from; s < from + count; s++) {
        run_seed (s);
        jobs += S->count;
        crashes += S->crashes;
        refusals += S->refusals;
        pauses += S->pauses;
    }
    if (n)
        print_message ("%u seeds: %d jobs, %d crashes, %d refusals, %d outages\n",
                       count, jobs, crashes, refusals, pauses);
    assert_true (one || (crashes > 0 && refusals > 0 && pauses > 0));
}

static int name_seed (void **state)
{
    if (S && S->m)
        print_message ("failed with SIM_SEED=%u\n", S->seed);
    return 0;
}

/* The k-th commit is refused, or the last before a crash, for each k. */
static void scenario (int refused, int cut, bool applied)
{
    static struct sim sim;
    flux_jobid_t canceled = 0;

    sim = (struct sim){ .seed = 0, .rng = 1, .now = 5000, .mono = 9 };
    S = &sim;
    S->m = manager_create (&ops, NULL, waited);
    start_again ();
    for (int k = 0, i = 0; i < 200 && !(i > 10 && quiet ()); i++) {
        if (i < 4)
            submit ();
        manager_turn (S->m);
        begin_commit ();
        if (S->in_commit) {
            k++;
            if (k == cut) {
                if (applied)
                    apply_commit ();
                drop_commit ();
                start_again ();
            } else {
                end_commit (k == refused);
                S->refused = false;
            }
        }
        schedule ();
        execute ();
        struct job *job = manager_lookup (S->m, S->jobs[2].id);
        if (i >= 5 && !canceled && job && job->state != FLUX_JOB_STATE_INACTIVE) {
            canceled = job->id;
            manager_raise (S->m, job, "cancel", 0, "", 1000);
        }
    }
    assert_true (quiet ());
    for (int i = 0; i < S->count; i++)
        if (S->jobs[i].answered)
            check_log (&S->jobs[i]);
    manager_destroy (S->m);
    S->m = NULL;
}

static void each_commit (void **state)
{
    for (int k = 1; k <= 30; k++) {
        scenario (k, 0, false);
        scenario (0, k, false);
        scenario (0, k, true);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown (each_commit, name_seed),
        cmocka_unit_test_teardown (seeds, name_seed),
    };

    hash_seed (1); /* a run is all in its own seed */
    return cmocka_run_group_tests (tests, NULL, NULL);
}
