/* The list of modules. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "broker/modhost/modlist.h"
#include "config.h"
#include <cmocka.h>

/* The one that is installed. */
static void installed (void **state)
{
    flux_error_t error = { { 0 } };
    struct modlist *l = modlist_read (FLUX_SOURCE_DIR "/etc/modules.toml", &error);
    const struct modlist_entry *e;

    assert_string_equal (error.text, "");
    assert_non_null (l);
    assert_true (l->count >= 13);
    assert_non_null (e = modlist_find (l, "content-sqlite"));
    assert_true (e->leader);
    assert_string_equal (e->attribute, "content.backing-module");
    assert_true (modlist_names (e->after, "content"));
    assert_false (modlist_names (e->after, "kvs"));
    assert_non_null (e = modlist_find (l, "content"));
    assert_false (e->leader);
    assert_null (e->attribute);
    assert_true (modlist_names (e->used_by, "kvs"));
    assert_false (modlist_names (e->after, "kvs"));
    assert_null (modlist_find (l, "conten"));
    modlist_destroy (l);
    modlist_destroy (NULL);
}

static void refused (void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        { "[[modules]\n", "line 1" },
        { "\nx = \n", "line 2" },
        { "", "modules" },
        { "modules = 1\n", "not an array" },
        { "module = []\nmodules = []\n", "unpacked" },
        { "modules = [1]\n", "modules[0]" },
        { "[[modules]]\nranks = \"0\"\n", "modules[0]: " },
        { "[[modules]]\nname = 1\n", "modules[0]: " },
        { "[[modules]]\nname = \"\"\n", "no name" },
        { "[[modules]]\nname = \"../x\"\n", "no name" },
        { "[[modules]]\nname = \"a\"\nneeds = [\"b\"]\n", "modules[0]: " },
        { "[[modules]]\nname = \"a\"\nranks = \"1\"\n", "neither" },
        { "[[modules]]\nname = \"a\"\nafter = \"b\"\n", "after is not an array" },
        { "[[modules]]\nname = \"a\"\nafter = [1]\n", "after[0] is not a string" },
        { "[[modules]]\nname = \"a\"\nafter = [\"a\"]\n", "not above it" },
        { "[[modules]]\nname = \"a\"\nused-by = {}\n", "used-by is not an array" },
        { "[[modules]]\nname = \"a\"\n[[modules]]\nname = \"a\"\n",
          "modules[1]: a is" },
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        flux_error_t error = { { 0 } };

        errno = 0;
        assert_null (modlist_decode (bad[i].text, strlen (bad[i].text), &error));
        assert_int_equal (errno, EINVAL);
        if (!strstr (error.text, bad[i].why))
            fail_msg ("%s: %s", bad[i].text, error.text);
    }
}

static void files (void **state)
{
    flux_error_t error;

    assert_null (modlist_read ("/nonexistent/modules.toml", &error));
    assert_int_equal (errno, ENOENT);
    assert_string_equal (error.text,
                         "/nonexistent/modules.toml: No such file or directory");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (installed),
        cmocka_unit_test (refused),
        cmocka_unit_test (files),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
