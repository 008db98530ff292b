#include "value/treeobj.h"
#include "base/json/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"

static const struct {
    const char *name;
    enum treeobj_type type;
} names[] = {
    { "val", TREEOBJ_VAL },         { "valref", TREEOBJ_VALREF },
    { "dir", TREEOBJ_DIR },         { "dirref", TREEOBJ_DIRREF },
    { "symlink", TREEOBJ_SYMLINK },
};

static json_t *get_data (const json_t *obj)
{
    return json_object_get (obj, "data");
}

enum treeobj_type treeobj_type (const json_t *obj)
{
    const char *name = json_string_value (json_object_get (obj, "type"));

    if (!name || json_integer_value (json_object_get (obj, "ver")) != 1
        || !get_data (obj))
        return TREEOBJ_INVALID;
    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++)
        if (!strcmp (names[i].name, name))
            return names[i].type;
    return TREEOBJ_INVALID;
}

/* "name-hexdigits"; the digest is checked by those who hash. */
static bool blobref_shape (const char *s)
{
    const char *dash = s ? strchr (s, '-') : NULL;
    size_t len;

    if (!dash || dash == s)
        return false;
    len = strspn (dash + 1, "0123456789abcdef");
    return len >= 32 && len <= 128 && len % 2 == 0 && dash[1 + len] == '\0';
}

static bool refs_valid (const json_t *data, size_t min)
{
    size_t i;
    json_t *ref;

    if (!json_is_array (data) || json_array_size (data) < min)
        return false;
    json_array_foreach (data, i, ref)
        if (!blobref_shape (json_string_value (ref)))
            return false;
    return true;
}

static bool val_valid (const json_t *data)
{
    const char *s = json_string_value (data);
    size_t len = json_string_length (data);
    void *tmp;
    bool ok;

    if (!s || !(tmp = malloc (len / 4 * 3 + 1)))
        return false;
    ok = base64_decode (tmp, s, len) >= 0;
    free (tmp);
    return ok;
}

static bool symlink_valid (const json_t *data)
{
    json_t *ns = json_object_get (data, "namespace");

    return json_is_string (json_object_get (data, "target"))
           && (!ns || json_is_string (ns));
}

static bool dir_valid (json_t *data, bool deep)
{
    const char *name;
    json_t *entry;

    if (!json_is_object (data))
        return false;
    if (deep)
        json_object_foreach (data, name, entry)
            if (!treeobj_valid (entry, true))
                return false;
    return true;
}

bool treeobj_valid (const json_t *obj, bool deep)
{
    json_t *data = get_data (obj);

    switch (treeobj_type (obj)) {
    case TREEOBJ_VAL:
        return val_valid (data);
    case TREEOBJ_VALREF:
        return refs_valid (data, 1);
    case TREEOBJ_DIRREF:
        return refs_valid (data, 1);
    case TREEOBJ_DIR:
        return dir_valid (data, deep);
    case TREEOBJ_SYMLINK:
        return symlink_valid (data);
    case TREEOBJ_INVALID:
        break;
    }
    return false;
}

/* Takes data. */
static json_t *create (const char *type, json_t *take_data)
{
    json_t *obj =
        json_pack ("{s:i s:s s:o}", "ver", 1, "type", type, "data", take_data);

    if (!obj)
        errno = ENOMEM;
    return obj;
}

json_t *treeobj_create_val (const void *data, size_t len)
{
    char *s = malloc (base64_encoded_size (len));
    json_t *o;

    if (!s)
        return NULL;
    o = json_stringn_nocheck (s, base64_encode (s, data, len));
    free (s);
    return create ("val", o);
}

static json_t *create_ref (const char *type, const char *blobref)
{
    json_t *array = json_array ();

    if (array && blobref && json_array_append_new (array, json_string (blobref)) < 0) {
        json_decref (array);
        errno = EINVAL;
        return NULL;
    }
    return create (type, array);
}

json_t *treeobj_create_valref (const char *blobref)
{
    return create_ref ("valref", blobref);
}

json_t *treeobj_create_dir (void)
{
    return create ("dir", json_object ());
}

json_t *treeobj_create_dirref (const char *blobref)
{
    return create_ref ("dirref", blobref);
}

json_t *treeobj_create_symlink (const char *ns, const char *target)
{
    json_t *data = ns ? json_pack ("{s:s s:s}", "namespace", ns, "target", target)
                      : json_pack ("{s:s}", "target", target);

    return create ("symlink", data);
}

int treeobj_val_decode (const json_t *obj, void **datap, size_t *lenp)
{
    json_t *data = get_data (obj);
    size_t size = json_string_length (data);
    ssize_t len;
    char *buf;

    if (treeobj_type (obj) != TREEOBJ_VAL || !json_is_string (data)) {
        errno = EINVAL;
        return -1;
    }
    if (!(buf = malloc (size / 4 * 3 + 1)))
        return -1;
    if ((len = base64_decode (buf, json_string_value (data), size)) < 0) {
        free (buf);
        errno = EINVAL;
        return -1;
    }
    buf[len] = '\0';
    if (datap)
        *datap = buf;
    else
        free (buf);
    if (lenp)
        *lenp = len;
    return 0;
}

static json_t *get_refs (const json_t *obj)
{
    enum treeobj_type type = treeobj_type (obj);
    json_t *data = get_data (obj);

    if ((type != TREEOBJ_VALREF && type != TREEOBJ_DIRREF) || !json_is_array (data)) {
        errno = EINVAL;
        return NULL;
    }
    return data;
}

int treeobj_ref_count (const json_t *obj)
{
    json_t *refs = get_refs (obj);

    return refs ? (int)json_array_size (refs) : -1;
}

const char *treeobj_ref (const json_t *obj, int index)
{
    json_t *refs = get_refs (obj);
    const char *s;

    if (!refs || index < 0 || !(s = json_string_value (json_array_get (refs, index)))) {
        errno = EINVAL;
        return NULL;
    }
    return s;
}

int treeobj_ref_append (json_t *obj, const char *blobref)
{
    json_t *refs = get_refs (obj);

    if (!refs)
        return -1;
    if (json_array_append_new (refs, json_string (blobref)) < 0) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

json_t *treeobj_dir_entries (const json_t *dir)
{
    json_t *data = get_data (dir);

    if (treeobj_type (dir) != TREEOBJ_DIR || !json_is_object (data)) {
        errno = EINVAL;
        return NULL;
    }
    return data;
}

json_t *treeobj_dir_get (const json_t *dir, const char *name)
{
    json_t *entries = treeobj_dir_entries (dir);
    json_t *obj;

    if (!entries)
        return NULL;
    if (!(obj = json_object_get (entries, name)))
        errno = ENOENT;
    return obj;
}

int treeobj_dir_set (json_t *dir, const char *name, json_t *obj)
{
    json_t *entries = treeobj_dir_entries (dir);

    if (!entries)
        return -1;
    if (json_object_set (entries, name, obj) < 0) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

int treeobj_dir_delete (json_t *dir, const char *name)
{
    json_t *entries = treeobj_dir_entries (dir);

    if (!entries)
        return -1;
    if (json_object_del (entries, name) < 0) {
        errno = ENOENT;
        return -1;
    }
    return 0;
}

int treeobj_dir_count (const json_t *dir)
{
    json_t *entries = treeobj_dir_entries (dir);

    return entries ? (int)json_object_size (entries) : -1;
}

int treeobj_symlink_get (const json_t *obj, const char **ns, const char **target)
{
    json_t *data = get_data (obj);

    if (treeobj_type (obj) != TREEOBJ_SYMLINK || !symlink_valid (data)) {
        errno = EINVAL;
        return -1;
    }
    if (ns)
        *ns = json_string_value (json_object_get (data, "namespace"));
    if (target)
        *target = json_string_value (json_object_get (data, "target"));
    return 0;
}

char *treeobj_encode (const json_t *obj, size_t *len)
{
    char *s = json_dumps (obj, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (!s) {
        errno = obj ? ENOMEM : EINVAL;
        return NULL;
    }
    if (len)
        *len = strlen (s);
    return s;
}

json_t *treeobj_decode (const char *s, size_t len)
{
    json_t *obj = json_decode_or (EINVAL, s, len, 0, NULL);

    if (obj && !treeobj_valid (obj, false)) {
        json_decref (obj);
        errno = EINVAL;
        return NULL;
    }
    return obj;
}

char *kvs_key_normalize (const char *key)
{
    char *s = malloc (strlen (key) + 2);
    size_t len = 0;

    if (!s)
        return NULL;
    for (; *key; key++)
        if (*key != '.' || (len > 0 && s[len - 1] != '.'))
            s[len++] = *key;
    if (len > 0 && s[len - 1] == '.')
        len--;
    if (len == 0)
        s[len++] = '.';
    s[len] = '\0';
    return s;
}
