/* find: which vertices a criterion lists. */
#include "fluxion/find.h"
#include "fluxion/match/rig_test.h"

#include <jansson.h>

static char *find (struct scheduler *s, const char *expr, enum write_format format)
{
    struct buf b = BUF_INIT;
    flux_error_t error;

    if (fluxion_find (s, expr, format, &b, &error) < 0)
        fail_msg ("%s: %s", expr, error.text);
    return buf_take (&b, NULL);
}

static void expect (struct scheduler *s, const char *expr, const char *want)
{
    char *got = find (s, expr, WRITE_SIMPLE);

    assert_string_equal (got ? got : "", want);
    free (got);
}

#define CLUSTER "      ---cluster0[1:x]\n"
#define NODE(n) "      ------node" n "[1:x]\n"
#define CORE(n) "      ---------core" n "[1:x]\n"

/* Of two nodes of two cores, job 1 has a core of the first, and of what is shared on
 * the way to it the sums have changed: node0 and cluster0. Job 2 has node1 whole. */
static struct scheduler *make (void)
{
    struct scheduler *s = rig_create ("cluster0{node0{core0-1} node1{core2-3}}", "low");

    assert_string_equal (rig_take (s, 1, "slot:1[core:1]"), "@0 node0/core0");
    assert_string_equal (rig_take (s, 2, "slot:1[node:1]"), "@0 node1");
    return s;
}

static void filters (void **state)
{
    struct scheduler *s = make ();

    expect (s, "agfilter=t", NODE ("0") NODE ("1") CLUSTER);
    expect (s, "agfilter=true", NODE ("0") NODE ("1") CLUSTER);
    expect (s, "agfilter=f",
            CORE ("0") CORE ("1") NODE ("0") CORE ("2") CORE ("3") NODE ("1") CLUSTER);
    expect (s, "agfilter=t and names=node1", NODE ("1") CLUSTER);
    /* node1 is held and has sums; core0 is held and has none. */
    expect (s, "jobid-alloc=2 and agfilter=t", NODE ("1") CLUSTER);
    expect (s, "jobid-alloc=1 and agfilter=t", "");
    scheduler_destroy (s);
}

static void spans (void **state)
{
    struct scheduler *s = make ();

    expect (s, "jobid-span=1", NODE ("0") CLUSTER);
    expect (s, "jobid-alloc=1", CORE ("0") NODE ("0") CLUSTER);
    expect (s, "jobid-tag=1", CORE ("0") NODE ("0") CLUSTER);
    expect (s, "jobid-span=2", NODE ("1") CLUSTER);
    expect (s, "jobid-span=3", "");
    scheduler_destroy (s);
}

static void count_in (const char *text, const char *what, int want)
{
    int n = 0;

    for (const char *p = text; (p = strstr (p, what)); p++)
        n++;
    if (n != want)
        fail_msg ("%d, not %d: %s in %s", n, want, what, text);
}

/* One core of node0 is in use, and both of node1 are below a node that is. */
static void filters_in_jgf (void **state)
{
    struct scheduler *s = make ();
    char *text = find (s, "agfilter=t", WRITE_JGF);

    count_in (text, "\"agfilter\": {", 3);
    count_in (text, "\"core\": \"used:1, total:2\"", 1);
    count_in (text, "\"type\": \"core\"", 0);
    free (text);
    text = find (s, "status=up", WRITE_JGF);
    count_in (text, "agfilter", 0);
    free (text);
    /* Of the job that is named. */
    text = find (s, "jobid-span=1 and agfilter=t", WRITE_JGF);
    count_in (text, "\"core\": \"used:1, total:2\"", 1);
    count_in (text, "\"core\": \"used:1, total:4\"", 1);
    free (text);
    scheduler_destroy (s);
}

/* Whatever things are called, what is written is JSON. */
static void names_with_quotes (void **state)
{
    static const enum write_format formats[] = { WRITE_JGF, WRITE_JGF_VERBOSE,
                                                 WRITE_JGF_SHORTHAND };
    /* as they stand in JSON */
    struct scheduler *s =
        rig_create ("clu\\\"ster0{node0{co\\\\re0-1} no\\tde1{core2}}", "low");

    for (size_t i = 0; i < sizeof (formats) / sizeof (formats[0]); i++) {
        char *text = find (s, "agfilter=t", formats[i]);
        json_error_t error;
        json_t *o = json_loads (text, 0, &error);

        if (!o)
            fail_msg ("%s: %s", error.text, text);
        json_decref (o);
        count_in (text, "{\"containment\": \"/clu\\\"ster0\"}", 1);
        count_in (text, "\"co\\\\re\": \"used:0, total:2\"", 1);
        free (text);
    }
    scheduler_destroy (s);
}

static void malformed (void **state)
{
    static const char *const wrong[] = { "agfilter=x",
                                         "agfilter",
                                         "status=sideways",
                                         "(status=up",
                                         "status=up)",
                                         "jobid-span=",
                                         "and",
                                         "" };
    struct scheduler *s = make ();

    for (size_t i = 0; i < sizeof (wrong) / sizeof (wrong[0]); i++) {
        struct buf b = BUF_INIT;
        flux_error_t error;
        assert_int_equal (fluxion_find (s, wrong[i], WRITE_SIMPLE, &b, &error), -1);
        assert_int_equal (errno, EINVAL);
        buf_fini (&b);
    }
    scheduler_destroy (s);
}

/* A list of hosts may be much longer than its text; all of an expression count. */
static void many_names (void **state)
{
    struct scheduler *s = make ();
    struct buf b = BUF_INIT;
    flux_error_t error;

    expect (s, "names=node[0-131071] and names=node[1-131072]", NODE ("1") CLUSTER);
    assert_int_equal (fluxion_find (s, "names=node[0-131071] or names=node[0-131072]",
                                    WRITE_SIMPLE, &b, &error),
                      -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (error.text, "criteria name more than 262144 vertices");
    buf_fini (&b);
    scheduler_destroy (s);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (filters),        cmocka_unit_test (spans),
        cmocka_unit_test (filters_in_jgf), cmocka_unit_test (names_with_quotes),
        cmocka_unit_test (malformed),      cmocka_unit_test (many_names),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
