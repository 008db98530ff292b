/* KVS client (RFC 11).
 *
 * Calls fail with -1 or NULL and errno: EINVAL where an argument is no good, ENOMEM.
 * The service's errors come with the future: ENOSYS if kvs is not loaded, ENOTSUP if
 * there is no such namespace, EPERM if it is another user's, EAGAIN if too much waits
 * already. Futures are to be destroyed. Getters wait for the answer; what they hand out
 * is the future's until it is reset or destroyed; what is not wanted may be NULL.
 *
 * ns NULL or empty: $FLUX_KVS_NAMESPACE, else primary. "job-ID", as made by
 * flux_job_kvs_namespace(), is the guest directory of a job (RFC 16). Keys are names
 * joined by dots; "." is the root. */
#ifndef FLUX_KVS_H
#define FLUX_KVS_H

#include <flux/rpc.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KVS_PRIMARY_NAMESPACE "primary"
#define KVS_CHECKPOINT_DEFAULT "kvs-primary"

enum kvs_op {
    FLUX_KVS_READDIR = 1,
    FLUX_KVS_READLINK = 2,
    FLUX_KVS_WATCH = 4,          /* again whenever a commit names the key */
    FLUX_KVS_WAITCREATE = 8,     /* wait rather than ENOENT */
    FLUX_KVS_TREEOBJ = 16,       /* the tree object as it is: references stay such */
    FLUX_KVS_APPEND = 32,        /* of put and put_raw alone */
    FLUX_KVS_WATCH_FULL = 64,    /* whenever the value differs */
    FLUX_KVS_WATCH_UNIQ = 128,   /* if it is named, and differs */
    FLUX_KVS_WATCH_APPEND = 256, /* only what is new; EINVAL once it is replaced */
    FLUX_KVS_STREAM = 512, /* a large value in pieces; without WATCH, ENODATA ends */
    FLUX_KVS_WATCH_INITIAL_SENTINEL = 1024, /* an empty answer behind the first value */
};
enum kvs_commit_flags {
    FLUX_KVS_NO_MERGE = 1,    /* a root of its own, so that no watcher misses it */
    FLUX_KVS_TXN_COMPACT = 2, /* what is appended to a key becomes one blob */
    FLUX_KVS_SYNC = 4,        /* on the disk, with a checkpoint, before the answer */
};

typedef struct flux_kvs_txn flux_kvs_txn_t;
typedef struct flux_kvsdir flux_kvsdir_t;
typedef struct flux_kvsitr flux_kvsitr_t;

/* At most one of READDIR, READLINK and TREEOBJ; WATCH_* go with WATCH. The answer may
 * say ENOENT, EISDIR (without READDIR), ENOTDIR (with it), EINVAL (READLINK, and it is
 * no link), ELOOP (more than 10 links), EFBIG (a value above 1 GiB), or EBADMSG (the
 * store lost or damaged it).
 *
 * With WATCH or STREAM the future is to be reset after each answer. A watch ends with
 * an error: ENOENT if the key is removed, ENOTSUP if the namespace is, ENODATA after
 * cancel.
 *
 * lookupat: in a snapshot: a dirref (EINVAL for others), as get_treeobj makes them. It
 * is not to be watched, and the instance owner's alone. treeobj NULL: as lookup. */
flux_future_t *flux_kvs_lookup (flux_t *h, const char *ns, int flags, const char *key);
flux_future_t *flux_kvs_lookupat (flux_t *h, int flags, const char *key,
                                  const char *treeobj);
/* The value, with a NUL behind it; NULL if it is empty. EINVAL: it is no value. */
int flux_kvs_lookup_get (flux_future_t *f, const char **value);
int flux_kvs_lookup_get_raw (flux_future_t *f, const void **data, size_t *len);
/* As json_unpack of jansson; the value may be any JSON. EINVAL if it does not fit. */
int flux_kvs_lookup_get_unpack (flux_future_t *f, const char *fmt, ...);
/* JSON text of RFC 11, of any answer; NULL: the sentinel. */
int flux_kvs_lookup_get_treeobj (flux_future_t *f, const char **treeobj);
/* EINVAL: no directory (READDIR), no link (READLINK). *ns: NULL if it names none. */
int flux_kvs_lookup_get_dir (flux_future_t *f, const flux_kvsdir_t **dir);
int flux_kvs_lookup_get_symlink (flux_future_t *f, const char **ns,
                                 const char **target);
/* The key as it was given. cancel: EINVAL without WATCH, WAITCREATE or STREAM; answers
 * may come until one says ENODATA. */
const char *flux_kvs_lookup_get_key (flux_future_t *f);
int flux_kvs_lookup_cancel (flux_future_t *f);

/* All of a transaction or nothing, in its order. txn stays the caller's; it is needed
 * no longer when this returns. Answered when this rank sees the new root; on others,
 * see flux_kvs_wait_version(). EINVAL: a key is "." or not UTF-8, or a link on its way
 * leads into another namespace; ELOOP; EISDIR, EOPNOTSUPP: append to a directory, to a
 * link; EFBIG: above the limit for blobs; ENOTSUP: SYNC without a store, or not in
 * primary; or why the store fails. */
flux_future_t *flux_kvs_commit (flux_t *h, const char *ns, int flags,
                                flux_kvs_txn_t *txn);
/* Of the new root: as a dirref, as a blobref; its number (EOVERFLOW above INT_MAX). */
int flux_kvs_commit_get_treeobj (flux_future_t *f, const char **treeobj);
int flux_kvs_commit_get_rootref (flux_future_t *f, const char **rootref);
int flux_kvs_commit_get_sequence (flux_future_t *f, int *seq);

/* A list of changes, to be destroyed. What goes in is copied; what is refused is not
 * added. Directories on the way are made; what is in the way is replaced. */
flux_kvs_txn_t *flux_kvs_txn_create (void);
void flux_kvs_txn_destroy (flux_kvs_txn_t *txn);
/* flags: 0, or APPEND for put and put_raw. put: without its NUL; NULL: empty. pack: any
 * JSON, as json_pack of jansson. put_raw: less than 4 GiB. put_treeobj: JSON text of
 * RFC 11 (EINVAL); what it refers to is not looked for. unlink: with all below; none is
 * no error. symlink: ns NULL: that of the key; the target need not exist. */
int flux_kvs_txn_put (flux_kvs_txn_t *txn, int flags, const char *key,
                      const char *value);
int flux_kvs_txn_pack (flux_kvs_txn_t *txn, int flags, const char *key, const char *fmt,
                       ...);
int flux_kvs_txn_vpack (flux_kvs_txn_t *txn, int flags, const char *key,
                        const char *fmt, va_list ap);
int flux_kvs_txn_put_raw (flux_kvs_txn_t *txn, int flags, const char *key,
                          const void *data, size_t len);
int flux_kvs_txn_put_treeobj (flux_kvs_txn_t *txn, int flags, const char *key,
                              const char *treeobj);
int flux_kvs_txn_mkdir (flux_kvs_txn_t *txn, int flags, const char *key);
int flux_kvs_txn_unlink (flux_kvs_txn_t *txn, int flags, const char *key);
int flux_kvs_txn_symlink (flux_kvs_txn_t *txn, int flags, const char *key,
                          const char *ns, const char *target);
int flux_kvs_txn_clear (flux_kvs_txn_t *txn);
bool flux_kvs_txn_is_empty (flux_kvs_txn_t *txn);

/* flags: 0. Rank 0 answers, at once: cancel does nothing. Getters as of a commit. */
flux_future_t *flux_kvs_getroot (flux_t *h, const char *ns, int flags);
int flux_kvs_getroot_get_treeobj (flux_future_t *f, const char **treeobj);
int flux_kvs_getroot_get_blobref (flux_future_t *f, const char **blobref);
int flux_kvs_getroot_get_sequence (flux_future_t *f, int *seq);
int flux_kvs_getroot_get_owner (flux_future_t *f, uint32_t *owner);
void flux_kvs_getroot_cancel (flux_future_t *f);

/* The instance owner's alone. flags: 0. owner FLUX_USERID_UNKNOWN: the instance's.
 * rootref: a blobref (RFC 10), which is not looked for; NULL: empty. EEXIST; EINVAL:
 * the name has more than 200 bytes or others than letters, digits and -_.:+=@%/, or
 * rootref is none; ENOSPC: there are too many. remove: none is no error; ENOTSUP:
 * primary, a job's; EBUSY: a commit is under way. */
flux_future_t *flux_kvs_namespace_create (flux_t *h, const char *ns, uint32_t owner,
                                          int flags);
flux_future_t *flux_kvs_namespace_create_with (flux_t *h, const char *ns,
                                               const char *rootref, uint32_t owner,
                                               int flags);
flux_future_t *flux_kvs_namespace_remove (flux_t *h, const char *ns);
/* These wait. wait_version: until this rank sees that version, or a later one.
 * dropcache: this rank forgets what it can load again; the instance owner's alone. */
int flux_kvs_get_version (flux_t *h, const char *ns, int *version);
int flux_kvs_wait_version (flux_t *h, const char *ns, int version);
int flux_kvs_dropcache (flux_t *h);
/* A value, link or directory with all below it. The future is a commit's, and may also
 * fail as a lookup. Between namespaces a move is two commits: the source goes last. */
flux_future_t *flux_kvs_copy (flux_t *h, const char *srcns, const char *srckey,
                              const char *dstns, const char *dstkey, int commit_flags);
flux_future_t *flux_kvs_move (flux_t *h, const char *srcns, const char *srckey,
                              const char *dstns, const char *dstkey, int commit_flags);

/* A directory as it was read. create: of a dir object (EINVAL for others); rootref, or
 * NULL, is what lookupat was told; the handle is not held. destroy drops a reference.
 * Names are entries, not keys. exists, isdir, issymlink: false on error. From key to
 * rootref dir must not be NULL; texts are the directory's, but key_at, the key of an
 * entry, is to be freed. */
flux_kvsdir_t *flux_kvsdir_create (flux_t *h, const char *rootref, const char *key,
                                   const char *json_str);
flux_kvsdir_t *flux_kvsdir_copy (const flux_kvsdir_t *dir);
void flux_kvsdir_incref (flux_kvsdir_t *dir);
void flux_kvsdir_destroy (flux_kvsdir_t *dir);
int flux_kvsdir_get_size (const flux_kvsdir_t *dir);
bool flux_kvsdir_exists (const flux_kvsdir_t *dir, const char *name);
bool flux_kvsdir_isdir (const flux_kvsdir_t *dir, const char *name);
bool flux_kvsdir_issymlink (const flux_kvsdir_t *dir, const char *name);
const char *flux_kvsdir_key (const flux_kvsdir_t *dir);
char *flux_kvsdir_key_at (const flux_kvsdir_t *dir, const char *key);
void *flux_kvsdir_handle (const flux_kvsdir_t *dir);
const char *flux_kvsdir_rootref (const flux_kvsdir_t *dir);
/* Names, sorted by bytes; NULL ends. They are the directory's, which has to live on. */
flux_kvsitr_t *flux_kvsitr_create (const flux_kvsdir_t *dir);
void flux_kvsitr_destroy (flux_kvsitr_t *itr);
const char *flux_kvsitr_next (flux_kvsitr_t *itr);
void flux_kvsitr_rewind (flux_kvsitr_t *itr);

#ifdef __cplusplus
}
#endif

#endif
