/* Groups of brokers: what clients anywhere in the tree join and leave is what rank 0
 * knows, however the turns of the ranks fall (groups.h). */
#include "base/test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/service/groups.h"

#define SIZE 7

static void assert_members (struct groups *g, const char *name, const char *want)
{
    const struct idset *members = groups_members (g, name);
    char *s = members ? idset_encode (members, IDSET_FLAG_RANGE) : NULL;

    if (want)
        assert_string_equal (s, want);
    else
        assert_null (s);
    free (s);
}

static void hand_up (struct groups *from, struct groups *to)
{
    json_t *update = groups_take_update (from);

    if (update)
        assert_int_equal (groups_apply_update (to, update, NULL), 0);
    json_decref (update);
}

/* Two clients of a rank: it is there while one of them is. */
static void clients (void **state)
{
    struct groups *g = groups_create (SIZE);

    assert_int_equal (groups_join (g, "a", "c1", 2), 0);
    assert_int_equal (groups_join (g, "a", "c2", 2), 0);
    assert_int_equal (groups_join (g, "b", "c1", 2), 0);
    assert_int_equal (groups_leave (g, "a", "c1", 2), 0);
    assert_members (g, "a", "2");
    assert_int_equal (groups_leave (g, "a", "c1", 2), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (groups_leave (g, "nosuch", "c1", 2), -1);
    assert_int_equal (errno, ENOENT);
    groups_disconnect (g, "c2", 2);
    assert_members (g, "a", "");
    assert_members (g, "b", "2");
    groups_disconnect (g, "c9", 2);
    groups_disconnect (g, "c1", 2);
    assert_members (g, "b", "");
    assert_members (g, "nosuch", NULL);
    groups_destroy (g);
    groups_destroy (NULL);
}

/* A turn's joins are one update, and what came and went is no more than its end. */
static void one_update (void **state)
{
    struct groups *g = groups_create (SIZE);
    struct idset *some = idset_decode ("1-3"), *one = idset_decode ("2");
    const char *set = NULL, *clear = NULL;
    json_t *update;

    assert_null (groups_take_update (g));
    assert_int_equal (groups_set (g, "a", some), 0);
    assert_int_equal (groups_clear (g, "a", one), 0);
    assert_non_null (update = groups_take_update (g));
    assert_int_equal (
        json_unpack (update, "{s:{s?s s?s}}", "a", "set", &set, "clear", &clear), 0);
    assert_string_equal (set, "1,3");
    assert_string_equal (clear, "2");
    json_decref (update);
    assert_null (groups_take_update (g));
    /* nothing new is nothing to say */
    assert_int_equal (groups_set (g, "a", one), 0);
    json_decref (groups_take_update (g));
    assert_int_equal (groups_set (g, "a", one), 0);
    assert_null (groups_take_update (g));
    idset_destroy (some);
    idset_destroy (one);
    groups_destroy (g);
}

/* Ranks that there are none of: not a member, and no memory for them. */
static void out_of_range (void **state)
{
    struct groups *g = groups_create (SIZE);
    struct idset *ranks = idset_decode ("5-9");

    assert_int_equal (groups_set (g, "a", ranks), 0);
    assert_members (g, "a", "5-6");
    groups_clear_all (g, ranks);
    assert_members (g, "a", "");
    assert_int_equal (groups_join (g, "a", "c", -1), 0);
    assert_int_equal (groups_join (g, "a", "d", SIZE), 0);
    assert_members (g, "a", "");
    idset_destroy (ranks);
    groups_destroy (g);
}

/* What a child would never send changes nothing. */
static void malformed (void **state)
{
    static const char *const bad[] = {
        "[]",
        "1",
        "{\"a\":{\"set\":\"1-\"}}",
        "{\"a\":{\"clear\":\"x\"}}",
        "{\"a\":{\"clear\":\"1\",\"set\":\"x\"}}",
        "{\"a\":{\"set\":\"2\"},\"b\":{\"set\":\"x\"}}",
        "{\"a\":{\"set\":2}}",
        "{\"a\":[]}",
        "{\"a\":\"1\"}",
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        struct groups *g = groups_create (SIZE);
        struct idset *one = idset_decode ("1");
        json_t *o = json_loads (bad[i], JSON_DECODE_ANY, NULL);
        assert_non_null (o);
        assert_int_equal (groups_set (g, "a", one), 0);
        errno = 0;
        if (groups_apply_update (g, o, NULL) == 0)
            fail_msg ("%s is taken", bad[i]);
        assert_int_equal (errno, EPROTO);
        assert_members (g, "a", "1");
        assert_members (g, "b", NULL);
        json_decref (o);
        idset_destroy (one);
        groups_destroy (g);
    }
}

/* A tree of seven, clients that come and go, subtrees that are lost, turns that end
 * when they like. When all has been handed up, rank 0 knows what is. */
static void tree (void **state)
{
    static const char *const names[] = { "a", "b" };

    for (unsigned int seed = 1; seed <= 300; seed++) {
        struct groups *g[SIZE];
        bool in[SIZE][2][3] = { 0 }; /* rank, group, client */
        srand (seed);
        for (int r = 0; r < SIZE; r++)
            g[r] = groups_create (SIZE);
        for (int step = 0; step < 200; step++) {
            int r = rand () % SIZE, n = rand () % 2, c = rand () % 3;
            char client[8];
            bool *here = &in[r][n][c];
            snprintf (client, sizeof (client), "c%d", c);
            switch (rand () % 5) {
            case 0:
                assert_int_equal (groups_join (g[r], names[n], client, r),
                                  *here ? -1 : 0);
                *here = true;
                break;
            case 1:
                assert_int_equal (groups_leave (g[r], names[n], client, r),
                                  *here ? 0 : -1);
                *here = false;
                break;
            case 2:
                groups_disconnect (g[r], client, r);
                in[r][0][c] = in[r][1][c] = false;
                break;
            default:
                if (r > 0)
                    hand_up (g[r], g[(r - 1) / 2]);
            }
        }
        for (int r = SIZE - 1; r > 0; r--)
            hand_up (g[r], g[(r - 1) / 2]);
        for (int n = 0; n < 2; n++) {
            const struct idset *members = groups_members (g[0], names[n]);
            for (int r = 0; r < SIZE; r++) {
                bool any = in[r][n][0] || in[r][n][1] || in[r][n][2];
                assert_int_equal (members && idset_test (members, r), any);
            }
        }
        for (int r = 0; r < SIZE; r++)
            groups_destroy (g[r]);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (clients),      cmocka_unit_test (one_update),
        cmocka_unit_test (out_of_range), cmocka_unit_test (malformed),
        cmocka_unit_test (tree),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
