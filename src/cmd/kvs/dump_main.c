/* flux dump: a snapshot of the primary namespace as an archive.
 *
 * A root is asked for, which the store then keeps, and walked in the order of names:
 * blobs are asked for ahead of where the walk is. A value of several blobs is asked for
 * twice if it is long: its size comes before its bytes. The archive is written beside
 * OUTFILE, and has its name when all of it is on the disk. */
#include "cmd/cmd.h"
#include "cmd/kvs/dump_options.h"
#include "cmd/kvs/dump_path.h"
#include "cmd/output/output.h"

#include "base/digest.h"
#include "core/kvs/treetext.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AHEAD_DEFAULT 32           /* blobs asked for before they are needed */
#define KEEP_MAX (8 * 1024 * 1024) /* of one value, in memory */
#define COUNT_EVERY 10000

struct dump {
    flux_t *h;
    struct archive *ar;
    struct archive_entry *entry;
    time_t mtime;
    bool verbose, quiet, no_cache, ignore;
    size_t count, ahead;
    const char *file;
    char *part; /* its name while it is written; NULL: stdout */
    int fd;
};

struct item {
    struct span name;
    char *unquoted; /* the name's owner, if it had escapes */
    struct treetext t;
    flux_future_t *ahead; /* of the first blob */
};

struct dir {
    struct buf *texts; /* of the directory and its buckets: spans point there */
    size_t text_count;
    struct item *items;
    size_t count, cap;
};

static void die (struct dump *d, const char *what, const char *why)
{
    if (d->part)
        unlink (d->part);
    cmd_die ("%s: %s", safe (what), safe (why));
}

static void check_archive (struct dump *d, int rc)
{
    if (rc == ARCHIVE_OK)
        return;
    if (rc == ARCHIVE_WARN)
        cmd_warn ("%s", archive_error_string (d->ar));
    else
        die (d, d->file, archive_error_string (d->ar));
}

/* Loading */

static flux_future_t *ask (struct dump *d, const char *key, struct span ref)
{
    unsigned char digest[DIGEST_MAX_SIZE];
    char text[BLOBREF_MAX_SIZE];
    struct span inner;
    ssize_t n;
    flux_future_t *f;

    if (!json_span_plain (ref, &inner) || inner.len >= sizeof (text))
        die (d, key, "is no reference to a blob");
    memcpy (text, inner.s, inner.len);
    text[inner.len] = '\0';
    if ((n = blobref_decode (text, digest)) < 0)
        die (d, key, "is no reference to a blob");
    f = d->no_cache
            ? flux_rpc_raw (d->h, "content-backing.load", digest, n, 0, 0)
            : flux_rpc_raw (d->h, "content.load", digest, n, FLUX_NODEID_ANY, 0);
    if (!f)
        die (d, key, strerror (errno));
    return f;
}

static struct span wait_for (struct dump *d, const char *key, flux_future_t *f)
{
    const void *data;
    size_t len;

    if (flux_rpc_get_raw (f, &data, &len) < 0)
        die (d, key, cmd_future_error (f));
    return (struct span){ data ? data : "", len };
}

/* False: the blob cannot be read, which was said, and does not matter. */
static bool wait_unless (struct dump *d, const char *key, flux_future_t *f,
                         struct span *data)
{
    if (d->ignore && flux_future_get (f, NULL) < 0) {
        cmd_warn ("%s: %s: skipped", safe (key), cmd_future_error (f));
        return false;
    }
    *data = wait_for (d, key, f);
    return true;
}

static bool next_ref (struct dump *d, const char *key, struct span refs, size_t *pos,
                      struct span *ref)
{
    struct span name;
    int rc = treetext_next (refs, pos, &name, ref);

    if (rc < 0)
        die (d, key, "is not a tree object");
    return rc == 1;
}

/* Directories */

static void add_text (struct dump *d, const char *key, struct dir *dir,
                      struct span text, int depth);

static void add_ref (struct dump *d, const char *key, struct dir *dir, struct span refs,
                     int depth)
{
    size_t pos = 0;
    struct span ref, text;
    flux_future_t *f;

    if (!next_ref (d, key, refs, &pos, &ref))
        die (d, key, "is a directory without a blob");
    f = ask (d, key, ref);
    if (wait_unless (d, key, f, &text))
        add_text (d, key, dir, text, depth);
    flux_future_destroy (f);
}

static void add_item (struct dump *d, const char *key, struct dir *dir,
                      struct span name, struct span value)
{
    struct buf b = BUF_INIT;
    struct item *it;

    if (dir->count == dir->cap) {
        dir->cap = dir->cap ? 2 * dir->cap : 16;
        dir->items = realloc (dir->items, dir->cap * sizeof (*it));
        if (!dir->items)
            die (d, key, "out of memory");
    }
    it = &dir->items[dir->count++];
    memset (it, 0, sizeof (*it));
    if (!json_span_plain (name, &it->name)) {
        if (json_span_unquote (name, &b) < 0)
            die (d, key, "has a name that is none");
        it->name.len = b.len;
        it->name.s = it->unquoted = buf_take (&b, NULL);
    }
    if (treetext_parse (value.s, value.len, &it->t) < 0)
        die (d, key, "has an entry that is no tree object");
}

static void add_buckets (struct dump *d, const char *key, struct dir *dir,
                         struct span data, int depth)
{
    struct span name, value, elem;
    struct treetext t;
    size_t pos = 0, at = 0;

    while (treetext_next (data, &pos, &name, &value) == 1) {
        if (name.len != 8 || memcmp (name.s, "\"bucket\"", 8) || value.s[0] != '[')
            continue;
        while (next_ref (d, key, value, &at, &elem)) {
            if (elem.s[0] == 'n')
                continue;
            if (treetext_parse (elem.s, elem.len, &t) < 0 || t.type != TREEOBJ_DIRREF)
                die (d, key, "has a bucket that is none");
            add_ref (d, key, dir, t.data, depth + 1);
        }
    }
}

static void add_entries (struct dump *d, const char *key, struct dir *dir,
                         const struct treetext *t, int depth)
{
    struct span name, value;
    size_t pos = 0;
    int rc;

    if (depth > TREETEXT_DEPTH_MAX)
        die (d, key, "is too deep");
    if (t->type == TREETEXT_HDIR) {
        add_buckets (d, key, dir, t->data, depth);
        return;
    }
    if (t->type != TREEOBJ_DIR)
        die (d, key, "is not a directory");
    while ((rc = treetext_next (t->data, &pos, &name, &value)) == 1)
        add_item (d, key, dir, name, value);
    if (rc < 0)
        die (d, key, "is not a directory");
}

static void add_text (struct dump *d, const char *key, struct dir *dir,
                      struct span text, int depth)
{
    struct buf b = BUF_INIT;
    struct treetext t;

    dir->texts = realloc (dir->texts, (dir->text_count + 1) * sizeof (b));
    if (!dir->texts || buf_add (&b, text.s, text.len) < 0)
        die (d, key, "out of memory");
    dir->texts[dir->text_count++] = b;
    if (treetext_parse (b.data, b.len, &t) < 0)
        die (d, key, "is not a directory");
    add_entries (d, key, dir, &t, depth);
}

static int compare (const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
    int rc = memcmp (x->name.s, y->name.s, n);

    return rc ? rc : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static void dir_fini (struct dir *dir)
{
    for (size_t i = 0; i < dir->count; i++)
        free (dir->items[i].unquoted);
    for (size_t i = 0; i < dir->text_count; i++)
        buf_fini (&dir->texts[i]);
    free (dir->items);
    free (dir->texts);
}

/* Entries of the archive */

static void counted (struct dump *d, const char *path)
{
    d->count++;
    if (d->verbose)
        fprintf (stderr, "%s\n", safe (path));
    else if (!d->quiet && d->count % COUNT_EVERY == 0)
        fprintf (stderr, "dumped %zu keys\n", d->count);
}

static void put_header (struct dump *d, const char *path, int type, int64_t size,
                        const char *target)
{
    struct archive_entry *e = archive_entry_clear (d->entry);

    archive_entry_set_pathname (e, path);
    archive_entry_set_filetype (e, type);
    archive_entry_set_perm (e, type == AE_IFDIR ? 0755 : 0644);
    archive_entry_set_mtime (e, d->mtime, 0);
    archive_entry_set_uid (e, getuid ());
    archive_entry_set_gid (e, getgid ());
    archive_entry_set_size (e, size);
    if (target)
        archive_entry_set_symlink (e, target);
    check_archive (d, archive_write_header (d->ar, e));
    counted (d, path);
}

static void put_data (struct dump *d, struct span data)
{
    while (data.len > 0) {
        la_ssize_t n = archive_write_data (d->ar, data.s, data.len);

        if (n <= 0)
            die (d, d->file, archive_error_string (d->ar));
        data.s += n;
        data.len -= n;
    }
}

static void put_val (struct dump *d, const char *path, const struct treetext *t)
{
    struct buf b = BUF_INIT;

    if (treetext_val_decode (t, &b) < 0)
        die (d, path, "is not a tree object");
    put_header (d, path, AE_IFREG, b.len, NULL);
    put_data (d, (struct span){ b.data, b.len });
    buf_fini (&b);
}

/* The blobs of a value, in order. futures[i] is NULL before it is asked for, and after
 * it was dropped because the value is long. */
struct value {
    struct span *refs;
    flux_future_t **futures;
    size_t count;
};

static void value_init (struct dump *d, const char *path, struct value *v,
                        const struct item *it)
{
    size_t pos = 0, cap = 0;
    struct span ref;

    memset (v, 0, sizeof (*v));
    while (next_ref (d, path, it->t.data, &pos, &ref)) {
        if (v->count == cap) {
            cap = cap ? 2 * cap : 4;
            v->refs = realloc (v->refs, cap * sizeof (*v->refs));
            v->futures = realloc (v->futures, cap * sizeof (*v->futures));
            if (!v->refs || !v->futures)
                die (d, path, "out of memory");
        }
        v->futures[v->count] = NULL;
        v->refs[v->count++] = ref;
    }
    if (v->count > 0)
        v->futures[0] = it->ahead;
}

static flux_future_t *value_blob (struct dump *d, const char *path, struct value *v,
                                  size_t i, size_t ahead)
{
    for (size_t j = i; j < v->count && j <= i + ahead; j++)
        if (!v->futures[j])
            v->futures[j] = ask (d, path, v->refs[j]);
    return v->futures[i];
}

static void value_drop (struct value *v, size_t i)
{
    flux_future_destroy (v->futures[i]);
    v->futures[i] = NULL;
}

/* The size, before the bytes; -1: a piece is missing, which does not matter. */
static int64_t value_size (struct dump *d, const char *path, struct value *v)
{
    struct span blob = { NULL, 0 };
    int64_t size = 0;

    for (size_t i = 0; i < v->count; i++) {
        flux_future_t *f = value_blob (d, path, v, i, blob.len < 65536 ? d->ahead : 1);

        if (!wait_unless (d, path, f, &blob))
            return -1;
        size += blob.len;
        if (size > KEEP_MAX && v->count > 1)
            value_drop (v, i);
    }
    return size;
}

static void put_value (struct dump *d, const char *path, const struct item *it)
{
    struct value v;
    int64_t size;

    value_init (d, path, &v, it);
    if ((size = value_size (d, path, &v)) >= 0)
        put_header (d, path, AE_IFREG, size, NULL);
    for (size_t i = 0; i < v.count; i++) {
        if (size >= 0)
            put_data (d, wait_for (d, path, value_blob (d, path, &v, i, 0)));
        value_drop (&v, i);
    }
    free (v.refs);
    free (v.futures);
}

static void put_symlink (struct dump *d, const char *path, const struct treetext *t)
{
    struct buf ns = BUF_INIT, target = BUF_INIT;
    struct span name, value;
    size_t pos = 0;

    while (treetext_next (t->data, &pos, &name, &value) == 1) {
        bool is_ns = name.len == 11 && !memcmp (name.s, "\"namespace\"", 11);

        if (json_span_unquote (value, is_ns ? &ns : &target) < 0)
            die (d, path, "is not a tree object");
    }
    if (ns.len > 0) {
        buf_adds (&ns, "::");
        buf_add (&ns, target.data, target.len);
    }
    put_header (d, path, AE_IFLNK, 0, ns.len > 0 ? ns.data : target.data);
    buf_fini (&ns);
    buf_fini (&target);
}

static void put_dir (struct dump *d, const char *path, struct dir *dir);

static void put_dirref (struct dump *d, const char *path, flux_future_t *f)
{
    struct dir dir = { 0 };
    struct span text;

    if (wait_unless (d, path, f, &text)) {
        add_text (d, path, &dir, text, 0);
        put_dir (d, path, &dir);
    }
    flux_future_destroy (f);
}

static void put_item (struct dump *d, const char *parent, struct item *it)
{
    char *path = dump_path_join (parent, it->name.s, it->name.len);
    struct dir dir = { 0 };

    if (!path)
        die (d, parent, "out of memory");
    if (it->t.type == TREEOBJ_VAL) {
        put_val (d, path, &it->t);
    } else if (it->t.type == TREEOBJ_VALREF) {
        put_value (d, path, it);
    } else if (it->t.type == TREEOBJ_SYMLINK) {
        put_symlink (d, path, &it->t);
    } else if (it->t.type == TREEOBJ_DIRREF) {
        put_dirref (d, path, it->ahead);
    } else {
        add_entries (d, path, &dir, &it->t, 0);
        put_dir (d, path, &dir);
    }
    it->ahead = NULL;
    free (path);
}

static void ask_ahead (struct dump *d, const char *path, struct item *it)
{
    size_t pos = 0;
    struct span ref;

    if (it->t.type != TREEOBJ_DIRREF && it->t.type != TREEOBJ_VALREF)
        return;
    if (next_ref (d, path, it->t.data, &pos, &ref))
        it->ahead = ask (d, path, ref);
    else if (it->t.type == TREEOBJ_DIRREF)
        die (d, path, "has a directory without a blob");
}

/* path "" is the root. */
static void put_dir (struct dump *d, const char *path, struct dir *dir)
{
    size_t asked = 0;

    if (dir->count == 0 && *path)
        put_header (d, path, AE_IFDIR, 0, NULL);
    if (dir->count > 0)
        qsort (dir->items, dir->count, sizeof (*dir->items), compare);
    for (size_t i = 0; i < dir->count; i++) {
        for (; asked < dir->count && asked < i + d->ahead; asked++)
            ask_ahead (d, path, &dir->items[asked]);
        put_item (d, path, &dir->items[i]);
    }
    dir_fini (dir);
}

/* The archive */

static const struct {
    const char *suffix;
    int format, filter;
} formats[] = {
    { ".tar", ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_NONE },
    { ".tgz", ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_GZIP },
    { ".tar.gz", ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_GZIP },
    { ".tar.bz2", ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_BZIP2 },
    { ".tar.xz", ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_XZ },
    { ".tar.zst", ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_ZSTD },
    { ".zip", ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE },
    { ".cpio", ARCHIVE_FORMAT_CPIO_POSIX, ARCHIVE_FILTER_NONE },
    { ".iso", ARCHIVE_FORMAT_ISO9660, ARCHIVE_FILTER_NONE },
};
#define FORMATS (sizeof (formats) / sizeof (formats[0]))

static size_t find_format (const char *file)
{
    size_t i, n = strlen (file);

    if (!strcmp (file, "-"))
        return 0;
    for (i = 0; i < FORMATS; i++) {
        size_t len = strlen (formats[i].suffix);

        if (n > len && !strcmp (file + n - len, formats[i].suffix))
            return i;
    }
    cmd_die ("%s: the suffix names no format: .tar, .tgz, .tar.gz, .tar.bz2, .tar.xz, "
             ".tar.zst, .zip, .cpio or .iso",
             safe (file));
}

static void open_archive (struct dump *d)
{
    size_t i = find_format (d->file);

    d->fd = STDOUT_FILENO;
    if (!(d->ar = archive_write_new ()) || !(d->entry = archive_entry_new ()))
        cmd_die ("out of memory");
    check_archive (d, archive_write_set_format (d->ar, formats[i].format));
    check_archive (d, archive_write_add_filter (d->ar, formats[i].filter));
    if (formats[i].filter == ARCHIVE_FILTER_GZIP) /* else it has the time */
        check_archive (
            d, archive_write_set_filter_option (d->ar, "gzip", "timestamp", NULL));
    if (strcmp (d->file, "-")) {
        if (asprintf (&d->part, "%s.XXXXXX", d->file) < 0)
            cmd_die ("out of memory");
        if ((d->fd = mkostemp (d->part, O_CLOEXEC)) < 0)
            cmd_die ("%s: %s", safe (d->file), strerror (errno));
    }
    check_archive (d, archive_write_open_fd (d->ar, d->fd));
}

static void close_archive (struct dump *d)
{
    check_archive (d, archive_write_close (d->ar));
    archive_write_free (d->ar);
    archive_entry_free (d->entry);
    if (!d->part)
        return;
    if (fsync (d->fd) < 0 || close (d->fd) < 0 || rename (d->part, d->file) < 0)
        die (d, d->file, strerror (errno));
    free (d->part);
}

/* What is dumped */

static void find_checkpoint (struct dump *d, char *ref)
{
    flux_future_t *f = flux_rpc (d->h, "content-backing.checkpoint-get", "{}", 0, 0);
    const char *s;
    double timestamp = 0.;

    if (!f
        || flux_rpc_get_unpack (f, "{s:[{s:s s?F}]}", "value", "rootref", &s,
                                "timestamp", &timestamp)
               < 0)
        cmd_die ("reading the checkpoint: %s", cmd_future_error (f));
    if (strlen (s) >= BLOBREF_MAX_SIZE)
        cmd_die ("the checkpoint names no root");
    strcpy (ref, s);
    d->mtime = timestamp;
    flux_future_destroy (f);
}

static void find_root (struct dump *d, char *ref)
{
    flux_future_t *f = flux_kvs_getroot (d->h, KVS_PRIMARY_NAMESPACE, 0);
    const char *s;

    if (!f || flux_kvs_getroot_get_blobref (f, &s) < 0)
        cmd_die ("asking for the root: %s", cmd_future_error (f));
    strcpy (ref, s);
    d->mtime = time (NULL);
    flux_future_destroy (f);
}

static void dump_root (struct dump *d, const char *ref)
{
    char quoted[BLOBREF_MAX_SIZE + 2];
    struct dir dir = { 0 };
    flux_future_t *f;
    int n = snprintf (quoted, sizeof (quoted), "\"%s\"", ref);

    f = ask (d, ".", (struct span){ quoted, n });
    add_text (d, ".", &dir, wait_for (d, ".", f), 0);
    flux_future_destroy (f);
    put_dir (d, "", &dir);
}

int main (int argc, char **argv)
{
    struct dump d = { 0 };
    char ref[BLOBREF_MAX_SIZE];
    optparse_t *p;
    int i;

    cmd_name = "flux-dump";
    output_init ();
    if (!(p = optparse_create ("flux-dump"))
        || optparse_set (p, OPTPARSE_USAGE, DUMP_USAGE) < 0
        || optparse_add_option_table (p, dump_options) < 0)
        cmd_die ("bad option table");
    if ((i = optparse_parse_args (p, argc, argv)) < 0)
        exit (1);
    if (argc - i != 1)
        optparse_fatal_usage (p, 1, NULL);
    d.file = argv[i];
    d.verbose = optparse_hasopt (p, "verbose");
    d.quiet = optparse_hasopt (p, "quiet");
    d.ignore = optparse_hasopt (p, "ignore-failed-read");
    d.no_cache = optparse_hasopt (p, "no-cache");
    if ((i = optparse_get_int (p, "maxreqs", AHEAD_DEFAULT)) < 1)
        cmd_die ("--maxreqs: at least 1");
    d.ahead = i;
    find_format (d.file);
    d.h = cmd_open ();
    if (optparse_hasopt (p, "checkpoint"))
        find_checkpoint (&d, ref);
    else
        find_root (&d, ref);
    open_archive (&d);
    dump_root (&d, ref);
    close_archive (&d);
    if (!d.quiet && !d.verbose)
        fprintf (stderr, "dumped %zu keys\n", d.count);
    optparse_destroy (p);
    return 0;
}
