/* Many blobs in one message: the payload of content.commit and
 * content-backing.commit, from the KVS leader down to the backing store.
 *
 *   header:  "FBL1", u32 flags, u32 digest size, u32 0
 *   entries: 'B' digest u32-length bytes NUL   a blob
 *            'S' digest                        no tree refers to it any more
 *            'C' u32-length bytes NUL          checkpoint object (JSON text)
 *            'P'                               keep all that is held so far
 * Integers are little endian. An 'S' lets a store forget a directory that a
 * later commit replaced before it reached the disk; each 'B' counts as one
 * reference, each 'S' takes one back. 'P' ends that for all blobs before it. */
#ifndef CORE_KVS_BLOBS_H
#define CORE_KVS_BLOBS_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

enum {
    BLOBS_SYNC = 1, /* answer when it would survive a crash of the broker */
};

struct blobs_entry {
    char kind;
    const unsigned char *digest;
    const char *data; /* NUL-terminated */
    size_t len;
};

struct blobs_reader {
    const unsigned char *p, *end;
    size_t digest_size;
    int flags;
};

void blobs_begin (struct buf *b, size_t digest_size, int flags);
/* A blob that is written straight into the buffer: open, add, close. */
size_t blobs_open (struct buf *b, size_t digest_size);
void blobs_close (struct buf *b, size_t offset, const void *digest, size_t digest_size);
void blobs_add (struct buf *b, const void *digest, size_t digest_size, const void *data,
                size_t len);
void blobs_supersede (struct buf *b, const void *digest, size_t digest_size);
void blobs_checkpoint (struct buf *b, const char *json);
void blobs_pin (struct buf *b);

/* -1 with EPROTO unless it is such a payload. */
int blobs_read (struct blobs_reader *r, const void *data, size_t len);
/* 1: *e is set, 0: end, -1: EPROTO. */
int blobs_next (struct blobs_reader *r, struct blobs_entry *e);

#endif
