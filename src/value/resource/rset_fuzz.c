#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value/resource/rset.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char *s = malloc (size + 1);

    if (!s)
        return 0;
    memcpy (s, data, size);
    s[size] = '\0';
    flux_error_t error;
    struct rset *r = rset_decode (s, &error);
    if (r) {
        char *t = rset_encode (r);
        struct rset *again = t ? rset_decode (t, &error) : NULL;
        if (!again || rset_verify (r, again, &error) < 0)
            abort ();
        rset_destroy (again);
        free (t);
        free (rset_dump (r));
    }
    rset_destroy (r);
    free (s);
    return 0;
}
