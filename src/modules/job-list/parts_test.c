/* The parts of job-list against models of them: the ordered set, shared strings, and the
 * values of constraints, which are refused or mean what they say. */
#include "base/test.h"

#include "jobs.h"
#include "modules/job-list/intern.h"
#include "modules/job-list/order.h"
#include "value/resource/constraint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int seed;

static int start (void **state)
{
    const char *s = getenv ("JOB_LIST_SEED");

    seed = s ? strtoul (s, NULL, 0) : 1;
    print_message ("# JOB_LIST_SEED=%u\n", seed);
    return 0;
}

static unsigned int rnd (unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

/* --- The ordered set --- */

#define ITEMS 200

struct item {
    struct order_node node;
    int key;
};

static int by_key (const struct order_node *a, const struct order_node *b)
{
    return container_of (a, struct item, node)->key
           - container_of (b, struct item, node)->key;
}

static int key_of (const struct order_node *n)
{
    return n ? container_of (n, struct item, node)->key : -1;
}

/* The keys that are there, both ways, and what comes after each. */
static void check_order (const struct order *o, const bool *there)
{
    struct order_node *n = order_first (o), *last = NULL;
    size_t count = 0;
    int next = -1;

    for (int i = 0; i < ITEMS; i++) {
        if (!there[i])
            continue;
        assert_int_equal (key_of (n), i);
        assert_ptr_equal (order_prev (n), last);
        last = n;
        n = order_next (n);
        count++;
    }
    assert_null (n);
    assert_int_equal (o->count, count);
    assert_ptr_equal (order_last (o), last);
    for (int i = ITEMS - 1; i >= 0; i--) {
        struct item probe = { .key = i };

        assert_int_equal (key_of (order_after (o, &probe.node)), next);
        if (there[i])
            next = i;
    }
}

static int depth_of (const struct order_node *n)
{
    int l, r;

    if (!n)
        return 0;
    l = depth_of (n->left);
    r = depth_of (n->right);
    return 1 + (l > r ? l : r);
}

static void ordered (void **state)
{
    static struct item items[ITEMS];
    bool there[ITEMS] = { false };
    struct order o;

    order_init (&o, by_key);
    assert_null (order_first (&o));
    assert_null (order_last (&o));
    for (int i = 0; i < ITEMS; i++)
        items[i].key = i;
    for (int step = 0; step < 3000; step++) {
        int i = rnd (ITEMS);

        if (!there[i])
            order_insert (&o, &items[i].node);
        else {
            order_remove (&o, &items[i].node);
            order_remove (&o, &items[i].node); /* it is in no set any more */
        }
        there[i] = !there[i];
        if (step % 50 == 0)
            check_order (&o, there);
    }
    for (int i = 0; i < ITEMS; i++)
        order_remove (&o, &items[i].node);
    assert_null (o.root);
    /* in order is the worst order for a tree that does not care */
    for (int i = 0; i < ITEMS; i++)
        order_insert (&o, &items[i].node);
    assert_true (depth_of (o.root) < 40);
}

/* --- Shared strings --- */

static void interned (void **state)
{
    enum { COUNT = 120 };
    struct intern *in = intern_create ();
    const char *have[COUNT][4] = { { NULL } };
    int refs[COUNT] = { 0 }, kinds = 0;
    char text[32];

    assert_null (intern_get (in, NULL));
    intern_put (in, NULL);
    for (int step = 0; step < 6000; step++) {
        int i = rnd (COUNT);

        snprintf (text, sizeof (text), i ? "string %d" : "", i);
        if (refs[i] < 4 && rnd (2)) {
            const char *s = intern_get (in, text);

            assert_string_equal (s, text);
            if (refs[i] > 0)
                assert_ptr_equal (s, have[i][0]);
            else
                kinds++;
            have[i][refs[i]++] = s;
        } else if (refs[i] > 0) {
            assert_string_equal (have[i][0], text);
            intern_put (in, have[i][--refs[i]]);
            kinds -= refs[i] == 0;
        }
        assert_int_equal (intern_count (in), kinds);
    }
    intern_destroy (in); /* with what is left */
    intern_destroy (NULL);
}

/* --- Constraints --- */

static const struct {
    const char *text;
    int match; /* -1: refused */
} constraints[] = {
    /* the job: user 42, name "train", queue "batch", ranks 1-2, hosts n1 and n2, ended
     * well, submitted at 10, ran at 20 */
    { "{\"userid\":[42]}", 1 },
    { "{\"userid\":[-1]}", 1 }, /* anybody */
    { "{\"userid\":[4294967295]}", 1 },
    { "{\"userid\":[4294967338]}", -1 }, /* 42, if it were cut */
    { "{\"userid\":[-2]}", -1 },
    { "{\"userid\":[42.0]}", -1 },
    { "{\"userid\":[null]}", -1 },
    { "{\"userid\":[]}", 0 },
    { "{\"states\":[64]}", 1 },
    { "{\"states\":[\"INACTIVE\"]}", 1 },
    { "{\"states\":[0]}", 0 },
    { "{\"states\":[127]}", 1 },
    { "{\"states\":[128]}", -1 },
    { "{\"states\":[-1]}", -1 },
    { "{\"states\":[4294967360]}", -1 }, /* 64 */
    { "{\"states\":[\"\"]}", -1 },
    { "{\"results\":[1]}", 1 },
    { "{\"results\":[\"completed\"]}", 1 },
    { "{\"results\":[\"failed\",\"canceled\"]}", 0 },
    { "{\"results\":[15]}", 1 },
    { "{\"results\":[16]}", -1 },
    { "{\"results\":[4294967297]}", -1 }, /* 1 */
    { "{\"results\":[true]}", -1 },
    { "{\"name\":[\"train\"]}", 1 },
    { "{\"name\":[\"tr*n\"]}", 1 },
    { "{\"name\":[\"[t]rain\"]}", 1 },
    { "{\"name\":[\"tr\"]}", 0 },
    { "{\"name\":[\"\"]}", 0 },
    { "{\"name\":[5]}", -1 },
    { "{\"queue\":[\"debug\",\"b?tch\"]}", 1 },
    { "{\"hostlist\":[\"n[2-9]\"]}", 1 },
    { "{\"hostlist\":[\"n[3-9]\"]}", 0 },
    { "{\"hostlist\":[\"\"]}", 0 },
    { "{\"hostlist\":[\"n[\"]}", -1 },
    { "{\"ranks\":[\"0,2\"]}", 1 },
    { "{\"ranks\":[\"0,3\"]}", 0 },
    { "{\"ranks\":[\"\"]}", 0 },
    { "{\"ranks\":[\"2-1\"]}", -1 },
    { "{\"ranks\":[2]}", -1 },
    { "{\"t_submit\":[\">9.9\"]}", 1 },
    { "{\"t_submit\":[\">10\"]}", 0 },
    { "{\"t_submit\":[\">=10\"]}", 1 },
    { "{\"t_submit\":[\"<=10\"]}", 1 },
    { "{\"t_submit\":[\"<10\"]}", 0 },
    { "{\"t_submit\":[\"<1e1\"]}", 0 },
    { "{\"t_submit\":[\"<1e3\"]}", 1 },
    { "{\"t_submit\":[\"=10\"]}", -1 },
    { "{\"t_submit\":[\">\"]}", -1 },
    { "{\"t_submit\":[\">-1\"]}", -1 },
    { "{\"t_submit\":[\">10s\"]}", -1 },
    { "{\"t_submit\":[\">nan\"]}", -1 },
    { "{\"t_submit\":[\"<inf\"]}", -1 },
    { "{\"t_submit\":[10]}", -1 },
    { "{\"t_priority\":[\">0\"]}", 0 }, /* it never was */
    { "{\"t_end\":[\">0\"]}", -1 },
    { "{\"not\":[{\"userid\":[42]}]}", 0 },
    { "{\"or\":[{\"userid\":[41]},{\"name\":[\"train\"]}]}", 1 },
    { "{\"and\":[{\"userid\":[41]},{\"name\":[\"train\"]}]}", 0 },
    { "{\"and\":[{\"userid\":[42]},{\"t_run\":[\"<nan\"]}]}", -1 },
    { "{\"or\":[]}", 1 },
    { "{}", 1 },
    { "[]", -1 },
};

static void values (void **state)
{
    struct job job = { .userid = 42,
                       .name = "train",
                       .queue = "batch",
                       .ranks = "1-2",
                       .nodelist = "n[1-2]",
                       .state = FLUX_JOB_STATE_INACTIVE,
                       .result = FLUX_JOB_RESULT_COMPLETED,
                       .t = { [T_SUBMIT] = 10., [T_RUN] = 20. } };

    for (size_t i = 0; i < sizeof (constraints) / sizeof (constraints[0]); i++) {
        json_t *o = json_loads (constraints[i].text, 0, NULL);
        flux_error_t error = { "" };
        struct constraint *c;
        int match;

        assert_non_null (o);
        errno = 0;
        c = job_constraint (o, &error);
        match = c ? job_match (c, &job) : -1;
        if (match != constraints[i].match)
            fail_msg ("%s: %d (%s)", constraints[i].text, match, error.text);
        if (!c) {
            assert_int_equal (errno, EINVAL);
            assert_true (error.text[0]);
        }
        if (match == 1) /* what may be skipped does not match */
            assert_true (job_constraint_states (o) & FLUX_JOB_STATE_INACTIVE);
        constraint_destroy (c);
        json_decref (o);
    }
}

/* Of what has not been yet nothing matches. */
static void unset (void **state)
{
    static const char *text[] = { "{\"name\":[\"*\"]}",    "{\"queue\":[\"*\"]}",
                                  "{\"ranks\":[\"0-9\"]}", "{\"hostlist\":[\"n\"]}",
                                  "{\"t_run\":[\">=0\"]}", "{\"t_run\":[\"<9e9\"]}",
                                  "{\"results\":[15]}" };
    struct job job = { .state = FLUX_JOB_STATE_DEPEND };

    for (size_t i = 0; i < sizeof (text) / sizeof (text[0]); i++) {
        json_t *o = json_loads (text[i], 0, NULL);
        flux_error_t error;
        struct constraint *c = job_constraint (o, &error);

        assert_non_null (c);
        assert_false (job_match (c, &job));
        constraint_destroy (c);
        json_decref (o);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (ordered),
        cmocka_unit_test (interned),
        cmocka_unit_test (values),
        cmocka_unit_test (unset),
    };

    return cmocka_run_group_tests (tests, start, NULL);
}
