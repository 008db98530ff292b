#include "base/test.h"
#include "cmd/job/task_table.h"

#include <flux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The command's words in [], or the error. */
static void check (const char *text, unsigned int task, const char *want)
{
    flux_error_t error = { "" };
    char got[512] = "";
    struct task_table *t = task_table_parse (text, &error);

    if (!t)
        snprintf (got, sizeof (got), "%s", error.text);
    else {
        char **words = task_table_command (t, task);
        if (!words) {
            assert_int_equal (errno, ENOENT);
            strcpy (got, "none");
        }
        for (int i = 0; words && words[i]; i++)
            snprintf (got + strlen (got), sizeof (got) - strlen (got), "[%s]",
                      words[i]);
        task_table_free_words (words);
    }
    assert_string_equal (got, want);
    task_table_destroy (t);
}

static void test_lines (void **state)
{
    const char *text = "# comment\n\n"
                       "0-1,5  echo task %t offset %o # more\n"
                       "  2 \"a b\" 'c \"d' e\\ f \"g\\\"h\" ''\n"
                       "* rest %t %o %%t#%";

    check (text, 0, "[echo][task][0][offset][0]");
    check (text, 1, "[echo][task][1][offset][1]");
    check (text, 5, "[echo][task][5][offset][2]");
    check (text, 2, "[a b][c \"d][e f][g\"h][]");
    check (text, 3, "[rest][3][3][%3#%]");
    check ("* a\n1 b\n", 1, "[b]");
    check ("* a\n1 b\n", 0, "[a]");
    check ("", 0, "none");
    check ("0 a\n", 1, "none");
    check ("0\n* a", 0, "none");
}

static void test_errors (void **state)
{
    check ("0 a\nx-y b\n", 0, "line 2: invalid idset: x-y");
    check ("0 \"a\n", 0, "line 1: no closing quotation");
    check ("0 a 'b", 0, "line 1: no closing quotation");
    check ("0-3 a\n\n3 b\n", 0, "line 3: a task has a line already: 3");
    check ("* a\n* b\n", 0, "line 2: there is a line for * already");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_lines),
        cmocka_unit_test (test_errors),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
