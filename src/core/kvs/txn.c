#include "core/kvs/txn.h"
#include "base/json/json.h"

#include "base/hashmap.h"
#include "core/kvs/treetext.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct flux_kvs_txn {
    struct buf ops; /* already encoded */
    int count;
};

static void put32 (unsigned char *p, uint32_t n)
{
    p[0] = n;
    p[1] = n >> 8;
    p[2] = n >> 16;
    p[3] = n >> 24;
}

static uint32_t get32 (const unsigned char *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

flux_kvs_txn_t *flux_kvs_txn_create (void)
{
    return calloc (1, sizeof (flux_kvs_txn_t));
}

void flux_kvs_txn_destroy (flux_kvs_txn_t *txn)
{
    if (txn) {
        int saved_errno = errno;
        buf_fini (&txn->ops);
        free (txn);
        errno = saved_errno;
    }
}

int flux_kvs_txn_clear (flux_kvs_txn_t *txn)
{
    if (!txn) {
        errno = EINVAL;
        return -1;
    }
    buf_reset (&txn->ops);
    txn->count = 0;
    return 0;
}

bool flux_kvs_txn_is_empty (flux_kvs_txn_t *txn)
{
    return !txn || txn->count == 0;
}

int kvs_txn_add (flux_kvs_txn_t *txn, int kind, int flags, const char *key,
                 const void *data, size_t len)
{
    unsigned char head[12] = { kind, 0, flags, flags >> 8 };
    char *norm;

    if (!txn || !key || (!data && len > 0) || len > UINT32_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (!(norm = kvs_key_normalize (key)))
        return -1;
    put32 (head + 4, strlen (norm));
    put32 (head + 8, len);
    buf_add (&txn->ops, head, sizeof (head));
    buf_add (&txn->ops, norm, strlen (norm) + 1);
    if (len > 0)
        buf_add (&txn->ops, data, len);
    buf_addc (&txn->ops, '\0');
    free (norm);
    if (txn->ops.err) {
        errno = ENOMEM;
        return -1;
    }
    txn->count++;
    return 0;
}

static int check_flags (int flags, int allowed)
{
    if (flags & ~allowed) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

int flux_kvs_txn_put_raw (flux_kvs_txn_t *txn, int flags, const char *key,
                          const void *data, size_t len)
{
    if (check_flags (flags, FLUX_KVS_APPEND | KVS_TXN_COLD) < 0)
        return -1;
    return kvs_txn_add (txn, KVS_TXN_VALUE, flags, key, data, len);
}

int flux_kvs_txn_put (flux_kvs_txn_t *txn, int flags, const char *key,
                      const char *value)
{
    return flux_kvs_txn_put_raw (txn, flags, key, value, value ? strlen (value) : 0);
}

int flux_kvs_txn_vpack (flux_kvs_txn_t *txn, int flags, const char *key,
                        const char *fmt, va_list ap)
{
    json_t *o = NULL;
    char *s = NULL;
    int rc = -1;

    if (!txn || !fmt || check_flags (flags, 0) < 0)
        errno = EINVAL;
    else if ((o = json_vpack_or (EINVAL, NULL, fmt, ap))
             && !(s = json_dumps (o, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS)))
        errno = ENOMEM;
    else if (o)
        rc = flux_kvs_txn_put_raw (txn, flags, key, s, strlen (s));
    free (s);
    json_decref (o);
    return rc;
}

int flux_kvs_txn_pack (flux_kvs_txn_t *txn, int flags, const char *key, const char *fmt,
                       ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = flux_kvs_txn_vpack (txn, flags, key, fmt, ap);
    va_end (ap);
    return rc;
}

int flux_kvs_txn_put_treeobj (flux_kvs_txn_t *txn, int flags, const char *key,
                              const char *treeobj)
{
    json_t *o;
    bool valid;

    if (check_flags (flags, 0) < 0)
        return -1;
    if (!treeobj) {
        errno = EINVAL;
        return -1;
    }
    if (!(o = treeobj_decode (treeobj, strlen (treeobj))))
        return -1;
    valid = treeobj_valid (o, true);
    json_decref (o);
    if (!valid) {
        errno = EINVAL;
        return -1;
    }
    return kvs_txn_add (txn, KVS_TXN_TREEOBJ, 0, key, treeobj, strlen (treeobj));
}

int flux_kvs_txn_mkdir (flux_kvs_txn_t *txn, int flags, const char *key)
{
    static const char empty[] = "{\"data\":{},\"type\":\"dir\",\"ver\":1}";

    if (check_flags (flags, 0) < 0)
        return -1;
    return kvs_txn_add (txn, KVS_TXN_TREEOBJ, 0, key, empty, strlen (empty));
}

int flux_kvs_txn_unlink (flux_kvs_txn_t *txn, int flags, const char *key)
{
    if (check_flags (flags, 0) < 0)
        return -1;
    return kvs_txn_add (txn, KVS_TXN_UNLINK, 0, key, NULL, 0);
}

int flux_kvs_txn_symlink (flux_kvs_txn_t *txn, int flags, const char *key,
                          const char *ns, const char *target)
{
    struct buf b = BUF_INIT;
    int rc = -1;

    if (check_flags (flags, 0) < 0)
        return -1;
    if (!target) {
        errno = EINVAL;
        return -1;
    }
    treetext_add_symlink (&b, ns, target);
    if (!b.err)
        rc = kvs_txn_add (txn, KVS_TXN_TREEOBJ, 0, key, b.data, b.len);
    buf_fini (&b);
    return rc;
}

/* --- FLUX_KVS_TXN_COMPACT --- */

/* What is appended to a key, one after the other. */
struct appends {
    int flags;
    struct buf bytes;
};

static void appends_destroy (void *arg)
{
    struct appends *a = arg;

    buf_fini (&a->bytes);
    free (a);
}

static int collect (struct hashmap *map, struct buf *order, const struct kvs_txn_op *op)
{
    struct appends *a = hashmap_lookup (map, op->key);

    if (!a) {
        if (!(a = calloc (1, sizeof (*a))))
            return -1;
        a->flags = op->flags;
        if (hashmap_insert (map, op->key, a) < 0) {
            free (a);
            return -1;
        }
        buf_add (order, op->key, op->key_len + 1);
    }
    a->flags |= op->flags;
    buf_add (&a->bytes, op->data, op->len);
    return a->bytes.err || order->err ? -1 : 0;
}

/* All that was collected, as operations of `to`. order: the keys, each with its NUL. */
static int flush_appends (struct hashmap *map, struct buf *order, flux_kvs_txn_t *to)
{
    int rc = 0;

    for (size_t pos = 0; pos < order->len && rc == 0;
         pos += strlen (order->data + pos) + 1) {
        const char *key = order->data + pos;
        struct appends *a = hashmap_lookup (map, key);

        rc =
            kvs_txn_add (to, KVS_TXN_VALUE, a->flags, key, a->bytes.data, a->bytes.len);
        hashmap_remove (map, key);
    }
    buf_reset (order);
    return rc;
}

/* Appends become one for each key; what else is changed keeps its place between them. */
static int compact (const flux_kvs_txn_t *txn, flux_kvs_txn_t *to)
{
    struct hashmap *map = hashmap_create (appends_destroy);
    struct kvs_txn_reader r = { .p = (unsigned char *)txn->ops.data,
                                .end = (unsigned char *)txn->ops.data + txn->ops.len };
    struct buf order = BUF_INIT;
    struct kvs_txn_op op;
    int rc = map ? 0 : -1;

    while (rc == 0 && kvs_txn_next (&r, &op) == 1) {
        if (op.kind == KVS_TXN_VALUE && (op.flags & FLUX_KVS_APPEND))
            rc = collect (map, &order, &op);
        else if ((rc = flush_appends (map, &order, to)) == 0)
            rc = kvs_txn_add (to, op.kind, op.flags, op.key, op.data, op.len);
    }
    if (rc == 0)
        rc = flush_appends (map, &order, to);
    buf_fini (&order);
    if (map)
        hashmap_destroy (map);
    return rc;
}

void kvs_txn_encode (const flux_kvs_txn_t *txn, const char *ns, int flags,
                     struct buf *b)
{
    unsigned char head[16] = "FKT1";

    if (txn && txn->count > 1 && (flags & FLUX_KVS_TXN_COMPACT)) {
        flux_kvs_txn_t to = { .count = 0 };

        if (compact (txn, &to) < 0)
            b->err = 1;
        kvs_txn_encode (&to, ns, flags & ~FLUX_KVS_TXN_COMPACT, b);
        buf_fini (&to.ops);
        return;
    }
    put32 (head + 4, flags);
    put32 (head + 8, txn ? txn->count : 0);
    put32 (head + 12, strlen (ns));
    buf_add (b, head, sizeof (head));
    buf_add (b, ns, strlen (ns) + 1);
    if (txn && txn->count > 0)
        buf_add (b, txn->ops.data, txn->ops.len);
}

/* A NUL-terminated string of known length; moves *p behind the NUL. */
static const char *take_string (const unsigned char **p, const unsigned char *end,
                                size_t len)
{
    const char *s = (const char *)*p;

    if ((size_t)(end - *p) < len + 1 || s[len] != '\0')
        return NULL;
    *p += len + 1;
    return s;
}

int kvs_txn_read (struct kvs_txn_reader *r, const void *data, size_t len)
{
    const unsigned char *p = data;

    memset (r, 0, sizeof (*r));
    if (len < 16 || memcmp (p, "FKT1", 4))
        goto proto;
    r->flags = get32 (p + 4);
    r->count = get32 (p + 8);
    r->p = p + 16;
    r->end = p + len;
    if (!(r->ns = take_string (&r->p, r->end, get32 (p + 12)))
        || strlen (r->ns) != get32 (p + 12))
        goto proto;
    return 0;
proto:
    errno = EPROTO;
    return -1;
}

int kvs_txn_next (struct kvs_txn_reader *r, struct kvs_txn_op *op)
{
    const unsigned char *head = r->p;

    if (r->p == r->end)
        return 0;
    if (r->end - r->p < 12)
        goto proto;
    op->kind = head[0];
    op->flags = head[2] | head[3] << 8;
    op->key_len = get32 (head + 4);
    op->len = get32 (head + 8);
    r->p += 12;
    if (op->kind < KVS_TXN_VALUE || op->kind > KVS_TXN_UNLINK
        || !(op->key = take_string (&r->p, r->end, op->key_len))
        || strlen (op->key) != op->key_len
        || !(op->data = take_string (&r->p, r->end, op->len)))
        goto proto;
    return 1;
proto:
    errno = EPROTO;
    return -1;
}
