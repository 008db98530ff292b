#include "base/buf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/pages.h"

#define CAP_MIN 64

void buf_init (struct buf *b)
{
    *b = (struct buf)BUF_INIT;
}

void buf_fini (struct buf *b)
{
    free (b->data);
    buf_init (b);
}

void buf_reset (struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

static int grow (struct buf *b, size_t len)
{
    size_t need = b->len + len + 1, cap = b->cap < CAP_MIN / 2 ? CAP_MIN : 2 * b->cap;
    char *data;

    if (b->err) {
        errno = b->err;
        return -1;
    }
    if (need <= len || b->cap > SIZE_MAX / 2)
        goto nomem;
    if (cap < need) /* often all that there will be */
        cap = need;
    if (!(data = pages_realloc (b->data, b->len, cap)))
        goto nomem;
    b->data = data;
    b->cap = cap;
    return 0;
nomem:
    errno = b->err = ENOMEM;
    return -1;
}

int buf_reserve (struct buf *b, size_t len)
{
    return len < b->cap - b->len && b->err == 0 ? 0 : grow (b, len);
}

int buf_add (struct buf *b, const void *data, size_t len)
{
    if (buf_reserve (b, len) < 0)
        return -1;
    if (len > 0)
        memcpy (b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_adds (struct buf *b, const char *s)
{
    return buf_add (b, s, strlen (s));
}

int buf_addc (struct buf *b, char c)
{
    if (buf_reserve (b, 1) < 0)
        return -1;
    b->data[b->len++] = c;
    b->data[b->len] = '\0';
    return 0;
}

static int add_digits (struct buf *b, bool negative, uint64_t n)
{
    char digits[24], *p = digits + sizeof (digits);

    do
        *--p = '0' + n % 10;
    while ((n /= 10) > 0);
    if (negative)
        *--p = '-';
    return buf_add (b, p, digits + sizeof (digits) - p);
}

int buf_addi (struct buf *b, int64_t n)
{
    return add_digits (b, n < 0, n < 0 ? -(uint64_t)n : (uint64_t)n);
}

int buf_addu (struct buf *b, uint64_t n)
{
    return add_digits (b, false, n);
}

int buf_vprintf (struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n;

    if (buf_reserve (b, 1) < 0)
        return -1;
    va_copy (again, ap);
    n = vsnprintf (b->data + b->len, b->cap - b->len, fmt, again);
    va_end (again);
    if (n < 0)
        return -1;
    if ((size_t)n >= b->cap - b->len) {
        if (buf_reserve (b, n) < 0)
            return -1;
        vsnprintf (b->data + b->len, b->cap - b->len, fmt, ap);
    }
    b->len += n;
    return 0;
}

int buf_printf (struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = buf_vprintf (b, fmt, ap);
    va_end (ap);
    return rc;
}

int buf_print (const struct buf *b, FILE *f)
{
    return b->len == 0 || fwrite (b->data, 1, b->len, f) == b->len ? 0 : -1;
}

void buf_consume (struct buf *b, size_t len)
{
    if (len >= b->len) {
        buf_reset (b);
        return;
    }
    if (len == 0)
        return;
    memmove (b->data, b->data + len, b->len - len + 1);
    b->len -= len;
}

char *buf_take (struct buf *b, size_t *len)
{
    char *data;

    if (b->err || buf_reserve (b, 0) < 0) {
        buf_fini (b);
        errno = ENOMEM;
        return NULL;
    }
    b->data[b->len] = '\0';
    data = b->data;
    if (len)
        *len = b->len;
    buf_init (b);
    return data;
}
