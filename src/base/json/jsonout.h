/* The writer of JSON text: all that writes JSON writes strings and numbers by this.
 * Failures show in b->err. */
#ifndef BASE_JSONOUT_H
#define BASE_JSONOUT_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* In quotes, as jansson writes it, so that digests of canonical text agree: what has a
 * short escape gets that, other control characters \u00XX. s is UTF-8. */
int json_add_string (struct buf *b, const char *s, size_t len);
int json_add_text (struct buf *b, const char *s); /* to its NUL */
int json_add_int (struct buf *b, int64_t n);
/* As few digits as give the same number again; it stays a real when it is read. */
int json_add_real (struct buf *b, double d);
/* In quotes, base64. */
int json_add_base64 (struct buf *b, const void *data, size_t len);

#endif
