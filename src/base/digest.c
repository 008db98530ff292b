/* The algorithms are called as such: behind OpenSSL's providers and configuration
 * file, the first digest of a process costs milliseconds. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"

union ctx {
    SHA_CTX sha1;
    SHA256_CTX sha256;
};

static int begin_sha1 (union ctx *ctx)
{
    return SHA1_Init (&ctx->sha1);
}

static int add_sha1 (union ctx *ctx, const void *data, size_t len)
{
    return SHA1_Update (&ctx->sha1, data, len);
}

static int end_sha1 (union ctx *ctx, void *out)
{
    return SHA1_Final (out, &ctx->sha1);
}

static int begin_sha256 (union ctx *ctx)
{
    return SHA256_Init (&ctx->sha256);
}

static int add_sha256 (union ctx *ctx, const void *data, size_t len)
{
    return SHA256_Update (&ctx->sha256, data, len);
}

static int end_sha256 (union ctx *ctx, void *out)
{
    return SHA256_Final (out, &ctx->sha256);
}

static const struct kind {
    const char *name;
    size_t size;
    int (*begin) (union ctx *ctx);
    int (*add) (union ctx *ctx, const void *data, size_t len);
    int (*end) (union ctx *ctx, void *out);
} kinds[] = {
    { "sha1", SHA_DIGEST_LENGTH, begin_sha1, add_sha1, end_sha1 },
    { "sha256", SHA256_DIGEST_LENGTH, begin_sha256, add_sha256, end_sha256 },
};

struct digest {
    const struct kind *kind;
    union ctx ctx; /* of what comes in pieces */
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

static int done (int ok)
{
    if (!ok)
        errno = EIO;
    return ok ? 0 : -1;
}

int digest_begin (struct digest *d)
{
    return done (d->kind->begin (&d->ctx));
}

int digest_add (struct digest *d, const void *data, size_t len)
{
    return done (d->kind->add (&d->ctx, data, len));
}

int digest_end (struct digest *d, void *out)
{
    return done (d->kind->end (&d->ctx, out));
}

int digest_hash (struct digest *d, const void *data, size_t len, void *out)
{
    union ctx ctx;

    return done (d->kind->begin (&ctx) && d->kind->add (&ctx, data, len)
                 && d->kind->end (&ctx, out));
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
