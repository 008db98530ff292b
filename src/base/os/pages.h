/* Large blocks of fresh memory.
 *
 * The first touch of a page costs more than the bytes that are written to it: ten
 * times more on many virtual machines. Blocks of some megabytes therefore lie on huge
 * pages, where the system has them. All are freed by free(). */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

#define PAGES_HUGE (2 * 1024 * 1024) /* smaller blocks are ordinary */

/* NULL with ENOMEM. */
void *pages_alloc (size_t len);

/* As realloc: the first `used` bytes are kept. For what comes from pages_alloc or
 * malloc; the old block is kept if it fails. */
void *pages_realloc (void *p, size_t used, size_t len);

#endif
