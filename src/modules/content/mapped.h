/* Blobs that are regions of files (flux archive --mmap): known by digest, read when
 * somebody asks for one, and never kept. Each belongs to a tag (the archive) and to a
 * session (the command that made it), and goes with them.
 *
 * A region is what it was when it was added, or it is EBADMSG: its digest is checked
 * whenever it is read. */
#ifndef CONTENT_MAPPED_H
#define CONTENT_MAPPED_H

#include "base/buf.h"
#include "base/digest.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define MAPPED_REGION_MAX (64 * 1024 * 1024)
#define MAPPED_REGIONS_MAX (1024 * 1024)
#define MAPPED_TAG_MAX 1024 /* bytes of a name */

struct mapped;

struct mapped *mapped_create (struct digest *digest); /* borrowed */
void mapped_destroy (struct mapped *m);

/* Whether it could be added. path is absolute. -1 with errno (EINVAL, EFBIG: too large;
 * ENOSPC: too many; ENAMETOOLONG: the tag). */
int mapped_check (const struct mapped *m, const char *tag, int64_t session,
                  const char *path, int64_t offset, int64_t size);
/* digest: of the region, as it was read (readers.h). -1 with errno as above, ENOMEM. */
int mapped_add (struct mapped *m, const char *tag, int64_t session, const char *path,
                int64_t offset, int64_t size, const void *digest);
/* All regions of a tag; only: of this session; except: but those of this one (0:
 * neither). The number of regions. */
size_t mapped_remove (struct mapped *m, const char *tag, int64_t only, int64_t except);

bool mapped_has (const struct mapped *m, const void *digest);
/* -1 with errno: ENOENT if there is no such region; EBADMSG (the file changed) and what
 * opening and reading may give, and *path is that of the file. */
int mapped_read (struct mapped *m, const void *digest, struct buf *out,
                 const char **path);

/* {"tags": {NAME: [PATH, ...]}, "blobs": N}, or NULL. */
json_t *mapped_stats (const struct mapped *m);

#endif
