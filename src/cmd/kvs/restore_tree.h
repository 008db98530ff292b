/* A tree of KVS directories that grows from the entries of an archive; no I/O. */
#ifndef CMD_RESTORE_TREE_H
#define CMD_RESTORE_TREE_H

#include <flux/types.h>
#include <jansson.h>

struct restore_tree;

struct restore_tree *restore_tree_create (void);
void restore_tree_destroy (struct restore_tree *t);

/* An entry takes the place of an earlier one of that name. take_obj: a val, valref or
 * symlink; NULL is a directory, which keeps what it has. -1 with EINVAL (the path is
 * none, or goes through a value) or ENOMEM, and a text without the path. */
int restore_tree_put (struct restore_tree *t, const char *path, json_t *take_obj,
                      flux_error_t *error);

/* Each directory's text, children before parents; store sets ref (BLOBREF_MAX_SIZE).
 * In the end ref is the root's. -1 if a store fails (with its errno), or ENOMEM. */
typedef int (*restore_store_f) (void *arg, const char *text, size_t len, char *ref);
int restore_tree_store (struct restore_tree *t, restore_store_f store, void *arg,
                        char *ref);

#endif
