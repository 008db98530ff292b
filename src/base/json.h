/* Fast paths from text to jansson's values and back. What they do not handle
 * is left to jansson, so that both always agree on what is JSON. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>

#include "base/buf.h"

/* An object or array; NULL with *error filled in. Strings may hold NULs, as
 * with JSON_ALLOW_NUL. s[len] need not be NUL. */
json_t *json_decode (const char *s, size_t len, json_error_t *error);

/* Appends the compact form. 0, or -1 with ENOMEM, or EINVAL if it is nested
 * deeper than can be decoded. Numbers are as short as they can be without
 * losing anything. */
int json_encode (struct buf *b, const json_t *o);

#endif
