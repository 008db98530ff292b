#include "value/sets/hostnames.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* One "prefix[ids]suffix" or plain name. */
struct expr {
    const char *prefix, *ids, *suffix;
    size_t prefix_len, ids_len, suffix_len;
};

static int invalid (void)
{
    errno = EINVAL;
    return -1;
}

/* Splits an expression off the front of *pos. 1: one was found, 0: the end. */
static int next_expr (const char **pos, struct expr *e)
{
    const char *p = *pos;

    *e = (struct expr){ 0 };
    if (*p == '\0')
        return 0;
    e->prefix = p;
    e->prefix_len = strcspn (p, "[],");
    p += e->prefix_len;
    if (*p == '[') {
        e->ids = p + 1;
        e->ids_len = strcspn (e->ids, "[]");
        p = e->ids + e->ids_len;
        if (*p++ != ']' || e->ids_len == 0)
            return invalid ();
        e->suffix = p;
        e->suffix_len = strcspn (p, "[],");
        p += e->suffix_len;
    }
    if (*p == ']' || *p == '[' || e->prefix_len + e->ids_len == 0)
        return invalid ();
    for (const char *s = e->prefix; s < p; s++)
        if (*s == ' ' || *s == '\t' || *s == '\n')
            return invalid ();
    if (*p == ',' && *++p == '\0')
        return invalid ();
    *pos = p;
    return 1;
}

/* A number; *width is the count of its digits. */
static int parse_number (const char **pos, const char *end, unsigned long *n,
                         int *width)
{
    const char *p = *pos;

    *n = 0;
    while (p < end && *p >= '0' && *p <= '9') {
        if (p - *pos >= 18)
            return invalid ();
        *n = *n * 10 + (*p++ - '0');
    }
    *width = p - *pos;
    *pos = p;
    return *width > 0 ? 0 : invalid ();
}

/* The next range of an expression's ids. 1: one was found, 0: the end. */
struct range {
    unsigned long lo, hi;
    int width; /* [00-2] is 00,01,02: the first decides */
};

static int next_range (const char **pos, const char *end, struct range *r)
{
    const char *p = *pos;
    int hi_width;

    if (p > end)
        return 0;
    if (parse_number (&p, end, &r->lo, &r->width) < 0)
        return -1;
    r->hi = r->lo;
    if (p < end && *p == '-') {
        p++;
        if (parse_number (&p, end, &r->hi, &hi_width) < 0 || r->hi < r->lo)
            return invalid ();
        if (r->hi - r->lo >= HOSTNAMES_MAX) {
            errno = ERANGE;
            return -1;
        }
    }
    if (p < end && *p != ',')
        return invalid ();
    *pos = p + 1;
    return 1;
}

/* Names in all expressions of a text, -1 if it cannot be decoded: what is invalid
 * costs nothing. */
static int count_decoded (const char *s)
{
    unsigned long count = 0;
    struct expr e;
    struct range r;
    int rc;

    while ((rc = next_expr (&s, &e)) == 1) {
        const char *p = e.ids;
        count += !e.ids;
        while (e.ids && (rc = next_range (&p, e.ids + e.ids_len, &r)) == 1)
            count += r.hi - r.lo + 1;
        if (rc < 0)
            return -1;
        if (count > HOSTNAMES_MAX) {
            errno = ERANGE;
            return -1;
        }
    }
    return rc < 0 ? -1 : (int)count;
}

/* The decimal digits of s, which all are, become those of the next number. false: they
 * were all nines, and are unchanged. */
static bool increment (char *s, size_t digits)
{
    size_t i = digits;

    while (i > 0 && s[i - 1] == '9')
        i--;
    if (i == 0)
        return false;
    s[i - 1]++;
    memset (s + i, '0', digits - i);
    return true;
}

/* Names of one expression, in one place: mostly only a digit changes. */
struct name {
    struct buf text;
    size_t digits;
};

static int set_number (struct name *name, const struct expr *e, unsigned long n,
                       int width)
{
    char digits[24], *p = digits + sizeof (digits), *end = p;

    do
        *--p = '0' + n % 10;
    while ((n /= 10) > 0);
    while (end - p < width)
        *--p = '0';
    name->digits = end - p;
    buf_reset (&name->text);
    buf_add (&name->text, e->prefix, e->prefix_len);
    buf_add (&name->text, p, end - p);
    return buf_add (&name->text, e->suffix, e->suffix_len);
}

static int expand_range (struct name *name, const struct expr *e, const struct range *r,
                         hostnames_f fn, void *arg)
{
    for (unsigned long n = r->lo; n <= r->hi; n++) {
        if ((n == r->lo || !increment (name->text.data + e->prefix_len, name->digits))
            && set_number (name, e, n, r->width) < 0)
            return -1;
        if (fn (name->text.data, name->text.len, arg) < 0)
            return -1;
    }
    return 0;
}

static int expand (struct name *name, const struct expr *e, hostnames_f fn, void *arg)
{
    const char *p = e->ids;
    struct range r;
    int rc;

    if (!e->ids) {
        buf_reset (&name->text);
        return buf_add (&name->text, e->prefix, e->prefix_len) < 0
                   ? -1
                   : fn (name->text.data, name->text.len, arg);
    }
    while ((rc = next_range (&p, e->ids + e->ids_len, &r)) == 1)
        if (expand_range (name, e, &r, fn, arg) < 0)
            return -1;
    return rc;
}

int hostnames_expand (const char *text, hostnames_f fn, void *arg)
{
    struct name name = { .text = BUF_INIT };
    size_t plain = strcspn (text, "[], \t\n");
    struct expr e;
    int count, rc;

    if (plain > 0 && text[plain] == '\0')
        return fn (text, plain, arg) < 0 ? -1 : 1;
    if ((count = count_decoded (text)) < 0)
        return -1;
    while ((rc = next_expr (&text, &e)) == 1) {
        if ((rc = expand (&name, &e, fn, arg)) < 0)
            break;
    }
    buf_fini (&name.text);
    return rc < 0 ? -1 : count;
}

/* Where the last number of a name lies. */
struct split {
    size_t prefix_len;
    size_t digits; /* 0: no number */
    unsigned long n;
    const char *suffix;
};

static struct split split_name (const char *name)
{
    size_t len = strlen (name);
    struct split s = { .prefix_len = len, .suffix = name + len };
    size_t end = len;

    while (end > 0 && (name[end - 1] < '0' || name[end - 1] > '9'))
        end--;
    if (end == 0)
        return s;
    s.prefix_len = end;
    while (s.prefix_len > 0 && end - s.prefix_len < 9 && name[s.prefix_len - 1] >= '0'
           && name[s.prefix_len - 1] <= '9')
        s.prefix_len--;
    s.digits = end - s.prefix_len;
    s.suffix = name + end;
    for (size_t i = s.prefix_len; i < end; i++)
        s.n = s.n * 10 + (name[i] - '0');
    return s;
}

/* Can b follow a in one pair of brackets? */
static bool same_series (const char *a, const struct split *sa, const char *b,
                         const struct split *sb)
{
    return sa->digits && sb->digits && sa->prefix_len == sb->prefix_len
           && !memcmp (a, b, sa->prefix_len) && !strcmp (sa->suffix, sb->suffix);
}

/* Written with the width of a, is b what it is? In "[9-10]" it is. */
static bool same_width (const char *a, const struct split *sa, const char *b,
                        const struct split *sb)
{
    if (sa->digits == sb->digits)
        return true;
    return sb->digits > sa->digits && b[sb->prefix_len] != '0'
           && (sa->digits == 1 || a[sa->prefix_len] != '0');
}

/* How many names from the first on are each the one before it with the next number, of
 * as many digits: found without looking for the number. */
static int count_next (const char *const *names, int count, const struct split *first)
{
    char name[64];
    size_t len = strlen (names[0]);
    int n = 1;

    if (len >= sizeof (name))
        return 1;
    memcpy (name, names[0], len + 1);
    while (n < count && increment (name + first->prefix_len, first->digits)
           && !strcmp (name, names[n]))
        n++;
    return n;
}

/* The series that begins at i; returns the index behind it. */
static int encode_series (const char *const *names, int total, int i, struct buf *b)
{
    const char *name = names[i];
    struct split first = split_name (name);
    struct split s = first;
    size_t mark = b->len;
    int count = 0;

    buf_add (b, name, first.prefix_len);
    if (!first.digits) {
        buf_adds (b, first.suffix);
        return i + 1;
    }
    mark = b->len;
    while (i < total) {
        /* s is the beginning of a range. */
        const char *lo = names[i];
        struct split last = s, next = s;
        bool more = false;
        int j = i;

        for (;;) {
            int n = count_next (names + j, total - j, &last);
            last.n += n - 1;
            if ((j += n) >= total)
                break;
            next = split_name (names[j]);
            more = same_series (lo, &s, names[j], &next);
            if (!more || next.n != last.n + 1 || !same_width (lo, &s, names[j], &next))
                break;
            last = next;
        }
        count += j - i;
        buf_printf (b, "%s%0*lu", b->len > mark ? "," : "", (int)s.digits, s.n);
        if (last.n > s.n)
            buf_printf (b, "-%0*lu", (int)s.digits, last.n);
        i = j;
        if (i >= total || !more)
            break;
        s = next;
    }
    if (count > 1) {
        char *tail = b->err ? NULL : strdup (b->data + mark);
        if (tail) {
            b->len = mark;
            buf_addc (b, '[');
            buf_adds (b, tail);
            buf_addc (b, ']');
            free (tail);
        } else
            b->err = ENOMEM;
    }
    buf_adds (b, first.suffix);
    return i;
}

char *hostnames_encode (const char *const *names, int count)
{
    struct buf b = BUF_INIT;

    for (int i = 0; i < count;) {
        if (b.len > 0)
            buf_addc (&b, ',');
        i = encode_series (names, count, i, &b);
    }
    return buf_take (&b, NULL);
}

int hostnames_compare (const char *a, const char *b)
{
    struct split sa = split_name (a), sb = split_name (b);
    size_t n = sa.prefix_len < sb.prefix_len ? sa.prefix_len : sb.prefix_len;
    int rc = memcmp (a, b, n);

    if (rc)
        return rc;
    if (sa.prefix_len != sb.prefix_len || sa.n == sb.n)
        return strcmp (a, b);
    return sa.n < sb.n ? -1 : 1;
}
