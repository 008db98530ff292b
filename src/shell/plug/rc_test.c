/* Which rc files are read, in which order, and from where. The Lua host is this test. */
#include "base/test.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "shell/plug/lua.h"
#include "shell/plug/plugs.h"

static void *open_lua (const char *path, int flags);
static void *find_in_lua (void *dso, const char *name);

#define dlopen open_lua
#define dlsym find_in_lua
#include "shell/plug/rc.c"

struct plugs plugs;
static struct buf said;
static struct shell sh;
static char dir[64];
static const char *nested; /* what the file "outer.lua" reads */

/* --- what the shell would do --- */

json_t *shell_option (struct shell *s, const char *path)
{
    return json_object_get (s->jobspec.shell_options, path);
}

json_t *plugs_option (const char *name)
{
    return shell_option (&sh, name);
}

char *shell_render (struct shell *s, struct task *task, const char *template)
{
    return strdup (template);
}

struct guard guard_enter (const char *name, const char *topic)
{
    return (struct guard){ 0 };
}

void guard_leave (struct guard before)
{
}

int plugs_load (const char *pattern, const char *conf, flux_error_t *error)
{
    buf_printf (&said, "load(%s) ", pattern);
    return 0;
}

int plugs_add (flux_plugin_t *take_p, flux_error_t *error)
{
    return 0;
}

json_t *plugs_info (void)
{
    return NULL;
}

json_t *plugs_rank_info (int rank)
{
    return NULL;
}

json_t *plugs_task_info (struct task *t)
{
    return NULL;
}

/* --- the Lua host --- */

static const char *relative (const char *path)
{
    size_t len = strlen (dir);
    return strncmp (path, dir, len) ? path : path + len;
}

static int source (const struct lua_ops *ops, void **state, const char *path,
                   flux_error_t *error)
{
    const char *name = strrchr (path, '/') + 1;

    buf_printf (&said, "%s", relative (path));
    buf_printf (&said, "[%s] ", relative (ops->rcdir ()));
    *state = &said;
    if (!strcmp (name, "bad.lua"))
        return error_invalid (error, "%s: bad", name);
    if (!strcmp (name, "outer.lua") && ops->source (nested, true, error) < 0)
        return -1;
    return 0;
}

static void fini (void *state)
{
    assert_ptr_equal (state, &said);
    buf_adds (&said, "fini ");
}

static void *open_lua (const char *path, int flags)
{
    assert_non_null (strstr (path, "/flux-shell-lua.so"));
    return &said;
}

static void *find_in_lua (void *dso, const char *name)
{
    return !strcmp (name, "shell_lua_source") ? (void *)source : (void *)fini;
}

/* --- */

static void expect (const char *text)
{
    assert_string_equal (said.data ? said.data : "", text);
    buf_fini (&said);
}

static void set_path (const char *name, const char *fmt)
{
    char value[256];

    snprintf (value, sizeof (value), fmt, dir, dir);
    setenv (name, value, 1);
}

static const char *const files[] = {
    "/initrc.lua",  "/other.lua",   "/outer.lua", "/sub/in.lua", "/sub/bad.lua",
    "/lua.d/b.lua", "/lua.d/a.lua", "/rc1/z.lua", "/rc2/y.lua",  "/rc2/not-lua",
};
static const char *const folders[] = { "/sub", "/lua.d", "/rc1", "/rc2" };

static char *in_dir (const char *name)
{
    static char path[128];
    snprintf (path, sizeof (path), "%s%s", dir, name);
    return path;
}

static int set_up (void **state)
{
    strcpy (dir, "/tmp/shell-rc-XXXXXX");
    if (!mkdtemp (dir))
        return -1;
    for (size_t i = 0; i < sizeof (folders) / sizeof (folders[0]); i++)
        mkdir (in_dir (folders[i]), 0700);
    for (size_t i = 0; i < sizeof (files) / sizeof (files[0]); i++)
        fclose (fopen (in_dir (files[i]), "w"));
    memset (&plugs, 0, sizeof (plugs));
    memset (&sh, 0, sizeof (sh));
    plugs.sh = &sh;
    sh.jobspec.cwd = dir;
    sh.jobspec.shell_options = json_object ();
    set_path ("FLUX_SHELL_INITRC", "%s/initrc.lua");
    set_path ("FLUX_SHELL_RC_PATH", "%s/rc1::%s/rc2");
    setenv ("FLUX_SHELL_PLUGINPATH", "/plugins", 1);
    return 0;
}

static int tear_down (void **state)
{
    plugs_rc_fini ();
    json_decref (sh.jobspec.shell_options);
    free (plugs.searchpath);
    buf_fini (&said);
    for (size_t i = 0; i < sizeof (files) / sizeof (files[0]); i++)
        unlink (in_dir (files[i]));
    for (size_t i = 0; i < sizeof (folders) / sizeof (folders[0]); i++)
        rmdir (in_dir (folders[i]));
    return rmdir (dir);
}

static void set_option (const char *name, const char *value)
{
    json_object_set_new (sh.jobspec.shell_options, name, json_string (value));
}

static void load (int rc, const char *text)
{
    flux_error_t error = { "" };

    assert_int_equal (plugs_load_rc (&sh, &error), rc);
    assert_string_equal (error.text, text);
}

static void the_sites_then_the_jobs (void **state)
{
    load (0, "");
    expect ("/initrc.lua[] ");
    assert_string_equal (plugs.searchpath, "/plugins");
    assert_null (plugs.rcdir);
    set_option ("userrc", "sub/in.lua"); /* in the job's folder */
    load (0, "");
    expect ("/initrc.lua[] /sub/in.lua[/sub] ");
    set_option ("initrc", "other.lua"); /* in the place of the site's */
    load (0, "");
    expect ("/other.lua[] /sub/in.lua[/sub] ");
    plugs_rc_fini ();
    expect ("fini ");
    plugs_rc_fini ();
    expect ("");
}

static void a_site_without_initrc_has_its_folders (void **state)
{
    unlink (in_dir ("/initrc.lua"));
    load (0, "");
    expect ("load(*.so) /lua.d/a.lua[/lua.d] /lua.d/b.lua[/lua.d] /rc1/z.lua[/rc1] "
            "/rc2/y.lua[/rc2] ");
    unsetenv ("FLUX_SHELL_INITRC");
    unsetenv ("FLUX_SHELL_RC_PATH");
    load (0, "");
    expect ("load(*.so) ");
}

/* Others are looked for in the folder of who reads them, which is that before again. */
static void files_read_files (void **state)
{
    set_option ("initrc", "outer.lua");
    nested = "sub/in.lua";
    load (0, "");
    expect ("/outer.lua[] /sub/in.lua[/sub] ");
    nested = "sub/*.nosuch"; /* a pattern may fit nothing */
    load (0, "");
    expect ("/outer.lua[] ");
    nested = "nosuch.lua";
    assert_int_equal (plugs_load_rc (&sh, NULL), -1);
    assert_int_equal (errno, ENOENT);
    assert_null (plugs.rcdir);
}

static void the_first_that_fails_is_the_last (void **state)
{
    set_option ("initrc", "sub/bad.lua");
    set_option ("userrc", "other.lua");
    load (-1, "bad.lua: bad");
    expect ("/sub/bad.lua[/sub] ");
    assert_null (plugs.rcdir);
    json_object_set_new (sh.jobspec.shell_options, "initrc", json_integer (1));
    load (-1, "initrc: expected the name of a file");
    expect ("");
}

#define TEST(f) cmocka_unit_test_setup_teardown (f, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (the_sites_then_the_jobs),
        TEST (a_site_without_initrc_has_its_folders),
        TEST (files_read_files),
        TEST (the_first_that_fails_is_the_last),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
