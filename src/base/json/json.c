#include "base/json/json.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/jscan.h"
#include "base/json/jsonout.h"
#include "base/text/c_locale.h"

static json_t *read_value (struct jscan *s);

static json_t *make_string (struct span inner, bool escaped)
{
    json_t *o = NULL;
    char *text;
    ssize_t n;

    if (!escaped)
        return json_stringn_nocheck (inner.s, inner.len);
    if ((text = malloc (inner.len + 1))
        && (n = json_unescape (text, inner.s, inner.len)) >= 0)
        o = json_stringn_nocheck (text, n);
    free (text);
    return o;
}

static json_t *read_string (struct jscan *s)
{
    struct span inner;
    bool escaped;

    return jscan_string (s, &inner, &escaped) ? make_string (inner, escaped) : NULL;
}

/* Keys with escapes are rare enough to be left to jansson. */
static bool read_member (struct jscan *s, json_t *o, struct span key, bool escaped)
{
    json_t *val;

    return !escaped && (val = read_value (s))
           && json_object_setn_new_nocheck (o, key.s, key.len, val) == 0;
}

static json_t *read_object (struct jscan *s)
{
    json_t *o = json_object ();
    struct span key;
    bool escaped, ok = o && jscan_object (s);

    while (ok && jscan_next_key (s, &key, &escaped))
        ok = read_member (s, o, key, escaped);
    if (ok && !s->fault)
        return o;
    json_decref (o);
    return NULL;
}

static json_t *read_array (struct jscan *s)
{
    json_t *o = json_array (), *val;
    bool ok = o && jscan_array (s);

    while (ok && jscan_next_item (s))
        ok = (val = read_value (s)) && json_array_append_new (o, val) == 0;
    if (ok && !s->fault)
        return o;
    json_decref (o);
    return NULL;
}

static json_t *read_real (struct span digits)
{
    char text[64];
    double d;

    if (digits.len >= sizeof (text))
        return NULL;
    memcpy (text, digits.s, digits.len);
    text[digits.len] = '\0';
    d = strtod_l (text, NULL, locale_c ());
    return isfinite (d) ? json_real (d) : NULL;
}

static json_t *read_number (struct jscan *s)
{
    struct span digits;
    json_int_t n = 0;
    bool whole;
    size_t i;

    if (!jscan_number (s, &digits, &whole))
        return NULL;
    if (!whole)
        return read_real (digits);
    i = digits.s[0] == '-';
    if (digits.len - i > 18) /* may not fit */
        return NULL;
    for (; i < digits.len; i++)
        n = n * 10 + (digits.s[i] - '0');
    return json_integer (digits.s[0] == '-' ? -n : n);
}

static json_t *read_value (struct jscan *s)
{
    switch (jscan_peek (s)) {
    case '"':
        return read_string (s);
    case '{':
        return read_object (s);
    case '[':
        return read_array (s);
    case '0':
        return read_number (s);
    case 't':
        return jscan_word (s, "true") ? json_true () : NULL;
    case 'f':
        return jscan_word (s, "false") ? json_false () : NULL;
    case 'n':
        return jscan_word (s, "null") ? json_null () : NULL;
    }
    return NULL;
}

/* jansson goes on without the character for which it has had no memory. */
static json_t *load (const char *s, size_t len, size_t flags, json_error_t *error)
{
    int saved_errno = errno;
    json_t *o;

    errno = 0;
    o = json_loadb (s, len, flags, error);
    if (o && errno == ENOMEM) {
        json_decref (o);
        if (error) {
            snprintf (error->text, sizeof (error->text) - 1, "out of memory");
            error->text[sizeof (error->text) - 1] = json_error_out_of_memory;
        }
        errno = ENOMEM;
        return NULL;
    }
    if (o)
        errno = saved_errno;
    return o;
}

json_t *json_decode (const char *s, size_t len, size_t flags, json_error_t *error)
{
    struct jscan scan;
    json_t *o;
    char first;

    jscan_init (&scan, s, len);
    first = jscan_peek (&scan);
    if (!(flags & ~(size_t)(JSON_ALLOW_NUL | JSON_DECODE_ANY))
        && (first == '{' || first == '[')) {
        o = read_value (&scan);
        if (o && jscan_end (&scan))
            return o;
        json_decref (o);
    }
    return load (s, len, flags, error);
}

bool json_is_plain (const json_t *o, int depth)
{
    json_t *value, *all = (json_t *)o;
    const char *key;
    size_t i;

    if (json_is_string (o))
        return strlen (json_string_value (o)) == json_string_length (o);
    if ((json_is_object (o) || json_is_array (o)) && depth <= 0)
        return false;
    json_object_foreach (all, key, value) {
        if (!json_is_plain (value, depth - 1))
            return false;
    }
    json_array_foreach (all, i, value) {
        if (!json_is_plain (value, depth - 1))
            return false;
    }
    return true;
}

static int write_value (struct buf *b, const json_t *o, int depth);

static int write_object (struct buf *b, json_t *o, int depth)
{
    void *it = json_object_iter (o);

    buf_addc (b, '{');
    while (it) {
        json_add_string (b, json_object_iter_key (it), json_object_iter_key_len (it));
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
        return json_add_string (b, json_string_value (o), json_string_length (o));
    case JSON_INTEGER:
        return json_add_int (b, json_integer_value (o));
    case JSON_REAL:
        return json_add_real (b, json_real_value (o));
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

/* malloc has said ENOMEM, and nobody since has said anything. */
static void settle (bool well, int saved_errno, int otherwise)
{
    if (well)
        errno = saved_errno;
    else if (errno != ENOMEM)
        errno = otherwise;
}

json_t *json_decode_or (int otherwise, const char *s, size_t len, size_t flags,
                        json_error_t *error)
{
    int saved_errno = errno;
    json_error_t unused;
    json_t *o;

    errno = 0;
    o = json_decode (s, len, flags, error ? error : &unused);
    settle (o, saved_errno, otherwise);
    return o;
}

json_t *json_vpack_or (int otherwise, json_error_t *error, const char *fmt, va_list ap)
{
    int saved_errno = errno;
    json_t *o;

    errno = 0;
    o = json_vpack_ex (error, 0, fmt, ap);
    settle (o, saved_errno, otherwise);
    return o;
}

int json_vunpack_or (int otherwise, json_t *o, json_error_t *error, const char *fmt,
                     va_list ap)
{
    int saved_errno = errno, rc;

    errno = 0;
    rc = json_vunpack_ex (o, error, 0, fmt, ap);
    settle (rc == 0, saved_errno, otherwise);
    return rc;
}

int json_unpack_or (int otherwise, json_t *o, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = json_vunpack_or (otherwise, o, NULL, fmt, ap);
    va_end (ap);
    return rc;
}
