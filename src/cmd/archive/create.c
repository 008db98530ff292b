/* flux archive create.
 *
 * Small files are part of the archive, others are stored in blobs (or, with --mmap, named
 * to the content module of rank 0, which reads them when they are asked for). The archive
 * is committed when all of it is stored; until then nothing that was there has changed. */
#include "cmd/archive/archive.h"
#include "cmd/archive/tree.h"

#include "base/buf.h"
#include "base/encode.h"
#include "core/handle/take.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define DIGEST_MAX 32
#define MAPPED_CHUNK_MAX (64 * 1024 * 1024) /* what content takes */

struct optparse_option archive_create_opts[] = {
    ARCHIVE_NAME_OPTION,
    { .name = "overwrite", .usage = "Replace an archive of this name" },
    { .name = "append", .usage = "Add to an archive of this name" },
    ARCHIVE_DIR_OPTION,
    ARCHIVE_NS_OPTION,
    { .name = "preserve",
      .usage = "Keep the blobs as long as the archive (the default)" },
    { .name = "verbose",
      .key = 'v',
      .has_arg = 2,
      .arginfo = "LEVEL",
      .usage = "List files on standard error as they are stored" },
    { .name = "chunksize",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Size of blobs, 0: unlimited (default: 1M)" },
    { .name = "small-file-threshold",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Files up to this size are part of the archive (default: 1K)" },
    { .name = "mmap",
      .usage = "Leave large files where they are, for rank 0 to read on demand" },
    OPTPARSE_TABLE_END,
};

/* A blob that is being stored: its name goes into the region. */
struct pending {
    flux_future_t *f;
    json_t *region;
    size_t size;
    const char *path;
};

struct create {
    optparse_t *p;
    const char *hash;
    char *key, *blobs_key;
    size_t chunk, small;
    bool mmap;
    int64_t session; /* of --mmap */
    json_t *files;
    json_t *blobs; /* blobrefs of what is stored */
    struct pending pending[ARCHIVE_WINDOW];
    int first, count;
    size_t bytes; /* of pending */
    struct bar *bar;
};

/* What was mapped so far would be named by nobody. */
__attribute__ ((format (printf, 2, 3), noreturn)) static void
fail (struct create *c, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    bar_destroy (c->bar);
    if (c->mmap)
        archive_unmap (archive_name (c->p), c->session, 0);
    cmd_die ("%s", text);
}

/* --- blobs --- */

static void settle_one (struct create *c)
{
    struct pending *b = &c->pending[c->first];
    char ref[16 + 2 * DIGEST_MAX + 1];
    const void *digest;
    size_t len;
    int n;

    if (flux_rpc_get_raw (b->f, &digest, &len) < 0) {
        if (errno == ENODATA)
            fail (c, "%s: changed while it was archived", b->path);
        fail (c, "%s: %s", b->path, cmd_future_error (b->f));
    }
    if (len > DIGEST_MAX)
        fail (c, "%s: %s", b->path, strerror (EPROTO));
    n = snprintf (ref, sizeof (ref) - 2 * len, "%s-", c->hash);
    hex_encode (ref + n, digest, len);
    json_array_append_new (b->region, json_string (ref));
    if (!c->mmap)
        json_array_append_new (c->blobs, json_string (ref));
    bar_add (c->bar, b->size);
    c->bytes -= b->size;
    flux_future_destroy (b->f);
    c->first = (c->first + 1) % ARCHIVE_WINDOW;
    c->count--;
}

static void settle (struct create *c)
{
    while (c->count > 0)
        settle_one (c);
}

static flux_future_t *map_region (struct create *c, const char *source, int64_t offset,
                                  size_t size)
{
    char *path = realpath (source, NULL);
    flux_future_t *f = NULL;

    if (path)
        f = flux_rpc_pack (cmd_open (), "content.mmap-add", 0, 0,
                           "{s:s s:I s:s s:I s:I}", "tag", archive_name (c->p),
                           "session", (json_int_t)c->session, "path", path, "offset",
                           (json_int_t)offset, "size", (json_int_t)size);
    free (path);
    return f;
}

static ssize_t read_at (int fd, char *data, size_t len, int64_t offset)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread (fd, data + done, len - done, offset + done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += n;
    }
    return done;
}

static flux_future_t *store_region (struct create *c, int fd, const char *source,
                                    int64_t offset, size_t size)
{
    struct buf b = BUF_INIT;
    flux_future_t *f;
    ssize_t n;

    if (buf_reserve (&b, size) < 0)
        fail (c, "out of memory");
    if ((n = read_at (fd, b.data, size, offset)) < 0)
        fail (c, "%s: read: %s", source, strerror (errno));
    if ((size_t)n != size)
        fail (c, "%s: changed while it was archived", source);
    b.len = size;
    b.data[size] = '\0';
    f = rpc_take (cmd_open (), "content.store", &b, FLUX_NODEID_ANY, 0);
    buf_fini (&b);
    return f;
}

static void add_region (struct create *c, int fd, const char *source, json_t *regions,
                        int64_t offset, size_t size)
{
    json_t *region = json_pack ("[I, I]", (json_int_t)offset, (json_int_t)size);
    struct pending *b;

    while (c->count == ARCHIVE_WINDOW
           || (c->count > 0 && c->bytes + size > ARCHIVE_WINDOW_BYTES))
        settle_one (c);
    b = &c->pending[(c->first + c->count) % ARCHIVE_WINDOW];
    *b = (struct pending){ .region = region, .size = size, .path = source };
    b->f = c->mmap ? map_region (c, source, offset, size)
                   : store_region (c, fd, source, offset, size);
    if (!b->f || !region || json_array_append_new (regions, region) < 0)
        fail (c, "%s: %s", source, strerror (errno));
    c->count++;
    c->bytes += size;
}

/* From one hole to the next. */
static void add_extent (struct create *c, int fd, const char *source, json_t *regions,
                        int64_t start, int64_t end)
{
    size_t chunk = c->chunk;

    if (c->mmap && chunk > MAPPED_CHUNK_MAX)
        chunk = MAPPED_CHUNK_MAX;
    while (start < end) {
        int64_t size = end - start < (int64_t)chunk ? end - start : (int64_t)chunk;

        add_region (c, fd, source, regions, start, size);
        start += size;
    }
}

static json_t *add_regions (struct create *c, int fd, const struct tree_file *file)
{
    json_t *regions = json_array ();
    int64_t end = 0, start, size = file->st.st_size;

    while (end < size) {
        start = lseek (fd, end, SEEK_DATA);
        if (start < 0 && errno == ENXIO)
            break; /* a hole up to the end */
        if (start < 0)
            start = end;
        end = lseek (fd, start, SEEK_HOLE);
        if (end < 0 || end > size)
            end = size;
        if (end <= start)
            break;
        add_extent (c, fd, file->source, regions, start, end);
    }
    return regions;
}

/* --- files --- */

static void add_small (struct create *c, int fd, const struct tree_file *file,
                       json_t *o)
{
    size_t size = file->st.st_size;
    char *data = malloc (size + 1), *text;
    ssize_t n = data ? read_at (fd, data, size, 0) : -1;

    if (n < 0)
        fail (c, "%s: read: %s", file->source, strerror (errno));
    if ((size_t)n != size)
        fail (c, "%s: changed while it was archived", file->source);
    data[size] = '\0';
    if (utf8_valid (data, size) && !memchr (data, '\0', size)) {
        json_object_set_new (o, "encoding", json_string ("utf-8"));
        json_object_set_new (o, "data", json_stringn (data, size));
    } else {
        if (!(text = malloc (base64_encoded_size (size))))
            fail (c, "out of memory");
        base64_encode (text, data, size);
        json_object_set_new (o, "encoding", json_string ("base64"));
        json_object_set_new (o, "data", json_string (text));
        free (text);
    }
    bar_add (c->bar, size);
    free (data);
}

static void add_content (struct create *c, const struct tree_file *file, json_t *o)
{
    int fd = open (file->source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    json_t *regions;

    if (fd < 0)
        fail (c, "%s: %s", file->source, strerror (errno));
    if (file->st.st_size > 0 && (size_t)file->st.st_size <= c->small) {
        add_small (c, fd, file, o);
    } else {
        regions = add_regions (c, fd, file);
        if (json_array_size (regions) > 0) {
            json_object_set_new (o, "encoding", json_string ("blobvec"));
            json_object_set (o, "data", regions);
        }
        json_decref (regions);
    }
    json_object_set_new (o, "size", json_integer (file->st.st_size));
    close (fd);
}

static void add_link (struct create *c, const struct tree_file *file, json_t *o)
{
    char target[PATH_MAX + 1];
    ssize_t n = readlink (file->source, target, sizeof (target) - 1);
    json_t *data;

    if (n < 0)
        fail (c, "%s: readlink: %s", file->source, strerror (errno));
    target[n] = '\0';
    if (!(data = json_string (target)))
        fail (c, "%s: it leads to a name that is no UTF-8", file->source);
    json_object_set_new (o, "data", data);
}

static void add_file (struct create *c, const struct tree_file *file)
{
    json_t *o = json_object (), *path = json_string (file->path);

    if (!o || !path)
        fail (c, "%s: its name is no UTF-8", file->source);
    json_object_set_new (o, "path", path);
    if (S_ISREG (file->st.st_mode))
        add_content (c, file, o);
    else if (S_ISLNK (file->st.st_mode))
        add_link (c, file, o);
    json_object_set_new (o, "mtime", json_integer (file->st.st_mtime));
    json_object_set_new (o, "ctime", json_integer (file->st.st_ctime));
    if (json_object_set_new (o, "mode", json_integer (file->st.st_mode)) < 0
        || json_array_append_new (c->files, o) < 0)
        fail (c, "out of memory");
    if (optparse_hasopt (c->p, "verbose"))
        archive_say (stderr, file->path);
}

/* --- the archive that is there --- */

static json_t *load_array (struct create *c, const char *key, int flags)
{
    flux_future_t *f = flux_kvs_lookup (cmd_open (), archive_ns (c->p), flags, key);
    json_t *o = NULL;
    const char *s;

    if (!f || flux_future_get (f, NULL) < 0) {
        if (!f || errno != ENOENT)
            cmd_die ("KVS lookup %s: %s", key, cmd_future_error (f));
    } else if (!(flags & FLUX_KVS_TREEOBJ)) {
        o = archive_parse (key, f);
    } else if (flux_kvs_lookup_get_treeobj (f, &s) < 0
               || !(o = json_loads (s, 0, NULL))) {
        cmd_die ("KVS lookup %s: %s", key, cmd_future_error (f));
    }
    flux_future_destroy (f);
    return o;
}

/* The newer of two files of one name is in the archive. */
static void drop_replaced (json_t *old, const struct tree *t)
{
    json_t *names = json_object (), *o;

    for (size_t i = 0; i < t->count; i++)
        json_object_set_new (names, t->file[i].path, json_true ());
    for (size_t i = json_array_size (old); i-- > 0;) {
        const char *path;

        o = json_array_get (old, i);
        path = json_string_value (json_object_get (o, "path"));
        if (path && json_object_get (names, path))
            json_array_remove (old, i);
    }
    json_decref (names);
}

static void find_old (struct create *c, const struct tree *t)
{
    bool append = optparse_hasopt (c->p, "append");
    json_t *old = NULL, *blobs;

    if (append) {
        if ((old = load_array (c, c->key, 0)))
            drop_replaced (old, t);
        if ((blobs = load_array (c, c->blobs_key, FLUX_KVS_TREEOBJ))) {
            json_array_extend (c->blobs, json_object_get (blobs, "data"));
            json_decref (blobs);
        }
    } else if (!optparse_hasopt (c->p, "overwrite")
               && (old = load_array (c, c->key, FLUX_KVS_TREEOBJ))) {
        cmd_die ("%s: key exists", c->key);
    }
    c->files = old ? old : json_array ();
}

/* --- all of it --- */

static void commit (struct create *c)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char *text = json_dumps (c->files, JSON_COMPACT), *blobs = NULL;
    json_t *o;
    flux_future_t *f = NULL;
    int rc;

    if (!txn || !text)
        fail (c, "out of memory");
    rc = flux_kvs_txn_put (txn, 0, c->key, text);
    if (rc == 0 && json_array_size (c->blobs) > 0) {
        o = json_pack ("{s:O s:s s:i}", "data", c->blobs, "type", "valref", "ver", 1);
        blobs = json_dumps (o, JSON_COMPACT);
        json_decref (o);
        rc = blobs ? flux_kvs_txn_put_treeobj (txn, 0, c->blobs_key, blobs) : -1;
    } else if (rc == 0) {
        rc = flux_kvs_txn_unlink (txn, 0, c->blobs_key);
    }
    if (rc < 0 || !(f = flux_kvs_commit (cmd_open (), archive_ns (c->p), 0, txn))
        || flux_future_get (f, NULL) < 0)
        fail (c, "%s: %s", c->key, cmd_future_error (f));
    flux_future_destroy (f);
    flux_kvs_txn_destroy (txn);
    free (blobs);
    free (text);
}

static size_t size_option (optparse_t *p, const char *name, const char *dflt)
{
    uint64_t n = optparse_get_size_int (p, name, dflt);

    if (n > INT_MAX)
        cmd_die ("--%s=%s: must be at most %d", name, optparse_get_str (p, name, ""),
                 INT_MAX);
    return n;
}

static void check_options (struct create *c)
{
    optparse_t *p = c->p;
    uint32_t rank;

    if (optparse_hasopt (p, "overwrite") && optparse_hasopt (p, "append"))
        cmd_die ("--overwrite and --append cannot be used together");
    if (c->mmap && optparse_hasopt (p, "preserve"))
        cmd_die ("--mmap cannot work with --preserve");
    if (c->mmap && optparse_hasopt (p, "no-force-primary"))
        cmd_die ("--mmap cannot work with --no-force-primary");
    if (c->mmap && (flux_get_rank (cmd_open (), &rank) < 0 || rank != 0))
        cmd_die ("--mmap only works on rank 0");
    c->chunk = size_option (p, "chunksize", "1M");
    c->small = size_option (p, "small-file-threshold", "1K");
    if (c->chunk == 0)
        c->chunk = INT_MAX;
}

static void init (struct create *c, optparse_t *p)
{
    memset (c, 0, sizeof (*c));
    c->p = p;
    c->mmap = optparse_hasopt (p, "mmap");
    check_options (c);
    if (!(c->hash = flux_attr_get (cmd_open (), "content.hash")))
        c->hash = "sha1";
    c->key = archive_key (p, "");
    c->blobs_key = archive_key (p, "_blobs");
    if (!(c->blobs = json_array ()))
        cmd_die ("out of memory");
    while (c->session <= 0)
        if (getrandom (&c->session, sizeof (c->session), 0) < 0)
            cmd_die ("getrandom: %s", strerror (errno));
        else
            c->session &= INT64_MAX;
}

static void find_files (struct tree *t, int argc, char **argv)
{
    char *where;

    for (int i = 0; i < argc; i++) {
        if (tree_add (t, argv[i], &where) == 0)
            continue;
        if (errno == ENOTSUP)
            cmd_die ("%s: unsupported file type", where);
        if (errno == EINVAL)
            cmd_die ("%s: a name in an archive has no '..' (use --directory)", argv[i]);
        cmd_die ("%s: %s", where ? where : argv[i], strerror (errno));
    }
}

static int64_t total_size (const struct tree *t)
{
    int64_t total = 0;

    for (size_t i = 0; i < t->count; i++)
        if (S_ISREG (t->file[i].st.st_mode))
            total += t->file[i].st.st_size;
    return total;
}

int archive_create (optparse_t *p, int argc, char **argv)
{
    struct tree t = { NULL, 0 };
    struct create c;
    int i = optparse_option_index (p);

    if (i == argc)
        optparse_fatal_usage (p, 1, NULL);
    init (&c, p);
    archive_chdir (p);
    find_files (&t, argc - i, argv + i);
    find_old (&c, &t);
    if (!optparse_hasopt (p, "verbose"))
        c.bar = bar_create ("archive", total_size (&t));
    for (size_t n = 0; n < t.count; n++)
        add_file (&c, &t.file[n]);
    settle (&c);
    commit (&c);
    if (!optparse_hasopt (p, "no-force-primary") && !optparse_hasopt (p, "append"))
        archive_unmap (archive_name (p), 0, c.session);
    bar_destroy (c.bar);
    tree_fini (&t);
    json_decref (c.files);
    json_decref (c.blobs);
    free (c.key);
    free (c.blobs_key);
    return 0;
}
