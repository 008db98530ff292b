#include "modules/content-backing/root.h"

#include "base/error.h"
#include "base/json/jsontext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void root_name_blob (struct digest *d, const void *hash, const char *what,
                     flux_error_t *error)
{
    char ref[BLOBREF_MAX_SIZE] = "?";

    blobref_encode (digest_name (d), hash, digest_size (d), ref);
    if (error)
        snprintf (error->text, sizeof (error->text), "blob %s: %s", ref, what);
}

int root_check_blob (struct digest *d, const void *hash, const void *data, size_t len)
{
    unsigned char actual[DIGEST_MAX_SIZE];

    if (digest_hash (d, data, len, actual) < 0)
        return -1;
    if (memcmp (actual, hash, digest_size (d)) != 0) {
        errno = EBADMSG;
        return -1;
    }
    return 0;
}

static int root_of (struct digest *d, const char *json, unsigned char *hash, char *ref,
                    flux_error_t *error)
{
    struct span text, value, inner;
    ssize_t size;

    if (jsontext_value (json, strlen (json), &text) < 0
        || jsontext_get (text, "rootref", &value) < 0 || !jsontext_plain (value, &inner)
        || inner.len >= BLOBREF_MAX_SIZE)
        return error_fail (error, EBADMSG, "the newest checkpoint names no root");
    memcpy (ref, inner.s, inner.len);
    ref[inner.len] = '\0';
    if ((size = blobref_decode (ref, hash)) < 0)
        return error_fail (error, EBADMSG, "the newest checkpoint names no root");
    if ((size_t)size != digest_size (d))
        return error_fail (error, EBADMSG, "its root is %s, but content.hash is %s",
                           ref, digest_name (d));
    return 0;
}

int root_check (struct db *db, struct digest *d, const char *checkpoint,
                flux_error_t *error)
{
    unsigned char hash[DIGEST_MAX_SIZE];
    char ref[BLOBREF_MAX_SIZE];
    struct buf out = BUF_INIT;
    int rc;

    if (root_of (d, checkpoint, hash, ref, error) < 0)
        return -1;
    if ((rc = db_load (db, hash, digest_size (d), &out, NULL)) < 0)
        error_fail (error, EBADMSG, "the root %s of the newest checkpoint is %s", ref,
                    errno == ENOENT ? "missing" : "damaged");
    buf_fini (&out);
    return rc;
}
