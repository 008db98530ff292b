/* Directory nodes: what a dir or hdir object (RFC 11) becomes in memory.
 *
 * An entry is its name and the canonical text of its tree object. A directory
 * of more than NODE_MAX entries becomes an hdir of NODE_FANOUT buckets chosen
 * by the hash of the name; a bucket is again a dir or an hdir one level down.
 * So a change costs the hashing of a few small nodes, however large the
 * directory. Entries of a node are sorted, so that equal nodes that grew by the
 * same way have equal digests. */
#ifndef KVS_NODE_H
#define KVS_NODE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/list.h"
#include "core/kvs/treetext.h"

#include <stdbool.h>
#include <stdint.h>

#define NODE_MAX 64
#define NODE_FANOUT 16
#define NODE_LEVEL_MAX 15

struct kvs_node;

struct kvs_dirent {
    struct kvs_node *child; /* of a TREEOBJ_DIRREF: the directory if loaded */
    uint32_t name_len;
    uint32_t text_len;
    uint8_t type; /* VAL VALREF DIRREF SYMLINK */
    bool ref;     /* false: child was never hashed, so text is not set yet */
    uint8_t refs; /* arrays that hold it: a node's, its image's, an undo log */
    char name[];  /* name NUL text NUL */
};

/* Accounting and disuse of the nodes of one tree. */
struct kvs_lru {
    struct list nodes; /* most recently used first */
    size_t bytes;
    uint32_t epoch;
    bool keep;          /* changed nodes leave an image */
    struct list images; /* struct kvs_image */
};

/* What a node's entries are to a reader, or were before a batch. */
struct kvs_entries {
    struct kvs_dirent **ent; /* sorted; of an hdir NODE_FANOUT, some NULL */
    uint32_t count;          /* entries, or buckets in use */
    bool hdir;
};

/* A node as it was when the batch under way began: what readers see until the
 * store has the batch, and what comes back if it refuses. Nodes keep their
 * identity, so that only changed ones cost something. */
struct kvs_image {
    struct list link; /* in lru->images */
    struct kvs_node *node;
    struct kvs_entries was; /* none if the node is new */
    uint32_t cap;
    bool created;
    unsigned char digest[DIGEST_MAX_SIZE];
};

struct kvs_node {
    struct list lru_node;
    struct kvs_lru *lru;
    struct kvs_node *parent; /* NULL for a root */
    struct kvs_dirent *slot; /* in the parent, or taken out of it: owns the node */
    struct kvs_image *image; /* NULL: unchanged since the last that was stored */
    struct kvs_dirent **ent; /* sorted; of an hdir NODE_FANOUT, some NULL */
    uint32_t count;          /* entries, or buckets in use */
    uint32_t cap;
    uint32_t loaded; /* entries with a child in memory */
    uint32_t epoch;  /* of last use */
    uint8_t level;   /* 0, or depth below the hdir's top */
    bool hdir;
    bool dirty;  /* changed since it was hashed */
    bool hashed; /* digest is set */
    bool given;  /* came inline in the parent's text */
    unsigned char digest[DIGEST_MAX_SIZE];
};

/* Finds the directory behind an entry whose child is not in memory:
 * attaches it (kvs_node_attach), or returns NULL with errno (EAGAIN: later). */
struct kvs_loader {
    struct kvs_node *(*load) (void *arg, struct kvs_node *parent, struct kvs_dirent *e);
    void *arg;
    bool stored; /* read what is stored: images, where there are any */
};

void kvs_lru_init (struct kvs_lru *lru);

/* text NULL: a directory that was never hashed. */
struct kvs_dirent *kvs_dirent_create (const char *name, size_t name_len, int type,
                                      const char *text, size_t text_len);
/* Gives back one reference. The last destroys the subtree in memory too; digests
 * of nodes that had been hashed are added to `gone` unless it is NULL. */
void kvs_dirent_destroy (struct kvs_dirent *e, struct buf *gone, size_t digest_size);
static inline const char *kvs_dirent_text (const struct kvs_dirent *e)
{
    return e->name + e->name_len + 1;
}
/* The blobref of a dirref; -1 with EINVAL. */
int kvs_dirent_ref (const struct kvs_dirent *e, char *ref);

struct kvs_node *kvs_node_create (struct kvs_lru *lru);
/* From the text of a dir or hdir object. NULL with EINVAL. level: of the
 * bucket that it is, else 0. */
struct kvs_node *kvs_node_decode (struct kvs_lru *lru, const char *s, size_t len,
                                  int level);
void kvs_node_destroy (struct kvs_node *n);
void kvs_node_attach (struct kvs_node *parent, struct kvs_dirent *e,
                      struct kvs_node *child);
/* The entries for whoever reads what is stored, or works on what will be. */
struct kvs_entries kvs_node_entries (const struct kvs_node *n, bool stored);
/* The entry's tree object. A directory that came inline and was not changed since is
 * still that: it has no blobref. */
void kvs_dirent_encode (const struct kvs_dirent *e, bool stored, struct buf *b);
/* The canonical text of the node; children have to be hashed. */
void kvs_node_encode (const struct kvs_node *n, bool stored, struct buf *b);
/* Leave an image of the node, if the tree is to keep any. -1 with ENOMEM. */
int kvs_node_save (struct kvs_node *n);
/* What has changed is stored: images go. */
void kvs_images_drop (struct kvs_lru *lru);
/* What has changed is undone, to the last bit. */
void kvs_images_restore (struct kvs_lru *lru);
/* Marks the node and those above it as changed. */
void kvs_node_touch_dirty (struct kvs_node *n);
/* The node and those above it are in use. */
void kvs_node_touch (struct kvs_node *n);

/* Operations on a whole directory, given by its top node. */

/* NULL with ENOENT, or the loader's errno. */
struct kvs_dirent *kvs_dir_find (struct kvs_node *dir, const char *name, size_t len,
                                 const struct kvs_loader *loader);
/* The node whose entry e is: dir itself or, if it is an hdir, a leaf below. That
 * one is the parent of e's child. NULL: e was taken out since. */
struct kvs_node *kvs_dir_holder (struct kvs_node *dir, const struct kvs_dirent *e);
/* Leaves images of all nodes that a change of this entry touches. */
int kvs_dir_save (struct kvs_node *dir, const char *name, size_t len);
/* Takes e; the entry that it replaces is handed back (else NULL). The way
 * to it must be loaded: call kvs_dir_find first. -1 with ENOMEM. */
int kvs_dir_set (struct kvs_node *dir, struct kvs_dirent *e, struct kvs_dirent **old);
/* Removes and returns the entry, or NULL. The way must be loaded. */
struct kvs_dirent *kvs_dir_take (struct kvs_node *dir, const char *name, size_t len);
/* A part of a directory, in the order of its buckets, which stays the same however the
 * directory changes: who reads part after part sees each name that is there all the
 * time, once. Whole leaves; at least max_entries of them, or bytes of text, if there
 * are so many. */
struct kvs_page {
    uint64_t from; /* position; 0: the first part */
    size_t max_entries, max_bytes;
    size_t entries, bytes; /* that were found */
    bool more;             /* next is the position of the next part */
    uint64_t next;
};

/* Calls fn for each entry of the page. -1 with the errno of a loader; goes on after
 * EAGAIN, so that one call asks for what the page may need. */
int kvs_dir_page (struct kvs_node *dir, const struct kvs_loader *loader,
                  struct kvs_page *page, void (*fn) (struct kvs_dirent *e, void *arg),
                  void *arg);
/* Calls fn for each entry (in no order if large). -1 with the errno of a
 * loader; goes on after EAGAIN, so that one call asks for all that misses. */
int kvs_dir_foreach (struct kvs_node *dir, const struct kvs_loader *loader,
                     void (*fn) (struct kvs_dirent *e, void *arg), void *arg);

#endif
