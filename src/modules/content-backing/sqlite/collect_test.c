/* Marks, sweeps and what the disk may do meanwhile; the database is a real one. */
#include "base/test.h"

#include "faultvfs.h"
#include "marks.h"
#include "modules/content-backing/db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOBS = 60 };

static struct digest *digest;
static struct faults faults;
static char dir[64], path[128];

static int enter_dir (void **state)
{
    strcpy (dir, "/tmp/content-collect-XXXXXX");
    if (!mkdtemp (dir))
        return -1;
    snprintf (path, sizeof (path), "%s/content.sqlite", dir);
    faults.at = 0;
    return 0;
}

static int leave_dir (void **state)
{
    char cmd[128];

    snprintf (cmd, sizeof (cmd), "rm -rf %s", dir);
    return system (cmd);
}

static struct db *open_db (void)
{
    struct db_options o = { .digest = digest, .vfs = FAULTVFS };
    flux_error_t error;
    struct db *db = db_open (path, &o, NULL, &error);

    if (!db)
        fail_msg ("%s", error.text);
    return db;
}

static size_t blob (int n, char *data, unsigned char *d)
{
    srandom (n);
    for (int i = 0; i < 3000; i++)
        data[i] = random () >> 7;
    memcpy (data, &n, sizeof (n));
    digest_hash (digest, data, 3000, d);
    return 3000;
}

static int store (struct db *db, int n)
{
    unsigned char d[DIGEST_MAX_SIZE];
    flux_error_t error;
    char data[3000];
    size_t len = blob (n, data, d);

    if (db_begin (db, false, &error) < 0)
        return -1;
    if (db_store (db, d, 20, data, len, &error) < 0 || db_commit (db, &error) < 0) {
        db_rollback (db, &error);
        return -1;
    }
    return 0;
}

static bool has (struct db *db, int n)
{
    unsigned char d[DIGEST_MAX_SIZE];
    struct buf out = BUF_INIT;
    flux_error_t error;
    char data[3000];
    int rc;

    blob (n, data, d);
    if ((rc = db_load (db, d, 20, &out, &error)) < 0)
        assert_int_equal (errno, ENOENT);
    buf_fini (&out);
    return rc == 0;
}

static int mark (struct db *db, int n, bool walked)
{
    unsigned char d[DIGEST_MAX_SIZE];
    flux_error_t error;
    char data[3000];

    blob (n, data, d);
    return db_mark (db, d, 20, walked, &error);
}

static void fill (struct db *db)
{
    unsigned char d[DIGEST_MAX_SIZE];
    flux_error_t error;
    char data[3000];

    assert_int_equal (db_begin (db, false, &error), 0);
    for (int n = 0; n < BLOBS; n++) {
        size_t len = blob (n, data, d);

        assert_int_equal (db_store (db, d, 20, data, len, &error), 0);
    }
    assert_int_equal (db_commit (db, &error), 0);
}

static bool at_once (void *arg)
{
    return true;
}

static bool now_and_then (void *arg)
{
    static int n;

    return ++n % 10 == 0;
}

static bool never (void *arg)
{
    return false;
}

static void test_marks (void **state)
{
    struct marks *m = marks_create ();

    assert_false (marks_has (m, 1));
    assert_int_equal (marks_set (m, 1, false), 1);
    assert_int_equal (marks_set (m, 1, false), 0);
    assert_int_equal (marks_set (m, 1, true), 1); /* kept is not walked */
    assert_int_equal (marks_set (m, 1, true), 0);
    assert_int_equal (marks_set (m, 1, false), 0); /* but walked is kept */
    for (int64_t i = 31; i < 34; i++) {
        assert_false (marks_has (m, i));
        assert_int_equal (marks_set (m, i, true), 1);
        assert_true (marks_has (m, i));
    }
    assert_int_equal (marks_set (m, INT64_MAX, true), 1);
    assert_true (marks_has (m, INT64_MAX));
    assert_false (marks_has (m, INT64_MAX - 1));
    marks_destroy (m);
}

/* In one go, or blob after blob with others being stored between. */
static void sweep_all (bool slowly)
{
    struct db *db = open_db ();
    struct db_swept s = { 0 };
    flux_error_t error;
    int more = 0, steps = 0;

    fill (db);
    assert_int_equal (db_collect_begin (db, &error), 0);
    for (int n = 0; n < BLOBS; n += 2)
        assert_int_equal (mark (db, n, false), 1);
    assert_int_equal (mark (db, BLOBS + 1, false), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (store (db, 1), 0); /* again: it is marked */
    assert_int_equal (store (db, BLOBS), 0);
    while ((more = db_sweep (db, &s, slowly ? at_once : never, NULL, &error)) > 0)
        if (steps++ < 20)
            assert_int_equal (store (db, 1000 + steps), 0);
    assert_int_equal (more, 0);
    assert_true (slowly ? steps >= BLOBS - 1 : steps == 0);
    assert_int_equal (s.freed, BLOBS / 2 - 1);
    assert_int_equal (s.freed_bytes, s.freed * 3000);
    for (int n = 0; n <= BLOBS; n++)
        assert_int_equal (has (db, n), n % 2 == 0 || n == 1);
    for (int i = 1; slowly && i <= 20; i++)
        assert_true (has (db, 1000 + i));
    db_collect_end (db);
    db_close (db);
}

static void test_sweep (void **state)
{
    sweep_all (false);
}

static void test_sweep_slowly (void **state)
{
    sweep_all (true);
}

/* The last row goes while others wait, and its number comes again. */
static void test_number_again (void **state)
{
    struct db *db = open_db ();
    struct db_swept s = { 0 };
    flux_error_t error;
    int last = BLOBS;

    fill (db);
    assert_int_equal (db_collect_begin (db, &error), 0);
    while (db_sweep (db, &s, at_once, NULL, &error) > 0)
        assert_int_equal (store (db, last++), 0);
    assert_int_equal (s.freed, BLOBS);
    assert_true (store (db, last) == 0 && has (db, last) && has (db, last - 1));
    db_collect_end (db);
    db_close (db);
}

/* What would go is counted, and stays. */
static void test_keep (void **state)
{
    struct db *db = open_db ();
    struct db_swept s = { .keep = true };
    flux_error_t error;

    fill (db);
    assert_int_equal (db_collect_begin (db, &error), 0);
    for (int n = 0; n < BLOBS; n += 2)
        assert_int_equal (mark (db, n, false), 1);
    while (db_sweep (db, &s, now_and_then, NULL, &error) > 0)
        ;
    db_collect_end (db);
    assert_int_equal (s.freed, BLOBS / 2);
    assert_int_equal (s.live, BLOBS - BLOBS / 2);
    for (int n = 0; n < BLOBS; n++)
        assert_true (has (db, n));
    db_close (db);
}

static void test_shrink (void **state)
{
    struct db *db = open_db ();
    struct db_swept s = { 0 };
    flux_error_t error;
    struct stat before, after;

    fill (db);
    db_tidy (db);
    assert_int_equal (stat (path, &before), 0);
    assert_int_equal (db_get_live (db), -1);
    assert_int_equal (db_collect_begin (db, &error), 0);
    assert_int_equal (mark (db, 7, false), 1);
    assert_int_equal (db_sweep (db, &s, never, NULL, &error), 0);
    db_collect_end (db);
    assert_true (db_file_free (db) > BLOBS * 2500);
    assert_int_equal (db_shrink (db, 4, &error), 1);
    while (db_shrink (db, 64, &error) > 0)
        ;
    assert_int_equal (db_file_free (db), 0);
    assert_int_equal (db_set_live (db, 4711, &error), 0);
    db_tidy (db);
    assert_int_equal (stat (path, &after), 0);
    assert_true (after.st_size * 4 < before.st_size);
    assert_true (has (db, 7) && !has (db, 8));
    db_close (db);
    db = open_db ();
    assert_int_equal (db_get_live (db), 4711);
    assert_true (has (db, 7));
    db_close (db);
}

/* Whatever fails, what is marked stays, and the next collection ends what this began. */
static void sweep_with (enum fault_kind kind, int count)
{
    bool reached = true;

    for (int k = 1; reached; k += 5) {
        struct db *db;
        struct db_swept s = { 0 };
        flux_error_t error;
        int more;

        enter_dir (NULL);
        db = open_db ();
        fill (db);
        assert_int_equal (db_collect_begin (db, &error), 0);
        for (int n = 0; n < BLOBS; n += 2)
            mark (db, n, false);
        faultvfs_arm (&faults, kind, k, count);
        while ((more = db_sweep (db, &s, now_and_then, NULL, &error)) > 0)
            ;
        while (more == 0 && db_shrink (db, 16, &error) > 0)
            ;
        reached = faults.failed > 0;
        faults.at = 0;
        assert_true (reached || more == 0);
        while (db_sweep (db, &s, never, NULL, &error) > 0)
            ;
        for (int n = 0; n < BLOBS; n++)
            assert_int_equal (has (db, n), n % 2 == 0);
        db_collect_end (db);
        db_close (db);
        leave_dir (NULL);
    }
}

static void test_faults (void **state)
{
    sweep_with (FAULT_EIO, 1);
    sweep_with (FAULT_ENOSPC, INT_MAX);
}

#define in_dir(f) cmocka_unit_test_setup_teardown (f, enter_dir, leave_dir)

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_marks),  in_dir (test_sweep), in_dir (test_sweep_slowly),
        in_dir (test_number_again),     in_dir (test_keep),  in_dir (test_shrink),
        cmocka_unit_test (test_faults),
    };
    int rc;

    faultvfs_init (&faults);
    digest = digest_create ("sha1");
    rc = cmocka_run_group_tests (tests, NULL, NULL);
    digest_destroy (digest);
    return rc;
}
