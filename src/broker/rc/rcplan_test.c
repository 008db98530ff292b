/* The order of rc1 and rc3: lists at random (RCPLAN_SEED), whose modules answer in any
 * order, and some of them with an error. */
#include "base/test.h"

#include "broker/rc/rcplan.h"
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int seed;

static unsigned int rnd (unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

#define COUNT 12

/* Each starts after some of those above it. */
static struct modlist *list_random (void)
{
    static char text[COUNT * 128];
    flux_error_t error = { "" };
    struct modlist *l;
    size_t len = 0;

    for (int i = 0; i < COUNT; i++) {
        len += sprintf (text + len, "[[modules]]\nname = \"m%d\"\nafter = [", i);
        for (int j = 0, first = 1; j < i; j++)
            if (rnd (4) == 0) {
                len += sprintf (text + len, "%s\"m%d\"", first ? "" : ",", j);
                first = 0;
            }
        len += sprintf (text + len, "]\n");
    }
    if (!(l = modlist_decode (text, len, &error)))
        fail_msg ("%s", error.text);
    return l;
}

static bool needs (const struct modlist *l, int i, int j)
{
    return modlist_names (l->entry[i].after, l->entry[j].name);
}

/* Whatever starts has all that it needs; nothing that could start waits. */
static void check_starting (const struct rcplan *p, int i)
{
    for (int j = 0; j < p->list->count; j++)
        if (needs (p->list, i, j) && !p->absent[j])
            assert_int_equal (p->progress[j], RUNNING);
}

static void check_idle (const struct rcplan *p)
{
    for (int i = 0; i < p->list->count; i++) {
        bool missing = p->given_up || p->absent[i];

        if (p->progress[i] != PROGRESS_IDLE)
            continue;
        for (int j = 0; j < p->list->count; j++)
            missing |=
                needs (p->list, i, j) && !p->absent[j] && p->progress[j] != RUNNING;
        assert_true (missing);
    }
}

/* One that is under way, at random; -1: none. */
static int pick (const struct rcplan *p, enum progress progress)
{
    int found = -1, n = 0;

    for (int i = 0; i < p->list->count; i++)
        if (p->progress[i] == progress && rnd (++n) == 0)
            found = i;
    return found;
}

static void start_all (struct rcplan *p, int fails, bool recovery)
{
    int i;

    for (;;) {
        while ((i = rcplan_start_next (p)) >= 0) {
            assert_false (p->absent[i]);
            check_starting (p, i);
        }
        check_idle (p);
        if ((i = pick (p, STARTING)) < 0)
            break;
        if (i == fails) {
            p->progress[i] = FAILED;
            if (!recovery)
                rcplan_give_up (p);
        } else
            p->progress[i] = RUNNING;
    }
    assert_int_equal (rcplan_starting (p), 0);
}

static void end_all (struct rcplan *p)
{
    int i;

    for (;;) {
        while ((i = rcplan_end_next (p)) >= 0)
            for (int k = 0; k < p->list->count; k++)
                if (needs (p->list, k, i))
                    assert_int_equal (p->progress[k], PROGRESS_IDLE);
        if ((i = pick (p, ENDING)) < 0)
            break;
        p->progress[i] = PROGRESS_IDLE;
    }
    assert_int_equal (rcplan_left (p), 0);
}

/* What needs the one that failed, however far away, does not run; in recovery all
 * others do. */
static void check_failed (const struct rcplan *p, int fails, bool recovery)
{
    bool lost[COUNT] = { false };

    for (int i = 0; i < p->list->count; i++) {
        lost[i] = i == fails && !p->absent[i];
        for (int j = 0; j < i; j++)
            lost[i] |= needs (p->list, i, j) && lost[j] && !p->absent[i];
        if (lost[i])
            assert_int_not_equal (p->progress[i], RUNNING);
        else if (recovery)
            assert_int_equal (p->progress[i], p->absent[i] ? PROGRESS_IDLE : RUNNING);
    }
}

static void at_random (void **state)
{
    const char *s = getenv ("RCPLAN_SEED");
    unsigned int first = s ? strtoul (s, NULL, 0) : 1, last = s ? first : 300;

    for (unsigned int round = first; round <= last; round++) {
        struct modlist *l;
        struct rcplan p;
        int fails;

        seed = round;
        fails = (int)rnd (COUNT + 4);
        l = list_random ();
        assert_int_equal (rcplan_init (&p, l), 0);
        for (int i = 0; i < COUNT; i++)
            p.absent[i] = rnd (6) == 0;
        start_all (&p, fails, round % 2);
        check_failed (&p, fails, round % 2);
        if (fails >= COUNT)
            check_failed (&p, -1, true); /* all run */
        /* rc3 looks at what runs, also at what somebody loaded by hand */
        for (int i = 0; i < COUNT; i++)
            p.progress[i] =
                p.progress[i] == RUNNING || rnd (10) == 0 ? RUNNING : PROGRESS_IDLE;
        end_all (&p);
        rcplan_fini (&p);
        modlist_destroy (l);
    }
}

/* The list that is installed starts, in full, on rank 0 and elsewhere. */
static void installed (void **state)
{
    flux_error_t error = { "" };
    struct modlist *l = modlist_read (FLUX_SOURCE_DIR "/etc/modules.toml", &error);

    assert_non_null (l);
    for (int rank = 0; rank < 2; rank++) {
        struct rcplan p;

        assert_int_equal (rcplan_init (&p, l), 0);
        for (int i = 0; i < l->count; i++)
            p.absent[i] = rank > 0 && l->entry[i].leader;
        seed = rank;
        start_all (&p, -1, false);
        for (int i = 0; i < l->count; i++)
            assert_int_equal (p.progress[i], p.absent[i] ? PROGRESS_IDLE : RUNNING);
        rcplan_reset (&p);
        assert_int_equal (rcplan_left (&p), 0);
        assert_int_equal (rcplan_end_next (&p), -1);
        rcplan_fini (&p);
    }
    modlist_destroy (l);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (at_random),
        cmocka_unit_test (installed),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
