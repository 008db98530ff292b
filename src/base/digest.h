/* Digests (OpenSSL libcrypto, linked only where this is used). */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>
#include <sys/types.h>

#define DIGEST_MAX_SIZE 32
#define BLOBREF_MAX_SIZE 72 /* "sha256-" + 64 + NUL */

/* A hasher of one thread. name: "sha1" or "sha256"; NULL with EINVAL. */
struct digest *digest_create (const char *name);
void digest_destroy (struct digest *d);
size_t digest_size (const struct digest *d);
const char *digest_name (const struct digest *d);
int digest_hash (struct digest *d, const void *data, size_t len, void *out);
/* The same of what comes in pieces, between which others may be hashed as a whole. -1 with
 * EIO, as above: libcrypto refused. */
int digest_begin (struct digest *d);
int digest_add (struct digest *d, const void *data, size_t len);
int digest_end (struct digest *d, void *out);

/* "sha1-<hex>" (RFC 10). out holds BLOBREF_MAX_SIZE. */
int blobref_encode (const char *name, const void *hash, size_t size, char *out);
/* The digest's size, or -1 with EINVAL. hash holds DIGEST_MAX_SIZE. */
ssize_t blobref_decode (const char *blobref, void *hash);

#endif
