#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "modules/job-exec/servers/site.h"

static char dir[] = "/tmp/site-test.XXXXXX";

static char *in_dir (const char *name)
{
    char *path;
    assert_true (asprintf (&path, "%s/%s", dir, name) > 0);
    return path;
}

static void touch (const char *name)
{
    char *path = in_dir (name);
    assert_int_equal (file_write_all (path, "", 0, 0600), 0);
    free (path);
}

static void make_dir (const char *name)
{
    char *path = in_dir (name);
    assert_int_equal (mkdir (path, 0700), 0);
    free (path);
}

static bool found (struct site *site)
{
    site->looked = 0.;
    return site_has_plugins (site);
}

static void each_kind_of_file_counts (void **state)
{
    struct site site = { .initrc = in_dir ("rc/initrc.lua"),
                         .pluginpath = in_dir ("nosuch:plugins"),
                         .rcpath = in_dir ("more") };
    char *list;

    assert_int_equal (asprintf (&list, "%s/nosuch:%s/plugins", dir, dir) > 0, 1);
    free (site.pluginpath);
    site.pluginpath = list;
    assert_false (found (&site));
    make_dir ("rc");
    make_dir ("rc/lua.d");
    make_dir ("plugins");
    make_dir ("more");
    touch ("plugins/README");
    touch ("rc/lua.d/x.txt");
    assert_false (found (&site));

    touch ("plugins/a.so");
    assert_true (found (&site));
    list = in_dir ("plugins/a.so");
    unlink (list);
    free (list);
    assert_false (found (&site));

    touch ("rc/lua.d/x.lua");
    assert_true (found (&site));
    list = in_dir ("rc/lua.d/x.lua");
    unlink (list);
    free (list);
    touch ("more/y.lua");
    assert_true (found (&site));
    list = in_dir ("more/y.lua");
    unlink (list);
    free (list);
    touch ("rc/initrc.lua");
    assert_true (found (&site));
    list = in_dir ("rc/initrc.lua");
    unlink (list);
    free (list);
    assert_true (site_has_plugins (&site)); /* as it was a moment ago */
    assert_false (found (&site));
    site_fini (&site);
}

static void servers_are_told (void **state)
{
    flux_cmd_t *cmd = flux_cmd_create (0, NULL, NULL);

    setenv ("FLUX_SHELL_RC_PATH", "/a:/b", 1);
    assert_int_equal (site_set_env (NULL, cmd), 0);
    assert_string_equal (flux_cmd_getenv (cmd, "FLUX_SHELL_RC_PATH"), "/a:/b");
    assert_non_null (strstr (flux_cmd_getenv (cmd, "FLUX_SHELL_INITRC"), "initrc.lua"));
    assert_non_null (
        strstr (flux_cmd_getenv (cmd, "FLUX_SHELL_PLUGINPATH"), "plugins"));
    flux_cmd_destroy (cmd);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (each_kind_of_file_counts),
        cmocka_unit_test (servers_are_told),
    };
    if (!mkdtemp (dir))
        return 1;
    int rc = cmocka_run_group_tests (tests, NULL, NULL);
    dir_remove (dir);
    return rc;
}
