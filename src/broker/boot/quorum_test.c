/* broker.quorum as a number and as a set. */
#include "broker/boot/quorum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"

static struct quorum decode (const char *s, int size)
{
    flux_error_t error = { "" };
    struct quorum q;

    if (quorum_decode (&q, s, size, &error) < 0)
        fail_msg ("%s: %s", s, error.text);
    return q;
}

static bool full (const struct quorum *q, const char *online)
{
    struct idset *ids = idset_decode (online);
    bool is_full = quorum_is_full (q, ids);

    idset_destroy (ids);
    return is_full;
}

static void assert_missing (const struct quorum *q, int size, const char *online,
                            const char *expected)
{
    struct idset *ids = idset_decode (online);
    struct idset *missing = quorum_missing (q, size, ids);
    char *s = idset_encode (missing, IDSET_FLAG_RANGE);

    assert_string_equal (s, expected);
    free (s);
    idset_destroy (missing);
    idset_destroy (ids);
}

static void a_number_is_met_by_any (void **state)
{
    struct quorum q = decode ("2", 4);

    assert_false (full (&q, ""));
    assert_false (full (&q, "3"));
    assert_true (full (&q, "1,3"));
    assert_true (full (&q, "0-3"));
    assert_missing (&q, 4, "3", "0-2");
    quorum_fini (&q);
}

static void without_one_all_are_needed (void **state)
{
    struct quorum q = decode (NULL, 3);

    assert_int_equal (q.count, 3);
    assert_false (full (&q, "0,2"));
    assert_true (full (&q, "0-2"));
    assert_missing (&q, 3, "0,2", "1");
    quorum_fini (&q);
}

static void a_set_is_met_by_its_ranks (void **state)
{
    struct quorum q = decode ("0,2-3", 5);

    assert_int_equal (q.count, 3);
    assert_false (full (&q, "0-2,4"));
    assert_true (full (&q, "0,2-3"));
    assert_missing (&q, 5, "1,3", "0,2");
    quorum_fini (&q);
    q = decode ("[3]", 4);
    assert_int_equal (q.count, 1);
    assert_false (full (&q, "0-2"));
    assert_true (full (&q, "3"));
    quorum_fini (&q);
}

static void what_cannot_be_met_is_refused (void **state)
{
    static const struct {
        const char *s, *word;
    } rows[] = {
        { "0", "from 1" },        { "-1", "from 1" },
        { "foo", "a number" },    { "", "a number" },
        { "1e3", "a number" },    { "5", "more than" },
        { "9-10", "rank 10" },    { "[4]", "rank 4" },
        { "1-", "set of ranks" }, { "[]", "set of ranks" },
        { "3,", "set of ranks" }, { "99999999999999999999", "from 1" },
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        flux_error_t error = { "" };
        struct quorum q;

        assert_int_equal (quorum_decode (&q, rows[i].s, 4, &error), -1);
        assert_int_equal (errno, EINVAL);
        if (!strstr (error.text, rows[i].word))
            fail_msg ("'%s': '%s' does not say '%s'", rows[i].s, error.text,
                      rows[i].word);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_number_is_met_by_any),
        cmocka_unit_test (without_one_all_are_needed),
        cmocka_unit_test (a_set_is_met_by_its_ranks),
        cmocka_unit_test (what_cannot_be_met_is_refused),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
