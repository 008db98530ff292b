#include "value/dump_suffix.h"

#include <string.h>

#include "base/error.h"

static const char *const suffixes[] = {
    [DUMP_TAR] = ".tar",         [DUMP_TGZ] = ".tgz",       [DUMP_TAR_GZ] = ".tar.gz",
    [DUMP_TAR_BZ2] = ".tar.bz2", [DUMP_TAR_XZ] = ".tar.xz", [DUMP_TAR_ZST] = ".tar.zst",
    [DUMP_ZIP] = ".zip",         [DUMP_CPIO] = ".cpio",     [DUMP_ISO] = ".iso",
};

int dump_suffix (const char *file, flux_error_t *error)
{
    size_t n = strlen (file);

    if (strcmp (file, "-") == 0)
        return DUMP_TAR;
    for (size_t i = 0; i < sizeof (suffixes) / sizeof (suffixes[0]); i++) {
        size_t len = strlen (suffixes[i]);

        if (n > len && strcmp (file + n - len, suffixes[i]) == 0)
            return i;
    }
    return error_invalid (error,
                          "%.60s: the suffix names no format: .tar, .tgz, .tar.gz, "
                          ".tar.bz2, .tar.xz, .tar.zst, .zip, .cpio or .iso",
                          file);
}
