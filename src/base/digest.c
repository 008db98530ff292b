/* The algorithms are called as such: behind OpenSSL's providers and configuration
 * file, the first digest of a process costs milliseconds. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"

static int hash_sha1 (const void *data, size_t len, void *out)
{
    SHA_CTX ctx;

    return SHA1_Init (&ctx) && SHA1_Update (&ctx, data, len) && SHA1_Final (out, &ctx);
}

static int hash_sha256 (const void *data, size_t len, void *out)
{
    SHA256_CTX ctx;

    return SHA256_Init (&ctx) && SHA256_Update (&ctx, data, len)
           && SHA256_Final (out, &ctx);
}

static const struct kind {
    const char *name;
    size_t size;
    int (*hash) (const void *data, size_t len, void *out);
} kinds[] = {
    { "sha1", SHA_DIGEST_LENGTH, hash_sha1 },
    { "sha256", SHA256_DIGEST_LENGTH, hash_sha256 },
};

struct digest {
    const struct kind *kind;
};

static const struct kind *find_kind (const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof (kinds) / sizeof (kinds[0]); i++)
        if (strlen (kinds[i].name) == len && !memcmp (kinds[i].name, name, len))
            return &kinds[i];
    errno = EINVAL;
    return NULL;
}

struct digest *digest_create (const char *name)
{
    const struct kind *kind = find_kind (name, strlen (name));
    struct digest *d;

    if (!kind || !(d = calloc (1, sizeof (*d))))
        return NULL;
    d->kind = kind;
    return d;
}

void digest_destroy (struct digest *d)
{
    int saved_errno = errno;

    free (d);
    errno = saved_errno;
}

size_t digest_size (const struct digest *d)
{
    return d->kind->size;
}

const char *digest_name (const struct digest *d)
{
    return d->kind->name;
}

int digest_hash (struct digest *d, const void *data, size_t len, void *out)
{
    if (!d->kind->hash (data, len, out)) {
        errno = EIO;
        return -1;
    }
    return 0;
}

int blobref_encode (const char *name, const void *hash, size_t size, char *out)
{
    const struct kind *kind = find_kind (name, strlen (name));
    size_t len;

    if (!kind || kind->size != size) {
        errno = EINVAL;
        return -1;
    }
    len = strlen (name);
    memcpy (out, name, len);
    out[len] = '-';
    hex_encode (out + len + 1, hash, size);
    return 0;
}

ssize_t blobref_decode (const char *blobref, void *hash)
{
    const char *dash = strchr (blobref, '-');
    const struct kind *kind;

    if (!dash || !(kind = find_kind (blobref, dash - blobref))
        || strlen (dash + 1) != kind->size * 2) {
        errno = EINVAL;
        return -1;
    }
    /* One spelling per digest: lower case only (RFC 10). */
    if (strspn (dash + 1, "0123456789abcdef") != kind->size * 2
        || hex_decode (hash, dash + 1, kind->size * 2) < 0) {
        errno = EINVAL;
        return -1;
    }
    return kind->size;
}
