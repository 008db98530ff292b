/* A growing byte buffer. Always NUL-terminated behind its last byte. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct buf {
    char *data; /* NULL until something is added */
    size_t len;
    size_t cap;
    int err; /* set once by a failed allocation; later calls do nothing */
};
#define BUF_INIT                                                                       \
    {                                                                                  \
        NULL, 0, 0, 0                                                                  \
    }

void buf_init (struct buf *b);
void buf_fini (struct buf *b);
void buf_reset (struct buf *b); /* len = 0, memory kept */
int buf_add (struct buf *b, const void *data, size_t len);
/* Room for len more bytes and a NUL, to be written behind data + len. */
int buf_reserve (struct buf *b, size_t len);
int buf_adds (struct buf *b, const char *s);
/* In decimal digits. */
int buf_addi (struct buf *b, int64_t n);
int buf_addu (struct buf *b, uint64_t n);
int buf_addc (struct buf *b, char c);
int buf_printf (struct buf *b, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
int buf_vprintf (struct buf *b, const char *fmt, va_list ap);
/* Write what is in it; -1: the stream did not take all. */
int buf_print (const struct buf *b, FILE *f);
/* Drop len bytes from the front. */
void buf_consume (struct buf *b, size_t len);
/* The bytes, owned by the caller; the buffer is empty after. Never NULL
 * unless out of memory. */
char *buf_take (struct buf *b, size_t *len);

#endif
