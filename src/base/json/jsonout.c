#include "base/json/jsonout.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/text/c_locale.h"

static void add_escape (struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF", to[] = "btn fr";
    char esc[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
    size_t n = 6;

    if (c == '"' || c == '\\') {
        esc[1] = c;
        n = 2;
    } else if (c >= '\b' && c <= '\r' && c != '\v') {
        esc[1] = to[c - '\b'];
        n = 2;
    }
    buf_add (b, esc, n);
}

#define EACH(x) (0x0101010101010101ULL * (x))

/* Is one of eight bytes a control character, a quote or a backslash? Only from such a byte
 * something is carried to the next. */
static inline bool any_special (uint64_t w)
{
    uint64_t quote = w ^ EACH ('"'), back = w ^ EACH ('\\');

    return ((w - EACH (0x20)) | (quote - EACH (1)) | (back - EACH (1))) & ~w
           & EACH (0x80);
}

static inline bool is_special (unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* How many of the first bytes need no escape. */
static size_t plain_len (const char *s, size_t len)
{
    size_t n = 0;
    uint64_t w;

    while (len - n >= sizeof (w)) {
        memcpy (&w, s + n, sizeof (w));
        if (any_special (w))
            break;
        n += sizeof (w);
    }
    while (n < len && !is_special (s[n]))
        n++;
    return n;
}

int json_add_string (struct buf *b, const char *s, size_t len)
{
    size_t n = plain_len (s, len);

    /* One that is plain, as most are, is copied as a whole. */
    if (buf_reserve (b, n + 2) == 0) {
        b->data[b->len++] = '"';
        memcpy (b->data + b->len, s, n);
        b->len += n;
    }
    while (len > n) {
        add_escape (b, s[n]);
        s += n + 1;
        len -= n + 1;
        n = plain_len (s, len);
        buf_add (b, s, n);
    }
    return buf_addc (b, '"');
}

int json_add_text (struct buf *b, const char *s)
{
    return json_add_string (b, s, strlen (s));
}

/* Without stdio: some write millions of them. */
int json_add_int (struct buf *b, int64_t val)
{
    char text[24], *p = text + sizeof (text);
    uint64_t n = val < 0 ? -(uint64_t)val : (uint64_t)val;

    do
        *--p = '0' + n % 10;
    while (n /= 10);
    if (val < 0)
        *--p = '-';
    return buf_add (b, p, text + sizeof (text) - p);
}

int json_add_real (struct buf *b, double val)
{
    char text[40];
    locale_t old = uselocale (locale_c ());

    for (int digits = 15; digits <= 17; digits++) {
        snprintf (text, sizeof (text) - 2, "%.*g", digits, val);
        if (digits == 17 || strtod (text, NULL) == val)
            break;
    }
    uselocale (old);
    if (!strpbrk (text, ".e"))
        strcat (text, ".0");
    return buf_adds (b, text);
}

int json_add_base64 (struct buf *b, const void *data, size_t len)
{
    buf_addc (b, '"');
    if (buf_reserve (b, base64_encoded_size (len)) == 0)
        b->len += base64_encode (b->data + b->len, data, len);
    return buf_addc (b, '"');
}
