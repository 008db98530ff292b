/* Graphs that grow and shrink under jobs, and what comes and goes with status. */
#include "fluxion/match/rig_test.h"

static uint32_t at (struct scheduler *s, const char *path)
{
    uint32_t v = graph_find_path (scheduler_graph (s), path);

    assert_int_not_equal (v, VTX_NONE);
    return v;
}

static void check (struct scheduler *s)
{
    flux_error_t error;

    if (!scheduler_check (s, &error))
        fail_msg ("%s", error.text);
}

static void shrink (struct scheduler *s, const char *path)
{
    flux_error_t error;

    if (scheduler_shrink (s, at (s, path), &error) < 0)
        fail_msg ("%s: %s", path, error.text);
    assert_int_equal (graph_find_path (scheduler_graph (s), path), VTX_NONE);
    check (s);
}

/* All of a graph, of which some is there already, by the same ids. */
static void grow (struct scheduler *s, const char *graph)
{
    char *text = rig_jgf (graph, NULL);
    flux_error_t error;

    if (scheduler_grow (s, text, strlen (text), &error) < 0)
        fail_msg ("%s: %s", graph, error.text);
    free (text);
    check (s);
}

static void set_down (struct scheduler *s, const char *path, bool down)
{
    scheduler_set_status (s, at (s, path), down);
    check (s);
}

static enum job_state state_of (struct scheduler *s, uint64_t id)
{
    struct job *job = scheduler_job (s, id);

    assert_non_null (job);
    return job->state;
}

/* A job on two nodes loses one: it keeps the other, with what is on the way to it. */
static void what_is_left_is_kept (void **state)
{
    struct scheduler *s =
        rig_create ("cluster0{rack0{node0{core0-1}} rack1{node1{core0-1}}}", "low");

    assert_string_equal (rig_take (s, 1, "slot:2[node:1]"),
                         "@0 rack0/node0 rack1/node1");
    shrink (s, "/cluster0/rack0/node0");
    assert_string_equal (rig_held (s, 1), "rack1/node1");
    assert_int_equal (state_of (s, 1), JOB_ALLOCATED);
    assert_int_equal (scheduler_job (s, 1)->nspan, 3);
    assert_string_equal (rig_take (s, 2, "slot:1[node:1]"), "EBUSY");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    assert_string_equal (rig_take (s, 3, "slot:1[node:1]"), "@0 rack1/node1");
    scheduler_destroy (s);
}

/* Shared nodes are asked for as much as exclusive ones: the job does not end with one. */
static void shared_nodes_are_kept (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-1{core0-1}}", "low");

    assert_string_equal (rig_take (s, 1, "node:2"), "@0 node0(shared) node1(shared)");
    shrink (s, "/cluster0/node0");
    assert_string_equal (rig_held (s, 1), "node1(shared)");
    assert_int_equal (state_of (s, 1), JOB_ALLOCATED);
    assert_string_equal (rig_take (s, 2, "slot:1[node:1]"), "EBUSY");
    shrink (s, "/cluster0/node1");
    assert_int_equal (state_of (s, 1), JOB_CANCELED);
    scheduler_destroy (s);
}

/* What was held only on the way to what is gone is free: the other socket of node0, and
 * node0 itself. */
static void ways_to_nothing_are_free (void **state)
{
    struct scheduler *s = rig_create (
        "cluster0{node0{socket0{core0} socket1{core1}} node1{socket0{core0}}}", "low");

    assert_string_equal (rig_take (s, 1, "node:2[socket:1[slot:1[core:1]]]"),
                         "@0 node0/socket0/core0 node1/socket0/core0");
    shrink (s, "/cluster0/node0/socket0");
    assert_string_equal (rig_held (s, 1), "node1/socket0/core0");
    assert_int_equal (scheduler_job (s, 1)->nspan, 4);
    assert_string_equal (rig_take (s, 2, "slot:1[node:1]"), "@0 node0");
    scheduler_destroy (s);
}

/* The rack is on the way to what the first job keeps, but not to anything of the third,
 * which ends. */
static void each_job_by_itself (void **state)
{
    struct scheduler *s = rig_create (
        "cluster0{rack0{node0{core0-1} node1{core0}} rack1{node2{core0}}}", "low");

    assert_string_equal (rig_take (s, 1, "node:2[slot:1[core:1]]"),
                         "@0 rack0/node0/core0 rack0/node1/core0");
    assert_string_equal (rig_take (s, 2, "slot:1[core:1]"), "@0 rack1/node2/core0");
    assert_string_equal (rig_take (s, 3, "slot:1[core:1]"), "@0 rack0/node0/core1");
    assert_int_equal (scheduler_cancel (s, 2), 0);
    shrink (s, "/cluster0/rack0/node0");
    assert_string_equal (rig_held (s, 1), "rack0/node1/core0");
    assert_int_equal (state_of (s, 3), JOB_CANCELED);
    assert_string_equal (rig_take (s, 4, "slot:1[rack:1]"), "@0 rack1");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    assert_string_equal (rig_take (s, 5, "slot:1[rack:1]"), "@0 rack0");
    scheduler_destroy (s);
}

static void with_the_last_the_job_ends (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-1{core0-1}}", "low");

    assert_string_equal (rig_take (s, 1, "node:1[slot:2[core:1]]"),
                         "@0 node0/core0 node0/core1");
    shrink (s, "/cluster0/node0/core0");
    assert_string_equal (rig_held (s, 1), "node0/core1");
    shrink (s, "/cluster0/node0/core1");
    assert_int_equal (state_of (s, 1), JOB_CANCELED);
    assert_string_equal (rig_held (s, 1), "");
    assert_string_equal (rig_take (s, 2, "slot:2[node:1]"), "@0 node0 node1");
    scheduler_destroy (s);
}

/* A rack that is a job's alone stays so, with one node less, and with one more: that one
 * is nobody's before the job ends. */
static void below_what_is_held (void **state)
{
    struct scheduler *s =
        rig_create ("cluster0{rack0{node0{core0} node1{core0}}}", "low");

    assert_int_equal (*rig_take (s, 1, "rack:1!"), '@');
    shrink (s, "/cluster0/rack0/node1");
    assert_string_equal (rig_held (s, 1), "rack0/node0/core0 rack0/node0 rack0");
    grow (s, "cluster0{rack0{node0{core0} node1{core0} node2{core0}}}");
    assert_string_equal (rig_held (s, 1), "rack0/node0/core0 rack0/node0 rack0");
    assert_string_equal (rig_take (s, 2, "slot:1[node:1]"), "EBUSY");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    assert_string_equal (rig_take (s, 3, "slot:4[node:1]"), "EBUSY");
    assert_string_equal (rig_take (s, 4, "slot:3[node:1]"),
                         "@0 rack0/node0 rack0/node1 rack0/node2");
    scheduler_destroy (s);
}

/* Another rack, while one is in use: counts above know of it. */
static void growing_beside (void **state)
{
    struct scheduler *s = rig_create ("cluster0{rack0{node0{core0-3}}}", "low");
    int64_t total;

    assert_int_equal (*rig_take (s, 1, "slot:3[core:1]"), '@');
    assert_string_equal (
        rig_match (s, MATCH_SATISFIABILITY, 2, "slot:6[core:1]", 10, NULL), "ENODEV");
    grow (s, "cluster0{rack0{node0{core0-3}} rack1{node1{core0-1}}}");
    assert_int_equal (scheduler_used_below (s, at (s, "/cluster0"),
                                            scheduler_graph (s)->t_core, &total),
                      3);
    assert_int_equal (total, 6);
    assert_string_equal (rig_take (s, 2, "slot:4[core:1]"), "EBUSY");
    assert_string_equal (rig_take (s, 3, "slot:3[core:1]"),
                         "@0 rack0/node0/core3 rack1/node1/core0 rack1/node1/core1");
    assert_string_equal (
        rig_match (s, MATCH_SATISFIABILITY, 4, "slot:6[core:1]", 10, NULL)[0] == '@'
            ? "yes"
            : rig_answer,
        "yes");
    scheduler_destroy (s);
}

/* A reservation is made for a time; a node that leaves is not reserved any more, and who
 * comes later gets what is left. */
static void reservations (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-1{core0}}", "low");

    assert_string_equal (rig_take (s, 1, "slot:2[node:1]"), "@0 node0 node1");
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 2, "slot:1[node:1]", 10, NULL),
        "reserved@10 node0");
    shrink (s, "/cluster0/node0");
    assert_int_equal (state_of (s, 2), JOB_CANCELED);
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 3, "slot:1[node:1]", 10, NULL),
        "reserved@10 node1");
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 4, "slot:2[node:1]", 10, NULL),
        "ENODEV");
    scheduler_destroy (s);
}

static const char *refused (struct scheduler *s, const char *ranks, int errnum)
{
    static flux_error_t error;

    errno = 0;
    assert_int_equal (scheduler_shrink_ranks (s, ranks, &error), -1);
    assert_int_equal (errno, errnum);
    check (s);
    return error.text;
}

/* By rank; node2 and what is below it leaves all of its jobs. */
static void by_rank (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-3{core0-1}}", "high");
    flux_error_t error;

    assert_string_equal (refused (s, "x", EINVAL), "not an idset: x");
    assert_string_equal (refused (s, "", EINVAL), "not an idset: ");
    assert_string_equal (refused (s, "4-9", ENOENT), "there is no such rank: 4-9");
    assert_int_equal (scheduler_shrink (s, scheduler_graph (s)->root, &error), -1);
    assert_string_equal (error.text, "the root cannot be removed");
    assert_string_equal (rig_take (s, 1, "slot:2[node:1]"), "@0 node2 node3");
    assert_string_equal (rig_take (s, 2, "slot:1[node:1]"), "@0 node1");
    assert_int_equal (scheduler_shrink_ranks (s, "1-2,7", &error), 0);
    check (s);
    assert_string_equal (rig_held (s, 1), "node3");
    assert_int_equal (state_of (s, 2), JOB_CANCELED);
    assert_string_equal (refused (s, "2", ENOENT), "there is no such rank: 2");
    assert_string_equal (rig_take (s, 3, "slot:2[node:1]"), "EBUSY");
    assert_string_equal (rig_take (s, 4, "slot:1[node:1]"), "@0 node0");
    scheduler_destroy (s);
}

/* A rack that is down takes its nodes along, but not what runs there; each is up or down
 * by itself when it comes back. */
static void down_above_and_below (void **state)
{
    struct scheduler *s =
        rig_create ("cluster0{rack0{node0-1{core0}} rack1{node2{core0}}}", "low");

    assert_string_equal (rig_take (s, 1, "slot:1[core:1]"), "@0 rack0/node0/core0");
    set_down (s, "/cluster0/rack0", true);
    set_down (s, "/cluster0/rack0/node1", true);
    assert_string_equal (rig_held (s, 1), "rack0/node0/core0");
    assert_string_equal (rig_take (s, 2, "slot:2[core:1]"), "EBUSY");
    assert_string_equal (rig_take (s, 3, "slot:1[core:1]"), "@0 rack1/node2/core0");
    set_down (s, "/cluster0/rack0", false);
    assert_string_equal (rig_take (s, 4, "slot:1[core:1]"), "EBUSY");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    assert_string_equal (rig_take (s, 5, "slot:1[core:1]"), "@0 rack0/node0/core0");
    set_down (s, "/cluster0/rack0/node1", false);
    assert_string_equal (rig_take (s, 6, "slot:1[core:1]"), "@0 rack0/node1/core0");
    scheduler_destroy (s);
}

/* A job that runs over its end, and another that was given the same for later: both are
 * there, and the core is in use once. */
static void one_after_the_other (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0{core0-1}}", "low");
    struct picks p = { 0 };
    struct match_result res;
    flux_error_t error;
    int64_t total;
    uint32_t root = scheduler_graph (s)->root;
    uint16_t core = scheduler_graph (s)->t_core;

    assert_string_equal (rig_take (s, 1, "slot:1[core:1]"), "@0 node0/core0");
    assert_int_equal (picks_add (&p, at (s, "/cluster0/node0/core0"), true, 1), 0);
    assert_int_equal (scheduler_update (s, 2, &p, 20, 10, false, &res, &error), 0);
    check (s);
    assert_int_equal (scheduler_used_below (s, root, core, &total), 1);
    grow (s, "cluster0{node0{core0-2}}"); /* all sums are made anew */
    assert_int_equal (scheduler_used_below (s, root, core, &total), 1);
    assert_int_equal (scheduler_cancel (s, 1), 0);
    check (s);
    assert_int_equal (scheduler_used_below (s, root, core, &total), 1);
    assert_int_equal (scheduler_cancel (s, 2), 0);
    check (s);
    assert_int_equal (scheduler_used_below (s, root, core, &total), 0);
    assert_int_equal (total, 3);
    picks_fini (&p);
    scheduler_destroy (s);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (what_is_left_is_kept),
        cmocka_unit_test (shared_nodes_are_kept),
        cmocka_unit_test (ways_to_nothing_are_free),
        cmocka_unit_test (each_job_by_itself),
        cmocka_unit_test (with_the_last_the_job_ends),
        cmocka_unit_test (below_what_is_held),
        cmocka_unit_test (growing_beside),
        cmocka_unit_test (reservations),
        cmocka_unit_test (by_rank),
        cmocka_unit_test (down_above_and_below),
        cmocka_unit_test (one_after_the_other),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
