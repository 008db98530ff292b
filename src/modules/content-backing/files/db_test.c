/* The store by itself, and with its k-th system call failing (--wrap, see meson.build). */
#include "base/test.h"

#include "base/file.h"
#include "modules/content-backing/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct digest *digest;
static char dir[64], path[96], side[96];

/* ---- the seam ---- */

static struct {
    int at; /* calls until one fails; 0: none does */
    int errnum;
    int calls;
    char names[1024]; /* of the calls, with a blank behind each */
} fault;

static bool fails (const char *name)
{
    size_t n = strlen (fault.names);

    snprintf (fault.names + n, sizeof (fault.names) - n, "%s ", name);
    fault.calls++;
    if (fault.at == 0 || --fault.at > 0)
        return false;
    errno = fault.errnum;
    return true;
}

#define SEAM(type, name, args, call)                                                   \
    type __real_##name args;                                                           \
    type __wrap_##name args;                                                           \
    type __wrap_##name args                                                            \
    {                                                                                  \
        return fails (#name) ? -1 : __real_##name call;                                \
    }

SEAM (ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
SEAM (int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
SEAM (int, fsync, (int fd), (fd))
SEAM (int, syncfs, (int fd), (fd))
SEAM (int, mkdirat, (int fd, const char *s, mode_t m), (fd, s, m))
SEAM (int, unlinkat, (int fd, const char *s, int f), (fd, s, f))
SEAM (int, openat64, (int fd, const char *s, int f, mode_t m), (fd, s, f, m))

/* ---- helpers ---- */

static void run (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));

static void run (const char *fmt, ...)
{
    char cmd[1024];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (cmd, sizeof (cmd), fmt, ap);
    va_end (ap);
    assert_int_equal (system (cmd), 0);
}

static int enter_dir (void **state)
{
    strcpy (dir, "/tmp/content-files-XXXXXX");
    if (!mkdtemp (dir))
        return -1;
    snprintf (path, sizeof (path), "%s/content.files", dir);
    snprintf (side, sizeof (side), "%s/side", dir);
    return 0;
}

static int leave_dir (void **state)
{
    memset (&fault, 0, sizeof (fault));
    return dir_remove (dir);
}

static struct db *open_at (const char *where, bool recovery, flux_error_t *warning,
                           flux_error_t *error)
{
    struct db_options o = { .kept = true, .recovery = recovery, .digest = digest };

    return db_open (where, &o, warning, error);
}

static struct db *open_kept (void)
{
    flux_error_t error;
    struct db *db = open_at (path, false, NULL, &error);

    if (!db)
        fail_msg ("%s", error.text);
    return db;
}

static void refused (const char *text)
{
    flux_error_t error;

    assert_null (open_at (path, false, NULL, &error));
    assert_int_equal (errno, EBADMSG);
    assert_non_null (strstr (error.text, text));
}

static void hash_of (int i, unsigned char *hash, char *text)
{
    sprintf (text, "blob %d", i);
    digest_hash (digest, text, strlen (text), hash);
}

static int store (struct db *db, int i)
{
    unsigned char hash[DIGEST_MAX_SIZE];
    flux_error_t error;
    char text[32];

    hash_of (i, hash, text);
    return db_store (db, hash, digest_size (digest), text, strlen (text), &error);
}

/* Checkpoint i has blob i for its root. */
static int put (struct db *db, int i)
{
    unsigned char hash[DIGEST_MAX_SIZE];
    char text[32], ref[BLOBREF_MAX_SIZE], json[128];
    flux_error_t error;

    hash_of (i, hash, text);
    blobref_encode ("sha1", hash, digest_size (digest), ref);
    snprintf (json, sizeof (json), "{\"rootref\":\"%s\",\"n\":%d}", ref, i);
    return db_checkpoint_put (db, json, &error);
}

/* Blobs i and i + 1000, and a checkpoint. */
static int batch (struct db *db, int i)
{
    flux_error_t error;

    if (db_begin (db, true, &error) < 0)
        return -1;
    if (store (db, i) < 0 || store (db, i + 1000) < 0 || put (db, i) < 0
        || db_commit (db, &error) < 0) {
        db_rollback (db, &error);
        return -1;
    }
    return 0;
}

static bool has (struct db *db, int i)
{
    unsigned char hash[DIGEST_MAX_SIZE];
    struct buf out = BUF_INIT;
    char text[32];
    flux_error_t error;
    bool rc;

    hash_of (i, hash, text);
    rc = db_load (db, hash, digest_size (digest), &out, &error) == 0;
    if (rc)
        assert_string_equal (out.data, text);
    assert_int_equal (db_validate (db, hash, digest_size (digest), &error) == 0, rc);
    buf_fini (&out);
    return rc;
}

/* The newest checkpoint; 0: none. */
static int newest (struct db *db)
{
    struct buf out = BUF_INIT;
    flux_error_t error;
    int n = 0;

    if (db_checkpoint_get (db, &out, &error) == 0)
        n = atoi (strstr (out.data, "\"n\":") + 4);
    buf_fini (&out);
    return n;
}

static void name_of (int i, char *name, size_t size)
{
    unsigned char hash[DIGEST_MAX_SIZE];
    char text[32], ref[BLOBREF_MAX_SIZE];

    hash_of (i, hash, text);
    blobref_encode ("sha1", hash, digest_size (digest), ref);
    snprintf (name, size, "%s/blobs/%.2s/%s", path, ref + 5, ref + 7);
}

/* ---- tests ---- */

static void test_store (void **state)
{
    struct db *db = open_kept ();
    struct stat st;

    assert_int_equal (newest (db), 0);
    assert_int_equal (db_count (db), 0);
    for (int i = 1; i <= 8; i++)
        assert_int_equal (batch (db, i), 0);
    assert_int_equal (store (db, 3), 0); /* again */
    assert_int_equal (db_count (db), 16);
    assert_int_equal (newest (db), 8);
    assert_true (has (db, 3) && has (db, 1008) && !has (db, 9));
    assert_int_equal (stat (path, &st), 0);
    assert_int_equal (st.st_mode & 07777, 0700);
    db_close (db);
    db = open_kept ();
    assert_int_equal (db_count (db), 16);
    assert_int_equal (newest (db), 8);
    assert_int_equal (db_file_free (db), 0);
    assert_true (db_file_size (db) > 16 * 6);
    db_close (db);
}

static void test_checkpoints (void **state)
{
    struct db *db = open_kept ();
    struct buf out = BUF_INIT;
    flux_error_t error;
    int n = 0;

    for (int i = 1; i <= 9; i++)
        assert_int_equal (batch (db, i), 0);
    assert_int_equal (db_checkpoint_get (db, &out, &error), 0);
    for (const char *p = out.data; (p = strstr (p, "\"n\":")); p += 4)
        assert_int_equal (atoi (p + 4), 9 - n++);
    assert_int_equal (n, DB_CHECKPOINTS);
    assert_int_equal (db_begin (db, false, &error), 0);
    assert_int_equal (db_checkpoint_put (db, "[]", &error), -1);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (db_rollback (db, &error), 0);
    assert_int_equal (newest (db), 9);
    buf_fini (&out);
    db_close (db);
}

/* The root is what the checkpoint itself says, not what is in it besides. */
static void test_root_of_checkpoint (void **state)
{
    static const char *const bad[] = {
        "{\"n\":2,\"a\":{\"rootref\":\"%s\"}}",
        "{\"n\":2,\"a\":\"\\\"rootref\\\":\",\"b\":\"%s\"}",
        "{\"n\":2,\"rootref\":[\"%s\"]}",
        "{\"n\":2,\"rootref\":\"%1$s%1$s%1$s%1$s%1$s\"}",
        "{\"n\":2,\"rootref\":\"%.20s\"}",
    };
    unsigned char hash[DIGEST_MAX_SIZE];
    char text[32], ref[BLOBREF_MAX_SIZE], json[512];
    flux_error_t error;

    hash_of (1, hash, text);
    blobref_encode ("sha1", hash, digest_size (digest), ref);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        struct db *db = open_kept ();

        snprintf (json, sizeof (json), bad[i], ref);
        assert_int_equal (batch (db, 1), 0);
        assert_int_equal (db_begin (db, false, &error), 0);
        assert_int_equal (db_checkpoint_put (db, json, &error), 0);
        assert_int_equal (db_commit (db, &error), 0);
        db_close (db);
        refused ("the newest checkpoint names no root");
        assert_int_equal (dir_remove (path), 0);
    }
}

static void test_one_instance (void **state)
{
    struct db *db = open_kept ();
    flux_error_t error;

    assert_null (open_at (path, false, NULL, &error));
    assert_string_equal (error.text, "another instance uses it");
    db_close (db);
    run ("rm -r %s && ln -s /tmp %s", path, path);
    assert_null (open_at (path, false, NULL, &error));
    run ("rm %s && mkdir -m 777 %s && chmod 777 %s", path, path, path);
    assert_null (open_at (path, false, NULL, &error));
}

static void test_damage (void **state)
{
    struct db *db = open_kept ();
    flux_error_t warning, error;
    char name[256];

    for (int i = 1; i <= 3; i++)
        assert_int_equal (batch (db, i), 0);
    name_of (1002, name, sizeof (name));
    run ("printf X | dd of=%s conv=notrunc 2>/dev/null", name);
    assert_false (store (db, 2) < 0);
    errno = 0;
    db_close (db);

    name_of (3, name, sizeof (name));
    run (": >%s", name);
    refused ("of the newest checkpoint is damaged");
    run ("rm %s", name);
    refused ("of the newest checkpoint is missing");
    assert_non_null (db = open_at (path, true, &warning, &error));
    assert_non_null (strstr (warning.text, "is missing"));
    assert_int_equal (newest (db), 2);
    db_close (db);

    run ("echo '{' >%s/checkpoints", path);
    refused ("its checkpoints cannot be read");
    run ("echo '[1]' >%s/checkpoints", path);
    refused ("its checkpoints cannot be read");
    run ("rm %s/checkpoints", path);
    refused ("it has blobs and no checkpoint");
    assert_non_null (db = open_at (path, true, &warning, &error));
    assert_int_equal (newest (db), 0);
    db_close (db);
}

static void test_bad_blob (void **state)
{
    struct db *db = open_kept ();
    unsigned char hash[DIGEST_MAX_SIZE];
    struct buf out = BUF_INIT;
    char name[256], text[32];
    flux_error_t error;

    assert_int_equal (batch (db, 1), 0);
    name_of (1, name, sizeof (name));
    run ("printf X | dd of=%s conv=notrunc 2>/dev/null", name);
    hash_of (1, hash, text);
    assert_int_equal (db_load (db, hash, digest_size (digest), &out, &error), -1);
    assert_int_equal (errno, EBADMSG);
    assert_non_null (strstr (error.text, ": damaged"));
    /* One that a crash of the machine has cut is written again. */
    run (": >%s", name);
    assert_int_equal (store (db, 1), 0);
    assert_true (has (db, 1));
    assert_int_equal (db_count (db), 2);
    run ("rm %s && mkfifo %s", name, name);
    assert_int_equal (db_load (db, hash, digest_size (digest), &out, &error), -1);
    assert_int_equal (errno, EBADMSG);
    buf_fini (&out);
    db_close (db);
}

static bool never (void *arg)
{
    return false;
}

static bool always (void *arg)
{
    return true;
}

static int mark (struct db *db, int i, bool is_dir)
{
    unsigned char hash[DIGEST_MAX_SIZE];
    flux_error_t error;
    char text[32];

    hash_of (i, hash, text);
    return db_mark (db, hash, digest_size (digest), is_dir, &error);
}

static void collect (bool (*over) (void *arg))
{
    struct db *db = open_kept ();
    struct db_swept s = { 0 };
    flux_error_t error;
    int rc, slices = 0;

    for (int i = 1; i <= 200; i++)
        assert_int_equal (store (db, i), 0);
    assert_int_equal (db_get_live (db), -1);
    assert_int_equal (db_collect_begin (db, &error), 0);
    assert_int_equal (mark (db, 7, false), 1);
    assert_int_equal (mark (db, 7, false), 0);
    assert_int_equal (mark (db, 7, true), 1);
    assert_int_equal (mark (db, 7, true), 0);
    assert_int_equal (mark (db, 9, true), 1);
    assert_int_equal (mark (db, 999, true), -1);
    assert_int_equal (errno, ENOENT);
    while ((rc = db_sweep (db, &s, over, NULL, &error)) == 1)
        if (slices++ == 5)
            assert_int_equal (store (db, 500), 0), assert_int_equal (store (db, 8), 0);
    assert_int_equal (rc, 0);
    db_collect_end (db);
    assert_true (has (db, 7) && has (db, 9) && !has (db, 10));
    if (slices) {
        assert_true (slices >= 200);
        assert_true (has (db, 500) && has (db, 8));
    } else {
        assert_int_equal (s.live, 2);
        assert_int_equal (s.freed, 198);
        assert_int_equal (db_count (db), 2);
    }
    assert_int_equal (db_set_live (db, 4711, &error), 0);
    db_close (db);
    db = open_kept ();
    assert_int_equal (db_get_live (db), 4711);
    db_close (db);
}

static void test_collect (void **state)
{
    collect (never);
}

static void test_collect_slowly (void **state)
{
    collect (always);
}

/* What is on the disk now, opened as after kill -9. */
static struct db *open_copy (void)
{
    flux_error_t error;
    struct db *db;

    run ("rm -rf %s && cp -a %s %s", side, path, side);
    if (!(db = open_at (side, false, NULL, &error)))
        fail_msg ("%s", error.text);
    return db;
}

static void check_copy (int newest_acked, bool refused_is_gone)
{
    struct db *db = open_copy ();

    assert_int_equal (newest (db), newest_acked);
    for (int i = 1; i <= newest_acked; i++)
        assert_true (has (db, i) && has (db, i + 1000));
    if (refused_is_gone)
        assert_false (has (db, newest_acked + 1) || has (db, newest_acked + 1001));
    db_close (db);
}

static void sweep_faults (int errnum)
{
    struct db *db = open_kept ();
    int acked = 0;
    bool failed = true;

    assert_int_equal (batch (db, ++acked), 0);
    for (int k = 1; failed; k++) {
        int saved;

        fault.at = k;
        fault.errnum = errnum;
        failed = batch (db, acked + 1) < 0;
        saved = errno;
        /* Only the last calls, which clear away, may fail unseen. */
        fault.at = 0;
        if (failed) {
            assert_int_equal (saved, errnum);
            assert_false (db_in_doubt (db));
            check_copy (acked, true);
        } else {
            check_copy (++acked, false);
        }
    }
    assert_true (acked == 2);
    assert_int_equal (batch (db, ++acked), 0);
    db_close (db);
    check_copy (acked, false);
}

static void test_enospc (void **state)
{
    sweep_faults (ENOSPC);
}

static void test_eio (void **state)
{
    sweep_faults (EIO);
}

/* The disk stays bad from the k-th call on. */
static void test_stays_bad (void **state)
{
    struct db *db = open_kept ();
    flux_error_t error;
    int acked = 1;

    assert_int_equal (batch (db, acked), 0);
    for (int k = 1; k < 40; k++) {
        fault.at = k;
        fault.errnum = EIO;
        while (fault.at > 0 && batch (db, acked + 1) == 0)
            acked++;
        fault.at = 1;
        fault.errnum = EIO;
        if (db_in_doubt (db))
            assert_int_equal (db_settle (db, &error), -1);
        fault.at = 0;
        assert_int_equal (db_settle (db, &error), 0);
        check_copy (acked, false);
    }
    db_close (db);
}

/* A crash of the machine must not leave a checkpoint without its blobs, nor keep what was
 * answered from the disk. */
static void test_order (void **state)
{
    struct db *db = open_kept ();

    assert_int_equal (batch (db, 1), 0);
    assert_int_equal (store (db, 2), 0); /* makes their directories */
    assert_int_equal (store (db, 1002), 0);
    assert_int_equal (batch (db, 3), 0);
    fault.names[0] = '\0';
    assert_int_equal (batch (db, 2), 0);
    assert_string_equal (fault.names, "syncfs openat64 write fsync renameat fsync ");
    db_close (db);
}

static void test_open_faults (void **state)
{
    struct db *db = open_kept ();
    flux_error_t error;
    bool failed = true;

    assert_int_equal (batch (db, 1), 0);
    db_close (db);
    for (int k = 1; failed; k++) {
        fault.at = k;
        fault.errnum = EIO;
        fault.calls = 0;
        failed = !(db = open_at (path, false, NULL, &error));
        fault.at = 0;
        if (failed) {
            assert_true (error.text[0] != '\0');
            continue;
        }
        failed = fault.calls >= k; /* one that does no harm */
        assert_int_equal (newest (db), 1);
        assert_int_equal (db_count (db), 2);
        db_close (db);
    }
}

static void test_remove (void **state)
{
    struct db *db = open_kept ();
    flux_error_t error;

    assert_int_equal (batch (db, 1), 0);
    db_close (db);
    assert_int_equal (db_remove (path, &error), 0);
    assert_int_equal (db_remove (path, &error), 0);
    db = open_kept ();
    assert_int_equal (newest (db), 0);
    db_close (db);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, enter_dir, leave_dir)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (test_store),
        TEST (test_checkpoints),
        TEST (test_one_instance),
        TEST (test_damage),
        TEST (test_bad_blob),
        TEST (test_collect),
        TEST (test_collect_slowly),
        TEST (test_enospc),
        TEST (test_eio),
        TEST (test_stays_bad),
        TEST (test_order),
        TEST (test_open_faults),
        TEST (test_remove),
        TEST (test_root_of_checkpoint),
    };
    int rc;

    digest = digest_create ("sha1");
    rc = cmocka_run_group_tests (tests, NULL, NULL);
    digest_destroy (digest);
    return rc;
}
