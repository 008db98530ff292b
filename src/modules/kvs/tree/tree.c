#include "tree.h"

#include "base/encode.h"
#include "core/kvs/blobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What an operation did to one entry of one directory. */
struct undo {
    struct kvs_node *dir;
    struct kvs_dirent *old; /* taken out, or NULL */
    struct kvs_dirent *cur; /* put in, or NULL */
};

struct apply {
    struct kvs_tree *t;
    struct buf *blobs;
    struct undo *log;
    size_t count, cap;
    size_t blobs_mark, changes_mark, cold_mark;
};

/* Where the last name of a key belongs. */
struct place {
    struct kvs_node *dir; /* NULL: there is no such directory (unlink) */
    struct buf path;      /* the key with its links resolved */
    const char *name;     /* in path */
    size_t len;
};

static struct kvs_node *load_child (void *arg, struct kvs_node *parent,
                                    struct kvs_dirent *e)
{
    struct kvs_tree *t = arg;
    /* A bucket has no name; anything else is the top of a directory. */
    int level = e->name_len == 0 ? parent->level + 1 : 0;
    char ref[BLOBREF_MAX_SIZE];
    const char *data;
    size_t len;
    struct kvs_node *n;

    if (kvs_dirent_ref (e, ref) < 0 || kvs_cache_blob (t->cache, ref, &data, &len) < 0)
        return NULL;
    if (!(n = kvs_cache_decode (t->cache, &t->lru, ref, data, len, level)))
        return NULL;
    n->dirty = false;
    if (blobref_decode (ref, n->digest) == (ssize_t)digest_size (t->digest))
        n->hashed = true;
    if ((parent = kvs_dir_holder (parent, e))) {
        kvs_node_attach (parent, e, n);
        kvs_node_touch (
            parent); /* what is above is not older: else none of it may go */
    } else {         /* only those who read what was still need it */
        n->slot = e;
        e->child = n;
    }
    kvs_cache_remove (t->cache, ref);
    return n;
}

struct kvs_loader kvs_tree_loader (struct kvs_tree *t)
{
    return (struct kvs_loader){ load_child, t, true };
}

/* For changes. */
static struct kvs_loader work_loader (struct kvs_tree *t)
{
    return (struct kvs_loader){ load_child, t, false };
}

struct kvs_tree *kvs_tree_create (struct kvs_cache *cache, struct digest *digest,
                                  const char *rootref)
{
    struct kvs_tree *t;

    if (!(t = calloc (1, sizeof (*t))))
        return NULL;
    t->cache = cache;
    t->digest = digest;
    t->blob_max = BLOB_SIZE_MAX;
    kvs_lru_init (&t->lru);
    if (rootref && strlen (rootref) < sizeof (t->rootref)) {
        strcpy (t->rootref, rootref);
    } else if (!(t->root = kvs_node_create (&t->lru))) {
        free (t);
        return NULL;
    }
    return t;
}

void kvs_tree_destroy (struct kvs_tree *t)
{
    if (t) {
        kvs_node_destroy (t->root);
        buf_fini (&t->gone);
        buf_fini (&t->changes);
        buf_fini (&t->cold);
        free (t);
    }
}

struct kvs_node *kvs_tree_root (struct kvs_tree *t)
{
    const char *data;
    size_t len;

    if (t->root)
        return t->root;
    if (kvs_cache_blob (t->cache, t->rootref, &data, &len) < 0
        || !(t->root = kvs_cache_decode (t->cache, &t->lru, t->rootref, data, len, 0)))
        return NULL;
    t->root->dirty = false;
    if (blobref_decode (t->rootref, t->root->digest)
        == (ssize_t)digest_size (t->digest))
        t->root->hashed = true;
    return t->root;
}

/* The undo log */

static int log_reserve (struct apply *a)
{
    size_t cap = a->cap ? a->cap * 2 : 16;
    struct undo *log;

    if (a->count < a->cap)
        return 0;
    if (!(log = realloc (a->log, cap * sizeof (*log))))
        return -1;
    a->log = log;
    a->cap = cap;
    return 0;
}

/* Takes e in any case. */
static int put (struct apply *a, struct kvs_node *dir, struct kvs_dirent *e)
{
    struct kvs_dirent *old;

    if (e && e->text_len > TREE_ENTRY_MAX) {
        kvs_dirent_destroy (e, NULL, 0);
        errno = EFBIG;
        return -1;
    }
    if (!e || log_reserve (a) < 0 || kvs_dir_save (dir, e->name, e->name_len) < 0
        || kvs_dir_set (dir, e, &old) < 0) {
        kvs_dirent_destroy (e, NULL, 0);
        errno = ENOMEM;
        return -1;
    }
    a->log[a->count++] = (struct undo){ dir, old, e };
    return 0;
}

static int remove_entry (struct apply *a, struct kvs_node *dir, const char *name,
                         size_t len)
{
    if (log_reserve (a) < 0 || kvs_dir_save (dir, name, len) < 0)
        return -1;
    a->log[a->count++] = (struct undo){ dir, kvs_dir_take (dir, name, len), NULL };
    return 0;
}

static void rollback (struct apply *a)
{
    struct kvs_dirent *cur;

    while (a->count > 0) {
        struct undo *u = &a->log[--a->count];

        cur = NULL;
        if (u->old) {
            if (kvs_dir_set (u->dir, u->old, &cur) < 0)
                abort (); /* the tree could not be trusted any more */
        } else if (u->cur) {
            cur = kvs_dir_take (u->dir, u->cur->name, u->cur->name_len);
        }
        kvs_dirent_destroy (cur, NULL, 0);
    }
    a->blobs->len = a->blobs_mark;
    a->t->changes.len = a->changes_mark;
    a->t->cold.len = a->cold_mark;
}

static void finish (struct apply *a)
{
    for (size_t i = 0; i < a->count; i++)
        kvs_dirent_destroy (a->log[i].old, &a->t->gone, digest_size (a->t->digest));
}

/* Paths */

static int follow_link (struct place *pl, const struct kvs_dirent *e, const char *rest)
{
    struct treetext t;
    struct span name, value;
    size_t pos = 0;
    struct buf path = BUF_INIT;

    if (treetext_parse (kvs_dirent_text (e), e->text_len, &t) < 0)
        return -1;
    while (treetext_next (t.data, &pos, &name, &value) == 1) {
        if (name.len == 8 && !memcmp (name.s, "\"target\"", 8)) {
            if (json_span_unquote (value, &path) < 0) {
                buf_fini (&path);
                return -1;
            }
        } else { /* a write cannot reach into another namespace */
            buf_fini (&path);
            errno = EINVAL;
            return -1;
        }
    }
    if (path.len == 1 && path.data[0] == '.')
        path.len = 0;
    else
        buf_addc (&path, '.');
    buf_adds (&path, rest);
    if (path.err) {
        buf_fini (&path);
        errno = ENOMEM;
        return -1;
    }
    buf_fini (&pl->path);
    pl->path = path;
    return 0;
}

static int make_dir (struct apply *a, struct kvs_node *dir, const char *name,
                     size_t len, struct kvs_node **child)
{
    struct kvs_dirent *e;

    if (!(e = kvs_dirent_create (name, len, TREEOBJ_DIRREF, NULL, 0))
        || !(e->child = kvs_node_create (&a->t->lru))) {
        kvs_dirent_destroy (e, NULL, 0);
        errno = ENOMEM;
        return -1;
    }
    *child = e->child;
    return put (a, dir, e);
}

/* One step down. 1: go on in *dir, 0: no such directory, 2: a link was
 * resolved, start again. */
static int step (struct apply *a, struct place *pl, struct kvs_node **dir,
                 const char *name, size_t len, bool create)
{
    struct kvs_loader loader = work_loader (a->t);
    struct kvs_dirent *e = kvs_dir_find (*dir, name, len, &loader);

    if (!e && errno != ENOENT)
        return -1;
    if (e && e->type == TREEOBJ_SYMLINK)
        return follow_link (pl, e, name + len + 1) < 0 ? -1 : 2;
    if (e && e->type == TREEOBJ_DIRREF) {
        if (!e->child && !load_child (a->t, *dir, e))
            return -1;
        *dir = e->child;
        return 1;
    }
    if (!create)
        return 0;
    return make_dir (a, *dir, name, len, dir) < 0 ? -1 : 1;
}

static int find_place (struct apply *a, const char *key, bool create, struct place *pl)
{
    int links = 0, rc = 2;

    buf_adds (&pl->path, key);
    while (rc == 2) {
        struct kvs_node *dir = kvs_tree_root (a->t);
        const char *p = pl->path.data, *dot;

        if (!dir)
            return -1;
        if (links++ > TREE_LINKS_MAX) {
            errno = ELOOP;
            return -1;
        }
        rc = 1;
        while (rc == 1 && (dot = strchr (p, '.'))) {
            if (dot == p)
                goto inval;
            rc = step (a, pl, &dir, p, dot - p, create);
            p = dot + 1;
        }
        if (rc == 1) {
            if (*p == '\0')
                goto inval;
            pl->dir = dir;
            pl->name = p;
            pl->len = strlen (p);
        }
    }
    return rc < 0 ? -1 : 0;
inval:
    errno = EINVAL;
    return -1;
}

/* Operations */

static int add_blob (struct apply *a, const void *data, size_t len, char *ref)
{
    unsigned char digest[DIGEST_MAX_SIZE];

    if (len > a->t->blob_max) {
        errno = EFBIG;
        return -1;
    }
    if (digest_hash (a->t->digest, data, len, digest) < 0
        || blobref_encode (digest_name (a->t->digest), digest,
                           digest_size (a->t->digest), ref)
               < 0)
        return -1;
    blobs_add (a->blobs, digest, digest_size (a->t->digest), data, len);
    return 0;
}

static int put_text (struct apply *a, struct place *pl, int type, struct buf *text)
{
    int rc = -1;

    if (text->err)
        errno = ENOMEM;
    else
        rc = put (a, pl->dir,
                  kvs_dirent_create (pl->name, pl->len, type, text->data, text->len));
    buf_fini (text);
    return rc;
}

static int put_value (struct apply *a, struct place *pl, const void *data, size_t len,
                      size_t inline_max)
{
    struct buf text = BUF_INIT;
    char ref[BLOBREF_MAX_SIZE];

    if (len <= inline_max) {
        treetext_add_val (&text, data, len);
        return put_text (a, pl, TREEOBJ_VAL, &text);
    }
    if (add_blob (a, data, len, ref) < 0)
        return -1;
    if (inline_max == TREE_APPEND_INLINE_MAX && len < TREE_APPEND_BLOB_MAX)
        kvs_cache_insert (a->t->cache, ref, data, len);
    buf_printf (&text, "{\"data\":[\"%s\"],\"type\":\"valref\",\"ver\":1}", ref);
    return put_text (a, pl, TREEOBJ_VALREF, &text);
}

/* The last blobref of a valref; *offset: where its quote stands in the text. */
static int last_ref (const struct kvs_dirent *e, char *ref, size_t *offset,
                     size_t *count)
{
    struct treetext t;
    struct span name, value, last = { NULL, 0 }, inner;
    size_t pos = 0;

    *count = 0;
    if (treetext_parse (kvs_dirent_text (e), e->text_len, &t) < 0)
        return -1;
    if (t.data.len > 4 * BLOBREF_MAX_SIZE && t.data.s[t.data.len - 2] == '"') {
        const char *q = t.data.s + t.data.len - 3;

        while (*q != '"')
            q--;
        last = (struct span){ q, t.data.s + t.data.len - 1 - q };
        *count = t.data.len / (last.len + 1);
    } else {
        while (treetext_next (t.data, &pos, &name, &value) == 1) {
            last = value;
            (*count)++;
        }
    }
    *offset = (last.s ? last.s : t.data.s + 1) - kvs_dirent_text (e);
    ref[0] = '\0';
    if (last.s && json_span_plain (last, &inner) && inner.len < BLOBREF_MAX_SIZE) {
        memcpy (ref, inner.s, inner.len);
        ref[inner.len] = '\0';
    }
    return 0;
}

static void supersede (struct kvs_tree *t, const char *ref)
{
    unsigned char digest[DIGEST_MAX_SIZE];

    if (blobref_decode (ref, digest) == (ssize_t)digest_size (t->digest))
        buf_add (&t->gone, digest, digest_size (t->digest));
}

/* A log that grows by small pieces must not become a long list of tiny
 * blobs: the last one is written anew while it is short and at hand. The longer the
 * list, which is written anew, too, the longer the last one may be: so to append costs
 * as the root of what is there. */
static size_t tail_max (const struct apply *a, size_t count)
{
    size_t max = TREE_APPEND_BLOB_MAX + count / 256 * TREE_APPEND_BLOB_MAX;

    return max < a->t->blob_max ? max : a->t->blob_max;
}

static int append_valref (struct apply *a, struct place *pl, const struct kvs_dirent *e,
                          const struct kvs_txn_op *op)
{
    char ref[BLOBREF_MAX_SIZE], newref[BLOBREF_MAX_SIZE];
    size_t offset, count, tail_len = 0, max;
    const char *tail = "";
    struct buf blob = BUF_INIT, text = BUF_INIT;
    struct span bytes = { op->data, op->len };
    bool extend;

    if (last_ref (e, ref, &offset, &count) < 0)
        return -1;
    max = tail_max (a, count);
    extend = ref[0] && kvs_cache_has (a->t->cache, ref)
             && kvs_cache_blob (a->t->cache, ref, &tail, &tail_len) == 0
             && tail_len + op->len <= max;
    if (extend) {
        buf_add (&blob, tail, tail_len);
        buf_add (&blob, op->data, op->len);
        bytes = (struct span){ blob.data, blob.len };
    }
    if (blob.err || add_blob (a, bytes.s, bytes.len, newref) < 0
        || (bytes.len < max
            && kvs_cache_insert (a->t->cache, newref, bytes.s, bytes.len) < 0)) {
        buf_fini (&blob);
        return -1;
    }
    buf_fini (&blob);
    if (extend && !a->t->lru.keep)
        supersede (a->t, ref);
    buf_add (&text, kvs_dirent_text (e),
             extend ? offset : offset + (ref[0] ? strlen (ref) + 2 : 0));
    buf_printf (&text, "%s\"%s\"],\"type\":\"valref\",\"ver\":1}",
                !extend && count > 0 ? "," : "", newref);
    return put_text (a, pl, TREEOBJ_VALREF, &text);
}

/* Together they are more than one blob may be. */
static int put_two (struct apply *a, struct place *pl, const struct buf *value,
                    const struct kvs_txn_op *op)
{
    char first[BLOBREF_MAX_SIZE], second[BLOBREF_MAX_SIZE];
    struct buf text = BUF_INIT;

    if (add_blob (a, value->data, value->len, first) < 0
        || add_blob (a, op->data, op->len, second) < 0)
        return -1;
    buf_printf (&text, "{\"data\":[\"%s\",\"%s\"],\"type\":\"valref\",\"ver\":1}",
                first, second);
    return put_text (a, pl, TREEOBJ_VALREF, &text);
}

static int append (struct apply *a, struct place *pl, const struct kvs_txn_op *op)
{
    struct kvs_loader loader = work_loader (a->t);
    struct kvs_dirent *e = kvs_dir_find (pl->dir, pl->name, pl->len, &loader);
    struct treetext t;
    struct buf b = BUF_INIT;
    int rc;

    if (!e && errno != ENOENT)
        return -1;
    if (e && (e->type == TREEOBJ_DIRREF || e->type == TREEOBJ_SYMLINK)) {
        errno = e->type == TREEOBJ_DIRREF ? EISDIR : EOPNOTSUPP;
        return -1;
    }
    if (e && op->len == 0)
        return 0;
    if (e && e->type == TREEOBJ_VALREF)
        return append_valref (a, pl, e, op);
    if (e
        && (treetext_parse (kvs_dirent_text (e), e->text_len, &t) < 0
            || treetext_val_decode (&t, &b) < 0)) {
        buf_fini (&b);
        return -1;
    }
    if (b.len > 0 && op->len <= a->t->blob_max && b.len + op->len > a->t->blob_max) {
        rc = put_two (a, pl, &b, op);
    } else {
        buf_add (&b, op->data, op->len);
        rc = put_value (a, pl, b.data, b.len, TREE_APPEND_INLINE_MAX);
    }
    buf_fini (&b);
    return rc;
}

/* A dir object: its entries become nodes, hashed with all else. */
static int put_dir (struct apply *a, struct place *pl, const char *s, size_t len)
{
    struct kvs_dirent *e;

    if (len > TREE_ENTRY_MAX) {
        errno = EFBIG;
        return -1;
    }
    if (!(e = kvs_dirent_create (pl->name, pl->len, TREEOBJ_DIRREF, NULL, 0))
        || !(e->child = kvs_node_decode (&a->t->lru, s, len, 0))) {
        kvs_dirent_destroy (e, NULL, 0);
        return -1;
    }
    return put (a, pl->dir, e);
}

static int put_treeobj (struct apply *a, struct place *pl, const struct kvs_txn_op *op)
{
    static const char empty[] = "{\"data\":{},\"type\":\"dir\",\"ver\":1}";
    json_t *o;
    struct treetext t;
    struct buf b = BUF_INIT;
    char *s = NULL;
    size_t len;
    int rc = -1;

    if (op->len == sizeof (empty) - 1 && !memcmp (op->data, empty, op->len))
        return put_dir (a, pl, op->data, op->len);
    if (!(o = treeobj_decode (op->data, op->len)) || !treeobj_valid (o, true)
        || !(s = treeobj_encode (o, &len)) || treetext_parse (s, len, &t) < 0) {
        errno = EINVAL;
    } else if (t.type == TREEOBJ_DIR) {
        a->t->pin = true;
        rc = put_dir (a, pl, s, len);
    } else if (t.type == TREEOBJ_VAL) {
        if (treetext_val_decode (&t, &b) == 0)
            rc = put_value (a, pl, b.data, b.len, TREE_INLINE_MAX);
    } else {
        a->t->pin = a->t->pin || t.type != TREEOBJ_SYMLINK;
        buf_add (&b, s, len);
        rc = put_text (a, pl, t.type, &b);
    }
    json_decref (o);
    free (s);
    buf_fini (&b);
    return rc;
}

static int unlink_key (struct apply *a, struct place *pl)
{
    struct kvs_loader loader = work_loader (a->t);

    if (!pl->dir)
        return 0;
    if (!kvs_dir_find (pl->dir, pl->name, pl->len, &loader))
        return errno == ENOENT ? 0 : -1;
    return remove_entry (a, pl->dir, pl->name, pl->len);
}

static void note_change (struct kvs_tree *t, const char *key, char kind)
{
    buf_addc (&t->changes, kind);
    buf_add (&t->changes, key, strlen (key) + 1);
}

bool kvs_change_next (const struct buf *changes, size_t *pos, struct kvs_change *c)
{
    if (*pos >= changes->len)
        return false;
    c->deep = changes->data[*pos] == 'D';
    c->append = changes->data[*pos] == 'A';
    c->key = changes->data + *pos + 1;
    *pos += strlen (c->key) + 2;
    return true;
}

/* The entry that the operation is about to replace is a directory? */
static bool replaces_dir (struct apply *a, struct place *pl)
{
    struct kvs_loader loader = work_loader (a->t);
    struct kvs_dirent *e = kvs_dir_find (pl->dir, pl->name, pl->len, &loader);

    return e && e->type == TREEOBJ_DIRREF;
}

static int apply_at (struct apply *a, struct place *pl, const struct kvs_txn_op *op)
{
    struct kvs_loader loader = work_loader (a->t);

    /* The way to the entry has to be in memory before it is set. */
    if (pl->dir && !kvs_dir_find (pl->dir, pl->name, pl->len, &loader)
        && errno != ENOENT)
        return -1;
    if (op->kind == KVS_TXN_UNLINK)
        return unlink_key (a, pl);
    if (op->kind == KVS_TXN_TREEOBJ)
        return put_treeobj (a, pl, op);
    if (op->flags & FLUX_KVS_APPEND)
        return append (a, pl, op);
    return put_value (a, pl, op->data, op->len, TREE_INLINE_MAX);
}

static char kind_of (struct apply *a, struct place *pl, const struct kvs_txn_op *op)
{
    if (op->kind != KVS_TXN_VALUE || (pl->dir && replaces_dir (a, pl)))
        return 'D';
    return (op->flags & FLUX_KVS_APPEND) ? 'A' : 'K';
}

static int apply_op (struct apply *a, const struct kvs_txn_op *op)
{
    struct place pl = { 0 };
    char kind = 'K';
    int rc;

    if (op->key_len == 0 || !strcmp (op->key, ".")
        || !utf8_valid (op->key, op->key_len)) {
        errno = EINVAL;
        return -1;
    }
    rc = find_place (a, op->key, op->kind != KVS_TXN_UNLINK, &pl);
    if (rc == 0) {
        kind = kind_of (a, &pl, op);
        rc = apply_at (a, &pl, op);
    }
    if (rc == 0) {
        note_change (a->t, op->key, kind);
        if (strcmp (op->key, pl.path.data))
            note_change (a->t, pl.path.data, kind);
        if ((op->flags & KVS_TXN_COLD))
            buf_add (&a->t->cold, pl.path.data, strlen (pl.path.data) + 1);
    }
    buf_fini (&pl.path);
    return rc;
}

/* -1 with ENOTSUP, EAGAIN. */
static int check_within (struct apply *a, const char *dir)
{
    struct kvs_loader loader = work_loader (a->t);
    struct place pl = { 0 };
    struct kvs_dirent *e = NULL;
    int rc = find_place (a, dir, false, &pl);

    if (rc == 0 && pl.dir && !(e = kvs_dir_find (pl.dir, pl.name, pl.len, &loader))
        && errno != ENOENT)
        rc = -1;
    else if (rc == 0 && (!e || e->type != TREEOBJ_DIRREF)) {
        errno = ENOTSUP;
        rc = -1;
    }
    buf_fini (&pl.path);
    return rc;
}

int kvs_tree_apply (struct kvs_tree *t, struct kvs_txn_reader txn, struct buf *blobs)
{
    struct apply a = {
        .t = t,
        .blobs = blobs,
        .blobs_mark = blobs->len,
        .changes_mark = t->changes.len,
        .cold_mark = t->cold.len,
    };
    struct kvs_txn_op op;
    size_t gone_mark = t->gone.len;
    int rc, errnum = 0, count = 0;

    if (txn.within && check_within (&a, txn.within) < 0)
        return -1;
    while ((rc = kvs_txn_next (&txn, &op)) == 1) {
        count++;
        if (apply_op (&a, &op) < 0) {
            if (!errnum || errnum == EAGAIN)
                errnum = errno;
            /* Go on, so that one load brings all that is missing. */
            if (errnum != EAGAIN)
                break;
        }
    }
    if (rc < 0 || (rc == 0 && count != txn.count))
        errnum = EPROTO;
    if (errnum || blobs->err || t->changes.err) {
        rollback (&a);
        t->gone.len = gone_mark;
        free (a.log);
        errno = errnum ? errnum : ENOMEM;
        return -1;
    }
    finish (&a);
    free (a.log);
    return 0;
}

static void look_at (struct kvs_tree *t, const char *key)
{
    struct kvs_loader loader = work_loader (t);
    struct kvs_node *dir = kvs_tree_root (t);
    const char *dot;

    while (dir && (dot = strchr (key, '.'))) {
        struct kvs_dirent *e = kvs_dir_find (dir, key, dot - key, &loader);

        if (!e || e->type != TREEOBJ_DIRREF)
            return;
        dir = e->child ? e->child : load_child (t, dir, e);
        key = dot + 1;
    }
    if (dir)
        kvs_dir_find (dir, key, strlen (key), &loader);
}

void kvs_tree_look (struct kvs_tree *t, struct kvs_txn_reader txn)
{
    struct kvs_txn_op op;

    while (kvs_txn_next (&txn, &op) == 1)
        look_at (t, op.key);
}

/* Batches that may be refused */

void kvs_tree_keep (struct kvs_tree *t)
{
    strcpy (t->kept, t->rootref);
    t->lru.keep = true;
}

void kvs_tree_stored (struct kvs_tree *t)
{
    kvs_images_drop (&t->lru);
}

void kvs_tree_restore (struct kvs_tree *t)
{
    kvs_images_restore (&t->lru);
    strcpy (t->rootref, t->kept);
    buf_reset (&t->gone);
    buf_reset (&t->changes);
    buf_reset (&t->cold);
}

/* Hashing */

/* The entry's text names the child's new digest. What others hold, too, stays. */
static int set_ref (struct kvs_tree *t, struct kvs_dirent **slot)
{
    struct kvs_dirent *e = *slot, *ne;
    char ref[BLOBREF_MAX_SIZE];
    struct buf text = BUF_INIT;

    if (blobref_encode (digest_name (t->digest), e->child->digest,
                        digest_size (t->digest), ref)
        < 0)
        return -1;
    treetext_add_dirref (&text, ref);
    if (text.err)
        return -1;
    if (e->text_len == text.len && e->refs == 1) {
        memcpy (e->name + e->name_len + 1, text.data, text.len);
        buf_fini (&text);
        return 0;
    }
    ne = kvs_dirent_create (e->name, e->name_len, e->type, text.data, text.len);
    t->lru.bytes += text.len - e->text_len;
    buf_fini (&text);
    if (!ne)
        return -1;
    ne->child = e->child;
    ne->child->slot = ne;
    *slot = ne;
    kvs_dirent_destroy (e, NULL, 0);
    return 0;
}

static int hash_node (struct kvs_tree *t, struct kvs_node *n, struct buf *blobs);

static int hash_child (struct kvs_tree *t, struct kvs_node *n, struct kvs_dirent **slot,
                       struct buf *blobs)
{
    struct kvs_node *child = (*slot)->child;
    size_t mark = blobs->len;

    if (hash_node (t, child, blobs) < 0)
        return -1;
    if (blobs->len == mark && (*slot)->text_len > 0)
        return 0; /* it came out as it was */
    return kvs_node_save (n) < 0 ? -1 : set_ref (t, slot);
}

static int hash_node (struct kvs_tree *t, struct kvs_node *n, struct buf *blobs)
{
    size_t size = digest_size (t->digest), offset;
    unsigned char digest[DIGEST_MAX_SIZE];

    if (!n->hashed && kvs_node_save (n) < 0)
        return -1;
    for (uint32_t i = 0; n->loaded > 0 && i < (n->hdir ? NODE_FANOUT : n->count); i++) {
        struct kvs_dirent *e = n->ent[i];

        if (e && e->child && e->child->dirty
            && hash_child (t, n, &n->ent[i], blobs) < 0)
            return -1;
    }
    offset = blobs_open (blobs, size);
    kvs_node_encode (n, false, blobs);
    if (!blobs->err && blobs->len - offset > t->blob_max) {
        errno = EFBIG;
        return -1;
    }
    if (blobs->err
        || digest_hash (t->digest, blobs->data + offset, blobs->len - offset, digest)
               < 0) {
        errno = ENOMEM;
        return -1;
    }
    if (n->hashed && !memcmp (digest, n->digest, size)) {
        blobs->len = offset - 5 - size; /* it came out as it was */
    } else {
        blobs_close (blobs, offset, digest, size);
        if (n->hashed && !t->lru.keep)
            buf_add (&t->gone, n->digest, size);
    }
    memcpy (n->digest, digest, size);
    n->hashed = true;
    n->dirty = false;
    return 0;
}

int kvs_tree_hash (struct kvs_tree *t, struct buf *blobs)
{
    size_t size = digest_size (t->digest);

    if (!t->root || !t->root->dirty)
        return 0;
    if (t->pin)
        blobs_pin (blobs);
    if (hash_node (t, t->root, blobs) < 0)
        return -1;
    for (size_t i = 0; i < t->gone.len; i += size)
        blobs_supersede (blobs, t->gone.data + i, size);
    buf_reset (&t->gone);
    t->pin = false;
    return blobref_encode (digest_name (t->digest), t->root->digest, size, t->rootref);
}

/* It can be loaded again. */
static bool may_go (const struct kvs_node *n)
{
    return !n->dirty && !n->image && n->parent && n->slot && n->slot->text_len > 0;
}

/* Children before parents: a pass may make others free to go. */
static void evict (struct kvs_tree *t, uint32_t age, size_t max_bytes, bool both)
{
    size_t last;

    do {
        last = t->lru.bytes;
        for (struct list *l = t->lru.nodes.prev; l != &t->lru.nodes;) {
            struct kvs_node *n = container_of (l, struct kvs_node, lru_node);
            bool old = t->lru.epoch - n->epoch > age, many = t->lru.bytes > max_bytes;

            l = l->prev;
            if (n->epoch == t->lru.epoch || !(both ? old && many : old || many))
                break;
            if (n != t->root && may_go (n) && n->loaded == 0)
                kvs_node_destroy (n);
        }
    } while (t->lru.bytes < last);
}

size_t kvs_tree_evict (struct kvs_tree *t, uint32_t age, size_t max_bytes)
{
    size_t before = t->lru.bytes;

    evict (t, age, max_bytes, false);
    return before - t->lru.bytes;
}

void kvs_tree_shrink (struct kvs_tree *t, uint32_t min_age, size_t max_bytes)
{
    if (t->lru.bytes > max_bytes) {
        t->lru.epoch++;
        evict (t, min_age, max_bytes, true);
    }
}

static struct kvs_node *load_nothing (void *arg, struct kvs_node *parent,
                                      struct kvs_dirent *e)
{
    errno = EAGAIN;
    return NULL;
}

/* The directory that holds the key, if it is in memory, and is not the root. */
static struct kvs_node *loaded_dir (struct kvs_tree *t, const char *key)
{
    struct kvs_loader loader = { load_nothing, NULL, false };
    struct kvs_node *n = t->root;
    const char *dot;

    while (n && (dot = strchr (key, '.'))) {
        struct kvs_dirent *e = kvs_dir_find (n, key, dot - key, &loader);

        n = e ? e->child : NULL;
        key = dot + 1;
    }
    return n && n != t->root ? n : NULL;
}

void kvs_tree_cool (struct kvs_tree *t)
{
    const char *key = t->cold.data;

    for (size_t pos = 0; !t->cold.err && pos < t->cold.len;) {
        struct kvs_node *n = loaded_dir (t, key + pos);

        if (n && may_go (n))
            kvs_node_destroy (n);
        pos += strlen (key + pos) + 1;
    }
    buf_fini (&t->cold);
}
