/* The core with a scheduler and an exec service that do what the test says, on
 * a clock that the test turns. */
#include "base/test.h"

#include "modules/job-manager/machine/manager.h"
#include "modules/job-manager/machine/parts.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC                                                                           \
    "{\"resources\":[{\"type\":\"slot\",\"count\":1,\"with\":[{\"type\":\"core\","     \
    "\"count\":1}],\"label\":\"task\"}],\"tasks\":[{\"command\":[\"true\"],\"slot\":"  \
    "\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{\"system\":{\"duration\":"  \
    "0,\"environment\":{\"A\":\"b\"}%s}},\"version\":1}"
#define R_TEXT "{\"version\":1,\"execution\":{\"R_lite\":[]%s}}"

struct world {
    struct manager *m;
    double now;
    double skew;      /* how far the clock was set */
    char told[65536]; /* what the core asked for, in order */
    char waited[1024];
    char notes[1024]; /* of exceptions */
};

static void tell (struct world *w, const char *what, flux_jobid_t id)
{
    size_t n = strlen (w->told);

    snprintf (w->told + n, sizeof (w->told) - n, "%s%d ", what, (int)id);
}

static double now (void *arg)
{
    return ((struct world *)arg)->now;
}
static double mono (void *arg)
{
    return ((struct world *)arg)->now - ((struct world *)arg)->skew;
}
static void sched_alloc (const struct job *job, void *arg)
{
    tell (arg, "alloc", job->id);
}
static void sched_cancel (const struct job *job, void *arg)
{
    tell (arg, "cancel", job->id);
}
static void sched_prioritize (const struct job *job, void *arg)
{
    tell (arg, "prio", job->id);
}
static void sched_free (const struct job *job, void *arg)
{
    tell (arg, "free", job->id);
}
static void sched_unused (flux_jobid_t id, struct span R, void *arg)
{
    assert_true (R.len > 0);
    tell (arg, "unused", id);
}
static void sched_silent (const struct job *job, void *arg)
{
    tell (arg, "silent", job->id);
}
static void exec_start (const struct job *job, bool reattach, void *arg)
{
    tell (arg, reattach ? "reattach" : "start", job->id);
}
static void exception (const struct job *job, const struct event *ev, void *arg)
{
    struct world *w = arg;
    size_t n = strlen (w->notes);

    tell (w, ev->severity ? "warn" : "kill", job->id);
    snprintf (w->notes + n, sizeof (w->notes) - n, "%s:%s ", ev->exception, ev->note);
}
static void inactive (const struct job *job, void *arg)
{
    tell (arg, "gone", job->id);
}

static const struct manager_ops ops = {
    .now = now,
    .mono = mono,
    .sched_alloc = sched_alloc,
    .sched_cancel = sched_cancel,
    .sched_prioritize = sched_prioritize,
    .sched_free = sched_free,
    .sched_unused = sched_unused,
    .sched_silent = sched_silent,
    .exec_start = exec_start,
    .exception = exception,
    .inactive = inactive,
};

static void waited (void *waiter, int errnum, const struct wait_result *res, void *arg)
{
    struct world *w = arg;
    size_t n = strlen (w->waited);

    snprintf (w->waited + n, sizeof (w->waited) - n, "%s:%d:%s ", (char *)waiter,
              errnum ? -errnum : (int)res->id, errnum ? "" : res->errstr);
}

static void told (struct world *w, const char *expected)
{
    assert_string_equal (w->told, expected);
    w->told[0] = '\0';
}

/* One turn, its commit included. */
static void turn (struct world *w)
{
    struct span s, R;

    manager_turn (w->m);
    while (manager_next_commit (w->m, &s, &R))
        ;
    manager_committed (w->m);
}

static int submit_full (struct world *w, flux_jobid_t id, int urgency, int flags,
                        const char *extra, char *text)
{
    char spec[2048];
    flux_error_t error = { "" };
    int n = snprintf (spec, sizeof (spec), SPEC, extra);
    struct submission s = {
        .id = id,
        .userid = 1000,
        .urgency = urgency,
        .flags = flags,
        .jobspec = { spec, n },
    };
    int rc = manager_submit (w->m, &s, &error);

    if (text)
        strcpy (text, error.text);
    return rc;
}

static void submit (struct world *w, flux_jobid_t id)
{
    assert_int_equal (submit_full (w, id, 16, 0, "", NULL), 0);
}

static void grant_R (struct world *w, flux_jobid_t id, const char *extra, bool stored)
{
    char R[256];
    int n = snprintf (R, sizeof (R), R_TEXT, extra);
    const char *a = "{\"sched\":{\"resource_summary\":\"rank0/core0\"}}";

    manager_sched_success (w->m, id, (struct span){ R, n },
                           (struct span){ a, strlen (a) }, stored);
}

static void grant (struct world *w, flux_jobid_t id)
{
    grant_R (w, id, "", true);
}

static void run_to_end (struct world *w, flux_jobid_t id, int status)
{
    manager_exec_start (w->m, id);
    manager_exec_finish (w->m, id, status);
    manager_exec_release (w->m, id, "all", true);
}

static flux_job_state_t state_of (struct world *w, flux_jobid_t id)
{
    struct job *job = manager_lookup (w->m, id);

    return job ? job->state : FLUX_JOB_STATE_INACTIVE;
}

static int setup (void **state)
{
    struct world *w = calloc (1, sizeof (*w));

    w->now = 1000;
    w->m = manager_create (&ops, w, waited);
    manager_sched_ready (w->m, 0);
    manager_exec_hello (w->m, false, false);
    *state = w;
    return w->m ? 0 : -1;
}

static int teardown (void **state)
{
    struct world *w = *state;

    manager_destroy (w->m);
    free (w);
    return 0;
}

static const char *events_of (struct world *w, flux_jobid_t id)
{
    static char names[1024];
    struct job *job = manager_lookup (w->m, id);
    const char *p = job->log.data;

    names[0] = '\0';
    while (p && *p) {
        const char *n = strstr (p, "\"name\":\"") + 8;
        strncat (names, n, strcspn (n, "\""));
        strcat (names, " ");
        p = strchr (p, '\n') + 1;
    }
    return names;
}

static void happy (void **state)
{
    struct world *w = *state;
    struct history_record rec;

    submit (w, 1);
    turn (w);
    told (w, "alloc1 ");
    grant (w, 1);
    told (w, "start1 ");
    assert_int_equal (state_of (w, 1), FLUX_JOB_STATE_RUN);
    run_to_end (w, 1, 0);
    told (w, "free1 ");
    assert_string_equal (events_of (w, 1),
                         "submit validate depend priority alloc start "
                         "finish release free clean ");
    assert_non_null (
        strstr (manager_lookup (w->m, 1)->log.data,
                "{\"timestamp\":1000.000004,\"name\":\"alloc\",\"context\":"
                "{\"annotations\":{\"sched\":{\"resource_summary\":"
                "\"rank0/core0\"}}}}\n"));
    assert_non_null (strstr (w->m->journal.text.data, "\"system\":{\"duration\":0}}"));
    turn (w);
    told (w, "gone1 ");
    assert_null (manager_lookup (w->m, 1));
    assert_true (history_lookup (w->m->history, 1, &rec));
    assert_int_equal (rec.result, FLUX_JOB_RESULT_COMPLETED);
    assert_int_equal (w->m->envs.count, 0);
    assert_int_equal (w->m->nstate[0] + w->m->nstate[3] + w->m->nstate[6], 0);
}

static void order (void **state)
{
    struct world *w = *state;
    flux_error_t error;

    manager_sched_ready (w->m, 2);
    submit (w, 1);
    submit_full (w, 2, 20, 0, "", NULL);
    submit_full (w, 3, 0, 0, "", NULL); /* held */
    submit (w, 4);
    turn (w);
    told (w, "alloc2 alloc1 ");
    assert_int_equal (manager_waiting (w->m), 1);
    /* an urgent job takes the place of the least urgent at the scheduler */
    manager_set_urgency (w->m, manager_lookup (w->m, 3), 31, 0, &error);
    turn (w);
    told (w, "cancel1 ");
    turn (w);
    told (w, "");
    manager_sched_canceled (w->m, 1);
    turn (w);
    told (w, "alloc3 ");
    /* priority changes at the scheduler, and a hold takes back */
    manager_set_urgency (w->m, manager_lookup (w->m, 2), 21, 0, &error);
    told (w, "prio2 ");
    manager_set_urgency (w->m, manager_lookup (w->m, 2), 0, 0, &error);
    told (w, "cancel2 ");
    manager_sched_canceled (w->m, 2);
    turn (w);
    told (w, "alloc1 ");
    assert_int_equal (
        manager_set_urgency (w->m, manager_lookup (w->m, 2), 32, 0, &error), -1);
    assert_string_equal (error.text, "urgency range is [0:31]");
}

static void many (void **state)
{
    struct world *w = *state;

    manager_sched_ready (w->m, 1);
    for (int i = 1; i <= 1000; i++)
        submit_full (w, i, 1 + i * 7 % 31, 0, "", NULL);
    int64_t last = FLUX_JOB_PRIORITY_MAX;
    flux_jobid_t last_id = 0;
    for (int i = 1; i <= 1000; i++) {
        turn (w);
        struct job *job =
            container_of (heap_first (&w->m->allocs), struct job, alloc_node);
        assert_true (job->priority < last
                     || (job->priority == last && job->id > last_id));
        last = job->priority;
        last_id = job->id;
        grant (w, job->id);
        run_to_end (w, last_id, 0);
    }
    turn (w);
    assert_int_equal (history_count (w->m->history), 1000);
    assert_int_equal (idmap_count (w->m->jobs), 0);
}

static void cancel (struct world *w, flux_jobid_t id)
{
    manager_raise (w->m, manager_lookup (w->m, id), "cancel", 0, "", 0);
}

static void canceled (void **state)
{
    struct world *w = *state;
    struct history_record rec;

    submit_full (w, 1, 0, 0, "", NULL); /* held: nothing to take back */
    cancel (w, 1);
    turn (w);
    told (w, "kill1 gone1 ");
    submit (w, 2); /* at the scheduler */
    turn (w);
    cancel (w, 2);
    turn (w);
    told (w, "alloc2 kill2 cancel2 ");
    manager_sched_canceled (w->m, 2);
    turn (w);
    told (w, "gone2 ");
    submit (w, 3); /* the grant and the cancellation cross */
    turn (w);
    cancel (w, 3);
    grant (w, 3);
    turn (w);
    told (w, "alloc3 kill3 cancel3 free3 gone3 ");
    submit (w, 4); /* running */
    turn (w);
    grant (w, 4);
    manager_exec_start (w->m, 4);
    cancel (w, 4);
    turn (w);
    told (w, "alloc4 start4 kill4 ");
    manager_exec_finish (w->m, 4, 15);
    manager_exec_release (w->m, 4, "all", true);
    turn (w);
    told (w, "free4 gone4 ");
    assert_true (history_lookup (w->m->history, 4, &rec));
    assert_int_equal (rec.result, FLUX_JOB_RESULT_CANCELED);
    assert_int_equal (rec.status, 15);
    submit (w, 5); /* no exec service yet */
    manager_exec_lost (w->m);
    turn (w);
    grant (w, 5);
    cancel (w, 5);
    turn (w);
    told (w, "alloc5 kill5 free5 gone5 ");
    assert_int_equal (idmap_count (w->m->jobs), 0);
}

static void denied (void **state)
{
    struct world *w = *state;

    submit (w, 1);
    turn (w);
    manager_sched_deny (w->m, 1, "never");
    assert_non_null (strstr (manager_lookup (w->m, 1)->log.data,
                             "{\"type\":\"alloc\",\"severity\":0,\"note\":\"never\"}"));
    turn (w);
    told (w, "alloc1 kill1 gone1 ");
    manager_sched_deny (w->m, 1, "late"); /* must not matter */
    grant (w, 1);
    manager_exec_finish (w->m, 1, 0);
}

/* A scheduler that answers no cancel: a job that is to end does, and so does one of a
 * queue that was stopped. What it says later is handed back. */
static void silent (void **state)
{
    struct world *w = *state;
    flux_error_t error;

    submit (w, 1);
    submit (w, 2);
    turn (w);
    told (w, "alloc1 alloc2 ");
    cancel (w, 1);
    turn (w);
    told (w, "kill1 cancel1 ");
    assert_true (manager_next_due (w->m) == 10);
    w->now += 9;
    turn (w);
    manager_queue_start (w->m, jobqueues_lookup (&w->m->queues, NULL, &error), false,
                         "", true);
    told (w, "cancel2 ");
    w->now += 1;
    w->skew += 1; /* the clock was set, which is no time */
    turn (w);
    told (w, "");
    w->now += 1;
    turn (w);
    told (w, "silent1 gone1 ");
    assert_int_equal (w->m->allocs.count, 1);
    w->now += 9;
    turn (w);
    told (w, "silent2 ");
    assert_int_equal (w->m->allocs.count, 0);
    assert_true (manager_next_due (w->m) < 0);
    grant (w, 1);
    grant (w, 2);
    told (w, "unused1 unused2 ");
    assert_int_equal (state_of (w, 2), FLUX_JOB_STATE_SCHED);
    manager_queue_start (w->m, jobqueues_lookup (&w->m->queues, NULL, &error), true,
                         NULL, true);
    turn (w);
    grant (w, 2);
    grant (w, 2); /* twice is once, and nothing of it is unused */
    told (w, "alloc2 start2 ");
}

/* Canceled to be offered again, or because another goes first: it stays where it is. */
static void patient (void **state)
{
    struct world *w = *state;

    manager_sched_ready (w->m, 1);
    submit (w, 1);
    turn (w);
    assert_int_equal (submit_full (w, 2, 20, 0, "", NULL), 0);
    turn (w);
    told (w, "alloc1 cancel1 ");
    w->now += 10;
    turn (w);
    told (w, "");
    assert_true (manager_next_due (w->m) == 10);
    manager_sched_canceled (w->m, 1);
    turn (w);
    told (w, "alloc2 ");
    assert_true (manager_next_due (w->m) < 0);
}

/* Ids that somebody made up, and that nobody could speak of. */
static void odd_ids (void **state)
{
    struct world *w = *state;
    char text[160];

    assert_int_equal (submit_full (w, 0, 16, 0, "", text), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (submit_full (w, UINT64_MAX, 16, 0, "", text), -1);
    assert_string_equal (text, "no job has such an id");
    assert_int_equal (w->m->max_jobid, 0);
    assert_int_equal (submit_full (w, INT64_MAX, 16, 0, "", text), 0);
}

static const char *dep (const char *scheme, const char *value)
{
    static char s[256];

    snprintf (s, sizeof (s), ",\"dependencies\":[{\"scheme\":\"%s\",\"value\":\"%s\"}]",
              scheme, value);
    return s;
}

static void dependencies (void **state)
{
    struct world *w = *state;
    char text[200];

    submit (w, 1);
    submit_full (w, 2, 16, 0, dep ("afterstart", "1"), NULL);
    submit_full (w, 3, 16, 0, dep ("afterany", "1"), NULL);
    submit_full (w, 4, 16, 0, dep ("afterok", "1"), NULL);
    submit_full (w, 5, 16, 0, dep ("afternotok", "1"), NULL);
    submit_full (w, 6, 16, 0, dep ("afterok", "5"), NULL);
    turn (w);
    told (w, "alloc1 ");
    assert_int_equal (state_of (w, 2), FLUX_JOB_STATE_DEPEND);
    grant (w, 1);
    manager_exec_start (w->m, 1);
    turn (w);
    told (w, "start1 alloc2 ");
    manager_exec_finish (w->m, 1, 256);
    manager_exec_release (w->m, 1, "all", true);
    turn (w);
    told (w, "free1 kill4 alloc3 alloc5 gone1 gone4 ");
    grant (w, 5);
    run_to_end (w, 5, 0);
    turn (w);
    assert_int_equal (state_of (w, 6), FLUX_JOB_STATE_SCHED);
    assert_string_equal (events_of (w, 6),
                         "submit validate dependency-add dependency-remove depend "
                         "priority ");
    /* of jobs that have ended */
    assert_int_equal (submit_full (w, 7, 16, 0, dep ("afterok", "1"), text), -1);
    assert_non_null (strstr (text, "dependency: afterok: job "));
    assert_non_null (strstr (text, " failed or was canceled"));
    assert_int_equal (submit_full (w, 7, 16, 0, dep ("afterok", "5"), text), 0);
    assert_int_equal (state_of (w, 7), FLUX_JOB_STATE_SCHED);
    assert_int_equal (submit_full (w, 8, 16, 0, dep ("foo", ""), text), -1);
    assert_string_equal (text, "dependency scheme \"foo\" not supported");
    assert_int_equal (submit_full (w, 8, 16, 0, dep ("afterok", "99"), text), -1);
    assert_null (manager_lookup (w->m, 8));
    assert_int_equal (submit_full (w, 8, 40, 0, "", text), -1);
    assert_string_equal (text, "urgency range is [0:31]");
}

/* A chain of failures must not use the stack. */
static void chain (void **state)
{
    struct world *w = *state;
    char id[16];

    submit_full (w, 1, 0, 0, "", NULL);
    for (int i = 2; i <= 20000; i++) {
        snprintf (id, sizeof (id), "%d", i - 1);
        submit_full (w, i, 16, 0, dep ("afterok", id), NULL);
    }
    w->told[0] = '\0';
    cancel (w, 1);
    turn (w);
    assert_int_equal (idmap_count (w->m->jobs), 0);
}

static void singleton (void **state)
{
    struct world *w = *state;
    char text[200];
    const char *named = ",\"job\":{\"name\":\"x\"}";
    const char *single = ",\"job\":{\"name\":\"x\"},\"dependencies\":[{\"scheme\":"
                         "\"singleton\",\"value\":\"\"}]";

    submit_full (w, 1, 16, 0, named, NULL);
    submit_full (w, 2, 16, 0, single, NULL);
    submit_full (w, 3, 16, 0, single, NULL);
    turn (w);
    told (w, "alloc1 ");
    cancel (w, 1);
    manager_sched_canceled (w->m, 1);
    turn (w);
    told (w, "kill1 cancel1 alloc2 gone1 ");
    grant (w, 2);
    run_to_end (w, 2, 0);
    turn (w);
    told (w, "start2 free2 alloc3 gone2 ");
    assert_int_equal (submit_full (w, 4, 16, 0, dep ("singleton", ""), text), -1);
    assert_non_null (strstr (text, "must have a name"));
}

static void times (void **state)
{
    struct world *w = *state;

    submit_full (w, 1, 16, 0, dep ("begin-time", "1010.5"), NULL);
    submit (w, 2);
    turn (w);
    told (w, "alloc2 ");
    grant_R (w, 2, ",\"starttime\":1000,\"expiration\":1005", true);
    assert_true (manager_next_due (w->m) == 5);
    manager_exec_start (w->m, 2);
    w->now = 1005;
    turn (w);
    told (w, "start2 kill2 ");
    assert_non_null (strstr (manager_lookup (w->m, 2)->log.data,
                             "\"type\":\"timeout\",\"severity\":0,\"note\":\"resource "
                             "allocation expired\""));
    assert_true (manager_next_due (w->m) == 5.5);
    w->now = 1011;
    turn (w);
    told (w, "alloc1 ");
    assert_true (manager_next_due (w->m) == -1);
    grant_R (w, 1, ",\"starttime\":1721520196,\"expiration\":4875116178", true);
    assert_true (manager_next_due (w->m) == -1);
}

/* A job that is started late has its time, if the exec service says so; and ends if it is
 * never started. */
static void late_starts (void **state)
{
    struct world *w = *state;

    submit (w, 1);
    submit (w, 2);
    turn (w);
    told (w, "alloc1 alloc2 ");
    grant_R (w, 1, ",\"starttime\":1000,\"expiration\":1010", true);
    grant_R (w, 2, ",\"starttime\":1000,\"expiration\":1010", true);
    turn (w);
    told (w, "start1 start2 ");
    assert_true (manager_next_due (w->m) == 10);
    w->now = 1010; /* neither is started: it is not the end of them */
    turn (w);
    told (w, "");
    assert_true (manager_next_due (w->m) == 10);
    w->now = 1015;
    manager_exec_time_left (w->m, 1, 10);
    manager_exec_start (w->m, 1);
    manager_exec_time_left (w->m, 1, 100); /* too late to say so */
    turn (w);
    assert_true (manager_next_due (w->m) == 5); /* of the other */
    w->now = 1020;
    turn (w);
    told (w, "kill2 ");
    assert_true (manager_next_due (w->m) == 5);
    w->now = 1025;
    turn (w);
    told (w, "kill1 ");
}

/* Whoever has the job says when its time is over, if it does so; one that is not there for
 * a while may come back and say that it ended in time. */
static void the_exec_service_says_when (void **state)
{
    struct world *w = *state;

    manager_exec_lost (w->m);
    manager_exec_hello (w->m, false, true);
    for (int id = 1; id <= 4; id++)
        submit (w, id);
    turn (w);
    for (int id = 1; id <= 4; id++)
        grant_R (w, id, ",\"starttime\":1000,\"expiration\":1010", true);
    turn (w);
    for (int id = 2; id <= 4; id++)
        manager_exec_start (w->m, id);
    turn (w);
    told (w, "alloc1 alloc2 alloc3 alloc4 start1 start2 start3 start4 ");
    w->now = 1012;
    turn (w);
    told (w, "");
    assert_true (manager_next_due (w->m) > 0); /* it looks again, not at once */
    manager_exec_time_left (w->m, 1, 10);      /* counts from now */
    manager_exec_start (w->m, 1);
    manager_exec_finish (w->m, 2, 0);
    turn (w);
    assert_null (strstr (manager_lookup (w->m, 2)->log.data, "timeout"));
    manager_exec_exception (w->m, 3, 0, "timeout", "resource allocation expired");
    turn (w);
    told (w, "kill3 ");
    manager_exec_lost (w->m);
    w->now = 1018;
    turn (w);
    w->now = 1023; /* the first has its own time */
    turn (w);
    told (w, "free2 free3 gone2 gone3 ");
    manager_exec_hello (w->m, false, true);
    turn (w);
    told (w, "reattach1 reattach4 ");
    manager_exec_lost (w->m);
    for (w->now = 1030; w->now < 1060; w->now += 5) {
        turn (w);
        told (w, "");
    }
    for (; w->now < 1110; w->now += 5)
        turn (w);
    assert_non_null (strstr (w->told, "kill1 "));
    assert_non_null (strstr (w->told, "kill4 "));
    w->told[0] = '\0';
}

static void queues (void **state)
{
    struct world *w = *state;
    flux_error_t error;
    char text[200];
    json_t *queues =
        json_loads ("{\"a\":{},\"b\":{\"policy\":{\"limits\":{\"duration\":"
                    "\"1h\"}}}}",
                    0, NULL);

    assert_int_equal (jobqueues_configure (&w->m->queues, queues, NULL, &error), 0);
    json_decref (queues);
    assert_int_equal (submit_full (w, 1, 16, 0, "", text), -1);
    assert_int_equal (submit_full (w, 1, 16, 0, ",\"queue\":\"c\"", text), -1);
    assert_string_equal (text, "'c' is not a valid queue");
    assert_int_equal (submit_full (w, 1, 16, 0, ",\"queue\":\"b\"", text), -1);
    assert_string_equal (
        text, "requested duration (unlimited) exceeds policy limit of 1h for queue b");
    assert_int_equal (submit_full (w, 1, 16, 0, ",\"queue\":\"a\"", text), 0);
    turn (w);
    told (w, ""); /* RFC 33: nobody has started the queue */
    struct jobqueue *a = jobqueues_lookup (&w->m->queues, "a", &error);
    manager_queue_start (w->m, a, true, NULL, false);
    turn (w);
    told (w, "alloc1 ");
    manager_queue_start (w->m, a, false, "lunch", false);
    manager_sched_canceled (w->m, 1);
    turn (w);
    told (w, "cancel1 ");
    manager_queue_start (w->m, a, true, NULL, false);
    turn (w);
    told (w, "alloc1 ");
    jobqueue_set_enabled (a, false, "closed", false);
    assert_int_equal (submit_full (w, 2, 16, 0, ",\"queue\":\"a\"", text), -1);
    assert_string_equal (text, "job submission to a is disabled: closed");
    json_t *saved = jobqueues_save (&w->m->queues);
    jobqueue_set_enabled (a, true, NULL, false);
    jobqueues_restore (&w->m->queues, saved);
    json_decref (saved);
    assert_false (a->enabled);
    jobqueue_set_enabled (a, true, NULL, false);
    jobqueue_set_enabled (a, false, "for now", true);
    saved = jobqueues_save (&w->m->queues);
    jobqueues_restore (&w->m->queues, saved);
    json_decref (saved);
    assert_true (a->enabled);
    json_t *bad = json_pack ("{s:{s:s}}", "limits", "duration", "x");
    assert_int_equal (jobqueues_configure (&w->m->queues, NULL, bad, &error), -1);
    assert_non_null (strstr (error.text, "policy.limits.duration"));
    json_decref (bad);
}

static void losses (void **state)
{
    struct world *w = *state;

    submit (w, 1);
    submit (w, 2);
    submit (w, 3);
    turn (w);
    grant (w, 1);
    grant (w, 3);
    manager_exec_start (w->m, 1);
    told (w, "alloc1 alloc2 alloc3 start1 start3 ");
    manager_sched_lost (w->m);
    turn (w);
    told (w, "");
    manager_sched_ready (w->m, 0);
    turn (w);
    told (w, "alloc2 ");
    manager_exec_lost (w->m);
    manager_exec_hello (w->m, false, false);
    told (w, "reattach1 start3 ");
}

/* One that finds its jobs again is waited for, even by those that are to end. */
static void reattached_when_it_is_back (void **state)
{
    struct world *w = *state;

    manager_exec_lost (w->m);
    manager_exec_hello (w->m, true, false);
    for (int id = 1; id <= 4; id++)
        submit (w, id);
    turn (w);
    for (int id = 1; id <= 4; id++)
        grant (w, id);
    turn (w);
    manager_exec_start (w->m, 1);
    manager_exec_start (w->m, 3);
    manager_exec_finish (w->m, 3, 0);
    turn (w);
    told (w, "alloc1 alloc2 alloc3 alloc4 start1 start2 start3 start4 ");
    manager_exec_lost (w->m);
    cancel (w, 2);
    turn (w);
    told (w, "kill2 ");
    manager_exec_hello (w->m, true, false);
    told (w, "reattach1 reattach2 reattach3 reattach4 ");
    manager_exec_release (w->m, 3, "all", true);
    turn (w);
    told (w, "free3 gone3 ");
    /* nobody is waited for when the instance ends */
    manager_exec_lost (w->m);
    turn (w);
    told (w, "");
    manager_exec_over (w->m);
    turn (w);
    told (w, "free2 gone2 ");
}

/* An exec service whose jobs outlive it gets none whose alloc event is not stored. */
static void stored_before_it_starts (void **state)
{
    struct world *w = *state;

    manager_exec_lost (w->m);
    manager_exec_hello (w->m, true, false);
    submit (w, 1);
    turn (w);
    grant (w, 1);
    told (w, "alloc1 ");
    manager_commit_failed (w->m);
    told (w, "");
    turn (w);
    told (w, "start1 ");
    turn (w);
    told (w, "");
    /* one that is canceled meanwhile is not started at all */
    submit (w, 2);
    turn (w);
    grant (w, 2);
    cancel (w, 2);
    turn (w);
    told (w, "alloc2 kill2 free2 gone2 ");
}

static void hello (const struct job *job, void *arg)
{
    tell (arg, "hello", job->id);
}

/* A scheduler that was told what is held hears of its end before it is ready. */
static void ends_between (void **state)
{
    struct world *w = *state;

    submit (w, 1);
    turn (w);
    grant (w, 1);
    turn (w);
    told (w, "alloc1 start1 ");
    manager_sched_lost (w->m);
    manager_sched_hello (w->m, hello, w);
    told (w, "hello1 ");
    run_to_end (w, 1, 0);
    turn (w);
    told (w, "free1 gone1 ");
}

static void waits (void **state)
{
    struct world *w = *state;
    struct wait_result res;
    char any[] = "any", one[] = "one";

    submit_full (w, 1, 16, FLUX_JOB_WAITABLE, "", NULL);
    submit_full (w, 2, 16, FLUX_JOB_WAITABLE, "", NULL);
    submit (w, 3);
    assert_int_equal (waitables_wait (w->m->waitables, 3, one, &res), -1);
    assert_int_equal (errno, ECHILD);
    assert_int_equal (waitables_wait (w->m->waitables, 2, one, &res), 0);
    assert_int_equal (waitables_wait (w->m->waitables, FLUX_JOBID_ANY, any, &res), 0);
    turn (w);
    grant (w, 1);
    grant (w, 2);
    run_to_end (w, 2, 256);
    assert_string_equal (w->waited, ""); /* not before it is committed */
    turn (w);
    assert_string_equal (w->waited, "one:2:task(s) exited with exit code 1 ");
    run_to_end (w, 1, 9);
    turn (w);
    assert_non_null (strstr (w->waited, "any:1:task(s) Killed "));
    assert_int_equal (waitables_wait (w->m->waitables, FLUX_JOBID_ANY, any, &res), -1);
    submit_full (w, 4, 16, FLUX_JOB_WAITABLE, "", NULL);
    cancel (w, 4);
    turn (w);
    assert_int_equal (waitables_wait (w->m->waitables, FLUX_JOBID_ANY, any, &res), 1);
    assert_int_equal (res.id, 4);
    assert_false (res.success);
}

static void replay (void **state)
{
    struct world *w = *state, w2 = { .now = 2000 };
    flux_error_t error = { "" };
    struct span none = { "", 0 };

    submit (w, 1);
    submit (w, 2);
    submit_full (w, 3, 16, 0, dep ("afterok", "2"), NULL);
    submit (w, 4);
    manager_turn (w->m);
    grant (w, 1);
    run_to_end (w, 1, 0);
    grant (w, 2);
    manager_exec_start (w->m, 2);
    w2.m = manager_create (&ops, &w2, waited);
    for (int id = 4; id >= 1; id--) {
        struct job *job = manager_lookup (w->m, id);
        struct buf b = BUF_INIT;
        spec_add_full (&job->spec, &b);
        struct span log = { job->log.data, job->log.len }, spec = { b.data, b.len };
        struct span R = { job->R, job->R ? strlen (job->R) : 0 };
        assert_int_equal (manager_replay (w2.m, id, log, spec, R, &error), 0);
        buf_fini (&b);
    }
    assert_int_equal (manager_replay (w2.m, 5, (struct span){ "{}\n", 3 },
                                      (struct span){ "{}", 2 }, none, &error),
                      -1);
    manager_restarted (w2.m);
    assert_int_equal (w2.m->max_jobid, 4);
    assert_true (history_lookup (w2.m->history, 1, NULL));
    manager_sched_hello (w2.m, hello, &w2);
    manager_sched_ready (w2.m, 0);
    manager_exec_hello (w2.m, false, false);
    turn (&w2);
    told (&w2, "hello2 reattach2 alloc4 ");
    assert_int_equal (state_of (&w2, 3), FLUX_JOB_STATE_DEPEND);
    manager_exec_finish (w2.m, 2, 0);
    manager_exec_release (w2.m, 2, "all", true);
    turn (&w2);
    told (&w2, "free2 alloc3 gone2 ");
    manager_destroy (w2.m);
}

/* The entries that the journal would publish. */
static void published (struct world *w, const char *expected)
{
    const struct journal_item *item = (void *)w->m->sent.index.data;
    size_t count = w->m->sent.index.len / sizeof (*item);
    char names[256] = "";

    for (size_t i = 0; i < count; i++) {
        struct span entry = { w->m->sent.text.data + item[i].start, item[i].len };
        struct span name, text;
        assert_int_equal (jsontext_find (entry, "entry.name", &name), 0);
        assert_true (jsontext_plain (name, &text));
        assert_int_equal (item[i].type, event_type_of (strndupa (text.s, text.len)));
        snprintf (names + strlen (names), sizeof (names) - strlen (names), "%.*s ",
                  (int)text.len, text.s);
    }
    assert_string_equal (names, expected);
    buf_reset (&w->m->sent.text);
    buf_reset (&w->m->sent.index);
}

static size_t committing (struct world *w, char *text)
{
    struct span s, R;
    size_t n = 0;

    text[0] = '\0';
    while (manager_next_commit (w->m, &s, &R)) {
        strncat (text, R.s ? R.s : "", R.len);
        strncat (text, s.s, s.len);
        n++;
    }
    return n;
}

/* What a refused commit held comes with the next one, once, and before what
 * happened meanwhile; nobody hears of it before. */
static void commit_fails (void **state)
{
    struct world *w = *state;
    char first[4096], second[4096], whole[4096];

    submit (w, 1);
    assert_int_equal (journal_seal (&w->m->journal, &w->m->sent), 0);
    assert_int_equal (committing (w, first), 1);
    manager_turn (w->m);
    grant (w, 1);
    assert_int_equal (manager_lookup (w->m, 1)->committed, 0);
    manager_commit_failed (w->m);
    assert_int_equal (journal_seal (&w->m->journal, &w->m->sent), 0);
    assert_int_equal (committing (w, second), 1);
    assert_true (strncmp (second, first, strlen (first)) == 0);
    assert_string_equal (second, manager_lookup (w->m, 1)->log.data);
    published (w, "submit validate depend priority alloc ");
    manager_committed (w->m);
    assert_int_equal (manager_lookup (w->m, 1)->committed, strlen (second));
    /* the end of a job, refused, is no end yet */
    run_to_end (w, 1, 0);
    assert_int_equal (committing (w, whole), 1);
    manager_commit_failed (w->m);
    assert_non_null (manager_lookup (w->m, 1));
    assert_false (history_lookup (w->m->history, 1, NULL));
    turn (w);
    assert_null (manager_lookup (w->m, 1));
    assert_true (history_lookup (w->m->history, 1, NULL));
}

static bool has (const char *text, const char *what)
{
    return strstr (text, what) != NULL;
}

/* What the scheduler has not stored comes with the alloc event, as often as that. */
static void owes_R (void **state)
{
    struct world *w = *state;
    char text[4096];

    submit (w, 1);
    manager_turn (w->m);
    assert_int_equal (committing (w, text), 1);
    grant_R (w, 1, "", false); /* while the commit is on its way */
    assert_false (has (text, "R_lite"));
    manager_committed (w->m);
    for (int i = 0; i < 2; i++) {
        assert_int_equal (committing (w, text), 1);
        assert_true (has (text, "R_lite") && has (text, "alloc"));
        if (i == 0)
            manager_commit_failed (w->m);
    }
    manager_committed (w->m);
    run_to_end (w, 1, 0);
    assert_int_equal (committing (w, text), 1);
    assert_false (has (text, "R_lite"));
    manager_committed (w->m);
    /* nobody looks for R where there is no alloc */
    submit (w, 2);
    turn (w);
    manager_raise (w->m, manager_lookup (w->m, 2), "cancel", 0, "", 1000);
    grant_R (w, 2, "", false);
    assert_int_equal (committing (w, text), 1);
    assert_false (has (text, "R_lite"));
    manager_committed (w->m);
    assert_null (manager_lookup (w->m, 2));
}

static void pauses (void **state)
{
    struct world *w = *state;
    char text[160];
    flux_error_t error;

    submit (w, 1);
    submit (w, 2);
    turn (w);
    grant (w, 1);
    told (w, "alloc1 alloc2 start1 ");
    manager_pause (w->m, ENOSPC, "the disk is full");
    told (w, "cancel2 ");
    manager_sched_canceled (w->m, 2);
    turn (w);
    told (w, ""); /* nothing is asked for */
    assert_int_equal (submit_full (w, 3, 16, 0, "", text), -1);
    assert_int_equal (errno, ENOSPC);
    assert_string_equal (text, "job-manager is paused: the disk is full");
    assert_int_equal (w->m->max_jobid, 3); /* not to be used again */
    assert_int_equal (manager_check_paused (w->m, &error), -1);
    run_to_end (w, 1, 0); /* what runs goes on */
    turn (w);
    told (w, "free1 gone1 ");
    manager_resume (w->m);
    assert_int_equal (manager_check_paused (w->m, &error), 0);
    turn (w);
    told (w, "alloc2 ");
    assert_int_equal (submit_full (w, 1, 16, 0, "", text), -1);
    assert_string_equal (text, "job id is in use"); /* by a job of the past */
}

/* Durations do not follow the wall clock when it is set. */
static void clock_is_set (void **state)
{
    struct world *w = *state;

    submit (w, 1);
    turn (w);
    grant_R (w, 1, ",\"starttime\":1000,\"expiration\":1060", true);
    assert_true (manager_next_due (w->m) == 60);
    w->now += 3600; /* set ahead */
    w->skew = 3600;
    turn (w);
    told (w, "alloc1 start1 ");
    manager_exec_start (w->m, 1);
    assert_true (manager_next_due (w->m) == 60);
    w->now -= 7200; /* and back */
    w->skew = -3600;
    assert_true (manager_next_due (w->m) == 60);
    w->now += 61;
    turn (w);
    told (w, "kill1 ");
    /* begin-time is on the wall clock */
    submit_full (w, 2, 16, 0, dep ("begin-time", "10000"), NULL);
    assert_true (manager_next_due (w->m) == 10); /* looks at the clock again */
    w->now = 10001;
    turn (w);
    told (w, "alloc2 ");
}

/* Memos cost memory and eventlog: there is an end to it, and the job still ends. */
static void limits (void **state)
{
    struct world *w = *state;
    flux_error_t error;
    struct job *job;
    char *big = calloc (1, 65537);
    int n = 0, rc;

    memset (big, 'x', 65536);
    submit (w, 1);
    job = manager_lookup (w->m, 1);
    json_t *memo = json_pack ("{s:s}", "a", big);
    assert_int_equal (manager_memo (w->m, job, memo, true, &error), -1);
    assert_int_equal (errno, E2BIG);
    json_decref (memo);
    big[30000] = '\0';
    for (const char *key = "ab"; *key; key++) {
        char k[2] = { *key };
        memo = json_pack ("{s:s}", k, big);
        assert_int_equal (manager_memo (w->m, job, memo, true, &error), 0);
        json_decref (memo);
    }
    memo = json_pack ("{s:s}", "c", big);
    assert_int_equal (manager_memo (w->m, job, memo, true, &error), -1);
    json_decref (memo);
    memo = json_pack ("{s:n s:n s:s}", "a", "b", "c", "short");
    do {
        rc = manager_memo (w->m, job, memo, false, &error);
        journal_seal (&w->m->journal, &w->m->sent);
        buf_reset (&w->m->sent.text);
        buf_reset (&w->m->sent.index);
    } while (rc == 0 && n++ < 100000);
    assert_int_equal (rc, -1);
    assert_string_equal (error.text, "the job has too many events");
    json_decref (memo);
    assert_int_equal (manager_set_urgency (w->m, job, 3, 0, &error), -1);
    told (w, "");
    cancel (w, 1);
    turn (w);
    told (w, "kill1 gone1 ");
    free (big);
}

/* Who starts the instance anew may be somebody else than before. */
static void replay_of_others (void **state)
{
    struct world *w = *state, w2 = { .now = 2000 };
    flux_error_t error = { "" };
    struct span none = { "", 0 };

    submit (w, 1);
    submit (w, 2);
    run_to_end (w, 2, 0);
    w2.m = manager_create (&ops, &w2, waited);
    w2.m->owner = 0;
    for (int id = 1; id <= 2; id++) {
        struct job *job = manager_lookup (w->m, id);
        struct span log = { job->log.data, job->log.len };
        assert_int_equal (
            manager_replay (w2.m, id, log, spec_text (&job->spec), none, &error), 0);
    }
    manager_restarted (w2.m);
    manager_exec_hello (w2.m, false, false);
    manager_sched_ready (w2.m, 0);
    turn (&w2);
    told (&w2, "kill1 kill2 gone1 gone2 ");
    manager_destroy (w2.m);
}

static struct world replay_kept (struct world *w, int count)
{
    struct world w2 = { .now = 2000 };

    w2.m = manager_create (&ops, &w2, waited);
    w2.m->kept = true;
    for (int id = 1; id <= count; id++) {
        flux_error_t error = { "" };
        struct job *job = manager_lookup (w->m, id);
        assert_int_equal (
            manager_replay (w2.m, id, (struct span){ job->log.data, job->log.len },
                            spec_text (&job->spec),
                            (struct span){ job->R, strlen (job->R) }, &error),
            0);
    }
    return w2;
}

/* Jobs that may run without us are asked for: whether they were started is not known, nor
 * what those have said that are to end. */
static void replay_of_kept (void **state)
{
    struct world *w = *state, w2;

    for (int id = 1; id <= 3; id++)
        submit (w, id);
    turn (w);
    for (int id = 1; id <= 3; id++)
        grant (w, id);
    manager_exec_start (w->m, 2);
    manager_exec_start (w->m, 3);
    manager_exec_finish (w->m, 3, 0);
    w2 = replay_kept (w, 3);
    w2.m->arg = &w2;
    manager_restarted (w2.m);
    turn (&w2);
    told (&w2, "");
    assert_int_equal (state_of (&w2, 3), FLUX_JOB_STATE_CLEANUP);
    manager_exec_hello (w2.m, true, false);
    told (&w2, "reattach1 reattach2 reattach3 ");
    manager_exec_release (w2.m, 3, "all", true);
    turn (&w2);
    told (&w2, "gone3 ");
    manager_destroy (w2.m);
    /* an exec service that does not find them has nothing to say of those */
    w2 = replay_kept (w, 3);
    w2.m->arg = &w2;
    manager_restarted (w2.m);
    manager_exec_hello (w2.m, false, false);
    turn (&w2);
    told (&w2, "start1 reattach2 gone3 ");
    manager_destroy (w2.m);
}

/* alloc was committed, R was not: the job cannot go on, and the others can. */
static void replay_without_R (void **state)
{
    struct world *w = *state, w2 = { .now = 2000 };
    flux_error_t error = { "" };
    struct span none = { "", 0 };
    struct job *job;

    submit (w, 1);
    manager_turn (w->m);
    grant (w, 1);
    job = manager_lookup (w->m, 1);
    w2.m = manager_create (&ops, &w2, waited);
    assert_int_equal (manager_replay (w2.m, 1,
                                      (struct span){ job->log.data, job->log.len },
                                      spec_text (&job->spec), none, &error),
                      0);
    manager_restarted (w2.m);
    manager_exec_hello (w2.m, false, false);
    manager_sched_ready (w2.m, 0);
    turn (&w2);
    told (&w2, "kill1 gone1 ");
    manager_destroy (w2.m);
}

/* What a scheduler is told that comes now. */
static void has_expiration (const struct job *job, double expected)
{
    char *R = job_current_R (job);

    assert_non_null (R);
    assert_true (manager_R_number (R, "execution.expiration") == expected);
    assert_true (manager_R_number (R, "execution.starttime") == 1000);
    free (R);
}

static void updates (void **state)
{
    struct world *w = *state;
    flux_error_t error;
    struct job *job;
    json_t *u = json_pack ("{s:i}", "attributes.system.duration", 60);

    submit (w, 1);
    job = manager_lookup (w->m, 1);
    assert_int_equal (manager_update (w->m, job, u, &error), 0);
    assert_non_null (strstr (job->spec.text, "\"duration\":60"));
    assert_null (strstr (job->spec.text, "environment"));
    turn (w);
    grant_R (w, 1, ",\"starttime\":1000,\"expiration\":1060", true);
    json_object_set_new (u, "attributes.system.duration", json_integer (100));
    assert_int_equal (manager_update (w->m, job, u, &error), 0);
    assert_true (manager_next_due (w->m) == 100);
    has_expiration (job, 1100);
    w->now += 50;
    json_object_set_new (u, "attributes.system.duration", json_integer (49));
    assert_int_equal (manager_update (w->m, job, u, &error), -1);
    assert_non_null (strstr (error.text, "in the past"));
    w->now -= 50;
    json_object_set_new (u, "attributes.system.duration", json_integer (0));
    assert_int_equal (manager_update (w->m, job, u, &error), 0);
    assert_true (manager_next_due (w->m) == -1);
    has_expiration (job, 0);
    json_object_set_new (u, "attributes.system.duration", json_integer (100));
    assert_int_equal (manager_update (w->m, job, u, &error), 0);
    json_object_set_new (u, "tasks", json_integer (100));
    assert_int_equal (manager_update (w->m, job, u, &error), -1);
    json_decref (u);
    json_t *memo = json_pack ("{s:s}", "uri", "local:///x");
    assert_int_equal (manager_memo (w->m, job, memo, false, &error), 0);
    json_decref (memo);
    struct world w2 = { .now = 1001 };
    struct span R = { job->R, strlen (job->R) };
    w2.m = manager_create (&ops, &w2, waited);
    assert_int_equal (
        manager_replay (w2.m, 1, (struct span){ job->log.data, job->log.len },
                        (struct span){ "{\"attributes\":{}}", 17 }, R, &error),
        0);
    assert_non_null (strstr (manager_lookup (w2.m, 1)->spec.text, "\"duration\":100"));
    manager_destroy (w2.m);
    assert_non_null (
        json_object_get (json_object_get (job->annotations, "user"), "uri"));
}

/* What is acknowledged can be read after a restart, and by those who follow. */
static void refuses_what_cannot_be_read (void **state)
{
    static const char *const updates[] = {
        "\"text\"",
        "[]",
        "{\"attributes.system.job.name\":\"a\\u0000b\"}",
        "{\"attributes.system.job.name\":[1]}",
        "{\"attributes.system.queue\":5}",
        "{\"attributes.system.constraints\":\"x\"}",
        "{\"attributes.system.constraints\":{\"a\":[\"\\u0000\"]}}",
    };
    static const char *const memos[] = {
        "\"text\"",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":{\"b\":[\"x\\u0000\"]}}",
    };
    struct world *w = *state;
    flux_error_t error;
    json_t *o;

    submit (w, 1);
    struct job *job = manager_lookup (w->m, 1);
    size_t len = job->log.len;
    for (size_t i = 0; i < sizeof (updates) / sizeof (updates[0]); i++) {
        o = json_loads (updates[i], JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
        assert_non_null (o);
        assert_int_equal (manager_update (w->m, job, o, &error), -1);
        json_decref (o);
    }
    for (size_t i = 0; i < sizeof (memos) / sizeof (memos[0]); i++) {
        o = json_loads (memos[i], JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
        assert_int_equal (manager_memo (w->m, job, o, false, &error), -1);
        json_decref (o);
    }
    o = json_integer (1);
    for (int i = 0; i < 2000; i++) {
        json_t *outer = json_pack ("{s:o}", "a", o);
        o = outer;
    }
    assert_int_equal (manager_memo (w->m, job, o, true, &error), -1);
    json_decref (o);
    assert_int_equal (job->log.len, len);
}

/* A log that an earlier version wrote. */
static void replays_nul (void **state)
{
    static const char log[] =
        "{\"timestamp\":1.0,\"name\":\"submit\",\"context\":{\"userid\":0,"
        "\"urgency\":0,\"flags\":0,\"version\":1}}\n"
        "{\"timestamp\":2.0,\"name\":\"memo\",\"context\":{\"a\":\"\\u0000\"}}\n";
    struct world *w = *state;
    flux_error_t error;

    assert_int_equal (manager_replay (w->m, 7, (struct span){ log, strlen (log) },
                                      (struct span){ "{\"attributes\":{}}", 17 },
                                      (struct span){ NULL, 0 }, &error),
                      0);
}

/* The exec service hears of it as JSON: a text that is no UTF-8 would not be sent. */
static void notes_that_are_cut (void **state)
{
    struct world *w = *state;
    struct job *job;

    submit (w, 1);
    job = manager_lookup (w->m, 1);
    manager_raise (w->m, job, "odd\xff", 1, "caf\xc3", 7);
    manager_raise (w->m, job, "cancel", 0, "caf\xc3", 7);
    assert_string_equal (w->notes, "odd?:caf cancel:caf ");
    assert_string_equal (job->exception_note, "caf");
    turn (w);
}

int main (void)
{
#define T(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T (happy),
        T (order),
        T (many),
        T (canceled),
        T (denied),
        T (silent),
        T (odd_ids),
        T (patient),
        T (dependencies),
        T (chain),
        T (times),
        T (late_starts),
        T (the_exec_service_says_when),
        T (queues),
        T (losses),
        T (reattached_when_it_is_back),
        T (stored_before_it_starts),
        T (replay_of_kept),
        T (ends_between),
        T (waits),
        T (singleton),
        T (replay),
        T (updates),
        T (commit_fails),
        T (owes_R),
        T (pauses),
        T (clock_is_set),
        T (replay_without_R),
        T (replay_of_others),
        T (limits),
        T (refuses_what_cannot_be_read),
        T (replays_nul),
        T (notes_that_are_cut),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
