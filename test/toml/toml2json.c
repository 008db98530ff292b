/* TOML on standard input to JSON on standard output, for compare.py. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/text/toml.h"

int main (void)
{
    struct toml_error error;
    size_t len;
    char *text = fd_read_all (0, &len);
    json_t *o = text ? toml_decode (text, len, &error) : NULL;

    if (!o) {
        fprintf (stderr, "line %d: %s\n", error.line, error.text);
        free (text);
        return 1;
    }
    json_dumpf (o, stdout, JSON_COMPACT);
    json_decref (o);
    free (text);
    return 0;
}
