/* What a bare SQLite does: blobs into one table, so many in a transaction.
 *
 * usage: bench-sqlite FILE SECONDS BATCH LENGTH. Prints blobs per second. */
#include <sqlite3.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static sqlite3 *db;

static void run (const char *sql)
{
    if (sqlite3_exec (db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf (stderr, "bench-sqlite: %s: %s\n", sql, sqlite3_errmsg (db));
        exit (1);
    }
}

static double now (void)
{
    struct timespec ts;

    clock_gettime (CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

int main (int argc, char *argv[])
{
    int batch = argc > 4 ? atoi (argv[3]) : 0, len = argc > 4 ? atoi (argv[4]) : 0;
    unsigned char hash[20] = { 0 }, *blob;
    sqlite3_stmt *stmt;
    uint64_t count = 0;
    double start;

    if (batch < 1 || len < 1 || !(blob = malloc (len))) {
        fprintf (stderr, "usage: bench-sqlite FILE SECONDS BATCH LENGTH\n");
        return 1;
    }
    memset (blob, 'x', len);
    if (sqlite3_open (argv[1], &db) != SQLITE_OK)
        return 1;
    run ("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; "
         "CREATE TABLE objects (hash BLOB PRIMARY KEY, size INT, object BLOB)");
    if (sqlite3_prepare_v2 (db, "INSERT INTO objects VALUES (?,?,?)", -1, &stmt, NULL)
        != SQLITE_OK)
        return 1;
    for (start = now (); now () < start + atof (argv[2]);) {
        run ("BEGIN");
        for (int i = 0; i < batch; i++, count++) {
            uint64_t key = count * 0x9e3779b97f4a7c15;

            memcpy (hash, &key, sizeof (key));
            sqlite3_bind_blob (stmt, 1, hash, sizeof (hash), SQLITE_STATIC);
            sqlite3_bind_int (stmt, 2, len);
            sqlite3_bind_blob (stmt, 3, blob, len, SQLITE_STATIC);
            if (sqlite3_step (stmt) != SQLITE_DONE)
                return 1;
            sqlite3_reset (stmt);
        }
        run ("COMMIT");
    }
    printf ("%.1f\n", count / (now () - start));
    sqlite3_finalize (stmt);
    sqlite3_close (db);
    free (blob);
    return 0;
}
