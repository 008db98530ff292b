/* The event about a new root, as it comes from rank 0: the members that are read are what a
 * reader of JSON finds there. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "setroot.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct kvs_setroot root;
    json_t *o, *dir;

    if (kvs_setroot_decode ((const char *)data, size, &root) < 0)
        return 0;
    if (strlen (root.ns) >= sizeof (root.ns)
        || strlen (root.rootref) >= sizeof (root.rootref))
        abort ();
    if (root.rootdir.len > 0
        && ((const uint8_t *)root.rootdir.s < data
            || (const uint8_t *)root.rootdir.s + root.rootdir.len > data + size))
        abort ();
    /* It passes over what it does not read: only what is JSON throughout can be compared, and
     * it looks for names as they are written. */
    if (!memchr (data, '\\', size)
        && (o = json_loadb ((const char *)data, size, JSON_REJECT_DUPLICATES, NULL))) {
        const char *s = json_string_value (json_object_get (o, "rootref"));

        if (!s || strcmp (s, root.rootref) != 0)
            abort ();
        if (root.rootdir.len > 0) {
            dir = json_loadb (root.rootdir.s, root.rootdir.len, 0, NULL);
            if (!dir || !json_equal (dir, json_object_get (o, "rootdir")))
                abort ();
            json_decref (dir);
        }
        json_decref (o);
    }
    return 0;
}
