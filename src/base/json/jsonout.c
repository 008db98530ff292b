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

int json_add_string (struct buf *b, const char *s, size_t len)
{
    size_t start = 0;

    buf_addc (b, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = s[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add (b, s + start, i - start);
        add_escape (b, c);
        start = i + 1;
    }
    buf_add (b, s + start, len - start);
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
