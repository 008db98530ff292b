#include "mapped.h"

#include "base/hashmap.h"
#include "base/list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
    struct list node; /* of its tag */
    struct list regions;
    int64_t session;
    char *path;
};

struct region {
    struct list node;    /* of its file */
    struct region *next; /* with the same digest */
    struct file *file;
    int64_t offset;
    size_t size;
    char ref[BLOBREF_MAX_SIZE];
};

struct tag {
    struct list files;
};

struct mapped {
    struct digest *digest;
    struct hashmap *tags;    /* name -> struct tag */
    struct hashmap *regions; /* blobref -> first struct region */
    size_t count;
};

/* --- what is known --- */

static void unlink_region (struct mapped *m, struct region *r)
{
    struct region *first = hashmap_lookup (m->regions, r->ref), **p = &first;

    while (*p && *p != r)
        p = &(*p)->next;
    if (*p)
        *p = r->next;
    /* Replacing an entry takes no memory. */
    if (!first)
        hashmap_remove (m->regions, r->ref);
    else
        hashmap_insert (m->regions, r->ref, first);
}

static void file_destroy (struct mapped *m, struct file *f)
{
    list_foreach (&f->regions, it) {
        struct region *r = container_of (it, struct region, node);

        list_remove (&r->node);
        unlink_region (m, r);
        free (r);
        m->count--;
    }
    list_remove (&f->node);
    free (f->path);
    free (f);
}

static struct file *file_create (const char *path, int64_t session)
{
    struct file *f = calloc (1, sizeof (*f));

    if (!f)
        return NULL;
    list_init (&f->node);
    list_init (&f->regions);
    f->session = session;
    if (!(f->path = strdup (path))) {
        free (f);
        return NULL;
    }
    return f;
}

static struct tag *tag_lookup (struct mapped *m, const char *name)
{
    struct tag *t = hashmap_lookup (m->tags, name);

    if (t || !(t = calloc (1, sizeof (*t))))
        return t;
    list_init (&t->files);
    if (hashmap_insert (m->tags, name, t) < 0) {
        free (t);
        return NULL;
    }
    return t;
}

/* Regions of a file come one after the other. */
static struct file *file_lookup (struct mapped *m, const char *name, const char *path,
                                 int64_t session)
{
    struct tag *t = tag_lookup (m, name);
    struct file *f;

    if (!t)
        return NULL;
    if (!list_empty (&t->files)) {
        f = container_of (t->files.prev, struct file, node);
        if (f->session == session && !strcmp (f->path, path))
            return f;
    }
    if ((f = file_create (path, session)))
        list_append (&t->files, &f->node);
    return f;
}

static int add_region (struct mapped *m, struct file *f, const char *ref,
                       int64_t offset, size_t size)
{
    struct region *r = calloc (1, sizeof (*r));

    if (!r)
        return -1;
    *r = (struct region){ .file = f, .offset = offset, .size = size };
    strcpy (r->ref, ref);
    r->next = hashmap_lookup (m->regions, ref);
    if (hashmap_insert (m->regions, ref, r) < 0) {
        free (r);
        return -1;
    }
    list_append (&f->regions, &r->node);
    m->count++;
    return 0;
}

/* --- reading --- */

static int read_all (int fd, char *data, size_t len, int64_t offset)
{
    while (len > 0) {
        ssize_t n = pread (fd, data, len, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0) {
            errno = ENODATA;
            return -1;
        }
        data += n;
        len -= n;
        offset += n;
    }
    return 0;
}

/* O_NONBLOCK: a pipe in the place of the file holds nobody up. */
static int read_region (const char *path, int64_t offset, size_t size, struct buf *out)
{
    int fd, rc = -1, saved;

    buf_reset (out);
    if (buf_reserve (out, size) < 0) {
        errno = ENOMEM;
        return -1;
    }
    if ((fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) >= 0)
        rc = read_all (fd, out->data, size, offset);
    saved = errno;
    if (fd >= 0)
        close (fd);
    if (rc == 0) {
        out->len = size;
        out->data[size] = '\0';
    }
    errno = saved;
    return rc;
}

static int hash (struct mapped *m, const struct buf *data, void *digest, char *ref)
{
    if (digest_hash (m->digest, data->data, data->len, digest) < 0)
        return -1;
    return blobref_encode (digest_name (m->digest), digest, digest_size (m->digest),
                           ref);
}

/* --- calls --- */

int mapped_check (const struct mapped *m, const char *tag, int64_t session,
                  const char *path, int64_t offset, int64_t size)
{
    if (*path != '/' || offset < 0 || size <= 0 || session <= 0) {
        errno = EINVAL;
        return -1;
    }
    if (size > MAPPED_REGION_MAX) {
        errno = EFBIG;
        return -1;
    }
    if (m->count >= MAPPED_REGIONS_MAX || strlen (tag) > MAPPED_TAG_MAX) {
        errno = m->count >= MAPPED_REGIONS_MAX ? ENOSPC : ENAMETOOLONG;
        return -1;
    }
    return 0;
}

int mapped_add (struct mapped *m, const char *tag, int64_t session, const char *path,
                int64_t offset, int64_t size, const void *digest)
{
    char ref[BLOBREF_MAX_SIZE];
    struct file *f;

    if (mapped_check (m, tag, session, path, offset, size) < 0
        || blobref_encode (digest_name (m->digest), digest, digest_size (m->digest),
                           ref)
               < 0
        || !(f = file_lookup (m, tag, path, session)))
        return -1;
    return add_region (m, f, ref, offset, size);
}

size_t mapped_remove (struct mapped *m, const char *name, int64_t only, int64_t except)
{
    struct tag *t = hashmap_lookup (m->tags, name);
    size_t count = m->count;

    if (!t)
        return 0;
    list_foreach (&t->files, it) {
        struct file *f = container_of (it, struct file, node);

        if ((only == 0 || f->session == only) && (except == 0 || f->session != except))
            file_destroy (m, f);
    }
    if (list_empty (&t->files))
        hashmap_remove (m->tags, name);
    return count - m->count;
}

static struct region *lookup (const struct mapped *m, const void *digest)
{
    char ref[BLOBREF_MAX_SIZE];

    if (m->count == 0
        || blobref_encode (digest_name (m->digest), digest, digest_size (m->digest),
                           ref)
               < 0)
        return NULL;
    return hashmap_lookup (m->regions, ref);
}

bool mapped_has (const struct mapped *m, const void *digest)
{
    return lookup (m, digest) != NULL;
}

int mapped_read (struct mapped *m, const void *digest, struct buf *out,
                 const char **path)
{
    unsigned char found[DIGEST_MAX_SIZE];
    char ref[BLOBREF_MAX_SIZE];
    struct region *r = lookup (m, digest);

    errno = ENOENT;
    for (; r; r = r->next) {
        *path = r->file->path;
        if (read_region (r->file->path, r->offset, r->size, out) == 0) {
            if (hash (m, out, found, ref) < 0)
                return -1;
            if (!memcmp (found, digest, digest_size (m->digest)))
                return 0;
            errno = EBADMSG;
        } else if (errno == ENODATA) {
            errno = EBADMSG;
        }
    }
    return -1;
}

json_t *mapped_stats (const struct mapped *m)
{
    json_t *tags = json_object ();
    const char *name;
    size_t pos = 0;
    void *value;

    while (hashmap_next (m->tags, &pos, &name, &value)) {
        struct tag *t = value;
        json_t *paths = json_array ();

        list_foreach (&t->files, it)
            json_array_append_new (
                paths, json_string (container_of (it, struct file, node)->path));
        json_object_set_new (tags, name, paths);
    }
    return json_pack ("{s:o s:I}", "tags", tags, "blobs", (json_int_t)m->count);
}

struct mapped *mapped_create (struct digest *digest)
{
    struct mapped *m = calloc (1, sizeof (*m));

    if (!m)
        return NULL;
    m->digest = digest;
    if (!(m->tags = hashmap_create (free)) || !(m->regions = hashmap_create (NULL))) {
        mapped_destroy (m);
        return NULL;
    }
    return m;
}

void mapped_destroy (struct mapped *m)
{
    size_t pos = 0;
    void *value;

    if (!m)
        return;
    while (m->tags && m->regions && hashmap_next (m->tags, &pos, NULL, &value)) {
        struct tag *t = value;

        list_foreach (&t->files, it)
            file_destroy (m, container_of (it, struct file, node));
    }
    if (m->tags)
        hashmap_destroy (m->tags);
    if (m->regions)
        hashmap_destroy (m->regions);
    free (m);
}
