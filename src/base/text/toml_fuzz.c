#include "base/text/toml.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct toml_error error;

    json_decref (toml_decode ((const char *)data, size, &error));
    return 0;
}
