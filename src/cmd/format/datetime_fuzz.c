#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/format/datetime.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char *s = strndup ((const char *)data, size);
    double t;

    if (s && datetime_parse (s, 1796014417., &t) == 0 && t != t)
        abort ();
    free (s);
    return 0;
}
