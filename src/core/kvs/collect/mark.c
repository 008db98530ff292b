#include "core/kvs/collect/mark.h"

#include "base/error.h"
#include "base/hashmap.h"
#include "core/kvs/treetext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mark {
    struct mark_ops ops;
    void *arg;
    struct digest *digest;
    size_t size;             /* of a digest */
    struct buf todo;         /* digests of marked directories, the next one last */
    struct buf wanted;       /* digests of directories that the store does not have */
    struct hashmap *outside; /* those and others that were asked for, by blobref */
    size_t asked;            /* not answered yet */
    struct buf blob;
    size_t missing;
    char first_missing[BLOBREF_MAX_SIZE];
    flux_error_t error; /* of a reference in the walk */
};

static char required[] = "required", optional_root[] = "optional";

struct mark *mark_create (const struct mark_ops *ops, void *arg, struct digest *digest)
{
    struct mark *m;

    if (!(m = calloc (1, sizeof (*m))))
        return NULL;
    m->ops = *ops;
    m->arg = arg;
    m->digest = digest;
    m->size = digest_size (digest);
    if (!(m->outside = hashmap_create (NULL))) {
        free (m);
        return NULL;
    }
    return m;
}

void mark_destroy (struct mark *m)
{
    if (m) {
        buf_fini (&m->todo);
        buf_fini (&m->wanted);
        buf_fini (&m->blob);
        hashmap_destroy (m->outside);
        free (m);
    }
}

static int out_of_memory (flux_error_t *error)
{
    return error_fail (error, ENOMEM, "out of memory");
}

/* What is optional to one may be required by another. */
static int want (struct mark *m, const char *ref, const void *digest, bool optional,
                 flux_error_t *error)
{
    const char *known = hashmap_lookup (m->outside, ref);

    if (known == required || (known && optional))
        return 0;
    if (hashmap_insert (m->outside, ref, optional ? optional_root : required) < 0
        || (!known && buf_add (&m->wanted, digest, m->size) < 0))
        return out_of_memory (error);
    return 0;
}

static int decode (struct mark *m, const char *ref, void *digest, flux_error_t *error)
{
    if (blobref_decode (ref, digest) == (ssize_t)m->size)
        return 0;
    return error_fail (error, EINVAL, "%.80s is no blobref of %s", ref,
                       digest_name (m->digest));
}

int mark_root (struct mark *m, const char *ref, bool optional, flux_error_t *error)
{
    unsigned char digest[DIGEST_MAX_SIZE];
    int rc;

    if (decode (m, ref, digest, error) < 0)
        return -1;
    if ((rc = m->ops.mark (m->arg, digest, true, error)) < 0 && errno == ENOENT)
        return want (m, ref, digest, optional, error);
    if (rc > 0 && buf_add (&m->todo, digest, m->size) < 0)
        return out_of_memory (error);
    return rc < 0 ? -1 : 0;
}

/* A value that the store does not have has nothing below it: it is on its way, or it
 * is a piece of a file that is mapped, or it is lost. */
static int visit (void *arg, struct span span, bool dir)
{
    struct mark *m = arg;
    unsigned char digest[DIGEST_MAX_SIZE];
    char ref[BLOBREF_MAX_SIZE];

    if (span.len >= sizeof (ref))
        return error_fail (&m->error, EINVAL, "a blobref is too long");
    memcpy (ref, span.s, span.len);
    ref[span.len] = '\0';
    if (dir)
        return mark_root (m, ref, false, &m->error);
    if (decode (m, ref, digest, &m->error) < 0)
        return -1;
    return m->ops.mark (m->arg, digest, false, &m->error) < 0 && errno != ENOENT ? -1
                                                                                 : 0;
}

static int walk (struct mark *m, const void *digest, const char *data, size_t len,
                 flux_error_t *error)
{
    char ref[BLOBREF_MAX_SIZE] = "?";

    m->error.text[0] = '\0';
    if (treetext_refs (data, len, visit, m) == 0)
        return 0;
    if (m->error.text[0] && errno != EINVAL) {
        *error = m->error;
        return -1;
    }
    blobref_encode (digest_name (m->digest), digest, m->size, ref);
    return error_fail (error, EBADMSG, "blob %s is not a directory%s%s", ref,
                       m->error.text[0] ? ": " : "", m->error.text);
}

int mark_step (struct mark *m, flux_error_t *error)
{
    unsigned char digest[DIGEST_MAX_SIZE];

    if (m->todo.len == 0)
        return 0;
    m->todo.len -= m->size;
    memcpy (digest, m->todo.data + m->todo.len, m->size);
    if (m->ops.load (m->arg, digest, &m->blob, error) < 0
        || walk (m, digest, m->blob.data ? m->blob.data : "", m->blob.len, error) < 0)
        return -1;
    return m->todo.len > 0;
}

bool mark_wanted (struct mark *m, const void **digest)
{
    if (m->wanted.len == 0)
        return false;
    m->wanted.len -= m->size;
    *digest = m->wanted.data + m->wanted.len;
    m->asked++;
    return true;
}

int mark_found (struct mark *m, const void *digest, const void *data, size_t len,
                flux_error_t *error)
{
    char ref[BLOBREF_MAX_SIZE] = "?";

    m->asked--;
    /* By now it may be in the store: then it was marked when it came. */
    if (data)
        return walk (m, digest, data, len, error);
    blobref_encode (digest_name (m->digest), digest, m->size, ref);
    if (hashmap_lookup (m->outside, ref) == required && m->missing++ == 0)
        strcpy (m->first_missing, ref);
    return 0;
}

bool mark_is_done (const struct mark *m)
{
    return m->todo.len == 0 && m->wanted.len == 0 && m->asked == 0;
}

int mark_check (struct mark *m, flux_error_t *error)
{
    if (m->missing == 0)
        return 0;
    return error_fail (error, EBADMSG, "%zu directories are missing, one is blob %s",
                       m->missing, m->first_missing);
}
