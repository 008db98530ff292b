/* qsort and qsort_r for arrays that may be empty: those of libc take no null pointer, even
 * with nothing to sort, and a compiler draws its conclusions. */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stdlib.h>

static inline void sort_array (void *base, size_t n, size_t size,
                               int (*compare) (const void *a, const void *b))
{
    if (n > 1)
        qsort (base, n, size, compare);
}

static inline void
sort_array_with (void *base, size_t n, size_t size,
                 int (*compare) (const void *a, const void *b, void *arg), void *arg)
{
    if (n > 1)
        qsort_r (base, n, size, compare, arg);
}

#endif
