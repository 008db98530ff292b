#include "cmd/kvs/restore_tree.h"
#include "cmd/kvs/dump_path.h"

#include "value/treeobj.h"
#include <stdbool.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 1000 /* components of a key; the walks over a tree recurse */

struct restore_tree {
    json_t *root; /* dir, whose directories are dirs */
};

struct restore_tree *restore_tree_create (void)
{
    struct restore_tree *t;

    if (!(t = calloc (1, sizeof (*t))) || !(t->root = treeobj_create_dir ())) {
        free (t);
        return NULL;
    }
    return t;
}

void restore_tree_destroy (struct restore_tree *t)
{
    if (t) {
        json_decref (t->root);
        free (t);
    }
}

static int fail (flux_error_t *error, int errnum, const char *text)
{
    snprintf (error->text, sizeof (error->text), "%s", text);
    errno = errnum;
    return -1;
}

static bool is_dir (json_t *obj)
{
    return !strcmp (json_string_value (json_object_get (obj, "type")), "dir");
}

static json_t *entries (json_t *dir)
{
    return json_object_get (dir, "data");
}

/* The directory `name` of dir, made if it is not there. */
static json_t *enter (json_t *dir, const char *name, flux_error_t *error)
{
    json_t *child = json_object_get (entries (dir), name);

    if (!child) {
        child = treeobj_create_dir ();
        if (json_object_set_new (entries (dir), name, child) < 0) {
            fail (error, EINVAL, "the name is not UTF-8");
            return NULL;
        }
    }
    if (!is_dir (child)) {
        fail (error, EINVAL, "goes through what is no directory");
        return NULL;
    }
    return child;
}

static int put_at (json_t *dir, const char *name, json_t *take_obj, flux_error_t *error)
{
    if (!take_obj)
        return enter (dir, name, error) ? 0 : -1;
    if (json_object_set_new (entries (dir), name, take_obj) < 0)
        return fail (error, EINVAL, "the name is not UTF-8");
    return 0;
}

static int put_key (struct restore_tree *t, char *key, json_t *take_obj,
                    flux_error_t *error)
{
    json_t *dir = t->root;
    int depth = 0;
    char *dot;

    for (; (dot = strchr (key, '.')); key = dot + 1) {
        *dot = '\0';
        dump_path_unescape (key, key);
        if (++depth > DEPTH_MAX)
            fail (error, EINVAL, "is too deep");
        if (depth > DEPTH_MAX || !(dir = enter (dir, key, error))) {
            json_decref (take_obj);
            return -1;
        }
    }
    dump_path_unescape (key, key);
    return put_at (dir, key, take_obj, error);
}

int restore_tree_put (struct restore_tree *t, const char *path, json_t *take_obj,
                      flux_error_t *error)
{
    char *key = dump_path_key (path);
    int rc;

    if (!key || !strcmp (key, ".")) {
        bool root = key && !take_obj;

        free (key);
        json_decref (take_obj);
        return root ? 0 : fail (error, EINVAL, "is no path of a key");
    }
    rc = put_key (t, key, take_obj, error);
    free (key);
    return rc;
}

static int store_dir (json_t *dir, restore_store_f store, void *arg, char *ref)
{
    const char *name;
    json_t *child, *dirref;
    size_t len;
    char *text;
    int rc;

    json_object_foreach (entries (dir), name, child) {
        if (!is_dir (child))
            continue;
        if (store_dir (child, store, arg, ref) < 0)
            return -1;
        if (!(dirref = treeobj_create_dirref (ref))
            || json_object_set_new (entries (dir), name, dirref) < 0) {
            errno = ENOMEM;
            return -1;
        }
    }
    if (!(text = treeobj_encode (dir, &len)))
        return -1;
    rc = store (arg, text, len, ref);
    free (text);
    return rc;
}

int restore_tree_store (struct restore_tree *t, restore_store_f store, void *arg,
                        char *ref)
{
    return store_dir (t->root, store, arg, ref);
}
