#include "base/test.h"

#include "pool.h"

#include <stdint.h>
#include <string.h>

#define COUNT 5000

static void test_pool (void **state)
{
    static void *rec[COUNT];
    static const char zero[250];
    struct pool p;

    pool_init (&p, sizeof (zero));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            if (rec[i])
                continue;
            assert_non_null (rec[i] = pool_get (&p));
            assert_int_equal ((uintptr_t)rec[i] % _Alignof(max_align_t), 0);
            assert_memory_equal (rec[i], zero, sizeof (zero));
            memset (rec[i], i % 255 + 1, sizeof (zero));
        }
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal (*((unsigned char *)rec[i] + 249), i % 255 + 1);
            if ((i * 7 + round) % 3 == 0 || round == 2) {
                pool_put (&p, rec[i]);
                rec[i] = NULL;
            }
        }
    }
    pool_put (&p, NULL);
    pool_fini (&p);
}

int main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (test_pool) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
