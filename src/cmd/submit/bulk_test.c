#include "cmd/submit/bulk.h"

#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAXARGS 32

static struct bulk *make (const char *args, flux_error_t *error)
{
    char *argv[MAXARGS];
    int argc = 0;
    char *save;
    char *copy = strdup (args);
    for (char *w = strtok_r (copy, " ", &save); w; w = strtok_r (NULL, " ", &save))
        argv[argc++] = w;
    struct bulk *b = bulk_create (argc, argv, NULL, error);
    free (copy);
    return b;
}

static void check (const char *args, const char *text, const char *expected)
{
    flux_error_t error;
    char joined[512] = "";
    struct bulk *b = make (args, &error);
    if (!b)
        fail_msg ("%s", error.text);
    for (size_t i = 0; i < bulk_count (b); i++) {
        char *s = bulk_expand (b, i, text, &error);
        assert_non_null (s);
        strcat (joined, s);
        strcat (joined, "|");
        free (s);
    }
    assert_string_equal (joined, expected);
    bulk_destroy (b);
}

static void expand (void **state)
{
    check ("::: a b", "x{}y", "xay|xby|");
    check ("::: a b ::: 1 2", "{0}-{1}", "a-1|a-2|b-1|b-2|");
    check ("::: a b :::+ 1 2", "{0}-{1}", "a-1|b-2|");
    check ("::: a b c :::+ 1 2", "{0}-{1}", "a-1|b-2|c-1|");
    check ("::: a b :::+ 1 2 ::: x y", "{0}{1}{2}", "a1x|a1y|b2x|b2y|");
    check ("::: a b", "{seq}{seq1}", "01|12|");
    check ("::: /d/f.txt g", "{.%} {./} {./%} {.//}", "/d/f f.txt f /d|g g g |");
    check ("::: /d.x/f", "{.%}", "/d.x/f|");
    check ("::: a", "{cc} {{id}} {", "{cc} {{id}} {|");
    check ("::: a ::: b", "{1.%}", "b|");
}

static void files (void **state)
{
    flux_error_t error;
    char path[] = "/tmp/flux-bulkXXXXXX";
    char args[64];
    int fd = mkstemp (path);
    assert_true (fd >= 0);
    assert_int_equal (write (fd, "one two\nthree\n", 14), 14);
    close (fd);
    snprintf (args, sizeof (args), ":::: %s", path);
    check (args, "{}", "one two|three|");
    unlink (path);
    assert_null (make (args, &error));
    assert_non_null (strstr (error.text, "No such file"));
}

static void bad (void **state)
{
    flux_error_t error;
    assert_null (make (":::+ a", &error));
    assert_string_equal (error.text, ":::+ must not be the first list");
    assert_null (make ("::: a :::", &error));
    assert_string_equal (error.text, ":::: no inputs");
    struct bulk *b = make ("::: a", &error);
    assert_null (bulk_expand (b, 0, "{1}", &error));
    assert_string_equal (error.text, "{1}: there are only 1 input lists");
    bulk_destroy (b);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (expand),
        cmocka_unit_test (files),
        cmocka_unit_test (bad),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
