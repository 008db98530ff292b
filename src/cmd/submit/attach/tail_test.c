#include "cmd/submit/attach/tail.h"

#include "base/buf.h"
#include "base/test.h"

#include <string.h>

static void take (unsigned int rank, bool err, const char *data, size_t len, void *arg)
{
    buf_printf (arg, "%u%c%.*s|", rank, err ? 'e' : 'o', (int)len, data);
}

static void check (struct tail *t, const char *expected)
{
    struct buf b = BUF_INIT;
    tail_flush (t, take, &b);
    assert_string_equal (b.data ? b.data : "", expected);
    buf_fini (&b);
}

static void add (struct tail *t, unsigned int rank, bool err, const char *s)
{
    assert_int_equal (tail_add (t, rank, err, s, strlen (s)), 0);
}

static void last_lines (void **state)
{
    struct tail *t = tail_create (2);
    check (t, "");
    add (t, 0, false, "a\nb\nc\n");
    check (t, "0ob\n|0oc\n|");
    check (t, "");
    add (t, 0, false, "a\nb");
    add (t, 0, false, "c\nd");
    check (t, "0obc\n|0od|");
    add (t, 1, true, "x");
    add (t, 1, false, "y");
    add (t, 2, false, "z\n");
    check (t, "1oy|2oz\n|");
    add (t, 0, false, "kept until the end");
    tail_destroy (t);
}

static void none (void **state)
{
    struct tail *t = tail_create (0);
    add (t, 0, false, "a\n");
    check (t, "");
    tail_destroy (t);
    tail_destroy (NULL);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (last_lines),
        cmocka_unit_test (none),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
