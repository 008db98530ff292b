#include "base/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shell/options.h"

static bool claims_mine (const char *name, void *arg)
{
    return !strcmp (name, "mine");
}

static void good (const char *json)
{
    flux_error_t error = { "" };
    json_t *o = json_loads (json, 0, NULL);

    assert_non_null (o);
    if (options_check (o, claims_mine, NULL, &error) < 0)
        fail_msg ("%s: %s", json, error.text);
    json_decref (o);
}

static void bad (const char *json, const char *text)
{
    flux_error_t error = { "" };
    json_t *o = json_loads (json, 0, NULL);

    assert_non_null (o);
    assert_int_equal (options_check (o, claims_mine, NULL, &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (error.text, text);
    json_decref (o);
}

static void what_is_published_is_good (void **state)
{
    good ("{}");
    good (
        "{\"verbose\":2,\"nosetpgrp\":1,\"pty\":{\"ranks\":\"0\"},\"mine\":{\"x\":1}}");
    good ("{\"cpu-affinity\":\"verbose,map:0-1;0x3;0x1,0x00000001\",\"gpu-affinity\":"
          "\"per-task\"}");
    good ("{\"output\":{\"stdout\":{\"type\":\"file\",\"path\":\"x\",\"label\":true,"
          "\"buffer\":{\"type\":\"line\"}},\"limit\":\"1.5M\",\"mode\":\"append\"}}");
    good ("{\"exit-timeout\":\"none\"}");
    good ("{\"exit-timeout\":\"5m\",\"signal\":{\"signum\":10,\"timeleft\":\"1m\"}}");
    good ("{\"stage-in\":1,\"sysmon\":{\"period\":0.5},\"hwloc\":{\"xmlfile\":1}}");
    good ("{\"stage-in\":{\"names\":\"a,b\",\"destination\":\"local:/x\"}}");
    good ("{\"pmi\":\"pmi1,off\",\"mpi\":\"none\",\"oom\":{\"adjust\":-1000}}");
}

static void the_rest_is_refused (void **state)
{
    bad ("{\"nosuch\":1}", "shell option nosuch=1: not supported");
    bad ("{\"output\":{\"client\":{\"lwm\":1}}}",
         "shell option output.client={\"lwm\":1}: not supported");
    bad ("{\"output\":{\"mode\":\"x\"}}", "shell option output.mode=x: not supported");
    bad ("{\"output\":{\"limit\":\"10x\"}}",
         "shell option output.limit=10x: not supported");
    bad ("{\"output\":{\"limit\":-1}}", "shell option output.limit=-1: not supported");
    bad ("{\"output\":1}", "shell option output=1: not supported");
    bad ("{\"exit-timeout\":\"-1s\"}", "shell option exit-timeout=-1s: not supported");
    bad ("{\"signal\":{\"signum\":99}}",
         "shell option signal.signum=99: not supported");
    bad ("{\"signal\":{\"when\":1}}", "shell option signal.when=1: not supported");
    bad ("{\"oom\":{\"adjust\":2000}}", "shell option oom.adjust=2000: not supported");
    bad ("{\"cpu-affinity\":\"x\"}", "shell option cpu-affinity=x: not supported");
    bad ("{\"cpu-affinity\":\"map:0;y\"}",
         "shell option cpu-affinity=map:0;y: not supported");
    bad ("{\"gpu-affinity\":{\"a\":1}}",
         "shell option gpu-affinity={\"a\":1}: not supported");
    bad ("{\"pmi\":\"pmix\"}", "shell option pmi=pmix: not supported");
    bad ("{\"mpi\":\"spectrum\"}", "shell option mpi=spectrum: not supported");
    bad ("{\"verbose\":\"x\"}", "shell option verbose=x: not supported");
    bad ("{\"rlimit\":1}", "shell option rlimit=1: not supported");
    bad ("{\"input\":{\"stdin\":{\"type\":\"kvs\"}}}",
         "shell option input.stdin.type=kvs: not supported");
}

static void check_affinity (const char *text, int kind, bool verbose, bool dry_run)
{
    json_t *o = json_string (text);
    struct affinity_option a;

    assert_int_equal (option_affinity (o, &a), 0);
    assert_int_equal (a.kind, kind);
    assert_int_equal (a.verbose, verbose);
    assert_int_equal (a.dry_run, dry_run);
    json_decref (o);
}

static void affinity_has_words_before_it (void **state)
{
    struct affinity_option a;

    check_affinity ("on", AFFINITY_ON, false, false);
    check_affinity ("off", AFFINITY_OFF, false, false);
    check_affinity ("verbose", AFFINITY_ON, true, false);
    check_affinity ("dry-run", AFFINITY_ON, true, true);
    check_affinity ("verbose,per-task", AFFINITY_PER_TASK, true, false);
    check_affinity ("dry-run,map:0-3", AFFINITY_MAP, true, true);
    assert_int_equal (option_affinity (NULL, &a), 0);
    assert_int_equal (a.kind, AFFINITY_ON);
    assert_int_equal (option_affinity (json_false (), &a), 0);
    assert_int_equal (a.kind, AFFINITY_OFF);
}

static void check_set (const char *map, int i, const char *expect)
{
    struct idset *ids = option_map_set (map, i);
    char *s;

    if (!expect) {
        assert_null (ids);
        return;
    }
    assert_non_null (ids);
    s = idset_encode (ids, IDSET_FLAG_RANGE);
    assert_string_equal (s, expect);
    free (s);
    idset_destroy (ids);
}

static void maps_are_lists_or_masks (void **state)
{
    check_set ("0-1;4", 0, "0-1");
    check_set ("0-1;4", 1, "4");
    check_set ("0-1;4", 2, "0-1"); /* anew */
    check_set ("0xf0", 0, "4-7");
    check_set ("0x1,0x00000003", 0, "0-1,32");
    check_set ("0x100000003", 0, "0-1,32"); /* taskset */
    check_set ("0xG", 0, NULL);
    check_set ("0x", 0, NULL);
    check_set ("0x0", 0, NULL);
    check_set ("0;;1", 1, NULL);
    check_set ("", 0, NULL);
}

static void pmi_is_a_list (void **state)
{
    json_t *off = json_string ("off"), *two = json_string ("pmix,pmi2");

    assert_true (option_pmi_simple (NULL));
    assert_false (option_pmi_simple (off));
    assert_true (option_pmi_simple (two));
    json_decref (off);
    json_decref (two);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (what_is_published_is_good),
        cmocka_unit_test (the_rest_is_refused),
        cmocka_unit_test (affinity_has_words_before_it),
        cmocka_unit_test (maps_are_lists_or_masks),
        cmocka_unit_test (pmi_is_a_list),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
