#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <flux/hostlist.h>
#include <flux/idset.h>
#include <flux/taskmap.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "value/eventlog.h"
#include "value/fsd.h"
#include "value/job/jobid.h"
#include "value/resource/constraint.h"
#include "value/treeobj.h"

static void check_text (char *got, const char *want)
{
    assert_non_null (got);
    assert_string_equal (got, want);
    free (got);
}

static void test_idset_code (void **state)
{
    static const char *good[] = {
        "", "0", "0-3", "1,3-5,64-127,1000", "7-8", "0-1023"
    };
    static const char *bad[] = { "a",   "1,", ",1",  "1-",           "-1",
                                 "2-1", "01", "1,1", "3,2",          "[1",
                                 "1]",  "[",  "1 2", "999999999999", "1--2" };
    idset_error_t error;
    size_t count;
    unsigned int maxid;

    for (size_t i = 0; i < sizeof (good) / sizeof (good[0]); i++) {
        struct idset *s = idset_decode (good[i]);
        assert_non_null (s);
        check_text (idset_encode (s, IDSET_FLAG_RANGE), good[i]);
        idset_destroy (s);
    }
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        error.text[0] = '\0';
        assert_null (idset_decode_ex (bad[i], -1, 0, IDSET_FLAG_AUTOGROW, &error));
        assert_int_equal (errno, EINVAL);
        assert_true (error.text[0] != '\0');
    }
    struct idset *s = idset_decode ("[1-3]");
    check_text (idset_encode (s, IDSET_FLAG_RANGE | IDSET_FLAG_BRACKETS), "[1-3]");
    check_text (idset_encode (s, 0), "1,2,3");
    assert_int_equal (idset_decode_add (s, "9-10", -1, &error), 0);
    assert_int_equal (idset_decode_subtract (s, "2,10", -1, &error), 0);
    check_text (idset_encode (s, 0), "1,3,9");
    idset_destroy (s);
    assert_int_equal (idset_decode_info ("1-3,9", -1, &count, &maxid, NULL), 0);
    assert_int_equal (count, 4);
    assert_int_equal (maxid, 9);
    assert_true (idset_decode_empty ("", -1));
    assert_null (idset_decode_ex ("0-8", -1, 8, 0, &error));
    s = idset_decode_ex ("0-7xx", 3, 8, 0, &error);
    assert_int_equal (idset_count (s), 8);
    idset_destroy (s);
}

/* Against an array of flags. */
static void test_idset_model (void **state)
{
    struct idset *s = idset_create (0, IDSET_FLAG_AUTOGROW);
    char model[512] = { 0 };
    unsigned int seed = 1;

    for (int step = 0; step < 20000; step++) {
        unsigned int r = rand_r (&seed);
        unsigned int lo = r % 500, hi = lo + (r >> 16) % (500 - lo + 1);
        hi = hi > 499 ? 499 : hi;
        if (step % 7)
            hi = lo;
        if (r & 0x8000) {
            assert_int_equal (idset_range_set (s, lo, hi), 0);
            memset (model + lo, 1, hi - lo + 1);
        } else {
            assert_int_equal (idset_range_clear (s, lo, hi), 0);
            memset (model + lo, 0, hi - lo + 1);
        }
        if (step % 100)
            continue;
        size_t count = 0;
        unsigned int prev = IDSET_INVALID_ID;
        for (unsigned int i = 0; i < 512; i++) {
            assert_int_equal (idset_test (s, i), model[i]);
            if (!model[i])
                continue;
            if (prev == IDSET_INVALID_ID)
                assert_int_equal (idset_first (s), i);
            else {
                assert_int_equal (idset_next (s, prev), i);
                assert_int_equal (idset_prev (s, i), prev);
            }
            prev = i;
            count++;
        }
        assert_int_equal (idset_last (s), prev);
        assert_int_equal (idset_count (s), count);
        char *text = idset_encode (s, IDSET_FLAG_RANGE);
        struct idset *t = idset_decode (text);
        assert_true (idset_equal (s, t));
        free (text);
        idset_destroy (t);
    }
    idset_destroy (s);
}

static void test_idset_ops (void **state)
{
    struct idset *a = idset_decode ("0-9,200"), *b = idset_decode ("5-14"), *r;
    unsigned int id;

    r = idset_union (a, b);
    check_text (idset_encode (r, IDSET_FLAG_RANGE), "0-14,200");
    idset_destroy (r);
    r = idset_difference (a, b);
    check_text (idset_encode (r, IDSET_FLAG_RANGE), "0-4,200");
    idset_destroy (r);
    r = idset_intersect (a, b);
    check_text (idset_encode (r, IDSET_FLAG_RANGE), "5-9");
    assert_int_equal (idset_count (r), 5);
    assert_true (idset_has_intersection (a, b));
    assert_false (idset_equal (a, r));
    idset_destroy (r);
    idset_destroy (a);
    idset_destroy (b);

    a = idset_create (4, IDSET_FLAG_INITFULL | IDSET_FLAG_ALLOC_RR);
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal (idset_alloc (a, &id), 0);
        assert_int_equal (id, i);
    }
    assert_int_equal (idset_alloc (a, &id), -1);
    assert_int_equal (errno, ENOSPC);
    idset_free (a, 2);
    assert_int_equal (idset_free_check (a, 2), -1);
    assert_int_equal (idset_alloc (a, &id), 0);
    assert_int_equal (id, 2);
    idset_destroy (a);
    a = idset_create (64, IDSET_FLAG_INITFULL | IDSET_FLAG_AUTOGROW);
    for (unsigned int i = 0; i < 300; i++) {
        assert_int_equal (idset_alloc (a, &id), 0);
        assert_int_equal (id, i);
    }
    idset_destroy (a);
    a = idset_create (10, 0);
    assert_int_equal (idset_set (a, 10), -1);
    assert_int_equal (idset_universe_size (a), 10);
    assert_int_equal (idset_first (a), IDSET_INVALID_ID);
    idset_destroy (a);
}

static void check_hostlist (const char *in, const char *out, int count)
{
    struct hostlist *hl = hostlist_decode (in);

    assert_non_null (hl);
    assert_int_equal (hostlist_count (hl), count);
    check_text (hostlist_encode (hl), out);
    hostlist_destroy (hl);
}

static void test_hostlist (void **state)
{
    static const char *bad[] = { "foo[",
                                 "foo[0-",
                                 "foo]",
                                 "foo[]",
                                 "foo[a]",
                                 "[1]]",
                                 "a,",
                                 "a,,b",
                                 "foo[2-1]",
                                 "foo[1-]",
                                 "a[[1]",
                                 "a b",
                                 "foo[0-99999999999999]" };
    struct hostlist *hl;

    check_hostlist ("", "", 0);
    check_hostlist ("foo0,foo1,foo3", "foo[0-1,3]", 3);
    check_hostlist ("foo[00-2]", "foo[00-02]", 3);
    check_hostlist ("foo[1,1,2,1]", "foo[1,1-2,1]", 4);
    check_hostlist ("foo[8-11]", "foo[8-11]", 4);
    check_hostlist ("foo[08-11]", "foo[08-11]", 4);
    check_hostlist ("a,b,c", "a,b,c", 3);
    check_hostlist ("foo1-bar,foo2-bar", "foo[1-2]-bar", 2);
    check_hostlist ("8660c254a8e[5,5,5,5]", "8660c254a8e[5,5,5,5]", 4);
    check_hostlist ("vm,vm,vm,vm", "vm,vm,vm,vm", 4);
    check_hostlist ("foo9,foo10,foo100", "foo[9-10,100]", 3);
    check_hostlist ("foo1,foo01", "foo[1,01]", 2);
    check_hostlist ("n[0-1200]x", "n[0-1200]x", 1201);
    check_hostlist ("n[098-101],n102x", "n[098-101],n102x", 5);
    check_hostlist ("n[9-10],n[010-011],n[99-101]", "n[9-10,010-011,99-101]", 7);
    check_hostlist ("n1999999999,n2000000000", "n1999999999,n2000000000", 2);
    check_hostlist ("a-name-that-is-longer-than-those-which-are-kept-in-a-local-array-"
                    "[7-12]",
                    "a-name-that-is-longer-than-those-which-are-kept-in-a-local-array-"
                    "[7-12]",
                    6);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_null (hostlist_decode (bad[i]));
    hl = hostlist_decode ("c[3,1,2],a,c1");
    assert_int_equal (hostlist_find (hl, "c2"), 2);
    assert_int_equal (hostlist_find (hl, "zz"), -1);
    hostlist_uniq (hl);
    check_text (hostlist_encode (hl), "a,c[1-3]");
    assert_int_equal (hostlist_delete (hl, "a,c2,nope"), 2);
    assert_string_equal (hostlist_first (hl), "c1");
    assert_string_equal (hostlist_next (hl), "c3");
    assert_null (hostlist_next (hl));
    hostlist_destroy (hl);
}

/* In another order there is no place that was. */
static void test_hostlist_sort (void **state)
{
    struct hostlist *hl = hostlist_decode ("c,b,a");

    assert_string_equal (hostlist_first (hl), "c");
    hostlist_sort (hl);
    assert_null (hostlist_current (hl));
    assert_null (hostlist_next (hl));
    assert_int_equal (hostlist_remove_current (hl), 0);
    check_text (hostlist_encode (hl), "a,b,c");
    hostlist_destroy (hl);
}

/* The cursor stands before the one behind what was removed. */
static void test_hostlist_remove (void **state)
{
    struct hostlist *hl = hostlist_decode ("a,b,c,d");

    assert_string_equal (hostlist_first (hl), "a");
    assert_int_equal (hostlist_remove_current (hl), 1);
    assert_null (hostlist_current (hl));
    assert_string_equal (hostlist_next (hl), "b");
    assert_string_equal (hostlist_next (hl), "c");
    assert_int_equal (hostlist_remove_current (hl), 1);
    assert_string_equal (hostlist_next (hl), "d");
    assert_int_equal (hostlist_remove_current (hl), 1);
    assert_null (hostlist_next (hl));
    assert_null (hostlist_next (hl));
    assert_int_equal (hostlist_remove_current (hl), 0);
    check_text (hostlist_encode (hl), "b");
    hostlist_destroy (hl);
}

static void check_taskmap (const char *in, int flags, const char *out)
{
    flux_error_t error;
    struct taskmap *map = taskmap_decode (in, &error);

    assert_non_null (map);
    check_text (taskmap_encode (map, flags), out);
    taskmap_destroy (map);
}

static void test_taskmap (void **state)
{
    static const char *bad[] = {
        "x",   "[[0,1]]", "[[0,-1,1,1]]",          "{}", "(vector,(0,1))",
        "0;0", "0;2",     "[[0,99999999,99999,1]]"
    };
    flux_error_t error;
    struct taskmap *map;

    check_taskmap ("[[0,4,4,1]]", TASKMAP_ENCODE_RAW, "0-3;4-7;8-11;12-15");
    check_taskmap ("[[0,4,1,4]]", TASKMAP_ENCODE_RAW,
                   "0,4,8,12;1,5,9,13;2,6,10,14;"
                   "3,7,11,15");
    check_taskmap ("0-3;4-7", 0, "[[0,2,4,1]]");
    check_taskmap ("0,4,8,12;1,5,9,13;2,6,10,14;3,7,11,15", 0, "[[0,4,1,4]]");
    check_taskmap ("[[0,4,4,1]]", TASKMAP_ENCODE_PMI, "(vector,(0,4,4))");
    check_taskmap ("(vector,(0,4,4))", TASKMAP_ENCODE_WRAPPED,
                   "{\"version\":1,\"map\":[[0,4,4,1]]}");
    check_taskmap ("", 0, "[]");
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        error.text[0] = '\0';
        assert_null (taskmap_decode (bad[i], &error));
        assert_true (error.text[0] != '\0');
    }
    map = taskmap_decode ("{\"version\":1,\"map\":[[0,4,1,4]]}", NULL);
    assert_int_equal (taskmap_nodeid (map, 5), 1);
    assert_int_equal (taskmap_ntasks (map, 3), 4);
    assert_int_equal (taskmap_total_ntasks (map), 16);
    struct taskmap *block = taskmap_deranged (map);
    assert_int_equal (taskmap_check (map, block, &error), 0);
    check_text (taskmap_encode (block, 0), "[[0,4,4,1]]");
    assert_int_equal (taskmap_append (block, 4, 1, 1), 0);
    assert_int_equal (taskmap_check (map, block, &error), -1);
    taskmap_destroy (block);
    taskmap_destroy (map);
}

static void test_jobid (void **state)
{
    const uint64_t id = 6731191091817518;
    static const char *same[] = { "6731191091817518",    "0x17e9fb8df16c2e",
                                  "0017.e9fb.8df1.6c2e", "job.0017.e9fb.8df1.6c2e",
                                  "fuZZybuNNy",          "\xc6\x92uZZybuNNy",
                                  " \xc6\x92uZZybuNNy\n" };
    static const char *bad[] = { "",
                                 "f",
                                 "\xc6\x92",
                                 "f0",
                                 "fl",
                                 "x",
                                 "-1",
                                 "1.2",
                                 "0x",
                                 "18446744073709551616",
                                 "fjpXCZedGfVR",
                                 "+1",
                                 "0017.e9fb.8df1.6c2",
                                 "12 3" };
    char buf[64];
    uint64_t n;
    struct jobid_gen g;

    for (size_t i = 0; i < sizeof (same) / sizeof (same[0]); i++) {
        assert_int_equal (jobid_decode (same[i], &n), 0);
        assert_true (n == id);
    }
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_int_equal (jobid_decode (bad[i], &n), -1);
    for (int t = JOBID_DEC; t <= JOBID_EMOJI; t++) {
        assert_int_equal (jobid_encode (UINT64_MAX, t, buf, sizeof (buf)), 0);
        assert_int_equal (jobid_decode (buf, &n), 0);
        assert_true (n == UINT64_MAX);
    }
    assert_int_equal (jobid_encode (0, JOBID_F58PLAIN, buf, sizeof (buf)), 0);
    assert_string_equal (buf, "f1");
    assert_int_equal (jobid_encode (id, JOBID_KVS, buf, sizeof (buf)), 0);
    assert_string_equal (buf, "job.0017.e9fb.8df1.6c2e");
    assert_int_equal (jobid_encode (id, JOBID_KVS, buf, 23), -1);
    assert_int_equal (errno, EOVERFLOW);

    jobid_gen_init (&g, 3, 1000, 0);
    n = jobid_gen_next (&g, 1005);
    assert_true (n == (5ULL << 24 | 3 << 10));
    for (int i = 0; i < 3000; i++) {
        uint64_t m = jobid_gen_next (&g, i % 2 ? 900 : 1005);
        assert_true (m > n);
        n = m;
    }
    jobid_gen_init (&g, 0, 1000, 0);
    assert_true (jobid_gen_next (&g, 900) > 0);
    /* beyond what was handed out before, also with the clock set back */
    jobid_gen_init (&g, 3, 1000, 5ULL << 24 | 9 << 10 | 7);
    assert_true (jobid_gen_next (&g, 0) == (6ULL << 24 | 3 << 10));
    assert_true (jobid_gen_next (&g, 1002) == (6ULL << 24 | 3 << 10 | 1));
    assert_true (jobid_gen_next (&g, 1010) == (10ULL << 24 | 3 << 10));
}

static void check_fsd (const char *s, double want)
{
    double t = -1;

    assert_int_equal (fsd_parse (s, &t), 0);
    assert_true (t == want);
}

static void test_fsd (void **state)
{
    static const char *bad[] = { "", "x", "-1", "1x", "1 s", "nan", "infs", "s", " 1" };
    char buf[32];
    double t;

    check_fsd ("2ms", 0.002);
    check_fsd ("30", 30);
    check_fsd ("1.2h", 4320);
    check_fsd ("5m", 300);
    check_fsd ("0s", 0);
    check_fsd ("5d", 432000);
    assert_int_equal (fsd_parse ("INF", &t), 0);
    assert_true (isinf (t));
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_int_equal (fsd_parse (bad[i], &t), -1);
    fsd_format (buf, sizeof (buf), 0.0129368);
    assert_string_equal (buf, "12.9368ms");
    fsd_format (buf, sizeof (buf), 2.55448 * 60);
    assert_string_equal (buf, "2.55448m");
    fsd_format_digits (buf, sizeof (buf), 5.3 * 3600, 2);
    assert_string_equal (buf, "5.3h");
    fsd_format (buf, sizeof (buf), 0);
    assert_string_equal (buf, "0s");
    assert_int_equal (fsd_format (buf, 2, 100), -1);
}

static void test_eventlog (void **state)
{
    static const char *bad[] = {
        "{}",
        "{\"timestamp\":0,\"name\":\"a\"}",
        "{\"timestamp\":1.0,\"name\":\"\"}",
        "{\"timestamp\":1.0}",
        "{\"timestamp\":1.0,\"name\":\"a\",\"context\":1}",
        "{\"timestamp\":1.0,\"name\":\"a\",\"x\":{}}",
        "[]",
        "",
    };
    struct eventlog_formatter f = { .time = EVENTLOG_TIME_RAW };
    json_t *context = json_pack ("{s:i s:s}", "a", 1, "s", "x y");
    char *line = eventlog_line (2.5, "foo", context);
    json_t *log;

    assert_string_equal (line, "{\"timestamp\":2.500000,\"name\":\"foo\",\"context\":{"
                               "\"a\":1,\"s\":\"x y\"}}\n");
    log = eventlog_decode (line, strlen (line));
    assert_int_equal (json_array_size (log), 1);
    check_text (eventlog_format (&f, json_array_get (log, 0)),
                "2.500000 foo a=1 s=\"x y\"");
    f.time = EVENTLOG_TIME_ISO;
    check_text (eventlog_format (&f, json_array_get (log, 0)),
                "1970-01-01T00:00:02.500000Z foo a=1 s=\"x y\"");
    json_decref (log);
    assert_null (eventlog_decode (line, strlen (line) - 1));
    free (line);
    line = eventlog_line (0, "q\"uote", NULL);
    log = eventlog_entry_decode (line, strlen (line));
    assert_non_null (log);
    json_decref (log);
    free (line);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_null (eventlog_entry_decode (bad[i], strlen (bad[i])));
    json_decref (context);

    json_t *e1 = json_pack ("{s:f s:s}", "timestamp", 1000000020.0, "name", "a");
    json_t *e2 = json_pack ("{s:f s:s}", "timestamp", 1000000020.25, "name", "b");
    f = (struct eventlog_formatter){ .time = EVENTLOG_TIME_HUMAN };
    setenv ("TZ", "UTC", 1);
    check_text (eventlog_format (&f, e1), "[Sep09 01:47] a");
    check_text (eventlog_format (&f, e2), "[  +0.250000] b");
    json_decref (e1);
    json_decref (e2);
}

static void test_treeobj (void **state)
{
    static const char *bad[] = {
        "{}",
        "[]",
        "{\"ver\":2,\"type\":\"dir\",\"data\":{}}",
        "{\"ver\":1,\"type\":\"dir\"}",
        "{\"ver\":1,\"type\":\"dir\",\"data\":[]}",
        "{\"ver\":1,\"type\":\"val\",\"data\":\"?\"}",
        "{\"ver\":1,\"type\":\"valref\",\"data\":[]}",
        "{\"ver\":1,\"type\":\"dirref\",\"data\":[\"x\"]}",
        "{\"ver\":1,\"type\":\"symlink\",\"data\":{}}",
        "{\"ver\":1,\"type\":\"what\",\"data\":{}}",
    };
    const char *ref = "sha1-a9993e364706816aba3e25717850c26c9cd0d89d";
    json_t *dir = treeobj_create_dir ();
    json_t *val = treeobj_create_val ("a\0b", 3);
    json_t *valref = treeobj_create_valref (ref);
    json_t *link = treeobj_create_symlink (NULL, "a.b");
    const char *ns, *target;
    void *data;
    size_t len;
    char *s;

    assert_int_equal (treeobj_val_decode (val, &data, &len), 0);
    assert_int_equal (len, 3);
    assert_memory_equal (data, "a\0b", 4);
    free (data);
    assert_int_equal (treeobj_ref_append (valref, ref), 0);
    assert_int_equal (treeobj_ref_count (valref), 2);
    assert_string_equal (treeobj_ref (valref, 1), ref);
    assert_int_equal (treeobj_symlink_get (link, &ns, &target), 0);
    assert_null (ns);
    assert_string_equal (target, "a.b");
    assert_int_equal (treeobj_dir_set (dir, "v", val), 0);
    assert_int_equal (treeobj_dir_set (dir, "r", valref), 0);
    assert_int_equal (treeobj_dir_set (dir, "l", link), 0);
    assert_true (treeobj_valid (dir, true));
    assert_int_equal (treeobj_dir_count (dir), 3);
    assert_int_equal (treeobj_dir_delete (dir, "l"), 0);
    assert_int_equal (treeobj_dir_delete (dir, "l"), -1);
    assert_null (treeobj_dir_get (dir, "l"));
    s = treeobj_encode (dir, &len);
    json_t *copy = treeobj_decode (s, len);
    assert_true (json_equal (copy, dir));
    json_decref (copy);
    free (s);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_null (treeobj_decode (bad[i], strlen (bad[i])));
    json_decref (dir);
    json_decref (val);
    json_decref (valref);
    json_decref (link);
    check_text (kvs_key_normalize ("..a...b."), "a.b");
    check_text (kvs_key_normalize (""), ".");
    check_text (kvs_key_normalize ("."), ".");
}

static void check_query (const char *query, const char *want)
{
    flux_error_t error = { 0 };
    json_t *o = constraint_parse (query, "name", &error);

    if (!o)
        print_message ("%s: %s\n", query, error.text);
    assert_non_null (o);
    check_text (json_dumps (o, JSON_COMPACT), want);
    json_decref (o);
}

static void check_bad_query (const char *query, const char *want)
{
    flux_error_t error;

    assert_null (constraint_parse (query, "name", &error));
    if (want)
        assert_string_equal (error.text, want);
    else
        assert_true (error.text[0] != '\0');
}

static void test_query (void **state)
{
    check_query ("foo", "{\"name\":[\"foo\"]}");
    check_query ("foo bar", "{\"and\":[{\"name\":[\"foo\"]},{\"name\":[\"bar\"]}]}");
    check_query ("a|b|c",
                 "{\"or\":[{\"name\":[\"a\"]},{\"name\":[\"b\"]},{\"name\":[\"c\"]}]}");
    check_query ("a|b&c", "{\"or\":[{\"name\":[\"a\"]},{\"and\":[{\"name\":[\"b\"]},"
                          "{\"name\":[\"c\"]}]}]}");
    check_query (
        "(a|-b)&&c",
        "{\"and\":[{\"or\":[{\"name\":[\"a\"]},{\"not\":[{\"name\":[\"b\"]}]}]},"
        "{\"name\":[\"c\"]}]}");
    check_query ("properties:foo,bar and not host:h1",
                 "{\"and\":[{\"properties\":[\"foo\",\"bar\"]},"
                 "{\"not\":[{\"hostlist\":[\"h1\"]}]}]}");
    check_query ("foo:'this is args'", "{\"foo\":[\"this is args\"]}");
    check_query ("'and' \"a:b\"",
                 "{\"and\":[{\"name\":[\"and\"]},{\"name\":[\"a:b\"]}]}");
    check_query ("", "{}");
    check_bad_query ("(", "Unclosed parenthesis in position 0");
    check_bad_query ("a (b", "Unclosed parenthesis in position 2");
    check_bad_query ("a)", "Mismatched parenthesis in position 1");
    check_bad_query ("-(a|b)", NULL);
    check_bad_query ("a and", NULL);
    check_bad_query ("| a", NULL);
    check_bad_query ("()", NULL);
    check_bad_query ("'a", NULL);
    check_bad_query ("host:", NULL);
    check_bad_query ("not", NULL);
}

static void hosts_are_looked_up_by_name (void **state)
{
    struct hostlist *hl = hostlist_decode ("a[0-99],b");
    struct hostlist_hostname *hn = hostlist_hostname_create ("a42"),
                             *no = hostlist_hostname_create ("c");

    assert_int_equal (hostlist_find_hostname (hl, hn), 42);
    assert_int_equal (hostlist_find_hostname (hl, no), -1);
    assert_int_equal (errno, ENOENT);
    assert_null (hostlist_hostname_create (""));
    assert_null (hostlist_hostname_create (NULL));
    assert_int_equal (hostlist_find_hostname (hl, NULL), -1);
    hostlist_hostname_destroy (hn);
    hostlist_hostname_destroy (no);
    hostlist_hostname_destroy (NULL);
    hostlist_destroy (hl);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (hosts_are_looked_up_by_name),
        cmocka_unit_test (test_idset_code),
        cmocka_unit_test (test_idset_model),
        cmocka_unit_test (test_idset_ops),
        cmocka_unit_test (test_hostlist),
        cmocka_unit_test (test_hostlist_remove),
        cmocka_unit_test (test_hostlist_sort),
        cmocka_unit_test (test_taskmap),
        cmocka_unit_test (test_jobid),
        cmocka_unit_test (test_fsd),
        cmocka_unit_test (test_eventlog),
        cmocka_unit_test (test_treeobj),
        cmocka_unit_test (test_query),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
