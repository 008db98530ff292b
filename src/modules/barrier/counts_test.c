/* Barriers: all of nprocs are released, none before the last one has entered, and a
 * barrier that cannot become complete ends with an error for all (barrier.c). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "counts.h"

/* A request of a client of this user. */
static flux_msg_t *request (uint32_t userid, const char *sender)
{
    flux_msg_t *msg = flux_request_encode ("barrier.enter", NULL);

    assert_non_null (msg);
    assert_int_equal (flux_msg_set_userid (msg, userid), 0);
    assert_int_equal (flux_msg_set_rolemask (msg, FLUX_ROLE_USER), 0);
    flux_msg_route_enable (msg);
    assert_int_equal (flux_msg_route_push (msg, sender), 0);
    return msg;
}

static enum counts_result enter (struct counts *c, uint32_t userid, const char *sender,
                                 const char *label, int nprocs, const char **name)
{
    flux_msg_t *msg = request (userid, sender);
    enum counts_result result = counts_enter (c, msg, label, nprocs, name);
    int saved = errno;

    flux_msg_decref (msg);
    errno = saved;
    return result;
}

static enum counts_result update (struct counts *c, const char *name, int nprocs,
                                  int count)
{
    struct counts_update u = { name, nprocs, count };

    return counts_update (c, &u);
}

/* How many wait there, who are released now; -1: there is no such barrier. */
static int leave (struct counts *c, const char *name)
{
    struct flux_msglist *l = counts_exit (c, name);
    int n = l ? flux_msglist_count (l) : -1;

    flux_msglist_destroy (l);
    return n;
}

static void alone (void **state)
{
    struct counts *c = counts_create (true);
    const char *name = NULL;

    assert_int_equal (enter (c, 5, "a", "x", 1, &name), COUNTS_EXIT);
    assert_string_equal (name, "5:x");
    assert_int_equal (leave (c, "5:x"), 1);
    assert_int_equal (leave (c, "5:x"), -1);
    counts_destroy (c);
    counts_destroy (NULL);
}

/* Clients here, and what children told: the last one completes it, and only that one. */
static void root (void **state)
{
    struct counts *c = counts_create (true);
    struct counts_update u;
    const char *name;
    size_t pos = 0;

    assert_int_equal (enter (c, 5, "a", "x", 6, &name), COUNTS_WAIT);
    assert_int_equal (update (c, "5:x", 6, 3), COUNTS_WAIT);
    assert_int_equal (enter (c, 5, "b", "x", 6, &name), COUNTS_WAIT);
    assert_int_equal (update (c, "5:x", 6, 1), COUNTS_EXIT);
    assert_false (counts_next (c, &pos, &u)); /* nobody above it */
    assert_int_equal (leave (c, "5:x"), 2);
    /* the same name again, from the beginning */
    assert_int_equal (enter (c, 5, "a", "x", 2, &name), COUNTS_WAIT);
    assert_int_equal (enter (c, 5, "b", "x", 2, &name), COUNTS_EXIT);
    assert_int_equal (leave (c, "5:x"), 2);
    counts_destroy (c);
}

/* One too many is no second exit: that would release those of the next round early. */
static void over_once (void **state)
{
    struct counts *c = counts_create (true);
    flux_msg_t *msg = request (5, "a");
    const char *name;
    size_t pos = 0;

    assert_int_equal (enter (c, 5, "a", "x", 2, &name), COUNTS_WAIT);
    assert_int_equal (enter (c, 5, "b", "x", 2, &name), COUNTS_EXIT);
    assert_int_equal (enter (c, 5, "c", "x", 2, &name), COUNTS_WAIT);
    assert_int_equal (update (c, "5:x", 2, 1), COUNTS_WAIT);
    assert_int_equal (update (c, "5:x", 3, 1), COUNTS_WAIT);
    assert_false (counts_disconnect (c, &pos, msg, &name));
    assert_int_equal (leave (c, "5:x"), 2); /* b and c; a has gone */
    flux_msg_decref (msg);
    counts_destroy (c);
}

/* A rank in the tree: what a turn counted goes up once. */
static void inner (void **state)
{
    struct counts *c = counts_create (false);
    struct counts_update u;
    const char *name;
    size_t pos = 0;

    assert_int_equal (enter (c, 5, "a", "x", 9, &name), COUNTS_TELL);
    assert_int_equal (enter (c, 5, "b", "x", 9, &name), COUNTS_TELL);
    assert_int_equal (update (c, "5:x", 9, 4), COUNTS_TELL);
    assert_true (counts_next (c, &pos, &u));
    assert_string_equal (u.name, "5:x");
    assert_int_equal (u.nprocs, 9);
    assert_int_equal (u.count, 6);
    assert_false (counts_next (c, &pos, &u));
    pos = 0;
    assert_false (counts_next (c, &pos, &u));
    assert_int_equal (update (c, "5:x", 9, 3), COUNTS_TELL);
    assert_int_equal (enter (c, 6, "c", "x", 2, &name), COUNTS_TELL);
    int told = 0;
    for (pos = 0; counts_next (c, &pos, &u); told++)
        assert_int_equal (u.count, !strcmp (u.name, "5:x") ? 3 : 1);
    assert_int_equal (told, 2);
    assert_int_equal (leave (c, "5:x"), 2);
    assert_int_equal (leave (c, "6:x"), 1);
    counts_destroy (c);
}

/* Names are each user's own. */
static void users (void **state)
{
    struct counts *c = counts_create (true);
    const char *name;

    assert_int_equal (enter (c, 5, "a", "x", 2, &name), COUNTS_WAIT);
    assert_int_equal (enter (c, 6, "b", "x", 3, &name), COUNTS_WAIT);
    assert_int_equal (enter (c, 5, "c", "x", 2, &name), COUNTS_EXIT);
    assert_string_equal (name, "5:x");
    assert_int_equal (leave (c, "5:x"), 2);
    assert_int_equal (leave (c, "6:x"), 1);
    counts_destroy (c);
}

static void refused (void **state)
{
    struct counts *c = counts_create (true);
    const char *name = "untouched";

    assert_int_equal (enter (c, 5, "a", "", 2, &name), COUNTS_ERROR);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (enter (c, 5, "a", "x", 0, &name), COUNTS_ERROR);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (enter (c, 5, "a", "x", -1, &name), COUNTS_ERROR);
    assert_int_equal (leave (c, "5:x"), -1);
    /* another number: he is refused, the others wait on */
    assert_int_equal (enter (c, 5, "a", "x", 2, &name), COUNTS_WAIT);
    assert_int_equal (enter (c, 5, "b", "x", 3, &name), COUNTS_ERROR);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (enter (c, 5, "b", "x", 2, &name), COUNTS_EXIT);
    assert_int_equal (leave (c, "5:x"), 2);
    /* what no rank would tell */
    assert_int_equal (update (c, "5:y", 0, 1), COUNTS_ERROR);
    assert_int_equal (update (c, "5:y", 3, 0), COUNTS_ERROR);
    assert_int_equal (update (c, "5:y", 3, -7), COUNTS_ERROR);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (update (c, "", 3, 1), COUNTS_ERROR);
    assert_int_equal (leave (c, "5:y"), -1);
    counts_destroy (c);
}

/* Ranks that disagree: it ends for all, once. */
static void disagree (void **state)
{
    struct counts *c = counts_create (true);
    const char *name;

    assert_int_equal (enter (c, 5, "a", "x", 2, &name), COUNTS_WAIT);
    assert_int_equal (update (c, "5:x", 3, 1), COUNTS_ABORT);
    assert_int_equal (update (c, "5:x", 3, 1), COUNTS_WAIT);
    assert_int_equal (update (c, "5:x", 2, 1), COUNTS_WAIT);
    assert_int_equal (leave (c, "5:x"), 1);
    counts_destroy (c);
}

/* Counts that add up to more than an int has. */
static void large (void **state)
{
    struct counts *c = counts_create (true);

    assert_int_equal (update (c, "5:x", 0x7fffffff, 0x7ffffffe), COUNTS_WAIT);
    assert_int_equal (update (c, "5:x", 0x7fffffff, 0x7fffffff), COUNTS_EXIT);
    assert_int_equal (leave (c, "5:x"), 0);
    counts_destroy (c);
}

/* A client that goes ends the barriers that it waits for, and no others. */
static void disconnect (void **state)
{
    struct counts *c = counts_create (false);
    flux_msg_t *msg = request (5, "a");
    struct counts_update u;
    const char *name;
    size_t pos = 0;
    int n = 0;

    assert_int_equal (enter (c, 5, "a", "x", 3, &name), COUNTS_TELL);
    assert_int_equal (enter (c, 5, "b", "x", 3, &name), COUNTS_TELL);
    assert_int_equal (enter (c, 5, "a", "y", 3, &name), COUNTS_TELL);
    assert_int_equal (enter (c, 5, "b", "z", 3, &name), COUNTS_TELL);
    for (; counts_disconnect (c, &pos, msg, &name); n++)
        assert_true (!strcmp (name, "5:x") || !strcmp (name, "5:y"));
    assert_int_equal (n, 2);
    /* what is over is not told any more */
    pos = 0;
    assert_true (counts_next (c, &pos, &u));
    assert_string_equal (u.name, "5:z");
    assert_false (counts_next (c, &pos, &u));
    /* who comes now learns of the end, too */
    assert_int_equal (enter (c, 5, "d", "x", 3, &name), COUNTS_WAIT);
    assert_int_equal (leave (c, "5:x"), 2);
    assert_int_equal (leave (c, "5:y"), 0);
    assert_int_equal (leave (c, "5:z"), 1);
    flux_msg_decref (msg);
    counts_destroy (c);
}

/* A name that nobody enters with others costs memory until then: so many, no more. */
static void bounded (void **state)
{
    struct counts *c = counts_create (true);
    char name[32];

    for (int i = 0; i < BARRIERS_MAX; i++) {
        snprintf (name, sizeof (name), "5:%d", i);
        assert_int_equal (update (c, name, 2, 1), COUNTS_WAIT);
    }
    assert_int_equal (update (c, "5:one-more", 2, 1), COUNTS_ERROR);
    assert_int_equal (errno, ENOSPC);
    assert_int_equal (update (c, "5:7", 2, 1), COUNTS_EXIT);
    assert_int_equal (leave (c, "5:7"), 0);
    assert_int_equal (update (c, "5:one-more", 2, 1), COUNTS_WAIT);
    counts_destroy (c);
}

/* A tree of ranks, clients who enter anywhere, turns that end at any time: everybody is
 * released exactly when the last has entered. */
static void tree (void **state)
{
    enum { RANKS = 7 };

    for (unsigned int seed = 1; seed <= 300; seed++) {
        struct counts *c[RANKS];
        int nprocs, entered = 0, released = 0;
        bool complete = false;
        srand (seed);
        nprocs = 1 + rand () % 20;
        for (int rank = 0; rank < RANKS; rank++)
            c[rank] = counts_create (rank == 0);
        while (!complete) {
            int rank = rand () % RANKS;
            const char *name;
            if (entered < nprocs && rand () % 2) {
                char sender[16];
                snprintf (sender, sizeof (sender), "c%d", entered++);
                complete =
                    enter (c[rank], 5, sender, "x", nprocs, &name) == COUNTS_EXIT;
            } else if (rank > 0) {
                struct counts_update u;
                size_t pos = 0;
                while (counts_next (c[rank], &pos, &u))
                    complete |= counts_update (c[(rank - 1) / 2], &u) == COUNTS_EXIT;
            }
            assert_true (!complete || entered == nprocs);
        }
        for (int rank = 0; rank < RANKS; rank++) {
            int n = leave (c[rank], "5:x");
            released += n > 0 ? n : 0;
            counts_destroy (c[rank]);
        }
        assert_int_equal (released, nprocs);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (alone),      cmocka_unit_test (root),
        cmocka_unit_test (over_once),  cmocka_unit_test (inner),
        cmocka_unit_test (users),      cmocka_unit_test (refused),
        cmocka_unit_test (disagree),   cmocka_unit_test (large),
        cmocka_unit_test (disconnect), cmocka_unit_test (bounded),
        cmocka_unit_test (tree),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
