/* A scheduler that is saved and restored answers like the one that went on. */
#include "fluxion/match/rig_test.h"
#include "fluxion/match/saved.h"

static const char graph[] =
    "cluster0{rack0{node0-2{core0-3 memory0-1*4 gpu0}} rack1{node3-5{core0-3 gpu0}}}";
static const char *const requests[] = {
    "slot:1[core:1]",         "slot:2[core:2]", "node:1[slot:1[core:1 gpu:1]]",
    "slot:1[node:1]",         "slot:3[core:1]", "slot:1[node:1[core:3 memory:2]]",
    "rack:1[slot:1[node:2]]", "slot:1[gpu:1]",
};
static unsigned int seed;

static int dice (int n)
{
    seed = seed * 1103515245u + 12345u;
    return seed / 65536 % n;
}

static struct scheduler *restored (struct scheduler *s, const char *policy)
{
    struct scheduler *c = rig_create (graph, policy);
    json_t *weights = scheduler_save_weights (s);
    flux_error_t error;
    struct job *job;
    size_t pos = 0;

    assert_true (scheduler_fingerprint (s) == scheduler_fingerprint (c));
    while ((job = scheduler_next_job (s, &pos))) {
        if (job->state != JOB_ALLOCATED && job->state != JOB_RESERVED)
            continue;
        json_t *saved = scheduler_save_job (s, job);
        assert_non_null (saved);
        if (scheduler_restore_job (c, saved, &error) < 0)
            fail_msg ("%llu: %s", (unsigned long long)job->id, error.text);
        json_decref (saved);
    }
    if (scheduler_restore_weights (c, weights, &error) < 0
        || !scheduler_check (c, &error))
        fail_msg ("%s", error.text);
    json_decref (weights);
    return c;
}

/* One change, told as text. */
static const char *change (struct scheduler *s, int what, int n, uint64_t id)
{
    static char text[65536];

    if (what == 0) {
        snprintf (text, sizeof (text), "cancel %d", scheduler_cancel (s, n));
        return text;
    }
    return rig_match (s, what == 1 ? MATCH_ALLOCATE_ORELSE_RESERVE : MATCH_ALLOCATE, id,
                      requests[n % (sizeof (requests) / sizeof (requests[0]))],
                      10 + n % 3 * 10, NULL);
}

static void goes_on_with (const char *policy)
{
    struct scheduler *s = rig_create (graph, policy);
    uint64_t id = 1;

    seed = 7;
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 6; i++)
            change (s, dice (3), dice (id + 3), id), id++;
        struct scheduler *c = restored (s, policy);
        for (int i = 0; i < 12; i++, id++) {
            int what = dice (3), n = dice (id + 3);
            char *expected = strdup (change (s, what, n, id));
            assert_string_equal (change (c, what, n, id), expected);
            free (expected);
            expected = strdup (rig_held (s, n));
            assert_string_equal (rig_held (c, n), expected);
            free (expected);
        }
        scheduler_destroy (s);
        s = c; /* what was restored is saved again */
    }
    scheduler_destroy (s);
}

static void goes_on_like_the_other (void **state)
{
    static const char *const policies[] = {
        "low",     "high",  "lonode",     "hinode",   "lonodex",
        "hinodex", "first", "firstnodex", "locality", "variation",
    };
    struct policy parsed;
    flux_error_t error;

    for (size_t i = 0; i < sizeof (policies) / sizeof (policies[0]); i++)
        if (policy_parse (policies[i], &parsed, &error) == 0)
            goes_on_with (policies[i]);
}

static void refused (struct scheduler *s, const char *text, const char *expected)
{
    json_t *o = json_loads (text, 0, NULL);
    flux_error_t error = { "" };

    assert_non_null (o);
    assert_int_equal (scheduler_restore_job (s, o, &error), -1);
    assert_non_null (strstr (error.text, expected));
    json_decref (o);
    assert_true (scheduler_check (s, &error));
}

#define JOB(id, at, end, holds)                                                        \
    "{\"id\":" id ",\"reserved\":false,\"at\":" at ",\"end\":" end                     \
    ",\"overhead\":0,\"holds\":" holds "}"

static void what_cannot_be_is_refused (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-1{core0-1}}", "low");
    flux_error_t error;

    refused (s, "{}", "no id");
    refused (s, "[]", "no id");
    refused (s, JOB ("1", "10", "10", "[[0,1,false]]"), "no id");
    refused (s, JOB ("1", "-1", "10", "[[0,1,false]]"), "no id");
    refused (s, JOB ("1", "0", "10", "[]"), "nothing");
    refused (s, JOB ("1", "0", "10", "7"), "nothing");
    refused (s, JOB ("1", "0", "10", "[[7,1,true]]"), "not of this graph");
    refused (s, JOB ("1", "0", "10", "[[-1,1,true]]"), "not of this graph");
    refused (s, JOB ("1", "0", "10", "[[2,2,true]]"), "not of this graph");
    refused (s, JOB ("1", "0", "10", "[[2,1]]"), "not of this graph");
    refused (s, JOB ("1", "0", "10", "[[2,1,true],[2,1,true]]"), "twice");
    assert_string_equal (rig_take (s, 1, "slot:1[core:1]"), "@0 node0/core0");
    refused (s, JOB ("2", "0", "10", "[[2,1,true],[1,1,false],[0,1,false]]"),
             "already allocated: /cluster0/node0/core0");
    refused (s, JOB ("1", "0", "10", "[[3,1,true],[1,1,false],[0,1,false]]"),
             "Jobid 1");
    json_t *weights = json_loads ("[[0,1]]", 0, NULL);
    assert_int_equal (scheduler_restore_weights (s, weights, &error), -1);
    json_decref (weights);
    scheduler_destroy (s);
}

static void fingerprints_tell_graphs_apart (void **state)
{
    static const char *const graphs[] = {
        "cluster0{node0-1{core0-1}}", "cluster0{node0-1{core0-2}}",
        "cluster0{node1-2{core0-1}}", "cluster0{node0-1{core0-1*2}}",
        "cluster0{node0-1{gpu0-1}}",
    };
    uint64_t seen[5];

    for (int i = 0; i < 5; i++) {
        struct scheduler *s = rig_create (graphs[i], "low");
        seen[i] = scheduler_fingerprint (s);
        for (int k = 0; k < i; k++)
            assert_true (seen[k] != seen[i]);
        scheduler_destroy (s);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (goes_on_like_the_other),
        cmocka_unit_test (what_cannot_be_is_refused),
        cmocka_unit_test (fingerprints_tell_graphs_apart),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
