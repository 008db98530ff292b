/* Directories part by part, while they change. */
#include "base/test.h"

#include "fakestore.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#define STABLE 3000 /* names that are there all the time */

static void put (flux_kvs_txn_t *txn, const char *format, int i)
{
    char key[64];

    snprintf (key, sizeof (key), format, i);
    assert_int_equal (flux_kvs_txn_put (txn, 0, key, "1"), 0);
}

static void fill (struct fake *f, const char *format, int count)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    for (int i = 0; i < count; i++)
        put (txn, format, i);
    assert_int_equal (fake_commit (f, txn), 0);
}

/* What came is added to seen: name -> how often. */
static void read_page (struct fake *f, struct kvs_page *page, bool names, json_t *seen)
{
    struct buf out = BUF_INIT;
    const char *name;
    json_t *o, *value;
    int rc;

    do {
        struct kvs_lookup l = { .cache = f->cache,
                                .key = "d",
                                .flags = FLUX_KVS_READDIR,
                                .page = page,
                                .names = names };

        l.view.root = kvs_tree_root (f->tree);
        l.view.loader = kvs_tree_loader (f->tree);
        l.view.rootref = f->tree->rootref;
        rc = l.view.root ? kvs_lookup (&l, &out) : -1;
    } while (rc < 0 && errno == EAGAIN && fake_load (f));
    assert_int_equal (rc, 0);
    assert_non_null (o = json_loads (out.data, 0, NULL));
    json_object_foreach (json_object_get (o, "data"), name, value) {
        int n = json_integer_value (json_object_get (seen, name));

        assert_true (names ? json_is_string (value) : json_is_object (value));
        json_object_set_new (seen, name, json_integer (n + 1));
    }
    json_decref (o);
    buf_fini (&out);
}

/* Something else happens in the directory. */
static void disturb (struct fake *f, int round)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char key[64];

    for (int i = 0; i < 200; i++)
        put (txn, round % 2 ? "d.other%d" : "d.more%d", round * 200 + i);
    for (int i = 0; round > 1 && i < 200; i++) {
        snprintf (key, sizeof (key), round % 2 ? "d.other%d" : "d.more%d",
                  (round - 2) * 200 + i);
        assert_int_equal (flux_kvs_txn_unlink (txn, 0, key), 0);
    }
    assert_int_equal (fake_commit (f, txn), 0);
}

static int pages_of (struct fake *f, size_t max, bool names, bool disturbed,
                     bool forget, json_t *seen)
{
    struct kvs_page page = { .max_entries = max, .max_bytes = SIZE_MAX };
    int count = 0;

    do {
        read_page (f, &page, names, seen);
        assert_true (count < 100000);
        assert_true (!page.more || page.entries >= max);
        assert_true (page.entries < max + NODE_MAX);
        page.from = page.next;
        if (disturbed)
            disturb (f, count);
        if (forget)
            fake_reopen (f);
        count++;
    } while (page.more);
    return count;
}

static void check_stable (json_t *seen)
{
    char name[32];

    for (int i = 0; i < STABLE; i++) {
        snprintf (name, sizeof (name), "key%d", i);
        assert_int_equal (json_integer_value (json_object_get (seen, name)), 1);
    }
}

static void run (bool names, bool disturbed, bool forget)
{
    struct fake f;
    json_t *seen = json_object ();

    fake_init (&f);
    fill (&f, "d.key%d", STABLE);
    assert_true (pages_of (&f, 100, names, disturbed, forget, seen) > 10);
    check_stable (seen);
    if (!disturbed)
        assert_int_equal (json_object_size (seen), STABLE);
    json_decref (seen);
    fake_fini (&f);
}

static void quiet (void **state)
{
    run (false, false, false);
    run (true, false, false);
}

static void disturbed (void **state)
{
    run (true, true, false);
}

static void loaded (void **state)
{
    run (true, false, true);
    run (false, true, true);
}

static void small (void **state)
{
    struct fake f;
    json_t *seen = json_object ();

    fake_init (&f);
    fill (&f, "d.key%d", 10);
    assert_int_equal (pages_of (&f, 2, true, false, false, seen), 1);
    assert_int_equal (json_object_size (seen), 10);
    json_decref (seen);
    fake_fini (&f);
}

static void empty (void **state)
{
    struct fake f;
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    json_t *seen = json_object ();

    fake_init (&f);
    assert_int_equal (flux_kvs_txn_mkdir (txn, 0, "d"), 0);
    assert_int_equal (fake_commit (&f, txn), 0);
    assert_int_equal (pages_of (&f, 2, true, false, false, seen), 1);
    assert_int_equal (json_object_size (seen), 0);
    json_decref (seen);
    fake_fini (&f);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (quiet),  cmocka_unit_test (disturbed),
        cmocka_unit_test (loaded), cmocka_unit_test (small),
        cmocka_unit_test (empty),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
