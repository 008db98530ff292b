/* File system objects of an archive (RFC 37). */
#ifndef VALUE_FILEREF_H
#define VALUE_FILEREF_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fileref_content {
    FILEREF_NONE, /* a directory; a file of size bytes without data */
    FILEREF_LINK, /* text: where it leads */
    FILEREF_JSON, /* data, to be written as JSON */
    FILEREF_TEXT, /* text */
    FILEREF_BASE64,
    FILEREF_BLOBVEC, /* data: [[offset, size, blobref], ...], as they follow */
};

struct fileref {
    const char *path;
    int mode;      /* st_mode */
    int64_t size;  /* of a file */
    int64_t mtime; /* -1: unknown */
    enum fileref_content content;
    const char *text; /* FILEREF_LINK, TEXT, BASE64 */
    size_t len;       /* of text */
    json_t *data;     /* borrowed */
};

struct fileref_region {
    int64_t offset;
    int64_t size;
    const char *blobref;
};

/* Borrows from o. -1 with EINVAL if it is none that may be extracted, *why says for
 * which reason: bad names (see below), types, sizes and regions. */
int fileref_decode (const json_t *o, struct fileref *f, const char **why);
/* Of FILEREF_BLOBVEC, after it was decoded. */
size_t fileref_region_count (const struct fileref *f);
void fileref_region (const struct fileref *f, size_t i, struct fileref_region *r);
/* The bytes of a file that holds them itself (JSON, TEXT, BASE64), owned by the
 * caller, NUL-terminated. */
char *fileref_bytes (const struct fileref *f, size_t *len);

/* Relative, and no component is empty, "." or "..". */
bool fileref_path_ok (const char *path);
/* The link at path stays below the directory in which the archive is extracted,
 * whatever other links there are. */
bool fileref_link_ok (const char *path, const char *target);
/* "/a//b/./c/" -> "a/b/c"; "" if nothing is left. NULL with EINVAL if there is a
 * "..", or ENOMEM. Owned by the caller. */
char *fileref_path_normalize (const char *path);

#endif
