/* What is configured of units of systemd, and the command that makes one. */
#include "base/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modules/job-exec/servers/unit.h"

static int read_text (struct units *u, const char *exec, const char *systemd,
                      flux_error_t *error)
{
    json_t *e = exec ? json_loads (exec, 0, NULL) : NULL;
    json_t *s = systemd ? json_loads (systemd, 0, NULL) : NULL;
    int rc = units_read (u, e, s, error);

    json_decref (e);
    json_decref (s);
    return rc;
}

static void reads (void **state)
{
    struct buf b = BUF_INIT;
    struct units u;

    assert_int_equal (read_text (&u, NULL, NULL, NULL), 0);
    assert_true (!u.on && !u.override && !u.properties && !u.stop_timer);
    assert_int_equal (
        read_text (&u, "{\"service\":\"rexec\",\"service-override\":true}", NULL, NULL),
        0);
    assert_true (!u.on
                 && !u.override); /* where there are no units, there is no choice */
    assert_int_equal (
        read_text (&u,
                   "{\"service\":\"sdexec\",\"service-override\":true,"
                   "\"sdexec-properties\":{\"MemoryMax\":\"90%\",\"CPUWeight\":\"10\"},"
                   "\"sdexec-stop-timer-sec\":30,\"sdexec-stop-timer-signal\":10}",
                   "{\"enable\":true,\"sdexec-debug\":true,\"sdbus-debug\":false}",
                   NULL),
        0);
    assert_true (u.on && u.override && u.debug && !u.bus_debug);
    units_encode (&u, 640, &b);
    assert_string_equal (
        b.data, "{\"stop-timer\":30,\"debug\":true,\"bus-debug\":false,"
                "\"properties\":{\"MemoryMax\":\"90%\",\"CPUWeight\":\"10\"}}");
    units_fini (&u);
    buf_fini (&b);
    assert_int_equal (
        read_text (&u, "{\"service\":\"sdexec\"}", "{\"enable\":true}", NULL), 0);
    units_encode (&u, 640, &b);
    assert_string_equal (b.data,
                         "{\"stop-timer\":640,\"debug\":false,\"bus-debug\":false}");
    buf_fini (&b);
}

static void refuses (void **state)
{
    static const struct {
        const char *exec, *why;
    } list[] = {
        { "{\"service\":\"imp\"}", "exec.service: 'imp' is neither rexec nor sdexec" },
        { "{\"sdexec-properties\":{\"MemoryMax\":1}}",
          "exec.sdexec-properties.MemoryMax: must be a string" },
        { "{\"sdexec-properties\":{\"Type\":\"exec\"}}",
          "exec.sdexec-properties.Type: is not the site's to set" },
        { "{\"sdexec-properties\":{\"A=B\":\"\"}}",
          "exec.sdexec-properties: 'A=B' is no property" },
        { "{\"sdexec-properties\":{\"\":\"\"}}",
          "exec.sdexec-properties: '' is no property" },
        { "{\"sdexec-stop-timer-sec\":0}",
          "exec.sdexec-stop-timer-sec: 0 is not from 1 to 1000000" },
        { "{\"sdexec-stop-timer-signal\":15}",
          "exec.sdexec-stop-timer-signal: 15 is neither 9 nor 10: what a job leaves is "
          "killed" },
    };
    flux_error_t error;
    struct units u;

    for (size_t i = 0; i < sizeof (list) / sizeof (list[0]); i++) {
        errno = 0;
        assert_int_equal (read_text (&u, list[i].exec, "{\"enable\":true}", &error),
                          -1);
        assert_int_equal (errno, EINVAL);
        assert_string_equal (error.text, list[i].why);
    }
    assert_int_equal (read_text (&u, "{\"service\":\"sdexec\"}", NULL, &error), -1);
    assert_string_equal (error.text,
                         "exec.service: sdexec needs systemd.enable = true");
}

static void chooses (void **state)
{
    static const struct {
        bool on, override;
        const char *service;
        int unit;
    } list[] = {
        { false, false, NULL, 0 },      { true, false, NULL, 1 },
        { false, false, "rexec", 0 },   { true, false, "sdexec", 1 },
        { false, false, "sdexec", -1 }, { true, false, "rexec", -1 },
        { false, true, "sdexec", 1 },   { true, true, "rexec", 0 },
        { true, true, "other", -1 },    { true, true, "sdexecs", -1 },
    };

    for (size_t i = 0; i < sizeof (list) / sizeof (list[0]); i++) {
        struct units u = { .on = list[i].on, .override = list[i].override };
        const char *s = list[i].service;
        struct span span = { s, s ? strlen (s) : 0 };
        flux_error_t error = { "" };

        assert_int_equal (units_choose (&u, s ? &span : NULL, &error), list[i].unit);
        assert_int_equal (strncmp (error.text, "exec.bulkexec.service: ", 23) == 0,
                          list[i].unit < 0);
    }
}

static char dir[] = "/tmp/unit_test.XXXXXX", program[64];

/* A directory that is PATH, with systemd-run in it. */
static void set_path (void)
{
    FILE *f;

    assert_non_null (mkdtemp (dir));
    snprintf (program, sizeof (program), "%s/systemd-run", dir);
    assert_non_null (f = fopen (program, "w"));
    fclose (f);
    chmod (program, 0755);
    setenv ("PATH", dir, 1);
}

static flux_cmd_t *wrapped (const char *json)
{
    char *argv[] = { (char *)"/shell", (char *)"--server", (char *)"3", NULL };
    flux_cmd_t *cmd = flux_cmd_create (3, argv, NULL);

    assert_non_null (cmd);
    if (unit_wrap (NULL, cmd, json, 16777216, 3) == 0)
        return cmd;
    flux_cmd_destroy (cmd);
    return NULL;
}

static void wraps (void **state)
{
    char want[128];
    flux_cmd_t *cmd;

    set_path ();
    setenv ("XDG_RUNTIME_DIR", "/run/here", 1);
    setenv ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/bus", 1);
    assert_non_null (
        cmd = wrapped ("{\"stop-timer\":7,\"debug\":false,\"bus-debug\":true,"
                       "\"properties\":{\"MemoryMax\":\"9 %\"}}"));
    snprintf (want, sizeof (want), "--unit=flux-job-%d-3-16777216.scope",
              (int)getpid ());
    assert_int_equal (flux_cmd_argc (cmd), 12);
    assert_string_equal (flux_cmd_arg (cmd, 0), program);
    assert_string_equal (flux_cmd_arg (cmd, 1), "--user");
    assert_string_equal (flux_cmd_arg (cmd, 2), "--scope");
    assert_string_equal (flux_cmd_arg (cmd, 5), want);
    assert_string_equal (flux_cmd_arg (cmd, 7), "--property=MemoryMax=9 %");
    assert_string_equal (flux_cmd_arg (cmd, 8), "--");
    assert_string_equal (flux_cmd_arg (cmd, 9), "/shell");
    assert_string_equal (flux_cmd_getenv (cmd, "XDG_RUNTIME_DIR"), "/run/here");
    assert_string_equal (flux_cmd_getenv (cmd, "DBUS_SESSION_BUS_ADDRESS"),
                         "unix:path=/bus");
    assert_string_equal (flux_cmd_getenv (cmd, "SYSTEMD_LOG_LEVEL"), "debug");
    assert_string_equal (flux_cmd_getenv (cmd, "FLUX_SHELL_STOP_TIMER"), "7");
    flux_cmd_destroy (cmd);

    unsetenv ("XDG_RUNTIME_DIR");
    unsetenv ("DBUS_SESSION_BUS_ADDRESS");
    assert_non_null (
        cmd = wrapped ("{\"stop-timer\":7,\"debug\":false,\"bus-debug\":false}"));
    snprintf (want, sizeof (want), "/run/user/%u", (unsigned)getuid ());
    assert_string_equal (flux_cmd_getenv (cmd, "XDG_RUNTIME_DIR"), want);
    assert_null (flux_cmd_getenv (cmd, "DBUS_SESSION_BUS_ADDRESS"));
    assert_null (flux_cmd_getenv (cmd, "SYSTEMD_LOG_LEVEL"));
    flux_cmd_destroy (cmd);

    errno = 0;
    assert_null (wrapped ("{}"));
    assert_int_equal (errno, EPROTO);
    assert_null (wrapped ("x"));
    unlink (program);
    rmdir (dir);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (reads),
        cmocka_unit_test (refuses),
        cmocka_unit_test (chooses),
        cmocka_unit_test (wraps),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
