#include "base/test.h"
#include "base/text/quote.h"

static void is_word (const char *s, const char *word)
{
    struct buf b = BUF_INIT;

    assert_int_equal (buf_add_quoted (&b, s), 0);
    assert_string_equal (b.data, word);
    buf_fini (&b);
}

static void test_words (void **state)
{
    is_word ("", "''");
    is_word ("a b", "'a b'");
    is_word ("$x `y` \"z\" \\\n", "'$x `y` \"z\" \\\n'");
    is_word ("'", "''\\'''");
    is_word ("it's", "'it'\\''s'");
    is_word ("''a'", "''\\'''\\''a'\\'''");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_words),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
