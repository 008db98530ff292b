/* The suffix of a dump's name: each that is published, and what is none. */
#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "value/dump_suffix.h"

static void suffixes (void **state)
{
    static const struct {
        const char *file;
        int suffix;
    } t[] = { { "a.tar", DUMP_TAR },
              { "/d.x/a.tgz", DUMP_TGZ },
              { "a.tar.gz", DUMP_TAR_GZ },
              { "a.tar.bz2", DUMP_TAR_BZ2 },
              { "a.tar.xz", DUMP_TAR_XZ },
              { "a.tar.zst", DUMP_TAR_ZST },
              { "{{id}}.zip", DUMP_ZIP },
              { "a.cpio", DUMP_CPIO },
              { "a.tar.iso", DUMP_ISO },
              { "-", DUMP_TAR },
              { "a", -1 },
              { ".tar", -1 },
              { "a.gz", -1 },
              { "a.tar/", -1 },
              { "", -1 },
              { "a.TAR", -1 } };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_error_t error = { "" };

        errno = 0;
        assert_int_equal (dump_suffix (t[i].file, &error), t[i].suffix);
        assert_int_equal (errno, t[i].suffix < 0 ? EINVAL : 0);
        assert_int_equal (strstr (error.text, "the suffix names no format: .tar, ")
                              != NULL,
                          t[i].suffix < 0);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (suffixes),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
