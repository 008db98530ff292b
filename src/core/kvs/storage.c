#include "core/kvs/storage.h"
#include "core/kvs/blobs.h"

#include <stdlib.h>
#include <string.h>

bool storage_is_kept (flux_t *h)
{
    const char *cleanup = flux_attr_get (h, "statedir-cleanup");

    return flux_attr_get (h, "statedir") && !(cleanup && !strcmp (cleanup, "1"));
}

size_t storage_blob_max (flux_t *h)
{
    const char *s = flux_attr_get (h, "content.blob-size-limit");

    return s ? strtoull (s, NULL, 10) : BLOB_SIZE_MAX;
}
