#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value/job/jobspec.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    flux_error_t error;
    struct jobspec js;
    json_t *o = jobspec_load ((const char *)data, size, &error);

    if (o)
        (void)jobspec_parse (o, &js, &error);
    json_decref (o);
    o = jobspec_load_yaml ((const char *)data, size, &error);
    if (o)
        (void)jobspec_parse (o, &js, &error);
    json_decref (o);
    return 0;
}
