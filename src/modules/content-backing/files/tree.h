/* The directory of the store, and what is in it:
 *
 *   blobs/ab/cdef...  a blob, under the digits of its hash
 *   new/              files that are being written
 *   NAME              small files of text
 *
 * A file is written in new/ and then renamed, so that a name has all of it or nothing,
 * whenever the broker is killed. A call that fails returns -1 with errno, and leaves
 * nothing behind that was not there. Synced is only what tree_sync is called for. */
#ifndef CONTENT_FILES_TREE_H
#define CONTENT_FILES_TREE_H

#include "base/buf.h"

#include <dirent.h>
#include <flux/types.h>
#include <stdbool.h>
#include <stdint.h>

#define TREE_SUBDIRS 256

struct tree {
    int fd, blobs, new; /* directories, or -1 */
    bool fresh;         /* it was not there before */
};

/* Creates what is not there, with mode 0700; it must be this user's, and nobody else's
 * to write to. One broker may have it. -1: errno and text. */
int tree_open (struct tree *t, const char *path, flux_error_t *error);
void tree_close (struct tree *t);
/* A fresh one may take blobs from here on. */
int tree_ready (struct tree *t);

/* What is there under that name and has the same length stays: 0; 1: it is new. */
int tree_put (struct tree *t, const void *hash, size_t hash_size, const void *data,
              size_t len);
/* The bytes replace the content of out. */
int tree_get (struct tree *t, const void *hash, size_t hash_size, struct buf *out);
/* Its length, or -1. */
int64_t tree_length (struct tree *t, const void *hash, size_t hash_size);
int tree_drop (struct tree *t, const void *hash, size_t hash_size);

/* One of the TREE_SUBDIRS; NULL with ENOENT: there is nothing in it. */
DIR *tree_subdir (struct tree *t, int number);
/* The hash of a file of that name there; -1: it is no blob of that size. */
int tree_hash (int number, const char *name, void *hash, size_t hash_size);

/* sync: 0 when it is on the disk; 1 with errno: it is there, but would perhaps not survive
 * a crash of the machine. */
int tree_write (struct tree *t, const char *name, const char *text, bool sync);
char *tree_read (struct tree *t, const char *name);
int tree_unlink (struct tree *t, const char *name);
/* All that was put so far is on the disk. */
int tree_sync (struct tree *t);

#endif
