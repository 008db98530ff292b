#include "value/fileref.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void take (const json_t *o)
{
    struct fileref_region r;
    struct fileref f;
    const char *why;
    size_t len;

    if (fileref_decode (o, &f, &why) < 0)
        return;
    if (!fileref_path_ok (f.path))
        abort ();
    if (f.content == FILEREF_LINK)
        fileref_link_ok (f.path, f.text);
    for (size_t i = 0; f.content == FILEREF_BLOBVEC && i < fileref_region_count (&f);
         i++) {
        fileref_region (&f, i, &r);
        if (r.offset < 0 || r.size < 0 || r.offset + r.size > f.size)
            abort ();
    }
    if (f.content >= FILEREF_JSON && f.content <= FILEREF_BASE64)
        free (fileref_bytes (&f, &len));
}

/* An archive, or one object of it. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    json_t *o = json_loadb ((const char *)data, size, 0, NULL), *entry;
    size_t i;

    take (o);
    json_array_foreach (o, i, entry)
        take (entry);
    json_decref (o);
    return 0;
}
