/* Decoders without memory: whichever allocation fails, they say so, and blame no input. */
#include "base/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flux/taskmap.h>

#include "value/resource/rset.h"

/* Sanitizers have an allocator of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_FAIL 0
#else
#define CAN_FAIL 1
#endif

static long countdown; /* 0: none fails */
static bool failed;

static bool fails (void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    failed = true;
    errno = ENOMEM;
    return true;
}

#if CAN_FAIL
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t count, size_t size);
void *__libc_realloc (void *old, size_t size);

void *malloc (size_t size)
{
    return fails () ? NULL : __libc_malloc (size);
}

void *calloc (size_t count, size_t size)
{
    return fails () ? NULL : __libc_calloc (count, size);
}

void *realloc (void *old, size_t size)
{
    return fails () ? NULL : __libc_realloc (old, size);
}
#endif

/* Returns what is to be destroyed, or NULL. */
typedef void *(*decode_f) (const char *s, flux_error_t *error);
typedef void (*destroy_f) (void *value);

static void sweep (const char *s, decode_f decode, destroy_f destroy)
{
    if (!CAN_FAIL)
        test_skip ("the allocator is not ours");
    for (long k = 1;; k++) {
        flux_error_t error = { "" };

        failed = false;
        errno = EIO;
        countdown = k;
        void *value = decode (s, &error);
        int errnum = errno;
        countdown = 0;
        if (value) {
            destroy (value);
            if (!failed)
                return;
            continue; /* it could do without */
        }
        assert_true (failed);
        if (errnum != ENOMEM)
            fail_msg ("%s: allocation %ld: errno %d, %s", s, k, errnum, error.text);
        assert_string_not_equal (error.text, "");
    }
}

#define DECODE(name, call)                                                             \
    static void *name (const char *s, flux_error_t *error)                             \
    {                                                                                  \
        return call;                                                                   \
    }

DECODE (decode_rset, rset_decode (s, error))
DECODE (decode_taskmap, taskmap_decode (s, error))

static void free_rset (void *value)
{
    rset_destroy (value);
}

static void free_taskmap (void *value)
{
    taskmap_destroy (value);
}

static void test_rset (void **state)
{
    sweep ("{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0-1\",\"children\":"
           "{\"core\":\"0-3\",\"gpu\":\"0\"}},{\"rank\":\"5\",\"children\":{\"core\":"
           "\"1\"}}],\"nodelist\":[\"a[0-1]\",\"b\"],\"properties\":{\"x\":\"0,5\"},"
           "\"starttime\":0,\"expiration\":0},\"scheduling\":{\"a\":1}}",
           decode_rset, free_rset);
}

static void test_taskmap (void **state)
{
    static const char *const maps[] = {
        "{\"version\":1,\"map\":[[0,4,4,1],[4,2,1,3]]}",
        "[[0,4,4,1]]",
        "(vector,(0,2,2),(2,1,4))",
        "0-3;4-7;8,10;9,11",
    };

    for (size_t i = 0; i < sizeof (maps) / sizeof (maps[0]); i++)
        sweep (maps[i], decode_taskmap, free_taskmap);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_rset),
        cmocka_unit_test (test_taskmap),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
