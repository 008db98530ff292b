/* For tests: a call fails well wherever jansson's memory ends. */
#ifndef BASE_JSON_SWEEP_H
#define BASE_JSON_SWEEP_H

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

static int sweep_left; /* allocations that succeed */

static void *sweep_malloc (size_t size)
{
    if (sweep_left-- > 0)
        return malloc (size);
    errno = ENOMEM;
    return NULL;
}

/* Calls fn (0, or -1 with errno) with more and more memory until it succeeds; how often it
 * has failed, each time with ENOMEM, or minus the errno that it should not have said. */
static inline int json_sweep (int (*fn) (void))
{
    int failures = -1, rc, errnum;

    json_set_alloc_funcs (sweep_malloc, free);
    do {
        sweep_left = ++failures;
        errno = 0;
        rc = fn ();
        errnum = errno;
    } while (rc < 0 && errnum == ENOMEM);
    json_set_alloc_funcs (malloc, free);
    return rc < 0 ? -errnum : failures;
}

#endif
