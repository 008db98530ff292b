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
    check ("::: a", "{{id}}{} {\"a\": 1} { } ${x:-y}",
           "{{id}}a {\"a\": 1} { } ${x:-y}|");
}

static void define (void **state)
{
    flux_error_t error;
    struct bulk *b = make ("::: 1 2 :::+ x", &error);
    json_t *good = json_pack ("[[s,s],[s]]", "2", "4", "X");
    json_t *bad = json_pack ("[[s],[s]]", "2", "X");
    json_t *items = bulk_items (b, &error);
    json_t *expected = json_pack ("[[s,s],[s]]", "1", "2", "x");
    assert_true (json_equal (items, expected));
    assert_int_equal (bulk_define (b, "pow", bad, &error), -1);
    assert_string_equal (error.text, "--define=pow: not a string for each input");
    assert_null (bulk_expand (b, 0, "{.pow}", &error));
    assert_int_equal (bulk_define (b, "pow", good, &error), 0);
    char *s = bulk_expand (b, 1, "{0} {.pow} {0.pow} {1.pow}", &error);
    assert_string_equal (s, "2 4 4 X");
    free (s);
    json_decref (items);
    json_decref (expected);
    json_decref (good);
    json_decref (bad);
    bulk_destroy (b);
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
    char file[] = "::::";
    struct bulk *b = bulk_create (2, (char *[]){ file, path }, "none", &error);
    assert_int_equal (bulk_count (b), 3);
    bulk_destroy (b);
    b = bulk_create (2, (char *[]){ file, path }, "e", &error);
    char *s = bulk_expand (b, 1, "<{}>", &error);
    assert_string_equal (s, "< two\nthr>");
    free (s);
    bulk_destroy (b);
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
    assert_string_equal (error.text, "Invalid replacement string in command: '{1}'");
    assert_null (bulk_expand (b, 0, "{nosuch}", &error));
    assert_null (bulk_expand (b, 0, "{.nosuch}", &error));
    bulk_destroy (b);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (expand),
        cmocka_unit_test (define),
        cmocka_unit_test (files),
        cmocka_unit_test (bad),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
