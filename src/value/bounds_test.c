/* Short texts that mean much: they are refused before anything is expanded, and what
 * is allowed does not become quadratic. And properties of the types against plain
 * models. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"

#include <flux/hostlist.h>
#include <flux/idset.h>
#include <flux/taskmap.h>

#include "base/buf.h"
#include "value/fsd.h"
#include "value/job/jobid.h"
#include "value/job/jobspec.h"
#include "value/resource/rset.h"

static unsigned int seed = 20;

static unsigned int draw (unsigned int n)
{
    return (unsigned int)rand_r (&seed) % n;
}

/* --- refused at once --- */

static void bad_idsets (void **state)
{
    static const char *const rows[] = {
        "268435456",
        "0-268435456",
        "4294967295",
        "4294967294",
        "4294967296",
        "0-4294967295",
        "18446744073709551616",
        "0-18446744073709551616",
        "99999999999",
        "1-2-3",
        "-1",
        "1-",
        "[1",
        "1]",
        "[[1]]",
        "1,,2",
        "1,",
        ",1",
        "2,1",
        "1,1",
        "1-3,2",
        "3-1",
        "01",
        "00",
        "1 ",
        " 1",
        "+1",
        "0x1",
        "1e3",
        "1.0",
        "\xff",
        "a",
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        size_t count;
        idset_error_t error = { "" };

        errno = 0;
        assert_null (idset_decode (rows[i]));
        assert_int_equal (errno, EINVAL);
        assert_int_equal (idset_decode_info (rows[i], -1, &count, NULL, &error), -1);
        assert_true (error.text[0] != '\0');
    }
}

static void bad_hostlists (void **state)
{
    static const char *const rows[] = {
        "h[0-99999999999]",
        "h[0-1048576]",
        "h[0-999999999999999999999]",
        "h[1-0]",
        "h[",
        "h]",
        "h[]",
        "h[1-2",
        "h[1]2]",
        "h[a]",
        "h[1-]",
        "h[-1]",
        "h[1,]",
        "h[1][2]",
        "a b",
        "a,",
        ",a",
        "h[1-2-3]",
        "h[0-1000000],g[0-100000]",
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        errno = 0;
        assert_null (hostlist_decode (rows[i]));
        assert_true (errno == EINVAL || errno == ERANGE);
    }
}

static void bad_taskmaps (void **state)
{
    static const char *const rows[] = {
        "[[16777215,1,1,1]]",
        "[[1048576,1,1,1]]",
        "[[0,16777217,1,1]]",
        "[[0,4096,4097,1]]",
        "[[0,1,1,16777217]]",
        "[[0,1,1,2147483647],[0,1,1,2147483647]]",
        "[[0,2147483647,2147483647,2147483647]]",
        "[[-1,1,1,1]]",
        "[[0,0,1,1]]",
        "[[0,1,0,1]]",
        "[[0,1,1,0]]",
        "[[0,1,1]]",
        "[[0,1,1,1,1]]",
        "[0,1,1,1]",
        "{\"version\":2,\"map\":[]}",
        "{\"version\":1}",
        "(vector,(0,99999999999,1))",
        "(vector,(0,1,99999999999999999999))",
        "(vector,(0,1))",
        "(vector,(0,1,1)",
        "(vector,(0,1,1)) x",
        "(vector,(-1,1,1))",
        "(vector (0,1,1))",
        "(vec)",
        "0-16777216",
        "0-99999999999",
        "0;0",
        "1",
        "0;2",
        "0;;1",
        "0;1;",
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        flux_error_t error = { "" };

        errno = 0;
        if (taskmap_decode (rows[i], &error))
            fail_msg ("%s was accepted", rows[i]);
        assert_int_equal (errno, EINVAL);
        assert_true (error.text[0] != '\0');
    }
}

static char *R_text (const char *lite)
{
    char *s;

    assert_true (asprintf (&s, "{\"version\":1,\"execution\":{\"R_lite\":[%s]}}", lite)
                 > 0);
    return s;
}

static void bad_rsets (void **state)
{
    static const struct {
        const char *lite, *text;
    } rows[] = {
        { "{\"rank\":\"0-4149304\",\"children\":{\"core\":\"0\"}}", "ranks end at" },
        { "{\"rank\":\"1048576\",\"children\":{\"core\":\"0\"}}", "ranks end at" },
        { "{\"rank\":\"0\",\"children\":{\"core\":\"0-99999\"}}", "ids end at" },
        { "{\"rank\":\"0\",\"children\":{\"core\":\"0\",\"gpu\":\"65536\"}}",
          "ids end at" },
        { "{\"rank\":\"0-1048575\",\"children\":{\"core\":\"0-65535\"}}",
          "too many cores" },
        { "{\"rank\":\"0\",\"children\":{\"core\":\"0\"}},"
          "{\"rank\":\"0-1048575\",\"children\":{\"core\":\"0\"}}",
          "twice" },
        { "{\"rank\":\"5\",\"children\":{\"core\":\"0\"}},"
          "{\"rank\":\"3-7\",\"children\":{\"core\":\"0\"}}",
          "rank 5 appears twice" },
        { "{\"rank\":\"-1\",\"children\":{\"core\":\"0\"}}", "expected a number" },
        { "{\"rank\":\"0\"}", "expected rank and children" },
        { "7", "expected rank and children" },
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        char *s = R_text (rows[i].lite);
        flux_error_t error = { "" };

        errno = 0;
        assert_null (rset_decode (s, &error));
        assert_int_equal (errno, EINVAL);
        if (!strstr (error.text, rows[i].text))
            fail_msg ("%s: %s", rows[i].lite, error.text);
        free (s);
    }
}

static void bad_jobspec_counts (void **state)
{
    static const struct {
        const char *resources, *text;
    } rows[] = {
        { "{'type':'slot','count':16777217,'label':'t','with':[{'type':'core','count':"
          "1}]}",
          "too large" },
        { "{'type':'slot','count':9223372036854775807,'label':'t','with':[{'type':'"
          "core','count':1}]}",
          "too large" },
        { "{'type':'slot','count':-1,'label':'t','with':[{'type':'core','count':1}]}",
          "positive" },
        { "{'type':'slot','count':'1+','label':'t','with':[{'type':'core','count':1}]}",
          "integer" },
        { "{'type':'slot','count':{'min':1,'max':4,'operator':'*','operand':1},'label':"
          "'t','with':[{'type':'core','count':1}]}",
          "integer" },
        { "{'type':'slot','count':16777216,'label':'t','with':[{'type':'core','count':"
          "128}]}",
          "too many cores" },
        { "{'type':'slot','count':16777216,'label':'t','with':[{'type':'core','count':"
          "1},{'type':'gpu','count':128}]}",
          "too many gpus" },
        { "{'type':'node','count':16777216,'with':[{'type':'slot','count':2,'label':'t'"
          ",'with':[{'type':'core','count':1}]}]}",
          "too large" },
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        struct jobspec js;
        flux_error_t error = { "" };
        char *s;
        json_t *o;

        assert_true (
            asprintf (&s,
                      "{'version':1,'resources':[%s],'tasks':[{'command':['a'],"
                      "'slot':'t','count':{'per_slot':1}}],"
                      "'attributes':{'system':{'duration':0}}}",
                      rows[i].resources)
            > 0);
        for (char *p = s; *p; p++)
            *p = *p == '\'' ? '"' : *p;
        o = json_loads (s, 0, NULL);
        assert_non_null (o);
        assert_int_equal (jobspec_parse (o, &js, &error), -1);
        if (!strstr (error.text, rows[i].text))
            fail_msg ("%s: %s", rows[i].resources, error.text);
        json_decref (o);
        free (s);
    }
}

static void bad_jobids (void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "-1",
        "--",
        "+1",
        "f",
        "ƒ",
        "ƒ0",
        "ƒl",
        "ƒƒ",
        "0x",
        "0x-1",
        "0xg",
        "1e3",
        "1.0",
        "job.",
        "job.0000",
        "1 2",
        "x",
        "18446744073709551616",
        "ƒzzzzzzzzzzzzzzz",
        "0x1ffffffffffffffff",
        "0000.0000.0000.000g",
        "0000.0000.0000.0000.0000",
        "00000000000000000000000000",
        "\xf0\x9f",
        "😃x",
        "🤖",
        "😃\xf0\x9f\x98",
        "🎌🎌🎌🎌🎌🎌🎌",
        "😄😃😃😃😃😃😃😃",
    };
    uint64_t id;

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        errno = 0;
        if (jobid_decode (rows[i], &id) == 0)
            fail_msg ("'%s' was accepted", rows[i]);
        assert_int_equal (errno, EINVAL);
    }
}

static void bad_durations (void **state)
{
    static const char *const rows[] = {
        "",    " ", "-1", "-1s", "s",  "1x",  "1ss", "1 s",
        "nan", "h", "1e", "1,5", "0x", "1s ", "--1", "-inf",
    };
    double t;

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        if (fsd_parse (rows[i], &t) == 0)
            fail_msg ("'%s' was accepted as %f", rows[i], t);
    }
}

/* --- texts that would be longer than anyone wants --- */

static void long_texts (void **state)
{
    struct idset *ids = idset_decode ("0-16777215");
    flux_error_t error;
    struct taskmap *map = taskmap_decode ("[[0,2,1,4194304]]", &error);

    assert_non_null (ids);
    assert_non_null (map);
    errno = 0;
    assert_null (idset_encode (ids, 0));
    assert_int_equal (errno, EOVERFLOW);
    errno = 0;
    assert_null (taskmap_encode (map, TASKMAP_ENCODE_PMI));
    assert_int_equal (errno, EOVERFLOW);
    errno = 0;
    assert_null (taskmap_encode (map, TASKMAP_ENCODE_RAW));
    assert_int_equal (errno, EOVERFLOW);
    char *s = taskmap_encode (map, 0);
    assert_string_equal (s, "[[0,2,1,4194304]]");
    free (s);
    taskmap_destroy (map);
    idset_destroy (ids);
}

/* --- properties --- */

/* Entries of R_lite that interleave, in any order. */
static void rset_interleaved (void **state)
{
    for (int round = 0; round < 50; round++) {
        int n = 1 + draw (200), parts = 1 + draw (5);
        struct rset *plain = rset_create ();
        struct idset *ranks[5];
        struct buf b = BUF_INIT;
        flux_error_t error;

        for (int p = 0; p < parts; p++)
            ranks[p] = idset_create (0, IDSET_FLAG_AUTOGROW);
        for (int i = 0; i < n; i++) {
            int p = draw (parts);
            char cores[8];
            snprintf (cores, sizeof (cores), "0-%d", p + 1);
            assert_int_equal (idset_set (ranks[p], i), 0);
            assert_int_equal (rset_add_rank (plain, i, NULL, cores, NULL), 0);
        }
        for (int p = parts - 1; p >= 0; p--) {
            char *s = idset_encode (ranks[p], draw (2) ? IDSET_FLAG_RANGE : 0);
            if (!idset_empty (ranks[p]))
                buf_printf (&b, "%s{\"rank\":\"%s\",\"children\":{\"core\":\"0-%d\"}}",
                            b.len ? "," : "", s, p + 1);
            free (s);
            idset_destroy (ranks[p]);
        }
        char *text = R_text (b.data);
        struct rset *r = rset_decode (text, &error);
        assert_non_null (r);
        char *want = rset_encode (plain), *got = rset_encode (r);
        assert_string_equal (got, want);
        free (want);
        free (got);
        free (text);
        buf_fini (&b);
        rset_destroy (r);
        rset_destroy (plain);
    }
}

/* A list against a plain array of names. */
struct names {
    char *v[400];
    int n;
};

static int plain_find (const struct names *a, const char *name)
{
    for (int i = 0; i < a->n; i++)
        if (!strcmp (a->v[i], name))
            return i;
    return -1;
}

static void plain_remove (struct names *a, int i)
{
    free (a->v[i]);
    memmove (&a->v[i], &a->v[i + 1], (--a->n - i) * sizeof (a->v[0]));
}

static void hostlist_model (void **state)
{
    for (int round = 0; round < 30; round++) {
        struct hostlist *hl = hostlist_create ();
        struct names a = { .n = 0 };
        int kinds = 1 + draw (120);

        for (int step = 0; step < 300; step++) {
            char name[16];
            snprintf (name, sizeof (name), "h%u", draw (kinds));
            int i = plain_find (&a, name);
            switch (draw (4)) {
            case 0:
            case 1:
                a.v[a.n++] = strdup (name);
                assert_int_equal (hostlist_append (hl, name), 1);
                break;
            case 2:
                assert_int_equal (hostlist_delete (hl, name), i >= 0);
                if (i >= 0)
                    plain_remove (&a, i);
                break;
            case 3:
                assert_int_equal (hostlist_find (hl, name), i);
                if (i >= 0 && draw (3) == 0) {
                    assert_int_equal (hostlist_remove_current (hl), 1);
                    plain_remove (&a, i);
                }
                break;
            }
        }
        assert_int_equal (hostlist_count (hl), a.n);
        char *s = hostlist_encode (hl);
        struct hostlist *again = hostlist_decode (s);
        for (int i = 0; i < a.n; i++) {
            assert_string_equal (hostlist_nth (hl, i), a.v[i]);
            assert_string_equal (hostlist_nth (again, i), a.v[i]);
        }
        while (a.n > 0)
            plain_remove (&a, 0);
        free (s);
        hostlist_destroy (again);
        hostlist_destroy (hl);
    }
}

/* Each name once, however often it is asked for: quadratic before there was an index. */
static void hostlist_large (void **state)
{
    struct hostlist *hl = hostlist_decode ("h[0-49999]");
    struct hostlist *other = hostlist_decode ("h[0-49999]");

    for (int i = 0; i < 50000; i++)
        assert_int_equal (hostlist_find (hl, hostlist_nth (other, i)), i);
    assert_int_equal (hostlist_delete (hl, "h[1-49999]"), 49999);
    assert_string_equal (hostlist_first (hl), "h0");
    assert_int_equal (hostlist_count (hl), 1);
    hostlist_destroy (other);
    hostlist_destroy (hl);
}

/* All forms of a map mean the same tasks on the same nodes. */
static void taskmap_forms (void **state)
{
    static const int flags[] = { 0, TASKMAP_ENCODE_WRAPPED, TASKMAP_ENCODE_PMI,
                                 TASKMAP_ENCODE_RAW };

    for (int round = 0; round < 300; round++) {
        struct buf b = BUF_INIT;
        flux_error_t error = { "" };
        int blocks = 1 + draw (4);

        buf_addc (&b, '[');
        for (int i = 0; i < blocks; i++)
            buf_printf (&b, "%s[%u,%u,%u,%u]", i ? "," : "", i == 0 ? 0 : draw (2),
                        1 + draw (4), 1 + draw (4), 1 + draw (3));
        buf_addc (&b, ']');
        struct taskmap *map = taskmap_decode (b.data, &error);
        assert_non_null (map);
        for (int f = 0; f < 4; f++) {
            char *s = taskmap_encode (map, flags[f]);
            struct taskmap *again = taskmap_decode (s, &error);
            assert_non_null (again);
            assert_int_equal (taskmap_total_ntasks (again), taskmap_total_ntasks (map));
            for (int t = 0; t < taskmap_total_ntasks (map); t++)
                assert_int_equal (taskmap_nodeid (again, t), taskmap_nodeid (map, t));
            assert_int_equal (taskmap_check (map, again, &error), 0);
            taskmap_destroy (again);
            free (s);
        }
        taskmap_destroy (map);
        buf_fini (&b);
    }
}

/* White space is allowed in the PMI form; many blocks are read once each. */
static void taskmap_pmi (void **state)
{
    flux_error_t error;
    struct buf b = BUF_INIT;
    struct taskmap *map =
        taskmap_decode (" ( vector , ( 0 , 2 , 3 ) ,(0,1,1)) ", &error);

    assert_non_null (map);
    assert_int_equal (taskmap_total_ntasks (map), 7);
    taskmap_destroy (map);
    buf_adds (&b, "(vector");
    for (int i = 0; i < 100000; i++)
        buf_printf (&b, ",(%d,1,%d)", i, 1 + i % 2);
    buf_addc (&b, ')');
    map = taskmap_decode (b.data, &error);
    assert_non_null (map);
    assert_int_equal (taskmap_nnodes (map), 100000);
    assert_int_equal (taskmap_total_ntasks (map), 150000);
    taskmap_destroy (map);
    buf_fini (&b);
}

static void jobid_forms (void **state)
{
    static const enum jobid_type types[] = { JOBID_DEC,   JOBID_HEX,  JOBID_DOTHEX,
                                             JOBID_KVS,   JOBID_F58,  JOBID_F58PLAIN,
                                             JOBID_EMOJI, JOBID_WORDS };
    static const struct {
        uint64_t id;
        const char *text;
    } known[] = { { 0, "😃" },
                  { 1, "😄" },
                  { 575, "🎌" },
                  { 576, "😄😃" },
                  { 6731191091817518, "👩💅📓😸👑🚓" } };

    for (size_t i = 0; i < sizeof (known) / sizeof (known[0]); i++) {
        char text[64];

        assert_int_equal (jobid_encode (known[i].id, JOBID_EMOJI, text, sizeof (text)),
                          0);
        assert_string_equal (text, known[i].text);
    }

    static const struct {
        uint64_t id;
        const char *text;
    } said[] = { { 0, "academy-academy-academy--academy-academy-academy" },
                 { 1, "acrobat-academy-academy--academy-academy-academy" },
                 { 1234567, "mars-video-academy--academy-academy-academy" },
                 { 0xedaf97d000000, "random-idea-yoyo--sugar-printer-academy" },
                 { 6731191091817518, "reform-remote-galileo--heart-package-academy" } };

    for (size_t i = 0; i < sizeof (said) / sizeof (said[0]); i++) {
        char text[64];
        uint64_t id = 0;

        assert_int_equal (jobid_encode (said[i].id, JOBID_WORDS, text, sizeof (text)),
                          0);
        assert_string_equal (text, said[i].text);
        text[0] -= 'a' - 'A';
        assert_int_equal (jobid_decode (text, &id), 0);
        assert_true (id == said[i].id);
    }
    static const char *const none[] = {
        "-",
        "academy-academy-academy",
        "-academy",
        "academy-academy-academy--academy-academy-akademy",
        "academy-academy-academy--academy-academy-academ",
        "academy-academy-academy--academy-academy-academyy",
        "academy-academy-academy--academy-academy-academy-academy",
        "amen-amen-amen--academy-academy-academy",
        "-1"
    };
    for (size_t i = 0; i < sizeof (none) / sizeof (none[0]); i++) {
        uint64_t id;

        assert_int_equal (jobid_decode (none[i], &id), -1);
    }

    for (int round = 0; round < 5000; round++) {
        uint64_t id = ((uint64_t)rand_r (&seed) << 33 ^ (uint64_t)rand_r (&seed) << 11
                       ^ rand_r (&seed))
                      >> draw (64);
        for (size_t i = 0; i < sizeof (types) / sizeof (types[0]); i++) {
            char text[64], padded[80];
            uint64_t again = ~id;
            assert_int_equal (jobid_encode (id, types[i], text, sizeof (text)), 0);
            snprintf (padded, sizeof (padded), " %s\n", text);
            assert_int_equal (jobid_decode (padded, &again), 0);
            assert_true (again == id);
            errno = 0;
            assert_int_equal (jobid_encode (id, types[i], text, strlen (text)), -1);
            assert_int_equal (errno, EOVERFLOW);
        }
    }
}

static void fsd_forms (void **state)
{
    for (int round = 0; round < 5000; round++) {
        double t = (double)rand_r (&seed) / (1 + draw (1u << draw (31))), again;
        char text[64];
        assert_int_equal (fsd_format (text, sizeof (text), t) < 0, 0);
        assert_int_equal (fsd_parse (text, &again), 0);
        assert_true (again >= t * 0.99999 - 1e-9 && again <= t * 1.00001 + 1e-9);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (bad_idsets),         cmocka_unit_test (bad_hostlists),
        cmocka_unit_test (bad_taskmaps),       cmocka_unit_test (bad_rsets),
        cmocka_unit_test (bad_jobspec_counts), cmocka_unit_test (bad_jobids),
        cmocka_unit_test (bad_durations),      cmocka_unit_test (long_texts),
        cmocka_unit_test (rset_interleaved),   cmocka_unit_test (hostlist_model),
        cmocka_unit_test (hostlist_large),     cmocka_unit_test (taskmap_forms),
        cmocka_unit_test (taskmap_pmi),        cmocka_unit_test (jobid_forms),
        cmocka_unit_test (fsd_forms),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
