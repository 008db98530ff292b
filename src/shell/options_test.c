#include "base/test.h"

#include <errno.h>
#include <stdio.h>
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
    good ("{\"output\":{\"limit\":\"1G\"}}");
    good ("{\"output\":{\"limit\":0}}");
    good ("{\"mpibind\":\"off\"}");
    /* as flux run -u says */
    good ("{\"output\":{\"batch-timeout\":0.05},\"input\":{\"batch-timeout\":0}}");
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
    bad ("{\"output\":{\"limit\":\"1.001G\"}}",
         "shell option output.limit=1.001G: not supported");
    bad ("{\"output\":{\"limit\":1073741825}}",
         "shell option output.limit=1073741825: not supported");
    bad ("{\"output\":{\"batch-timeout\":-1}}",
         "shell option output.batch-timeout=-1: not supported");
    bad ("{\"mpibind\":\"on\"}", "shell option mpibind=on: not supported");
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
    bad ("{\"cpu-affinity\":\"verbose,\"}",
         "shell option cpu-affinity=verbose,: not supported");
    bad ("{\"cpu-affinity\":\"map:99999999\"}",
         "shell option cpu-affinity=map:99999999: not supported");
    bad ("{\"gpu-affinity\":\"map:0;65537\"}",
         "shell option gpu-affinity=map:0;65537: not supported");
    bad ("{\"stage-in\":{\"destination\":\"x:y\"}}",
         "shell option stage-in.destination=x:y: not supported");
    bad ("{\"stage-in\":{\"destination\":\"local:\"}}",
         "shell option stage-in.destination=local:: not supported");
    bad ("{\"stage-in\":{\"names\":\"\"}}",
         "shell option stage-in.names=: not supported");
    bad ("{\"output\":{\"stdout\":{\"type\":\"file\",\"path\":\"\"}}}",
         "shell option output.stdout.path=: not supported");
    bad ("{\"output\":{\"stdout\":{\"type\":\"kvs\",\"path\":\"x\"}}}",
         "shell option output.stdout.path: only of type file");
    bad ("{\"output\":{\"stderr\":{\"path\":\"x\"}}}",
         "shell option output.stderr.path: only of type file");
    bad ("{\"input\":{\"stdin\":{\"path\":\"x\"}}}",
         "shell option input.stdin.path: only of type file");
    good ("{\"stage-in\":{\"destination\":\"./x:y\"}}");
    good ("{\"stage-in\":{\"destination\":\"global:x:y\"}}");
    good ("{\"input\":{\"stdin\":{\"type\":\"file\",\"path\":\"x\"}}}");
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

static void check_size (const char *json, int rc, size_t expect)
{
    json_t *o = json_loads (json, JSON_DECODE_ANY, NULL);
    size_t bytes = 0;

    assert_non_null (o);
    if (option_size (o, &bytes) != rc || bytes != expect)
        fail_msg ("%s: %zu", json, bytes);
    json_decref (o);
}

static void sizes_have_units (void **state)
{
    check_size ("0", 0, 0);
    check_size ("12", 0, 12);
    check_size ("2e3", 0, 2000);
    check_size ("\"100\"", 0, 100);
    check_size ("\"1.5k\"", 0, 1536);
    check_size ("\"2M\"", 0, 2 << 20);
    check_size ("\"3G\"", 0, 3UL << 30);
    check_size ("\"1e30G\"", 0, SIZE_MAX);
    check_size ("1e30", 0, SIZE_MAX);
    static const char *bad[] = { "-1",      "true",    "{}",      "\"\"",   "\"k\"",
                                 "\"1kb\"", "\"1 k\"", "\"-1k\"", "\"1T\"", "\"nan\"" };
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        check_size (bad[i], -1, 0);
    size_t bytes;
    assert_int_equal (option_size (NULL, &bytes), -1);
}

static void check_duration (const char *json, int rc, double expect)
{
    json_t *o = json_loads (json, JSON_DECODE_ANY, NULL);
    double seconds = -7.;

    assert_non_null (o);
    if (option_duration (o, &seconds) != rc || seconds != expect)
        fail_msg ("%s: %f", json, seconds);
    json_decref (o);
}

static void durations_are_numbers_or_text (void **state)
{
    check_duration ("3", 0, 3.);
    check_duration ("0.5", 0, 0.5);
    check_duration ("\"2m\"", 0, 120.);
    check_duration ("\"250ms\"", 0, 0.25);
    check_duration ("-1", -1, -7.);
    check_duration ("\"x\"", -1, -7.);
    check_duration ("\"\"", -1, -7.);
    check_duration ("true", -1, -7.);
    check_duration ("null", -1, -7.);
}

/* A member of an option that has some is looked for by its whole name. */
static void members_are_checked_by_name (void **state)
{
    good ("{\"output\":{}}");
    good ("{\"output\":{\"stdout\":{}}}");
    good ("{\"signal\":true}");
    bad ("{\"out\":{}}", "shell option out={}: not supported");
    bad ("{\"output\":{\"std\":{}}}", "shell option output.std={}: not supported");
    bad ("{\"output\":{\"mine\":1}}", "shell option output.mine=1: not supported");
    bad ("{\"pty-x\":1}", "shell option pty-x=1: not supported");
    bad ("{\"output\":{\"stdout\":\"x\"}}",
         "shell option output.stdout=x: not supported");
    bad ("{\"output.mode\":\"x\"}", "shell option output.mode=x: not supported");
    /* a name without end is no member, and nothing is written beyond its place */
    char json[400], name[200];
    memset (name, 'n', sizeof (name) - 1);
    name[sizeof (name) - 1] = '\0';
    snprintf (json, sizeof (json), "{\"oom\":{\"%s\":1}}", name);
    flux_error_t error = { "" };
    json_t *o = json_loads (json, 0, NULL);
    assert_int_equal (options_check (o, NULL, NULL, &error), -1);
    assert_non_null (strstr (error.text, "shell option oom={\"nnnn"));
    json_decref (o);
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
        cmocka_unit_test (sizes_have_units),
        cmocka_unit_test (durations_are_numbers_or_text),
        cmocka_unit_test (members_are_checked_by_name),
        cmocka_unit_test (pmi_is_a_list),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
