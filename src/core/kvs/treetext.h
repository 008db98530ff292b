/* Tree objects (RFC 11) as canonical text, without building JSON values.
 * The KVS keeps, hashes, sends and answers with the text itself; a tree object
 * becomes a json_t only where a person's own JSON comes in. */
#ifndef CORE_KVS_TREETEXT_H
#define CORE_KVS_TREETEXT_H

#include "base/buf.h"
#include "value/treeobj.h"

#include <stdbool.h>
#include <stddef.h>

#define TREETEXT_HDIR 100 /* a large directory (RFC 11 hdir) */
#define TREETEXT_DEPTH_MAX 64

struct span {
    const char *s;
    size_t len;
};

struct treetext {
    int type;         /* enum treeobj_type, or TREETEXT_HDIR */
    struct span data; /* the value of "data", quotes included */
};

/* 0, or -1 with EINVAL unless s is one tree object. Spans point into s. */
int treetext_parse (const char *s, size_t len, struct treetext *t);

/* Iterate over the members of a JSON object (s starts at '{') or the elements
 * of an array ('['). Start with *pos = 0. 1: one more, 0: end, -1: EINVAL.
 * The name is still escaped; value is the text of the value. */
int treetext_next (struct span obj, size_t *pos, struct span *name, struct span *value);

/* The string that a JSON string (quotes included) stands for, added to b.
 * -1 with EINVAL. */
int treetext_unquote (struct span quoted, struct buf *b);
/* Without escapes? Then the text between the quotes is the string. */
bool treetext_plain (struct span quoted, struct span *inner);
void treetext_quote (struct buf *b, const char *s, size_t len);

/* Bytes of a val added to b; -1 with EINVAL. */
int treetext_val_decode (const struct treetext *t, struct buf *b);
void treetext_add_val (struct buf *b, const void *data, size_t len);
void treetext_add_dirref (struct buf *b, const char *blobref);
void treetext_add_symlink (struct buf *b, const char *ns, const char *target);

#endif
