#include "base/test.h"
#include "broker/overlay/release.h"

static void releases (void **state)
{
    static const struct {
        const char *a, *b;
        bool mix;
    } rows[] = {
        { "0.1.0", "0.1.0", true },
        { "0.1.0", "0.1.7", true },
        { "0.1.0", "0.2.0", true },
        { "0.9.3", "0.10.0", true },
        { "0.1.0", "0.3.0", false },
        { "0.1.0", "1.1.0", false },
        { "0.99.0", "1.0.0", false },
        { "0.1", "0.2.0-4-gabc", true },
        { "1", "1", true },
        { "1", "2", false },
        { "", "", true },
        { "", "0.1.0", false },
        { "0.", "0.1.0", false },
        { "0.1x", "0.1.0", false },
        { " 0.1", "0.1.0", false },
        { "-0.1", "0.1.0", false },
        { "0.-1", "0.1.0", false },
        { "0.99999999999999999999", "0.1.0", false },
        { "99999999999999999999.1", "0.1.0", false },
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        if (releases_mix (rows[i].a, rows[i].b) != rows[i].mix
            || releases_mix (rows[i].b, rows[i].a) != rows[i].mix)
            fail_msg ("'%s' and '%s'", rows[i].a, rows[i].b);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (releases),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
