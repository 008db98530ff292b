#include "base/json.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"

#define MAX_DEPTH 512 /* deeper text goes to jansson */

struct reader {
    const char *p, *end;
    int depth;
};

static json_t *read_value (struct reader *r);

static void skip_space (struct reader *r)
{
    while (r->p < r->end
           && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
        r->p++;
}

static bool take (struct reader *r, char c)
{
    skip_space (r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* Behind the quote: the plain text of a string, and where it ends. NULL if
 * it has escapes or is not text. */
static const char *plain_string (struct reader *r, size_t *len)
{
    const char *start = r->p;
    bool ascii = true;

    for (; r->p < r->end && *r->p != '"'; r->p++) {
        unsigned char c = *r->p;

        if (c < 0x20 || c == '\\')
            return NULL;
        if (c >= 0x80)
            ascii = false;
    }
    if (r->p == r->end)
        return NULL;
    *len = r->p - start;
    r->p++;
    return ascii || utf8_valid (start, *len) ? start : NULL;
}

/* The escapes that are a byte each. -1 for others. */
static int simple_escape (char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    }
    return -1;
}

/* A string value with simple escapes only. */
static json_t *escaped_string (struct reader *r)
{
    const char *q = r->p;
    json_t *o = NULL;
    char *text, *w;

    while (q < r->end && *q != '"')
        q += *q == '\\' ? 2 : 1;
    if (q >= r->end || !(text = w = malloc (q - r->p)))
        return NULL;
    while (*r->p != '"') {
        int c = (unsigned char)*r->p++;

        if (c < 0x20 || (c == '\\' && (c = simple_escape (*r->p++)) < 0))
            goto done;
        *w++ = c;
    }
    r->p++;
    if (utf8_valid (text, w - text))
        o = json_stringn_nocheck (text, w - text);
done:
    free (text);
    return o;
}

static json_t *read_string (struct reader *r)
{
    const char *start = r->p;
    size_t len;
    const char *s = plain_string (r, &len);

    if (s)
        return json_stringn_nocheck (s, len);
    r->p = start;
    return escaped_string (r);
}

static json_t *read_object (struct reader *r)
{
    json_t *o = json_object ();

    if (!o || take (r, '}'))
        return o;
    do {
        const char *key;
        size_t len;
        json_t *val;

        if (!take (r, '"') || !(key = plain_string (r, &len)) || !take (r, ':')
            || !(val = read_value (r))
            || json_object_setn_new_nocheck (o, key, len, val) < 0) {
            json_decref (o);
            return NULL;
        }
    } while (take (r, ','));
    if (take (r, '}'))
        return o;
    json_decref (o);
    return NULL;
}

static json_t *read_array (struct reader *r)
{
    json_t *o = json_array ();

    if (!o || take (r, ']'))
        return o;
    do {
        json_t *val = read_value (r);

        if (!val || json_array_append_new (o, val) < 0) {
            json_decref (o);
            return NULL;
        }
    } while (take (r, ','));
    if (take (r, ']'))
        return o;
    json_decref (o);
    return NULL;
}

static bool is_digit (const struct reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static locale_t c_locale (void)
{
    static locale_t loc;
    locale_t mine, none = (locale_t)0;

    if ((mine = __atomic_load_n (&loc, __ATOMIC_ACQUIRE)))
        return mine;
    mine = newlocale (LC_ALL_MASK, "C", none);
    if (!__atomic_compare_exchange_n (&loc, &none, mine, false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_ACQUIRE)) {
        freelocale (mine);
        mine = none;
    }
    return mine;
}

/* The grammar has been looked at; start to r->p is a number with a fraction
 * or an exponent. */
static json_t *real_value (struct reader *r, const char *start)
{
    char text[64];
    size_t len = r->p - start;
    double d;

    if (len >= sizeof (text))
        return NULL;
    memcpy (text, start, len);
    text[len] = '\0';
    d = strtod_l (text, NULL, c_locale ());
    return isfinite (d) ? json_real (d) : NULL;
}

static json_t *read_number (struct reader *r)
{
    const char *start = r->p;
    bool negative = *r->p == '-';
    const char *digits = r->p += negative;
    uint64_t n = 0;

    for (; is_digit (r); r->p++)
        n = n * 10 + (*r->p - '0');
    if (r->p == digits || (*digits == '0' && r->p - digits > 1))
        return NULL;
    if (r->p < r->end && (*r->p == '.' || *r->p == 'e' || *r->p == 'E')) {
        if (*r->p == '.') {
            r->p++;
            if (!is_digit (r))
                return NULL;
            while (is_digit (r))
                r->p++;
        }
        if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
            r->p++;
            if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
                r->p++;
            if (!is_digit (r))
                return NULL;
            while (is_digit (r))
                r->p++;
        }
        return real_value (r, start);
    }
    if (r->p - digits > 18) /* may not fit */
        return NULL;
    return json_integer (negative ? -(json_int_t)n : (json_int_t)n);
}

static bool word (struct reader *r, const char *s, size_t len)
{
    if ((size_t)(r->end - r->p) < len || memcmp (r->p, s, len) != 0)
        return false;
    r->p += len;
    return true;
}

static json_t *read_value (struct reader *r)
{
    json_t *o;

    skip_space (r);
    if (r->p == r->end || r->depth == MAX_DEPTH)
        return NULL;
    switch (*r->p) {
    case '"':
        r->p++;
        return read_string (r);
    case '{':
    case '[':
        r->depth++;
        o = *r->p++ == '{' ? read_object (r) : read_array (r);
        r->depth--;
        return o;
    case 't':
        return word (r, "true", 4) ? json_true () : NULL;
    case 'f':
        return word (r, "false", 5) ? json_false () : NULL;
    case 'n':
        return word (r, "null", 4) ? json_null () : NULL;
    }
    return read_number (r);
}

json_t *json_decode (const char *s, size_t len, size_t flags, json_error_t *error)
{
    struct reader r = { .p = s, .end = s + len };
    json_t *o = NULL;

    skip_space (&r);
    if (!(flags & ~(size_t)(JSON_ALLOW_NUL | JSON_DECODE_ANY)) && r.p < r.end
        && (*r.p == '{' || *r.p == '[')) {
        o = read_value (&r);
        skip_space (&r);
        if (o && r.p == r.end)
            return o;
        json_decref (o);
    }
    return json_loadb (s, len, flags, error);
}

static int write_value (struct buf *b, const json_t *o, int depth);

static int write_string (struct buf *b, const char *s, size_t len)
{
    static const char *hex = "0123456789abcdef";
    size_t start = 0;

    buf_addc (b, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = s[i];
        char esc[6] = { '\\', 0 };
        size_t n = 2;

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        switch (c) {
        case '"':
        case '\\':
            esc[1] = c;
            break;
        case '\b':
            esc[1] = 'b';
            break;
        case '\f':
            esc[1] = 'f';
            break;
        case '\n':
            esc[1] = 'n';
            break;
        case '\r':
            esc[1] = 'r';
            break;
        case '\t':
            esc[1] = 't';
            break;
        default:
            memcpy (esc + 1, "u00", 3);
            esc[4] = hex[c >> 4];
            esc[5] = hex[c & 15];
            n = 6;
        }
        buf_add (b, s + start, i - start);
        buf_add (b, esc, n);
        start = i + 1;
    }
    buf_add (b, s + start, len - start);
    return buf_addc (b, '"');
}

static int write_integer (struct buf *b, json_int_t val)
{
    char text[24];
    char *p = text + sizeof (text);
    uint64_t n = val < 0 ? -(uint64_t)val : (uint64_t)val;

    do
        *--p = '0' + n % 10;
    while (n /= 10);
    if (val < 0)
        *--p = '-';
    return buf_add (b, p, text + sizeof (text) - p);
}

/* As few digits as give the same number again. */
static int write_real (struct buf *b, double val)
{
    char text[40];
    locale_t old = uselocale (c_locale ());

    for (int digits = 15; digits <= 17; digits++) {
        snprintf (text, sizeof (text) - 2, "%.*g", digits, val);
        if (digits == 17 || strtod (text, NULL) == val)
            break;
    }
    uselocale (old);
    if (!strpbrk (text, ".e"))
        strcat (text, ".0"); /* still a real when it is read back */
    return buf_adds (b, text);
}

static int write_object (struct buf *b, json_t *o, int depth)
{
    void *it = json_object_iter (o);

    buf_addc (b, '{');
    while (it) {
        write_string (b, json_object_iter_key (it), json_object_iter_key_len (it));
        buf_addc (b, ':');
        if (write_value (b, json_object_iter_value (it), depth + 1) < 0)
            return -1;
        if ((it = json_object_iter_next (o, it)))
            buf_addc (b, ',');
    }
    return buf_addc (b, '}');
}

static int write_array (struct buf *b, const json_t *o, int depth)
{
    size_t count = json_array_size (o);

    buf_addc (b, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_addc (b, ',');
        if (write_value (b, json_array_get (o, i), depth + 1) < 0)
            return -1;
    }
    return buf_addc (b, ']');
}

static int write_value (struct buf *b, const json_t *o, int depth)
{
    if (!o || depth > 2048) { /* what jansson decodes */
        errno = EINVAL;
        return -1;
    }
    switch (json_typeof (o)) {
    case JSON_OBJECT:
        return write_object (b, (json_t *)o, depth);
    case JSON_ARRAY:
        return write_array (b, o, depth);
    case JSON_STRING:
        return write_string (b, json_string_value (o), json_string_length (o));
    case JSON_INTEGER:
        return write_integer (b, json_integer_value (o));
    case JSON_REAL:
        return write_real (b, json_real_value (o));
    case JSON_TRUE:
        return buf_add (b, "true", 4);
    case JSON_FALSE:
        return buf_add (b, "false", 5);
    case JSON_NULL:
        return buf_add (b, "null", 4);
    }
    errno = EINVAL;
    return -1;
}

char *json_encode_str (const json_t *o)
{
    struct buf b = BUF_INIT;

    if (json_encode (&b, o) < 0) {
        buf_fini (&b);
        return NULL;
    }
    return buf_take (&b, NULL);
}

int json_encode (struct buf *b, const json_t *o)
{
    if (write_value (b, o, 0) < 0)
        return -1;
    if (b->err) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}
