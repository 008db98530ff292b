#include "fluxion-server/turns.h"

#include "base/test.h"

#include <stdlib.h>

struct piece {
    struct work work;
    int n;
};

static void add (struct turns *t, struct client *c, struct piece *p, int n, bool heavy)
{
    p->n = n;
    p->work.heavy = heavy;
    list_init (&p->work.entry);
    turns_add (t, c, &p->work);
}

/* The number of the next piece, 0 if none may start. */
static int next (struct turns *t, struct client **c)
{
    struct work *work = turns_next (t, c);

    return work ? container_of (work, struct piece, work)->n : 0;
}

static int next_done (struct turns *t)
{
    struct client *c;
    int n = next (t, &c);

    if (n)
        turns_done (t, c);
    return n;
}

static void clients_take_turns (void **state)
{
    struct turns *t = turns_create (3);
    struct client *a = turns_client (t, "a"), *b = turns_client (t, "b");
    struct piece p[6];

    for (int i = 0; i < 5; i++)
        add (t, a, &p[i], i + 1, false);
    add (t, b, &p[5], 6, false);
    /* The flood of one does not keep the other waiting. */
    int expected[] = { 1, 6, 2, 3, 4, 5, 0 };
    for (int i = 0; i < 7; i++)
        assert_int_equal (next_done (t), expected[i]);
    turns_let_go (t, a);
    turns_let_go (t, b);
    assert_int_equal (turns_clients (t), 0);
    turns_destroy (t);
}

static void one_piece_of_a_client_at_a_time (void **state)
{
    struct turns *t = turns_create (3);
    struct client *a = turns_client (t, "a"), *b = turns_client (t, "b"), *c, *d;
    struct piece p[4];

    add (t, a, &p[0], 1, false);
    add (t, a, &p[1], 2, false);
    assert_int_equal (next (t, &c), 1);
    assert_ptr_equal (c, a);
    assert_int_equal (next (t, &d), 0);
    add (t, a, &p[2], 3, false); /* does not line up twice */
    add (t, b, &p[3], 4, false);
    assert_int_equal (next (t, &d), 4);
    assert_int_equal (next_done (t), 0);
    turns_done (t, c);
    assert_int_equal (next_done (t), 2);
    assert_int_equal (next_done (t), 3);
    turns_done (t, d);
    assert_int_equal (next_done (t), 0);
    turns_let_go (t, a);
    turns_let_go (t, b);
    turns_destroy (t);
}

static void heavy_work_leaves_a_hand (void **state)
{
    struct turns *t = turns_create (2);
    struct client *client[4], *c[4];
    struct piece p[5];
    const char *names[] = { "a", "b", "c", "d" };

    for (int i = 0; i < 4; i++) {
        client[i] = turns_client (t, names[i]);
        add (t, client[i], &p[i], i + 1, i < 3);
    }
    assert_int_equal (next (t, &c[0]), 4); /* light; then both kinds in turn */
    assert_int_equal (next (t, &c[1]), 1);
    assert_int_equal (next (t, &c[2]), 2);
    assert_int_equal (next (t, &c[3]), 0); /* two are enough */
    turns_done (t, c[0]);
    add (t, client[3], &p[4], 5, false);
    assert_int_equal (next (t, &c[0]), 5);
    turns_done (t, c[1]);
    assert_int_equal (next (t, &c[3]), 3);
    turns_done (t, c[0]);
    turns_done (t, c[2]);
    turns_done (t, c[3]);
    for (int i = 0; i < 4; i++)
        turns_let_go (t, client[i]);
    turns_destroy (t);
}

static void neither_kind_waits_for_ever (void **state)
{
    struct turns *t = turns_create (1);
    struct client *client[4];
    struct piece p[4];
    const char *names[] = { "a", "b", "c", "d" };

    for (int i = 0; i < 4; i++) {
        client[i] = turns_client (t, names[i]);
        add (t, client[i], &p[i], i + 1, i < 2);
    }
    int expected[] = { 3, 1, 4, 2, 0 };
    for (int i = 0; i < 5; i++)
        assert_int_equal (next_done (t), expected[i]);
    for (int i = 0; i < 4; i++)
        turns_let_go (t, client[i]);
    turns_destroy (t);
}

static void a_client_lives_as_long_as_its_work (void **state)
{
    struct turns *t = turns_create (1);
    struct client *a = turns_client (t, "a");
    struct piece p[2];

    assert_ptr_equal (turns_client (t, "a"), a);
    turns_let_go (t, a);
    add (t, a, &p[0], 1, false);
    add (t, a, &p[1], 2, true);
    turns_let_go (t, a);
    assert_int_equal (turns_clients (t), 1);
    assert_int_equal (next_done (t), 1);
    assert_int_equal (next_done (t), 2);
    assert_int_equal (turns_clients (t), 0);
    turns_destroy (t);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (clients_take_turns),
        cmocka_unit_test (one_piece_of_a_client_at_a_time),
        cmocka_unit_test (heavy_work_leaves_a_hand),
        cmocka_unit_test (neither_kind_waits_for_ever),
        cmocka_unit_test (a_client_lives_as_long_as_its_work),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
