/* flux restore: an archive becomes a directory of the KVS, or a checkpoint.
 *
 * Values go to the content store as they are read, in blobs of a megabyte; names and
 * what fits into a directory stay in memory until all has been read. The root is told
 * to the KVS, or becomes the checkpoint, when the store has everything below it: a
 * restore that fails has changed nothing. */
#include "cmd/cmd.h"
#include "cmd/kvs/dump_options.h"
#include "cmd/kvs/dump_progress.h"
#include "cmd/kvs/restore_tree.h"
#include "cmd/output/output.h"

#include "base/digest.h"
#include "core/kvs/blobs.h"
#include "core/kvs/storage.h"
#include "value/treeobj.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INLINE_MAX 1024 /* a larger value becomes blobs */
#define CHUNK (1024 * 1024)
#define BATCH (1024 * 1024) /* of blobs in one request */
#define STORING 2           /* batches, while the next one fills */
#define STORING_MAX 256

struct restore {
    flux_t *h;
    const char *file;
    struct archive *ar;
    struct digest *digest;
    struct restore_tree *tree;
    struct buf batch;
    flux_future_t *storing[STORING_MAX]; /* a ring */
    int first, nstoring, maxreqs;
    char *chunk;
    const char *topic;
    size_t blob_max;
    uint64_t size_limit; /* 0: none */
    struct dump_progress progress;
};

static void die (const char *what, const char *why)
{
    cmd_die ("%s: %s", safe (what), safe (why));
}

/* Storing */

/* Until no more than so many are on their way. */
static void wait_stored (struct restore *r, int max)
{
    while (r->nstoring > max) {
        flux_future_t *f = r->storing[r->first];

        if (flux_future_get (f, NULL) < 0)
            die ("storing", cmd_future_error (f));
        flux_future_destroy (f);
        r->first = (r->first + 1) % STORING_MAX;
        r->nstoring--;
    }
}

static void begin_batch (struct restore *r)
{
    buf_reset (&r->batch);
    blobs_begin (&r->batch, digest_size (r->digest), BLOBS_SYNC);
}

static void send_batch (struct restore *r)
{
    flux_future_t *f;

    wait_stored (r, r->maxreqs - 1);
    blobs_pin (&r->batch);
    if (r->batch.err)
        cmd_die ("out of memory");
    if (!(f = flux_rpc_raw (r->h, r->topic, r->batch.data, r->batch.len, 0, 0)))
        die ("storing", strerror (errno));
    r->storing[(r->first + r->nstoring++) % STORING_MAX] = f;
    begin_batch (r);
}

static int store_blob (void *arg, const char *data, size_t len, char *ref)
{
    struct restore *r = arg;
    unsigned char digest[DIGEST_MAX_SIZE];
    size_t size = digest_size (r->digest);

    if (len > r->blob_max) {
        errno = EFBIG;
        return -1;
    }
    if (digest_hash (r->digest, data, len, digest) < 0
        || blobref_encode (digest_name (r->digest), digest, size, ref) < 0)
        return -1;
    blobs_add (&r->batch, digest, size, data, len);
    blobs_hold (&r->batch, digest, size); /* until the root is told */
    if (r->batch.len > BATCH)
        send_batch (r);
    return 0;
}

/* Reading */

static const char *why (struct restore *r)
{
    const char *s = archive_error_string (r->ar);

    return s ? s : "cannot be read";
}

static size_t read_chunk (struct restore *r, const char *path, size_t max)
{
    size_t len = 0;

    while (len < max) {
        la_ssize_t n = archive_read_data (r->ar, r->chunk + len, max - len);

        if (n < 0)
            cmd_die ("%s: %s: %s", safe (r->file), safe (path), safe (why (r)));
        if (n == 0)
            break;
        len += n;
    }
    return len;
}

static void add_chunk (struct restore *r, const char *path, json_t *obj, size_t len)
{
    char ref[BLOBREF_MAX_SIZE];

    if (store_blob (r, r->chunk, len, ref) < 0 || treeobj_ref_append (obj, ref) < 0)
        die (path, strerror (errno));
}

static json_t *read_value (struct restore *r, const char *path)
{
    size_t max = CHUNK < r->blob_max ? CHUNK : r->blob_max;
    size_t len = read_chunk (r, path, max);
    json_t *obj;

    if (len <= INLINE_MAX && len < max)
        return treeobj_create_val (r->chunk, len);
    if (!(obj = treeobj_create_valref (NULL)))
        return NULL;
    for (; len > 0; len = len < max ? 0 : read_chunk (r, path, max))
        add_chunk (r, path, obj, len);
    return obj;
}

/* TARGET, or NAMESPACE::TARGET */
static json_t *make_symlink (const char *text)
{
    const char *sep = strstr (text, "::");
    char *ns;
    json_t *obj;

    if (!sep)
        return treeobj_create_symlink (NULL, text);
    if (!(ns = strndup (text, sep - text)))
        return NULL;
    obj = treeobj_create_symlink (ns, sep + 2);
    free (ns);
    return obj;
}

static bool is_too_long (struct restore *r, const char *path, struct archive_entry *e)
{
    int64_t size = archive_entry_size (e);

    if (r->size_limit == 0 || !archive_entry_size_is_set (e) || size < 0
        || (uint64_t)size <= r->size_limit)
        return false;
    if (!r->progress.quiet)
        cmd_warn ("%s: %jd bytes are more than the limit: skipped", safe (path),
                  (intmax_t)size);
    return true;
}

static json_t *read_object (struct restore *r, const char *path,
                            struct archive_entry *e)
{
    const char *target = archive_entry_symlink (e);
    json_t *obj = NULL;

    if (archive_entry_hardlink (e))
        die (path, "is a hard link");
    if (archive_entry_filetype (e) == AE_IFREG)
        obj = read_value (r, path);
    else if (archive_entry_filetype (e) == AE_IFLNK && target)
        obj = make_symlink (target);
    else
        die (path, "is neither a file, nor a directory, nor a symbolic link");
    if (!obj)
        die (path, strerror (errno));
    return obj;
}

static void read_entry (struct restore *r, struct archive_entry *e)
{
    const char *path = archive_entry_pathname (e);
    bool dir = archive_entry_filetype (e) == AE_IFDIR;
    flux_error_t error;

    if (!path)
        die (r->file, "has an entry whose name cannot be read");
    if (!dir && archive_entry_filetype (e) == AE_IFREG && is_too_long (r, path, e))
        return;
    if (restore_tree_put (r->tree, path, dir ? NULL : read_object (r, path, e), &error)
        < 0)
        die (path, error.text);
    dump_progress_add (&r->progress, path, !dir);
}

static void read_archive (struct restore *r)
{
    struct archive_entry *e;
    int rc;

    if (!(r->ar = archive_read_new ()) || !(r->chunk = malloc (CHUNK)))
        cmd_die ("out of memory");
    archive_read_support_format_all (r->ar);
    archive_read_support_filter_all (r->ar);
    if (archive_read_open_filename (r->ar, strcmp (r->file, "-") ? r->file : NULL,
                                    65536)
        != ARCHIVE_OK)
        die (r->file, why (r));
    while ((rc = archive_read_next_header (r->ar, &e)) == ARCHIVE_OK
           || rc == ARCHIVE_WARN)
        read_entry (r, e);
    if (rc == ARCHIVE_EOF && archive_format (r->ar) == ARCHIVE_FORMAT_EMPTY)
        die (r->file, "is empty: no archive");
    if (rc != ARCHIVE_EOF || archive_read_close (r->ar) != ARCHIVE_OK)
        die (r->file, why (r));
    archive_read_free (r->ar);
    free (r->chunk);
}

/* The root */

static bool kvs_is_loaded (struct restore *r)
{
    flux_future_t *f = flux_kvs_getroot (r->h, KVS_PRIMARY_NAMESPACE, 0);
    bool loaded = f && flux_future_get (f, NULL) == 0;

    if (!loaded && errno != ENOSYS)
        die ("asking whether the KVS is loaded", cmd_future_error (f));
    flux_future_destroy (f);
    return loaded;
}

static int next_sequence (struct restore *r)
{
    flux_future_t *f = flux_rpc (r->h, "content.checkpoint-get", "{}", 0, 0);
    int n = 0;

    if (!f
        || (flux_rpc_get_unpack (f, "{s:[{s?i}]}", "value", "sequence", &n) < 0
            && errno != ENOENT))
        die ("reading the checkpoint", cmd_future_error (f));
    flux_future_destroy (f);
    return n + 1;
}

static void write_checkpoint (struct restore *r, const char *ref)
{
    char json[BLOBREF_MAX_SIZE + 128];
    struct buf *b = &r->batch;

    snprintf (json, sizeof (json),
              "{\"version\":1,\"rootref\":\"%s\",\"sequence\":%d,\"timestamp\":%.6f}",
              ref, next_sequence (r), flux_reactor_time ());
    buf_reset (b);
    blobs_begin (b, digest_size (r->digest), BLOBS_FSYNC);
    blobs_checkpoint (b, json);
    send_batch (r);
    wait_stored (r, 0);
}

static void write_key (struct restore *r, const char *key, const char *ref)
{
    json_t *dirref = treeobj_create_dirref (ref);
    char *text = dirref ? treeobj_encode (dirref, NULL) : NULL;
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    flux_future_t *f;

    if (!text || !txn || flux_kvs_txn_put_treeobj (txn, 0, key, text) < 0)
        die (key, strerror (errno));
    if (!(f = flux_kvs_commit (r->h, KVS_PRIMARY_NAMESPACE, 0, txn))
        || flux_future_get (f, NULL) < 0)
        die (key, cmd_future_error (f));
    flux_future_destroy (f);
    flux_kvs_txn_destroy (txn);
    free (text);
    json_decref (dirref);
}

static void restore (struct restore *r, const char *key)
{
    char ref[BLOBREF_MAX_SIZE];

    if (!key && kvs_is_loaded (r))
        cmd_die ("--checkpoint: the KVS is loaded, and would write its own at its end: "
                 "flux module remove kvs, or --key");
    begin_batch (r);
    read_archive (r);
    if (restore_tree_store (r->tree, store_blob, r, ref) < 0)
        die ("storing a directory", strerror (errno));
    send_batch (r);
    wait_stored (r, 0);
    if (key)
        write_key (r, key, ref);
    else
        write_checkpoint (r, ref);
}

static void parse_options (struct restore *r, optparse_t *p, const char **key)
{
    bool checkpoint = optparse_hasopt (p, "checkpoint");

    *key = optparse_get_str (p, "key", NULL);
    if (!*key == !checkpoint)
        cmd_die ("one of --checkpoint and --key=NAME is needed");
    dump_progress_init (&r->progress, p, "restored");
    r->maxreqs = optparse_get_int (p, "maxreqs", STORING);
    if (r->maxreqs < 1 || r->maxreqs > STORING_MAX)
        cmd_die ("--maxreqs: from 1 to %d", STORING_MAX);
    r->size_limit = optparse_get_size (p, "size-limit", "0");
    r->topic =
        optparse_hasopt (p, "no-cache") ? "content-backing.commit" : "content.commit";
}

static void open_instance (struct restore *r)
{
    const char *s;

    r->progress.h = r->h = cmd_open ();
    s = flux_attr_get (r->h, "content.hash");
    if (!(r->digest = digest_create (s ? s : "sha1")))
        die ("content.hash", strerror (errno));
    r->blob_max = storage_blob_max (r->h);
    if (!(r->tree = restore_tree_create ()))
        cmd_die ("out of memory");
}

int main (int argc, char **argv)
{
    struct restore r = { 0 };
    const char *key;
    optparse_t *p;
    int i;

    cmd_name = "flux-restore";
    output_init ();
    if (!(p = optparse_create ("flux-restore"))
        || optparse_set (p, OPTPARSE_USAGE, RESTORE_USAGE) < 0
        || optparse_add_option_table (p, restore_options) < 0)
        cmd_die ("bad option table");
    if ((i = optparse_parse_args (p, argc, argv)) < 0)
        exit (1);
    if (argc - i != 1)
        optparse_fatal_usage (p, 1, NULL);
    r.file = argv[i];
    parse_options (&r, p, &key);
    open_instance (&r);
    restore (&r, key);
    dump_progress_end (&r.progress);
    restore_tree_destroy (r.tree);
    digest_destroy (r.digest);
    buf_fini (&r.batch);
    optparse_destroy (p);
    return 0;
}
