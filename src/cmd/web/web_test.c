#include "cmd/web/bars.h"
#include "cmd/web/guard.h"
#include "cmd/web/nodes.h"
#include "cmd/web/rows.h"
#include "cmd/web/stream.h"

#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- guard --- */

static void test_token (void **state)
{
    char a[TOKEN_LEN + 1], b[TOKEN_LEN + 1], c[TOKEN_LEN + 2];
    assert_int_equal (token_create (a), 0);
    assert_int_equal (token_create (b), 0);
    assert_string_not_equal (a, b);
    assert_int_equal (strspn (a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789-_"),
                      TOKEN_LEN);
    assert_true (token_equal (a, a));
    assert_false (token_equal (a, b));
    assert_false (token_equal (a, NULL));
    assert_false (token_equal (a, ""));
    snprintf (c, sizeof (c), "%s", a);
    c[TOKEN_LEN - 1] ^= 1;
    assert_false (token_equal (a, c));
    snprintf (c, sizeof (c), "%sx", a);
    assert_false (token_equal (a, c));
    assert_null (bearer_token (NULL));
    assert_null (bearer_token ("Basic abc"));
    assert_string_equal (bearer_token ("bearer  abc"), "abc");
}

static void test_host (void **state)
{
    static const char *const good[] = { "127.0.0.1:8080",       "localhost:8080",
                                        "LocalHost:8080",       "[::1]:8080",
                                        "10.1.2.3:8080",        "node1:8080",
                                        "flux.example.org:8080" };
    static const char *const bad[] = {
        "",
        ":",
        ":8080",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8080x",
        "127.0.0.1: 8080",
        "127.0.0.1:+8080",
        "evil.org:8080",
        "localhost.evil.org:8080",
        "127.0.0.1.evil.org:8080",
        "[::1:8080",
        "[]:8080",
        "[evil]:8080",
        "localhost",
        "localhost:8080:8080",
        "node11:8080",
        "nod:8080",
        "127.1:8080",
        "127.0.0.1:99999999999999999999",
    };
    struct guard g = { .name = "flux.example.org", .hostname = "node1", .port = 8080 };
    char s[600];
    for (size_t i = 0; i < sizeof (good) / sizeof (good[0]); i++)
        assert_true (host_valid (&g, good[i]));
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        if (host_valid (&g, bad[i]))
            fail_msg ("%s", bad[i]);
    }
    assert_false (host_valid (&g, NULL));
    memset (s, 'a', sizeof (s));
    s[sizeof (s) - 1] = '\0';
    assert_false (host_valid (&g, s));
    memcpy (s, "[", 1);
    assert_false (host_valid (&g, s));
    g.port = 443;
    assert_true (host_valid (&g, "node1"));
    g.name = NULL;
    g.hostname[0] = '\0';
    assert_false (host_valid (&g, "node1"));
}

static void test_origin (void **state)
{
    assert_true (origin_valid (NULL, "localhost:1", false));
    assert_true (origin_valid ("http://localhost:1", "localhost:1", false));
    assert_false (origin_valid ("http://localhost:1", "localhost:1", true));
    assert_false (origin_valid ("http://localhost:12", "localhost:1", false));
    assert_false (origin_valid ("http://evil.org", "localhost:1", false));
    assert_false (origin_valid ("null", "localhost:1", false));
    assert_false (origin_valid ("http://localhost:1", NULL, false));
}

static void test_path (void **state)
{
    unsigned long long ids[PATH_DEPTH_MAX];
    assert_int_equal (instance_path ("", ids), 0);
    assert_int_equal (instance_path ("f2", ids), 1);
    assert_int_equal (ids[0], 1);
    assert_int_equal (instance_path ("ƒ2/f3", ids), 2);
    assert_int_equal (ids[1], 2);
    assert_int_equal (instance_path ("/", ids), -1);
    assert_int_equal (instance_path ("f2/", ids), -1);
    assert_int_equal (instance_path ("f2//f3", ids), -1);
    assert_int_equal (instance_path ("../..", ids), -1);
    assert_int_equal (instance_path ("f2\n", ids), -1);
    assert_int_equal (
        instance_path ("f2/f2/f2/f2/f2/f2/f2/f2/f2/f2/f2/f2/f2/f2/f2/f2/f2", ids), -1);
    assert_int_equal (instance_path ("f222222222222222222222222222222222222", ids), -1);
}

/* Whatever comes: an answer, and no byte too many is looked at. */
static void test_noise (void **state)
{
    static const char digits[] = "f2/:[]%.localhost127 \xc6\x92"
                                 "Bearer \xff";
    struct guard g = { .name = "x", .hostname = "y", .port = 8080 };
    unsigned long long ids[PATH_DEPTH_MAX];
    unsigned int seed = 1;
    for (int i = 0; i < 20000; i++) {
        size_t n = rand_r (&seed) % 40;
        char *s = malloc (n + 1);
        for (size_t k = 0; k < n; k++)
            s[k] = digits[rand_r (&seed) % (sizeof (digits) - 1)];
        s[n] = '\0';
        (void)instance_path (s, ids);
        (void)host_valid (&g, s);
        (void)bearer_token (s);
        assert_false (token_equal ("0123456789012345678901234567890123456789012", s));
        free (s);
    }
}

/* --- stream --- */

static void test_stream (void **state)
{
    struct stream s;
    char buf[64];
    stream_init (&s);
    assert_int_equal (stream_take (&s, buf, sizeof (buf)), 0);
    stream_send (&s, "x", json_pack ("{s:s}", "a", "b\nc"));
    assert_int_equal (stream_take (&s, buf, 9), 9);
    assert_memory_equal (buf, "event: x\n", 9);
    stream_send (&s, "y", json_integer (1)); /* no array or object */
    assert_true (s.dead);
    stream_fini (&s);
    stream_init (&s);
    stream_send (&s, "x", json_pack ("[s]", "b\nc"));
    ssize_t n = stream_take (&s, buf, sizeof (buf));
    buf[n] = '\0';
    assert_string_equal (buf, "event: x\ndata: [\"b\\nc\"]\n\n");
    assert_int_equal (stream_take (&s, buf, sizeof (buf)), 0);
    stream_fini (&s);
}

static void test_stream_bound (void **state)
{
    struct stream s;
    char buf[1000];
    size_t max = 0;
    stream_init (&s);
    for (int i = 0; i < 3000 && !s.dead; i++) {
        if (!stream_busy (&s)) /* as the hub does */
            stream_send (&s, "x", json_pack ("[s]", "0123456789012345678901234567890"));
        max = s.buf.len > max ? s.buf.len : max;
    }
    assert_false (s.dead);
    assert_in_range (max, STREAM_BUSY, STREAM_BUSY + 100);
    for (int i = 0; i < 40000; i++)
        stream_send (&s, "x", json_pack ("[s]", "0123456789012345678901234567890"));
    assert_true (s.dead);
    assert_int_equal (s.buf.cap, 0);
    assert_int_equal (stream_take (&s, buf, sizeof (buf)), -1);
    stream_fini (&s);
}

/* --- rows --- */

static json_t *jobs (const char *text)
{
    json_t *o = json_loads (text, 0, NULL);
    assert_non_null (o);
    return o;
}

static void expect_update (struct rows *r, const char *list, const char *want)
{
    json_t *o = jobs (list), *got = rows_update (r, o);
    char *s = got ? json_dumps (got, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (want)
        assert_string_equal (s, want);
    else
        assert_null (s);
    free (s);
    json_decref (got);
    json_decref (o);
}

static void test_rows (void **state)
{
    struct rows r;
    assert_int_equal (rows_init (&r), 0);
    expect_update (&r, "[]", NULL);
    expect_update (&r, "[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"}]",
                   "{\"order\":[\"ƒ2\",\"ƒ3\"],\"rows\":[{\"id\":\"ƒ2\",\"instance\":"
                   "false,\"name\":\"a\"},{\"id\":\"ƒ3\",\"instance\":false,\"name\":"
                   "\"b\"}]}");
    expect_update (&r, "[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"}]", NULL);
    expect_update (&r, "[{\"id\":2,\"name\":\"b\"},{\"id\":1,\"name\":\"a\"}]",
                   "{\"order\":[\"ƒ3\",\"ƒ2\"],\"rows\":[]}");
    expect_update (&r,
                   "[{\"id\":2,\"annotations\":{\"user\":{\"uri\":\"local:///x\"}}}]",
                   "{\"order\":[\"ƒ3\"],\"rows\":[{\"id\":\"ƒ3\",\"instance\":true}]}");
    rows_fini (&r);
}

static void expect_constraint (const char *state, const char *queue, const char *text,
                               const char *want)
{
    json_t *o = rows_constraint (state, queue, text);
    char *s = o ? json_dumps (o, JSON_COMPACT) : NULL;
    if (want)
        assert_string_equal (s, want);
    else
        assert_null (s);
    free (s);
    json_decref (o);
}

static void test_constraint (void **state)
{
    expect_constraint ("running", NULL, NULL, "{\"and\":[{\"states\":[\"running\"]}]}");
    expect_constraint (
        "failed", "", "",
        "{\"and\":[{\"results\":[\"failed\",\"canceled\",\"timeout\"]}]}");
    expect_constraint ("pending", "batch", "a*",
                       "{\"and\":[{\"states\":[\"pending\"]},{\"queue\":[\"batch\"]},"
                       "{\"name\":[\"a*\"]}]}");
    expect_constraint ("active", NULL, "user:root",
                       "{\"and\":[{\"states\":[\"active\"]},{\"userid\":[0]}]}");
    expect_constraint ("active", NULL, "user:77",
                       "{\"and\":[{\"states\":[\"active\"]},{\"userid\":[77]}]}");
    expect_constraint ("active", NULL, "name:user:x",
                       "{\"and\":[{\"states\":[\"active\"]},{\"name\":[\"user:x\"]}]}");
    expect_constraint ("active", NULL, "user:no such", NULL);
    expect_constraint ("active", NULL, "user:-1", NULL);
    expect_constraint ("nosuch", NULL, NULL, NULL);
    expect_constraint ("active", "\xff", NULL, NULL);
}

/* --- bars --- */

static bool event (struct bars *b, int id, double t, const char *name, bool R)
{
    json_t *o = json_pack ("{s:i s:{s:s s:f}}", "id", id, "entry", "name", name,
                           "timestamp", t);
    if (R)
        json_object_set_new (o, "R",
                             json_pack ("{s:{s:[{s:s s:{s:s}}]}}", "execution",
                                        "R_lite", "rank", "0", "children", "core",
                                        "0-1"));
    bool changed = bars_event (b, o);
    json_decref (o);
    return changed;
}

static void test_bars (void **state)
{
    struct bars *b = bars_create ();
    uint64_t pos = 0, other = 0;
    json_t *a, *names;
    assert_null (bars_since (b, &pos, 10));
    assert_true (event (b, 1, 10, "alloc", true));
    assert_false (event (b, 1, 10, "alloc", true));  /* said twice */
    assert_false (event (b, 2, 10, "alloc", false)); /* malformed */
    assert_false (event (b, 3, 11, "free", false));  /* unknown */
    assert_false (event (b, 1, 11, "start", false));
    a = bars_since (b, &pos, 10);
    assert_int_equal (json_array_size (a), 1);
    assert_null (json_object_get (json_array_get (a, 0), "n"));
    json_decref (a);
    assert_null (bars_since (b, &pos, 10));
    assert_true (bars_nameless (b));
    names = jobs ("[{\"id\":1,\"name\":\"one\"},{\"id\":5,\"name\":\"x\"},{\"id\":2}]");
    assert_true (bars_names (b, names));
    assert_false (bars_names (b, names));
    json_decref (names);
    assert_false (bars_nameless (b));
    assert_true (event (b, 1, 12, "free", false));
    assert_false (event (b, 1, 13, "clean", false));
    a = bars_since (b, &pos, 10); /* once, as it is now */
    assert_int_equal (json_array_size (a), 1);
    assert_string_equal (
        json_string_value (json_object_get (json_array_get (a, 0), "n")), "one");
    assert_true (json_real_value (json_object_get (json_array_get (a, 0), "b")) == 12);
    json_decref (a);
    for (int i = 10; i < 20; i++)
        event (b, i, 20, "alloc", true);
    a = bars_since (b, &other, 4);
    assert_int_equal (json_array_size (a), 4);
    json_decref (a);
    a = bars_since (b, &other, 100);
    assert_int_equal (json_array_size (a), 7);
    json_decref (a);
    bars_destroy (b);
}

/* However many jobs run: a bounded number of bars, those that go on last. */
static void test_bars_bound (void **state)
{
    struct bars *b = bars_create ();
    uint64_t pos = 0;
    assert_true (event (b, 1, 1, "alloc", true)); /* a long one */
    for (int i = 2; i < 3 * BARS_MAX; i++) {
        event (b, i, i, "alloc", true);
        event (b, i, i + 1, "free", false);
    }
    json_t *a = bars_since (b, &pos, 100000);
    assert_int_equal (json_array_size (a), BARS_MAX);
    assert_true (json_real_value (json_object_get (json_array_get (a, 0), "a")) == 1);
    json_decref (a);
    for (int i = 0; i < 2 * BARS_MAX; i++)
        event (b, 100000 + i, 1, "alloc", true);
    pos = 0;
    a = bars_since (b, &pos, 100000);
    assert_int_equal (json_array_size (a), BARS_MAX);
    json_decref (a);
    bars_destroy (b);
}

/* --- nodes --- */

#define R(ranks, list)                                                                 \
    "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"" ranks                     \
    "\",\"children\":{\"core\":\"0-3\"}}],\"nodelist\":[\"" list "\"]}}"

static void test_nodes (void **state)
{
    json_t *status = jobs ("{\"R\":" R (
        "0-3", "n[0-3]") ",\"online\":\"0-2\",\"offline\":"
                         "\"3\",\"exclude\":\"0\",\"drain\":{\"1\":{\"timestamp\":1.0,"
                         "\"reason\":\"fan\"}}}");
    json_t *sched = jobs ("{\"allocated\":" R ("2", "n2") "}");
    json_t *o = nodes_encode (status, sched);
    char *s = json_dumps (o, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal (
        s,
        "{\"nodes\":[{\"c\":4,\"h\":\"n0\",\"r\":0,\"s\":\"exclude\",\"u\":0,\"z\":0},"
        "{\"c\":4,\"h\":\"n1\",\"r\":1,\"s\":\"drain\",\"u\":0,\"why\":\"fan\",\"z\":1}"
        ","
        "{\"c\":4,\"h\":\"n2\",\"r\":2,\"s\":\"up\",\"u\":4,\"z\":2},"
        "{\"c\":4,\"h\":\"n3\",\"r\":3,\"s\":\"down\",\"u\":0,\"z\":3}],"
        "\"total\":{\"cores\":[16,4,12],\"gpus\":[0,0,0],\"nodes\":[4,1,3]}}");
    free (s);
    json_decref (o);
    o = nodes_encode (status, NULL);
    assert_non_null (o);
    json_decref (o);
    json_decref (status);
    json_decref (sched);
    status = jobs ("{\"R\":7}");
    assert_null (nodes_encode (status, NULL));
    json_decref (status);
    status = jobs ("{\"R\":" R ("0-9999", "n[0-9999]") ",\"offline\":\"5000\"}");
    o = nodes_encode (status, NULL);
    assert_int_equal (json_array_size (json_object_get (o, "nodes")), 1000);
    json_t *band = json_array_get (json_object_get (o, "nodes"), 500);
    assert_string_equal (json_string_value (json_object_get (band, "s")), "down");
    assert_int_equal (json_integer_value (json_object_get (band, "c")), 40);
    json_decref (o);
    json_decref (status);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_token),        cmocka_unit_test (test_host),
        cmocka_unit_test (test_origin),       cmocka_unit_test (test_path),
        cmocka_unit_test (test_noise),        cmocka_unit_test (test_stream),
        cmocka_unit_test (test_stream_bound), cmocka_unit_test (test_rows),
        cmocka_unit_test (test_constraint),   cmocka_unit_test (test_bars),
        cmocka_unit_test (test_bars_bound),   cmocka_unit_test (test_nodes),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
