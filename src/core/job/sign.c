/* Signed jobspecs (RFC 39): HEADER.PAYLOAD.SIGNATURE, header and payload in
 * base64. Only mechanism "none" is known: the header's userid must be that of
 * the peer, which whoever verifies must compare. */
#include "base/buf.h"
#include "base/encode.h"
#include <flux/job.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 38: key NUL type value NUL. */
static void add_field (struct buf *b, const char *key, char type, const char *value)
{
    buf_add (b, key, strlen (key) + 1);
    buf_addc (b, type);
    buf_add (b, value, strlen (value) + 1);
}

char *flux_sign_none (const char *payload, uint32_t userid)
{
    struct buf h = BUF_INIT;
    size_t len = strlen (payload);
    char uid[16], *out = NULL;

    snprintf (uid, sizeof (uid), "%u", userid);
    add_field (&h, "version", 'i', "1");
    add_field (&h, "mechanism", 's', "none");
    add_field (&h, "userid", 'i', uid);
    if (!h.err
        && (out =
                malloc (base64_encoded_size (h.len) + base64_encoded_size (len) + 6))) {
        size_t n = base64_encode (out, h.data, h.len);
        out[n++] = '.';
        n += base64_encode (out + n, payload, len);
        strcpy (out + n, ".none");
    } else {
        errno = ENOMEM;
    }
    buf_fini (&h);
    return out;
}

/* The value of a field with its type letter, or NULL. */
static const char *field (const char *h, size_t len, const char *key)
{
    const char *end = h + len;

    while (h < end) {
        const char *value = memchr (h, '\0', end - h);
        if (!value || ++value >= end)
            return NULL;
        const char *next = memchr (value, '\0', end - value);
        if (!next)
            return NULL;
        if (strcmp (h, key) == 0)
            return value;
        h = next + 1;
    }
    return NULL;
}

static char *decode (const char *s, size_t len, size_t *out_len)
{
    char *out = malloc (len / 4 * 3 + 1);
    ssize_t n;

    if (!out)
        return NULL;
    if ((n = base64_decode (out, s, len)) < 0) {
        free (out);
        return NULL;
    }
    out[n] = '\0';
    *out_len = n;
    return out;
}

static int fail (flux_error_t *error, const char *what)
{
    if (error)
        snprintf (error->text, sizeof (error->text), "signed jobspec: %s", what);
    errno = EINVAL;
    return -1;
}

static int check_header (const char *s, size_t len, bool verify, const char *signature,
                         uint32_t *userid, flux_error_t *error)
{
    size_t n;
    char *h = decode (s, len, &n), *end = NULL;
    int rc = -1;

    if (!h)
        return fail (error, "the header is not base64");
    const char *version = field (h, n, "version");
    const char *mech = field (h, n, "mechanism");
    const char *uid = field (h, n, "userid");
    unsigned long u = uid && *uid == 'i' ? strtoul (uid + 1, &end, 10) : 0;

    if (!version || strcmp (version, "i1") != 0)
        fail (error, "the header's version is not 1");
    else if (!mech || *mech != 's')
        fail (error, "the header names no mechanism");
    else if (!end || end == uid + 1 || *end || u >= FLUX_USERID_UNKNOWN)
        fail (error, "the header has no userid");
    else if (verify && strcmp (mech, "snone") != 0)
        fail (error, "only mechanism none is supported");
    else if (verify && strcmp (signature, "none") != 0)
        fail (error, "the signature is not that of mechanism none");
    else
        rc = 0;
    if (rc == 0 && userid)
        *userid = u;
    free (h);
    return rc;
}

char *flux_unwrap_string (const char *in, bool verify, uint32_t *userid,
                          flux_error_t *error)
{
    const char *payload = in ? strchr (in, '.') : NULL;
    const char *signature = payload ? strchr (payload + 1, '.') : NULL;
    size_t len;
    char *out;

    if (!signature) {
        fail (error, "not of the form HEADER.PAYLOAD.SIGNATURE");
        return NULL;
    }
    if (check_header (in, payload - in, verify, signature + 1, userid, error) < 0)
        return NULL;
    payload++;
    if (!(out = decode (payload, signature - payload, &len))) {
        fail (error, "the payload is not base64");
        return NULL;
    }
    if (strlen (out) != len) {
        free (out);
        fail (error, "the payload contains a NUL");
        return NULL;
    }
    return out;
}
