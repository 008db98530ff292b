/* Commands for the end (runat.push): last pushed first, once, and a push that is refused
 * adds nothing. */
#include "base/test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/rc/runlist.h"

static int push (struct runlist *l, const char *name, const char *commands)
{
    json_t *o = json_loads (commands, JSON_DECODE_ANY, NULL);
    int rc, saved;

    assert_non_null (o);
    rc = runlist_push (l, name, o);
    saved = errno;
    json_decref (o);
    errno = saved;
    return rc;
}

static void assert_take (struct runlist *l, const char *name, const char *want)
{
    char *cmd = runlist_take (l, name);

    if (want)
        assert_string_equal (cmd, want);
    else
        assert_null (cmd);
    free (cmd);
}

static void order (void **state)
{
    struct runlist *l = runlist_create ();

    assert_take (l, "cleanup", NULL);
    assert_int_equal (push (l, "cleanup", "[\"a\",\"b\"]"), 0);
    assert_int_equal (push (l, "cleanup", "[]"), 0);
    assert_int_equal (push (l, "other", "[\"x\"]"), 0);
    assert_int_equal (push (l, "cleanup", "[\"c\"]"), 0);
    assert_take (l, "cleanup", "c");
    /* one that is pushed while they run is the next */
    assert_int_equal (push (l, "cleanup", "[\"d\"]"), 0);
    assert_take (l, "cleanup", "d");
    assert_take (l, "cleanup", "b");
    assert_take (l, "cleanup", "a");
    assert_take (l, "cleanup", NULL);
    assert_take (l, "cleanup", NULL);
    assert_int_equal (push (l, "cleanup", "[\"e\",\"f\"]"), 0);
    runlist_clear (l, "cleanup");
    runlist_clear (l, "nosuch");
    assert_take (l, "cleanup", NULL);
    assert_take (l, "other", "x");
    runlist_destroy (l);
    runlist_destroy (NULL);
}

static void malformed (void **state)
{
    static const char *const bad[] = { "{}",   "\"a\"", "1",
                                       "null", "[1]",   "[\"a\",null,\"b\"]" };
    struct runlist *l = runlist_create ();

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        errno = 0;
        assert_int_equal (push (l, "cleanup", bad[i]), -1);
        assert_int_equal (errno, EPROTO);
        assert_take (l, "cleanup", NULL);
    }
    assert_int_equal (push (l, "", "[\"a\"]"), -1);
    assert_int_equal (errno, EPROTO);
    runlist_destroy (l);
}

/* As many commands as it may have, as many lists, as long a name: and not one more. */
static void bounds (void **state)
{
    struct runlist *l = runlist_create ();
    json_t *many = json_array ();
    char name[RUNLIST_NAME_MAX + 2];

    for (int i = 0; i < RUNLIST_COMMANDS_MAX - 1; i++)
        json_array_append_new (many, json_string ("x"));
    assert_int_equal (runlist_push (l, "cleanup", many), 0);
    assert_int_equal (push (l, "cleanup", "[\"a\",\"b\"]"), -1);
    assert_int_equal (errno, ENOSPC);
    assert_take (l, "cleanup", "x"); /* neither of them */
    assert_int_equal (push (l, "cleanup", "[\"a\",\"b\"]"), 0);
    assert_take (l, "cleanup", "b");
    json_decref (many);

    memset (name, 'n', sizeof (name));
    name[RUNLIST_NAME_MAX + 1] = '\0';
    assert_int_equal (push (l, name, "[\"a\"]"), -1);
    assert_int_equal (errno, ENAMETOOLONG);
    name[RUNLIST_NAME_MAX] = '\0';
    assert_int_equal (push (l, name, "[\"a\"]"), 0);
    for (int i = 2; i < RUNLIST_MAX; i++) {
        snprintf (name, sizeof (name), "list%d", i);
        assert_int_equal (push (l, name, "[\"a\"]"), 0);
        /* what is empty is no list */
        snprintf (name, sizeof (name), "empty%d", i);
        assert_int_equal (push (l, name, "[]"), 0);
    }
    assert_int_equal (push (l, "one-more", "[\"a\"]"), -1);
    assert_int_equal (errno, ENOSPC);
    assert_take (l, "one-more", NULL);
    assert_int_equal (push (l, "list5", "[\"b\"]"), 0);
    runlist_destroy (l);
}

/* Long commands: what was run, or is not to be run, makes room. */
static void bytes (void **state)
{
    struct runlist *l = runlist_create ();
    json_t *half = json_array ();
    char *text = calloc (1, RUNLIST_BYTES_MAX / 2);

    memset (text, 'x', RUNLIST_BYTES_MAX / 2 - 1);
    json_array_append_new (half, json_string (text));
    assert_int_equal (runlist_push (l, "a", half), 0);
    assert_int_equal (runlist_push (l, "b", half), 0);
    assert_int_equal (push (l, "c", "[\"\"]"), -1);
    assert_int_equal (errno, ENOSPC);
    assert_take (l, "a", text);
    assert_int_equal (runlist_push (l, "c", half), 0);
    assert_int_equal (runlist_push (l, "c", half), -1);
    runlist_clear (l, "b");
    assert_int_equal (runlist_push (l, "c", half), 0);
    json_decref (half);
    free (text);
    runlist_destroy (l);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (order),
        cmocka_unit_test (malformed),
        cmocka_unit_test (bounds),
        cmocka_unit_test (bytes),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
