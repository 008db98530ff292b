/* Fast paths from text to jansson's values and back. What they do not handle
 * is left to jansson, so that both always agree on what is JSON. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

/* Like json_loadb: NULL with *error filled in. s[len] need not be NUL. */
json_t *json_decode (const char *s, size_t len, size_t flags, json_error_t *error);

/* As json_decode and json_vpack_ex, but NULL with ENOMEM, or else with errno otherwise: what
 * jansson says in *error (may be NULL) does not tell one from the other. */
json_t *json_decode_or (int otherwise, const char *s, size_t len, size_t flags,
                        json_error_t *error);
json_t *json_vpack_or (int otherwise, json_error_t *error, const char *fmt, va_list ap);
/* As json_vunpack_ex and json_unpack, which need memory, too: 0, or -1 with errno. */
int json_vunpack_or (int otherwise, json_t *o, json_error_t *error, const char *fmt,
                     va_list ap);
int json_unpack_or (int otherwise, json_t *o, const char *fmt, ...);

/* Can whoever decodes without flags read it again, however it is wrapped? It is no deeper
 * than depth, and no string in it has U+0000. */
bool json_is_plain (const json_t *o, int depth);

/* Appends the compact form. 0, or -1 with ENOMEM, or EINVAL if it is nested
 * deeper than can be decoded. Numbers are as short as they can be without
 * losing anything. */
int json_encode (struct buf *b, const json_t *o);

/* Like json_dumps with JSON_COMPACT | JSON_ENCODE_ANY. */
char *json_encode_str (const json_t *o);

#endif
