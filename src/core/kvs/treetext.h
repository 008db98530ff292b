/* Tree objects (RFC 11) as canonical text, without building JSON values.
 * The KVS keeps, hashes, sends and answers with the text itself; a tree object
 * becomes a json_t only where a person's own JSON comes in. */
#ifndef CORE_KVS_TREETEXT_H
#define CORE_KVS_TREETEXT_H

#include "base/buf.h"
#include "base/json/jscan.h"
#include "value/treeobj.h"

#include <stdbool.h>
#include <stddef.h>

#define TREETEXT_HDIR 100 /* a large directory (RFC 11 hdir) */
#define TREETEXT_DEPTH_MAX 64

struct treetext {
    int type;         /* enum treeobj_type, or TREETEXT_HDIR */
    struct span data; /* the value of "data", quotes included */
};

/* 0, or -1 with EINVAL unless s is one tree object. Spans point into s. */
int treetext_parse (const char *s, size_t len, struct treetext *t);

/* json_span_next, with the quotes of names. */
int treetext_next (struct span obj, size_t *pos, struct span *name, struct span *value);

/* Calls fn for each blobref in a tree object and in those within it; dir: it is a
 * directory's. -1 with EINVAL: it is none, or with fn's errno. */
typedef int (*treetext_ref_f) (void *arg, struct span ref, bool dir);
int treetext_refs (const char *s, size_t len, treetext_ref_f fn, void *arg);

/* Bytes of a val added to b; -1 with EINVAL. */
int treetext_val_decode (const struct treetext *t, struct buf *b);
void treetext_add_val (struct buf *b, const void *data, size_t len);
void treetext_add_dirref (struct buf *b, const char *blobref);
void treetext_add_symlink (struct buf *b, const char *ns, const char *target);

#endif
