/* Rows of test/errno.tsv: a call that fails, and how. Each is
 *
 *     FAILS (function, errno, call)     it returns -1
 *     NULLS (function, errno, call)     it returns NULL
 *     MEMORY (function, call, undo)     without memory it fails with ENOMEM, whatever
 *                                       allocation it is that there is none for
 *     NO_MEMORY (function, call, undo)  the same of one that returns NULL; the new thing
 *                                       is in `made`
 *     FIRST (function, call, undo)      the same of either, for the first allocation alone
 *
 * errno.py finds them by these words. */
#ifndef API_H
#define API_H

#include "base/test.h"

#include <errno.h>
#include <flux/core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_FAIL 0 /* these have an allocator of their own */
#else
#define CAN_FAIL 1
/* The program's allocator is the one of all libraries in it. */
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t count, size_t size);
void *__libc_realloc (void *p, size_t size);

static int allocations_left = -1; /* -1: as many as are wanted */
static bool allocation_failed;

static inline bool refuse (void)
{
    if (allocations_left < 0 || allocations_left-- > 0)
        return false;
    allocations_left = 0; /* nor is there any for those that follow */
    allocation_failed = true;
    errno = ENOMEM;
    return true;
}
void *malloc (size_t size)
{
    return refuse () ? NULL : __libc_malloc (size);
}
void *calloc (size_t count, size_t size)
{
    return refuse () ? NULL : __libc_calloc (count, size);
}
void *realloc (void *p, size_t size)
{
    return refuse () ? NULL : __libc_realloc (p, size);
}
#endif

static int rows_failed;

static inline void row (bool failed, int got, int code, const char *call,
                        const char *file, int line)
{
    if (failed && got == code)
        return;
    print_error ("%s:%d: %s: %s, errno %s, not %s\n", file, line, call,
                 failed ? "fails" : "does not fail", strerrorname_np (got),
                 strerrorname_np (code));
    rows_failed++;
}

/* Of a test: all its rows hold. */
static inline int rows_hold (void **state)
{
    int n = rows_failed;

    rows_failed = 0;
    return n ? -1 : 0;
}
#define ROWS(f) cmocka_unit_test_teardown (f, rows_hold)

#define FAILS(function, code, call)                                                    \
    do {                                                                               \
        errno = 0;                                                                     \
        long got_ = (call);                                                            \
        row (got_ == -1, errno, code, #call, __FILE__, __LINE__);                      \
    } while (0)
#define NULLS(function, code, call)                                                    \
    do {                                                                               \
        errno = 0;                                                                     \
        const void *got_ = (const void *)(call);                                       \
        row (got_ == NULL, errno, code, #call, __FILE__, __LINE__);                    \
    } while (0)

#if CAN_FAIL
/* One allocation more each time, until it has all that it wants. */
#define WITHOUT(call, fails, undo)                                                     \
    do {                                                                               \
        int seen_ = 0;                                                                 \
        for (int n_ = 0;; n_++) {                                                      \
            allocation_failed = false;                                                 \
            allocations_left = n_;                                                     \
            errno = 0;                                                                 \
            call;                                                                      \
            int errno_ = errno;                                                        \
            allocations_left = -1;                                                     \
            if (fails) {                                                               \
                row (allocation_failed, errno_, ENOMEM, #call, __FILE__, __LINE__);    \
                if (++seen_ < 10000 && allocation_failed)                              \
                    continue;                                                          \
                break; /* for another reason, which was told */                        \
            }                                                                          \
            undo;                                                                      \
            if (!allocation_failed)                                                    \
                break;                                                                 \
        }                                                                              \
        row (seen_ > 0, ENOMEM, ENOMEM, #call, __FILE__, __LINE__);                    \
    } while (0)
/* libev ends the program when it has no memory: where it is asked, the first allocation,
 * which is ours, is the only one that fails. */
#define FIRST(function, call, undo)                                                    \
    do {                                                                               \
        allocation_failed = false;                                                     \
        allocations_left = 0;                                                          \
        errno = 0;                                                                     \
        long got_ = (long)(call);                                                      \
        int errno_ = errno;                                                            \
        allocations_left = -1;                                                         \
        row (allocation_failed && (got_ == -1 || got_ == 0), errno_, ENOMEM, #call,    \
             __FILE__, __LINE__);                                                      \
        __typeof__ (call) made = (call);                                               \
        row ((long)made != -1, ENOMEM, ENOMEM, #call, __FILE__, __LINE__);             \
        undo;                                                                          \
    } while (0)
#define MEMORY(function, call, undo)                                                   \
    do {                                                                               \
        long rc_;                                                                      \
        WITHOUT (rc_ = (call), rc_ == -1, undo);                                       \
    } while (0)
#define NO_MEMORY(function, call, undo)                                                \
    do {                                                                               \
        __typeof__ (call) made;                                                        \
        WITHOUT (made = (call), made == NULL, undo);                                   \
    } while (0)
#else
/* With memory it is called once: what follows may rest on that. */
#define MEMORY(function, call, undo)                                                   \
    do {                                                                               \
        assert_true ((call) != -1);                                                    \
        undo;                                                                          \
    } while (0)
#define NO_MEMORY(function, call, undo)                                                \
    do {                                                                               \
        __typeof__ (call) made = (call);                                               \
        assert_non_null (made);                                                        \
        undo;                                                                          \
    } while (0)
#define FIRST(function, call, undo)                                                    \
    do {                                                                               \
        __typeof__ (call) made = (call);                                               \
        assert_true ((long)made != -1);                                                \
        undo;                                                                          \
    } while (0)
#endif

#endif
