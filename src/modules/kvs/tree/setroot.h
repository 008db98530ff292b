/* The event that tells all ranks about a new root: its payload, as text. */
#ifndef KVS_SETROOT_H
#define KVS_SETROOT_H

#include "base/digest.h"
#include "core/kvs/treetext.h"

#include <stdint.h>

struct kvs_setroot {
    char ns[256];
    char rootref[BLOBREF_MAX_SIZE];
    int64_t sequence;
    uint32_t owner;
    struct span rootdir; /* canonical text of the root directory; may be empty */
};

/* Reads once over the text, without a copy of what is large. Unknown members are passed
 * over. -1 with EPROTO. */
int kvs_setroot_decode (const char *s, size_t len, struct kvs_setroot *root);

#endif
