#include "fluxion/io/jscan.h"
#include "base/encode.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 512

void jscan_init (struct jscan *s, char *text, size_t len)
{
    memset (s, 0, sizeof (*s));
    s->start = s->p = text;
    s->end = text + len;
    *s->end = '\0';
}

bool jscan_fail (struct jscan *s, const char *why)
{
    if (!s->fault) {
        s->fault = why;
        s->fault_at = s->p;
    }
    return false;
}

/* Line feeds in strings are escaped, so unescaping in place loses no line. */
void jscan_where (const struct jscan *s, int *line, int *column)
{
    const char *at = s->fault_at ? s->fault_at : s->p;

    *line = *column = 1;
    for (const char *p = s->start; p < at; p++) {
        (*column)++;
        if (*p == '\n') {
            (*line)++;
            *column = 1;
        }
    }
}

static void space (struct jscan *s)
{
    while (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r')
        s->p++;
}

char jscan_peek (struct jscan *s)
{
    if (s->fault)
        return 0;
    space (s);
    if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9'))
        return '0';
    switch (*s->p) {
    case '{':
    case '[':
    case '"':
    case 't':
    case 'f':
    case 'n':
        return *s->p;
    }
    jscan_fail (s, *s->p ? "unexpected character" : "unexpected end");
    return 0;
}

static bool enter (struct jscan *s, char c)
{
    if (jscan_peek (s) != c)
        return jscan_fail (s, c == '{' ? "expected an object" : "expected an array");
    if (++s->depth > MAX_DEPTH)
        return jscan_fail (s, "nested too deeply");
    s->p++;
    s->first = true;
    return true;
}

bool jscan_object (struct jscan *s)
{
    return enter (s, '{');
}

bool jscan_array (struct jscan *s)
{
    return enter (s, '[');
}

/* True if there is one more; the comma before it is taken. */
static bool more (struct jscan *s, char close)
{
    if (s->fault)
        return false;
    space (s);
    if (*s->p == close) {
        s->p++;
        s->depth--;
        s->first = false;
        return false;
    }
    if (!s->first) {
        if (*s->p != ',')
            return jscan_fail (s, "expected a comma or the end of the list");
        s->p++;
    }
    s->first = false;
    return true;
}

bool jscan_next_key (struct jscan *s, char **key)
{
    if (!more (s, '}') || !jscan_string (s, key))
        return false;
    space (s);
    if (*s->p != ':')
        return jscan_fail (s, "expected a colon");
    s->p++;
    return true;
}

bool jscan_next_item (struct jscan *s)
{
    return more (s, ']');
}

static int hex4 (const char *p)
{
    int n = 0;

    for (int i = 0; i < 4; i++) {
        int c = p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return -1;
        n = n * 16 + d;
    }
    return n;
}

static char *put_utf8 (char *out, int c)
{
    if (c < 0x80) {
        *out++ = c;
    } else if (c < 0x800) {
        *out++ = 0xc0 | c >> 6;
        *out++ = 0x80 | (c & 0x3f);
    } else if (c < 0x10000) {
        *out++ = 0xe0 | c >> 12;
        *out++ = 0x80 | (c >> 6 & 0x3f);
        *out++ = 0x80 | (c & 0x3f);
    } else {
        *out++ = 0xf0 | c >> 18;
        *out++ = 0x80 | (c >> 12 & 0x3f);
        *out++ = 0x80 | (c >> 6 & 0x3f);
        *out++ = 0x80 | (c & 0x3f);
    }
    return out;
}

/* At the backslash. What it stands for is never longer than itself. */
static char *unescape (struct jscan *s, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *k = s->p[1] ? strchr (from, s->p[1]) : NULL;

    if (k) {
        *out++ = to[k - from];
        s->p += 2;
        return out;
    }
    int c = s->p[1] == 'u' ? hex4 (s->p + 2) : -1;
    if (c <= 0) {
        jscan_fail (s, "invalid escape");
        return NULL;
    }
    s->p += 6;
    if (c >= 0xd800 && c < 0xe000) {
        int low =
            c < 0xdc00 && s->p[0] == '\\' && s->p[1] == 'u' ? hex4 (s->p + 2) : -1;
        if (low < 0xdc00 || low >= 0xe000) {
            jscan_fail (s, "invalid escape");
            return NULL;
        }
        s->p += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_utf8 (out, c);
}

bool jscan_string (struct jscan *s, char **out)
{
    unsigned char high = 0;

    if (s->fault)
        return false;
    space (s);
    if (*s->p != '"')
        return jscan_fail (s, "expected a string");
    char *to = *out = ++s->p;
    /* Most strings have nothing to unescape: they stay where they are. */
    for (unsigned char c = *to; c >= 0x20 && c != '"' && c != '\\'; c = *++to)
        high |= c;
    s->p = to;
    for (;;) {
        unsigned char c = *s->p;
        if (c == '"')
            break;
        if (c < 0x20)
            return jscan_fail (s, c ? "control character in a string"
                                    : "unexpected end of a string");
        if (c == '\\') {
            if (!(to = unescape (s, to)))
                return false;
            continue;
        }
        high |= c;
        *to++ = *s->p++;
    }
    s->p++;
    *to = '\0';
    if (high >= 0x80 && !utf8_valid (*out, to - *out))
        return jscan_fail (s, "not UTF-8");
    return true;
}

static bool number (struct jscan *s, bool *whole)
{
    char *p = s->p;

    *whole = true;
    if (*p == '-')
        p++;
    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
        return jscan_fail (s, "invalid number");
    while (*p >= '0' && *p <= '9')
        p++;
    if (*p == '.') {
        *whole = false;
        if (*++p < '0' || *p > '9')
            return jscan_fail (s, "invalid number");
        while (*p >= '0' && *p <= '9')
            p++;
    }
    if (*p == 'e' || *p == 'E') {
        *whole = false;
        p++;
        if (*p == '+' || *p == '-')
            p++;
        if (*p < '0' || *p > '9')
            return jscan_fail (s, "invalid number");
        while (*p >= '0' && *p <= '9')
            p++;
    }
    s->p = p;
    return true;
}

bool jscan_int (struct jscan *s, int64_t *n)
{
    bool whole, negative;

    if (jscan_peek (s) != '0')
        return jscan_fail (s, "expected a number");
    char *from = s->p;
    if (!number (s, &whole))
        return false;
    if (!whole)
        return jscan_fail (s, "expected a whole number");
    negative = *from == '-';
    int64_t v = 0;
    for (char *p = from + negative; p < s->p; p++)
        if (__builtin_mul_overflow (v, 10, &v)
            || __builtin_sub_overflow (v, *p - '0', &v))
            return jscan_fail (s, "number out of range");
    if (!negative && __builtin_sub_overflow (0, v, &v))
        return jscan_fail (s, "number out of range");
    *n = v;
    return true;
}

static bool word (struct jscan *s, const char *w)
{
    size_t len = strlen (w);

    if (strncmp (s->p, w, len) != 0)
        return jscan_fail (s, "unexpected character");
    s->p += len;
    return true;
}

bool jscan_skip (struct jscan *s)
{
    char *text;
    bool whole;

    switch (jscan_peek (s)) {
    case '{':
        if (!jscan_object (s))
            return false;
        while (jscan_next_key (s, &text))
            if (!jscan_skip (s))
                return false;
        return !s->fault;
    case '[':
        if (!jscan_array (s))
            return false;
        while (jscan_next_item (s))
            if (!jscan_skip (s))
                return false;
        return !s->fault;
    case '"':
        return jscan_string (s, &text);
    case '0':
        return number (s, &whole);
    case 't':
        return word (s, "true");
    case 'f':
        return word (s, "false");
    case 'n':
        return word (s, "null");
    }
    return false;
}

bool jscan_end (struct jscan *s)
{
    if (s->fault)
        return false;
    space (s);
    return s->p == s->end || jscan_fail (s, "something follows");
}
