/* A transaction as it travels: the payload of a kvs.commit request.
 *
 *   header: "FKT1", u32 commit flags, u32 number of operations,
 *           u32 length of the namespace, namespace, NUL
 *   op:     u8 kind, u8 0, u16 flags, u32 key length, u32 data length,
 *           key, NUL, data, NUL
 * Integers are little endian. Keys are normalised. Values travel as bytes, so
 * that neither side encodes what is stored as a blob. */
#ifndef CORE_KVS_TXN_H
#define CORE_KVS_TXN_H

#include <flux/kvs.h>

#include "base/buf.h"

enum kvs_txn_kind {
    KVS_TXN_VALUE = 1,   /* data: the bytes */
    KVS_TXN_TREEOBJ = 2, /* data: tree object text (RFC 11) */
    KVS_TXN_UNLINK = 3,  /* no data */
};

/* A flag of an operation, beside FLUX_KVS_APPEND: this was the last change for
 * long in the directory that holds the key. The leader drops it from memory. */
#define KVS_TXN_COLD 0x8000

/* A flag of a commit, for services that send commits without waiting for the
 * answers; only the instance owner may use it. flux_kvs_commit() takes it beside
 * the public flags and sends such a commit to rank 0, which promises:
 *  - Ordered commits are applied in the order in which they arrive.
 *  - While the store fails they are held in their place, and are applied when it
 *    is well again. Their number of bytes is bounded.
 *  - If one is refused nevertheless (bad content, or the bound), all that the same
 *    sender has sent since are refused with the same errno, until the sender has
 *    seen it and calls kvs_order_reset(): what was applied is a prefix. */
#define KVS_TXN_ORDERED 0x10000

struct kvs_txn_op {
    int kind;
    int flags; /* FLUX_KVS_APPEND, KVS_TXN_COLD */
    const char *key;
    size_t key_len;
    const char *data; /* NUL-terminated */
    size_t len;
};

struct kvs_txn_reader {
    const char *ns;
    const char *within; /* refused (ENOTSUP) unless this is a directory; or NULL */
    int flags;
    int count;
    const unsigned char *p, *end;
};

/* An operation as it stands; data may be NULL if len is 0. -1 with EINVAL, ENOMEM. */
int kvs_txn_add (flux_kvs_txn_t *txn, int kind, int flags, const char *key,
                 const void *data, size_t len);
/* The payload, appended to b. txn may be NULL: no operations. With FLUX_KVS_TXN_COMPACT
 * what is appended to a key becomes one operation (and one blob), as far as nothing else
 * is changed between. */
void kvs_txn_encode (const flux_kvs_txn_t *txn, const char *ns, int flags,
                     struct buf *b);
/* -1 with EPROTO unless it is such a payload. */
int kvs_txn_read (struct kvs_txn_reader *r, const void *data, size_t len);
/* 1: *op is set (it points into the payload), 0: end, -1: EPROTO. */
int kvs_txn_next (struct kvs_txn_reader *r, struct kvs_txn_op *op);

#endif
