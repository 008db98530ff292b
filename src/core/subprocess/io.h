/* I/O objects {stream, rank, data?, encoding?, eof?} (RFC 24, 42), as text. */
#ifndef CORE_SUBPROCESS_IO_H
#define CORE_SUBPROCESS_IO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Data that is not UTF-8 goes as base64. data NULL: none. */
void io_append (struct buf *b, const char *stream, const char *rank, const void *data,
                size_t len, bool eof);
json_t *io_encode (const char *stream, const char *rank, const void *data, size_t len,
                   bool eof);

struct io {
    const char *stream; /* borrowed from the object */
    const char *rank;
    char *data; /* owned by the caller; NULL if there is none */
    size_t len;
    bool eof;
};
/* -1 with EPROTO unless o has a stream, a rank and data or eof. */
int io_decode (const json_t *o, struct io *io);
/* The longest prefix of at most max bytes that does not split a character.
 * Never 0 unless len is 0. */
size_t utf8_prefix (const char *s, size_t len, size_t max);

#endif
