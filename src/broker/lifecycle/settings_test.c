/* What --conf takes (flux-broker(1)): KEY=VAL, {json}, lines of TOML, a file; the later
 * goes before the earlier, table by table. */
#include "base/test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/conffile.h"
#include "broker/lifecycle/settings.h"

static void load (json_t *conf, const char *value)
{
    flux_error_t error = { { 0 } };

    if (config_load_value (conf, value, &error) < 0)
        fail_msg ("%s: %s", value, error.text);
}

/* conf is this JSON. */
static void assert_conf (json_t *conf, const char *want)
{
    json_t *o = json_loads (want, 0, NULL);
    char *s = json_dumps (conf, JSON_COMPACT);

    assert_non_null (o);
    if (!json_equal (conf, o))
        fail_msg ("%s is not %s", s, want);
    free (s);
    json_decref (o);
}

static void values (void **state)
{
    static const struct {
        const char *value, *want;
    } list[] = {
        { "a=1", "{\"a\":1}" },
        { "a=true", "{\"a\":true}" },
        { "a=1.5", "{\"a\":1.5}" },
        { "a=\"1\"", "{\"a\":\"1\"}" },
        { "a=word", "{\"a\":\"word\"}" },
        { "a=", "{\"a\":\"\"}" },
        { "a=b=c", "{\"a\":\"b=c\"}" },
        { "a=1m", "{\"a\":\"1m\"}" },
        { "a=say \"hi\" \\ there", "{\"a\":\"say \\\"hi\\\" \\\\ there\"}" },
        { "a.b.c=1", "{\"a\":{\"b\":{\"c\":1}}}" },
        { "a=[1,2]", "{\"a\":[1,2]}" },
        { "a={b=1}", "{\"a\":{\"b\":1}}" },
        { "{\"a\":{\"b\":null}}", "{\"a\":{\"b\":null}}" },
        { "{}", "{}" },
        { "[a]\nb = 1\n[c]\nd = \"x=y\"\n", "{\"a\":{\"b\":1},\"c\":{\"d\":\"x=y\"}}" },
        { "\n", "{}" },
    };

    for (size_t i = 0; i < sizeof (list) / sizeof (list[0]); i++) {
        json_t *conf = json_object ();
        load (conf, list[i].value);
        assert_conf (conf, list[i].want);
        json_decref (conf);
    }
}

static void later_goes_before (void **state)
{
    json_t *conf = json_object ();

    load (conf, "a.b=1");
    load (conf, "{\"a\":{\"c\":2},\"d\":[1,2]}");
    load (conf, "a.b=3");
    load (conf, "d=[4]");
    assert_conf (conf, "{\"a\":{\"b\":3,\"c\":2},\"d\":[4]}");
    json_decref (conf);
}

/* Refused, with a line, and what was there stays as it was. */
static void refused (void **state)
{
    static const struct {
        const char *value, *why;
    } list[] = {
        { "{", "--conf: " },
        { "{\"a\":1", "--conf: " },
        { "{} x", "--conf: " },
        { "[a\nb = 1\n", "--conf: text: line 1: " },
        { "[a]\nb = \n", "--conf: text: line 2: " },
        { "=1", "--conf: =1: line 1: " },
        { "a b=1", "--conf: a b=1: line 1: " },
        { "a..b=1", "--conf: a..b=1: line 1: " },
        { "a=\xff", "--conf: a=\xff: not a valid string" },
        { "/nonexistent/x.toml", "/nonexistent/x.toml" },
    };
    json_t *conf = json_object ();

    load (conf, "kept=1");
    for (size_t i = 0; i < sizeof (list) / sizeof (list[0]); i++) {
        flux_error_t error = { { 0 } };
        if (config_load_value (conf, list[i].value, &error) == 0)
            fail_msg ("%s is taken", list[i].value);
        if (!strstr (error.text, list[i].why))
            fail_msg ("%s: %s", list[i].value, error.text);
        assert_conf (conf, "{\"kept\":1}");
    }
    json_decref (conf);
}

static void put_file (const char *dir, const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf (path, sizeof (path), "%s/%s", dir, name);
    assert_non_null (f = fopen (path, "w"));
    fputs (text, f);
    assert_int_equal (fclose (f), 0);
}

/* A directory: its .toml files in the order of their names, and nothing else. */
static void directory (void **state)
{
    char dir[] = "/tmp/settings_test.XXXXXX", path[128];
    static const char *const names[] = { "10-a.toml", "20-b.toml", "README", "c.json" };
    flux_error_t error = { { 0 } };
    json_t *conf = json_object ();

    assert_non_null (mkdtemp (dir));
    put_file (dir, "20-b.toml", "[t]\nx = 2\n");
    put_file (dir, "10-a.toml", "[t]\nx = 1\ny = 1\n");
    put_file (dir, "README", "no TOML [");
    assert_int_equal (config_load_path (conf, dir, &error), 0);
    assert_conf (conf, "{\"t\":{\"x\":2,\"y\":1}}");
    put_file (dir, "c.json", "{\"z\":3}");
    snprintf (path, sizeof (path), "%s/c.json", dir);
    load (conf, path);
    assert_conf (conf, "{\"t\":{\"x\":2,\"y\":1},\"z\":3}");
    put_file (dir, "20-b.toml", "[t]\nx = \n");
    assert_int_equal (config_load_path (conf, dir, &error), -1);
    assert_non_null (strstr (error.text, "20-b.toml"));
    assert_conf (conf, "{\"t\":{\"x\":2,\"y\":1},\"z\":3}");
    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        snprintf (path, sizeof (path), "%s/%s", dir, names[i]);
        unlink (path);
    }
    assert_int_equal (rmdir (dir), 0);
    json_decref (conf);
}

/* The file that has a key, if one has: the last one, as it goes before the others. */
static void whose_key (void **state)
{
    static const struct {
        const char *text, *told;
    } t[] = {
        { "t.x: must be 1", "20-b.toml: t.x: must be 1" },
        { "config: t.y: there is no such key", "10-a.toml: t.y: there is no such key" },
        { "t.x", "20-b.toml: t.x" },
        { "t: must be a table", "20-b.toml: t: must be a table" },
        { "u.v.w: bad", "10-a.toml: u.v.w: bad" },
        { "u.v.none: missing", "10-a.toml: u.v.none: missing" },
        { "nosuch.x: bad", NULL },
        { "", NULL },
        { ".", NULL },
    };
    char dir[] = "/tmp/settings_test.XXXXXX", path[128];
    flux_error_t error;

    assert_non_null (mkdtemp (dir));
    put_file (dir, "10-a.toml", "[t]\nx = 1\ny = 1\n[u.v]\nw = 1\n");
    put_file (dir, "20-b.toml", "[t]\nx = 2\n");
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        assert_int_equal (conffile_tell (dir, t[i].text, &error), t[i].told ? 0 : -1);
        if (t[i].told && strcmp (error.text + strlen (dir) + 1, t[i].told) != 0)
            fail_msg ("%s: %s", t[i].text, error.text);
    }
    snprintf (path, sizeof (path), "%s/20-b.toml", dir);
    assert_int_equal (conffile_tell (path, "t.y: bad", &error), 0);
    assert_int_equal (conffile_tell (path, "u.v: bad", &error), -1);
    unlink (path);
    snprintf (path, sizeof (path), "%s/10-a.toml", dir);
    unlink (path);
    assert_int_equal (conffile_tell (dir, "t.x: bad", &error), -1);
    assert_int_equal (rmdir (dir), 0);
    assert_int_equal (conffile_tell (dir, "t.x: bad", &error), -1);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (values),    cmocka_unit_test (later_goes_before),
        cmocka_unit_test (refused),   cmocka_unit_test (directory),
        cmocka_unit_test (whose_key),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
