#include "base/os/pages.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *pages_alloc (size_t len)
{
    int saved_errno = errno, errnum;
    void *p;

    if (len < PAGES_HUGE)
        return malloc (len);
    if ((errnum = posix_memalign (&p, PAGES_HUGE, len))) {
        errno = errnum;
        return NULL;
    }
    /* A hint. What ends within a huge page is left to ordinary ones. */
    (void)madvise (p, len & ~(size_t)(PAGES_HUGE - 1), MADV_HUGEPAGE);
    errno = saved_errno;
    return p;
}

void *pages_realloc (void *old, size_t used, size_t len)
{
    void *p;

    if (len < PAGES_HUGE)
        return realloc (old, len);
    if ((p = pages_alloc (len)) && used > 0)
        memcpy (p, old, used);
    if (p)
        free (old);
    return p;
}
