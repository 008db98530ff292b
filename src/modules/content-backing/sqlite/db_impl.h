/* The database: db.c stores and loads, db_open.c opens, db_log.c keeps the write-ahead log
 * to what was committed, db_collect.c collects. This is what they share. */
#ifndef CONTENT_SQLITE_DB_IMPL_H
#define CONTENT_SQLITE_DB_IMPL_H

#include "generation.h"

#include "modules/content-backing/db.h"

#include <lz4.h>
#include <sqlite3.h>

struct marks;
struct mover;

struct db {
    sqlite3 *conn;
    sqlite3_stmt *store, *load, *validate, *put, *get, *trim, *begin, *commit,
        *rollback;
    struct digest *digest;
    struct buf lz; /* scratch */
    LZ4_stream_t lz4;
    struct generation generation;
    char synchronous[16]; /* of transactions that are not synced */
    bool kept, recovery;
    bool wal;
    bool full;      /* synchronous=FULL for the transaction */
    int64_t put_id; /* checkpoint of the transaction, or 0 */
    int frames;     /* of the log, all committed */
    char salt[8];   /* of the log */
    bool unsalted;  /* it could not be read */
    bool tainted;   /* the log has more than that */
    int page_size;
    bool shared;         /* a second connection may be there: no exclusive lock */
    struct mover *mover; /* NULL: not yet, or who writes moves the log */
    const char *vfs;
    struct marks *marks; /* NULL: no collection */
    sqlite3_stmt *find, *scan, *drop;
};

/* -1, with errno and *error of what SQLite said last. */
int db_fail (struct db *db, flux_error_t *error, const char *what);
/* Statements without rows. */
int db_run_sql (struct db *db, const char *sql, flux_error_t *error);
int db_run (struct db *db, sqlite3_stmt *stmt, flux_error_t *error, const char *what);
/* The first column of the first row, or -1. */
int64_t db_query (struct db *db, const char *sql);
/* A hook of SQLite's: `frames` are in the log. */
int db_committed (void *arg, sqlite3 *conn, const char *name, int frames);
/* After a commit: the log does not grow for ever. */
void db_bound_log (struct db *db);
/* After what is under way. */
void db_end_mover (struct db *db);
/* Before a transaction: -1: what it leaves in the log could not be told from the rest. */
int db_know_log (struct db *db, flux_error_t *error);
/* Off the log with what was not committed. */
int db_cut_log (struct db *db, flux_error_t *error);
/* The blob that was just stored is to be kept. */
int db_mark_stored (struct db *db, const void *digest, size_t digest_size,
                    flux_error_t *error);

#endif
