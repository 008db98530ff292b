/* TOML 1.0: a recursive descent over the text, straight into JSON values.
 *
 * What a table may still take is remembered beside the JSON, in a list of `struct
 * meta`: a [header] may open a table once, dotted keys may not reopen a header's
 * table, and inline tables and arrays are closed where they end. */
#include "base/text/toml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/encode.h"

#define DEPTH_MAX 128

enum meta_kind {
    META_IMPLICIT, /* made by a longer header: [a.b] makes a */
    META_DOTTED,   /* made by a dotted key */
    META_HEADER,   /* [a] */
    META_ARRAY,    /* [[a]] */
    META_CLOSED,   /* an inline table or array */
};

struct meta {
    json_t *value; /* not owned: the tree holds it */
    enum meta_kind kind;
    int section; /* number of the header under which a dotted table was made */
};

struct parser {
    const char *p, *end;
    int line;
    int depth;
    int section;
    struct meta *meta;
    size_t nmeta, capmeta;
    struct toml_error *error;
};

static void *failf (struct parser *ps, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

/* NULL, so that a parse function can return the call. The first text stays. */
static void *failf (struct parser *ps, const char *fmt, ...)
{
    va_list ap;

    if (ps->error && ps->error->line == 0) {
        ps->error->line = ps->line;
        va_start (ap, fmt);
        vsnprintf (ps->error->text, sizeof (ps->error->text), fmt, ap);
        va_end (ap);
    }
    errno = EINVAL;
    return NULL;
}

static void *nomem (struct parser *ps)
{
    failf (ps, "out of memory");
    errno = ENOMEM;
    return NULL;
}

static struct meta *find_meta (struct parser *ps, const json_t *value)
{
    for (size_t i = ps->nmeta; i-- > 0;)
        if (ps->meta[i].value == value)
            return &ps->meta[i];
    return NULL;
}

static int add_meta (struct parser *ps, json_t *value, enum meta_kind kind)
{
    if (ps->nmeta == ps->capmeta) {
        size_t cap = ps->capmeta ? ps->capmeta * 2 : 32;
        struct meta *meta = realloc (ps->meta, cap * sizeof (*meta));
        if (!meta) {
            nomem (ps);
            return -1;
        }
        ps->meta = meta;
        ps->capmeta = cap;
    }
    ps->meta[ps->nmeta++] = (struct meta){ value, kind, ps->section };
    return 0;
}

static int peek (const struct parser *ps)
{
    return ps->p < ps->end ? (unsigned char)*ps->p : -1;
}

static bool looking_at (const struct parser *ps, const char *s)
{
    size_t len = strlen (s);

    return (size_t)(ps->end - ps->p) >= len && memcmp (ps->p, s, len) == 0;
}

static void skip_blanks (struct parser *ps)
{
    while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\t'))
        ps->p++;
}

/* A comment, if there is one, and the end of the line. */
static int end_line (struct parser *ps)
{
    skip_blanks (ps);
    if (peek (ps) == '#')
        while (ps->p < ps->end && *ps->p != '\n') {
            unsigned char c = *ps->p;
            if ((c < 0x20 && c != '\t' && !(c == '\r' && looking_at (ps, "\r\n")))
                || c == 0x7f) {
                failf (ps, "control character in comment");
                return -1;
            }
            ps->p++;
        }
    if (looking_at (ps, "\r\n"))
        ps->p++;
    if (ps->p == ps->end)
        return 0;
    if (*ps->p != '\n') {
        failf (ps, "expected end of line, found '%c'", *ps->p);
        return -1;
    }
    ps->p++;
    ps->line++;
    return 0;
}

/* White space, line ends and comments, as within arrays. */
static int skip_lines (struct parser *ps)
{
    for (;;) {
        skip_blanks (ps);
        if (peek (ps) != '#' && peek (ps) != '\n' && !looking_at (ps, "\r\n"))
            return 0;
        if (end_line (ps) < 0)
            return -1;
    }
}

static int add_utf8 (struct buf *b, uint32_t c)
{
    char s[4];

    if (c < 0x80) {
        s[0] = c;
        return buf_add (b, s, 1);
    }
    if (c < 0x800) {
        s[0] = 0xc0 | c >> 6;
        s[1] = 0x80 | (c & 0x3f);
        return buf_add (b, s, 2);
    }
    if (c < 0x10000) {
        s[0] = 0xe0 | c >> 12;
        s[1] = 0x80 | (c >> 6 & 0x3f);
        s[2] = 0x80 | (c & 0x3f);
        return buf_add (b, s, 3);
    }
    s[0] = 0xf0 | c >> 18;
    s[1] = 0x80 | (c >> 12 & 0x3f);
    s[2] = 0x80 | (c >> 6 & 0x3f);
    s[3] = 0x80 | (c & 0x3f);
    return buf_add (b, s, 4);
}

static int hex_digit (int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int unicode_escape (struct parser *ps, struct buf *b, int digits)
{
    uint32_t c = 0;

    for (int i = 0; i < digits; i++) {
        int d = ps->p < ps->end ? hex_digit (*ps->p) : -1;
        if (d < 0) {
            failf (ps, "\\%c wants %d hexadecimal digits", digits == 4 ? 'u' : 'U',
                   digits);
            return -1;
        }
        c = c << 4 | d;
        ps->p++;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        failf (ps, "escape is no Unicode character");
        return -1;
    }
    if (c == 0) {
        failf (ps, "strings with NUL characters are not supported");
        return -1;
    }
    return add_utf8 (b, c);
}

static int escape (struct parser *ps, struct buf *b, bool multiline)
{
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    const char *at;
    int c;

    ps->p++;
    c = peek (ps);
    if (c > 0 && (at = strchr (from, c))) {
        ps->p++;
        return buf_addc (b, to[at - from]);
    }
    if (c == 'u' || c == 'U') {
        ps->p++;
        return unicode_escape (ps, b, c == 'u' ? 4 : 8);
    }
    if (multiline && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
        /* The line continues at the next text. */
        skip_blanks (ps);
        if (looking_at (ps, "\r\n"))
            ps->p++;
        if (peek (ps) == '\n') {
            while (ps->p < ps->end && strchr (" \t\r\n", *ps->p) && *ps->p)
                ps->line += *ps->p++ == '\n';
            return 0;
        }
    }
    failf (ps, "invalid escape in string");
    return -1;
}

/* Behind the opening quotes; until the closing ones. */
static int string_body (struct parser *ps, struct buf *b, char quote, bool multiline)
{
    const char triple[] = { quote, quote, quote, '\0' };

    for (;;) {
        int c = peek (ps);

        if (c < 0) {
            failf (ps, "string is not closed");
            return -1;
        }
        if (c == quote) {
            if (!multiline) {
                ps->p++;
                return 0;
            }
            if (looking_at (ps, triple)) {
                ps->p += 3;
                /* up to two quotes may stand right before the closing ones */
                for (int i = 0; i < 2 && peek (ps) == quote; i++, ps->p++)
                    buf_addc (b, quote);
                return 0;
            }
        } else if (c == '\\' && quote == '"') {
            if (escape (ps, b, multiline) < 0)
                return -1;
            continue;
        } else if (c == '\n' || (c == '\r' && looking_at (ps, "\r\n"))) {
            if (!multiline) {
                failf (ps, "string is not closed at end of line");
                return -1;
            }
            if (c == '\r')
                ps->p++;
            ps->line++;
            c = '\n';
        } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
            failf (ps, "control character in string");
            return -1;
        }
        buf_addc (b, c);
        ps->p++;
    }
}

/* A string of any of the four kinds; owned by the caller. */
static char *parse_string (struct parser *ps, bool allow_multiline)
{
    struct buf b = BUF_INIT;
    char quote = *ps->p;
    const char triple[] = { quote, quote, quote, '\0' };
    bool multiline = looking_at (ps, triple);
    char *s;

    if (multiline && !allow_multiline)
        return failf (ps, "a key cannot be a multi-line string");
    ps->p += multiline ? 3 : 1;
    if (multiline) { /* a line end right behind the quotes does not count */
        if (looking_at (ps, "\r\n"))
            ps->p++;
        if (peek (ps) == '\n') {
            ps->p++;
            ps->line++;
        }
    }
    if (string_body (ps, &b, quote, multiline) < 0) {
        buf_fini (&b);
        return NULL;
    }
    if (!(s = buf_take (&b, NULL)))
        return nomem (ps);
    return s;
}

static bool is_bare (int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || c == '_' || c == '-';
}

/* One part of a dotted key; owned by the caller. */
static char *parse_key (struct parser *ps)
{
    const char *start = ps->p;
    char *s;

    if (peek (ps) == '"' || peek (ps) == '\'')
        return parse_string (ps, false);
    while (is_bare (peek (ps)))
        ps->p++;
    if (ps->p == start)
        return failf (ps, "expected a key");
    if (!(s = strndup (start, ps->p - start)))
        return nomem (ps);
    return s;
}

static int digits (const char *s, const char *end, int n)
{
    int value = 0;

    if (end - s < n)
        return -1;
    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        value = value * 10 + s[i] - '0';
    }
    return value;
}

/* The length of "07:32:00[.999]" at s, or 0. */
static size_t time_len (const char *s, const char *end)
{
    size_t len = 8;

    if (end - s < 8 || digits (s, end, 2) < 0 || digits (s, end, 2) > 23 || s[2] != ':'
        || digits (s + 3, end, 2) < 0 || digits (s + 3, end, 2) > 59 || s[5] != ':'
        || digits (s + 6, end, 2) < 0 || digits (s + 6, end, 2) > 60)
        return 0;
    if (s + len < end && s[len] == '.') {
        size_t n = 0;
        while (s + len + 1 + n < end && digits (s + len + 1 + n, end, 1) >= 0)
            n++;
        if (n == 0)
            return 0;
        len += 1 + n;
    }
    return len;
}

static bool date_valid (const char *s, const char *end)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int y = digits (s, end, 4), m, d;

    if (y < 0 || end - s < 10 || s[4] != '-' || s[7] != '-')
        return false;
    m = digits (s + 5, end, 2);
    d = digits (s + 8, end, 2);
    if (m < 1 || m > 12 || d < 1)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return d <= days[m - 1] + (m == 2 && leap);
}

/* The length of a date, time or date-time at s, or 0. */
static size_t datetime_len (const char *s, const char *end)
{
    size_t len, n;

    if (digits (s, end, 2) >= 0 && end - s > 2 && s[2] == ':')
        return time_len (s, end);
    if (!date_valid (s, end))
        return 0;
    len = 10;
    if (s + len >= end || !strchr ("Tt ", s[len]) || !s[len])
        return len;
    if (!(n = time_len (s + len + 1, end)))
        return s[len] == ' ' ? len : 0;
    len += 1 + n;
    if (s + len < end && (s[len] == 'Z' || s[len] == 'z'))
        return len + 1;
    if (s + len < end && (s[len] == '+' || s[len] == '-')) {
        const char *o = s + len + 1;
        if (end - o < 5 || digits (o, end, 2) < 0 || digits (o, end, 2) > 23
            || o[2] != ':' || digits (o + 3, end, 2) < 0 || digits (o + 3, end, 2) > 59)
            return 0;
        return len + 6;
    }
    return len;
}

/* RFC 3339: T and Z upper case. */
static json_t *parse_datetime (struct parser *ps, size_t len)
{
    char s[64];
    json_t *o;

    if (len >= sizeof (s))
        return failf (ps, "date or time is too long");
    for (size_t i = 0; i < len; i++) {
        s[i] = ps->p[i];
        if (s[i] == 't' || s[i] == ' ')
            s[i] = 'T';
        else if (s[i] == 'z')
            s[i] = 'Z';
    }
    ps->p += len;
    if (!(o = json_stringn (s, len)))
        return nomem (ps);
    return o;
}

static bool is_digit (int c, int base)
{
    int d = c < 0 ? -1 : hex_digit (c);

    return d >= 0 && d < base;
}

/* Copy digits of a base to b; underscores stand only between digits. */
static int copy_digits (struct parser *ps, struct buf *b, int base)
{
    if (!is_digit (peek (ps), base)) {
        failf (ps, "expected a digit");
        return -1;
    }
    while (is_digit (peek (ps), base)) {
        buf_addc (b, *ps->p++);
        if (peek (ps) == '_') {
            ps->p++;
            if (!is_digit (peek (ps), base)) {
                failf (ps, "an underscore must stand between digits");
                return -1;
            }
        }
    }
    return 0;
}

static json_t *integer (struct parser *ps, const char *text, int base)
{
    long long n;
    char *end;

    errno = 0;
    n = strtoll (text, &end, base);
    if (errno || *end)
        return failf (ps, "integer does not fit 64 bits");
    return json_integer (n);
}

static json_t *parse_based (struct parser *ps, int base)
{
    struct buf b = BUF_INIT;
    json_t *o = NULL;

    ps->p += 2;
    if (copy_digits (ps, &b, base) == 0)
        o = integer (ps, b.data, base);
    buf_fini (&b);
    return o;
}

static json_t *parse_decimal (struct parser *ps, struct buf *b)
{
    bool real = false;
    const char *start;
    int c = peek (ps);

    if (c == '+' || c == '-') {
        buf_addc (b, c);
        ps->p++;
    }
    if (looking_at (ps, "inf") || looking_at (ps, "nan"))
        return failf (ps, "inf and nan have no place in a configuration");
    start = ps->p;
    if (copy_digits (ps, b, 10) < 0)
        return NULL;
    if (*start == '0' && ps->p - start > 1)
        return failf (ps, "leading zeros are not allowed");
    if (peek (ps) == '.') {
        real = true;
        ps->p++;
        buf_addc (b, '.');
        if (copy_digits (ps, b, 10) < 0)
            return NULL;
    }
    if (peek (ps) == 'e' || peek (ps) == 'E') {
        real = true;
        ps->p++;
        buf_addc (b, 'e');
        if (peek (ps) == '+' || peek (ps) == '-')
            buf_addc (b, *ps->p++);
        if (copy_digits (ps, b, 10) < 0)
            return NULL;
    }
    if (!real)
        return integer (ps, b->data, 10);
    double d = strtod (b->data, NULL);
    if (!isfinite (d))
        return failf (ps, "number is out of range");
    return json_real (d);
}

static json_t *parse_number (struct parser *ps)
{
    struct buf b = BUF_INIT;
    size_t len = datetime_len (ps->p, ps->end);
    json_t *o;

    if (len > 0)
        return parse_datetime (ps, len);
    if (looking_at (ps, "0x"))
        return parse_based (ps, 16);
    if (looking_at (ps, "0o"))
        return parse_based (ps, 8);
    if (looking_at (ps, "0b"))
        return parse_based (ps, 2);
    o = parse_decimal (ps, &b);
    buf_fini (&b);
    return o;
}

static json_t *parse_value (struct parser *ps);
static int parse_assignment (struct parser *ps, json_t *table);

static json_t *parse_array (struct parser *ps)
{
    json_t *array = json_array ();

    if (!array || add_meta (ps, array, META_CLOSED) < 0)
        goto error;
    ps->p++;
    for (;;) {
        json_t *value;

        if (skip_lines (ps) < 0)
            goto error;
        if (peek (ps) == ']')
            break;
        if (!(value = parse_value (ps)) || json_array_append_new (array, value) < 0
            || skip_lines (ps) < 0)
            goto error;
        if (peek (ps) == ',')
            ps->p++;
        else if (peek (ps) != ']') {
            failf (ps, "expected ',' or ']' in array");
            goto error;
        }
    }
    ps->p++;
    return array;
error:
    json_decref (array);
    return NULL;
}

/* Over several lines, and with a comma at the end, as TOML 1.1 has it: so are examples
 * that people copy. */
static json_t *parse_inline_table (struct parser *ps)
{
    json_t *table = json_object ();
    size_t first = ps->nmeta;

    if (!table || add_meta (ps, table, META_DOTTED) < 0)
        goto error;
    ps->p++;
    for (;;) {
        if (skip_lines (ps) < 0)
            goto error;
        if (peek (ps) == '}')
            break;
        if (parse_assignment (ps, table) < 0 || skip_lines (ps) < 0)
            goto error;
        if (peek (ps) == ',')
            ps->p++;
        else if (peek (ps) != '}') {
            failf (ps, "expected ',' or '}' in inline table");
            goto error;
        }
    }
    ps->p++;
    for (size_t i = first; i < ps->nmeta; i++)
        ps->meta[i].kind = META_CLOSED;
    return table;
error:
    json_decref (table);
    return NULL;
}

static json_t *parse_literal (struct parser *ps)
{
    int c = peek (ps);

    if (looking_at (ps, "true")) {
        ps->p += 4;
        return json_true ();
    }
    if (looking_at (ps, "false")) {
        ps->p += 5;
        return json_false ();
    }
    if ((c >= '0' && c <= '9') || c == '+' || c == '-')
        return parse_number (ps);
    if (c < 0 || c == '\n' || c == '#')
        return failf (ps, "expected a value");
    return failf (ps, "invalid value; strings need quotes");
}

static json_t *parse_value (struct parser *ps)
{
    json_t *o = NULL;
    int c = peek (ps);
    char *s;

    if (++ps->depth > DEPTH_MAX)
        return failf (ps, "values are nested too deeply");
    if (c == '"' || c == '\'') {
        if ((s = parse_string (ps, true)) && !(o = json_string (s)))
            nomem (ps);
        free (s);
    } else if (c == '[')
        o = parse_array (ps);
    else if (c == '{')
        o = parse_inline_table (ps);
    else
        o = parse_literal (ps);
    ps->depth--;
    return o;
}

static json_t *new_table (struct parser *ps, json_t *parent, const char *key,
                          enum meta_kind kind)
{
    json_t *table = json_object ();

    if (!table || json_object_set_new (parent, key, table) < 0)
        return nomem (ps);
    if (add_meta (ps, table, kind) < 0)
        return NULL;
    return table;
}

/* The table that a dotted key leads through, made if missing. */
static json_t *step_dotted (struct parser *ps, json_t *table, const char *key)
{
    json_t *next = json_object_get (table, key);
    struct meta *meta;

    if (!next)
        return new_table (ps, table, key, META_DOTTED);
    meta = find_meta (ps, next);
    if (!json_is_object (next) || !meta || meta->kind != META_DOTTED
        || meta->section != ps->section)
        return failf (ps, "key '%s' is defined already", key);
    return next;
}

/* key.key = value */
static int parse_assignment (struct parser *ps, json_t *table)
{
    char *key = NULL;
    json_t *value;

    for (int parts = 1;; parts++) {
        if (!(key = parse_key (ps)))
            return -1;
        skip_blanks (ps);
        if (peek (ps) != '.')
            break;
        if (parts == DEPTH_MAX) {
            failf (ps, "key has too many parts");
            goto error;
        }
        ps->p++;
        skip_blanks (ps);
        if (!(table = step_dotted (ps, table, key)))
            goto error;
        free (key);
    }
    if (peek (ps) != '=') {
        failf (ps, "expected '=' behind key '%s'", key);
        goto error;
    }
    ps->p++;
    skip_blanks (ps);
    if (json_object_get (table, key)) {
        failf (ps, "key '%s' is defined already", key);
        goto error;
    }
    if (!(value = parse_value (ps)))
        goto error;
    if (json_object_set_new (table, key, value) < 0) {
        failf (ps, "key '%s' is not valid UTF-8", key);
        goto error;
    }
    free (key);
    return 0;
error:
    free (key);
    return -1;
}

/* A table on the way of a header: of an array of tables, the last one. */
static json_t *step_header (struct parser *ps, json_t *table, const char *key)
{
    json_t *next = json_object_get (table, key);
    struct meta *meta;

    if (!next)
        return new_table (ps, table, key, META_IMPLICIT);
    meta = find_meta (ps, next);
    if (json_is_array (next) && meta && meta->kind == META_ARRAY)
        return json_array_get (next, json_array_size (next) - 1);
    if (!json_is_object (next) || !meta || meta->kind == META_CLOSED)
        return failf (ps, "'%s' is no table", key);
    return next;
}

static json_t *open_table (struct parser *ps, json_t *table, const char *key)
{
    json_t *old = json_object_get (table, key);
    struct meta *meta;

    if (!old)
        return new_table (ps, table, key, META_HEADER);
    meta = find_meta (ps, old);
    if (!json_is_object (old) || !meta || meta->kind != META_IMPLICIT)
        return failf (ps, "table '%s' is defined already", key);
    meta->kind = META_HEADER;
    return old;
}

static json_t *open_array_table (struct parser *ps, json_t *table, const char *key)
{
    json_t *array = json_object_get (table, key);
    json_t *entry;
    struct meta *meta;

    if (!array) {
        if (!(array = json_array ()) || json_object_set_new (table, key, array) < 0)
            return nomem (ps);
        if (add_meta (ps, array, META_ARRAY) < 0)
            return NULL;
    }
    meta = find_meta (ps, array);
    if (!json_is_array (array) || !meta || meta->kind != META_ARRAY)
        return failf (ps, "'%s' is defined already, and no array of tables", key);
    if (!(entry = json_object ()) || json_array_append_new (array, entry) < 0)
        return nomem (ps);
    if (add_meta (ps, entry, META_HEADER) < 0)
        return NULL;
    return entry;
}

/* [a.b] or [[a.b]]: the table that the next lines fill. */
static json_t *parse_header (struct parser *ps, json_t *root)
{
    bool array = looking_at (ps, "[[");
    json_t *table = root;
    char *key = NULL;

    ps->section++;
    ps->p += array ? 2 : 1;
    for (int parts = 1;; parts++) {
        skip_blanks (ps);
        if (!(key = parse_key (ps)))
            return NULL;
        skip_blanks (ps);
        if (peek (ps) != '.')
            break;
        if (parts == DEPTH_MAX) {
            table = failf (ps, "header has too many parts");
            goto out;
        }
        ps->p++;
        if (!(table = step_header (ps, table, key)))
            goto out;
        free (key);
    }
    if (!looking_at (ps, array ? "]]" : "]")) {
        table = failf (ps, "expected '%s' behind '%s'", array ? "]]" : "]", key);
        goto out;
    }
    ps->p += array ? 2 : 1;
    table = array ? open_array_table (ps, table, key) : open_table (ps, table, key);
out:
    free (key);
    return table;
}

static int parse_document (struct parser *ps, json_t *root)
{
    json_t *table = root;

    while (ps->p < ps->end) {
        skip_blanks (ps);
        switch (peek (ps)) {
        case -1:
            return 0;
        case '#':
        case '\n':
        case '\r':
            break;
        case '[':
            if (!(table = parse_header (ps, root)))
                return -1;
            break;
        default:
            if (parse_assignment (ps, table) < 0)
                return -1;
        }
        if (end_line (ps) < 0)
            return -1;
    }
    return 0;
}

json_t *toml_decode (const char *s, size_t len, struct toml_error *error)
{
    struct parser ps = { .p = s, .end = s + len, .line = 1, .error = error };
    json_t *root;
    int saved;

    if (error)
        memset (error, 0, sizeof (*error));
    if (memchr (s, '\0', len))
        return failf (&ps, "text contains a NUL byte");
    if (!utf8_valid (s, len))
        return failf (&ps, "text is not valid UTF-8");
    if (len >= 3 && memcmp (s, "\xef\xbb\xbf", 3) == 0)
        ps.p += 3;
    if (!(root = json_object ()))
        return nomem (&ps);
    if (parse_document (&ps, root) < 0) {
        saved = errno;
        json_decref (root);
        root = NULL;
        errno = saved;
    }
    free (ps.meta);
    return root;
}
