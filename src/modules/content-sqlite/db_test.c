#include "base/test.h"

#include "db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_db (void **state)
{
    char dir[] = "/tmp/content-sqlite-XXXXXX", path[64];
    flux_error_t error;
    struct db *db;
    struct buf out = BUF_INIT;
    char big[100000];

    assert_non_null (mkdtemp (dir));
    snprintf (path, sizeof (path), "%s/content.sqlite", dir);
    assert_non_null (db = db_open (path, "WAL", "OFF", &error));
    memset (big, 'x', sizeof (big));
    assert_int_equal (db_begin (db, &error), 0);
    assert_int_equal (db_store (db, "a", 1, "", 0, &error), 0);
    assert_int_equal (db_store (db, "b", 1, "small", 5, &error), 0);
    assert_int_equal (db_store (db, "c", 1, big, sizeof (big), &error), 0);
    assert_int_equal (db_store (db, "c", 1, big, sizeof (big), &error), 0);
    assert_int_equal (db_commit (db, &error), 0);
    assert_int_equal (db_begin (db, &error), 0);
    assert_int_equal (db_store (db, "d", 1, "gone", 4, &error), 0);
    db_rollback (db);
    assert_int_equal (db_load (db, "d", 1, &out, &error), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (db_checkpoint_get (db, &out, &error), -1);
    assert_int_equal (errno, ENOENT);
    for (int i = 0; i < 8; i++) {
        char s[16];
        snprintf (s, sizeof (s), "{\"n\":%d}", i);
        assert_int_equal (db_checkpoint_put (db, s, &error), 0);
    }
    db_close (db);
    assert_non_null (db = db_open (path, "WAL", "OFF", &error));
    assert_int_equal (db_count (db), 3);
    assert_int_equal (db_load (db, "a", 1, &out, &error), 0);
    assert_int_equal (out.len, 0);
    assert_int_equal (db_load (db, "b", 1, &out, &error), 0);
    assert_string_equal (out.data, "small");
    assert_int_equal (db_load (db, "c", 1, &out, &error), 0);
    assert_int_equal (out.len, sizeof (big));
    assert_memory_equal (out.data, big, sizeof (big));
    assert_int_equal (db_validate (db, "c", 1), 0);
    assert_int_equal (db_validate (db, "d", 1), -1);
    buf_reset (&out);
    assert_int_equal (db_checkpoint_get (db, &out, &error), 0);
    assert_string_equal (out.data,
                         "[{\"n\":7},{\"n\":6},{\"n\":5},{\"n\":4},{\"n\":3}]");
    assert_true (db_file_size (db) < (int64_t)sizeof (big));
    db_close (db);
    assert_null (db_open ("/nosuch/dir/content.sqlite", "WAL", "OFF", &error));
    assert_null (db_open (path, "WAL;x", "OFF", &error));
    buf_fini (&out);
    unlink (path);
    rmdir (dir);
}

int main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (test_db) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
