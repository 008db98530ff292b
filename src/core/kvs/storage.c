#include "core/kvs/storage.h"
#include "core/kvs/blobs.h"

#include "base/encode.h"

#include <stdlib.h>
#include <string.h>

bool storage_is_kept (flux_t *h)
{
    const char *cleanup = flux_attr_get (h, "statedir-cleanup");

    return flux_attr_get (h, "statedir") && !(cleanup && !strcmp (cleanup, "1"));
}

bool storage_outlives (flux_t *h)
{
    const char *level = flux_attr_get (h, "instance-level");

    const char *rundir = flux_attr_get (h, "rundir");

    return storage_is_kept (h) && (!level || atoi (level) == 0)
           && (!rundir || strcmp (rundir, flux_attr_get (h, "statedir")) != 0);
}

size_t storage_blob_max (flux_t *h)
{
    const char *s = flux_attr_get (h, "content.blob-size-limit");

    return s ? strtoull (s, NULL, 10) : BLOB_SIZE_MAX;
}

/* The broker has looked at both when they were set. */
void storage_gc_limits (flux_t *h, int *ratio, int64_t *min)
{
    const char *r = flux_attr_get (h, "content.gc-ratio");
    const char *m = flux_attr_get (h, "content.gc-min");
    uint64_t bytes = 0;

    *ratio = r ? atoi (r) : 0;
    *min = m && size_decode (m, &bytes) == 0 ? (int64_t)bytes : 0;
}
