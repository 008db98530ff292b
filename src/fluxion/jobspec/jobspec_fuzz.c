/* Jobspecs: what is accepted and printed is accepted again, and prints the same. */
#include "fluxion/jobspec/jobspec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    flux_error_t error = { "" };
    int line, column;
    struct request *r =
        request_parse ((const char *)data, size, &line, &column, &error);
    struct request *again;
    char *text, *same;

    if (!r) {
        if (!error.text[0])
            abort ();
        return 0;
    }
    if ((text = request_dump (r))) {
        if (!(again = request_parse (text, strlen (text), &line, &column, &error)))
            abort ();
        if ((same = request_dump (again)) && strcmp (same, text) != 0)
            abort ();
        free (same);
        free (text);
        request_destroy (again);
    }
    request_destroy (r);
    return 0;
}
