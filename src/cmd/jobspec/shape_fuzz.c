#include "cmd/jobspec/shape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    flux_error_t error;
    char *s = strndup ((const char *)data, size);
    json_t *o = shape_parse (s, "default", &error);
    if (o && !shape_slot_label (o))
        abort ();
    json_decref (o);
    free (s);
    return 0;
}
