/* Who sets what a scheduler does not read is told so. */
#include "base/test.h"

#include <errno.h>
#include <flux/core.h>
#include <jansson.h>

#include "core/sched/policy.h"

static const struct {
    const char *json, *error;
} t[] = {
    { "{}", NULL },
    { "{\"policy\":{\"limits\":{}},\"queues\":{\"a\":{\"policy\":{}}}}", NULL },
    { "{\"policy\":{\"scheduler\":{\"x\":1}}}",
      "policy.scheduler: sched-x has no keys there" },
    { "{\"queues\":{\"a\":{},\"b\":{\"policy\":{\"scheduler\":{}}}}}",
      "queues.b.policy.scheduler: sched-x has no keys there" },
    { "{\"policy\":5,\"queues\":[1]}", NULL }, /* for others to refuse */
};

static void none (void **state)
{
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_error_t error = { "" };
        json_t *o = json_loads (t[i].json, 0, NULL);
        flux_conf_t *conf = flux_conf_pack ("O", o);

        assert_non_null (conf);
        errno = 0;
        assert_int_equal (sched_policy_none (conf, "sched-x", &error),
                          t[i].error ? -1 : 0);
        assert_string_equal (error.text, t[i].error ? t[i].error : "");
        assert_int_equal (errno, t[i].error ? EINVAL : 0);
        flux_conf_decref (conf);
        json_decref (o);
    }
    assert_int_equal (sched_policy_none (NULL, "sched-x", NULL), 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (none),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
