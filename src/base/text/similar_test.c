#include "base/test.h"
#include "base/text/similar.h"

#include <string.h>

static void test_distance (void **state)
{
    char text[128];

    assert_int_equal (similar_distance ("", ""), 0);
    assert_int_equal (similar_distance ("", "abc"), 3);
    assert_int_equal (similar_distance ("submit", "submit"), 0);
    assert_int_equal (similar_distance ("sumbit", "submit"), 1);
    assert_int_equal (similar_distance ("submt", "submit"), 1);
    assert_int_equal (similar_distance ("xubmit", "submit"), 1);
    assert_int_equal (similar_distance ("kitten", "sitting"), 3);
    memset (text, 'a', sizeof (text) - 1);
    text[sizeof (text) - 1] = '\0';
    assert_true (similar_distance (text, text) > 63);
}

static const char *best (const char *word)
{
    static const char *const words[] = { "submit", "bulksubmit", "jobs", "job",
                                         "kvs",    "resource",   NULL };
    struct similar s = { .word = word };

    for (int i = 0; words[i]; i++)
        similar_try (&s, words[i]);
    return s.best;
}

static void test_best (void **state)
{
    assert_string_equal (best ("sumbit"), "submit");
    assert_string_equal (best ("jbos"), "jobs");
    assert_string_equal (best ("res"), "resource");
    assert_string_equal (best ("resorce"), "resource");
    assert_null (best ("x"));
    assert_null (best (""));
    assert_null (best ("nosuchcommand"));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_distance),
        cmocka_unit_test (test_best),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
