/* Text that somebody else wrote, on its way to a person's terminal. */
#ifndef BASE_PRINTABLE_H
#define BASE_PRINTABLE_H

#include "base/buf.h"

#include <stdbool.h>

/* Also accepted as printable: newline and tab (in a message of several lines). */
enum printable_flags {
    PRINTABLE_LINES = 1,
};

/* True if all of it is valid UTF-8 without control characters (C0, DEL, C1, line
 * and paragraph separator) and without those that reorder what follows. */
bool printable (const char *s, size_t len, int flags);
/* Adds s with the others escaped: a code point as \u001b (\U000e0001 beyond the
 * first plane), newline, tab and return as \n, \t, \r, a byte that is not UTF-8 as
 * \x9b. A backslash stays as it is: this is to be read, not to be decoded. -1 with
 * ENOMEM. */
int buf_add_printable (struct buf *b, const char *s, size_t len, int flags);

#endif
