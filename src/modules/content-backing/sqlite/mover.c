#include "mover.h"

#include "base/clock.h"
#include "base/os/thread.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>

struct mover {
    sqlite3 *conn; /* of the thread */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool wanted, end; /* wanted: until it is done */
    int moved;
    bool lost;
};

/* SQLite waits for the database only where that was all of the log, and who writes has gone
 * on meanwhile: what is there by now need not be waited for when it is. That it fails is told
 * once; then what was to be written counts as written, though it is not. */
static bool sync_database (struct mover *m)
{
    sqlite3_file *f = NULL;

    return sqlite3_file_control (m->conn, "main", SQLITE_FCNTL_FILE_POINTER, &f)
               != SQLITE_OK
           || !f || !f->pMethods
           || f->pMethods->xSync (f, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY)
                  == SQLITE_OK;
}

/* Frames moved; -1: they are lost. */
static int move (struct mover *m)
{
    int frames = 0, moved = 0;

    if (sqlite3_wal_checkpoint_v2 (m->conn, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames,
                                   &moved)
            != SQLITE_OK
        || moved < 0)
        return 0;
    return sync_database (m) ? moved : -1;
}

static void *run (void *arg)
{
    struct mover *m = arg;
    int moved;

    pthread_mutex_lock (&m->lock);
    while (!m->end) {
        if (!m->wanted) {
            pthread_cond_wait (&m->changed, &m->lock);
            continue;
        }
        if (!m->lost) {
            pthread_mutex_unlock (&m->lock);
            moved = move (m);
            pthread_mutex_lock (&m->lock);
            m->lost = moved < 0;
            m->moved = m->lost ? 0 : moved;
        }
        m->wanted = false;
        pthread_cond_broadcast (&m->changed);
    }
    pthread_mutex_unlock (&m->lock);
    return NULL;
}

static bool open_conn (struct mover *m, const char *path, const char *vfs)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW;

    return sqlite3_open_v2 (path, &m->conn, flags, vfs) == SQLITE_OK
           && sqlite3_exec (m->conn,
                            "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0;"
                            "PRAGMA cache_size=-100; SELECT 1 FROM objects LIMIT 1",
                            NULL, NULL, NULL)
                  == SQLITE_OK;
}

struct mover *mover_create (const char *path, const char *vfs)
{
    struct mover *m = calloc (1, sizeof (*m));
    int saved_errno;

    if (!m)
        return NULL;
    pthread_mutex_init (&m->lock, NULL);
    pthread_cond_init (&m->changed, NULL);
    errno = EIO;
    if (open_conn (m, path, vfs) && thread_start (&m->thread, 0, run, m) == 0)
        return m;
    saved_errno = errno;
    sqlite3_close (m->conn);
    free (m);
    errno = saved_errno;
    return NULL;
}

void mover_destroy (struct mover *m)
{
    if (!m)
        return;
    pthread_mutex_lock (&m->lock);
    m->end = true;
    pthread_cond_broadcast (&m->changed);
    pthread_mutex_unlock (&m->lock);
    pthread_join (m->thread, NULL);
    sqlite3_close (m->conn);
    pthread_cond_destroy (&m->changed);
    pthread_mutex_destroy (&m->lock);
    free (m);
}

void mover_begin (struct mover *m)
{
    pthread_mutex_lock (&m->lock);
    m->wanted = true;
    pthread_cond_broadcast (&m->changed);
    pthread_mutex_unlock (&m->lock);
}

/* Until it is done, or the time is over. */
static void wait_for (struct mover *m, double seconds)
{
    struct timespec end;

    if (isinf (seconds)) {
        while (m->wanted)
            pthread_cond_wait (&m->changed, &m->lock);
        return;
    }
    seconds += clock_monotonic ();
    end.tv_sec = seconds;
    end.tv_nsec = (seconds - end.tv_sec) * 1e9;
    while (m->wanted
           && pthread_cond_clockwait (&m->changed, &m->lock, CLOCK_MONOTONIC, &end)
                  == 0)
        ;
}

int mover_moved (struct mover *m, double seconds)
{
    int moved;

    pthread_mutex_lock (&m->lock);
    if (m->wanted && seconds > 0.)
        wait_for (m, seconds);
    moved = m->wanted ? -1 : m->moved;
    pthread_mutex_unlock (&m->lock);
    return moved;
}

bool mover_lost (struct mover *m)
{
    bool lost;

    pthread_mutex_lock (&m->lock);
    lost = m->lost;
    pthread_mutex_unlock (&m->lock);
    return lost;
}

void mover_forget (struct mover *m)
{
    pthread_mutex_lock (&m->lock);
    m->moved = 0;
    m->lost = false;
    pthread_mutex_unlock (&m->lock);
}
