/* Cores that are kept from the scheduler. */
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "reserve.h"

#define R                                                                              \
    "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0-2\",\"children\":"        \
    "{\"core\":\"0-3\",\"gpu\":\"0\"}}],\"nodelist\":[\"a[0-2]\"],"                    \
    "\"properties\":{\"p\":\"1\"},\"starttime\":1,\"expiration\":9}}"

static void left (const char *reserve, const char *text)
{
    flux_error_t error;
    struct rset *r = rset_decode (R, NULL), *l;
    struct reserve *v = reserve_decode (reserve, &error);
    char *s;

    assert_non_null (r);
    assert_non_null (v);
    assert_non_null (l = reserve_apply (v, r));
    assert_non_null (s = rset_dump (l));
    assert_string_equal (s, text);
    assert_true (rset_expiration (l) == 9.);
    free (s);
    rset_destroy (l);
    rset_destroy (r);
    reserve_destroy (v);
}

static void cores_are_reserved (void **state)
{
    left ("0", "rank[0-2]/core[1-3],gpu0");
    left ("0-1@0", "rank0/core[2-3],gpu0 rank[1-2]/core[0-3],gpu0");
    left (" 0-2@0  0 ", "rank0/core3,gpu0 rank[1-2]/core[1-3],gpu0");
    left ("7", "rank[0-2]/core[0-3],gpu0");
    left ("3@7", "rank[0-2]/core[0-3],gpu0");
}

static void the_rest_stays (void **state)
{
    flux_error_t error;
    struct rset *r = rset_decode (R, NULL), *l;
    struct reserve *v = reserve_decode ("0", &error);

    assert_non_null (l = reserve_apply (v, r));
    json_t *p = rset_properties (l);
    assert_string_equal (json_string_value (json_object_get (p, "p")), "1");
    json_decref (p);
    assert_string_equal (rset_host (l, 2), "a2");
    rset_destroy (l);
    rset_destroy (r);
    reserve_destroy (v);
}

static void bad_ones_are_refused (void **state)
{
    static const char *const bad[] = {
        "", "  ", "x", "0@", "0@x", "@0", "0-", "1 2@3@4"
    };
    flux_error_t error;

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        assert_null (reserve_decode (bad[i], &error));
        assert_non_null (strstr (error.text, "resource.reserve: "));
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (cores_are_reserved),
        cmocka_unit_test (the_rest_stays),
        cmocka_unit_test (bad_ones_are_refused),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
