/* What the KVS client asks and what it makes of the answers, over loop://: the test is
 * the KVS. */
#include "base/test.h"
#include "core/kvs/kvs_health.h"
#include "core/kvs/kvs_page.h"
#include "core/kvs/kvs_raw.h"
#include "core/kvs/kvs_window.h"
#include "core/kvs/txn.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REF "sha1-0123456789abcdef0123456789abcdef01234567"
#define DIRREF "{\"data\":[\"" REF "\"],\"type\":\"dirref\",\"ver\":1}"

static int open_loop (void **state)
{
    unsetenv ("FLUX_KVS_NAMESPACE");
    return (*state = flux_open ("loop://", 0)) ? 0 : -1;
}

static int close_loop (void **state)
{
    flux_close (*state);
    return 0;
}

/* The request on its way, if its topic and payload (sorted JSON) are these. */
static flux_msg_t *request (flux_t *h, const char *topic, const char *payload)
{
    flux_msg_t *msg = flux_recv (h, FLUX_MATCH_REQUEST, FLUX_O_NONBLOCK);
    const char *t, *s;
    json_t *o;
    char *text;

    assert_non_null (msg);
    assert_int_equal (flux_request_decode (msg, &t, &s), 0);
    assert_string_equal (t, topic);
    if (payload) {
        assert_non_null (o = json_loads (s, 0, NULL));
        text = json_dumps (o, JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal (text, payload);
        free (text);
        json_decref (o);
    }
    return msg;
}

static void no_request (flux_t *h)
{
    assert_null (flux_recv (h, FLUX_MATCH_ANY, FLUX_O_NONBLOCK));
}

static void answer (flux_t *h, flux_msg_t *msg, const char *payload)
{
    assert_int_equal (flux_respond (h, msg, payload), 0);
    flux_msg_destroy (msg);
}

static void answer_raw (flux_t *h, flux_msg_t *msg, const void *data, size_t len)
{
    assert_int_equal (flux_respond_raw (h, msg, data, len), 0);
    flux_msg_destroy (msg);
}

static void answer_error (flux_t *h, flux_msg_t *msg, int errnum)
{
    assert_int_equal (flux_respond_error (h, msg, errnum, NULL), 0);
    flux_msg_destroy (msg);
}

/* A lookup whose answer is this. */
static flux_future_t *looked_up (flux_t *h, int flags, const char *payload)
{
    flux_future_t *f = flux_kvs_lookup (h, NULL, flags, "a");

    assert_non_null (f);
    answer (h,
            request (h,
                     (flags & (FLUX_KVS_WATCH | FLUX_KVS_STREAM | FLUX_KVS_WAITCREATE))
                         ? "kvs-watch.lookup"
                         : "kvs.lookup",
                     NULL),
            payload);
    assert_int_equal (flux_future_get (f, NULL), 0);
    return f;
}

static void assert_errno (int rc, int errnum)
{
    int saved_errno = errno;

    assert_int_equal (rc, -1);
    assert_int_equal (saved_errno, errnum);
}

static const struct {
    int flags;
    const char *topic; /* NULL: refused */
    int sent, streaming;
} lookup_flags[] = {
    { 0, "kvs.lookup", KVS_LOOKUP_RAW, 0 },
    { FLUX_KVS_READDIR, "kvs.lookup", 1, 0 },
    { FLUX_KVS_READLINK, "kvs.lookup", 2, 0 },
    { FLUX_KVS_TREEOBJ, "kvs.lookup", 16, 0 },
    { FLUX_KVS_WAITCREATE, "kvs-watch.lookup", 8, 0 },
    { FLUX_KVS_WATCH, "kvs-watch.lookup", 4, 1 },
    { FLUX_KVS_STREAM, "kvs-watch.lookup", 512, 1 },
    { FLUX_KVS_WATCH | FLUX_KVS_READDIR, "kvs-watch.lookup", 5, 1 },
    { FLUX_KVS_WATCH | FLUX_KVS_WAITCREATE, "kvs-watch.lookup", 12, 1 },
    { FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND, "kvs-watch.lookup", 260, 1 },
    { FLUX_KVS_WATCH | FLUX_KVS_WATCH_FULL, "kvs-watch.lookup", 68, 1 },
    { FLUX_KVS_WATCH | FLUX_KVS_WATCH_UNIQ, "kvs-watch.lookup", 132, 1 },
    { FLUX_KVS_WATCH | FLUX_KVS_WATCH_INITIAL_SENTINEL, "kvs-watch.lookup", 1028, 1 },
    /* two ways to read */
    { FLUX_KVS_READDIR | FLUX_KVS_READLINK, NULL, 0, 0 },
    { FLUX_KVS_READDIR | FLUX_KVS_TREEOBJ, NULL, 0, 0 },
    { FLUX_KVS_READLINK | FLUX_KVS_TREEOBJ, NULL, 0, 0 },
    /* ways to watch, without a watch */
    { FLUX_KVS_WATCH_FULL, NULL, 0, 0 },
    { FLUX_KVS_WATCH_UNIQ, NULL, 0, 0 },
    { FLUX_KVS_WATCH_APPEND, NULL, 0, 0 },
    { FLUX_KVS_WATCH_INITIAL_SENTINEL, NULL, 0, 0 },
    /* what is appended is bytes, and all of it */
    { FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND | FLUX_KVS_READDIR, NULL, 0, 0 },
    { FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND | FLUX_KVS_WATCH_FULL, NULL, 0, 0 },
    { FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND | FLUX_KVS_WATCH_UNIQ, NULL, 0, 0 },
    { FLUX_KVS_APPEND, NULL, 0, 0 },
    { KVS_LOOKUP_RAW, NULL, 0, 0 },
    { 2048, NULL, 0, 0 },
    { -1, NULL, 0, 0 },
};

static void flags_of_lookups (void **state)
{
    flux_t *h = *state;

    for (size_t i = 0; i < sizeof (lookup_flags) / sizeof (lookup_flags[0]); i++) {
        flux_future_t *f = flux_kvs_lookup (h, "ns", lookup_flags[i].flags, "a..b.");
        char payload[128];
        flux_msg_t *msg;

        if (!lookup_flags[i].topic) {
            assert_null (f);
            assert_int_equal (errno, EINVAL);
            no_request (h);
            continue;
        }
        assert_non_null (f);
        snprintf (payload, sizeof (payload),
                  "{\"flags\":%d,\"key\":\"a.b\",\"namespace\":\"ns\"}",
                  lookup_flags[i].sent);
        msg = request (h, lookup_flags[i].topic, payload);
        assert_int_equal (flux_msg_is_streaming (msg), lookup_flags[i].streaming);
        flux_msg_destroy (msg);
        assert_string_equal (flux_kvs_lookup_get_key (f), "a..b.");
        flux_future_destroy (f);
    }
}

static void lookups_refused (void **state)
{
    flux_t *h = *state;

    assert_null (flux_kvs_lookup (NULL, NULL, 0, "a"));
    assert_null (flux_kvs_lookup (h, NULL, 0, NULL));
    assert_null (flux_kvs_lookup (h, NULL, 0, ""));
    assert_null (flux_kvs_lookupat (h, 0, "a", "{\"data\":"));
    assert_int_equal (errno, EINVAL);
    assert_null (flux_kvs_lookupat (h, 0, "a", DIRREF ",\"flags\":0"));
    assert_int_equal (errno, EINVAL);
    assert_null (flux_kvs_lookupat (h, FLUX_KVS_WATCH, "a", DIRREF));
    assert_int_equal (errno, EINVAL);
    assert_null (kvs_page (h, NULL, "{", "a", "", false));
    assert_int_equal (errno, EINVAL);
    no_request (h);
}

/* Whoever names no namespace has that of the environment; an empty one is none. */
static void namespaces (void **state)
{
    static const struct {
        const char *ns, *env, *sent;
    } t[] = {
        { NULL, NULL, "primary" }, { "", NULL, "primary" }, { NULL, "", "primary" },
        { NULL, "e", "e" },        { "n", "e", "n" },       { "\"\n", NULL, "\\\"\\n" },
    };
    flux_t *h = *state;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        char payload[128];

        if (t[i].env)
            setenv ("FLUX_KVS_NAMESPACE", t[i].env, 1);
        else
            unsetenv ("FLUX_KVS_NAMESPACE");
        flux_future_destroy (flux_kvs_lookup (h, t[i].ns, 16, "."));
        snprintf (payload, sizeof (payload),
                  "{\"flags\":16,\"key\":\".\",\"namespace\":\"%s\"}", t[i].sent);
        flux_msg_destroy (request (h, "kvs.lookup", payload));
    }
}

static void snapshots (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = flux_kvs_lookupat (h, FLUX_KVS_READDIR, "d", DIRREF);
    const flux_kvsdir_t *dir;

    answer (
        h,
        request (h, "kvs.lookup", "{\"flags\":1,\"key\":\"d\",\"rootdir\":" DIRREF "}"),
        "{\"val\":{\"data\":{},\"type\":\"dir\",\"ver\":1}}");
    assert_int_equal (flux_kvs_lookup_get_dir (f, &dir), 0);
    assert_string_equal (flux_kvsdir_rootref (dir), DIRREF);
    flux_future_destroy (f);
    f = flux_kvs_lookupat (h, 0, "d", NULL);
    flux_msg_destroy (request (
        h, "kvs.lookup", "{\"flags\":65536,\"key\":\"d\",\"namespace\":\"primary\"}"));
    flux_future_destroy (f);
}

/* Values of all lengths, with a NUL within, both as they are and as a tree object. */
static void values (void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *base64;
    } t[] = {
        { "", 0, "" },        { "x", 1, "eA==" },    { "xy", 2, "eHk=" },
        { "xyz", 3, "eHl6" }, { "x\0z", 3, "eAB6" }, { "\0\0\0\0", 4, "AAAAAA==" },
        { "{\"", 2, "eyI=" },
    };
    flux_t *h = *state;

    for (size_t i = 0; i < 2 * sizeof (t) / sizeof (t[0]); i++) {
        flux_future_t *f = flux_kvs_lookup (h, NULL, 0, "a");
        flux_msg_t *msg = request (h, "kvs.lookup", NULL);
        char buf[160], tree[128];
        const void *data;
        const char *s;
        size_t len;
        int k = i / 2;

        snprintf (tree, sizeof (tree), "{\"data\":\"%s\",\"type\":\"val\",\"ver\":1}",
                  t[k].base64);
        if (i % 2 == 0) {
            memcpy (buf, KVS_RAW_HEAD, KVS_RAW_HEAD_LEN);
            memcpy (buf + KVS_RAW_HEAD_LEN, t[k].bytes, t[k].len + 1);
            answer_raw (h, msg, buf, KVS_RAW_HEAD_LEN + t[k].len + 1);
        } else {
            snprintf (buf, sizeof (buf), "{\"x\":[1],\"val\":%s}", tree);
            answer (h, msg, buf);
        }
        assert_int_equal (flux_kvs_lookup_get_raw (f, &data, &len), 0);
        assert_int_equal (len, t[k].len);
        if (len > 0)
            assert_memory_equal (data, t[k].bytes, len);
        else
            assert_null (data);
        assert_int_equal (flux_kvs_lookup_get (f, &s), 0);
        if (len > 0)
            assert_int_equal (s[len], '\0');
        assert_int_equal (flux_kvs_lookup_get_treeobj (f, &s), 0);
        assert_string_equal (s, tree);
        /* asked again, it is still that */
        assert_int_equal (flux_kvs_lookup_get_treeobj (f, &s), 0);
        assert_string_equal (s, tree);
        assert_int_equal (flux_kvs_lookup_get_raw (f, NULL, NULL), 0);
        flux_future_destroy (f);
    }
}

/* What no KVS would say is an error, not a value. */
static void bad_answers (void **state)
{
    static const struct {
        const char *payload;
        int errnum;
    } t[] = {
        { "{}", EPROTO },
        { "{\"vaL\":1}", EPROTO },
        { "{\"value\":1}", EPROTO },
        { "{\"val\":1}", EINVAL },
        { "{\"val\":{\"data\":\"eA==\",\"type\":\"val\",\"ver\":2}}", EINVAL },
        { "{\"val\":{\"data\":\"e===\",\"type\":\"val\",\"ver\":1}}", EINVAL },
        { "{\"val\":{\"data\":\"eA\",\"type\":\"val\",\"ver\":1}}", EINVAL },
        { "{\"val\":" DIRREF "}", EINVAL },
    };
    flux_t *h = *state;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_future_t *f = looked_up (h, 0, t[i].payload);
        const char *s = "unset";

        assert_errno (flux_kvs_lookup_get (f, &s), t[i].errnum);
        assert_string_equal (s, "unset");
        flux_future_destroy (f);
    }
}

/* A head without the NUL behind its bytes is no value; nor is a piece of a head. */
static void bad_raw_answers (void **state)
{
    flux_t *h = *state;

    for (size_t len = 0; len <= KVS_RAW_HEAD_LEN + 1; len++) {
        static const char bytes[] = KVS_RAW_HEAD "x";
        flux_future_t *f = flux_kvs_lookup (h, NULL, 0, "a");
        const void *data;

        answer_raw (h, request (h, "kvs.lookup", NULL), bytes, len);
        assert_int_equal (flux_kvs_lookup_get_raw (f, &data, NULL), -1);
        flux_future_destroy (f);
    }
}

static void errors_pass (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = flux_kvs_lookup (h, NULL, 0, "a");
    const flux_kvsdir_t *dir;
    const char *s;

    answer_error (h, request (h, "kvs.lookup", NULL), ENOENT);
    assert_errno (flux_kvs_lookup_get (f, &s), ENOENT);
    assert_errno (flux_kvs_lookup_get_treeobj (f, &s), ENOENT);
    assert_errno (flux_kvs_lookup_get_dir (f, &dir), ENOENT);
    assert_errno (flux_kvs_lookup_get_symlink (f, &s, &s), ENOENT);
    assert_errno (flux_kvs_lookup_get_unpack (f, "i", &(int){ 0 }), ENOENT);
    flux_future_destroy (f);
}

/* A future that is no lookup has none of it. */
static void other_futures (void **state)
{
    flux_future_t *f = flux_future_create (NULL, NULL);
    const char *s;

    flux_future_fulfill (f, NULL, NULL);
    assert_errno (flux_kvs_lookup_get (f, &s), EINVAL);
    assert_errno (flux_kvs_lookup_cancel (f), EINVAL);
    assert_errno (kvs_watch_credit (f, NULL, 1, false), EINVAL);
    assert_null (flux_kvs_lookup_get_key (f));
    flux_future_destroy (f);
}

/* What was unpacked stays while the future does, also if more is unpacked. */
static void unpacked (void **state)
{
    flux_t *h = *state;
    /* {"a":"one","b":"two"} */
    flux_future_t *f = looked_up (h, FLUX_KVS_WATCH,
                                  "{\"val\":{\"data\":\"eyJhIjoib25lIiwiYiI6InR3byJ9\","
                                  "\"type\":\"val\",\"ver\":1}}");
    const char *a, *again, *b;
    int n;

    assert_int_equal (flux_kvs_lookup_get_unpack (f, "{s:s}", "a", &a), 0);
    assert_int_equal (flux_kvs_lookup_get_unpack (f, "{s:s}", "b", &b), 0);
    assert_int_equal (flux_kvs_lookup_get_unpack (f, "{s:s}", "a", &again), 0);
    assert_ptr_equal (a, again);
    assert_string_equal (b, "two");
    assert_errno (flux_kvs_lookup_get_unpack (f, "{s:i}", "a", &n), EINVAL);
    assert_errno (flux_kvs_lookup_get_unpack (f, "{s:s}", "c", &b), EINVAL);
    assert_string_equal (a, "one");
    flux_future_destroy (f);
    f = looked_up (h, 0, "{\"val\":{\"data\":\"ew==\",\"type\":\"val\",\"ver\":1}}");
    assert_errno (flux_kvs_lookup_get_unpack (f, "i", &n), EINVAL);
    flux_future_destroy (f);
    f = looked_up (h, 0, "{\"val\":{\"data\":\"\",\"type\":\"val\",\"ver\":1}}");
    assert_errno (flux_kvs_lookup_get_unpack (f, "i", &n), EINVAL);
    flux_future_destroy (f);
}

/* Each answer to a watch is unpacked anew. */
static void unpacked_watch (void **state)
{
    static const char *answers[] = {
        "{\"val\":{\"data\":\"MQ==\",\"type\":\"val\",\"ver\":1}}", /* 1 */
        "{\"val\":{\"data\":\"Mg==\",\"type\":\"val\",\"ver\":1}}", /* 2 */
        "{\"val\":{\"data\":\"Mg==\",\"type\":\"val\",\"ver\":1}}",
    };
    flux_t *h = *state;
    flux_future_t *f = flux_kvs_lookup (h, NULL, FLUX_KVS_WATCH, "a");
    flux_msg_t *msg = request (h, "kvs-watch.lookup", NULL);
    int n;

    for (int i = 0; i < 3; i++) {
        assert_int_equal (flux_respond (h, msg, answers[i]), 0);
        assert_int_equal (flux_kvs_lookup_get_unpack (f, "i", &n), 0);
        assert_int_equal (n, i == 0 ? 1 : 2);
        flux_future_reset (f);
    }
    answer_error (h, msg, ENODATA);
    assert_errno (flux_kvs_lookup_get_unpack (f, "i", &n), ENODATA);
    flux_future_destroy (f);
}

#define DIR(entries) "{\"val\":{\"data\":{" entries "},\"type\":\"dir\",\"ver\":1}}"
#define SENTINEL "{\"val\":null}"
#define VAL "{\"val\":{\"data\":\"eA==\",\"type\":\"val\",\"ver\":1}}"

/* A directory that is watched may become something else, and come back. */
static void watched_directory (void **state)
{
    flux_t *h = *state;
    flux_future_t *f =
        flux_kvs_lookup (h, NULL, FLUX_KVS_WATCH | FLUX_KVS_READDIR, "a");
    flux_msg_t *msg = request (h, "kvs-watch.lookup", NULL);
    const flux_kvsdir_t *dir, *again;

    assert_int_equal (
        flux_respond (h, msg, DIR ("\"x\":{\"data\":\"\",\"type\":\"val\",\"ver\":1}")),
        0);
    assert_int_equal (flux_kvs_lookup_get_dir (f, &dir), 0);
    assert_true (flux_kvsdir_exists (dir, "x"));
    assert_string_equal (flux_kvsdir_key (dir), "a");
    assert_null (flux_kvsdir_rootref (dir));
    assert_int_equal (flux_kvs_lookup_get_dir (f, &again), 0);
    assert_ptr_equal (dir, again);
    flux_future_reset (f);

    assert_int_equal (flux_respond (h, msg, VAL), 0);
    for (int i = 0; i < 2; i++) /* the second time as the first */
        assert_errno (flux_kvs_lookup_get_dir (f, &dir), EINVAL);
    flux_future_reset (f);

    assert_int_equal (flux_respond (h, msg, SENTINEL), 0);
    for (int i = 0; i < 2; i++)
        assert_errno (flux_kvs_lookup_get_dir (f, &dir), EINVAL);
    flux_future_reset (f);

    assert_int_equal (flux_respond (h, msg, DIR ("")), 0);
    assert_int_equal (flux_kvs_lookup_get_dir (f, &dir), 0);
    assert_false (flux_kvsdir_exists (dir, "x"));
    assert_int_equal (flux_kvsdir_get_size (dir), 0);
    flux_msg_destroy (msg);
    flux_future_destroy (f);
}

/* Between what was there and what is new. */
static void sentinel (void **state)
{
    flux_t *h = *state;
    flux_future_t *f =
        looked_up (h, FLUX_KVS_WATCH | FLUX_KVS_WATCH_INITIAL_SENTINEL, SENTINEL);
    const char *s = "unset";
    const void *data = s;
    size_t len = 1;

    assert_int_equal (flux_kvs_lookup_get_treeobj (f, &s), 0);
    assert_null (s);
    assert_int_equal (flux_kvs_lookup_get_raw (f, &data, &len), 0);
    assert_null (data);
    assert_int_equal (len, 0);
    assert_errno (flux_kvs_lookup_get_symlink (f, &s, &s), EINVAL);
    flux_future_destroy (f);
}

static void symlinks (void **state)
{
    static const struct {
        const char *payload, *ns, *target; /* target NULL: none */
    } t[] = {
        { "{\"val\":{\"data\":{\"target\":\"b.c\"},\"type\":\"symlink\",\"ver\":1}}",
          NULL, "b.c" },
        { "{\"val\":{\"data\":{\"namespace\":\"n\\u00e9\",\"target\":\"b\\\"\"},"
          "\"type\":\"symlink\",\"ver\":1}}",
          "n\xc3\xa9", "b\"" },
        { "{\"val\":{\"data\":{\"target\":1},\"type\":\"symlink\",\"ver\":1}}", NULL,
          NULL },
        { VAL, NULL, NULL },
        { "{\"val\":" DIRREF "}", NULL, NULL },
    };
    flux_t *h = *state;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_future_t *f = looked_up (h, FLUX_KVS_READLINK, t[i].payload);
        const char *ns = "unset", *target = "unset";

        if (!t[i].target)
            assert_errno (flux_kvs_lookup_get_symlink (f, &ns, &target), EINVAL);
        else {
            assert_int_equal (flux_kvs_lookup_get_symlink (f, NULL, NULL), 0);
            assert_int_equal (flux_kvs_lookup_get_symlink (f, &ns, &target), 0);
            assert_string_equal (target, t[i].target);
            if (t[i].ns)
                assert_string_equal (ns, t[i].ns);
            else
                assert_null (ns);
        }
        flux_future_destroy (f);
    }
}

/* A cancel names the request; what is no watch cannot be cancelled. */
static void cancels (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = flux_kvs_lookup (h, NULL, FLUX_KVS_WATCH, "a");
    char payload[64];
    flux_msg_t *msg;

    flux_msg_destroy (request (h, "kvs-watch.lookup", NULL));
    assert_int_equal (flux_kvs_lookup_cancel (f), 0);
    snprintf (payload, sizeof (payload), "{\"matchtag\":%u}",
              flux_rpc_get_matchtag (f));
    msg = request (h, "kvs-watch.lookup-cancel", payload);
    assert_true (flux_msg_is_noresponse (msg));
    flux_msg_destroy (msg);
    flux_future_destroy (f);
    f = flux_kvs_lookup (h, NULL, FLUX_KVS_READDIR, "a");
    flux_msg_destroy (request (h, "kvs.lookup", NULL));
    assert_errno (flux_kvs_lookup_cancel (f), EINVAL);
    no_request (h);
    flux_future_destroy (f);
}

static void windows (void **state)
{
    flux_t *h = *state;
    int flags = FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND;
    flux_future_t *f = kvs_watch_window (h, "n", flags, "a..b", 4096, true);
    char payload[160];
    flux_msg_t *msg =
        request (h, "kvs-watch.lookup",
                 "{\"flags\":260,\"key\":\"a.b\",\"last\":true,\"namespace\":\"n\","
                 "\"window\":4096}");

    assert_true (flux_msg_is_streaming (msg));
    flux_msg_destroy (msg);
    assert_int_equal (kvs_watch_credit (f, "n", 17, false), 0);
    snprintf (payload, sizeof (payload),
              "{\"bytes\":17,\"key\":\"a.b\",\"last\":false,\"matchtag\":%u,"
              "\"namespace\":\"n\"}",
              flux_rpc_get_matchtag (f));
    msg = request (h, "kvs-watch.lookup-credit", payload);
    assert_true (flux_msg_is_noresponse (msg));
    flux_msg_destroy (msg);
    flux_future_destroy (f);
}

static void pages (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = kvs_page (h, "n", NULL, "d.", "", true);
    json_t *entries = NULL;

    answer (h,
            request (h, "kvs.lookup",
                     "{\"flags\":1,\"key\":\"d\",\"names\":true,\"namespace\":\"n\","
                     "\"page\":\"\"}"),
            "{\"val\":{\"data\":{\"a\":\"val\"}},\"next\":\"3f\"}");
    assert_string_equal (kvs_page_next (f), "3f");
    assert_int_equal (kvs_page_entries (f, &entries), 0);
    assert_string_equal (json_string_value (json_object_get (entries, "a")), "val");
    flux_future_destroy (f);
    f = kvs_page (h, "n", DIRREF, "d", "3f", false);
    answer (h,
            request (h, "kvs.lookup",
                     "{\"flags\":1,\"key\":\"d\",\"names\":false,\"page\":\"3f\","
                     "\"rootdir\":" DIRREF "}"),
            "{\"val\":{\"data\":{}}}");
    assert_int_equal (kvs_page_entries (f, &entries), 0);
    assert_null (kvs_page_next (f));
    flux_future_destroy (f);
}

/* --- Commits and roots --- */

static void commits (void **state)
{
    static const struct {
        int flags;
        uint32_t nodeid;
        bool ok;
    } t[] = {
        { 0, FLUX_NODEID_ANY, true },
        { FLUX_KVS_NO_MERGE, FLUX_NODEID_ANY, true },
        { FLUX_KVS_SYNC | FLUX_KVS_TXN_COMPACT, FLUX_NODEID_ANY, true },
        { KVS_TXN_ORDERED, 0, true },
        { 8, 0, false },
        { -1, 0, false },
    };
    flux_t *h = *state;
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    assert_int_equal (flux_kvs_txn_put (txn, 0, "a", "x"), 0);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_future_t *f = flux_kvs_commit (h, "n", t[i].flags, txn);
        struct kvs_txn_reader r;
        const void *data;
        uint32_t nodeid;
        flux_msg_t *msg;
        size_t len;

        assert_int_equal (f != NULL, t[i].ok);
        if (!f) {
            assert_int_equal (errno, EINVAL);
            continue;
        }
        assert_non_null (msg = flux_recv (h, FLUX_MATCH_REQUEST, FLUX_O_NONBLOCK));
        assert_int_equal (flux_request_decode_raw (msg, NULL, &data, &len), 0);
        assert_int_equal (kvs_txn_read (&r, data, len), 0);
        assert_string_equal (r.ns, "n");
        assert_int_equal (r.flags, t[i].flags);
        assert_int_equal (r.count, 1);
        assert_int_equal (flux_msg_get_nodeid (msg, &nodeid), 0);
        assert_int_equal (nodeid, t[i].nodeid);
        flux_msg_destroy (msg);
        flux_future_destroy (f);
    }
    assert_null (flux_kvs_commit (h, NULL, 0, NULL));
    assert_null (flux_kvs_commit (NULL, NULL, 0, txn));
    no_request (h);
    flux_kvs_txn_destroy (txn);
}

static void roots (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = flux_kvs_getroot (h, NULL, 0);
    const char *s, *again;
    uint32_t owner;
    int seq;

    answer (h, request (h, "kvs.getroot", "{\"namespace\":\"primary\"}"),
            "{\"owner\":4294967294,\"rootref\":\"" REF "\",\"sequence\":2147483647}");
    assert_int_equal (flux_kvs_getroot_get_blobref (f, &s), 0);
    assert_string_equal (s, REF);
    assert_int_equal (flux_kvs_getroot_get_treeobj (f, &s), 0);
    assert_string_equal (s, DIRREF);
    assert_int_equal (flux_kvs_getroot_get_treeobj (f, &again), 0);
    assert_ptr_equal (s, again);
    assert_int_equal (flux_kvs_getroot_get_sequence (f, &seq), 0);
    assert_int_equal (seq, INT32_MAX);
    assert_int_equal (flux_kvs_getroot_get_owner (f, &owner), 0);
    assert_int_equal (owner, UINT32_MAX - 1);
    flux_kvs_getroot_cancel (f);
    assert_int_equal (flux_kvs_getroot_get_sequence (f, NULL), 0);
    flux_future_destroy (f);
    f = flux_kvs_getroot (h, "n", 0);
    answer (h, request (h, "kvs.getroot", "{\"namespace\":\"n\"}"),
            "{\"rootref\":\"" REF "\",\"sequence\":2147483648}");
    assert_errno (flux_kvs_getroot_get_sequence (f, &seq), EOVERFLOW);
    assert_errno (flux_kvs_getroot_get_owner (f, &owner), EPROTO);
    flux_future_destroy (f);
    assert_null (flux_kvs_getroot (h, NULL, 1));
    assert_null (flux_kvs_getroot (NULL, NULL, 0));
}

static void namespace_calls (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = flux_kvs_namespace_create (h, "n", UINT32_MAX, 0);

    flux_msg_destroy (request (
        h, "kvs.namespace-create",
        "{\"flags\":0,\"namespace\":\"n\",\"owner\":4294967295,\"rootref\":\"\"}"));
    flux_future_destroy (f);
    f = flux_kvs_namespace_create_with (h, "n", REF, 0, 0);
    flux_msg_destroy (request (
        h, "kvs.namespace-create",
        "{\"flags\":0,\"namespace\":\"n\",\"owner\":0,\"rootref\":\"" REF "\"}"));
    flux_future_destroy (f);
    f = flux_kvs_namespace_remove (h, "n");
    flux_msg_destroy (request (h, "kvs.namespace-remove", "{\"namespace\":\"n\"}"));
    flux_future_destroy (f);
    assert_null (flux_kvs_namespace_create (h, "", 0, 0));
    assert_null (flux_kvs_namespace_create (h, NULL, 0, 0));
    assert_null (flux_kvs_namespace_create (h, "n", 0, 1));
    assert_null (flux_kvs_namespace_remove (h, ""));
    assert_null (flux_kvs_namespace_remove (NULL, "n"));
    assert_int_equal (flux_kvs_get_version (NULL, NULL, NULL), -1);
    assert_int_equal (flux_kvs_wait_version (NULL, NULL, 1), -1);
    assert_int_equal (flux_kvs_dropcache (NULL), -1);
    no_request (h);
}

static void health (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = kvs_health_watch (h);
    flux_msg_t *msg = request (h, "kvs.health", NULL);
    const char *text;
    int errnum;

    assert_true (flux_msg_is_streaming (msg));
    answer (h, msg, "{\"errnum\":28,\"text\":\"disk full\"}");
    assert_int_equal (kvs_health_get (f, &errnum, &text), 0);
    assert_int_equal (errnum, 28);
    assert_string_equal (text, "disk full");
    assert_int_equal (kvs_health_get (f, NULL, NULL), 0);
    flux_future_destroy (f);
    flux_future_destroy (kvs_order_reset (h));
    flux_msg_destroy (request (h, "kvs.order-reset", NULL));
}

/* --- Copy and move --- */

/* The KVS of one test: notes what it is asked ("lookup s in n"), and says no to the
 * n-th. */
struct fake {
    char asked[256];
    int fails;
    int count;
};

static void note (struct fake *k, const char *fmt, ...)
{
    size_t len = strlen (k->asked);
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (k->asked + len, sizeof (k->asked) - len, fmt, ap);
    va_end (ap);
}

static void respond (struct fake *k, flux_t *h, const flux_msg_t *msg, const char *s)
{
    if (++k->count == k->fails)
        assert_int_equal (flux_respond_error (h, msg, EPERM, NULL), 0);
    else
        assert_int_equal (flux_respond (h, msg, s), 0);
}

static void lookup_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    const char *key, *ns;
    int flags;

    assert_int_equal (flux_request_unpack (msg, NULL, "{s:s s:s s:i}", "key", &key,
                                           "namespace", &ns, "flags", &flags),
                      0);
    assert_int_equal (flags, FLUX_KVS_TREEOBJ);
    note (arg, "lookup %s in %s", key, ns);
    respond (arg, h, msg, VAL);
}

static void commit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct kvs_txn_reader r;
    struct kvs_txn_op op;
    const void *data;
    size_t len;

    assert_int_equal (flux_request_decode_raw (msg, NULL, &data, &len), 0);
    assert_int_equal (kvs_txn_read (&r, data, len), 0);
    assert_int_equal (r.flags, FLUX_KVS_NO_MERGE);
    note (arg, ", in %s:", r.ns);
    while (kvs_txn_next (&r, &op) == 1)
        note (arg, op.kind == KVS_TXN_UNLINK ? " -%s" : " %s=", op.key);
    respond (arg, h, msg, "{\"rootref\":\"x\",\"sequence\":1}");
}

static void copied_cb (flux_future_t *f, void *arg)
{
    *(int *)arg = flux_future_get (f, NULL) < 0 ? errno : 0;
    flux_reactor_stop (flux_future_get_reactor (f));
}

static const struct {
    bool move;
    const char *dstns;
    int fails; /* 0: none */
    const char *asked;
} moves[] = {
    { false, "n", 0, "lookup s in n, in n: d=" },
    { false, "m", 0, "lookup s in n, in m: d=" },
    /* one transaction within a namespace; else the source goes when its copy is there */
    { true, "n", 0, "lookup s in n, in n: d= -s" },
    { true, "m", 0, "lookup s in n, in m: d=, in n: -s" },
    { false, "n", 1, "lookup s in n" },
    { false, "n", 2, "lookup s in n, in n: d=" },
    { true, "n", 2, "lookup s in n, in n: d= -s" },
    { true, "m", 1, "lookup s in n" },
    { true, "m", 2, "lookup s in n, in m: d=" },
    { true, "m", 3, "lookup s in n, in m: d=, in n: -s" },
};

static void copies (void **state)
{
    static const struct flux_msg_handler_spec specs[] = {
        { FLUX_MSGTYPE_REQUEST, "kvs.lookup", lookup_cb, 0 },
        { FLUX_MSGTYPE_REQUEST, "kvs.commit", commit_cb, 0 },
        FLUX_MSGHANDLER_TABLE_END,
    };
    flux_t *h = *state;

    for (size_t i = 0; i < sizeof (moves) / sizeof (moves[0]); i++) {
        struct fake k = { .fails = moves[i].fails };
        flux_msg_handler_t **handlers;
        flux_future_t *f;
        int result = -1;

        assert_int_equal (flux_msg_handler_addvec (h, specs, &k, &handlers), 0);
        f = (moves[i].move ? flux_kvs_move : flux_kvs_copy) (
            h, "n", "s", moves[i].dstns, "d", FLUX_KVS_NO_MERGE);
        assert_int_equal (flux_future_then (f, -1, copied_cb, &result), 0);
        assert_true (flux_reactor_run (flux_get_reactor (h), 0) >= 0);
        assert_string_equal (k.asked, moves[i].asked);
        assert_int_equal (result, moves[i].fails ? EPERM : 0);
        flux_future_destroy (f);
        flux_msg_handler_delvec (handlers);
    }
    assert_null (flux_kvs_copy (h, NULL, NULL, NULL, "d", 0));
    assert_null (flux_kvs_copy (h, NULL, "s", NULL, NULL, 0));
    assert_null (flux_kvs_move (NULL, NULL, "s", NULL, "d", 0));
}

#define T(name) cmocka_unit_test_setup_teardown (name, open_loop, close_loop)

int main (void)
{
    const struct CMUnitTest tests[] = {
        T (flags_of_lookups),
        T (lookups_refused),
        T (namespaces),
        T (snapshots),
        T (values),
        T (bad_answers),
        T (bad_raw_answers),
        T (errors_pass),
        T (other_futures),
        T (unpacked),
        T (unpacked_watch),
        T (watched_directory),
        T (sentinel),
        T (symlinks),
        T (cancels),
        T (windows),
        T (pages),
        T (commits),
        T (roots),
        T (namespace_calls),
        T (health),
        T (copies),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
