/* Many blobs in one message: the payload of content.commit and
 * content-backing.commit, from the KVS leader down to the backing store.
 *
 *   header:  "FBL1", u32 flags, u32 digest size, u32 0
 *   entries: 'B' digest u32-length bytes NUL   a blob
 *            'S' digest                        no tree refers to it any more
 *            'C' u32-length bytes NUL          checkpoint object (JSON text)
 *            'P'                               keep all that is held so far
 *            'H' digest                        whoever stored it may not refer to it yet
 * Integers are little endian. An 'S' lets a store forget a directory that a
 * later commit replaced before it reached the disk; each 'B' counts as one
 * reference, each 'S' takes one back. 'P' ends that for all blobs before it. */
#ifndef CORE_KVS_BLOBS_H
#define CORE_KVS_BLOBS_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

#define BLOB_SIZE_MAX (1024 * 1024 * 1024) /* unless content.blob-size-limit is less */

/* When content.commit answers. Without a flag: when the blobs are in memory,
 * where they stay, dirty, until the backing store has them; an error then says
 * that the store is failing and that no more may be taken, while these blobs
 * are kept all the same (but EPROTO, EFBIG, ENOMEM: nothing was taken).
 *
 * With a flag the answer is the store's: 0, or the errno of its failure
 * (ENOSPC, EIO, ...), and then nothing of the batch is filed or owed: neither
 * blobs nor checkpoint, and no 'S' is applied. Whatever was dirty before goes
 * down before it; if one fails, all that wait behind it fail too.
 * Without a backing store BLOBS_FSYNC is refused (ENOTSUP, with a text);
 * BLOBS_SYNC alone is answered from memory, where a checkpoint waits for a
 * backing store to come. */
enum {
    BLOBS_SYNC = 1,  /* it survives kill -9 of the broker */
    BLOBS_FSYNC = 2, /* it is on the disk, if the directory is kept; implies SYNC */
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
void blobs_hold (struct buf *b, const void *digest, size_t digest_size);
void blobs_checkpoint (struct buf *b, const char *json);
void blobs_pin (struct buf *b);

/* -1 with EPROTO unless it is such a payload. */
int blobs_read (struct blobs_reader *r, const void *data, size_t len);
/* 1: *e is set, 0: end, -1: EPROTO. */
int blobs_next (struct blobs_reader *r, struct blobs_entry *e);

#endif
