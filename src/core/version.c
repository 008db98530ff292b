#include <flux/attr.h>

#include <stdio.h>

#include "config.h"

const char *flux_core_version_string (void)
{
    return FLUX_VERSION;
}

int flux_core_version (int *major, int *minor, int *patch)
{
    int v[3] = { 0 };

    sscanf (FLUX_VERSION, "%d.%d.%d", &v[0], &v[1], &v[2]);
    if (major)
        *major = v[0];
    if (minor)
        *minor = v[1];
    if (patch)
        *patch = v[2];
    return v[0] << 16 | v[1] << 8 | v[2];
}
