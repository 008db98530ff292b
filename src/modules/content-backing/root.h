/* What every store says of blobs, and the roots that its checkpoints name. */
#ifndef CONTENT_BACKING_ROOT_H
#define CONTENT_BACKING_ROOT_H

#include "modules/content-backing/db.h"

/* "blob sha1-...: what", in *error (may be NULL). */
void root_name_blob (struct digest *d, const void *hash, const char *what,
                     flux_error_t *error);
/* Compares the bytes with their hash. -1 with EBADMSG. */
int root_check_blob (struct digest *d, const void *hash, const void *data, size_t len);
/* The root that a checkpoint names is there and whole. -1 with EBADMSG. */
int root_check (struct db *db, struct digest *d, const char *checkpoint,
                flux_error_t *error);

#endif
