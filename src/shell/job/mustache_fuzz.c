#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "shell/job/mustache.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static int lookup (struct buf *b, const char *tag, void *arg)
{
    return strncmp (tag, "id", 2) == 0 ? buf_adds (b, tag) : -1;
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char *template = strndup ((const char *)data, size);

    if (template)
        free (mustache_render (template, lookup, NULL));
    free (template);
    return 0;
}
