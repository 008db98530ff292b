#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/encode.h"
#include "broker/attrs.h"

static int refuse (const char *name, const char *val, void *arg, flux_error_t *error)
{
    snprintf (error->text, sizeof (error->text), "%s: no", name);
    errno = EINVAL;
    return -1;
}

static void test_set (void **state)
{
    struct attrs *a = attrs_create ();
    flux_error_t error;
    const char *val;
    int flags;

    assert_int_equal (attrs_put (a, "rank", "0", -1), 0);
    assert_int_equal (attrs_set (a, "nosuch", "1", false, &error), -1);
    assert_int_equal (errno, ENOENT);
    assert_string_equal (error.text, "unknown attribute");
    assert_int_equal (attrs_set (a, "rank", "3", true, &error), -1);
    assert_int_equal (errno, EPERM);
    assert_string_equal (error.text, "attribute may not be updated");
    assert_int_equal (attrs_set (a, "log-stderr-level", "4", false, &error), 0);
    assert_string_equal (attrs_val (a, "log-stderr-level"), "4");
    assert_int_equal (attrs_set (a, "log-level", "x", false, &error), -1);
    assert_string_equal (error.text, "log-level: 'x' is not a number");
    assert_int_equal (attrs_set (a, "rundir-cleanup", "1", false, &error), -1);
    assert_int_equal (attrs_get (a, "rank", &val, &flags), 0);
    assert_true (flags & ATTR_IMMUTABLE);
    assert_string_equal (val, "0");
    assert_int_equal (attrs_put (a, "parent-uri", NULL, -1), 0);
    assert_int_equal (attrs_get (a, "parent-uri", &val, NULL), 0);
    assert_null (val);
    assert_int_equal (attrs_get (a, "nosuch", &val, NULL), -1);
    attrs_on_set (a, "log-level", refuse, NULL);
    assert_int_equal (attrs_set (a, "log-level", "1", false, &error), -1);
    assert_string_equal (error.text, "log-level: no");
    attrs_destroy (a);
}

/* What clients set is bounded, in number and in length. */
static void test_room (void **state)
{
    struct attrs *a = attrs_create ();
    static char name[258], value[65538];
    flux_error_t error;
    size_t n = 0, pos = 0;

    do {
        snprintf (name, sizeof (name), "test.%zu", n);
    } while (n++ < 10000 && attrs_set (a, name, "1", false, &error) == 0);
    assert_int_equal (errno, ENOSPC);
    assert_string_equal (strchr (error.text, ':'),
                         ": there are 1000 attributes, no more fit");
    assert_int_equal (attrs_set (a, "test.0", "2", false, &error), 0);
    assert_int_equal (attrs_remove (a, "test.0", &error), 0);
    memset (name, 'x', sizeof (name) - 2);
    memcpy (name, "test.", 5);
    assert_int_equal (attrs_set (a, name, "1", false, &error), -1);
    assert_int_equal (errno, E2BIG);
    assert_string_equal (error.text, "a name has at most 255 bytes");
    name[255] = '\0';
    assert_int_equal (attrs_set (a, name, "1", false, &error), 0);
    memset (value, 'y', sizeof (value) - 2);
    assert_int_equal (attrs_set (a, name, value, false, &error), -1);
    assert_int_equal (errno, E2BIG);
    assert_string_equal (attrs_val (a, name), "1");
    value[65535] = '\0';
    assert_int_equal (attrs_set (a, name, value, false, &error), 0);
    for (n = 0; attrs_next (a, &pos, &(const char *){ NULL }, NULL, NULL); n++)
        ;
    assert_int_equal (n, 1000);
    attrs_destroy (a);
}

static void test_boot (void **state)
{
    struct attrs *a = attrs_create ();
    flux_error_t error;

    assert_int_equal (attrs_set_boot (a, "nosuch", "1", &error), -1);
    assert_string_equal (error.text, "nosuch: unknown attribute");
    assert_int_equal (attrs_set_boot (a, "rank", "1", &error), -1);
    assert_int_equal (attrs_set_boot (a, "tbon.topo", "kary:2", &error), 0);
    assert_string_equal (attrs_val (a, "tbon.topo"), "kary:2");
    assert_int_equal (attrs_set_boot (a, "tbon.torpid_max", "soon", &error), -1);
    assert_int_equal (attrs_set_boot (a, "test.foo", "x", &error), 0);
    assert_int_equal (attrs_set (a, "test.foo", "y", false, &error), 0);
    assert_int_equal (attrs_remove (a, "test.foo", &error), 0);
    assert_int_equal (attrs_remove (a, "test.foo", &error), -1);
    assert_int_equal (attrs_remove (a, "tbon.topo", &error), -1);
    attrs_destroy (a);
}

static int note (const char *name, const char *val, void *arg, flux_error_t *error)
{
    snprintf (arg, 32, "%s", val);
    return 0;
}

/* What somebody watches is his still when it was removed. */
static void test_remove (void **state)
{
    struct attrs *a = attrs_create ();
    char seen[32] = "";
    flux_error_t error;

    attrs_on_set (a, "log-level", note, seen);
    assert_int_equal (attrs_set (a, "log-level", "1", false, &error), 0);
    assert_string_equal (seen, "1");
    assert_int_equal (attrs_remove (a, "log-level", &error), 0);
    assert_string_equal (seen, "7");
    assert_string_equal (attrs_val (a, "log-level"), "7");
    assert_int_equal (attrs_set (a, "log-level", "3", false, &error), 0);
    assert_string_equal (seen, "3");
    attrs_on_set (a, "log-level", refuse, NULL);
    assert_int_equal (attrs_remove (a, "log-level", &error), -1);
    assert_string_equal (attrs_val (a, "log-level"), "3");
    assert_int_equal (attrs_set (a, "content.dump", "x", false, &error), 0);
    assert_int_equal (attrs_remove (a, "content.dump", &error), 0);
    assert_null (attrs_val (a, "content.dump"));
    attrs_destroy (a);
}

static void test_list (void **state)
{
    struct attrs *a = attrs_create ();
    const char *name, *last = "";
    size_t pos = 0;
    int count = 0;

    while (attrs_next (a, &pos, &name, NULL, NULL)) {
        assert_true (strcmp (last, name) < 0);
        last = name;
        count++;
    }
    assert_true (count > 20);
    attrs_destroy (a);
}

/* What -S and attr.set refuse, for each attribute with a type. */
static void test_types (void **state)
{
    static const struct {
        const char *name, *good, *bad[6];
    } rows[] = {
        { "broker.exit-restart", "42", { "-1", "256", "x" } },
        { "broker.recovery-mode", "1", { "2", "yes" } },
        { "broker.cleanup-timeout", "none", { "-1", "nan", "inf", "soon", "" } },
        { "broker.quorum-warn", "1.5m", { "-1s", "nan", "1x", "99999999999" } },
        { "broker.sd-stop-timeout", "none", { "-1", "x" } },
        { "broker.shutdown-timeout", "0", { "-0.1", "1e400" } },
        { "broker.shutdown-warn", "60", { "nan" } },
        { "broker.sd-notify", "1", { "yes", "2", "" } },
        { "content.hash", "sha256", { "md5", "" } },
        { "instance-level", "3", { "-1", "x" } },
        { "local-uri", "local:///x/y", { "/x/y", "local://x", "ssh://x" } },
        { "log-stderr-mode", "local", { "loud", "" } },
        { "log-level", "-1", { "8", "-2", "x", "3x" } },
        { "log-critical-level", "7", { "8" } },
        { "log-forward-level", "7", { "8" } },
        { "log-stderr-level", "7", { "8" } },
        { "log-syslog-level", "7", { "8" } },
        { "log-syslog-enable", "1", { "2", "on" } },
        { "log-ring-size", "0", { "-1", "99999999999999999999", "NaN" } },
        { "rundir-cleanup", "0", { "2", "yes" } },
        { "statedir-cleanup", "1", { "2", "yes" } },
        { "tbon.child_rcvhwm", "10", { "-1", "x" } },
        { "tbon.connect_timeout", "30s", { "-1", "inf", "30 s" } },
        { "tbon.prefertcp", "-1", { "x", "0x1", " 1" } },
        { "tbon.tcp_user_timeout", "0", { "-1", "3000000s" } },
        { "tbon.torpid_max", "0", { "-1", "nan" } },
        { "tbon.torpid_min", "0.5", { "0", "none", "-1", "x" } },
        { "tbon.zmq_io_threads", "2", { "0", "-1", "65", "x" } },
        { "tbon.zmqdebug", "1", { "x" } },
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        struct attrs *a = attrs_create ();
        flux_error_t error;

        assert_int_equal (attrs_set_boot (a, rows[i].name, rows[i].good, &error), 0);
        for (int j = 0; j < 6 && rows[i].bad[j]; j++) {
            error.text[0] = '\0';
            if (attrs_set_boot (a, rows[i].name, rows[i].bad[j], &error) == 0)
                fail_msg ("%s: '%s' is taken", rows[i].name, rows[i].bad[j]);
            assert_int_equal (errno, EINVAL);
            assert_non_null (strstr (error.text, rows[i].name));
        }
        assert_string_equal (attrs_val (a, rows[i].name), rows[i].good);
        attrs_destroy (a);
    }
}

static void sizes (void **state)
{
    static const struct {
        const char *s;
        uint64_t value;
    } good[] = {
        { "1", 1 }, { "64k", 65536 }, { "256M", 256u << 20 }, { "2G", 2ull << 30 }
    };
    static const char *bad[] = { "",
                                 "0",
                                 "x",
                                 "-1",
                                 "1x",
                                 "1kk",
                                 "1K",
                                 "99999999999999999999",
                                 "18446744073709551615k" };
    uint64_t value;

    for (size_t i = 0; i < sizeof (good) / sizeof (good[0]); i++) {
        assert_int_equal (size_decode (good[i].s, &value), 0);
        assert_int_equal (value, good[i].value);
    }
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_int_equal (size_decode (bad[i], &value), -1);
}

static void keep_state (void **state)
{
    static const struct {
        const char *statedir, *cleanup, *rundir;
        bool kept;
    } cases[] = {
        { NULL, NULL, "/run/x", false },    { "/state", NULL, "/run/x", true },
        { "/state", "0", "/run/x", true },  { "/state", "1", "/run/x", false },
        { "/run/x", "0", "/run/x", false }, { "/state", NULL, NULL, true },
    };

    for (size_t i = 0; i < sizeof (cases) / sizeof (cases[0]); i++) {
        struct attrs *a = attrs_create ();

        assert_non_null (a);
        attrs_put (a, "statedir", cases[i].statedir, -1);
        attrs_put (a, "statedir-cleanup", cases[i].cleanup, -1);
        attrs_put (a, "rundir", cases[i].rundir, -1);
        assert_int_equal (attrs_keep_state (a), cases[i].kept);
        attrs_destroy (a);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (sizes),      cmocka_unit_test (test_set),
        cmocka_unit_test (test_boot),  cmocka_unit_test (test_room),
        cmocka_unit_test (test_types), cmocka_unit_test (test_remove),
        cmocka_unit_test (test_list),  cmocka_unit_test (keep_state),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
