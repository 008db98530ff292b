/* base64 (RFC 4648, padded), hexadecimal, UTF-8. */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes that the encoded form needs, with its NUL. */
size_t base64_encoded_size (size_t len);
/* Writes a NUL-terminated string; returns its length. */
size_t base64_encode (char *dst, const void *src, size_t len);
/* dst holds at least len / 4 * 3 bytes. The length, or -1 with EINVAL. */
ssize_t base64_decode (void *dst, const char *src, size_t len);
void hex_encode (char *dst, const void *src, size_t len); /* 2 * len + 1 */
/* -1 with EINVAL unless len is even and all digits are hexadecimal. */
int hex_decode (void *dst, const char *src, size_t len);
/* Decodes one code point of at most len bytes (RFC 3629: no overlong forms, no
 * surrogates). Its length, or 0 if there is none. */
size_t utf8_next (const char *s, size_t len, uint32_t *code);
bool utf8_valid (const char *s, size_t len);
/* In place: each byte that is no UTF-8 becomes '?', and a character that lacks its end,
 * as snprintf leaves it where a text is too long, goes. */
void utf8_repair (char *s);
/* *copy: s as utf8_repair leaves it, or NULL if it is UTF-8. -1 with ENOMEM (*copy is NULL). */
int utf8_repaired (const char *s, char **copy);
/* Columns on a terminal. */
int utf8_width (const char *s);

/* "256M" and the like, above 0: -1 with EINVAL. */
int size_decode (const char *s, uint64_t *value);

#endif
