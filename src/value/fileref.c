#include "value/fileref.h"

#include "base/encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- names --- */

/* The next component; its length, 0 at the end. Skips slashes before it. */
static size_t next_component (const char **pos)
{
    *pos += strspn (*pos, "/");
    return strcspn (*pos, "/");
}

static bool is_dots (const char *s, size_t len, size_t dots)
{
    return len == dots && !strncmp (s, "..", dots);
}

bool fileref_path_ok (const char *path)
{
    const char *pos = path;

    for (;;) {
        size_t len = strcspn (pos, "/");

        if (len == 0 || is_dots (pos, len, 1) || is_dots (pos, len, 2))
            return false;
        if (pos[len] == '\0')
            return true;
        pos += len + 1;
    }
}

static int depth_of (const char *path)
{
    int depth = 0;

    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

/* Names after a name cannot be taken back by a "..": that name may be a link. */
bool fileref_link_ok (const char *path, const char *target)
{
    const char *pos = target;
    int up = 0;
    bool down = false;
    size_t len;

    if (*target == '/' || *target == '\0')
        return false;
    for (; (len = next_component (&pos)) > 0; pos += len) {
        if (is_dots (pos, len, 2)) {
            if (down)
                return false;
            up++;
        } else if (!is_dots (pos, len, 1)) {
            down = true;
        }
    }
    return up <= depth_of (path);
}

char *fileref_path_normalize (const char *path)
{
    const char *pos = path;
    char *copy = calloc (1, strlen (path) + 1), *end = copy;
    size_t len;

    if (!copy)
        return NULL;
    for (; (len = next_component (&pos)) > 0; pos += len) {
        if (is_dots (pos, len, 1))
            continue;
        if (is_dots (pos, len, 2)) {
            free (copy);
            errno = EINVAL;
            return NULL;
        }
        if (end > copy)
            *end++ = '/';
        memcpy (end, pos, len);
        end += len;
    }
    return copy;
}

/* --- regions --- */

static bool blobref_looks_well (const char *s)
{
    const char *hex = strchr (s, '-');
    size_t n = hex ? strlen (hex + 1) : 0;

    return n > 0 && n % 2 == 0 && n <= 128 && strspn (hex + 1, "0123456789abcdef") == n;
}

size_t fileref_region_count (const struct fileref *f)
{
    return json_array_size (f->data);
}

void fileref_region (const struct fileref *f, size_t i, struct fileref_region *r)
{
    json_t *o = json_array_get (f->data, i);

    r->offset = json_integer_value (json_array_get (o, 0));
    r->size = json_integer_value (json_array_get (o, 1));
    r->blobref = json_string_value (json_array_get (o, 2));
}

static const char *check_regions (const struct fileref *f)
{
    int64_t end = 0;

    if (!json_is_array (f->data))
        return "its list of blobs is none";
    for (size_t i = 0; i < fileref_region_count (f); i++) {
        json_t *o = json_array_get (f->data, i);
        struct fileref_region r;

        if (json_array_size (o) != 3 || !json_is_integer (json_array_get (o, 0))
            || !json_is_integer (json_array_get (o, 1))
            || !json_is_string (json_array_get (o, 2)))
            return "a blob of it is none";
        fileref_region (f, i, &r);
        if (!blobref_looks_well (r.blobref))
            return "a blob of it has no blobref";
        if (r.offset < end || r.size < 0 || r.size > f->size
            || r.offset > f->size - r.size)
            return "its blobs do not fit";
        end = r.offset + r.size;
    }
    return NULL;
}

/* --- objects --- */

static const char *decode_encoded (struct fileref *f, const char *encoding)
{
    if (f->size < 0)
        return "it has no size";
    if (!strcmp (encoding, "blobvec")) {
        f->content = FILEREF_BLOBVEC;
        return check_regions (f);
    }
    if (!json_is_string (f->data))
        return "its data is no string";
    f->text = json_string_value (f->data);
    f->len = json_string_length (f->data);
    if (!strcmp (encoding, "utf-8")) {
        f->content = FILEREF_TEXT;
        return (int64_t)f->len == f->size ? NULL : "its size is not that of its data";
    }
    f->content = FILEREF_BASE64;
    return strcmp (encoding, "base64") ? "its encoding is unknown" : NULL;
}

static const char *decode_file (struct fileref *f, json_t *encoding, json_t *size)
{
    if (size && (!json_is_integer (size) || json_integer_value (size) < 0))
        return "its size is none";
    f->size = size ? json_integer_value (size) : -1;
    if (json_is_string (encoding))
        return decode_encoded (f, json_string_value (encoding));
    if (encoding)
        return "its encoding is unknown";
    if (f->data) {
        f->content = FILEREF_JSON;
        return size ? "it has data without an encoding, and a size" : NULL;
    }
    return size ? NULL : "it has no size";
}

static const char *decode_link (struct fileref *f)
{
    f->content = FILEREF_LINK;
    f->text = json_string_value (f->data);
    f->len = json_string_length (f->data);
    return f->len > 0 ? NULL : "it leads nowhere";
}

static const char *decode (const json_t *o, struct fileref *f)
{
    json_t *mode = json_object_get (o, "mode"), *mtime = json_object_get (o, "mtime");
    json_t *encoding = json_object_get (o, "encoding"),
           *size = json_object_get (o, "size");

    f->path = json_string_value (json_object_get (o, "path"));
    f->data = json_object_get (o, "data");
    if (!f->path)
        return "it has no path";
    if (!fileref_path_ok (f->path))
        return "its path is not one below a directory";
    if (!json_is_integer (mode) || json_integer_value (mode) < 0
        || json_integer_value (mode) > 0177777)
        return "it has no mode";
    f->mode = json_integer_value (mode);
    f->mtime = json_is_integer (mtime) ? json_integer_value (mtime) : -1;
    if (S_ISREG (f->mode))
        return decode_file (f, encoding, size);
    if (S_ISLNK (f->mode))
        return decode_link (f);
    if (!S_ISDIR (f->mode))
        return "it is no file, directory or link";
    return f->data ? "it is a directory with data" : NULL;
}

int fileref_decode (const json_t *o, struct fileref *f, const char **why)
{
    memset (f, 0, sizeof (*f));
    if (!(*why = json_is_object (o) ? decode (o, f) : "it is no object"))
        return 0;
    errno = EINVAL;
    return -1;
}

static char *bytes_of_base64 (const struct fileref *f, size_t *len)
{
    char *bytes = malloc (f->len / 4 * 3 + 1);
    ssize_t n;

    if (!bytes)
        return NULL;
    if ((n = base64_decode (bytes, f->text, f->len)) < 0 || n != f->size) {
        free (bytes);
        errno = EINVAL;
        return NULL;
    }
    bytes[n] = '\0';
    *len = n;
    return bytes;
}

char *fileref_bytes (const struct fileref *f, size_t *len)
{
    char *bytes;

    if (f->content == FILEREF_BASE64)
        return bytes_of_base64 (f, len);
    if (f->content == FILEREF_JSON)
        bytes = json_dumps (f->data, JSON_ENCODE_ANY | JSON_COMPACT);
    else
        bytes = strdup (f->text);
    if (!bytes)
        errno = ENOMEM;
    else
        *len = strlen (bytes);
    return bytes;
}
