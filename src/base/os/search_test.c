#include "base/os/search.h"

#include "base/test.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/search-XXXXXX";

static void make (const char *name, int mode)
{
    char path[PATH_MAX];
    FILE *f;

    snprintf (path, sizeof (path), "%s/%s", top, name);
    assert_non_null (f = fopen (path, "w"));
    fclose (f);
    assert_int_equal (chmod (path, mode), 0);
}

static void make_dir (const char *name)
{
    char path[PATH_MAX];

    snprintf (path, sizeof (path), "%s/%s", top, name);
    assert_int_equal (mkdir (path, 0700), 0);
}

static int set_up (void **state)
{
    assert_non_null (mkdtemp (top));
    make_dir ("a");
    make_dir ("b");
    make_dir ("a/dir");
    make ("a/text", 0644);
    make ("b/text", 0644);
    make ("a/tool", 0644);
    make ("b/tool", 0755);
    make ("b/dir", 0755);
    return 0;
}

static int tear_down (void **state)
{
    char command[64];

    snprintf (command, sizeof (command), "rm -rf %s", top);
    return system (command);
}

/* Which of its directories has it, or "". */
static const char *in (const char *dirs, const char *name,
                       bool (*accept) (const char *))
{
    static char path[PATH_MAX];

    if (!search_dirs (dirs, name, accept, path, sizeof (path)))
        return "";
    assert_memory_equal (path, top, strlen (top));
    return path + strlen (top) + 1;
}

static void the_first_that_will_do (void **state)
{
    char dirs[PATH_MAX], back[PATH_MAX], gaps[PATH_MAX];

    snprintf (dirs, sizeof (dirs), "%s/a:%s/b", top, top);
    snprintf (back, sizeof (back), "%s/b:%s/a", top, top);
    snprintf (gaps, sizeof (gaps), "::/nosuch:%s/b:", top);
    assert_string_equal (in (dirs, "text", search_readable), "a/text");
    assert_string_equal (in (back, "text", search_exists), "b/text");
    assert_string_equal (in (gaps, "text", search_exists), "b/text");
    assert_string_equal (in (dirs, "tool", search_program), "b/tool");
    assert_string_equal (in (dirs, "dir", search_program), "b/dir");
    assert_string_equal (in (dirs, "dir", search_exists), "a/dir");
    assert_string_equal (in (dirs, "text", search_program), "");
    assert_string_equal (in (dirs, "nosuch", search_exists), "");
    assert_string_equal (in (":", "bin", search_exists), ""); /* not /bin */
    assert_string_equal (in ("", "text", search_exists), "");
    assert_string_equal (in (NULL, "text", search_exists), "");
}

static void what_does_not_fit_is_not_there (void **state)
{
    char dirs[PATH_MAX], path[PATH_MAX];
    size_t len;

    snprintf (dirs, sizeof (dirs), "%s/a", top);
    len = strlen (dirs) + strlen ("/text");
    assert_false (search_dirs (dirs, "text", search_exists, path, len));
    assert_true (search_dirs (dirs, "text", search_exists, path, len + 1));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_first_that_will_do),
        cmocka_unit_test (what_does_not_fit_is_not_there),
    };
    return cmocka_run_group_tests (tests, set_up, tear_down);
}
