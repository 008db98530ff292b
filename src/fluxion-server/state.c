#include "fluxion-server/state.h"

#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME_MAX 160
/* A journal shorter than that is not worth a snapshot. */
#define JOURNAL_MIN (1 << 20)

struct state {
    char *path;
    int dir, lock;
};

struct journal {
    struct state *st;
    char *name;
    uint64_t number;
    int fd;
    uint64_t size, snapshot_size;
    bool failed;
    pthread_mutex_t sync_lock;
    uint64_t synced;
};

struct state *state_open (const char *path, flux_error_t *error)
{
    struct state *st = calloc (1, sizeof (*st));

    if (!st || !(st->path = strdup (path))) {
        free (st);
        error_fail (error, ENOMEM, "%s: out of memory", path);
        return NULL;
    }
    st->dir = st->lock = -1;
    if ((mkdir (path, 0700) < 0 && errno != EEXIST)
        || (st->dir = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0
        || (st->lock = openat (st->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600))
               < 0)
        error_fail (error, errno, "%s: %s", path, strerror (errno));
    else if (flock (st->lock, LOCK_EX | LOCK_NB) < 0)
        error_fail (error, errno, "%s: %s", path,
                    errno == EWOULDBLOCK ? "another server uses it" : strerror (errno));
    else
        return st;
    state_close (st);
    return NULL;
}

void state_close (struct state *st)
{
    int saved = errno;

    if (!st)
        return;
    if (st->lock >= 0)
        close (st->lock);
    if (st->dir >= 0)
        close (st->dir);
    free (st->path);
    free (st);
    errno = saved;
}

const char *state_path (const struct state *st)
{
    return st->path;
}

/* The file is there as a whole, or as it was before. Returns its size, or -1. */
static ssize_t replace (struct state *st, const char *name, json_t *content)
{
    char *text = json_dumps (content, JSON_COMPACT);
    ssize_t len = text ? strlen (text) : 0;
    int fd = -1;

    if (!text)
        errno = ENOMEM;
    else if ((fd = openat (st->dir, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                           0600))
             >= 0) {
        int rc = fd_write_all (fd, text, len);
        if (rc == 0)
            rc = fsync (fd);
        if (close (fd) < 0 || rc < 0 || renameat (st->dir, "new", st->dir, name) < 0
            || fsync (st->dir) < 0)
            fd = -1;
    }
    free (text);
    return fd < 0 ? -1 : len;
}

/* NULL with *error; ENOENT: there is none. */
static json_t *load (struct state *st, const char *name, flux_error_t *error)
{
    int fd = openat (st->dir, name, O_RDONLY | O_CLOEXEC);
    json_t *o = NULL;
    json_error_t e;
    char *text;
    size_t len;

    if (fd < 0 || !(text = fd_read_all (fd, &len))) {
        error_fail (error, errno, "%s/%s: %s", st->path, name, strerror (errno));
        if (fd >= 0)
            close (fd);
        return NULL;
    }
    close (fd);
    if (!(o = json_loadb (text, len, JSON_ALLOW_NUL, &e)))
        error_fail (error, EINVAL, "%s/%s: %s", st->path, name, e.text);
    free (text);
    return o;
}

int state_counters (struct state *st, uint64_t *epoch, int64_t *jobid,
                    flux_error_t *error)
{
    json_int_t e, j;
    json_t *o;

    *epoch = *jobid = 0;
    if (!(o = load (st, "counters.json", error)))
        return errno == ENOENT ? 0 : -1;
    int rc = json_unpack (o, "{s:I s:I}", "epoch", &e, "jobid", &j);
    json_decref (o);
    if (rc < 0 || e < 0 || j < 0)
        return error_invalid (error, "%s/counters.json: no epoch, or no jobid",
                              st->path);
    *epoch = e;
    *jobid = j;
    return 0;
}

int state_set_counters (struct state *st, uint64_t epoch, int64_t jobid)
{
    json_t *o =
        json_pack ("{s:I s:I}", "epoch", (json_int_t)epoch, "jobid", (json_int_t)jobid);
    ssize_t rc = o ? replace (st, "counters.json", o) : -1;

    json_decref (o);
    return rc < 0 ? -1 : 0;
}

json_t *state_graphs (struct state *st, flux_error_t *error)
{
    struct dirent **entry = NULL;
    json_t *names = json_array ();
    int n = scandirat (st->dir, ".", &entry, NULL, alphasort);

    if (n < 0)
        error_fail (error, errno, "%s: %s", st->path, strerror (errno));
    for (int i = 0; i < n; i++) {
        size_t len = strlen (entry[i]->d_name);
        if (len > 6 && strcmp (entry[i]->d_name + len - 6, ".graph") == 0)
            json_array_append_new (names, json_stringn (entry[i]->d_name, len - 6));
        free (entry[i]);
    }
    free (entry);
    if (n >= 0)
        return names;
    json_decref (names);
    return NULL;
}

static void snapshot_name (const char *name, char file[FILE_NAME_MAX])
{
    snprintf (file, FILE_NAME_MAX, "%s.graph", name);
}

static void journal_name (const struct journal *j, uint64_t number,
                          char file[FILE_NAME_MAX])
{
    snprintf (file, FILE_NAME_MAX, "%s.%llu.journal", j->name,
              (unsigned long long)number);
}

static struct journal *journal_new (struct state *st, const char *name)
{
    struct journal *j = calloc (1, sizeof (*j));

    if (!j || !(j->name = strdup (name))) {
        free (j);
        return NULL;
    }
    j->st = st;
    j->fd = -1;
    pthread_mutex_init (&j->sync_lock, NULL);
    return j;
}

void journal_close (struct journal *j)
{
    int saved = errno;

    if (!j)
        return;
    if (j->fd >= 0)
        close (j->fd);
    pthread_mutex_destroy (&j->sync_lock);
    free (j->name);
    free (j);
    errno = saved;
}

static void remove_journal (struct journal *j, uint64_t number)
{
    char file[FILE_NAME_MAX];

    journal_name (j, number, file);
    unlinkat (j->st->dir, file, 0);
}

/* The new journal is there, empty, before the snapshot names it. */
int journal_renew (struct journal *j, json_t *snapshot)
{
    uint64_t number = j->number + 1;
    char file[FILE_NAME_MAX];
    ssize_t size = -1;
    int fd;

    journal_name (j, number, file);
    fd = openat (j->st->dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
                 0600);
    if (fd < 0)
        return -1;
    snapshot_name (j->name, file);
    if (json_object_set_new (snapshot, "journal", json_integer (number)) < 0
        || (size = replace (j->st, file, snapshot)) < 0) {
        int saved = errno;
        close (fd);
        remove_journal (j, number);
        errno = saved;
        return -1;
    }
    pthread_mutex_lock (&j->sync_lock);
    if (j->fd >= 0)
        close (j->fd);
    remove_journal (j, j->number);
    j->fd = fd;
    j->number = number;
    j->size = j->synced = 0;
    j->snapshot_size = size;
    j->failed = false;
    pthread_mutex_unlock (&j->sync_lock);
    return 0;
}

/* The number of the journal of a graph that is to be replaced; 0: none. */
static uint64_t last_number (struct state *st, const char *name)
{
    char file[FILE_NAME_MAX];
    flux_error_t error;

    snapshot_name (name, file);
    json_t *old = load (st, file, &error);
    uint64_t number = json_integer_value (json_object_get (old, "journal"));
    json_decref (old);
    return number;
}

struct journal *journal_create (struct state *st, const char *name, json_t *snapshot)
{
    struct journal *j = journal_new (st, name);

    if (!j)
        return NULL;
    j->number = last_number (st, name);
    if (journal_renew (j, snapshot) < 0) {
        journal_close (j);
        return NULL;
    }
    return j;
}

/* Lines up to the last whole one. */
static json_t *parse_lines (struct journal *j, const char *text, size_t len,
                            const char *file, flux_error_t *error)
{
    json_t *changes = json_array (), *change;
    const char *end;
    json_error_t e;

    for (int line = 1; (end = memchr (text, '\n', len)); line++) {
        if (!(change = json_loadb (text, end - text, JSON_ALLOW_NUL, &e))
            || json_array_append_new (changes, change) < 0) {
            error_fail (error, EINVAL, "%s/%s:%d: %s", j->st->path, file, line, e.text);
            json_decref (changes);
            return NULL;
        }
        j->size += end + 1 - text;
        len -= end + 1 - text;
        text = end + 1;
    }
    return changes;
}

/* What is after the last whole line is cut off. */
static json_t *read_journal (struct journal *j, flux_error_t *error)
{
    char file[FILE_NAME_MAX];
    json_t *changes = NULL;
    char *text = NULL;
    size_t len;

    journal_name (j, j->number, file);
    j->fd = openat (j->st->dir, file, O_RDWR | O_APPEND | O_CLOEXEC);
    if (j->fd < 0 || !(text = fd_read_all (j->fd, &len))) {
        error_fail (error, errno, "%s/%s: %s", j->st->path, file, strerror (errno));
        return NULL;
    }
    changes = parse_lines (j, text, len, file, error);
    if (changes && ftruncate (j->fd, j->size) < 0) {
        error_fail (error, errno, "%s/%s: %s", j->st->path, file, strerror (errno));
        json_decref (changes);
        changes = NULL;
    }
    free (text);
    return changes;
}

struct journal *journal_load (struct state *st, const char *name, json_t **snapshot,
                              json_t **changes, flux_error_t *error)
{
    struct journal *j = journal_new (st, name);
    char file[FILE_NAME_MAX];
    json_int_t number;

    if (!j) {
        error_fail (error, ENOMEM, "%s: out of memory", name);
        return NULL;
    }
    snapshot_name (name, file);
    if (!(*snapshot = load (st, file, error))) {
        journal_close (j);
        return NULL;
    }
    if (json_unpack (*snapshot, "{s:I}", "journal", &number) < 0)
        error_invalid (error, "%s/%s: no number of a journal", st->path, file);
    else {
        j->number = number;
        if ((*changes = read_journal (j, error)))
            return j;
    }
    json_decref (*snapshot);
    journal_close (j);
    return NULL;
}

int journal_remove (struct journal *j)
{
    char file[FILE_NAME_MAX];

    snapshot_name (j->name, file);
    if (unlinkat (j->st->dir, file, 0) < 0 || fsync (j->st->dir) < 0)
        return -1;
    remove_journal (j, j->number);
    return 0;
}

int journal_add (struct journal *j, json_t *change)
{
    char *text = j->failed ? NULL : json_dumps (change, JSON_COMPACT);
    size_t len = text ? strlen (text) : 0;
    int rc = -1;

    if (j->failed)
        errno = EIO;
    else if (!text)
        errno = ENOMEM;
    else {
        text[len] = '\n'; /* in the place of the NUL */
        rc = fd_write_all (j->fd, text, len + 1);
        if (rc == 0)
            __atomic_store_n (&j->size, j->size + len + 1, __ATOMIC_RELEASE);
        else
            j->failed = true;
    }
    free (text);
    return rc;
}

int journal_sync (struct journal *j)
{
    int rc = 0;

    pthread_mutex_lock (&j->sync_lock);
    uint64_t size = __atomic_load_n (&j->size, __ATOMIC_ACQUIRE);
    /* Whoever had the lock before may have done it for all that wait. */
    if (j->synced < size && (rc = fdatasync (j->fd)) == 0)
        j->synced = size;
    pthread_mutex_unlock (&j->sync_lock);
    return rc;
}

bool journal_is_long (const struct journal *j)
{
    return j->size > JOURNAL_MIN && j->size > 2 * j->snapshot_size;
}
