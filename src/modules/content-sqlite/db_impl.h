/* What db.c and db_collect.c share. */
#ifndef CONTENT_SQLITE_DB_IMPL_H
#define CONTENT_SQLITE_DB_IMPL_H

#include "db.h"
#include "generation.h"

#include <sqlite3.h>

struct marks;

struct db {
    sqlite3 *conn;
    sqlite3_stmt *store, *load, *validate, *put, *get, *trim, *begin, *commit,
        *rollback;
    struct digest *digest;
    struct buf lz; /* scratch */
    struct generation generation;
    char synchronous[16]; /* of transactions that are not synced */
    bool kept, recovery;
    bool wal;
    bool full;      /* synchronous=FULL for the transaction */
    int64_t put_id; /* checkpoint of the transaction, or 0 */
    int frames;     /* of the log, all committed */
    char salt[8];   /* of the log */
    bool tainted;   /* the log has more than that */
    int page_size;
    struct marks *marks; /* NULL: no collection */
    sqlite3_stmt *find, *scan, *drop;
};

/* -1, with errno and *error of what SQLite said last. */
int db_fail (struct db *db, flux_error_t *error, const char *what);
/* A statement without rows. */
int db_run (struct db *db, sqlite3_stmt *stmt, flux_error_t *error, const char *what);
/* The first column of the first row, or -1. */
int64_t db_query (struct db *db, const char *sql);
/* The blob that was just stored is to be kept. */
int db_mark_stored (struct db *db, const void *digest, size_t digest_size,
                    flux_error_t *error);

#endif
