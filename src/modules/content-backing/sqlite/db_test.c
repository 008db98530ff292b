#include "base/test.h"

#include "db_impl.h"
#include "faultvfs.h"
#include "modules/content-backing/db.h"
#include "mover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct digest *digest;
static struct faults faults;
static char dir[64], path[128];

static void make_path (char *out, size_t size, const char *name)
{
    snprintf (out, size, "%s/%s", dir, name);
}

static void run (const char *fmt, ...)
{
    char cmd[1024];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (cmd, sizeof (cmd), fmt, ap);
    va_end (ap);
    assert_int_equal (system (cmd), 0);
}

/* Without a process for each: this is done some thousand times. */
static void clear_dir (const char *name)
{
    char s[512];
    struct dirent *e;
    DIR *d = opendir (name);

    while (d && (e = readdir (d))) {
        snprintf (s, sizeof (s), "%s/%s", name, e->d_name);
        if (e->d_name[0] != '.' && unlink (s) < 0) {
            clear_dir (s);
            rmdir (s);
        }
    }
    if (d)
        closedir (d);
}

static void copy_file (const char *from, const char *to)
{
    static char data[1 << 20];
    int in = open (from, O_RDONLY), out;
    ssize_t n;

    if (in < 0)
        return;
    out = open (to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    while ((n = read (in, data, sizeof (data))) > 0)
        assert_int_equal (write (out, data, n), n);
    close (in);
    close (out);
}

/* The files at this moment are what kill -9 leaves. */
static void copy_files (const char *from, const char *to)
{
    static const char *const names[] = { "sqlite", "sqlite-wal", "generation" };
    char a[160], b[160];

    mkdir (to, 0700);
    clear_dir (to);
    for (int i = 0; i < 3; i++) {
        snprintf (a, sizeof (a), "%.100s/content.%s", from, names[i]);
        snprintf (b, sizeof (b), "%.100s/content.%s", to, names[i]);
        copy_file (a, b);
    }
}

/* To the side and back, around what ends the database in good order. */
static void close_by_crash (struct db *db)
{
    char side[128];

    snprintf (side, sizeof (side), "%s.side", dir);
    copy_files (dir, side);
    db_close (db);
    copy_files (side, dir);
    clear_dir (side);
    rmdir (side);
}

static int enter_dir (void **state)
{
    strcpy (dir, "/tmp/content-sqlite-XXXXXX");
    if (!mkdtemp (dir))
        return -1;
    make_path (path, sizeof (path), "content.sqlite");
    return 0;
}

static int leave_dir (void **state)
{
    run ("rm -rf %s", dir);
    return 0;
}

static bool with_mover; /* else the k-th call is always the same one */

static struct db *open_how (bool kept, bool recovery, flux_error_t *error)
{
    struct db_options o = {
        .kept = kept, .recovery = recovery, .alone = !with_mover, .vfs = FAULTVFS
    };

    o.digest = digest;
    error->text[0] = '\0';
    return db_open (path, &o, NULL, error);
}

static struct db *open_kept (void)
{
    flux_error_t error;
    struct db *db = open_how (true, false, &error);

    if (!db)
        fail_msg ("%s", error.text);
    return db;
}

static void hash (const char *data, unsigned char *out)
{
    digest_hash (digest, data, strlen (data), out);
}

static int store (struct db *db, const char *data)
{
    unsigned char d[DIGEST_MAX_SIZE];
    flux_error_t error;

    hash (data, d);
    return db_store (db, d, 20, data, strlen (data), &error);
}

static int load (struct db *db, const char *data, struct buf *out)
{
    unsigned char d[DIGEST_MAX_SIZE];
    flux_error_t error;

    hash (data, d);
    return db_load (db, d, 20, out, &error);
}

static void checkpoint_of (const char *root, int sequence, char *out, size_t size)
{
    unsigned char d[DIGEST_MAX_SIZE];
    char ref[BLOBREF_MAX_SIZE];

    hash (root, d);
    blobref_encode ("sha1", d, 20, ref);
    snprintf (out, size, "{\"version\":1,\"rootref\":\"%s\",\"sequence\":%d}", ref,
              sequence);
}

/* What the KVS does: a value, a root that names it, a checkpoint. */
static int put (struct db *db, int n, bool sync, size_t size)
{
    char root[64], json[256], *value;
    flux_error_t error;
    int rc = 0;

    value = malloc (size + 64);
    memset (value, 'v', size);
    /* incompressible enough */
    for (size_t i = 0; i < size; i++)
        value[i] = 'a' + random () % 26;
    snprintf (value + size, 64, "value %d", n);
    snprintf (root, sizeof (root), "root %d", n);
    checkpoint_of (root, n, json, sizeof (json));
    if (db_begin (db, sync, &error) < 0) {
        free (value);
        return -1;
    }
    if (store (db, value) < 0 || store (db, root) < 0
        || db_checkpoint_put (db, json, &error) < 0 || db_commit (db, &error) < 0) {
        db_rollback (db, &error);
        rc = -1;
    }
    free (value);
    return rc;
}

static bool has (struct db *db, int n)
{
    struct buf out = BUF_INIT;
    char root[64];
    int rc;

    snprintf (root, sizeof (root), "root %d", n);
    if ((rc = load (db, root, &out)) < 0)
        assert_int_equal (errno, ENOENT);
    buf_fini (&out);
    return rc == 0;
}

static int newest (struct db *db)
{
    struct buf out = BUF_INIT;
    flux_error_t error;
    const char *p;
    int n = 0;

    if (db_checkpoint_get (db, &out, &error) < 0)
        assert_int_equal (errno, ENOENT);
    else if ((p = strstr (out.data, "\"sequence\":")))
        n = atoi (p + 11);
    buf_fini (&out);
    return n;
}

static void test_db (void **state)
{
    flux_error_t error;
    struct db *db = open_kept ();
    struct buf out = BUF_INIT;
    char big[100001], json[256];
    unsigned char d[DIGEST_MAX_SIZE];

    memset (big, 'x', 100000);
    big[100000] = '\0';
    assert_int_equal (db_begin (db, false, &error), 0);
    assert_int_equal (store (db, ""), 0);
    assert_int_equal (store (db, "small"), 0);
    assert_int_equal (store (db, big), 0);
    assert_int_equal (store (db, big), 0);
    assert_int_equal (db_commit (db, &error), 0);
    assert_int_equal (db_begin (db, true, &error), 0);
    assert_int_equal (store (db, "gone"), 0);
    assert_int_equal (db_rollback (db, &error), 0);
    assert_int_equal (load (db, "gone", &out), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (db_checkpoint_get (db, &out, &error), -1);
    assert_int_equal (errno, ENOENT);
    for (int i = 0; i < 8; i++) {
        checkpoint_of ("small", i, json, sizeof (json));
        assert_int_equal (db_checkpoint_put (db, json, &error), 0);
    }
    db_close (db);
    db = open_kept ();
    assert_int_equal (db_count (db), 3);
    assert_int_equal (load (db, "", &out), 0);
    assert_int_equal (out.len, 0);
    assert_int_equal (load (db, "small", &out), 0);
    assert_string_equal (out.data, "small");
    assert_int_equal (load (db, big, &out), 0);
    assert_int_equal (out.len, 100000);
    assert_memory_equal (out.data, big, 100000);
    hash (big, d);
    assert_int_equal (db_validate (db, d, 20, &error), 0);
    hash ("gone", d);
    assert_int_equal (db_validate (db, d, 20, &error), -1);
    assert_int_equal (newest (db), 7);
    assert_true (db_file_size (db) < 100000);
    db_close (db);
    buf_fini (&out);
}

static void refuses (const char *journal_mode, const char *synchronous,
                     const char *text)
{
    struct db_options o = { .journal_mode = journal_mode, .synchronous = synchronous };
    flux_error_t error;

    o.digest = digest;
    assert_null (db_open (path, &o, NULL, &error));
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (error.text, text));
}

static void test_pragmas (void **state)
{
    struct db_options o = { .journal_mode = "delete", .synchronous = "2" };
    flux_error_t error;
    struct db *db;

    refuses ("OFF", NULL, "could not be undone");
    refuses ("WAL;x", NULL, "invalid value");
    refuses ("foo", NULL, "refused by SQLite");
    refuses (NULL, "foo", "refused by SQLite");
    refuses (NULL, "PRETTYPLEASEWITHSUGAR", "invalid value");
    o.digest = digest;
    assert_non_null (db = db_open (path, &o, NULL, &error));
    assert_int_equal (put (db, 1, true, 10), 0);
    db_close (db);
}

static int mode_of (const char *suffix)
{
    struct stat st;
    char s[160];

    snprintf (s, sizeof (s), "%s/content.%s", dir, suffix);
    return stat (s, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

static void test_modes (void **state)
{
    static const mode_t masks[] = { 0, 0777, 022 };
    flux_error_t error;
    struct db *db;

    for (int i = 0; i < 3; i++) {
        mode_t old = umask (masks[i]);

        db = open_kept ();
        umask (masks[i]);
        assert_int_equal (put (db, i, true, 10), 0);
        umask (old);
        assert_int_equal (mode_of ("sqlite"), 0600);
        assert_int_equal (mode_of ("sqlite-wal"), 0600);
        assert_int_equal (mode_of ("sqlite-shm"), -1);
        assert_int_equal (mode_of ("generation"), 0600);
        run ("chmod 644 %s*", path); /* of an older version */
        db_close (db);
        if (i == 1)
            assert_int_equal (db_remove (path, &error), 0);
    }
    run ("ln -s /etc/passwd %s-wal", path);
    assert_null (open_how (true, false, &error));
    assert_non_null (strstr (error.text, "symbolic link"));
    run ("rm %s-wal; mv %s %s/elsewhere; ln -s elsewhere %s", path, path, dir, path);
    assert_null (open_how (true, false, &error));
    assert_non_null (strstr (error.text, "symbolic link"));
    run ("rm %s; mkfifo %s", path, path);
    assert_null (open_how (true, false, &error));
    assert_non_null (strstr (error.text, "not a regular file"));
    if (geteuid () == 0) {
        run ("rm %s; touch %s; chown 65534 %s", path, path, path);
        assert_null (open_how (true, false, &error));
        assert_non_null (strstr (error.text, "another user"));
    }
    run ("rm -rf %s/*", dir);
    run ("ln -s /etc/passwd %s/content.generation", dir);
    assert_null (open_how (true, false, &error));
    assert_non_null (strstr (error.text, "symbolic link"));
    strcpy (path, "/nosuch/dir/content.sqlite");
    assert_null (open_how (true, false, &error));
    assert_int_equal (errno, ENOENT);
}

/* Damage */

static void sql (const char *text)
{
    sqlite3 *conn;
    char *error = NULL;

    assert_int_equal (sqlite3_open (path, &conn), SQLITE_OK);
    if (sqlite3_exec (conn, text, NULL, NULL, &error) != SQLITE_OK)
        fail_msg ("%s: %s", text, error);
    sqlite3_close (conn);
}

static void test_bits (void **state)
{
    struct db *db = open_kept ();
    struct buf out = BUF_INIT;
    flux_error_t error;
    unsigned char d[DIGEST_MAX_SIZE];
    char big[10001];

    memset (big, 'x', 10000);
    big[10000] = '\0';
    assert_int_equal (store (db, "bits"), 0);
    assert_int_equal (store (db, big), 0);
    db_close (db);
    sql ("UPDATE objects SET object=x'62697473ff' WHERE size=-1");
    sql ("UPDATE objects SET size=2000000000 WHERE size>0");
    db = open_kept ();
    hash ("bits", d);
    assert_int_equal (db_load (db, d, 20, &out, &error), -1);
    assert_int_equal (errno, EBADMSG);
    assert_non_null (strstr (error.text, "sha1-"));
    assert_non_null (strstr (error.text, ": damaged"));
    assert_int_equal (load (db, big, &out), -1); /* without 2 GB */
    assert_int_equal (errno, EBADMSG);
    assert_true (out.cap < 10000000);
    db_close (db);
    sql ("UPDATE objects SET size=9999 WHERE size>0");
    db = open_kept ();
    assert_int_equal (load (db, big, &out), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (load (db, "other", &out), -1);
    assert_int_equal (errno, ENOENT);
    db_close (db);
    buf_fini (&out);
}

/* The start is refused, and recovery begins with what is left. */
static void damaged (const char *text, int left)
{
    flux_error_t error;
    struct db *db;

    assert_null (open_how (true, false, &error));
    assert_int_equal (errno, EBADMSG);
    if (!strstr (error.text, text))
        fail_msg ("%s", error.text);
    assert_null (open_how (true, false, &error)); /* still */
    assert_non_null (db = open_how (true, true, &error));
    assert_int_equal (newest (db), left);
    assert_int_equal (put (db, 100, false, 10), 0);
    db_close (db);
    db = open_kept ();
    assert_int_equal (newest (db), 100);
    db_close (db);
}

static void fill_and_crash (void)
{
    struct db *db;

    clear_dir (dir);
    db = open_kept ();
    for (int n = 1; n <= 3; n++)
        assert_int_equal (put (db, n, false, 1000), 0);
    db_close (db);
    db = open_kept ();
    for (int n = 4; n <= 6; n++)
        assert_int_equal (put (db, n, false, 1000), 0);
    close_by_crash (db);
}

static void test_damage (void **state)
{
    struct db *db;

    fill_and_crash ();
    db = open_kept ();
    assert_int_equal (newest (db), 6);
    db_close (db);
    fill_and_crash ();
    run ("rm %s-wal", path);
    damaged ("checkpoints 4 to 6 are lost", 3);
    fill_and_crash ();
    run ("dd if=/dev/urandom of=%s-wal bs=1000 count=20 status=none", path);
    damaged ("checkpoints 4 to 6 are lost", 3);
    fill_and_crash ();
    run (": >%s; rm %s-wal", path, path);
    damaged ("it is empty, but it had checkpoint 6", 0);
    fill_and_crash ();
    run ("rm %s*", path);
    damaged ("it is empty, but it had checkpoint 6", 0);
    fill_and_crash ();
    sql ("DELETE FROM checkpt_v2");
    damaged ("it has blobs and no checkpoint", 0);
    fill_and_crash ();
    sql ("DELETE FROM checkpt_v2 WHERE id = 6");
    damaged ("checkpoints 6 to 6 are lost", 5);
    fill_and_crash ();
    sql ("DELETE FROM objects WHERE object = CAST('root 6' AS BLOB)");
    damaged ("of the newest checkpoint is missing", 5);
    fill_and_crash ();
    sql ("UPDATE objects SET object=x'00' WHERE object = CAST('root 6' AS BLOB)");
    damaged ("of the newest checkpoint is damaged", 5);
    fill_and_crash ();
    sql ("UPDATE checkpt_v2 SET value='nonsense' WHERE id=6");
    damaged ("names no root", 5);
    /* Without a record, of an older version. */
    fill_and_crash ();
    run ("rm %s/content.generation", dir);
    db = open_kept ();
    assert_int_equal (newest (db), 6);
    db_close (db);
    fill_and_crash ();
    sql ("DELETE FROM checkpt_v2; DELETE FROM sqlite_sequence");
    run ("rm %s/content.generation", dir);
    damaged ("it has blobs and no checkpoint", 0);
    fill_and_crash ();
    run ("rm %s* %s/content.generation; : >%s", path, dir, path);
    damaged ("it is empty", 0);
    run ("echo foo >%s/content.generation", dir);
    assert_null (open_how (true, false, &(flux_error_t){ "" }));
}

/* After a boot a checkpoint that was not synced may be gone. */
static void test_boot (void **state)
{
    struct db *db;

    fill_and_crash ();
    run ("sed -i 's/^boot .*/boot another/' %s/content.generation", dir);
    run ("rm %s-wal", path);
    db = open_kept ();
    assert_int_equal (newest (db), 3);
    assert_int_equal (put (db, 7, true, 10), 0);
    close_by_crash (db);
    run ("rm %s-wal", path);
    run ("sed -i 's/^boot .*/boot another/' %s/content.generation", dir);
    damaged ("checkpoints 4 to 4 are lost", 3);
}

/* A file that ends with the instance is not looked at. */
static void test_unkept (void **state)
{
    flux_error_t error;
    struct db *db;

    clear_dir (dir);
    faultvfs_arm (&faults, FAULT_CUT, 0, 0);
    assert_non_null (db = open_how (false, false, &error));
    assert_int_equal (put (db, 1, true, 1000), 0);
    /* Nothing is synced where nothing is kept. */
    assert_int_equal (faults.syncs, 0);
    db_close (db);
    assert_int_equal (mode_of ("generation"), -1);
}

/* Each system call made to fail, in turn */

struct outcome {
    bool acked[64];
    int doubtful; /* has no answer: the log could not be cut behind it */
    int calls;
};

/* The store at this moment, as kill -9 would leave it, opened elsewhere. */
static void check_copy (const struct outcome *o, int n, const char *when)
{
    char saved[128], copy[160];
    struct db *db;
    int last = 0;

    strcpy (saved, path);
    snprintf (copy, sizeof (copy), "%s/copy", dir);
    copy_files (dir, copy);
    snprintf (path, sizeof (path), "%.100s/content.sqlite", copy);
    faults.at = 0;
    db = open_kept ();
    for (int i = 1; i <= n; i++) {
        if (i == o->doubtful)
            continue;
        if (has (db, i) != o->acked[i])
            fail_msg ("%s: fault %d: %d is %s", when, o->calls, i,
                      o->acked[i] ? "lost" : "there, though refused");
        if (o->acked[i])
            last = i;
    }
    if (!o->doubtful || newest (db) != o->doubtful)
        assert_int_equal (newest (db), last);
    db_close (db);
    strcpy (path, saved);
}

/* Puts, some of them synced, while the k-th call (and `count` in all) fails;
 * then the disk is well again. False if the fault was never reached. */
static bool sweep_once (enum fault_kind kind, int k, int count)
{
    struct outcome o = { .calls = k };
    flux_error_t error;
    struct db *db;
    bool reached;
    int n = 0;

    clear_dir (dir);
    faultvfs_arm (&faults, kind, 0, 0);
    db = open_kept ();
    faultvfs_arm (&faults, kind, k, count);
    for (int i = 0; i < 6; i++) {
        n++;
        o.acked[n] = put (db, n, i % 2, i == 3 ? 60000 : 3000) == 0;
        if (!db_in_doubt (db))
            o.doubtful = 0;
        else if (!o.doubtful)
            o.doubtful = n;
    }
    reached = faults.failed > 0;
    assert_true (kind == FAULT_EIO || !o.doubtful);
    check_copy (&o, n, "during the failure");
    faults.at = 0;
    assert_int_equal (db_settle (db, &error), 0);
    o.doubtful = 0;
    check_copy (&o, n, "when the log is cut");
    for (int i = 0; i < 2; i++) {
        n++;
        o.acked[n] = put (db, n, i % 2, 1000) == 0;
        assert_true (o.acked[n]); /* it goes on by itself */
    }
    check_copy (&o, n, "after the failure");
    db_close (db);
    db = open_kept ();
    for (int i = 1; i <= n; i++)
        assert_int_equal (has (db, i), o.acked[i]);
    db_close (db);
    return reached;
}

static void sweep (enum fault_kind kind, int count, int step)
{
    int k = 1;

    while (sweep_once (kind, k, count))
        k += step;
    assert_true (k > (kind == FAULT_CUT ? 3 : 20));
}

static void test_sweep_enospc (void **state)
{
    sweep (FAULT_ENOSPC, 1, 1);
    sweep (FAULT_ENOSPC, INT_MAX, 5);
}

static void test_sweep_eio (void **state)
{
    sweep (FAULT_EIO, 1, 2);
    sweep (FAULT_EIO, INT_MAX, 5);
}

static void test_sweep_short (void **state)
{
    sweep (FAULT_SHORT, 1, 3);
    sweep (FAULT_SHORT, 3, 5);
}

static void test_sweep_cut (void **state)
{
    sweep (FAULT_CUT, 1, 1);
    sweep (FAULT_CUT, 2, 1);
    sweep (FAULT_CUT, INT_MAX, 1);
}

/* Opening fails, or does not; nothing is lost either way. */
static void test_sweep_open (void **state)
{
    flux_error_t error;
    struct db *db;
    bool reached = true;

    for (int k = 1; reached; k++) {
        fill_and_crash ();
        faultvfs_arm (&faults, FAULT_EIO, k, 1);
        db = open_how (true, false, &error);
        reached = faults.failed > 0;
        db_close (db);
        faults.at = 0;
        db = open_kept ();
        assert_int_equal (newest (db), 6);
        for (int n = 1; n <= 6; n++)
            assert_true (has (db, n));
        db_close (db);
    }
}

static off_t log_size (void)
{
    struct stat st;
    char s[160];

    snprintf (s, sizeof (s), "%s-wal", path);
    return stat (s, &st) == 0 ? st.st_size : 0;
}

/* What was acknowledged, and nothing else, is there after a kill at the end. */
static int put_and_crash (struct db *db, int from, int count, bool *acked)
{
    for (int n = from; n < from + count; n++) {
        acked[n] = put (db, n, n % 64 == 0, 30000) == 0;
        assert_true (log_size () < 60 << 20);
    }
    while (db_in_doubt (db)) {
        faults.at = 0; /* it is answered when that is settled */
        assert_int_equal (db_settle (db, NULL), 0);
    }
    faults.at = 0;
    assert_true (db->mover || faults.failed > 0);
    if (db->mover)
        (void)mover_moved (db->mover, HUGE_VAL);
    close_by_crash (db);
    db = open_kept ();
    for (int n = 1; n < from + count; n++)
        assert_int_equal (has (db, n), acked[n]);
    db_close (db);
    return from + count;
}

/* The log moves beside the writer, who never writes more than a bound. */
static void test_mover (void **state)
{
    bool acked[1800] = { false };
    struct db *db;

    with_mover = true;
    db = open_kept ();
    assert_int_equal (mode_of ("sqlite-shm"), 0600);
    put_and_crash (db, 1, 1700, acked);
    for (int n = 1; n <= 1700; n++)
        assert_true (acked[n]);
    with_mover = false;
}

static void test_mover_faults (void **state)
{
    static const enum fault_kind kinds[] = { FAULT_ENOSPC, FAULT_EIO, FAULT_SHORT,
                                             FAULT_CUT };
    bool acked[4096] = { false };
    int n = 1, failed = 0;

    with_mover = true;
    for (int i = 0; i < 8; i++) {
        struct db *db = open_kept ();

        faultvfs_arm (&faults, kinds[i % 4],
                      1 + random () % (kinds[i % 4] == FAULT_CUT ? 12 : 9000),
                      1 + random () % 20);
        n = put_and_crash (db, n, 320, acked);
        failed += faults.failed;
    }
    assert_true (failed > 0);
    with_mover = false;
}

/* The disk does not take what was moved of a log that went on meanwhile. Whether it
 * begins anew, or the store is closed, what it had is on the disk. */
static void lose_moved (bool closed)
{
    char disk[160];
    sqlite3 *reader;
    struct db *db;

    make_path (disk, sizeof (disk), "disk");
    faults.disk = open (disk, O_RDWR | O_CREAT | O_TRUNC, 0600);
    db = open_kept ();
    assert_non_null (db->mover = mover_create (path, FAULTVFS));
    for (int n = 1; n <= 20; n++)
        assert_int_equal (put (db, n, false, 3000), 0);
    /* who reads, as who writes meanwhile, keeps the mover from the rest */
    assert_int_equal (sqlite3_open_v2 (path, &reader, SQLITE_OPEN_READWRITE, FAULTVFS),
                      SQLITE_OK);
    assert_int_equal (
        sqlite3_exec (reader, "BEGIN; SELECT COUNT(1) FROM objects", NULL, NULL, NULL),
        SQLITE_OK);
    for (int n = 21; n <= 40; n++)
        assert_int_equal (put (db, n, false, 3000), 0);
    faultvfs_arm (&faults, FAULT_UNSYNCED, 1, 1);
    db_tidy (db);
    (void)mover_moved (db->mover, HUGE_VAL);
    assert_int_equal (faults.failed, 1);
    sqlite3_close (reader);
    if (closed)
        db_close (db);
    else {
        db_tidy (db);
        (void)mover_moved (db->mover, HUGE_VAL);
        assert_int_equal (put (db, 41, true, 3000), 0);
        assert_true (db->frames < 20); /* it began anew */
        close_by_crash (db);
    }
    copy_file (disk, path); /* and the power fails */
    close (faults.disk);
    faults.disk = 0;
    db = open_kept ();
    for (int n = 1; n <= (closed ? 40 : 41); n++)
        assert_true (has (db, n));
    db_close (db);
}

static void test_mover_unsynced (void **state)
{
    with_mover = true;
    lose_moved (false);
    clear_dir (dir);
    lose_moved (true);
    with_mover = false;
}

static void put_another (void *db)
{
    assert_int_equal (put (db, 100, false, 3000), 0);
}

/* The writer goes on while the log is moved: it is the mover who waits for the database, and
 * little is left for the writer to wait for. */
static void test_mover_syncs (void **state)
{
    char disk[160];
    struct db *db;

    with_mover = true;
    make_path (disk, sizeof (disk), "disk");
    faults.disk = open (disk, O_RDWR | O_CREAT | O_TRUNC, 0600);
    db = open_kept ();
    assert_non_null (db->mover = mover_create (path, FAULTVFS));
    for (int n = 1; n <= 20; n++)
        assert_int_equal (put (db, n, false, 3000), 0);
    faults.at_write = put_another;
    faults.at_write_arg = db;
    mover_begin (db->mover);
    assert_true (mover_moved (db->mover, HUGE_VAL) > 20);
    assert_null (faults.at_write); /* it was called */
    assert_int_equal (faultvfs_unsynced (), 0);
    assert_true (has (db, 20) && has (db, 100));
    db_close (db);
    close (faults.disk);
    faults.disk = 0;
    with_mover = false;
}

/* What is not known of a log that began anew is asked before something can fail. */
static void test_salt (void **state)
{
    struct db *db = open_kept ();

    assert_int_equal (put (db, 1, false, 3000), 0);
    db_tidy (db);
    faultvfs_arm (&faults, FAULT_SALT, 1, 1);
    assert_int_equal (put (db, 2, true, 3000), 0);
    assert_int_equal (faults.failed, 1);
    faultvfs_arm (&faults, FAULT_ENOSPC, 2, 1);
    assert_int_equal (put (db, 3, true, 3000), -1);
    assert_int_equal (faults.failed, 1);
    faults.at = 0;
    close_by_crash (db);
    db = open_kept ();
    assert_true (has (db, 1));
    assert_true (has (db, 2));
    assert_false (has (db, 3));
    db_close (db);
}

/* One that has it keeps others out, though it has no lock for itself alone. */
static void test_one_instance (void **state)
{
    flux_error_t error;
    struct db *db;

    for (int i = 0; i < 2; i++) {
        with_mover = i == 0;
        db = open_kept ();
        with_mover = i == 1;
        assert_null (open_how (true, false, &error));
        assert_non_null (strstr (error.text, "another instance uses it"));
        db_close (db);
    }
    with_mover = false;
}

static int cached_bytes (struct db *db)
{
    int now = 0, high;

    sqlite3_db_status (db->conn, SQLITE_DBSTATUS_CACHE_USED, &now, &high, 0);
    return now;
}

/* What is kept for quick answers goes while nobody asks; nothing else does. */
static void test_rest (void **state)
{
    struct db *db = open_kept ();
    int used;

    for (int n = 1; n <= 100; n++)
        assert_int_equal (put (db, n, false, 3000), 0);
    used = cached_bytes (db);
    assert_true (used > 200 * 1024);
    db_rest (db);
    assert_true (cached_bytes (db) < used / 8);
    assert_null (db->lz.data);
    for (int n = 1; n <= 100; n++)
        assert_true (has (db, n));
    assert_int_equal (put (db, 101, true, 3000), 0);
    db_rest (db);
    assert_int_equal (newest (db), 101);
    db_close (db);
}

#define unit_test_in_dir(f) cmocka_unit_test_setup_teardown (f, enter_dir, leave_dir)

int main (void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_dir (test_db),           unit_test_in_dir (test_pragmas),
        unit_test_in_dir (test_modes),        unit_test_in_dir (test_bits),
        unit_test_in_dir (test_damage),       unit_test_in_dir (test_boot),
        unit_test_in_dir (test_unkept),       unit_test_in_dir (test_sweep_enospc),
        unit_test_in_dir (test_sweep_eio),    unit_test_in_dir (test_sweep_short),
        unit_test_in_dir (test_sweep_open),   unit_test_in_dir (test_sweep_cut),
        unit_test_in_dir (test_rest),         unit_test_in_dir (test_mover),
        unit_test_in_dir (test_mover_faults), unit_test_in_dir (test_mover_unsynced),
        unit_test_in_dir (test_mover_syncs),  unit_test_in_dir (test_one_instance),
        unit_test_in_dir (test_salt),
    };
    int rc;

    faultvfs_init (&faults);
    digest = digest_create ("sha1");
    rc = cmocka_run_group_tests (tests, NULL, NULL);
    digest_destroy (digest);
    return rc;
}
