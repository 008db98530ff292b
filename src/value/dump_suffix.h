/* What the name of a dump says about its format: for who writes one, and for those who
 * promise one that is written much later. */
#ifndef VALUE_DUMP_SUFFIX_H
#define VALUE_DUMP_SUFFIX_H

#include <flux/types.h>

enum dump_suffix {
    DUMP_TAR,
    DUMP_TGZ,
    DUMP_TAR_GZ,
    DUMP_TAR_BZ2,
    DUMP_TAR_XZ,
    DUMP_TAR_ZST,
    DUMP_ZIP,
    DUMP_CPIO,
    DUMP_ISO,
};

/* enum dump_suffix of a path, DUMP_TAR of "-"; or -1 with EINVAL, and which there are. */
int dump_suffix (const char *file, flux_error_t *error);

#endif
