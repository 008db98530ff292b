/* Words for a shell. */
#ifndef BASE_QUOTE_H
#define BASE_QUOTE_H

#include "base/buf.h"

/* Adds s as one word of a POSIX shell, in single quotes, which hold everything but
 * themselves. -1 with ENOMEM. */
int buf_add_quoted (struct buf *b, const char *s);

#endif
