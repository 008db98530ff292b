#include "base/encode.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encoded_size (size_t len)
{
    return (len + 2) / 3 * 4 + 1;
}

size_t base64_encode (char *dst, const void *src, size_t len)
{
    const unsigned char *s = src;
    char *d = dst;

    for (; len >= 3; len -= 3, s += 3) {
        uint32_t v = (uint32_t)s[0] << 16 | s[1] << 8 | s[2];
        *d++ = alphabet[v >> 18];
        *d++ = alphabet[v >> 12 & 63];
        *d++ = alphabet[v >> 6 & 63];
        *d++ = alphabet[v & 63];
    }
    if (len > 0) {
        uint32_t v = (uint32_t)s[0] << 16 | (len > 1 ? s[1] << 8 : 0);
        *d++ = alphabet[v >> 18];
        *d++ = alphabet[v >> 12 & 63];
        *d++ = len > 1 ? alphabet[v >> 6 & 63] : '=';
        *d++ = '=';
    }
    *d = '\0';
    return d - dst;
}

/* The value of each digit plus one; 0 is no digit. */
static const unsigned char digits[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
    ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
    ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
    ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
    ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
    ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
    ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
    ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
    ['/'] = 64,
};

ssize_t base64_decode (void *dst, const char *src, size_t len)
{
    const unsigned char *s = (const unsigned char *)src;
    unsigned char *d = dst;
    size_t pad = 0;

    if (len % 4 != 0)
        goto inval;
    if (len > 0 && s[len - 1] == '=')
        pad = s[len - 2] == '=' ? 2 : 1;
    for (; len > 0; len -= 4, s += 4) {
        size_t n = len == 4 ? 4 - pad : 4;
        uint32_t v = 0;
        for (size_t i = 0; i < 4; i++) {
            unsigned char digit = i < n ? digits[s[i]] : 1;
            if (!digit)
                goto inval;
            v = v << 6 | (digit - 1u);
        }
        *d++ = v >> 16;
        if (n > 2)
            *d++ = v >> 8;
        if (n > 3)
            *d++ = v;
        /* Bits that the padding cuts off have to be zero, so that each
         * byte string has one encoding. */
        if ((n == 2 && v & 0xffff) || (n == 3 && v & 0xff))
            goto inval;
    }
    return d - (unsigned char *)dst;
inval:
    errno = EINVAL;
    return -1;
}

void hex_encode (char *dst, const void *src, size_t len)
{
    const unsigned char *s = src;

    for (size_t i = 0; i < len; i++) {
        *dst++ = "0123456789abcdef"[s[i] >> 4];
        *dst++ = "0123456789abcdef"[s[i] & 15];
    }
    *dst = '\0';
}

static int hex_digit (char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode (void *dst, const char *src, size_t len)
{
    unsigned char *d = dst;

    if (len % 2 != 0)
        goto inval;
    for (size_t i = 0; i < len; i += 2) {
        int hi = hex_digit (src[i]);
        int lo = hex_digit (src[i + 1]);
        if (hi < 0 || lo < 0)
            goto inval;
        *d++ = hi << 4 | lo;
    }
    return 0;
inval:
    errno = EINVAL;
    return -1;
}

size_t utf8_next (const char *text, size_t len, uint32_t *code)
{
    const unsigned char *s = (const unsigned char *)text;
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t c;
    size_t n;

    if (len == 0)
        return 0;
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        n = 2, c = s[0] & 0x1f;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        n = 3, c = s[0] & 0x0f;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        n = 4, c = s[0] & 0x07;
    else
        return 0;
    if (n > len)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code = c;
    return n;
}

bool utf8_valid (const char *s, size_t len)
{
    const char *p = s;

    while (len > 0) {
        uint32_t code;
        uint64_t w;
        size_t n;

        if (len >= 8) {
            memcpy (&w, p, 8);
            if (!(w & 0x8080808080808080ULL)) {
                p += 8;
                len -= 8;
                continue;
            }
        }
        if (!(n = utf8_next (p, len, &code)))
            return false;
        p += n;
        len -= n;
    }
    return true;
}

/* Is s, to its NUL, the beginning of a character? */
static bool is_cut (const char *s)
{
    unsigned char lead = *s;
    size_t whole = lead > 0xf4 ? 0 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2, n = 1;

    if (lead < 0xc2)
        return false;

    while ((s[n] & 0xc0) == 0x80)
        n++;
    return s[n] == '\0' && n < whole;
}

void utf8_repair (char *s)
{
    size_t len = strlen (s), n;
    uint32_t code;

    for (char *end = s + len; s < end; s += n) {
        if ((n = utf8_next (s, end - s, &code)))
            continue;
        if (is_cut (s)) {
            *s = '\0';
            return;
        }
        *s = '?';
        n = 1;
    }
}

int utf8_repaired (const char *s, char **copy)
{
    *copy = NULL;
    if (utf8_valid (s, strlen (s)))
        return 0;
    if (!(*copy = strdup (s)))
        return -1;
    utf8_repair (*copy);
    return 0;
}

/* Code points that take no column, or two. Independent of the locale. */
static int code_width (uint32_t c)
{
    static const uint32_t none[][2] = {
        { 0x0000, 0x001f },   { 0x007f, 0x009f }, { 0x0300, 0x036f },
        { 0x200b, 0x200f },   { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f },
        { 0xe0100, 0xe01ef },
    };
    static const uint32_t wide[][2] = {
        { 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0x33ff },
        { 0x3400, 0x4dbf },   { 0x4e00, 0x9fff },   { 0xa000, 0xa4cf },
        { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },
        { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f },
        { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x1fa70, 0x1faff },
        { 0x20000, 0x3fffd },
    };

    for (size_t i = 0; i < sizeof (none) / sizeof (none[0]); i++)
        if (c >= none[i][0] && c <= none[i][1])
            return 0;
    for (size_t i = 0; i < sizeof (wide) / sizeof (wide[0]); i++)
        if (c >= wide[i][0] && c <= wide[i][1])
            return 2;
    return 1;
}

int utf8_width (const char *s)
{
    const char *p = s;
    size_t len = strlen (s);
    int width = 0;

    while (len > 0) {
        uint32_t code;
        size_t n = utf8_next (p, len, &code);

        /* A byte that is not UTF-8 shows as one replacement character. */
        width += n ? code_width (code) : 1;
        n = n ? n : 1;
        p += n;
        len -= n;
    }
    return width;
}

int size_decode (const char *s, uint64_t *value)
{
    static const char units[] = "kMGT";
    unsigned long long n;
    const char *unit;
    char *end;
    int shift = 0;

    errno = 0;
    n = strtoull (s, &end, 10);
    if (end == s || *s == '-' || errno != 0)
        goto inval;
    if (*end && (unit = strchr (units, *end))) {
        shift = 10 * (unit - units + 1);
        end++;
    }
    if (*end || n == 0 || n > (UINT64_MAX >> shift >> 1))
        goto inval;
    *value = n << shift;
    return 0;
inval:
    errno = EINVAL;
    return -1;
}
