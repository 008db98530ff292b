#include "faultvfs.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    bool is_db;
};

#define PAGE 4096
#define PAGES_MAX 4096

static struct faults *faults;
static bool unsynced[PAGES_MAX]; /* of the database */
static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;

static sqlite3_file *real_of (sqlite3_file *f)
{
    return ((struct file *)f)->real;
}

static bool strikes (void)
{
    int k = ++faults->calls;

    if (faults->at == 0 || k < faults->at || faults->failed >= faults->count)
        return false;
    faults->failed++;
    return true;
}

static int do_close (sqlite3_file *f)
{
    return real_of (f)->pMethods ? real_of (f)->pMethods->xClose (real_of (f))
                                 : SQLITE_OK;
}

static int do_read (sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    if (faults->kind == FAULT_SALT && n == 8 && at == 16 && strikes ())
        return SQLITE_IOERR_READ;
    return real_of (f)->pMethods->xRead (real_of (f), p, n, at);
}

static void tell_of_write (void)
{
    void (*cb) (void *arg) = faults->at_write;

    faults->at_write = NULL;
    if (cb)
        cb (faults->at_write_arg);
}

static int do_write (sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (((struct file *)f)->is_db)
        tell_of_write ();
    if (((struct file *)f)->is_db && faults->disk)
        for (sqlite3_int64 i = at / PAGE; i * PAGE < at + n && i < PAGES_MAX; i++)
            unsynced[i] = true;
    if (faults->kind == FAULT_CUT || faults->kind == FAULT_UNSYNCED
        || faults->kind == FAULT_SALT || !strikes ())
        return real_of (f)->pMethods->xWrite (real_of (f), p, n, at);
    if (faults->kind == FAULT_SHORT)
        real_of (f)->pMethods->xWrite (real_of (f), p, n / 2, at);
    return faults->kind == FAULT_ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int do_truncate (sqlite3_file *f, sqlite3_int64 size)
{
    if ((faults->kind == FAULT_EIO || faults->kind == FAULT_CUT) && strikes ())
        return SQLITE_IOERR_TRUNCATE;
    return real_of (f)->pMethods->xTruncate (real_of (f), size);
}

/* What waited is on the disk, or is lost. */
static void settle_pages (sqlite3_file *f, bool lost)
{
    char data[PAGE];

    for (int i = 0; i < PAGES_MAX; i++) {
        if (unsynced[i] && !lost
            && (real_of (f)->pMethods->xRead (real_of (f), data, PAGE,
                                              (sqlite3_int64)i * PAGE)
                    != SQLITE_OK
                || pwrite (faults->disk, data, PAGE, (off_t)i * PAGE) != PAGE))
            abort ();
        unsynced[i] = false;
    }
}

static int sync_db (sqlite3_file *f)
{
    bool lost = faults->kind == FAULT_UNSYNCED && strikes ();

    settle_pages (f, lost);
    return lost ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int do_sync (sqlite3_file *f, int flags)
{
    faults->syncs++;
    if (((struct file *)f)->is_db && faults->disk)
        return sync_db (f);
    if (faults->kind == FAULT_UNSYNCED || faults->kind == FAULT_SALT)
        return SQLITE_OK;
    /* The tests do not cut the power: nothing need reach the disk. */
    return strikes () ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int do_size (sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of (f)->pMethods->xFileSize (real_of (f), size);
}

static int do_lock (sqlite3_file *f, int level)
{
    return real_of (f)->pMethods->xLock (real_of (f), level);
}

static int do_unlock (sqlite3_file *f, int level)
{
    return real_of (f)->pMethods->xUnlock (real_of (f), level);
}

static int do_check_lock (sqlite3_file *f, int *out)
{
    return real_of (f)->pMethods->xCheckReservedLock (real_of (f), out);
}

static int do_control (sqlite3_file *f, int op, void *arg)
{
    return real_of (f)->pMethods->xFileControl (real_of (f), op, arg);
}

static int do_sector (sqlite3_file *f)
{
    return real_of (f)->pMethods->xSectorSize (real_of (f));
}

static int do_device (sqlite3_file *f)
{
    return real_of (f)->pMethods->xDeviceCharacteristics (real_of (f));
}

static int do_shm_map (sqlite3_file *f, int page, int size, int extend,
                       void volatile **out)
{
    return real_of (f)->pMethods->xShmMap (real_of (f), page, size, extend, out);
}

static int do_shm_lock (sqlite3_file *f, int offset, int n, int flags)
{
    return real_of (f)->pMethods->xShmLock (real_of (f), offset, n, flags);
}

static void do_shm_barrier (sqlite3_file *f)
{
    real_of (f)->pMethods->xShmBarrier (real_of (f));
}

static int do_shm_unmap (sqlite3_file *f, int remove)
{
    return real_of (f)->pMethods->xShmUnmap (real_of (f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = do_close,
    .xRead = do_read,
    .xWrite = do_write,
    .xTruncate = do_truncate,
    .xSync = do_sync,
    .xFileSize = do_size,
    .xLock = do_lock,
    .xUnlock = do_unlock,
    .xCheckReservedLock = do_check_lock,
    .xFileControl = do_control,
    .xSectorSize = do_sector,
    .xDeviceCharacteristics = do_device,
    .xShmMap = do_shm_map,
    .xShmLock = do_shm_lock,
    .xShmBarrier = do_shm_barrier,
    .xShmUnmap = do_shm_unmap,
};

static int do_open (sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *file,
                    int flags, int *out)
{
    struct file *f = (struct file *)file;
    int rc;

    memset (f, 0, vfs.szOsFile);
    f->real = (sqlite3_file *)(f + 1);
    f->is_db = flags & SQLITE_OPEN_MAIN_DB;
    if ((flags & SQLITE_OPEN_CREATE) && strikes ())
        return SQLITE_CANTOPEN;
    if ((rc = real_vfs->xOpen (real_vfs, name, f->real, flags, out)) == SQLITE_OK)
        f->base.pMethods = &methods;
    return rc;
}

void faultvfs_init (struct faults *f)
{
    faults = f;
    memset (f, 0, sizeof (*f));
    if (real_vfs)
        return;
    real_vfs = sqlite3_vfs_find (NULL);
    vfs = *real_vfs;
    vfs.zName = FAULTVFS;
    vfs.szOsFile = sizeof (struct file) + real_vfs->szOsFile;
    vfs.xOpen = do_open;
    vfs.pNext = NULL;
    sqlite3_vfs_register (&vfs, 0);
}

int faultvfs_unsynced (void)
{
    int n = 0;

    for (int i = 0; i < PAGES_MAX; i++)
        n += unsynced[i];
    return n;
}

void faultvfs_arm (struct faults *f, enum fault_kind kind, int at, int count)
{
    f->kind = kind;
    f->at = at;
    f->count = count;
    f->calls = f->failed = f->syncs = 0;
}
