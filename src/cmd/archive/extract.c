/* flux archive extract.
 *
 * All that is to be extracted is looked at first: a name or link that leads out of the
 * directory is a line, and nothing is written. Then files come one after the other,
 * and their blobs a few at a time. No symbolic link is followed, whoever made it.
 * Directories get their modes and times when all is in them. */
#include "cmd/archive/archive.h"

#include "base/encode.h"
#include "base/file.h"
#include "base/hashmap.h"
#include "base/sort.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGEST_MAX 64
/* Each rank has so many bytes on their way to it; brokers between hold them. */
#define EXTRACT_WINDOW_BYTES (1 * 1024 * 1024)

struct optparse_option archive_extract_opts[] = {
    { .name = "list-only", .key = 't', .usage = "List the files, extract none" },
    ARCHIVE_NAME_OPTION,
    ARCHIVE_DIR_OPTION,
    { .name = "verbose",
      .key = 'v',
      .has_arg = 2,
      .arginfo = "LEVEL",
      .usage = "List files on standard error as they are extracted" },
    { .name = "overwrite", .usage = "Replace existing files" },
    { .name = "waitcreate",
      .has_arg = 2,
      .arginfo = "FSD",
      .usage = "Wait for the archive to exist (so long at most)" },
    ARCHIVE_NS_OPTION,
    OPTPARSE_TABLE_END,
};

struct extract {
    optparse_t *p;
    char *key;
    bool overwrite;
    int root; /* the directory */
    struct fileref *files;
    size_t count;
    struct fileref *dirs;
    size_t dir_count;
    struct hashmap *created; /* paths of directories that were not there */
    struct bar *bar;
    /* The file that is being written, at last under its name. */
    int parent;
    char temp[32]; /* "": it has its own name */
    const char *base;
};

/* A file that is not complete is none. */
__attribute__ ((format (printf, 2, 3), noreturn)) static void
fail (struct extract *x, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    bar_destroy (x->bar);
    if (x->base)
        unlinkat (x->parent, *x->temp ? x->temp : x->base, 0);
    cmd_die ("%s", text);
}

/* --- the archive --- */

/* Who is told that an archive exists finds it here. */
static void catch_up (optparse_t *p)
{
    const char *ns = archive_ns (p);
    flux_future_t *f;
    uint32_t rank;
    int seq;

    if (flux_get_rank (cmd_open (), &rank) < 0 || rank == 0)
        return;
    if (!ns && !(ns = getenv ("FLUX_KVS_NAMESPACE")))
        ns = KVS_PRIMARY_NAMESPACE;
    if (!(f = flux_rpc_pack (cmd_open (), "kvs.getroot", 0, 0, "{s:s}", "namespace",
                             ns))
        || flux_kvs_getroot_get_sequence (f, &seq) < 0
        || flux_kvs_wait_version (cmd_open (), ns, seq) < 0)
        cmd_die ("KVS version of %s: %s", ns, cmd_future_error (f));
    flux_future_destroy (f);
}

static json_t *load_archive (struct extract *x)
{
    int flags = optparse_hasopt (x->p, "waitcreate") ? FLUX_KVS_WAITCREATE : 0;
    const char *fsd = optparse_get_str (x->p, "waitcreate", NULL);
    double timeout = fsd ? optparse_get_duration (x->p, "waitcreate", -1.) : -1.;
    flux_future_t *f;
    json_t *files;

    catch_up (x->p);
    if (!(f = flux_kvs_lookup (cmd_open (), archive_ns (x->p), flags, x->key)))
        cmd_die ("KVS lookup %s: %s", x->key, strerror (errno));
    if (flux_future_wait_for (f, timeout) < 0 && errno == ETIMEDOUT)
        cmd_die ("%s: key was not created within timeout window", x->key);
    files = archive_parse (x->key, f);
    flux_future_destroy (f);
    return files;
}

static void check (struct extract *x, const struct fileref *f)
{
    if (f->content == FILEREF_LINK && !fileref_link_ok (f->path, f->text))
        fail (x, "%s: refused: a symbolic link to %s, which may be outside", f->path,
              f->text);
}

static void select_files (struct extract *x, const json_t *files, const char *pattern)
{
    size_t index;
    json_t *o;

    if (!(x->files = calloc (json_array_size (files) + 1, sizeof (*x->files)))
        || !(x->dirs = calloc (json_array_size (files) + 1, sizeof (*x->dirs)))
        || !(x->created = hashmap_create (NULL)))
        fail (x, "out of memory");
    json_array_foreach (files, index, o) {
        struct fileref *f = &x->files[x->count];

        archive_decode (x->key, o, f);
        if (!archive_matches (pattern, f->path))
            continue;
        check (x, f);
        x->count++;
    }
}

/* --- directories --- */

/* A directory that is there, or is made, on no way over a link. dir: its path; path:
 * of what it is for. */
static int enter (struct extract *x, int at, const char *name, const char *dir,
                  const char *path)
{
    bool created = mkdirat (at, name, 0777) == 0;
    int fd;

    if (!created && errno != EEXIST)
        fail (x, "%s: mkdir: %s", path, strerror (errno));
    if (created && hashmap_insert (x->created, dir, x) < 0)
        fail (x, "out of memory");
    fd = openat (at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        fail (x, "%s: %s is in the way: %s", path, name,
              errno == ELOOP || errno == ENOTDIR ? "it is no directory"
                                                 : strerror (errno));
    return fd;
}

/* The directory of a file; *base is its name there. */
static int open_parent (struct extract *x, const char *path, const char **base)
{
    char *copy = strdup (path), *pos = copy, *slash;
    int fd = fcntl (x->root, F_DUPFD_CLOEXEC, 3);

    if (!copy || fd < 0)
        fail (x, "%s: %s", path, strerror (errno));
    while ((slash = strchr (pos, '/'))) {
        int next;

        *slash = '\0';
        next = enter (x, fd, pos, copy, path);
        close (fd);
        fd = next;
        *slash = '/';
        pos = slash + 1;
    }
    *base = path + (pos - copy);
    free (copy);
    return fd;
}

static void set_times (int fd, const char *name, const struct fileref *f)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = f->mtime } };

    if (f->mtime < 0)
        return;
    /* Not all file systems can. */
    if (name)
        (void)utimensat (fd, name, times, AT_SYMLINK_NOFOLLOW);
    else
        (void)futimens (fd, times);
}

static int open_dir (struct extract *x, const char *path)
{
    const char *base;
    int parent = open_parent (x, path, &base);
    int fd = enter (x, parent, base, path, path);

    close (parent);
    return fd;
}

static void extract_dir (struct extract *x, const struct fileref *f)
{
    close (open_dir (x, f->path));
    x->dirs[x->dir_count++] = *f;
}

static int by_path_reversed (const void *a, const void *b)
{
    return strcmp (((const struct fileref *)b)->path,
                   ((const struct fileref *)a)->path);
}

/* Those below before those above, which may then be closed. */
static void finish_dirs (struct extract *x)
{
    sort_array (x->dirs, x->dir_count, sizeof (*x->dirs), by_path_reversed);
    for (size_t i = 0; i < x->dir_count; i++) {
        const struct fileref *f = &x->dirs[i];
        int fd;

        if (!x->overwrite && !hashmap_lookup (x->created, f->path))
            continue;
        fd = open_dir (x, f->path);
        if (fchmod (fd, f->mode & 07777) < 0)
            fail (x, "%s: chmod: %s", f->path, strerror (errno));
        set_times (fd, NULL, f);
        close (fd);
    }
}

/* --- files --- */

__attribute__ ((noreturn)) static void refuse (struct extract *x,
                                               const struct fileref *f, int errnum)
{
    if (errnum == EEXIST)
        fail (x, "%s: write: Attempt to overwrite existing file", f->path);
    fail (x, "%s: %s", f->path, strerror (errnum));
}

/* With --overwrite what was there stays until the new file is complete. */
static void begin (struct extract *x, const struct fileref *f)
{
    const char *base;

    x->parent = open_parent (x, f->path, &base);
    x->temp[0] = '\0';
    if (x->overwrite)
        snprintf (x->temp, sizeof (x->temp), ".flux-archive-%d", (int)getpid ());
    x->base = base;
}

static void finish (struct extract *x, const struct fileref *f)
{
    if (*x->temp && renameat (x->parent, x->temp, x->parent, x->base) < 0)
        refuse (x, f, errno);
    close (x->parent);
    x->base = NULL;
}

static const char *name_of (const struct extract *x)
{
    return *x->temp ? x->temp : x->base;
}

static int create_file (struct extract *x, const struct fileref *f)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd, errnum;

    begin (x, f);
    if (*x->temp)
        unlinkat (x->parent, x->temp, 0);
    if ((fd = openat (x->parent, name_of (x), flags, 0600)) >= 0)
        return fd;
    /* It is not ours to remove. */
    errnum = errno;
    x->base = NULL;
    refuse (x, f, errnum);
}

static flux_future_t *load_blob (struct extract *x, const struct fileref *f,
                                 const struct fileref_region *r)
{
    unsigned char digest[DIGEST_MAX];
    const char *hex = strchr (r->blobref, '-') + 1;
    size_t len = strlen (hex);
    flux_future_t *future;

    if (hex_decode (digest, hex, len) < 0)
        fail (x, "%s: %s: no blobref", f->path, r->blobref);
    if (!(future = flux_rpc_raw (cmd_open (), "content.load", digest, len / 2,
                                 FLUX_NODEID_ANY, 0)))
        fail (x, "%s: %s", f->path, strerror (errno));
    return future;
}

static void write_blob (struct extract *x, const struct fileref *f, int fd,
                        const struct fileref_region *r, flux_future_t *future)
{
    const void *data;
    size_t len;

    if (flux_rpc_get_raw (future, &data, &len) < 0)
        fail (x, "%s: %s", f->path, cmd_future_error (future));
    if (len != (size_t)r->size)
        fail (x, "%s: %s: it has %zu bytes instead of %lld", f->path, r->blobref, len,
              (long long)r->size);
    if (lseek (fd, r->offset, SEEK_SET) < 0 || fd_write_all (fd, data, len) < 0)
        fail (x, "%s: write: %s", f->path, strerror (errno));
    flux_future_destroy (future);
    bar_add (x->bar, len);
}

static void write_blobs (struct extract *x, const struct fileref *f, int fd)
{
    size_t count = fileref_region_count (f), asked = 0, done = 0;
    flux_future_t *futures[ARCHIVE_WINDOW];
    struct fileref_region r;
    int64_t bytes = 0;

    while (done < count) {
        while (asked < count && asked - done < ARCHIVE_WINDOW
               && (asked == done || bytes < EXTRACT_WINDOW_BYTES)) {
            fileref_region (f, asked, &r);
            futures[asked % ARCHIVE_WINDOW] = load_blob (x, f, &r);
            bytes += r.size;
            asked++;
        }
        fileref_region (f, done, &r);
        write_blob (x, f, fd, &r, futures[done % ARCHIVE_WINDOW]);
        bytes -= r.size;
        done++;
    }
}

static void write_bytes (struct extract *x, const struct fileref *f, int fd)
{
    size_t len;
    char *bytes = fileref_bytes (f, &len);

    if (!bytes)
        fail (x, "%s: its data is not what it should be", f->path);
    if (fd_write_all (fd, bytes, len) < 0)
        fail (x, "%s: write: %s", f->path, strerror (errno));
    bar_add (x->bar, len);
    free (bytes);
}

static void extract_file (struct extract *x, const struct fileref *f)
{
    int fd = create_file (x, f);

    if (f->content == FILEREF_BLOBVEC)
        write_blobs (x, f, fd);
    else if (f->content != FILEREF_NONE)
        write_bytes (x, f, fd);
    if (f->content != FILEREF_JSON && ftruncate (fd, f->size) < 0)
        fail (x, "%s: truncate: %s", f->path, strerror (errno));
    if (fchmod (fd, f->mode & 07777) < 0)
        fail (x, "%s: chmod: %s", f->path, strerror (errno));
    set_times (fd, NULL, f);
    if (close (fd) < 0)
        fail (x, "%s: write: %s", f->path, strerror (errno));
    finish (x, f);
}

static void extract_link (struct extract *x, const struct fileref *f)
{
    begin (x, f);
    if (*x->temp)
        unlinkat (x->parent, x->temp, 0);
    if (symlinkat (f->text, x->parent, name_of (x)) < 0) {
        x->base = NULL;
        refuse (x, f, errno);
    }
    set_times (x->parent, name_of (x), f);
    finish (x, f);
}

static int64_t total_size (const struct extract *x)
{
    struct fileref_region r;
    int64_t total = 0;

    for (size_t i = 0; i < x->count; i++) {
        const struct fileref *f = &x->files[i];

        for (size_t n = 0;
             f->content == FILEREF_BLOBVEC && n < fileref_region_count (f); n++) {
            fileref_region (f, n, &r);
            total += r.size;
        }
        if (f->content == FILEREF_TEXT || f->content == FILEREF_BASE64)
            total += f->size;
    }
    return total;
}

static void extract_all (struct extract *x)
{
    bool verbose = optparse_hasopt (x->p, "verbose");

    if (!verbose)
        x->bar = bar_create ("extract", total_size (x));
    for (size_t i = 0; i < x->count; i++) {
        const struct fileref *f = &x->files[i];

        if (S_ISDIR (f->mode))
            extract_dir (x, f);
        else if (S_ISLNK (f->mode))
            extract_link (x, f);
        else
            extract_file (x, f);
        if (verbose)
            archive_say (stderr, f->path);
    }
    finish_dirs (x);
    bar_destroy (x->bar);
}

int archive_extract (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *pattern = i < argc ? argv[i] : NULL;
    struct extract x = { .p = p, .parent = -1 };
    json_t *files;

    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    x.key = archive_key (p, "");
    x.overwrite = optparse_hasopt (p, "overwrite");
    archive_chdir (p);
    if ((x.root = open (".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        cmd_die ("open .: %s", strerror (errno));
    files = load_archive (&x);
    select_files (&x, files, pattern);
    if (pattern && x.count == 0)
        cmd_warn ("No files matched pattern '%s'", pattern);
    if (optparse_hasopt (p, "list-only")) {
        for (size_t n = 0; n < x.count; n++)
            archive_say (stdout, x.files[n].path);
    } else {
        extract_all (&x);
    }
    json_decref (files);
    free (x.files);
    free (x.dirs);
    hashmap_destroy (x.created);
    free (x.key);
    close (x.root);
    return 0;
}
