#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/jobspec/directives.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char *script = strndup ((const char *)data, size);
    flux_error_t error;
    char **args;
    int count;

    if (script && (args = directives_parse (script, &count, NULL, &error))) {
        if (args[count])
            abort ();
        directives_free (args);
    }
    free (script);
    return 0;
}
