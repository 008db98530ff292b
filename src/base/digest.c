#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"

static const struct kind {
    const char *name;
    size_t size;
} kinds[] = {
    { "sha1", 20 },
    { "sha256", 32 },
};

struct digest {
    const struct kind *kind;
    EVP_MD *md; /* fetching costs more than hashing: done once */
    EVP_MD_CTX *ctx;
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
    if (!(d->md = EVP_MD_fetch (NULL, name, NULL)) || !(d->ctx = EVP_MD_CTX_new ())) {
        digest_destroy (d);
        errno = ENOMEM;
        return NULL;
    }
    return d;
}

void digest_destroy (struct digest *d)
{
    if (d) {
        int saved_errno = errno;
        EVP_MD_CTX_free (d->ctx);
        EVP_MD_free (d->md);
        free (d);
        errno = saved_errno;
    }
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
    if (!EVP_DigestInit_ex2 (d->ctx, d->md, NULL)
        || !EVP_DigestUpdate (d->ctx, data, len)
        || !EVP_DigestFinal_ex (d->ctx, out, NULL)) {
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
