#include "base/test.h"

#include "base/buf.h"
#include "base/hashmap.h"
#include "cmd/kvs/fsck_walk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct seen {
    struct buf damage, keys;
};

static void report (void *arg, const char *key, const char *text)
{
    struct seen *s = arg;

    if (text)
        buf_printf (&s->damage, "%s: %s\n", key, text);
    else
        buf_printf (&s->keys, "%s ", key);
}

#define DIR(x) "{\"data\":{" x "},\"type\":\"dir\",\"ver\":1}"
#define DIRREF(x) "{\"data\":[\"" x "\"],\"type\":\"dirref\",\"ver\":1}"
#define VALREF(x) "{\"data\":[" x "],\"type\":\"valref\",\"ver\":1}"
#define VAL "{\"data\":\"Zm9v\",\"type\":\"val\",\"ver\":1}"
#define LINK "{\"data\":{\"target\":\"a\"},\"type\":\"symlink\",\"ver\":1}"

static const struct {
    const char *ref, *data; /* NULL: missing */
} store[] = {
    { "root", DIR ("\"a\":" VAL ",\"b\":" VALREF ("\"v1\",\"v2\"") ",\"c\":" DIRREF (
                  "sub") ",\"d\":" LINK
                         ",\"e\":" DIRREF ("sub") ",\"f\":" DIR (
                             "\"x\":" VALREF ("\"v1\"")) ",\"big\":" DIRREF ("hdir")) },
    { "v1", "one" },
    { "v2", "two" },
    { "sub", DIR ("\"y\":" VALREF ("\"v2\"")) },
    { "hdir",
      "{\"data\":{\"bucket\":[null," DIRREF ("b1") ",null],\"func\":\"fnv1a64\","
                                                   "\"level\":0,\"size\":3},"
                                                   "\"type\":\"hdir\",\"ver\":1}" },
    { "b1", DIR ("\"z\":" VALREF ("\"v1\"")) },
};

/* broken: a ref that cannot be loaded; garbled: one that is not what it was.
 * batch: so many at a time. */
static struct fsck_counts walk (struct seen *s, const char *broken, const char *garbled,
                                int batch)
{
    struct fsck_item *items[8];
    struct fsck_counts counts;
    struct fsck *f = fsck_create (report, s);
    int n;

    buf_fini (&s->damage);
    buf_fini (&s->keys);
    buf_init (&s->damage);
    buf_init (&s->keys);
    assert_int_equal (fsck_add_root (f, "root"), 0);
    do {
        for (n = 0; n < batch && (items[n] = fsck_next (f)); n++)
            ;
        for (int i = 0; i < n; i++) {
            const char *data = NULL;

            for (size_t j = 0; j < sizeof (store) / sizeof (store[0]); j++)
                if (!strcmp (items[i]->ref, store[j].ref))
                    data = store[j].data;
            assert_non_null (data);
            if (broken && !strcmp (items[i]->ref, broken))
                fsck_loaded (f, items[i], "gone", NULL, 0);
            else if (garbled && !strcmp (items[i]->ref, garbled))
                fsck_loaded (f, items[i], NULL, "{\"a", 3);
            else
                fsck_loaded (f, items[i], NULL, data, strlen (data));
        }
    } while (n > 0);
    counts = fsck_counts (f);
    fsck_destroy (f);
    return counts;
}

static void test_good (void **state)
{
    struct seen s = { BUF_INIT, BUF_INIT };

    for (int batch = 1; batch < 8; batch++) {
        struct fsck_counts c = walk (&s, NULL, NULL, batch);

        assert_int_equal (c.damaged, 0);
        assert_int_equal (c.blobs, 6); /* each once */
        assert_int_equal (c.keys, 10);
        assert_non_null (strstr (s.keys.data, ".y")); /* of c or e */
        assert_non_null (strstr (s.keys.data, "f.x"));
        assert_non_null (strstr (s.keys.data, "big.z"));
    }
    buf_fini (&s.damage);
    buf_fini (&s.keys);
}

/* All keys that need a blob are named, however often it is shared. */
static void test_damage (void **state)
{
    struct seen s = { BUF_INIT, BUF_INIT };

    for (int batch = 1; batch < 8; batch++) {
        assert_int_equal (walk (&s, "v1", NULL, batch).damaged, 3);
        assert_non_null (strstr (s.damage.data, "b: gone\n"));
        assert_non_null (strstr (s.damage.data, "f.x: gone\n"));
        assert_non_null (strstr (s.damage.data, "big.z: gone\n"));
        assert_int_equal (walk (&s, "sub", NULL, batch).damaged, 2);
        assert_non_null (strstr (s.damage.data, "c: gone\n"));
        assert_non_null (strstr (s.damage.data, "e: gone\n"));
        assert_int_equal (walk (&s, NULL, "sub", batch).damaged, 2);
        assert_non_null (strstr (s.damage.data, "c: blob sub: is not a directory\n"));
        assert_int_equal (walk (&s, "root", NULL, batch).damaged, 1);
        assert_non_null (strstr (s.damage.data, ".: gone\n"));
    }
    buf_fini (&s.damage);
    buf_fini (&s.keys);
}

static void test_entry (void **state)
{
    struct seen s = { BUF_INIT, BUF_INIT };
    struct fsck *f = fsck_create (report, &s);
    const char dir[] = DIR ("\"a\":{\"type\":\"nonsense\"},\"b\":" VAL);

    fsck_add_root (f, "root");
    fsck_loaded (f, fsck_next (f), NULL, dir, strlen (dir));
    assert_null (fsck_next (f));
    assert_string_equal (s.damage.data, "a: is not a tree object\n");
    assert_string_equal (s.keys.data, "b ");
    fsck_add_root (f, "left over");
    assert_int_equal (fsck_add_root (f, "a ref that is much longer than any that there "
                                        "can be, as it has more than 72 letters"),
                      -1);
    fsck_destroy (f);
    buf_fini (&s.damage);
    buf_fini (&s.keys);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_good),
        cmocka_unit_test (test_damage),
        cmocka_unit_test (test_entry),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
