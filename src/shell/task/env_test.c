/* The environment of tasks against a plain list: whatever is set, unset and asked in
 * whatever order, and what each task then sees. */
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell/shell.h"

#define NAMES 40

static char names[NAMES][16];
static char values[NAMES][32]; /* the model; "" at [0] and set false: it is not there */
static bool is_set[NAMES];

static int count (void)
{
    int n = 1; /* Z */

    for (int i = 0; i < NAMES; i++)
        n += is_set[i];
    return n;
}

static void check (const struct shell *sh)
{
    for (int i = 0; i < NAMES; i++) {
        const char *s = shell_env_get (sh, names[i]);

        if (!is_set[i])
            assert_null (s);
        else
            assert_string_equal (s, values[i]);
    }
    assert_int_equal (sh->env_count, count ());
}

/* Names that begin alike are the ones to mix up. */
static void make_names (void)
{
    for (int i = 0; i < NAMES; i++) {
        snprintf (names[i], sizeof (names[i]), "A%.*s%s", i % 10, "BBBBBBBBBB",
                  i < 10   ? ""
                  : i < 20 ? "_"
                  : i < 30 ? "C"
                           : "1");
        is_set[i] = false;
    }
}

static void change (struct shell *sh)
{
    int i = rand () % NAMES;

    if (rand () % 3 == 0) {
        shell_env_unset (sh, names[i]);
        is_set[i] = false;
        return;
    }
    snprintf (values[i], sizeof (values[i]), "%s%d", rand () % 2 ? "x=" : "", rand ());
    if (rand () % 8 == 0)
        values[i][0] = '\0';
    assert_int_equal (shell_env_set (sh, names[i], values[i]), 0);
    is_set[i] = true;
}

static const char *in_list (char **env, const char *name)
{
    size_t len = strlen (name);
    const char *found = NULL;

    for (int i = 0; env[i]; i++) {
        if (strncmp (env[i], name, len) != 0 || env[i][len] != '=')
            continue;
        assert_null (found); /* once */
        found = env[i] + len + 1;
    }
    return found;
}

static void at_random (void **state)
{
    for (unsigned int seed = 1; seed <= 50; seed++) {
        struct shell sh = { .ntasks = 12 };

        srand (seed);
        make_names ();
        assert_int_equal (shell_env_set (&sh, "Z", ""), 0); /* it is never empty */
        for (int step = 0; step < 400; step++) {
            struct task t = { .rank = step % 12, .localid = step % 5 };
            int pmi_fd = step % 2 ? -1 : 3, n = 0;
            char text[16], **env;

            change (&sh);
            check (&sh);
            env = shell_env_task (&sh, &t, pmi_fd);
            for (int i = 0; i < NAMES; i++)
                if (is_set[i])
                    assert_string_equal (in_list (env, names[i]), values[i]);
            snprintf (text, sizeof (text), "%d", t.rank);
            assert_string_equal (in_list (env, "FLUX_TASK_RANK"), text);
            snprintf (text, sizeof (text), "%d", t.localid);
            assert_string_equal (in_list (env, "FLUX_TASK_LOCAL_ID"), text);
            if (pmi_fd < 0) {
                assert_null (in_list (env, "PMI_FD"));
                assert_null (in_list (env, "PMI_RANK"));
            } else {
                assert_string_equal (in_list (env, "PMI_FD"), "3");
                assert_string_equal (in_list (env, "PMI_SIZE"), "12");
            }
            while (env[n])
                n++;
            assert_int_equal (n, count () + (pmi_fd < 0 ? 2 : 5));
        }
        shell_env_fini (&sh);
    }
}

/* What an enclosing job's environment has of these would be a lie here. */
static void whose (void **state)
{
    static const struct {
        const char *name;
        bool ours;
    } rows[] = {
        { "FLUX_JOB_ID", true },
        { "FLUX_JOB_ID_PATH", true },
        { "FLUX_TASK_RANK", true },
        { "FLUX_URI", true },
        { "FLUX_ENCLOSING_ID", true },
        { "PMI_FD", true },
        { "PMI_RANK", true },
        { "PMI_SPAWNED", true },
        { "FLUX_JOB", false },
        { "FLUX_JOB_IDS", false },
        { "FLUX_MODULE_PATH", false },
        { "PMI_FDX", false },
        { "PMI", false },
        { "flux_uri", false },
        { "XFLUX_URI", false },
        { "PATH", false },
        { "", false },
        { "FLUX_", false },
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++)
        if (shell_env_is_ours (rows[i].name) != rows[i].ours)
            fail_msg ("%s", rows[i].name);
}

static void paths (void **state)
{
    static const struct {
        const char *path, *want;
    } rows[] = {
        { "/", "/ab" }, { "/x", "/x/ab" }, { "/x/y/", "/x/y/ab" }, { "", "/ab" }
    };

    unsetenv ("FLUX_URI");
    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        struct shell sh = {
            .jobid_path = rows[i].path, .f58 = "ab", .id = 7, .size = 3
        };

        assert_int_equal (shell_env_init (&sh), 0);
        assert_string_equal (shell_env_get (&sh, "FLUX_JOB_ID_PATH"), rows[i].want);
        assert_string_equal (shell_env_get (&sh, "FLUX_KVS_NAMESPACE"), "job-7");
        assert_string_equal (shell_env_get (&sh, "FLUX_JOB_NNODES"), "3");
        assert_null (shell_env_get (&sh, "FLUX_URI"));
        shell_env_fini (&sh);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (at_random),
        cmocka_unit_test (whose),
        cmocka_unit_test (paths),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
