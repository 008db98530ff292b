/* What a store's garbage collection has to keep: a walk from roots over the directories
 * below them, in steps of one blob each. No handle, clock or disk: the store is asked
 * through struct mark_ops. How it is used, and why that loses nothing: ARCHITECTURE.md,
 * "Collection". */
#ifndef CORE_KVS_MARK_H
#define CORE_KVS_MARK_H

#include "base/buf.h"
#include "base/digest.h"

#include <flux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct mark;

/* -1 with errno and a text in *error. */
struct mark_ops {
    /* The blob is to be kept. 1: as a directory, for the first time: what is below it has
     * to be looked at. That it is kept says nothing about that: it may be a value, too,
     * or was stored meanwhile. -1 with ENOENT (without a text): the store does not have
     * it. */
    int (*mark) (void *arg, const void *digest, bool dir, flux_error_t *error);
    /* The bytes of a marked blob replace the content of out. */
    int (*load) (void *arg, const void *digest, struct buf *out, flux_error_t *error);
};

struct mark *mark_create (const struct mark_ops *ops, void *arg, struct digest *digest);
void mark_destroy (struct mark *m);

/* A directory, and all below it. optional: its blob may be missing. May be called at
 * any time. -1 as the ops, or EINVAL. */
int mark_root (struct mark *m, const char *ref, bool optional, flux_error_t *error);

/* Looks into one directory. 1: there is more, 0: there is none, but if there are blobs
 * that are asked for elsewhere (mark_wanted). -1: the walk cannot be ended. */
int mark_step (struct mark *m, flux_error_t *error);

/* A directory that the store does not have: is it on its way there? Then *digest
 * (borrowed until the next call) is to be answered with mark_found. */
bool mark_wanted (struct mark *m, const void **digest);
/* data NULL: nobody has it. */
int mark_found (struct mark *m, const void *digest, const void *data, size_t len,
                flux_error_t *error);
/* Neither step nor answer is left; -1 with EBADMSG if a directory was missing. */
int mark_check (struct mark *m, flux_error_t *error);
bool mark_is_done (const struct mark *m);

#endif
