#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value/treeobj.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    json_t *obj = treeobj_decode ((const char *)data, size);
    void *val;
    size_t len;

    if (obj) {
        char *s = treeobj_encode (obj, &len);
        json_t *again = treeobj_decode (s, len);
        if (!again || !json_equal (obj, again))
            abort ();
        json_decref (again);
        free (s);
        (void)treeobj_valid (obj, true);
        if (treeobj_val_decode (obj, &val, &len) == 0)
            free (val);
    }
    json_decref (obj);
    return 0;
}
