#include "fluxion-server/state.h"

#include "base/file.h"
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static int setup (void **state)
{
    strcpy (dir, "/tmp/fluxion-state.XXXXXX");
    return mkdtemp (dir) ? 0 : -1;
}

static int teardown (void **state)
{
    return dir_remove (dir);
}

static struct state *open_state (void)
{
    flux_error_t error;
    struct state *st = state_open (dir, &error);

    if (!st)
        fail_msg ("%s", error.text);
    return st;
}

static void add (struct journal *j, int n)
{
    json_t *change = json_pack ("{s:i}", "n", n);

    assert_int_equal (journal_add (j, change), 0);
    assert_int_equal (journal_sync (j), 0);
    json_decref (change);
}

static struct journal *create (struct state *st, const char *name, int n)
{
    json_t *snapshot = json_pack ("{s:i}", "snapshot", n);
    struct journal *j = journal_create (st, name, snapshot);

    assert_non_null (j);
    json_decref (snapshot);
    return j;
}

/* "SNAPSHOT: N N N", or what is wrong. */
static const char *loaded (const char *name)
{
    static char text[512];
    struct state *st = open_state ();
    json_t *snapshot, *changes, *change;
    flux_error_t error;
    struct journal *j = journal_load (st, name, &snapshot, &changes, &error);
    size_t i;
    int len;

    if (j) {
        len = sprintf (
            text,
            "%d:", (int)json_integer_value (json_object_get (snapshot, "snapshot")));
        json_array_foreach (changes, i, change)
            len += sprintf (text + len, " %d",
                            (int)json_integer_value (json_object_get (change, "n")));
        json_decref (snapshot);
        json_decref (changes);
    } else
        snprintf (text, sizeof (text), "%s", error.text + strlen (dir) + 1);
    journal_close (j);
    state_close (st);
    return text;
}

static void overwrite (const char *name, const char *text)
{
    char path[256];

    snprintf (path, sizeof (path), "%s/%s", dir, name);
    assert_int_equal (file_write_all (path, text, strlen (text), 0600), 0);
}

static bool exists (const char *name)
{
    char path[256];

    snprintf (path, sizeof (path), "%s/%s", dir, name);
    return access (path, F_OK) == 0;
}

static void changes_are_there_after_a_restart (void **state)
{
    struct state *st = open_state ();
    struct journal *j = create (st, "a", 7);

    add (j, 1);
    add (j, 2);
    journal_close (j);
    state_close (st);
    assert_string_equal (loaded ("a"), "7: 1 2");
    assert_string_equal (loaded ("a"), "7: 1 2");
    assert_non_null (strstr (loaded ("b"), "b.graph: No such file"));
}

static void what_a_crash_cut_short_is_not (void **state)
{
    struct state *st = open_state ();
    struct journal *j = create (st, "a", 7);

    journal_close (j);
    state_close (st);
    overwrite ("a.1.journal", "{\"n\":1}\n{\"n\":2}\n{\"n\":");
    assert_string_equal (loaded ("a"), "7: 1 2");
    /* ... and what comes next begins where it began. */
    st = open_state ();
    json_t *snapshot, *changes;
    flux_error_t error;
    j = journal_load (st, "a", &snapshot, &changes, &error);
    assert_non_null (j);
    add (j, 3);
    json_decref (snapshot);
    json_decref (changes);
    journal_close (j);
    state_close (st);
    assert_string_equal (loaded ("a"), "7: 1 2 3");
}

static void damage_is_told_by_file_and_line (void **state)
{
    struct state *st = open_state ();
    struct journal *j = create (st, "a", 7);

    journal_close (j);
    state_close (st);
    overwrite ("a.1.journal", "{\"n\":1}\noops\n{\"n\":3}\n");
    assert_int_equal (strncmp (loaded ("a"), "a.1.journal:2: ", 15), 0);
    unlink ("a.1.journal");
    overwrite ("a.graph", "{");
    assert_int_equal (strncmp (loaded ("a"), "a.graph: ", 9), 0);
    overwrite ("a.graph", "{}");
    assert_string_equal (loaded ("a"), "a.graph: no number of a journal");
    overwrite ("a.graph", "{\"journal\":9}");
    assert_non_null (strstr (loaded ("a"), "a.9.journal: No such file"));
}

static void a_new_snapshot_begins_a_new_journal (void **state)
{
    struct state *st = open_state ();
    struct journal *j = create (st, "a", 7);
    json_t *snapshot = json_pack ("{s:i}", "snapshot", 8);

    add (j, 1);
    assert_false (journal_is_long (j));
    assert_int_equal (journal_renew (j, snapshot), 0);
    add (j, 2);
    journal_close (j);
    json_decref (snapshot);
    assert_false (exists ("a.1.journal"));
    assert_true (exists ("a.2.journal"));
    j = create (st, "a", 9); /* another graph of the name */
    journal_close (j);
    state_close (st);
    assert_false (exists ("a.2.journal"));
    assert_string_equal (loaded ("a"), "9:");
    overwrite ("a.4.journal", "{\"n\":1}\n"); /* of a snapshot that never came */
    assert_string_equal (loaded ("a"), "9:");
}

static void a_journal_gets_long (void **state)
{
    struct state *st = open_state ();
    struct journal *j = create (st, "a", 7);
    char *text = malloc (600000);

    memset (text, 'x', 599999);
    text[599999] = '\0';
    json_t *change = json_pack ("{s:s}", "text", text);
    free (text);
    assert_int_equal (journal_add (j, change), 0);
    assert_false (journal_is_long (j));
    assert_int_equal (journal_add (j, change), 0);
    assert_true (journal_is_long (j));
    json_decref (change);
    journal_close (j);
    state_close (st);
}

static void graphs_have_names (void **state)
{
    struct state *st = open_state ();
    struct journal *j[3] = { create (st, "b", 1), create (st, "a", 1),
                             create (st, "c.d", 1) };
    flux_error_t error;

    assert_int_equal (journal_remove (j[0]), 0);
    assert_false (exists ("b.1.journal"));
    json_t *names = state_graphs (st, &error);
    char *text = json_dumps (names, JSON_COMPACT);
    assert_string_equal (text, "[\"a\",\"c.d\"]");
    free (text);
    json_decref (names);
    for (int i = 0; i < 3; i++)
        journal_close (j[i]);
    state_close (st);
}

static void counters (void **state)
{
    struct state *st = open_state ();
    flux_error_t error;
    uint64_t epoch;
    int64_t jobid;

    assert_int_equal (state_counters (st, &epoch, &jobid, &error), 0);
    assert_int_equal (epoch, 0);
    assert_int_equal (jobid, 0);
    assert_int_equal (state_set_counters (st, 5, 77), 0);
    assert_int_equal (state_counters (st, &epoch, &jobid, &error), 0);
    assert_int_equal (epoch, 5);
    assert_int_equal (jobid, 77);
    overwrite ("counters.json", "{\"epoch\":-1,\"jobid\":0}");
    assert_int_equal (state_counters (st, &epoch, &jobid, &error), -1);
    assert_non_null (strstr (error.text, "counters.json"));
    state_close (st);
}

static void one_server_at_a_time (void **state)
{
    struct state *st = open_state ();
    flux_error_t error;

    assert_null (state_open (dir, &error));
    assert_non_null (strstr (error.text, "another server uses it"));
    state_close (st);
    state_close (open_state ());
    assert_null (state_open ("/nonexistent/dir", &error));
    assert_string_equal (error.text, "/nonexistent/dir: No such file or directory");
}

int main (void)
{
#define test(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests[] = {
        test (changes_are_there_after_a_restart),
        test (what_a_crash_cut_short_is_not),
        test (damage_is_told_by_file_and_line),
        test (a_new_snapshot_begins_a_new_journal),
        test (a_journal_gets_long),
        test (graphs_have_names),
        test (counters),
        test (one_server_at_a_time),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
