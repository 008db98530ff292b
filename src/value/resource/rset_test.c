#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "value/resource/rset.h"

static void check_text (char *got, const char *want)
{
    assert_non_null (got);
    assert_string_equal (got, want);
    free (got);
}

static struct rset *make (const char *ranks, const char *cores, const char *gpus)
{
    struct rset *r = rset_create ();
    struct idset *ids = idset_decode (ranks);
    unsigned int rank;
    char host[32];

    for (rank = idset_first (ids); rank != IDSET_INVALID_ID;
         rank = idset_next (ids, rank)) {
        snprintf (host, sizeof (host), "h%u", rank);
        assert_int_equal (rset_add_rank (r, rank, host, cores, gpus), 0);
    }
    idset_destroy (ids);
    return r;
}

static void test_code (void **state)
{
    const char *text =
        "{\"version\":1,\"execution\":{\"R_lite\":["
        "{\"rank\":\"0-1\",\"children\":{\"core\":\"0-3\",\"gpu\":\"0\"}},"
        "{\"rank\":\"5\",\"children\":{\"core\":\"7\"}}],"
        "\"nslots\":2,\"nodelist\":[\"h[0-1],x\"],"
        "\"properties\":{\"big\":\"0-1\"},"
        "\"starttime\":1.5,\"expiration\":1000}}";
    flux_error_t error;
    struct rset *r = rset_decode (text, &error);

    assert_non_null (r);
    check_text (rset_encode (r), text);
    check_text (rset_dump (r), "rank[0-1]/core[0-3],gpu0 rank5/core7");
    assert_string_equal (rset_host (r, 5), "x");
    assert_int_equal (rset_count (r, "node"), 3);
    assert_int_equal (rset_count (r, "core"), 9);
    assert_int_equal (rset_count (r, "gpu"), 2);
    struct rset *copy = rset_copy (r);
    check_text (rset_encode (copy), text);
    rset_destroy (copy);
    json_t *o = rset_encode_json (r);
    copy = rset_decode_json (o, &error);
    check_text (rset_encode (copy), text);
    rset_destroy (copy);
    json_decref (o);
    rset_destroy (r);
}

static void test_bad (void **state)
{
    static const char *bad[] = {
        "",
        "{}",
        "[]",
        "{\"version\":2,\"execution\":{\"R_lite\":[]}}",
        "{\"version\":1,\"execution\":{\"R_lite\":{}}}",
        "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"x\",\"children\":{}}]}}",
        "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0\",\"children\":"
        "{\"core\":\"x\"}}]}}",
        "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0\"}]}}",
        "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0\",\"children\":{}},"
        "{\"rank\":\"0\",\"children\":{}}]}}",
        "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0\",\"children\":{}}],"
        "\"nodelist\":[\"a,b\"]}}",
        "{\"version\":1,\"execution\":{\"R_lite\":[],\"properties\":{\"a|b\":\"0\"}}}",
        "{\"version\":1,\"execution\":{\"R_lite\":[],\"nslots\":-1}}",
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        flux_error_t error = { 0 };
        errno = 0;
        assert_null (rset_decode (bad[i], &error));
        assert_int_equal (errno, EINVAL);
        assert_true (error.text[0] != '\0');
    }
}

static void test_algebra (void **state)
{
    struct rset *a = make ("0-3", "0-3", NULL), *b = make ("2-5", "2-5", NULL), *r;

    r = rset_union (a, b);
    check_text (rset_dump (r), "rank[0-1]/core[0-3] rank[2-3]/core[0-5] "
                               "rank[4-5]/core[2-5]");
    rset_destroy (r);
    r = rset_diff (a, b);
    check_text (rset_dump (r), "rank[0-1]/core[0-3] rank[2-3]/core[0-1]");
    rset_destroy (r);
    r = rset_intersect (a, b);
    check_text (rset_dump (r), "rank[2-3]/core[2-3]");
    rset_destroy (r);
    r = rset_diff (a, a);
    assert_int_equal (rset_count (r, "node"), 0);
    check_text (rset_dump (r), "");
    assert_int_equal (rset_append (r, a), 0);
    assert_int_equal (rset_append (r, b), -1);
    assert_int_equal (errno, EEXIST);
    rset_destroy (r);
    rset_destroy (a);
    rset_destroy (b);
}

static struct rset *filter (struct rset *r, const char *constraint)
{
    json_t *o = json_loads (constraint, 0, NULL);
    flux_error_t error;
    struct rset *f = rset_filter (r, o, &error);

    json_decref (o);
    return f;
}

static void check_filter (struct rset *r, const char *constraint, const char *want)
{
    struct rset *f = filter (r, constraint);
    struct idset *ranks;

    assert_non_null (f);
    ranks = rset_ranks (f);
    check_text (idset_encode (ranks, IDSET_FLAG_RANGE), want);
    idset_destroy (ranks);
    rset_destroy (f);
}

static void test_filter (void **state)
{
    struct rset *r = make ("0-7", "0", NULL);
    struct idset *odd = idset_decode ("1,3,5,7");

    assert_int_equal (rset_add_property (r, "odd", odd), 0);
    check_filter (r, "{}", "0-7");
    check_filter (r, "{\"and\":[]}", "0-7");
    check_filter (r, "{\"or\":[]}", "0-7");
    check_filter (r, "{\"not\":[]}", "");
    check_filter (r, "{\"properties\":[\"odd\"]}", "1,3,5,7");
    check_filter (r, "{\"properties\":[\"^odd\"]}", "0,2,4,6");
    check_filter (r, "{\"hostlist\":[\"h[1-2]\",\"h7\"]}", "1-2,7");
    check_filter (r, "{\"ranks\":[\"0-3\"]}", "0-3");
    check_filter (
        r, "{\"and\":[{\"ranks\":[\"0-3\"]},{\"not\":[{\"properties\":[\"odd\"]}]}]}",
        "0,2");
    assert_null (filter (r, "{\"foo\":[]}"));
    assert_null (filter (r, "{\"ranks\":\"0\"}"));
    assert_null (filter (r, "{\"ranks\":[\"x\"]}"));
    assert_null (filter (r, "{\"properties\":[\"a|b\"]}"));
    assert_null (filter (r, "[]"));
    idset_destroy (odd);
    rset_destroy (r);
}

static void check_config (const char *text, const char *want)
{
    json_t *o = json_loads (text, 0, NULL);
    flux_error_t error = { "" };
    struct rset *r = rset_decode_config (o, &error);

    if (r)
        check_text (rset_dump (r), want);
    else
        assert_string_equal (error.text, want);
    rset_destroy (r);
    json_decref (o);
}

static void test_config (void **state)
{
    check_config ("[{\"hosts\":\"x[0-3]\",\"cores\":\"0-7\",\"gpus\":\"0\"},"
                  "{\"hosts\":\"x1\",\"gpus\":\"1\",\"properties\":[\"p\"]}]",
                  "rank[0,2-3]/core[0-7],gpu0 rank1/core[0-7],gpu[0-1]");
    check_config ("[{\"hosts\":\"x2,x[0-1],x2\",\"cores\":\"0\"},"
                  "{\"hosts\":\"x[1-3]\",\"cores\":\"1\"},{\"hosts\":\"x0\"}]",
                  "rank[0,2]/core[0-1] rank1/core0 rank3/core1");
    check_config ("[{\"hosts\":\"x[0-49999]\",\"cores\":\"0\"},"
                  "{\"hosts\":\"x[100-59999]\",\"cores\":\"1\"}]",
                  "rank[0-99]/core0 rank[100-49999]/core[0-1] rank[50000-59999]/core1");
    check_config ("{}", "resource.config: must be an array of tables");
    check_config ("[{\"hosts\":\"x\",\"cores\":\"zz\"}]",
                  "resource.config[0]: invalid idset");
    check_config ("[{\"hosts\":\"x\",\"gpus\":\"0\"}]",
                  "resource.config: host x has no cores");
    check_config ("[{\"hosts\":\"x\",\"cores\":\"0\",\"properties\":[\"a!\"]}]",
                  "resource.config[0].properties[0]: invalid name");
    check_config ("[{\"cores\":\"0\"}]",
                  "resource.config[0]: expected hosts, cores, gpus, properties");
    check_config ("[{\"hosts\":\"x\",\"cores\":\"0\",\"properties\":\"a\"}]",
                  "resource.config[0].properties: must be an array");
    check_config ("[{\"hosts\":\"x[0\",\"cores\":\"0\"}]",
                  "resource.config[0].hosts: invalid hostlist");
}

static void test_rerank (void **state)
{
    struct rset *r = make ("0-2", "0", NULL);
    struct hostlist *hosts = hostlist_decode ("h2,h1,h0");
    struct idset *zero = idset_decode_ex ("0", -1, -1, IDSET_FLAG_AUTOGROW, NULL), *two;
    struct rset *other, *rest;
    flux_error_t error;
    json_t *left;

    rset_add_property (r, "p", zero);
    assert_int_equal (rset_rerank (r, hosts, &error), 0);
    assert_string_equal (rset_host (r, 0), "h2");
    check_filter (r, "{\"properties\":[\"p\"]}", "2");
    idset_decode_add (zero, "1", -1, NULL); /* what is left begins with 2 */
    rest = rset_copy (r);
    rset_remove_ranks (rest, zero);
    other = rset_remap (rest, hosts);
    assert_string_equal (rset_host (other, 0), "h2");
    check_filter (other, "{\"properties\":[\"p\"]}", "0");
    rset_destroy (other);
    other = rset_remap (rest, NULL);
    assert_string_equal (rset_host (other, 0), "h0");
    rset_destroy (other);
    other = rset_copy (r);
    two = rset_ranks (rest);
    rset_remove_ranks (other, two); /* nobody is left that has p */
    assert_int_equal (json_object_size (left = rset_properties (other)), 0);
    json_decref (left);
    idset_destroy (two);
    rset_destroy (other);
    rset_destroy (rest);
    hostlist_destroy (hosts);
    hosts = hostlist_decode ("a,b");
    assert_int_equal (rset_rerank (r, hosts, &error), -1);
    assert_int_equal (errno, ENOENT);
    hostlist_destroy (hosts);
    idset_destroy (zero);
    other = make ("0-2", "0-1", NULL);
    assert_int_equal (rset_verify (other, r, &error), -1);
    rset_destroy (other);
    other = make ("1", "0-3", "0");
    assert_int_equal (rset_verify (r, other, &error), -1);
    rset_destroy (other);
    rset_destroy (r);
}

static void test_large (void **state)
{
    const char *text = "{\"version\":1,\"execution\":{\"R_lite\":["
                       "{\"rank\":\"0-9999\",\"children\":{\"core\":\"0-63\"}}],"
                       "\"nodelist\":[\"node[0-9999]\"],"
                       "\"starttime\":0,\"expiration\":0}}";
    struct rset *r = rset_decode (text, NULL);
    struct rset *one = make ("77", "5", NULL);
    struct rset *rest;

    check_text (rset_encode (r), text);
    rest = rset_diff (r, one);
    assert_int_equal (rset_count (rest, "core"), 639999);
    rset_destroy (rest);
    rset_destroy (one);
    rset_destroy (r);
}

/* Hosts that came together outlive the others. */
static void test_hosts (void **state)
{
    struct rset *r = rset_decode ("{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":"
                                  "\"0-999\",\"children\":{\"core\":\"0\"}}],"
                                  "\"nodelist\":[\"n[0-998],x\"]}}",
                                  NULL);
    struct idset *ids = idset_decode ("0,10,500,999");
    struct rset *some = rset_copy_ranks (r, ids), *rest = rset_diff (r, some);
    char *s;

    rset_destroy (r);
    assert_string_equal (rset_host (some, 500), "n500");
    assert_null (rset_host (some, 501));
    assert_string_equal (s = rset_nodelist_text (some), "n[0,10,500],x");
    free (s);
    rset_destroy (some);
    assert_string_equal (s = rset_nodelist_text (rest), "n[1-9,11-499,501-998]");
    free (s);
    assert_int_equal (rset_count (rest, "core"), 996);
    rset_destroy (rest);
    idset_destroy (ids);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_code),    cmocka_unit_test (test_bad),
        cmocka_unit_test (test_algebra), cmocka_unit_test (test_filter),
        cmocka_unit_test (test_config),  cmocka_unit_test (test_rerank),
        cmocka_unit_test (test_large),   cmocka_unit_test (test_hosts),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
