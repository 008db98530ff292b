/* The journal against a model of it: a list of entries, read back by jansson. */
#include "base/test.h"

#include "modules/job-manager/machine/journal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC "{\"attributes\":{\"system\":{}},\"version\":1}"
#define R_TEXT "{\"version\":1}"
#define ALL UINT64_MAX
#define MAX 64

static unsigned int seed;

static int start (void **state)
{
    const char *s = getenv ("JOB_MANAGER_SEED");

    seed = s ? strtoul (s, NULL, 0) : 1;
    print_message ("# JOB_MANAGER_SEED=%u\n", seed);
    return 0;
}

static unsigned int rnd (unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

/* --- jobs, entries --- */

static struct env_table envs;

static struct job *make_job (flux_jobid_t id, bool has_R)
{
    struct job *job = job_create ();

    assert_non_null (job);
    job->id = id;
    assert_int_equal (spec_init (&job->spec, &envs, SPEC, strlen (SPEC)), 0);
    if (has_R)
        assert_non_null (job->R = strdup (R_TEXT));
    return job;
}

static void drop_job (struct job *job)
{
    spec_fini (&job->spec, &envs);
    job_destroy (job);
}

/* An event that can be told from all others by its time. */
static struct event some_event (enum event_type type, int serial)
{
    return (struct event){
        .type = type,
        .name = "debug.test",
        .timestamp = serial,
        .exception = "cancel",
        .note = "\"},{\"name\":\"submit\"", /* must not be taken for an entry */
        .description = "d",
        .ranks = "0",
        .text = "{}",
    };
}

static const enum event_type types[] = { EV_SUBMIT,   EV_VALIDATE, EV_ALLOC,
                                         EV_PRIORITY, EV_START,    EV_EXCEPTION,
                                         EV_FREE,     EV_RELEASE,  EV_URGENCY,
                                         EV_OTHER };
#define NTYPES (sizeof (types) / sizeof (types[0]))

/* Into the job's log and, if j, into the journal. */
static void post (struct journal *j, struct job *job, const struct event *ev)
{
    size_t before = job->log.len;

    assert_int_equal (event_encode (&job->log, ev), 0);
    if (j)
        journal_add (j, job, ev,
                     (struct span){ job->log.data + before, job->log.len - before });
}

/* --- the model --- */

struct model {
    struct {
        flux_jobid_t id;
        enum event_type type;
        int serial;
    } e[MAX];
    size_t count;
};

static void model_add (struct model *m, flux_jobid_t id, enum event_type type,
                       int serial)
{
    assert_true (m->count < MAX);
    m->e[m->count].id = id;
    m->e[m->count].type = type;
    m->e[m->count++].serial = serial;
}

/* What a reader gets is what the model has of what it wants, in that order. */
static void check_response (struct buf *b, const struct model *m, uint64_t filter)
{
    json_error_t error;
    json_t *o, *events, *entry;
    size_t i = 0, n;

    journal_end (b);
    o = json_loadb (b->data, b->len, 0, &error);
    if (!o)
        fail_msg ("%s: %s", b->data, error.text);
    assert_int_equal (json_unpack (o, "{s:o !}", "events", &events), 0);
    json_array_foreach (events, n, entry) {
        json_int_t id;
        double t;
        const char *name;
        while (i < m->count && !(filter >> m->e[i].type & 1))
            i++;
        assert_true (i < m->count);
        assert_int_equal (json_unpack (entry, "{s:I s:{s:f s:s}}", "id", &id, "entry",
                                       "timestamp", &t, "name", &name),
                          0);
        assert_int_equal (id, m->e[i].id);
        assert_int_equal ((int)t, m->e[i].serial);
        assert_int_equal (event_type_of (name), m->e[i].type);
        assert_true (!json_object_get (entry, "jobspec")
                     == (m->e[i].type != EV_SUBMIT));
        assert_true (!json_object_get (entry, "R")
                     == (m->e[i].type != EV_ALLOC || id % 2 == 0));
        i++;
    }
    while (i < m->count)
        assert_false (filter >> m->e[i++].type & 1);
    json_decref (o);
}

static void check_sent (const struct journal *sent, const struct model *m,
                        uint64_t filter)
{
    struct buf b = BUF_INIT;
    bool want = false;

    for (size_t i = 0; i < m->count; i++)
        want |= filter >> m->e[i].type & 1;
    journal_begin (&b);
    assert_true (journal_add_sent (&b, sent, filter) == want);
    check_response (&b, m, filter);
    buf_fini (&b);
}

static uint64_t some_filter (void)
{
    uint64_t filter = 0;

    for (size_t i = 0; i < NTYPES; i++)
        filter |= (uint64_t)rnd (2) << types[i];
    return rnd (4) ? filter : ALL;
}

/* --- tests --- */

/* Entries come, some of one job are taken back, commits fail and are made again: what is
 * sent is what there was. Jobs with odd ids have R. */
static void at_random (void **state)
{
    struct job *jobs[4];

    env_table_init (&envs);
    for (int i = 0; i < 4; i++)
        jobs[i] = make_job (i + 1, i % 2 == 0);
    for (int round = 0; round < 400; round++) {
        struct journal j, sent;
        struct model now = { .count = 0 }, told = { .count = 0 };
        int serial = 0;
        journal_init (&j);
        journal_init (&sent);
        for (int step = 0; step < 20; step++) {
            int what = rnd (5);
            if (what < 3) {
                struct job *job = jobs[rnd (4)];
                struct event ev = some_event (types[rnd (NTYPES)], ++serial);
                post (&j, job, &ev);
                model_add (&now, job->id, ev.type, serial);
            } else if (what == 3) { /* of job 3 all since, of others nothing */
                struct journal_mark mark = journal_mark (&j);
                size_t count = now.count, n = rnd (4), kept = count;
                for (size_t i = 0; i < n; i++) {
                    struct job *job = jobs[rnd (4)];
                    struct event ev = some_event (types[rnd (NTYPES)], ++serial);
                    post (&j, job, &ev);
                    model_add (&now, job->id, ev.type, serial);
                }
                journal_retract (&j, &mark, 3);
                for (size_t i = count; i < now.count; i++)
                    if (now.e[i].id != 3)
                        now.e[kept++] = now.e[i];
                now.count = kept;
            } else {
                assert_int_equal (journal_seal (&j, &sent), 0);
                for (size_t i = 0; i < now.count; i++)
                    model_add (&told, now.e[i].id, now.e[i].type, now.e[i].serial);
                now.count = 0;
                assert_int_equal (j.text.len + j.index.len, 0);
                for (int i = 0; i < 3; i++)
                    check_sent (&sent, &told, some_filter ());
                if (rnd (2)) { /* it was published */
                    journal_reset (&sent);
                    told.count = 0;
                }
            }
            check_sent (&j, &now, ALL);
            check_sent (&sent, &told, ALL);
        }
        journal_fini (&j);
        journal_fini (&sent);
    }
    for (int i = 0; i < 4; i++)
        drop_job (jobs[i]);
    env_table_fini (&envs);
}

/* Nothing that is not committed, whatever is in the log. */
static void backlog_is_what_is_committed (void **state)
{
    struct buf b = BUF_INIT;

    env_table_init (&envs);
    for (int round = 0; round < 300; round++) {
        struct job *odd = make_job (1, true), *even = make_job (2, false);
        struct model m = { .count = 0 };
        uint64_t filter = some_filter ();
        bool some = false, want = false;
        journal_begin (&b);
        for (int i = 0; i < 2; i++) {
            struct job *job = i ? even : odd;
            size_t count = rnd (12), committed = rnd (count + 1);
            for (size_t k = 0; k < count; k++) {
                struct event ev = some_event (types[rnd (NTYPES)], k + 1);
                post (NULL, job, &ev);
                if (k < committed) {
                    model_add (&m, job->id, ev.type, k + 1);
                    want |= filter >> ev.type & 1;
                    job->committed = job->log.len;
                }
            }
            some = journal_add_backlog (&b, job, filter);
            assert_true (some == want);
        }
        check_response (&b, &m, filter);
        drop_job (odd);
        drop_job (even);
    }
    buf_fini (&b);
    env_table_fini (&envs);
}

/* Damaged logs are never made worse: what has no name is one of the other events. */
static void backlog_of_odd_entries (void **state)
{
    static const char *const lines[] = {
        "{}\n",
        "{\"name\":5}\n",
        "{\"name\":\"sub\\u006dit\"}\n",
        "{\"name\":\"submit-and-so-on-and-so-on-and-so-on-and-so-on-and-so-on-and-so-"
        "on\"}\n",
    };
    struct buf b = BUF_INIT;

    env_table_init (&envs);
    for (size_t i = 0; i < sizeof (lines) / sizeof (lines[0]); i++) {
        struct job *job = make_job (1, true);
        buf_adds (&job->log, lines[i]);
        job->committed = job->log.len;
        journal_begin (&b);
        assert_false (journal_add_backlog (&b, job, ALL & ~(1ull << EV_OTHER)));
        assert_true (journal_add_backlog (&b, job, 1ull << EV_OTHER));
        journal_begin (&b);
        job->committed--; /* no line without its end */
        assert_false (journal_add_backlog (&b, job, ALL));
        drop_job (job);
    }
    buf_fini (&b);
    env_table_fini (&envs);
}

static void filters (void **state)
{
    static const uint64_t submit = 1ull << EV_SUBMIT, clean = 1ull << EV_CLEAN,
                          other = 1ull << EV_OTHER;
    const struct {
        const char *allow, *deny;
        uint64_t types;
    } t[] = {
        { NULL, NULL, ALL },
        { "null", "5", ALL },
        { "[\"submit\"]", NULL, ALL },
        { "{}", NULL, 0 },
        { NULL, "{}", ALL },
        { "{\"submit\":1}", NULL, submit },
        { "{\"submit\":0,\"clean\":null}", NULL, submit | clean },
        { "{\"debug.x\":1}", NULL, other },
        { "{\"submit\":1,\"debug.x\":1}", "{\"submit\":1}", other },
        { NULL, "{\"submit\":1}", ALL & ~submit },
        { NULL, "{\"debug.x\":1}", ALL },
        { NULL, "{\"submit\":1,\"clean\":1}", ALL & ~(submit | clean) },
        { "{\"submit\":1}", "{\"clean\":1}", submit },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        json_t *allow =
            t[i].allow ? json_loads (t[i].allow, JSON_DECODE_ANY, NULL) : NULL;
        json_t *deny = t[i].deny ? json_loads (t[i].deny, JSON_DECODE_ANY, NULL) : NULL;
        if (journal_filter (allow, deny) != t[i].types)
            fail_msg ("allow %s, deny %s", t[i].allow, t[i].deny);
        json_decref (allow);
        json_decref (deny);
    }
}

/* Once memory was short it stays so: nobody is told half of it as if it were all. */
/* Memory of a turn with many events is not kept for those with few. */
static void a_long_turn_leaves_nothing (void **state)
{
    struct journal journal, sent;
    struct job *job = make_job (1, false);
    struct event ev = some_event (EV_OTHER, 0);

    journal_init (&journal);
    journal_init (&sent);
    while (journal.text.len < 8 * JOURNAL_KEPT)
        post (&journal, job, &ev);
    assert_int_equal (journal_seal (&journal, &sent), 0);
    while (journal.text.len < 8 * JOURNAL_KEPT)
        post (&journal, job, &ev);
    assert_int_equal (journal_seal (&journal, &sent), 0); /* behind the first */
    journal_reset (&sent);
    assert_in_range (journal.text.cap, 0, JOURNAL_KEPT);
    assert_in_range (journal.index.cap, 0, JOURNAL_KEPT);
    assert_in_range (sent.text.cap, 0, JOURNAL_KEPT);
    assert_in_range (sent.index.cap, 0, JOURNAL_KEPT);
    post (&journal, job, &ev);
    assert_int_equal (journal_seal (&journal, &sent), 0);
    assert_true (sent.text.len > 0);
    journal_reset (&sent);
    assert_non_null (sent.text.data); /* a short one is */
    journal_fini (&journal);
    journal_fini (&sent);
    drop_job (job);
}

static void failures_stick (void **state)
{
    struct job *job;
    struct journal j, sent;

    env_table_init (&envs);
    job = make_job (1, false);
    for (int where = 0; where < 4; where++) {
        struct event ev = some_event (EV_START, 1);
        journal_init (&j);
        journal_init (&sent);
        post (&j, job, &ev);
        if (where & 2) {
            assert_int_equal (journal_seal (&j, &sent), 0);
            post (&j, job, &ev);
        }
        *(where & 1 ? &j.text.err : &j.index.err) = 1;
        assert_int_equal (journal_seal (&j, &sent), -1);
        assert_int_equal (journal_seal (&j, &sent), -1);
        journal_fini (&j);
        journal_fini (&sent);
    }
    drop_job (job);
    env_table_fini (&envs);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (at_random),
        cmocka_unit_test (backlog_is_what_is_committed),
        cmocka_unit_test (backlog_of_odd_entries),
        cmocka_unit_test (filters),
        cmocka_unit_test (a_long_turn_leaves_nothing),
        cmocka_unit_test (failures_stick),
    };

    return cmocka_run_group_tests (tests, start, NULL);
}
