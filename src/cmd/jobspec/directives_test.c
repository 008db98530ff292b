#include "cmd/jobspec/directives.h"

#include "base/test.h"

#include <stdlib.h>
#include <string.h>

static void check (const char *script, const char *expected)
{
    flux_error_t error = { { 0 } };
    char joined[512] = "";
    int count;
    char **args = directives_parse (script, &count, NULL, &error);
    if (!args)
        fail_msg ("%s", error.text);
    for (int i = 0; i < count; i++) {
        strcat (joined, args[i]);
        strcat (joined, "|");
    }
    assert_null (args[count]);
    assert_string_equal (joined, expected);
    directives_free (args);
}

static void check_error (const char *script, const char *expected)
{
    flux_error_t error = { { 0 } };
    int count;
    char **args = directives_parse (script, &count, NULL, &error);
    if (args)
        fail_msg ("accepted");
    assert_string_equal (error.text, expected);
}

static void good (void **state)
{
    check ("", "");
    check ("#!/bin/sh\necho flux: x\n", "");
    check ("#!/bin/sh\n#flux: -N4 -n 8\n#flux: --job-name='my job'\n\ndate\n",
           "-N4|-n|8|--job-name=my job|");
    check ("# FLUX: -t 5m # five minutes\n# a remark\n# FLUX: -x\n", "-t|5m|-x|");
    check ("# flux: -o a=\"b c\" d\\ e\n", "-o|a=b c|d e|");
    check ("# flux: --setattr=x=\"\"\"\n# flux: [a]\n# flux:   b\n# flux: \"\"\"\n"
           "# flux: -x\ndate\n",
           "--setattr=x=[a]\n  b\n|-x|");
    check ("#flux: -S x='''\n#flux:   a\n#flux:\n#flux:  b''' \n#flux: -x\n",
           "-S|x= a\n\nb|-x|");
    check ("#flux: \"\"\"\n#flux:\"\"\"\n#flux: \"\"\"a\"b\"\"\"\n", "|a\"b|");
}

/* Each word has the line in which its directive begins. */
static void numbers (void **state)
{
    static const int expected[] = { 2, 2, 3, 7, 7 };
    flux_error_t error;
    int count, *lines;
    char **args =
        directives_parse ("#!/bin/sh\n#flux: -n 1\n#flux: --x=\"\"\"\n#flux: a\n"
                          "#flux: b\n#flux: \"\"\"\n#flux: -N1 c\n",
                          &count, &lines, &error);

    assert_int_equal (count, 5);
    assert_memory_equal (lines, expected, sizeof (expected));
    directives_free (args);
    free (lines);
}

static void bad (void **state)
{
    check_error ("# flux: -N1\ndate\n# flux: -n1\n",
                 "line 3: orphan directive: it comes after the first command");
    check_error ("# flux: --x='y\n", "line 1: no closing quotation");
    check_error ("# flux: -N1\n## flux: -n1\n",
                 "line 2: directive begins otherwise than those before it");
    check_error ("# flux: a=\"\"\"b\n# flux: \"\"\"\n",
                 "line 1: triple quotes are opened within a line and not closed there");
    check_error ("# flux: \"\"\"\n# x\n",
                 "line 1: a quoted text in triple quotes is not closed");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (good),
        cmocka_unit_test (numbers),
        cmocka_unit_test (bad),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
