#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value/resource/constraint.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char *s = malloc (size + 1);

    if (!s)
        return 0;
    memcpy (s, data, size);
    s[size] = '\0';
    static const struct constraint_ops ops = { 0 };
    flux_error_t error;
    json_t *o = constraint_parse (s, "properties", &error);
    struct constraint *c;
    if (o && (c = constraint_compile (o, &ops, &error))) {
        (void)constraint_match (c, NULL);
        constraint_destroy (c);
    }
    json_decref (o);
    free (s);
    return 0;
}
