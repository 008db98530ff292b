#include "base/test.h"

#include "update.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void test_log (void **state)
{
    static const char log[] =
        "{\"timestamp\":1.0,\"name\":\"submit\",\"context\":{\"userid\":1}}\n"
        "{\"timestamp\":2.0,\"name\":\"jobspec-update\",\"context\":"
        "{\"attributes.system.duration\":60,\"attributes.user.x.y\":\"z\"}}\n"
        "{\"timestamp\":3.0,\"name\":\"resource-update\",\"context\":"
        "{\"expiration\":99.0}}\n";
    json_t *jobspec =
        json_pack ("{s:{s:{s:i}}}", "attributes", "system", "duration", 1);
    json_t *R = json_pack ("{s:{s:f}}", "execution", "expiration", 5.);
    char *s;

    assert_int_equal (update_apply_log (jobspec, "jobspec", log, strlen (log)), 0);
    s = json_dumps (jobspec, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal (s, "{\"attributes\":{\"system\":{\"duration\":60},\"user\":{"
                            "\"x\":{\"y\":\"z\"}}}}");
    free (s);
    assert_int_equal (update_apply_log (R, "R", log, strlen (log)), 0);
    s = json_dumps (R, JSON_COMPACT);
    assert_string_equal (s, "{\"execution\":{\"expiration\":99.0}}");
    free (s);
    assert_int_equal (update_apply_log (R, "R", "garbage\n", 8), -1);
    json_decref (jobspec);
    json_decref (R);
}

static void test_path (void **state)
{
    json_t *o = json_pack ("{s:i}", "a", 1), *v = json_integer (2);

    assert_int_equal (update_set_path (o, "a.b", v), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (update_set_path (o, "c.", v), -1);
    assert_int_equal (update_set_path (o, "a", v), 0);
    json_decref (o);
    json_decref (v);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_log),
        cmocka_unit_test (test_path),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
