#include "cmd/kvs/fsck_repair.h"

#include "base/buf.h"
#include "base/sort.h"
#include "core/kvs/treetext.h"
#include "value/treeobj.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOST "lost+found"

struct fsck_repair {
    flux_t *h;
    fsck_load_f load;
    void *arg;
    json_t *keys; /* a set */
    flux_kvs_txn_t *txn;
    void (*say) (const char *key, const char *text);
};

struct fsck_repair *fsck_repair_create (flux_t *h, fsck_load_f load, void *arg)
{
    struct fsck_repair *r;

    if (!(r = calloc (1, sizeof (*r))))
        return NULL;
    r->h = h;
    r->load = load;
    r->arg = arg;
    if (!(r->keys = json_object ()) || !(r->txn = flux_kvs_txn_create ())) {
        fsck_repair_destroy (r);
        return NULL;
    }
    return r;
}

void fsck_repair_destroy (struct fsck_repair *r)
{
    if (r) {
        json_decref (r->keys);
        flux_kvs_txn_destroy (r->txn);
        free (r);
    }
}

int fsck_repair_add (struct fsck_repair *r, const char *key)
{
    if (json_object_set_new (r->keys, key, json_null ()) == 0)
        return 0;
    errno = ENOMEM;
    return -1;
}

/* The key's tree object as text, owned by the caller; NULL: it cannot be reached. */
static char *lookup (struct fsck_repair *r, const char *key)
{
    flux_future_t *f = flux_kvs_lookup (r->h, NULL, FLUX_KVS_TREEOBJ, key);
    const char *s;
    char *copy = NULL;

    if (f && flux_kvs_lookup_get_treeobj (f, &s) == 0)
        copy = strdup (s);
    flux_future_destroy (f);
    return copy;
}

static int put (struct fsck_repair *r, const char *parent, const char *name,
                const char *treeobj)
{
    char *key;
    int rc;

    if (asprintf (&key, "%s.%s", parent, name) < 0)
        return -1;
    rc = flux_kvs_txn_put_treeobj (r->txn, 0, key, treeobj);
    free (key);
    return rc;
}

/* Values */

static int keep_pieces (struct fsck_repair *r, const char *key, json_t *valref)
{
    json_t *left = treeobj_create_valref (NULL);
    int n = treeobj_ref_count (valref), kept = 0, rc = -1;
    char *text, why[64];

    for (int i = 0; left && i < n; i++) {
        const char *ref = treeobj_ref (valref, i);

        if (r->load (r->arg, ref, NULL) == 0) {
            kept++;
            if (treeobj_ref_append (left, ref) < 0)
                goto done;
        }
    }
    if (kept == 0) {
        json_decref (left);
        left = treeobj_create_val ("", 0);
    }
    if (!left || !(text = treeobj_encode (left, NULL)))
        goto done;
    rc = put (r, LOST, key, text);
    free (text);
    snprintf (why, sizeof (why), "%d of %d pieces are in " LOST, kept, n);
    r->say (key, why);
done:
    json_decref (left);
    return rc;
}

static int repair_value (struct fsck_repair *r, const char *key, const char *text)
{
    json_t *obj = treeobj_decode (text, strlen (text));
    int rc = 0;

    if (obj && treeobj_type (obj) == TREEOBJ_VALREF)
        rc = keep_pieces (r, key, obj);
    else
        r->say (key, "removed");
    json_decref (obj);
    return rc < 0 ? -1 : flux_kvs_txn_unlink (r->txn, 0, key);
}

/* Directories: entries of the blobs that can be read. */

static int keep_entries (struct fsck_repair *r, const char *key, struct span text,
                         int depth, int *kept);

static int keep_ref (struct fsck_repair *r, const char *key, struct span data,
                     int depth, int *kept)
{
    struct span name, ref, inner;
    struct buf b = BUF_INIT;
    size_t pos = 0;
    char s[128];
    int rc = 0;

    if (treetext_next (data, &pos, &name, &ref) != 1 || !json_span_plain (ref, &inner)
        || inner.len >= sizeof (s))
        return 0;
    memcpy (s, inner.s, inner.len);
    s[inner.len] = '\0';
    if (r->load (r->arg, s, &b) == 0)
        rc = keep_entries (r, key, (struct span){ b.data, b.len }, depth + 1, kept);
    buf_fini (&b);
    return rc;
}

static int keep_entry (struct fsck_repair *r, const char *key, struct span name,
                       struct span value, int *kept)
{
    struct buf b = BUF_INIT, text = BUF_INIT;
    struct treetext t;
    int rc = 0;

    if (treetext_parse (value.s, value.len, &t) == 0
        && json_span_unquote (name, &b) == 0 && b.len > 0) {
        buf_add (&text, value.s, value.len);
        rc = text.err ? -1 : put (r, key, b.data, text.data);
        (*kept)++;
    }
    buf_fini (&b);
    buf_fini (&text);
    return rc;
}

static int keep_buckets (struct fsck_repair *r, const char *key, struct span data,
                         int depth, int *kept)
{
    struct span name, value, elem;
    struct treetext t;
    size_t pos = 0, at = 0;

    while (treetext_next (data, &pos, &name, &value) == 1) {
        if (name.len != 8 || memcmp (name.s, "\"bucket\"", 8) || value.s[0] != '[')
            continue;
        while (treetext_next (value, &at, &name, &elem) == 1)
            if (treetext_parse (elem.s, elem.len, &t) == 0 && t.type == TREEOBJ_DIRREF
                && keep_ref (r, key, t.data, depth, kept) < 0)
                return -1;
    }
    return 0;
}

static int keep_entries (struct fsck_repair *r, const char *key, struct span text,
                         int depth, int *kept)
{
    struct span name, value;
    struct treetext t;
    size_t pos = 0;

    if (depth > TREETEXT_DEPTH_MAX || treetext_parse (text.s, text.len, &t) < 0)
        return 0;
    if (t.type == TREETEXT_HDIR)
        return keep_buckets (r, key, t.data, depth, kept);
    while (t.type == TREEOBJ_DIR && treetext_next (t.data, &pos, &name, &value) == 1)
        if (keep_entry (r, key, name, value, kept) < 0)
            return -1;
    return 0;
}

static int repair_dir (struct fsck_repair *r, const char *key, struct span data)
{
    char why[64];
    int kept = 0;

    if (flux_kvs_txn_mkdir (r->txn, 0, key) < 0
        || keep_ref (r, key, data, 0, &kept) < 0)
        return -1;
    snprintf (why, sizeof (why), "%d entries of the directory are left", kept);
    r->say (key, why);
    return 0;
}

/* dirs: only directories, which come before what is in them; else only the others. */
static int repair_key (struct fsck_repair *r, const char *key, bool dirs)
{
    char *text = lookup (r, key);
    struct treetext t;
    bool is_dir;
    int rc = 0;

    if (!text) { /* it lies in a damaged directory */
        if (!dirs)
            r->say (key, "is lost with its directory");
        return 0;
    }
    is_dir = treetext_parse (text, strlen (text), &t) == 0 && t.type == TREEOBJ_DIRREF;
    if (is_dir && dirs)
        rc = repair_dir (r, key, t.data);
    else if (!is_dir && !dirs)
        rc = repair_value (r, key, text);
    free (text);
    return rc;
}

static int compare (const void *a, const void *b)
{
    return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static int repair_all (struct fsck_repair *r, bool dirs)
{
    size_t n = json_object_size (r->keys), i = 0;
    const char **keys = calloc (n + 1, sizeof (*keys)), *key;
    json_t *v;
    int rc = keys ? 0 : -1;

    json_object_foreach (r->keys, key, v)
        if (keys)
            keys[i++] = key;
    if (keys)
        sort_array (keys, n, sizeof (*keys), compare);
    for (i = 0; rc == 0 && i < n; i++)
        rc = repair_key (r, keys[i], dirs);
    free (keys);
    return rc;
}

int fsck_repair_run (struct fsck_repair *r, void (*say) (const char *key, const char *))
{
    flux_future_t *f;
    int rc = -1;

    r->say = say;
    if (json_object_get (r->keys, ".")) {
        errno = ENOTRECOVERABLE; /* parts of the root itself */
        return -1;
    }
    if (repair_all (r, true) < 0 || repair_all (r, false) < 0)
        return -1;
    if ((f = flux_kvs_commit (r->h, NULL, FLUX_KVS_SYNC, r->txn)))
        rc = flux_future_get (f, NULL);
    flux_future_destroy (f);
    return rc;
}
