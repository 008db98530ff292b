#include "core/kvs/kvs_impl.h"

#include "base/sort.h"
#include "value/treeobj.h"

#include <stdlib.h>
#include <string.h>

struct flux_kvsdir {
    flux_t *h;
    char *rootref; /* or NULL */
    char *key;
    json_t *obj;
    int refcount;
};

struct flux_kvsitr {
    const char **names;
    size_t count;
    size_t pos;
};

void flux_kvsdir_incref (flux_kvsdir_t *dir)
{
    if (dir)
        dir->refcount++;
}

void flux_kvsdir_destroy (flux_kvsdir_t *dir)
{
    if (dir && --dir->refcount == 0) {
        int saved_errno = errno;
        free (dir->rootref);
        free (dir->key);
        json_decref (dir->obj);
        free (dir);
        errno = saved_errno;
    }
}

static flux_kvsdir_t *create (flux_t *h, const char *rootref, const char *key,
                              json_t *take_obj)
{
    flux_kvsdir_t *dir;

    if (!(dir = calloc (1, sizeof (*dir)))) {
        json_decref (take_obj);
        return NULL;
    }
    dir->h = h;
    dir->obj = take_obj;
    dir->refcount = 1;
    if (!(dir->key = strdup (key)) || (rootref && !(dir->rootref = strdup (rootref)))) {
        flux_kvsdir_destroy (dir);
        errno = ENOMEM;
        return NULL;
    }
    return dir;
}

flux_kvsdir_t *flux_kvsdir_create (flux_t *h, const char *rootref, const char *key,
                                   const char *json_str)
{
    json_t *o;

    if (!key || !json_str) {
        errno = EINVAL;
        return NULL;
    }
    if (!(o = treeobj_decode (json_str, strlen (json_str))))
        return NULL;
    if (treeobj_type (o) != TREEOBJ_DIR) {
        json_decref (o);
        errno = EINVAL;
        return NULL;
    }
    return create (h, rootref, key, o);
}

flux_kvsdir_t *flux_kvsdir_copy (const flux_kvsdir_t *dir)
{
    json_t *o;

    if (!dir) {
        errno = EINVAL;
        return NULL;
    }
    if (!(o = json_deep_copy (dir->obj))) {
        errno = ENOMEM;
        return NULL;
    }
    return create (dir->h, dir->rootref, dir->key, o);
}

int flux_kvsdir_get_size (const flux_kvsdir_t *dir)
{
    if (!dir) {
        errno = EINVAL;
        return -1;
    }
    return treeobj_dir_count (dir->obj);
}

static enum treeobj_type entry_type (const flux_kvsdir_t *dir, const char *name)
{
    json_t *o = dir && name ? treeobj_dir_get (dir->obj, name) : NULL;

    return o ? treeobj_type (o) : TREEOBJ_INVALID;
}

bool flux_kvsdir_exists (const flux_kvsdir_t *dir, const char *name)
{
    return entry_type (dir, name) != TREEOBJ_INVALID;
}

bool flux_kvsdir_isdir (const flux_kvsdir_t *dir, const char *name)
{
    enum treeobj_type type = entry_type (dir, name);

    return type == TREEOBJ_DIR || type == TREEOBJ_DIRREF;
}

bool flux_kvsdir_issymlink (const flux_kvsdir_t *dir, const char *name)
{
    return entry_type (dir, name) == TREEOBJ_SYMLINK;
}

const char *flux_kvsdir_key (const flux_kvsdir_t *dir)
{
    return dir->key;
}

char *flux_kvsdir_key_at (const flux_kvsdir_t *dir, const char *key)
{
    char *s;

    if (!strcmp (dir->key, "."))
        return strdup (key);
    return asprintf (&s, "%s.%s", dir->key, key) < 0 ? NULL : s;
}

void *flux_kvsdir_handle (const flux_kvsdir_t *dir)
{
    return dir->h;
}

const char *flux_kvsdir_rootref (const flux_kvsdir_t *dir)
{
    return dir->rootref;
}

static int by_name (const void *a, const void *b)
{
    return strcmp (*(const char *const *)a, *(const char *const *)b);
}

flux_kvsitr_t *flux_kvsitr_create (const flux_kvsdir_t *dir)
{
    flux_kvsitr_t *itr;
    const char *name;
    json_t *entries, *value;

    if (!dir || !(entries = treeobj_dir_entries (dir->obj))) {
        errno = EINVAL;
        return NULL;
    }
    if (!(itr = calloc (1, sizeof (*itr)))
        || !(itr->names = calloc (json_object_size (entries) + 1, sizeof (char *)))) {
        flux_kvsitr_destroy (itr);
        return NULL;
    }
    json_object_foreach (entries, name, value)
        itr->names[itr->count++] = name;
    sort_array (itr->names, itr->count, sizeof (char *), by_name);
    return itr;
}

void flux_kvsitr_destroy (flux_kvsitr_t *itr)
{
    if (itr) {
        free (itr->names);
        free (itr);
    }
}

const char *flux_kvsitr_next (flux_kvsitr_t *itr)
{
    return itr && itr->pos < itr->count ? itr->names[itr->pos++] : NULL;
}

void flux_kvsitr_rewind (flux_kvsitr_t *itr)
{
    if (itr)
        itr->pos = 0;
}
