/* Tests only: an SQLite VFS whose k-th system call fails. */
#ifndef CONTENT_SQLITE_FAULTVFS_H
#define CONTENT_SQLITE_FAULTVFS_H

#include <stdatomic.h>
#include <stdbool.h>

enum fault_kind {
    FAULT_ENOSPC,   /* a write or a truncation to more */
    FAULT_EIO,      /* any */
    FAULT_SHORT,    /* a write of half of its bytes, then EIO */
    FAULT_CUT,      /* a sync or a truncation; writes are good */
    FAULT_UNSYNCED, /* a sync of the database: what it waited for never gets to the disk,
                     * though it can be read and the next sync is good */
    FAULT_SALT,     /* a read of what tells a log from the one before it */
};

struct faults {
    enum fault_kind kind;
    int at;           /* the k-th call fails, from 1; 0: none */
    int count;        /* and so many in all; INT_MAX: the disk stays bad */
    atomic_int calls; /* seen */
    atomic_int failed;
    atomic_int syncs; /* since it was armed */
    int disk;         /* 0, or a file that gets what was synced of the database */
    void (*at_write) (void *arg); /* called once, at the next write to the database */
    void *at_write_arg;
};

#define FAULTVFS "fault"

/* Registered once; then *f rules all files that are opened by FAULTVFS. */
void faultvfs_init (struct faults *f);
void faultvfs_arm (struct faults *f, enum fault_kind kind, int at, int count);
/* Pages of the database that were written since they were synced; with a disk alone. */
int faultvfs_unsynced (void);

#endif
