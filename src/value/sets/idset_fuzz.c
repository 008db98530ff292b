#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <flux/idset.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct idset *ids = idset_ndecode ((const char *)data, size);

    /* What decodes has one text, which decodes to the same set. */
    if (ids) {
        char *s = idset_encode (ids, IDSET_FLAG_RANGE);
        struct idset *again = idset_decode (s);
        if (!again || !idset_equal (ids, again))
            abort ();
        idset_destroy (again);
        free (s);
    }
    idset_destroy (ids);
    return 0;
}
