/* Names and kinds of entries, one a line: "f path", "d path", "l path". */
#include "cmd/kvs/dump_path.h"
#include "cmd/kvs/restore_tree.h"

#include "value/treeobj.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static int store (void *arg, const char *text, size_t len, char *ref)
{
    json_t *o = treeobj_decode (text, len);

    assert (o && treeobj_type (o) == TREEOBJ_DIR);
    json_decref (o);
    sprintf (ref, "sha1-%040d", (*(int *)arg)++);
    return 0;
}

static json_t *object (char kind)
{
    if (kind == 'd')
        return NULL;
    return kind == 'l' ? treeobj_create_symlink ("ns", "target")
                       : treeobj_create_val ("x", 1);
}

/* A component comes through an archive as it was. */
static void round_trip (const char *name)
{
    char *path = dump_path_join ("", name, strlen (name));

    assert (path && !strchr (path, '/'));
    dump_path_unescape (path, path);
    assert (!strcmp (path, name));
    free (path);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct restore_tree *t = restore_tree_create ();
    char *text = strndup ((const char *)data, size), *rest = text, *line, ref[72];
    flux_error_t error;
    int count = 0;

    while ((line = strsep (&rest, "\n"))) {
        if (strlen (line) < 2)
            continue;
        round_trip (line + 2);
        restore_tree_put (t, line + 2, object (*line), &error);
    }
    assert (restore_tree_store (t, store, &count, ref) == 0);
    restore_tree_destroy (t);
    free (text);
    return 0;
}
