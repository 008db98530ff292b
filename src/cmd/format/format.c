#include "cmd/format/format.h"

#include "base/encode.h"
#include "base/error.h"
#include "base/sort.h"
#include "base/text/printable.h"
#include "value/fsd.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* What Python's format specification says: [[fill]align][sign][#][0][width]
 * [,][.precision][type], and our suffixes. */
struct spec {
    char fill[5]; /* one character, UTF-8 */
    char align;   /* < > ^ or 0: by type */
    bool sign;
    bool zero;
    bool comma;
    int width;
    int precision; /* -1: none */
    char type;
    bool hyphen; /* h */
    bool mark;   /* + */
};

struct column {
    char *literal; /* text before the column */
    char *name;    /* NULL: only the literal (end of the line) */
    char conv;
    char *time_format; /* of !d */
    struct spec spec;
    struct format_field field;
    bool drop_if_empty;
    bool widen;
    bool seen; /* a cell that is neither empty nor zero */
    bool dropped;
};

struct sort_key {
    char *name;
    bool descending;
    struct format_field field;
};

struct format {
    struct format_source source;
    struct column *columns;
    size_t count;
    struct sort_key *keys;
    size_t key_count;
    struct buf cell;
};

/* Bytes of the character at s. */
static size_t char_len (const char *s)
{
    size_t n = 1;
    while ((s[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static bool is_align (char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static const char *parse_number (const char *s, int *n)
{
    *n = 0;
    while (isdigit ((unsigned char)*s) && *n < 100000)
        *n = *n * 10 + (*s++ - '0');
    return s;
}

static int parse_spec (const char *s, struct spec *spec, flux_error_t *error)
{
    const char *start = s;
    *spec = (struct spec){ .fill = " ", .precision = -1 };
    size_t n = *s ? char_len (s) : 0;
    if (n > 0 && n < sizeof (spec->fill) && is_align (s[n])) {
        memcpy (spec->fill, s, n);
        spec->fill[n] = '\0';
        spec->align = s[n];
        s += n + 1;
    } else if (is_align (*s))
        spec->align = *s++;
    if (*s == '+' && s[1] != '\0') {
        spec->sign = true;
        s++;
    } else if (*s == '-' || *s == ' ')
        s++;
    if (*s == '#')
        s++;
    if (*s == '0') {
        spec->zero = true;
        s++;
    }
    s = parse_number (s, &spec->width);
    if (*s == ',') {
        spec->comma = true;
        s++;
    }
    if (*s == '.') {
        if (!isdigit ((unsigned char)s[1]))
            return error_invalid (error, "Format specifier missing precision: %s",
                                  start);
        s = parse_number (s + 1, &spec->precision);
    }
    if (*s && strchr ("sdfFeEgGxXobn%", *s))
        spec->type = *s++;
    if (*s == 'h') {
        spec->hyphen = true;
        s++;
    }
    if (*s == '+') {
        spec->mark = true;
        s++;
    }
    if (*s)
        return error_invalid (error, "Invalid format specifier: %s", start);
    return 0;
}

/* After !d: STRFTIME[::SPEC], and h may end the time format. */
static int parse_time_spec (struct column *c, char *s, flux_error_t *error)
{
    char *sep = strstr (s, "::");
    if (parse_spec (sep ? sep + 2 : "", &c->spec, error) < 0)
        return -1;
    if (sep)
        *sep = '\0';
    else {
        size_t n = strlen (s);
        if (n > 0 && s[n - 1] == 'h' && (n < 2 || s[n - 2] != '%')) {
            c->spec.hyphen = true;
            s[n - 1] = '\0';
        }
    }
    if (!(c->time_format = strdup (*s ? s : "%Y-%m-%d %H:%M:%S")))
        return error_invalid (error, "out of memory");
    return 0;
}

/* The text between braces. */
static int parse_field (struct format *f, struct column *c, const char *s, size_t len,
                        flux_error_t *error)
{
    char text[256];
    if (len == 0 || len >= sizeof (text))
        return error_invalid (error, len ? "format field is too long"
                                         : "empty format field {}");
    memcpy (text, s, len);
    text[len] = '\0';
    char *spec = strchr (text, ':');
    if (spec)
        *spec++ = '\0';
    char *conv = strchr (text, '!');
    if (conv) {
        *conv++ = '\0';
        if (strlen (conv) != 1 || !strchr ("DdFHPsr", *conv))
            return error_invalid (error, "Unknown conversion specifier '%s'", conv);
        c->conv = *conv;
    }
    if (!(c->name = strdup (text)))
        return error_invalid (error, "out of memory");
    if (!f->source.resolve (c->name, &c->field))
        return error_invalid (error, "Unknown format field: %s", c->name);
    if (c->conv == 'd')
        return parse_time_spec (c, spec ? spec : text + strlen (text), error);
    return parse_spec (spec ? spec : "", &c->spec, error);
}

/* A prefix at the end of the literal that stands before a field. */
static void take_prefix (struct column *c)
{
    size_t n = strlen (c->literal);
    if (n == 0 || c->literal[n - 1] != ':')
        return;
    n--;
    size_t start = n;
    while (start > 0 && (c->literal[start - 1] == '?' || c->literal[start - 1] == '+'))
        start--;
    if (start == n)
        return;
    c->drop_if_empty = memchr (c->literal + start, '?', n - start) != NULL;
    c->widen = memchr (c->literal + start, '+', n - start) != NULL;
    c->literal[start] = '\0';
}

static struct column *add_column (struct format *f, struct buf *literal)
{
    struct column *a = realloc (f->columns, (f->count + 1) * sizeof (*a));
    if (!a)
        return NULL;
    f->columns = a;
    struct column *c = &a[f->count];
    memset (c, 0, sizeof (*c));
    if (!(c->literal = strdup (literal->data ? literal->data : "")))
        return NULL;
    buf_reset (literal);
    if (literal->data)
        literal->data[0] = '\0';
    f->count++;
    return c;
}

static int parse (struct format *f, const char *s, struct buf *literal,
                  flux_error_t *error)
{
    while (*s) {
        if ((*s == '{' || *s == '}') && s[1] == *s) {
            buf_addc (literal, *s);
            s += 2;
        } else if (*s == '}')
            return error_invalid (error, "single '}' encountered in format string");
        else if (*s == '{') {
            size_t len = strcspn (++s, "{}");
            if (s[len] != '}')
                return error_invalid (error, "expected '}' before end of string");
            struct column *c = add_column (f, literal);
            if (!c)
                return error_invalid (error, "out of memory");
            take_prefix (c);
            if (parse_field (f, c, s, len, error) < 0)
                return -1;
            s += len + 1;
        } else
            buf_addc (literal, *s++);
    }
    if (literal->len > 0 && !add_column (f, literal))
        return error_invalid (error, "out of memory");
    return 0;
}

struct format *format_create (const char *text, const struct format_source *source,
                              flux_error_t *error)
{
    struct buf literal = BUF_INIT;
    struct format *f = calloc (1, sizeof (*f));
    if (!f) {
        error_invalid (error, "out of memory");
        return NULL;
    }
    f->source = *source;
    int rc = 0;
    if (!strncmp (text, "sort:", 5)) {
        size_t n = strcspn (text, " ");
        char *keys = strndup (text + 5, n - 5);
        rc = keys ? format_set_sort (f, keys, error)
                  : error_invalid (error, "out of memory");
        free (keys);
        text += n + (text[n] == ' ');
    }
    if (rc == 0)
        rc = parse (f, text, &literal, error);
    buf_fini (&literal);
    if (rc < 0) {
        format_destroy (f);
        return NULL;
    }
    return f;
}

static void free_keys (struct format *f)
{
    for (size_t i = 0; i < f->key_count; i++)
        free (f->keys[i].name);
    free (f->keys);
    f->keys = NULL;
    f->key_count = 0;
}

void format_destroy (struct format *f)
{
    if (!f)
        return;
    int saved_errno = errno;
    for (size_t i = 0; i < f->count; i++) {
        free (f->columns[i].literal);
        free (f->columns[i].name);
        free (f->columns[i].time_format);
    }
    free (f->columns);
    free_keys (f);
    buf_fini (&f->cell);
    free (f);
    errno = saved_errno;
}

bool format_uses (const struct format *f, int id)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->columns[i].name && f->columns[i].field.id == id)
            return true;
    }
    for (size_t i = 0; i < f->key_count; i++) {
        if (f->keys[i].field.id == id)
            return true;
    }
    return false;
}

/* --- cells --- */

void format_duration (char *buf, size_t len, double seconds)
{
    buf[0] = '\0';
    if (seconds < 0 || isnan (seconds))
        return;
    if (isinf (seconds)) {
        snprintf (buf, len, "inf");
        return;
    }
    /* Short times line up: three decimals, also where they are zero. */
    if (seconds < 10 && seconds != floor (seconds))
        snprintf (buf, len, "%.3fs", seconds);
    else if (fsd_format_digits (buf, len, seconds, 4) < 0)
        buf[0] = '\0';
}

#define SECONDS_MAX 1e15 /* beyond that there is no date, nor a number of hours */

static void add_time (struct buf *b, const char *fmt, double t)
{
    char text[256];
    struct tm tm;
    if (!(t > 0 && t < SECONDS_MAX))
        return;
    time_t sec = (time_t)t;
    if (!localtime_r (&sec, &tm))
        return;
    if (strftime (text, sizeof (text), fmt, &tm) > 0)
        buf_adds (b, text);
}

static void add_hms (struct buf *b, double seconds)
{
    if (seconds < 0 || isnan (seconds))
        return;
    if (seconds >= SECONDS_MAX) {
        buf_adds (b, "inf");
        return;
    }
    long n = lround (seconds);
    buf_printf (b, "%ld:%02ld:%02ld", n / 3600, n / 60 % 60, n % 60);
}

static void add_percent (struct buf *b, double fraction)
{
    double p = fraction * 100;
    if (isnan (p))
        return;
    if (p >= 1 || p <= 0)
        buf_printf (b, "%.3g%%", p);
    else
        buf_printf (b, "%.2g%%", round (p * 100) / 100);
}

/* The shortest text that reads back as the same number; "2.0", not "2". */
static void add_float (struct buf *b, double x)
{
    char text[40];
    if (!isfinite (x)) {
        buf_adds (b, isnan (x) ? "nan" : x < 0 ? "-inf" : "inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf (text, sizeof (text), "%.*g", digits, x);
        if (strtod (text, NULL) == x)
            break;
    }
    buf_adds (b, text);
    if (!strpbrk (text, ".e"))
        buf_adds (b, ".0");
}

static double number (const struct format_value *v)
{
    switch (v->type) {
    case FORMAT_INT:
        return v->i;
    case FORMAT_FLOAT:
        return v->f;
    case FORMAT_BOOL:
        return v->b;
    case FORMAT_STRING:
        return v->s && *v->s ? strtod (v->s, NULL) : NAN;
    default:
        return NAN;
    }
}

static void add_commas (struct buf *b, int64_t i)
{
    char digits[32];
    snprintf (digits, sizeof (digits), "%ju", i < 0 ? -(uintmax_t)i : (uintmax_t)i);
    size_t n = strlen (digits);
    if (i < 0)
        buf_addc (b, '-');
    for (size_t k = 0; k < n; k++) {
        buf_addc (b, digits[k]);
        if (k + 1 < n && (n - k - 1) % 3 == 0)
            buf_addc (b, ',');
    }
}

/* In base 8 or 16. False: it is no whole number of 64 bits. */
static bool add_digits (struct buf *b, char type, const struct format_value *v)
{
    int64_t n = v->type == FORMAT_INT ? v->i : 0;

    if (v->type != FORMAT_INT) {
        if (!(fabs (number (v)) < 9e18))
            return false;
        n = (int64_t)number (v);
    }
    uintmax_t abs = n < 0 ? -(uintmax_t)n : (uintmax_t)n;
    if (n < 0)
        buf_addc (b, '-');
    buf_printf (b, type == 'x' ? "%jx" : type == 'X' ? "%jX" : "%jo", abs);
    return true;
}

static void add_number (struct buf *b, const struct spec *spec,
                        const struct format_value *v)
{
    int precision = spec->precision < 0 ? 6 : spec->precision;
    double x = number (v);
    if (spec->sign && x >= 0)
        buf_addc (b, '+');
    switch (spec->type) {
    case 'f':
    case 'F':
        buf_printf (b, "%.*f", precision, x);
        return;
    case 'e':
    case 'E':
        buf_printf (b, "%.*e", precision, x);
        return;
    case 'g':
    case 'G':
        buf_printf (b, "%.*g", precision, x);
        return;
    case '%':
        buf_printf (b, "%.*f%%", precision, x * 100);
        return;
    case 'x':
    case 'X':
    case 'o':
        if (add_digits (b, spec->type, v))
            return;
    }
    if (v->type == FORMAT_INT && spec->comma)
        add_commas (b, v->i);
    else if (v->type == FORMAT_INT)
        buf_addi (b, v->i);
    else if (spec->precision >= 0)
        buf_printf (b, "%.*g", spec->precision ? spec->precision : 1, x);
    else
        add_float (b, x);
}

static bool is_number (const struct column *c, const struct format_value *v)
{
    return !c->conv && (v->type == FORMAT_INT || v->type == FORMAT_FLOAT);
}

static void add_value (struct buf *b, const struct column *c,
                       const struct format_value *v)
{
    char text[64];
    double x = c->conv ? number (v) : 0;
    switch (c->conv) {
    case 'D':
        add_time (b, "%Y-%m-%dT%H:%M:%S", x);
        return;
    case 'd':
        add_time (b, c->time_format, x);
        return;
    case 'F':
        format_duration (text, sizeof (text), x);
        buf_adds (b, text);
        return;
    case 'H':
        add_hms (b, x);
        return;
    case 'P':
        add_percent (b, x);
        return;
    }
    if (v->type == FORMAT_STRING)
        buf_add_printable (b, v->s ? v->s : "", v->s ? strlen (v->s) : 0, 0);
    else if (v->type == FORMAT_BOOL)
        buf_adds (b, v->b ? "True" : "False");
    else if (v->type != FORMAT_NULL)
        add_number (b, &c->spec, v);
}

/* Texts that say nothing: what h replaces. */
static bool is_blank (const char *s)
{
    static const char *const blank[] = { "", "0s", "0.0", "0:00:00" };
    for (size_t i = 0; i < sizeof (blank) / sizeof (blank[0]); i++) {
        if (!strcmp (s, blank[i]))
            return true;
    }
    return false;
}

static const char *render (struct format *f, const struct column *c, const void *row,
                           bool *right)
{
    struct format_value v = { .type = FORMAT_NULL };
    f->source.get (&c->field, row, &v, f->source.arg);
    buf_reset (&f->cell);
    add_value (&f->cell, c, &v);
    if (f->cell.len == 0)
        buf_adds (&f->cell, "");
    if (c->spec.hyphen && (f->cell.len == 0 || is_blank (f->cell.data))) {
        buf_reset (&f->cell);
        buf_addc (&f->cell, '-');
    }
    *right = is_number (c, &v);
    return f->cell.len ? f->cell.data : "";
}

static int text_width (const char *s)
{
    int n = 0;
    for (const char *p = s; *p; p++) {
        if (*p & 0x80)
            return utf8_width (s);
        n++;
    }
    return n;
}

/* Bytes of s that fit into width columns. */
static size_t fit (const char *s, int width)
{
    size_t n = 0;
    int used = 0;
    while (s[n]) {
        char one[8] = { 0 };
        size_t len = char_len (s + n);
        memcpy (one, s + n, len < sizeof (one) ? len : sizeof (one) - 1);
        int w = text_width (one);
        if (used + w > width)
            break;
        used += w;
        n += len;
    }
    return n;
}

static void add_fill (struct buf *out, const char *fill, int n)
{
    size_t len = strlen (fill);

    if (n <= 0 || buf_reserve (out, n * len) < 0)
        return;
    while (n-- > 0)
        buf_add (out, fill, len);
}

static void add_cell (struct buf *out, const struct spec *spec, const char *s,
                      bool is_num)
{
    int width = text_width (s);
    size_t len = strlen (s);
    const char *mark = "";
    if (!is_num && spec->precision >= 0 && width > spec->precision) {
        int room = spec->precision;
        if (spec->mark && room > 0) {
            mark = "+";
            room--;
        }
        len = fit (s, room);
        char *tmp = strndup (s, len);
        width = (tmp ? text_width (tmp) : 0) + (*mark ? 1 : 0);
        free (tmp);
    }
    char align = spec->align ? spec->align : is_num ? '>' : '<';
    int pad = spec->width > width ? spec->width - width : 0;
    int left = align == '<' ? 0 : align == '^' ? pad / 2 : pad;
    add_fill (out, is_num && spec->zero && !spec->align ? "0" : spec->fill, left);
    buf_add (out, s, len);
    buf_adds (out, mark);
    add_fill (out, spec->fill, pad - left);
}

/* --- rows --- */

bool format_needs_scan (const struct format *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->columns[i].drop_if_empty || f->columns[i].widen)
            return true;
    }
    return false;
}

static void heading (const struct column *c, char *buf, size_t len)
{
    const char *s = c->field.heading ? c->field.heading : c->name;
    size_t i = 0;
    for (; s[i] && i + 1 < len; i++)
        buf[i] = c->field.heading ? s[i] : toupper ((unsigned char)s[i]);
    buf[i] = '\0';
}

void format_scan (struct format *f, const void *row)
{
    bool is_num;
    for (size_t i = 0; i < f->count; i++) {
        struct column *c = &f->columns[i];
        if (!c->name || (!c->drop_if_empty && !c->widen))
            continue;
        const char *s = render (f, c, row, &is_num);
        if (!is_blank (s) && strcmp (s, "0") != 0 && strcmp (s, "-") != 0)
            c->seen = true;
        int width = text_width (s);
        if (c->widen && width > c->spec.width)
            c->spec.width = width;
    }
}

void format_scan_end (struct format *f)
{
    bool first = true;
    for (size_t i = 0; i < f->count; i++) {
        struct column *c = &f->columns[i];
        if (c->name && c->drop_if_empty && !c->seen) {
            c->dropped = true;
            continue;
        }
        /* The first column that is left starts the line. */
        if (first && i > 0)
            memmove (c->literal, c->literal + strspn (c->literal, " "),
                     strlen (c->literal + strspn (c->literal, " ")) + 1);
        first = false;
        if (c->widen && c->spec.precision >= 0 && c->spec.precision < c->spec.width)
            c->spec.precision = c->spec.width;
    }
}

void format_header (struct format *f, struct buf *out)
{
    char text[128];
    for (size_t i = 0; i < f->count; i++) {
        struct column *c = &f->columns[i];
        if (c->dropped)
            continue;
        buf_adds (out, c->literal);
        if (!c->name)
            continue;
        heading (c, text, sizeof (text));
        struct spec spec = c->spec;
        spec.mark = false;
        /* A number's precision is no limit for its heading. */
        if (spec.type && spec.type != 's')
            spec.precision = -1;
        add_cell (out, &spec, text, false);
    }
}

void format_row (struct format *f, const void *row, struct buf *out)
{
    bool is_num;
    for (size_t i = 0; i < f->count; i++) {
        struct column *c = &f->columns[i];
        if (c->dropped)
            continue;
        buf_adds (out, c->literal);
        if (!c->name)
            continue;
        const char *s = render (f, c, row, &is_num);
        add_cell (out, &c->spec, s, is_num);
    }
}

/* --- sorting --- */

int format_set_sort (struct format *f, const char *keys, flux_error_t *error)
{
    free_keys (f);
    while (*keys) {
        size_t n = strcspn (keys, ",");
        bool descending = *keys == '-';
        char *name = strndup (keys + descending, n - descending);
        struct sort_key *a = realloc (f->keys, (f->key_count + 1) * sizeof (*a));
        if (a)
            f->keys = a;
        if (!name || !a) {
            free (name);
            return error_invalid (error, "out of memory");
        }
        struct sort_key *k = &f->keys[f->key_count++];
        *k = (struct sort_key){ .name = name, .descending = descending };
        if (!f->source.resolve (name, &k->field))
            return error_invalid (error, "Invalid sort key: %s", name);
        keys += n + (keys[n] == ',');
    }
    return 0;
}

bool format_has_sort (const struct format *f)
{
    return f->key_count > 0;
}

/* A row beside its key values: strings are copied, since a source may reuse
 * its buffer. */
struct sort_row {
    const void *row;
    size_t index;
    struct format_value *values;
};

static int cmp_value (const struct format_value *a, const struct format_value *b)
{
    bool empty_a = a->type == FORMAT_NULL || (a->type == FORMAT_STRING && !*a->s);
    bool empty_b = b->type == FORMAT_NULL || (b->type == FORMAT_STRING && !*b->s);
    if (empty_a || empty_b)
        return (int)empty_b - (int)empty_a;
    if (a->type == FORMAT_STRING && b->type == FORMAT_STRING)
        return strcmp (a->s, b->s);
    if (a->type == FORMAT_INT && b->type == FORMAT_INT)
        return (a->i > b->i) - (a->i < b->i);
    double x = number (a);
    double y = number (b);
    return (x > y) - (x < y);
}

static int cmp_row (const void *va, const void *vb, void *arg)
{
    const struct format *f = arg;
    const struct sort_row *a = va;
    const struct sort_row *b = vb;
    for (size_t k = 0; k < f->key_count; k++) {
        int rc = cmp_value (&a->values[k], &b->values[k]);
        if (rc != 0)
            return f->keys[k].descending ? -rc : rc;
    }
    return (a->index > b->index) - (a->index < b->index);
}

static int fill_row (struct format *f, struct sort_row *r, const void *row, size_t i)
{
    r->row = row;
    r->index = i;
    if (!(r->values = calloc (f->key_count, sizeof (r->values[0]))))
        return -1;
    for (size_t k = 0; k < f->key_count; k++) {
        struct format_value *v = &r->values[k];
        f->source.get (&f->keys[k].field, row, v, f->source.arg);
        if (v->type == FORMAT_STRING && !(v->s = strdup (v->s ? v->s : "")))
            return -1;
    }
    return 0;
}

static void free_row (struct format *f, struct sort_row *r)
{
    for (size_t k = 0; r->values && k < f->key_count; k++) {
        if (r->values[k].type == FORMAT_STRING)
            free ((char *)r->values[k].s);
    }
    free (r->values);
}

int format_sort (struct format *f, const void **rows, size_t count)
{
    if (f->key_count == 0 || count < 2)
        return 0;
    struct sort_row *a = calloc (count, sizeof (*a));
    if (!a)
        return -1;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = fill_row (f, &a[i], rows[i], i);
    if (rc == 0) {
        sort_array_with (a, count, sizeof (*a), cmp_row, f);
        for (size_t i = 0; i < count; i++)
            rows[i] = a[i].row;
    }
    for (size_t i = 0; i < count; i++)
        free_row (f, &a[i]);
    free (a);
    return rc;
}

int format_table (struct format *f, const void *rows, size_t count, size_t size,
                  bool header, struct buf *out)
{
    const void **order = calloc (count + 1, sizeof (*order));

    if (!order)
        return -1;
    for (size_t i = 0; i < count; i++) {
        order[i] = (const char *)rows + i * size;
        format_scan (f, order[i]);
    }
    format_scan_end (f);
    (void)format_sort (f, order, count);
    if (header) {
        format_header (f, out);
        buf_addc (out, '\n');
    }
    for (size_t i = 0; i < count; i++) {
        format_row (f, order[i], out);
        buf_addc (out, '\n');
    }
    free (order);
    return out->err ? -1 : 0;
}
