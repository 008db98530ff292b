/* The [resource] table, and the targets of drain: what is taken, and that everything
 * else is refused with a line that names what and where. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "settings.h"

static int read_text (struct settings *s, const char *text, flux_error_t *error)
{
    json_t *o = json_loads (text, 0, NULL);
    int rc;

    assert_non_null (o);
    rc = settings_init (s, o, error);
    json_decref (o);
    return rc;
}

/* [resource] has NAME = PATH, and more. */
static int read_path (struct settings *s, const char *name, const char *path,
                      const char *more, flux_error_t *error)
{
    char text[512];

    snprintf (text, sizeof (text), "{\"resource\":{\"%s\":\"%s\"%s}}", name, path,
              more);
    return read_text (s, text, error);
}

static void assert_dump (const struct rset *r, const char *want)
{
    char *s = rset_dump (r);

    assert_string_equal (s, want);
    free (s);
}

/* A file of this text; its path is to be freed, after unlink. */
static char *file (const char *text)
{
    char *path = strdup ("/tmp/settings_test.XXXXXX");
    int fd = mkstemp (path);

    assert_true (fd >= 0);
    assert_int_equal (write (fd, text, strlen (text)), strlen (text));
    close (fd);
    return path;
}

static void defaults (void **state)
{
    struct settings s;

    assert_int_equal (read_text (&s, "{}", NULL), 0);
    assert_null (s.R);
    assert_null (s.exclude);
    assert_true (s.verify);
    assert_false (s.norestrict);
    assert_int_equal (s.journal_max, 100000);
    settings_fini (&s);
    assert_int_equal (read_text (&s, "{\"resource\":{}}", NULL), 0);
    assert_null (s.R);
    assert_true (s.verify);
    settings_fini (&s);
    settings_fini (&s);
}

static void flags (void **state)
{
    struct settings s;

    assert_int_equal (read_text (&s,
                                 "{\"resource\":{\"norestrict\":true,\"noverify\":true,"
                                 "\"exclude\":\"0,2\",\"journal-max\":7}}",
                                 NULL),
                      0);
    assert_true (s.norestrict);
    assert_false (s.verify);
    assert_string_equal (s.exclude, "0,2");
    assert_int_equal (s.journal_max, 7);
    assert_false (s.rediscover);
    settings_fini (&s);
    assert_int_equal (read_text (&s, "{\"resource\":{\"rediscover\":true}}", NULL), 0);
    assert_true (s.rediscover);
    settings_fini (&s);
    assert_int_equal (read_text (&s, "{\"resource\":{\"verify\":false}}", NULL), 0);
    assert_false (s.verify);
    settings_fini (&s);
}

/* Entries add up: hosts get their ranks in the order in which they are first named. */
static void config (void **state)
{
    struct settings s;
    flux_error_t error = { { 0 } };
    json_t *o;

    assert_int_equal (
        read_text (&s,
                   "{\"resource\":{\"config\":["
                   "{\"hosts\":\"a[1-2]\",\"cores\":\"0-3\"},"
                   "{\"hosts\":\"b\",\"cores\":\"0-1\",\"gpus\":\"0\"},"
                   "{\"hosts\":\"a2\",\"gpus\":\"0-1\"},"
                   "{\"hosts\":\"a1,b\",\"properties\":[\"big\",\"new\"]},"
                   "{\"hosts\":\"a2\",\"properties\":[\"new\"]}]}}",
                   &error),
        0);
    assert_int_equal (rset_count (s.R, "node"), 3);
    assert_int_equal (rset_count (s.R, "core"), 10);
    assert_int_equal (rset_count (s.R, "gpu"), 3);
    assert_string_equal (rset_host (s.R, 0), "a1");
    assert_string_equal (rset_host (s.R, 1), "a2");
    assert_string_equal (rset_host (s.R, 2), "b");
    assert_int_equal (idset_count (rset_children (s.R, 1, "gpu")), 2);
    assert_non_null (o = rset_properties (s.R));
    assert_string_equal (json_string_value (json_object_get (o, "big")), "0,2");
    assert_string_equal (json_string_value (json_object_get (o, "new")), "0-2");
    json_decref (o);
    settings_fini (&s);

    /* an empty array says nothing */
    assert_int_equal (read_text (&s, "{\"resource\":{\"config\":[]}}", &error), 0);
    assert_null (s.R);
    settings_fini (&s);
}

static void refused (void **state)
{
    static const struct {
        const char *table, *why;
    } bad[] = {
        { "1", "resource: must be a table" },
        { "{\"path\":1}", "resource.path: must be a string" },
        { "{\"exclude\":[]}", "resource.exclude: must be a string" },
        { "{\"norestrict\":\"yes\"}", "resource.norestrict: must be true or false" },
        { "{\"noverify\":1}", "resource.noverify: must be true or false" },
        { "{\"journal-max\":-1}", "resource.journal-max: must be >= 0" },
        { "{\"journal-max\":\"9\"}", "resource.journal-max: must be an integer" },
        { "{\"verify\":{\"default\":\"strict\"}}",
          "resource.verify: must be true or false" },
        { "{\"rediscover\":\"no\"}", "resource.rediscover: must be true or false" },
        { "{\"reserve\":\"0@x\"}",
          "resource.reserve: '0@x' is not cores, or cores@ranks" },
        { "{\"reserve\":1}", "resource.reserve: must be a string" },
        { "{\"config\":{}}", "resource.config: must be an array" },
        { "{\"config\":\"n0\"}", "resource.config: must be an array" },
        { "{\"config\":[1]}", "resource.config[0]: expected hosts" },
        { "{\"config\":[{\"cores\":\"0\"}]}", "resource.config[0]: expected hosts" },
        { "{\"config\":[{\"hosts\":\"a\",\"cores\":\"0\"},{\"hosts\":1}]}",
          "resource.config[1]: expected hosts" },
        { "{\"config\":[{\"hosts\":\"a\",\"cores\":\"0\",\"color\":\"red\"}]}",
          "resource.config[0]: expected hosts" },
        { "{\"config\":[{\"hosts\":\"a[1\",\"cores\":\"0\"}]}",
          "resource.config[0].hosts: invalid hostlist" },
        { "{\"config\":[{\"hosts\":\"a\",\"cores\":\"0-\"}]}",
          "resource.config[0]: invalid idset" },
        { "{\"config\":[{\"hosts\":\"a\",\"cores\":\"0\",\"gpus\":\"x\"}]}",
          "resource.config[0]: invalid idset" },
        { "{\"config\":[{\"hosts\":\"a\"}]}", "resource.config: host a has no cores" },
        { "{\"config\":[{\"hosts\":\"a,b\",\"gpus\":\"0\"},"
          "{\"hosts\":\"a\",\"cores\":\"0\"}]}",
          "resource.config: host b has no cores" },
        { "{\"config\":[{\"hosts\":\"a\",\"cores\":\"0\",\"properties\":\"x\"}]}",
          "resource.config[0].properties: must be an array" },
        { "{\"config\":[{\"hosts\":\"a\",\"cores\":\"0\",\"properties\":[\"x\",1]}]}",
          "resource.config[0].properties[1]: invalid name" },
        { "{\"config\":[{\"hosts\":\"a\",\"cores\":\"0\",\"properties\":[\"a|b\"]}]}",
          "resource.config[0].properties[0]: invalid name" },
        { "{\"path\":\"/nonexistent/R\"}",
          "resource.path: /nonexistent/R: No such file or directory" },
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        flux_error_t error = { { 0 } };
        struct settings s;
        char text[512];
        snprintf (text, sizeof (text), "{\"resource\":%s}", bad[i].table);
        errno = 0;
        if (read_text (&s, text, &error) == 0)
            fail_msg ("%s is taken", bad[i].table);
        assert_int_equal (errno, EINVAL);
        if (strncmp (error.text, bad[i].why, strlen (bad[i].why)) != 0)
            fail_msg ("%s: %s", bad[i].table, error.text);
        settings_fini (&s); /* what is left after a failure may be ended */
    }
}

/* Nodes that are not there: they are up, and nobody looks. */
static void fake (void **state)
{
    static const struct {
        const char *table, *R; /* or why it is refused */
        int nodes;             /* 0: refused */
    } list[] = {
        { "{\"nnodes\":3}", "rank[0-2]/core[0-63]", 3 },
        { "{\"nnodes\":1,\"cores-per-node\":1,\"gpus-per-node\":1}", "rank0/core0,gpu0",
          1 },
        { "{\"nnodes\":2,\"cores-per-node\":2,\"gpus-per-node\":4,"
          "\"host-prefix\":\"a-1b\"}",
          "rank[0-1]/core[0-1],gpu[0-3]", 2 },
        { "{\"nnodes\":1000000}", "rank[0-999999]/core[0-63]", 1000000 },
        { "{}", "fake-resources.nnodes: 0 is not from 1 to 1000000" },
        { "{\"nnodes\":1000001}", "fake-resources.nnodes: 1000001 is not" },
        { "{\"nnodes\":\"3\"}", "fake-resources.nnodes: must be an integer" },
        { "{\"nnodes\":1,\"cores-per-node\":0}",
          "fake-resources.cores-per-node: 0 is" },
        { "{\"nnodes\":1,\"gpus-per-node\":-1}",
          "fake-resources.gpus-per-node: -1 is" },
        { "{\"nnodes\":1,\"host-prefix\":\"\"}",
          "fake-resources.host-prefix: '' is no" },
        { "{\"nnodes\":1,\"host-prefix\":\"n1\"}",
          "fake-resources.host-prefix: 'n1' is" },
        { "{\"nnodes\":1,\"host-prefix\":\"n[\"}",
          "fake-resources.host-prefix: 'n[' is" },
        { "{\"nnodes\":1,\"hwloc-xml-path\":\"x\"}",
          "fake-resources.hwloc-xml-path: " },
        { "{\"nnodes\":1,\"amend-r\":\"x\"}", "fake-resources.amend-r: R as it is" },
        { "{\"nnodes\":1,\"nnode\":1}", "fake-resources.nnode: there is no such key" },
        { "[]", "fake-resources: must be a table" },
    };
    struct settings s;
    flux_error_t error;
    char text[256];

    for (size_t i = 0; i < sizeof (list) / sizeof (list[0]); i++) {
        snprintf (text, sizeof (text), "{\"fake-resources\":%s}", list[i].table);
        int rc = read_text (&s, text, &error);
        assert_int_equal (rc, list[i].nodes ? 0 : -1);
        if (rc == 0) {
            assert_dump (s.R, list[i].R);
            assert_int_equal (rset_count (s.R, "node"), list[i].nodes);
            assert_true (s.force_up && !s.verify);
        } else if (strncmp (error.text, list[i].R, strlen (list[i].R)) != 0)
            fail_msg ("%s: %s", list[i].table, error.text);
        settings_fini (&s);
    }
    assert_int_equal (
        read_text (&s,
                   "{\"resource\":{\"config\":[{\"hosts\":\"a\",\"cores\":"
                   "\"0\"}]},\"fake-resources\":{\"nnodes\":1}}",
                   &error),
        -1);
    assert_non_null (strstr (error.text, "does not go with resource.path"));
    assert_null (s.R);
}

/* config goes before R of a file, an empty one does not; scheduling becomes a part of it (RFC 20). */
static void paths (void **state)
{
    char *R = file ("{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0-1\","
                    "\"children\":{\"core\":\"0-7\"}}],\"nodelist\":[\"n[0-1]\"],"
                    "\"starttime\":0,\"expiration\":0}}");
    char *scheduling = file ("{\"graph\":{}}"), *bad = file ("{\"version\":2}");
    char *text = file ("{"), more[128];
    flux_error_t error = { { 0 } };
    struct settings s;
    json_t *o;

    assert_int_equal (read_path (&s, "path", R, "", &error), 0);
    assert_dump (s.R, "rank[0-1]/core[0-7]");
    settings_fini (&s);
    assert_int_equal (read_path (&s, "path", R,
                                 ",\"config\":[{\"hosts\":\"a\",\"cores\":\"0\"}]",
                                 &error),
                      0);
    assert_dump (s.R, "rank0/core0");
    settings_fini (&s);
    assert_int_equal (read_path (&s, "path", R, ",\"config\":[]", &error), 0);
    assert_dump (s.R, "rank[0-1]/core[0-7]");
    settings_fini (&s);
    snprintf (more, sizeof (more), ",\"scheduling\":\"%s\"", scheduling);
    assert_int_equal (read_path (&s, "path", R, more, &error), 0);
    assert_non_null (o = rset_encode_json (s.R));
    assert_true (json_is_object (json_object_get (o, "scheduling")));
    json_decref (o);
    settings_fini (&s);

    assert_int_equal (read_path (&s, "path", bad, "", &error), -1);
    assert_non_null (strstr (error.text, bad));
    assert_int_equal (read_path (&s, "path", text, "", &error), -1);
    assert_int_equal (errno, EINVAL);
    snprintf (more, sizeof (more), ",\"scheduling\":\"%s\"", text);
    assert_int_equal (read_path (&s, "path", R, more, &error), -1);
    assert_int_equal (strncmp (error.text, "resource.scheduling: ", 21), 0);
    o = json_pack ("{s:{s:s}}", "resource", "scheduling", scheduling);
    assert_int_equal (settings_init (&s, o, &error), -1);
    assert_string_equal (error.text, "resource.scheduling: goes with resource.path or "
                                     "resource.config alone");
    json_decref (o);
    assert_null (s.R);

    char *all[] = { R, scheduling, bad, text };
    for (size_t i = 0; i < 4; i++) {
        unlink (all[i]);
        free (all[i]);
    }
}

/* Ranks, or hosts: all ranks of a host. */
static void targets (void **state)
{
    static const struct {
        const char *targets, *want; /* NULL: refused */
        const char *why;
    } list[] = {
        { "0", "0" },
        { "0-1,3", "0-1,3" },
        { "a", "0" },
        { "b", "1,3" },
        { "c,a", "0,2" },
        { "", "" },
        { "4", NULL, "idset is out of range" },
        { "0-4", NULL, "idset is out of range" },
        { "d", NULL, "invalid targets: host d is unknown" },
        { "b,a,b", "0-1,3" },
        { "a,d", NULL, "invalid targets: host d is unknown" },
        { "a[", NULL, "invalid targets: a[" },
    };
    struct hostlist *hosts = hostlist_decode ("a,b,c,b");

    for (size_t i = 0; i < sizeof (list) / sizeof (list[0]); i++) {
        flux_error_t error = { { 0 } };
        struct idset *set = targets_decode (list[i].targets, hosts, &error);
        char *s = set ? idset_encode (set, IDSET_FLAG_RANGE) : NULL;
        if (list[i].want)
            assert_string_equal (s, list[i].want);
        else {
            assert_null (set);
            assert_string_equal (error.text, list[i].why);
        }
        free (s);
        idset_destroy (set);
    }
    hostlist_destroy (hosts);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (defaults), cmocka_unit_test (flags),
        cmocka_unit_test (config),   cmocka_unit_test (refused),
        cmocka_unit_test (paths),    cmocka_unit_test (fake),
        cmocka_unit_test (targets),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
