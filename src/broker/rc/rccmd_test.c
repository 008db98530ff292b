/* What rc1 and rc3 give to sh: texts, and what a shell makes of them. */
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "broker/rc/rccmd.h"

static char top[64];

static int make (void **state)
{
    snprintf (top, sizeof (top), "/tmp/rccmd-XXXXXX");
    return mkdtemp (top) ? 0 : -1;
}

static int clean (void **state)
{
    return dir_remove (top);
}

static void script (const char *dir, const char *name, const char *text)
{
    char path[512];
    FILE *f;

    snprintf (path, sizeof (path), "%s/%s", top, dir);
    (void)mkdir (path, 0700);
    snprintf (path, sizeof (path), "%s/%s/rc1.d", top, dir);
    (void)mkdir (path, 0700);
    snprintf (path, sizeof (path), "%s/%s/rc1.d/%s", top, dir, name);
    assert_non_null (f = fopen (path, "w"));
    fprintf (f, "#!/bin/sh\n%s\n", text);
    fclose (f);
    assert_int_equal (chmod (path, 0700), 0);
}

/* The status of sh -c cmd, and what it prints. */
static int run (const char *cmd, char *out, size_t size)
{
    FILE *f = popen (cmd, "r");
    size_t n;

    assert_non_null (f);
    n = fread (out, 1, size - 1, f);
    out[n] = '\0';
    return WEXITSTATUS (pclose (f));
}

static char *scripts (const char *a, const char *b)
{
    static char paths[2][128];
    const char *dirs[2] = { a ? paths[0] : NULL, b ? paths[1] : NULL };

    snprintf (paths[0], sizeof (paths[0]), "%s/%s", top, a ? a : "");
    snprintf (paths[1], sizeof (paths[1]), "%s/%s", top, b ? b : "");
    return rccmd_scripts (dirs, 2, "rc1");
}

static void none (void **state)
{
    const char *const dirs[] = { NULL, "" };

    assert_null (rccmd_scripts (dirs, 2, "rc1"));
    assert_null (scripts ("nosuch", "neither"));
    script ("hidden", ".swp", "echo no");
    assert_null (scripts ("hidden", NULL));
}

/* Of the site first, then of who starts the instance; each in the order of names. */
static void in_order (void **state)
{
    char out[256];
    char *cmd;

    script ("site", "20b", "echo second");
    script ("site", "10a", "echo first");
    script ("mine", "05", "echo third");
    assert_non_null (cmd = scripts ("site", "mine"));
    assert_int_equal (run (cmd, out, sizeof (out)), 0);
    assert_string_equal (out, "first\nsecond\nthird\n");
    free (cmd);
}

static void until_one_fails (void **state)
{
    char out[256];
    char *cmd;

    script ("fail", "1", "echo one");
    script ("fail", "2", "echo two; exit 42");
    script ("fail", "3", "echo three");
    assert_non_null (cmd = scripts ("fail", NULL));
    assert_int_equal (run (cmd, out, sizeof (out)), 42);
    assert_string_equal (out, "one\ntwo\n");
    free (cmd);
}

/* Names are names, whatever a shell, or a pattern, would read in them. */
static void names (void **state)
{
    static const char *const odd[] = { "it's",        "two words", "$(echo x)", "a;b",
                                       "*",           "`id`",      "-n",        "q\"q",
                                       "back\\slash", "[ab]" };
    char out[256], want[32];
    char *cmd;

    for (size_t i = 0; i < sizeof (odd) / sizeof (odd[0]); i++) {
        char dir[32];

        snprintf (dir, sizeof (dir), "%s.%zu", odd[i], i);
        snprintf (want, sizeof (want), "script %zu\n", i);
        snprintf (out, sizeof (out), "echo script %zu", i);
        script (dir, odd[i], out);
        assert_non_null (cmd = scripts (NULL, dir));
        assert_int_equal (run (cmd, out, sizeof (out)), 0);
        assert_string_equal (out, want);
        free (cmd);
    }
}

/* flux itself, as these see it: it says what it was asked, and fails if FAIL says so. */
static int last (const char *scripts, bool gc, const char *dump, const char *then,
                 const char *fail, char *out, size_t size)
{
    char whole[1024], dump_cmd[64];
    int status;
    char *cmd;

    snprintf (dump_cmd, sizeof (dump_cmd), "flux dump --quiet %s", dump ? dump : "");
    cmd = rccmd_last (scripts, gc, dump && *dump ? dump_cmd : dump, then);

    if (!cmd)
        return -1;
    snprintf (whole, sizeof (whole),
              "flux () { echo \"$@\"; test \"$1\" != '%s'; }\n%s", fail, cmd);
    status = run (whole, out, size);
    free (cmd);
    return status;
}

static void at_the_end (void **state)
{
    static const struct {
        const char *scripts;
        bool gc;
        const char *dump, *then, *fail;
        int status;
        const char *out;
    } rows[] = {
        { NULL, false, NULL, NULL, "", -1, "" },
        { "echo s", false, "", "echo t", "", -1, "" },
        { NULL, true, NULL, NULL, "", 0, "gc --quiet\n" },
        { "", true, NULL, NULL, "", 0, "gc --quiet\n" },
        { NULL, false, "/x", NULL, "", 0, "dump --quiet /x\n" },
        { "echo s", true, "/x", NULL, "", 0, "s\ngc --quiet\ndump --quiet /x\n" },
        /* whatever came of what is before, the rest is done */
        { "(exit 7)", true, "/x", NULL, "", 7, "gc --quiet\ndump --quiet /x\n" },
        { "echo s", true, "/x", NULL, "gc", 1, "s\ngc --quiet\ndump --quiet /x\n" },
        { "echo s", true, "/x", NULL, "dump", 1, "s\ngc --quiet\ndump --quiet /x\n" },
        { "(exit 7)", true, "/x", NULL, "dump", 1, "gc --quiet\ndump --quiet /x\n" },
        { "true && false && echo s", true, NULL, NULL, "", 1, "gc --quiet\n" },
        /* it is somebody's own line */
        { "exit 7", true, NULL, NULL, "", 7, "gc --quiet\n" },
        { "echo s;", true, NULL, NULL, "", 0, "s\ngc --quiet\n" },
        { "echo s # and so on", true, NULL, NULL, "", 0, "s\ngc --quiet\n" },
        { "s=1", true, NULL, NULL, "", 0, "gc --quiet\n" },
        /* and the modules go last */
        { NULL, true, "/x", "echo t", "", 0, "gc --quiet\ndump --quiet /x\nt\n" },
        { NULL, true, "/x", "echo t", "gc", 1, "gc --quiet\ndump --quiet /x\nt\n" },
        { NULL, true, NULL, "false", "", 1, "gc --quiet\n" },
    };
    char out[256];

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        int status;

        out[0] = '\0';
        status = last (rows[i].scripts, rows[i].gc, rows[i].dump, rows[i].then,
                       rows[i].fail, out, sizeof (out));
        if (status != rows[i].status || strcmp (out, rows[i].out) != 0)
            fail_msg ("%zu: %d, %s", i, status, out);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (none),       cmocka_unit_test (in_order),
        cmocka_unit_test (names),      cmocka_unit_test (until_one_fails),
        cmocka_unit_test (at_the_end),
    };

    return cmocka_run_group_tests (tests, make, clean);
}
