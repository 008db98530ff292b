#include "base/json/jscan.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/encode.h"

/* Tokens, for both ways */

static inline const char *skip_space (const char *p, const char *end)
{
    if (p < end && (unsigned char)*p > ' ')
        return p;
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

#define EACH(c) (0x0101010101010101u * (c)) /* in all bytes of a word */

/* To the first quote, backslash or control character, a word at a time. *high gets bits
 * of what is no ASCII, and of up to seven bytes that follow. */
static inline const char *skip_plain (const char *p, const char *end, uint64_t *high)
{
    while (end - p >= 8) {
        uint64_t w, quote, slash, hits;

        memcpy (&w, p, 8);
        w = le64toh (w);
        quote = w ^ EACH ('"');
        slash = w ^ EACH ('\\');
        /* The lowest hit is one; a borrow may add others above it. */
        hits = (((quote - EACH (1)) & ~quote) | ((slash - EACH (1)) & ~slash)
                | ((w - EACH (0x20)) & ~w))
               & EACH (0x80);
        *high |= w & EACH (0x80);
        if (hits)
            return p + __builtin_ctzll (hits) / 8;
        p += 8;
    }
    for (; p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\'; p++)
        *high |= *p & 0x80;
    return p;
}

static inline bool is_digit (const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

/* Behind the number at p, or NULL. */
static const char *skip_number (const char *p, const char *end, bool *whole)
{
    *whole = true;
    if (p < end && *p == '-')
        p++;
    if (!is_digit (p, end) || (*p == '0' && is_digit (p + 1, end)))
        return NULL;
    while (is_digit (p, end))
        p++;
    if (p < end && *p == '.') {
        *whole = false;
        if (!is_digit (++p, end))
            return NULL;
        while (is_digit (p, end))
            p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        *whole = false;
        if (++p < end && (*p == '+' || *p == '-'))
            p++;
        if (!is_digit (p, end))
            return NULL;
        while (is_digit (p, end))
            p++;
    }
    return p;
}

static int hex4 (const char *p, const char *end)
{
    unsigned char b[2];

    return end - p < 4 || hex_decode (b, p, 4) < 0 ? -1 : b[0] << 8 | b[1];
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

/* *p stands at a backslash, and moves behind the escape. -1 if it is none. */
static int read_escape (const char **p, const char *end)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *q = *p + 1, *k = q < end && *q ? strchr (from, *q) : NULL;
    int c, low;

    if (k) {
        *p = q + 1;
        return to[k - from];
    }
    if (q >= end || *q != 'u' || (c = hex4 (q + 1, end)) <= 0)
        return -1;
    q += 5;
    if (c >= 0xd800 && c < 0xe000) {
        if (c >= 0xdc00 || end - q < 6 || q[0] != '\\' || q[1] != 'u'
            || (low = hex4 (q + 2, end)) < 0xdc00 || low >= 0xe000)
            return -1;
        q += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *p = q;
    return c;
}

ssize_t json_unescape (char *out, const char *inner, size_t len)
{
    const char *p = inner, *end = inner + len, *q;
    char *start = out;

    for (; p < end; p = q) {
        size_t n;

        if (*p == '\\') {
            int c = read_escape (&p, end);

            if (c < 0)
                return -1;
            out = put_utf8 (out, c);
            q = p;
            continue;
        }
        if (!(q = memchr (p, '\\', end - p)))
            q = end;
        n = q - p;
        if (out != p)
            memmove (out, p, n);
        out += n;
    }
    return out - start;
}

/* Strict */

void jscan_init (struct jscan *s, const char *text, size_t len)
{
    *s = (struct jscan){ .start = text, .p = text, .end = text + len };
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

/* NUL at the end. */
static char next_char (struct jscan *s)
{
    s->p = skip_space (s->p, s->end);
    return s->p < s->end ? *s->p : '\0';
}

char jscan_peek (struct jscan *s)
{
    char c;

    if (s->fault)
        return 0;
    c = next_char (s);
    if (c == '-' || (c >= '0' && c <= '9'))
        return '0';
    switch (c) {
    case '{':
    case '[':
    case '"':
    case 't':
    case 'f':
    case 'n':
        return c;
    }
    jscan_fail (s, s->p < s->end ? "unexpected character" : "unexpected end");
    return 0;
}

static bool enter (struct jscan *s, char c)
{
    if (jscan_peek (s) != c)
        return jscan_fail (s, c == '{' ? "expected an object" : "expected an array");
    if (++s->depth > JSCAN_DEPTH_MAX)
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
    char c;

    if (s->fault)
        return false;
    if ((c = next_char (s)) == close) {
        s->p++;
        s->depth--;
        s->first = false;
        return false;
    }
    if (!s->first) {
        if (c != ',')
            return jscan_fail (s, "expected a comma or the end of the list");
        s->p++;
    }
    s->first = false;
    return true;
}

static bool colon (struct jscan *s)
{
    if (next_char (s) != ':')
        return jscan_fail (s, "expected a colon");
    s->p++;
    return true;
}

bool jscan_next_key (struct jscan *s, struct span *key, bool *escaped)
{
    return more (s, '}') && jscan_string (s, key, escaped) && colon (s);
}

bool jscan_next_item (struct jscan *s)
{
    return more (s, ']');
}

bool jscan_string (struct jscan *s, struct span *inner, bool *escaped)
{
    uint64_t high = 0;
    const char *p, *end = s->end;

    if (s->fault)
        return false;
    if (next_char (s) != '"')
        return jscan_fail (s, "expected a string");
    inner->s = p = ++s->p;
    *escaped = false;
    for (;;) {
        p = skip_plain (p, end, &high);
        if (p == end || *p != '\\')
            break;
        *escaped = true;
        s->p = p;
        if (read_escape (&p, end) < 0)
            return jscan_fail (s, "invalid escape");
    }
    s->p = p;
    if (p == end || *p != '"')
        return jscan_fail (s, p == end || !*p ? "unexpected end of a string"
                                              : "control character in a string");
    inner->len = p - inner->s;
    s->p++;
    if (high && !utf8_valid (inner->s, inner->len))
        return jscan_fail (s, "not UTF-8");
    return true;
}

static bool string_in_place (struct jscan *s, char **out)
{
    struct span inner;
    bool escaped;

    if (!jscan_string (s, &inner, &escaped))
        return false;
    *out = (char *)inner.s;
    (*out)[escaped ? (size_t)json_unescape (*out, inner.s, inner.len) : inner.len] = 0;
    return true;
}

bool jscan_string_in_place (struct jscan *s, char **out)
{
    return string_in_place (s, out);
}

bool jscan_next_key_in_place (struct jscan *s, char **key)
{
    return more (s, '}') && string_in_place (s, key) && colon (s);
}

bool jscan_number (struct jscan *s, struct span *text, bool *whole)
{
    const char *p;

    if (jscan_peek (s) != '0')
        return jscan_fail (s, "expected a number");
    if (!(p = skip_number (s->p, s->end, whole)))
        return jscan_fail (s, "invalid number");
    *text = (struct span){ s->p, p - s->p };
    s->p = p;
    return true;
}

bool jscan_int (struct jscan *s, int64_t *n)
{
    struct span text;
    bool whole, negative;
    int64_t v = 0;

    if (!jscan_number (s, &text, &whole))
        return false;
    if (!whole)
        return jscan_fail (s, "expected a whole number");
    negative = text.s[0] == '-';
    for (const char *p = text.s + negative; p < s->p; p++)
        if (__builtin_mul_overflow (v, 10, &v)
            || __builtin_sub_overflow (v, *p - '0', &v))
            return jscan_fail (s, "number out of range");
    if (!negative && __builtin_sub_overflow (0, v, &v))
        return jscan_fail (s, "number out of range");
    *n = v;
    return true;
}

bool jscan_word (struct jscan *s, const char *word)
{
    size_t len = strlen (word);

    if ((size_t)(s->end - s->p) < len || memcmp (s->p, word, len) != 0)
        return jscan_fail (s, "unexpected character");
    s->p += len;
    return true;
}

bool jscan_skip (struct jscan *s)
{
    struct span text;
    bool flag;

    switch (jscan_peek (s)) {
    case '{':
        if (!jscan_object (s))
            return false;
        while (jscan_next_key (s, &text, &flag))
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
        return jscan_string (s, &text, &flag);
    case '0':
        return jscan_number (s, &text, &flag);
    case 't':
        return jscan_word (s, "true");
    case 'f':
        return jscan_word (s, "false");
    case 'n':
        return jscan_word (s, "null");
    }
    return false;
}

bool jscan_end (struct jscan *s)
{
    if (s->fault)
        return false;
    next_char (s);
    return s->p == s->end || jscan_fail (s, "something follows");
}

/* By spans */

/* p is behind the opening quote; the result is behind the closing one, or NULL. */
static const char *skip_string (const char *p, const char *end)
{
    const char *start = p, *q, *b;

    while ((q = memchr (p, '"', end - p))) {
        for (b = q; b > start && b[-1] == '\\'; b--)
            ;
        if ((q - b) % 2 == 0)
            return q + 1;
        p = q + 1;
    }
    return NULL;
}

/* Behind whatever has no structure: it is not looked at. */
static const char *skip_word (const char *p, const char *end)
{
    const char *start = p;

    while (p < end && !strchr (",:]}[{\" \n\t\r", *p))
        p++;
    return p == start ? NULL : p;
}

/* Each step is one token, so that depth costs a bit and no stack. */
static const char *skip_container (const char *p, const char *end)
{
    uint64_t object[JSCAN_DEPTH_MAX / 64] = { 0 };
    int depth = 0;
    bool first = false; /* just behind an opening bracket */

    for (;;) {
        bool in_object;

        /* A value begins, or the container that has just begun ends. */
        if ((p = skip_space (p, end)) == end)
            return NULL;
        in_object = depth > 0 && object[(depth - 1) / 64] >> (depth - 1) % 64 & 1;
        if (!(first && *p == (in_object ? '}' : ']'))) {
            if (in_object) {
                if (*p != '"' || !(p = skip_string (p + 1, end))
                    || (p = skip_space (p, end)) == end || *p++ != ':'
                    || (p = skip_space (p, end)) == end)
                    return NULL;
            }
            if (*p == '{' || *p == '[') {
                uint64_t bit = (uint64_t)1 << depth % 64;

                if (depth == JSCAN_DEPTH_MAX)
                    return NULL;
                if (*p++ == '{')
                    object[depth / 64] |= bit;
                else
                    object[depth / 64] &= ~bit;
                depth++;
                first = true;
                continue;
            }
            if (!(p = *p == '"' ? skip_string (p + 1, end) : skip_word (p, end)))
                return NULL;
            p = skip_space (p, end);
        }
        /* Behind a value: all that ends here, then a comma. */
        first = false;
        while (
            p < end
            && *p == (object[(depth - 1) / 64] >> (depth - 1) % 64 & 1 ? '}' : ']')) {
            p++;
            if (--depth == 0)
                return p;
            p = skip_space (p, end);
        }
        if (p == end || *p++ != ',')
            return NULL;
    }
}

/* Behind the value at p, or NULL. */
static const char *skip_value (const char *p, const char *end)
{
    if (p == end)
        return NULL;
    if (*p == '"')
        return skip_string (p + 1, end);
    return *p == '{' || *p == '[' ? skip_container (p, end) : skip_word (p, end);
}

int json_span (const char *s, size_t len, struct span *value)
{
    const char *end = s + len, *p = skip_space (s, end), *q = skip_value (p, end);

    if (!q || skip_space (q, end) != end) {
        errno = EINVAL;
        return -1;
    }
    *value = (struct span){ p, q - p };
    return 0;
}

/* At the next member, or at the end of the container. NULL: neither. */
static const char *find_next (struct span c, size_t pos)
{
    const char *end = c.s + c.len, *p;
    char close;

    if (c.len < 2 || (c.s[0] != '{' && c.s[0] != '['))
        return NULL;
    close = c.s[0] == '{' ? '}' : ']';
    p = skip_space (c.s + (pos ? pos : 1), end);
    if (pos && p < end && *p == ',')
        p = skip_space (p + 1, end);
    else if (pos && (p == end || *p != close))
        return NULL;
    else if (p < end && *p == close)
        return p;
    return p < end && *p != close ? p : NULL;
}

int json_span_next (struct span c, size_t *pos, struct span *key, struct span *value)
{
    const char *end = c.s + c.len, *p = find_next (c, *pos), *q;

    if (!p)
        goto inval;
    if (*p == (c.s[0] == '{' ? '}' : ']'))
        return 0;
    *key = (struct span){ p, 0 };
    if (c.s[0] == '{') {
        if (*p != '"' || !(q = skip_string (p + 1, end)))
            goto inval;
        *key = (struct span){ p + 1, q - p - 2 };
        p = skip_space (q, end);
        if (p == end || *p != ':')
            goto inval;
        p = skip_space (p + 1, end);
    }
    if (!(q = skip_value (p, end)))
        goto inval;
    *value = (struct span){ p, q - p };
    *pos = q - c.s;
    return 1;
inval:
    errno = EINVAL;
    return -1;
}

bool json_span_plain (struct span quoted, struct span *inner)
{
    if (quoted.len < 2 || quoted.s[0] != '"' || memchr (quoted.s, '\\', quoted.len))
        return false;
    *inner = (struct span){ quoted.s + 1, quoted.len - 2 };
    return true;
}

int json_span_unquote (struct span quoted, struct buf *b)
{
    ssize_t n;

    if (quoted.len < 2 || quoted.s[0] != '"') {
        errno = EINVAL;
        return -1;
    }
    if (buf_reserve (b, quoted.len) < 0)
        return -1;
    if ((n = json_unescape (b->data + b->len, quoted.s + 1, quoted.len - 2)) < 0) {
        errno = EINVAL;
        return -1;
    }
    b->len += n;
    b->data[b->len] = '\0';
    return 0;
}
