/* cmocka with the headers that it wants before it. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* Ends a test that cannot be run here. What cmocka's skip() prints counts as a failure. */
#define test_skip(why)                                                                 \
    do {                                                                               \
        print_message ("# skipped: %s\n", why);                                        \
        return;                                                                        \
    } while (0)

#endif
