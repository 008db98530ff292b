#include "base/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config.h"
#include "value/job/jobspec.h"

static json_t *load_file (const char *dir, const char *name)
{
    flux_error_t error;
    char path[512];
    size_t len;
    char *text;
    json_t *o;

    snprintf (path, sizeof (path), "%s/test/data/jobspec/%s/%s", FLUX_SOURCE_DIR, dir,
              name);
    text = file_read_all (path, &len);
    assert_non_null (text);
    if (!(o = jobspec_load_yaml (text, len, &error)))
        print_message ("# %s: %s\n", name, error.text);
    free (text);
    return o;
}

/* Calls fn for each file. */
static int each_file (const char *dir, void (*fn) (const char *name, json_t *o))
{
    char path[512];
    struct dirent *d;
    int count = 0;
    DIR *dp;

    snprintf (path, sizeof (path), "%s/test/data/jobspec/%s", FLUX_SOURCE_DIR, dir);
    dp = opendir (path);
    assert_non_null (dp);
    while ((d = readdir (dp))) {
        json_t *o;
        if (d->d_name[0] == '.')
            continue;
        o = load_file (dir, d->d_name);
        assert_non_null (o);
        fn (d->d_name, o);
        json_decref (o);
        count++;
    }
    closedir (dp);
    return count;
}

static void expect_valid (const char *name, json_t *o)
{
    struct jobspec js;
    flux_error_t error;

    if (jobspec_parse (o, &js, &error) < 0) {
        print_message ("# %s: %s\n", name, error.text);
        fail ();
    }
}

static void expect_invalid (const char *name, json_t *o)
{
    struct jobspec js;
    flux_error_t error = { "" };

    assert_int_equal (jobspec_parse (o, &js, &error), -1);
    assert_true (strchr (error.text, ':') != NULL);
    print_message ("# %s: %s\n", name, error.text);
}

static void test_files (void **state)
{
    assert_int_equal (each_file ("valid_v1", expect_valid), 7);
    assert_int_equal (each_file ("invalid_v1", expect_invalid), 13);
}

#define SLOT(count, with)                                                              \
    "{\"type\":\"slot\",\"count\":" count ",\"label\":\"t\",\"with\":[" with "]}"
#define CORE "{\"type\":\"core\",\"count\":2}"
#define GPU "{\"type\":\"gpu\",\"count\":1}"
#define REST(count)                                                                    \
    "],\"tasks\":[{\"command\":[\"/bin/app\",\"x\"],\"slot\":\"t\",\"count\":" count   \
    "}],\"attributes\":{\"system\":{\"duration\":60.5}},\"version\":1}"

static void test_fields (void **state)
{
    struct jobspec js;
    flux_error_t error;
    json_t *o;
    const char *s =
        "{\"resources\":[{\"type\":\"node\",\"count\":3,\"exclusive\":true,"
        "\"with\":[" SLOT ("4", CORE "," GPU) "]}" REST ("{\"per_slot\":1}");

    o = jobspec_load (s, strlen (s), &error);
    assert_non_null (o);
    assert_int_equal (jobspec_parse (o, &js, &error), 0);
    assert_int_equal (js.nnodes, 3);
    assert_true (js.node_exclusive);
    assert_int_equal (js.nslots, 12);
    assert_int_equal (js.slots_per_node, 4);
    assert_int_equal (js.cores_per_slot, 2);
    assert_int_equal (js.gpus_per_slot, 1);
    assert_int_equal (js.ntasks, 12);
    assert_true (js.duration == 60.5);
    assert_string_equal (js.name, "app");
    json_decref (o);

    s = "{\"resources\":[" SLOT ("5", CORE) REST ("{\"total\":3}");
    o = jobspec_load (s, strlen (s), &error);
    assert_int_equal (jobspec_parse (o, &js, &error), 0);
    assert_int_equal (js.nnodes, 0);
    assert_int_equal (js.nslots, 5);
    assert_int_equal (js.ntasks, 3);
    json_decref (o);

    s = "{\"resources\":[" SLOT ("0", CORE) REST ("{\"total\":3}");
    o = jobspec_load (s, strlen (s), &error);
    assert_int_equal (jobspec_parse (o, &js, &error), -1);
    assert_string_equal (error.text, "resources[0].count: must be a positive integer");
    json_decref (o);
    assert_null (jobspec_load ("{", 1, &error));
    assert_memory_equal (error.text, "jobspec: invalid JSON:", 22);
}

static void test_yaml_anchors (void **state)
{
    char *s = malloc (5000 * 16);
    size_t len = 0;
    flux_error_t error = { "" };
    json_t *o;

    for (int i = 0; i < 5000; i++)
        len += sprintf (s + len, "- &a%d x\n", i);
    assert_null (jobspec_load_yaml (s, len, &error));
    assert_non_null (strstr (error.text, "more than 4096 anchors"));
    /* Others of that kind are none. */
    for (size_t i = 0; i < len; i++)
        s[i] = s[i] == '&' ? '+' : s[i];
    assert_non_null (o = jobspec_load_yaml (s, len, &error));
    json_decref (o);
    len = sprintf (s, "script: \"");
    for (int i = 0; i < 5000; i++)
        len += sprintf (s + len, "a && b & ");
    s[len++] = '"';
    assert_non_null (o = jobspec_load_yaml (s, len, &error));
    json_decref (o);
    /* What looks like one within a string is text. */
    len = sprintf (s, "script: \"");
    for (int i = 0; i < 5000; i++)
        len += sprintf (s + len, "ls &a%d ", i);
    s[len++] = '"';
    assert_non_null (o = jobspec_load_yaml (s, len, &error));
    json_decref (o);
    free (s);
}

static void test_yaml (void **state)
{
    static const char *bad[] = { "", "a: [1", "? [a]\n: 1", "a: &x [*x]", "\xff" };
    const char *s = "{a: 1, b: 1.5, c: 'x', d: yes, e: ~, f: true, g: '1', h: 0x10,"
                    " i: [-3], j: \"q\\n\", k: 1e3}";
    flux_error_t error;
    json_t *o = jobspec_load_yaml (s, strlen (s), &error);
    char *text;

    assert_non_null (o);
    text = json_dumps (o, JSON_COMPACT);
    assert_string_equal (text,
                         "{\"a\":1,\"b\":1.5,\"c\":\"x\",\"d\":\"yes\",\"e\":null,"
                         "\"f\":true,\"g\":\"1\",\"h\":16,\"i\":[-3],"
                         "\"j\":\"q\\n\",\"k\":1000.0}");
    free (text);
    json_decref (o);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        error.text[0] = '\0';
        assert_null (jobspec_load_yaml (bad[i], strlen (bad[i]), &error));
        assert_true (error.text[0] != '\0');
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_files),
        cmocka_unit_test (test_fields),
        cmocka_unit_test (test_yaml_anchors),
        cmocka_unit_test (test_yaml),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
