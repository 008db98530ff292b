/* KVS tree objects (RFC 11) as JSON: {ver:1, type, data}. */
#ifndef VALUE_TREEOBJ_H
#define VALUE_TREEOBJ_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

enum treeobj_type {
    TREEOBJ_INVALID,
    TREEOBJ_VAL,
    TREEOBJ_VALREF,
    TREEOBJ_DIR,
    TREEOBJ_DIRREF,
    TREEOBJ_SYMLINK,
};

/* Depth 1: children of a dir are not checked unless deep. */
enum treeobj_type treeobj_type (const json_t *obj);
bool treeobj_valid (const json_t *obj, bool deep);

json_t *treeobj_create_val (const void *data, size_t len);
json_t *treeobj_create_valref (const char *blobref); /* NULL: empty array */
json_t *treeobj_create_dir (void);
json_t *treeobj_create_dirref (const char *blobref);
json_t *treeobj_create_symlink (const char *ns, const char *target);

/* The bytes of a val, owned by the caller, NUL-terminated. */
int treeobj_val_decode (const json_t *obj, void **data, size_t *len);
int treeobj_ref_count (const json_t *obj);
const char *treeobj_ref (const json_t *obj, int index);
int treeobj_ref_append (json_t *obj, const char *blobref);
/* Borrowed; NULL with ENOENT. */
json_t *treeobj_dir_get (const json_t *dir, const char *name);
int treeobj_dir_set (json_t *dir, const char *name, json_t *obj);
int treeobj_dir_delete (json_t *dir, const char *name);
int treeobj_dir_count (const json_t *dir);
json_t *treeobj_dir_entries (const json_t *dir); /* borrowed name -> treeobj */
int treeobj_symlink_get (const json_t *obj, const char **ns, const char **target);

/* Compact, keys sorted, so that equal objects have equal digests. */
char *treeobj_encode (const json_t *obj, size_t *len);
json_t *treeobj_decode (const char *s, size_t len);

/* "a..b." -> "a.b"; "" and "." -> "."; owned by the caller. */
char *kvs_key_normalize (const char *key);

#endif
