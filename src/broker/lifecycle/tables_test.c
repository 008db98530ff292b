/* A configuration that would end the next start is refused, by the name of its key. */
#include "base/test.h"

#include <errno.h>
#include <string.h>

#include "broker/attrs.h"
#include "broker/lifecycle/tables.h"

static const struct {
    const char *json;
    const char *error; /* what it begins with; NULL: none */
} t[] = {
    { "{}", NULL },
    { "{\"other\":5}", NULL },
    { "{\"access\":{\"allow-guest-user\":true,\"private-mode\":false}}", NULL },
    { "{\"access\":5}", "access: must be a table" },
    { "{\"access\":{\"allow-root-owner\":\"no\"}}",
      "access.allow-root-owner: must be true or false" },
    { "{\"access\":{\"allow-guest-users\":true}}",
      "access.allow-guest-users: there is" },
    { "{\"archive\":{\"period\":\"1m\"}}", "archive: there is no job-archive" },
    { "{\"archive\":[]}", "archive: there is no job-archive" },
    { "{\"sdexec\":{\"mapper\":\"x\"}}", "sdexec: what a unit of systemd has" },
    { "{\"systemd\":{\"enable\":false,\"sdbus-debug\":false}}", NULL },
    { "{\"systemd\":{\"enable\":true,\"sdexec-debug\":true}}", NULL },
    { "{\"systemd\":{\"enable\":1}}", "systemd.enable: must be true or false" },
    { "{\"systemd\":{\"nosuch\":false}}", "systemd.nosuch: there is" },
    { "{\"systemd\":5}", "systemd: must be a table" },
    { "{\"sched-simple\":{}}", NULL },
    { "{\"sched-simple\":1}", "sched-simple: must be a table" },
    { "{\"sched-simple\":{\"mode\":1}}", "sched-simple.mode: there is" },
    { "{\"sched-fluxion-qmanager\":{\"queue-policy\":\"easy\","
      "\"queue-params\":\"queue-depth=8\"}}",
      NULL },
    { "{\"sched-fluxion-qmanager\":{\"queue-polici\":\"easy\"}}",
      "sched-fluxion-qmanager.queue-polici: there is" },
    { "{\"sched-fluxion-qmanager\":{\"queue-policy\":1}}",
      "sched-fluxion-qmanager.queue-policy: must be a string" },
    { "{\"sched-fluxion-resource\":[]}", "sched-fluxion-resource: must be a table" },
    { "{\"sched-fluxion-resource\":{\"match-policy\":\"low\","
      "\"reserve-vtx-vec\":10}}",
      NULL },
    { "{\"sched-fluxion-resource\":{\"nosuch\":1}}",
      "sched-fluxion-resource.nosuch: there is" },
    { "{\"bootstrap\":{}}", NULL },
    { "{\"bootstrap\":5}", "bootstrap: must be a table" },
    { "{\"bootstrap\":{\"hosts\":[5]}}", "bootstrap.hosts" },
    { "{\"bootstrap\":{\"default_port\":\"x\"}}",
      "bootstrap.default_port: must be an" },
    { "{\"tbon\":{\"torpid_min\":\"1m\",\"zmqdebug\":1,\"topo\":\"kary:2\"}}", NULL },
    { "{\"tbon\":\"x\"}", "tbon: must be a table" },
    { "{\"tbon\":{\"topo\":[]}}", "tbon.topo: must be a string or an integer" },
    { "{\"tbon\":{\"torpid_min\":\"x\"}}", "tbon.torpid_min: 'x' is not a duration" },
    { "{\"tbon\":{\"level\":1}}", "tbon.level: attribute may not be set" },
    { "{\"tbon\":{\"nosuch\":1}}", "tbon.nosuch: unknown attribute" },
};

static void refuses (void **state)
{
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        json_t *conf = json_loads (t[i].json, 0, NULL);
        flux_error_t error = { "" };
        const char *want = t[i].error ? t[i].error : "";

        assert_non_null (conf);
        assert_int_equal (tables_check (conf, &error), t[i].error ? -1 : 0);
        if (strncmp (error.text, want, strlen (want)) != 0 || (!*want && error.text[0]))
            fail_msg ("%s: '%s' is not '%s'", t[i].json, error.text, want);
        json_decref (conf);
    }
}

static void applies (void **state)
{
    struct attrs *a = attrs_create ();
    json_t *conf =
        json_pack ("{s:{s:s s:i}}", "tbon", "torpid_max", "7s", "zmqdebug", 1);
    struct bootstrap *bs;
    flux_error_t error;

    assert_int_equal (tables_apply (a, conf, &bs, &error), 0);
    assert_string_equal (attrs_val (a, "tbon.torpid_max"), "7s");
    assert_string_equal (attrs_val (a, "tbon.zmqdebug"), "1");
    json_object_set_new (conf, "access", json_integer (5));
    assert_int_equal (tables_apply (a, conf, &bs, &error), -1);
    json_decref (conf);
    attrs_destroy (a);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (refuses),
        cmocka_unit_test (applies),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
