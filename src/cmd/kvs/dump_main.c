/* flux dump: a snapshot of the primary namespace as an archive.
 *
 * A root is asked for, which the store then keeps, and walked in the order of names:
 * blobs are asked for ahead of where the walk is, also those of directories below, for
 * which directories are opened as soon as they are here. A value of several blobs is asked
 * for twice if it is long: its size comes before its bytes. The archive is written beside
 * OUTFILE, and has its name when all of it is on the disk. */
#include "cmd/cmd.h"
#include "cmd/kvs/dump_options.h"
#include "cmd/kvs/dump_path.h"
#include "cmd/kvs/dump_progress.h"
#include "cmd/output/output.h"
#include "value/dump_suffix.h"

#include "base/digest.h"
#include "base/sort.h"
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
#define OPEN_MAX (8 * 1024 * 1024) /* of directories that are opened ahead */

struct dump {
    flux_t *h;
    struct archive *ar;
    struct archive_entry *entry;
    time_t mtime;
    struct dump_progress progress;
    bool no_cache, ignore;
    size_t ahead;
    size_t held;    /* blobs that were asked for, and are not done with */
    size_t opened;  /* bytes */
    size_t since;   /* entries since the last look ahead */
    struct dir *at; /* where the walk is */
    uid_t uid;
    gid_t gid;
    const char *file;
    int suffix; /* enum dump_suffix */
    char *part; /* its name while it is written; NULL: stdout */
    int fd;
};

struct item {
    struct span name;
    char *unquoted; /* the name's owner, if it had escapes */
    struct treetext t;
    bool asked;           /* for the first blob */
    flux_future_t *ahead; /* until it is used */
    struct dir *dir;      /* opened ahead */
};

struct dir {
    struct dir *parent;
    char *path; /* "" is the root's */
    size_t pos; /* in items */
    size_t opened;
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

static void arrived (flux_future_t *f, void *arg)
{
}

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
    if (!f || flux_future_then (f, -1., arrived, NULL) < 0)
        die (d, key, strerror (errno));
    d->held++;
    return f;
}

static void done_with (struct dump *d, flux_future_t *f)
{
    if (f)
        d->held--;
    flux_future_destroy (f);
}

static void look_ahead (struct dump *d);

/* What else has arrived is taken too, and what it refers to is asked for meanwhile. */
static void await (struct dump *d, const char *key, flux_future_t *f)
{
    while (!flux_future_is_ready (f)) {
        look_ahead (d);
        if (flux_reactor_run (flux_get_reactor (d->h), FLUX_REACTOR_ONCE) < 0)
            die (d, key, strerror (errno));
    }
}

static struct span wait_for (struct dump *d, const char *key, flux_future_t *f)
{
    const void *data;
    size_t len;

    await (d, key, f);
    if (flux_rpc_get_raw (f, &data, &len) < 0)
        die (d, key, cmd_future_error (f));
    return (struct span){ data ? data : "", len };
}

/* False: the blob cannot be read, which was said, and does not matter. */
static bool wait_unless (struct dump *d, const char *key, flux_future_t *f,
                         struct span *data)
{
    await (d, key, f);
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

static flux_future_t *ask_first (struct dump *d, const char *key, struct span refs)
{
    size_t pos = 0;
    struct span ref;

    if (!next_ref (d, key, refs, &pos, &ref))
        die (d, key, "is a directory without a blob");
    return ask (d, key, ref);
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

/* The next bucket's blob, asked for; NULL: there is none. */
static flux_future_t *next_bucket (struct dump *d, const char *key, struct span list,
                                   size_t *at)
{
    struct span elem;
    struct treetext t;

    while (next_ref (d, key, list, at, &elem)) {
        if (elem.s[0] == 'n')
            continue;
        if (treetext_parse (elem.s, elem.len, &t) < 0 || t.type != TREEOBJ_DIRREF)
            die (d, key, "has a bucket that is none");
        return ask_first (d, key, t.data);
    }
    return NULL;
}

static void add_bucket_list (struct dump *d, const char *key, struct dir *dir,
                             struct span list, int depth)
{
    flux_future_t **ring = calloc (d->ahead, sizeof (*ring)), *f;
    size_t at = 0, first = 0;
    struct span text;

    if (!ring)
        die (d, key, "out of memory");
    for (size_t i = 0; i < d->ahead; i++)
        ring[i] = next_bucket (d, key, list, &at);
    while ((f = ring[first])) {
        ring[first] = next_bucket (d, key, list, &at);
        first = (first + 1) % d->ahead;
        if (wait_unless (d, key, f, &text))
            add_text (d, key, dir, text, depth + 1);
        done_with (d, f);
    }
    free (ring);
}

static void add_buckets (struct dump *d, const char *key, struct dir *dir,
                         struct span data, int depth)
{
    struct span name, value;
    size_t pos = 0;

    while (treetext_next (data, &pos, &name, &value) == 1)
        if (name.len == 8 && !memcmp (name.s, "\"bucket\"", 8) && value.s[0] == '[')
            add_bucket_list (d, key, dir, value, depth);
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

/* A directory to be filled; path is taken. */
static struct dir *dir_create (struct dump *d, char *path, struct dir *parent)
{
    struct dir *dir = calloc (1, sizeof (*dir));

    if (!dir || !path)
        die (d, path ? path : ".", "out of memory");
    dir->path = path;
    dir->parent = parent;
    return dir;
}

static void dir_filled (struct dir *dir)
{
    sort_array (dir->items, dir->count, sizeof (*dir->items), compare);
}

static void dir_destroy (struct dump *d, struct dir *dir)
{
    d->opened -= dir->opened;
    for (size_t i = 0; i < dir->count; i++)
        free (dir->items[i].unquoted);
    for (size_t i = 0; i < dir->text_count; i++)
        buf_fini (&dir->texts[i]);
    free (dir->items);
    free (dir->texts);
    free (dir->path);
    free (dir);
}

/* Ahead of the walk */

/* Opens what is here, but for a directory of buckets, which may be large. */
static void open_ahead (struct dump *d, struct dir *parent, struct item *it)
{
    struct treetext t = it->t;
    const void *data = NULL;
    size_t len = 0;

    if (t.type == TREEOBJ_DIRREF
        && (!it->ahead || !flux_future_is_ready (it->ahead)
            || flux_rpc_get_raw (it->ahead, &data, &len) < 0 || !data
            || treetext_parse (data, len, &t) < 0))
        return;
    if (t.type != TREEOBJ_DIR)
        return;
    it->dir =
        dir_create (d, dump_path_join (parent->path, it->name.s, it->name.len), parent);
    if (data)
        add_text (d, it->dir->path, it->dir, (struct span){ data, len }, 0);
    else
        add_entries (d, it->dir->path, it->dir, &t, 0);
    dir_filled (it->dir);
    it->dir->opened = len + it->dir->cap * sizeof (*it);
    d->opened += it->dir->opened;
    done_with (d, it->ahead);
    it->ahead = NULL;
}

static bool is_ref (const struct item *it)
{
    return it->t.type == TREEOBJ_DIRREF || it->t.type == TREEOBJ_VALREF;
}

static void ask_ahead (struct dump *d, const char *path, struct item *it)
{
    size_t pos = 0;
    struct span ref;

    it->asked = true;
    if (next_ref (d, path, it->t.data, &pos, &ref))
        it->ahead = ask (d, path, ref);
    else if (it->t.type == TREEOBJ_DIRREF)
        die (d, path, "has a directory without a blob");
}

/* Of the items from here on in the order of the walk; false: enough is under way, or was
 * looked at. */
static bool look_from (struct dump *d, struct dir *dir, size_t i, size_t *steps)
{
    for (; i < dir->count; i++) {
        struct item *it = &dir->items[i];

        if (*steps == 0)
            return false;
        (*steps)--;
        if (is_ref (it) && !it->asked) {
            if (d->held >= d->ahead)
                return false;
            ask_ahead (d, dir->path, it);
        }
        if (!it->dir && d->opened < OPEN_MAX)
            open_ahead (d, dir, it);
        if (it->dir && !look_from (d, it->dir, 0, steps))
            return false;
    }
    return true;
}

static void look_ahead (struct dump *d)
{
    size_t steps = 16 * d->ahead;

    d->since = 0;
    for (struct dir *dir = d->at; dir; dir = dir->parent)
        if (!look_from (d, dir, dir->pos + 1, &steps))
            return;
}

/* Entries of the archive */

static void put_header (struct dump *d, const char *path, int type, int64_t size,
                        const char *target)
{
    struct archive_entry *e = archive_entry_clear (d->entry);

    archive_entry_set_pathname (e, path);
    archive_entry_set_filetype (e, type);
    archive_entry_set_perm (e, type == AE_IFDIR ? 0755 : 0644);
    archive_entry_set_mtime (e, d->mtime, 0);
    archive_entry_set_uid (e, d->uid);
    archive_entry_set_gid (e, d->gid);
    archive_entry_set_size (e, size);
    if (target)
        archive_entry_set_symlink (e, target);
    check_archive (d, archive_write_header (d->ar, e));
    dump_progress_add (&d->progress, path, true);
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

static void value_drop (struct dump *d, struct value *v, size_t i)
{
    done_with (d, v->futures[i]);
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
            value_drop (d, v, i);
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
        value_drop (d, &v, i);
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

static void put_dir (struct dump *d, struct dir *dir);

/* As it is, or of a blob that may be damaged. */
static void put_unopened (struct dump *d, struct dir *parent, const char *path,
                          struct item *it)
{
    struct dir *dir = dir_create (d, strdup (path), parent);
    struct span text;
    bool good = true;

    if (it->t.type != TREEOBJ_DIRREF)
        add_entries (d, path, dir, &it->t, 0);
    else if ((good = wait_unless (d, path, it->ahead, &text)))
        add_text (d, path, dir, text, 0);
    done_with (d, it->ahead);
    dir_filled (dir);
    if (good)
        put_dir (d, dir);
    else
        dir_destroy (d, dir);
}

static void put_item (struct dump *d, struct dir *parent, struct item *it)
{
    char *path = dump_path_join (parent->path, it->name.s, it->name.len);

    if (!path)
        die (d, parent->path, "out of memory");
    if (is_ref (it) && !it->asked)
        ask_ahead (d, parent->path, it);
    if (it->t.type == TREEOBJ_DIRREF && !it->dir)
        await (d, path, it->ahead);
    if (it->dir)
        put_dir (d, it->dir);
    else if (it->t.type == TREEOBJ_VAL)
        put_val (d, path, &it->t);
    else if (it->t.type == TREEOBJ_VALREF)
        put_value (d, path, it);
    else if (it->t.type == TREEOBJ_SYMLINK)
        put_symlink (d, path, &it->t);
    else
        put_unopened (d, parent, path, it);
    it->ahead = NULL;
    it->dir = NULL;
    free (path);
}

/* Which is done with. */
static void put_dir (struct dump *d, struct dir *dir)
{
    if (dir->count == 0 && *dir->path)
        put_header (d, dir->path, AE_IFDIR, 0, NULL);
    for (dir->pos = 0; dir->pos < dir->count; dir->pos++) {
        d->at = dir;
        if (++d->since >= d->ahead / 2 && d->held <= d->ahead / 2)
            look_ahead (d);
        put_item (d, dir, &dir->items[dir->pos]);
    }
    d->at = dir->parent;
    dir_destroy (d, dir);
}

/* The archive */

static const struct {
    int format, filter;
} formats[] = {
    [DUMP_TAR] = { ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_NONE },
    [DUMP_TGZ] = { ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_GZIP },
    [DUMP_TAR_GZ] = { ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_GZIP },
    [DUMP_TAR_BZ2] = { ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_BZIP2 },
    [DUMP_TAR_XZ] = { ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_XZ },
    [DUMP_TAR_ZST] = { ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_ZSTD },
    [DUMP_ZIP] = { ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE },
    [DUMP_CPIO] = { ARCHIVE_FORMAT_CPIO_POSIX, ARCHIVE_FILTER_NONE },
    [DUMP_ISO] = { ARCHIVE_FORMAT_ISO9660, ARCHIVE_FILTER_NONE },
};

static void open_archive (struct dump *d)
{
    d->fd = STDOUT_FILENO;
    if (!(d->ar = archive_write_new ()) || !(d->entry = archive_entry_new ()))
        cmd_die ("out of memory");
    check_archive (d, archive_write_set_format (d->ar, formats[d->suffix].format));
    check_archive (d, archive_write_add_filter (d->ar, formats[d->suffix].filter));
    if (formats[d->suffix].filter == ARCHIVE_FILTER_GZIP) /* else it has the time */
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
    struct dir *dir = dir_create (d, strdup (""), NULL);
    flux_future_t *f;
    int n = snprintf (quoted, sizeof (quoted), "\"%s\"", ref);

    f = ask (d, ".", (struct span){ quoted, n });
    add_text (d, ".", dir, wait_for (d, ".", f), 0);
    done_with (d, f);
    dir_filled (dir);
    put_dir (d, dir);
}

int main (int argc, char **argv)
{
    struct dump d = { 0 };
    char ref[BLOBREF_MAX_SIZE];
    flux_error_t error;
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
    dump_progress_init (&d.progress, p, "dumped");
    d.ignore = optparse_hasopt (p, "ignore-failed-read");
    d.no_cache = optparse_hasopt (p, "no-cache");
    if ((i = optparse_get_int (p, "maxreqs", AHEAD_DEFAULT)) < 1)
        cmd_die ("--maxreqs: at least 1");
    d.ahead = i;
    if ((d.suffix = dump_suffix (d.file, &error)) < 0)
        cmd_die ("%s", safe (error.text));
    d.uid = getuid ();
    d.gid = getgid ();
    d.progress.h = d.h = cmd_open ();
    if (optparse_hasopt (p, "checkpoint"))
        find_checkpoint (&d, ref);
    else
        find_root (&d, ref);
    open_archive (&d);
    dump_root (&d, ref);
    close_archive (&d);
    dump_progress_end (&d.progress);
    optparse_destroy (p);
    return 0;
}
