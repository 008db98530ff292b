/* RFC 22 text. */
#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "value/sets/idset_impl.h"

static void set_error (idset_error_t *error, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

static void set_error (idset_error_t *error, const char *fmt, ...)
{
    if (error) {
        va_list ap;
        va_start (ap, fmt);
        vsnprintf (error->text, sizeof (error->text), fmt, ap);
        va_end (ap);
    }
}

static void add_number (struct buf *b, unsigned int n)
{
    char digits[12];
    char *p = digits + sizeof (digits);

    do {
        *--p = '0' + n % 10;
        n /= 10;
    } while (n > 0);
    buf_add (b, p, digits + sizeof (digits) - p);
}

/* The last member of the run that begins with id. */
static unsigned int end_of_run (const struct idset *s, unsigned int id)
{
    size_t w = id / 64;
    uint64_t gaps = ~s->words[w] & (~0ULL << (id % 64));

    while (!gaps) {
        if (++w == s->nwords)
            return w * 64 - 1;
        gaps = ~s->words[w];
    }
    return w * 64 + __builtin_ctzll (gaps) - 1;
}

char *idset_encode (const struct idset *s, int flags)
{
    bool brackets = (flags & IDSET_FLAG_BRACKETS) && idset_count (s) > 1;
    struct buf b = BUF_INIT;
    unsigned int id;

    if (!s || (flags & ~(IDSET_FLAG_BRACKETS | IDSET_FLAG_RANGE))) {
        errno = EINVAL;
        return NULL;
    }
    if (brackets)
        buf_addc (&b, '[');
    for (id = idset_first (s); id != IDSET_INVALID_ID; id = idset_next (s, id)) {
        if (b.len > IDSET_MAX_TEXT) {
            buf_fini (&b);
            errno = EOVERFLOW;
            return NULL;
        }
        if (b.len > (brackets ? 1 : 0))
            buf_addc (&b, ',');
        add_number (&b, id);
        if (flags & IDSET_FLAG_RANGE) {
            unsigned int end = end_of_run (s, id);
            if (end > id) {
                buf_addc (&b, '-');
                add_number (&b, end);
                id = end;
            }
        }
    }
    if (brackets)
        buf_addc (&b, ']');
    return buf_take (&b, NULL);
}

/* A number without sign or leading zeros. */
static int parse_number (const char **pos, const char *end, unsigned int *id,
                         idset_error_t *error)
{
    const char *p = *pos;
    uint64_t n = 0;

    if (p == end || *p < '0' || *p > '9') {
        if (p == end)
            set_error (error, "expected a number at end of idset");
        else
            set_error (error, "expected a number at '%.*s'",
                       (int)(end - p < 40 ? end - p : 40), p);
        return -1;
    }
    if (*p == '0' && p + 1 < end && p[1] >= '0' && p[1] <= '9') {
        set_error (error, "number has a leading zero");
        return -1;
    }
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (*p - '0');
        if (n >= IDSET_MAX_UNIVERSE) {
            set_error (error, "number is too large");
            return -1;
        }
    }
    *pos = p;
    *id = n;
    return 0;
}

typedef int (*range_f) (unsigned int lo, unsigned int hi, void *arg);

/* Calls fn for each range of the text; ascending order is required. */
static int scan (const char *s, ssize_t len, range_f fn, void *arg,
                 idset_error_t *error)
{
    const char *end;
    int64_t last = -1;

    if (!s) {
        set_error (error, "input is NULL");
        errno = EINVAL;
        return -1;
    }
    end = s + (len < 0 ? strlen (s) : strnlen (s, len));
    if (s < end && *s == '[') {
        if (end - s < 2 || end[-1] != ']') {
            set_error (error, "brackets do not match");
            goto inval;
        }
        s++;
        end--;
    }
    while (s < end) {
        unsigned int lo, hi;
        if (parse_number (&s, end, &lo, error) < 0)
            goto inval;
        hi = lo;
        if (s < end && *s == '-') {
            s++;
            if (parse_number (&s, end, &hi, error) < 0)
                goto inval;
            if (hi < lo) {
                set_error (error, "range %u-%u is backwards", lo, hi);
                goto inval;
            }
        }
        if ((int64_t)lo <= last) {
            set_error (error, "%u is out of order", lo);
            goto inval;
        }
        last = hi;
        if (fn (lo, hi, arg) < 0) {
            if (errno == EINVAL)
                set_error (error, "%u is out of range", hi);
            else
                set_error (error, "out of memory");
            return -1;
        }
        if (s == end)
            break;
        if (*s++ != ',' || s == end) {
            set_error (error, "unexpected '%c'", s[-1]);
            goto inval;
        }
    }
    return 0;
inval:
    errno = EINVAL;
    return -1;
}

struct info {
    size_t count;
    unsigned int maxid;
};

static int count_range (unsigned int lo, unsigned int hi, void *arg)
{
    struct info *info = arg;

    info->count += (size_t)hi - lo + 1;
    info->maxid = hi;
    return 0;
}

static int set_range (unsigned int lo, unsigned int hi, void *arg)
{
    return idset_range_set (arg, lo, hi);
}

static int clear_range (unsigned int lo, unsigned int hi, void *arg)
{
    return idset_range_clear (arg, lo, hi);
}

int idset_decode_info (const char *s, ssize_t len, size_t *count, unsigned int *maxid,
                       idset_error_t *error)
{
    struct info info = { 0, IDSET_INVALID_ID };

    if (scan (s, len, count_range, &info, error) < 0)
        return -1;
    if (count)
        *count = info.count;
    if (maxid)
        *maxid = info.maxid;
    return 0;
}

struct idset *idset_decode_ex (const char *s, ssize_t len, ssize_t size, int flags,
                               idset_error_t *error)
{
    struct idset *idset;

    if (size < 0) {
        unsigned int maxid;
        if (idset_decode_info (s, len, NULL, &maxid, error) < 0)
            return NULL;
        size = maxid == IDSET_INVALID_ID ? 0 : maxid + 1;
    }
    if (!(idset = idset_create (size, flags))) {
        set_error (error, "%s", strerror (errno));
        return NULL;
    }
    if (scan (s, len, set_range, idset, error) < 0) {
        idset_destroy (idset);
        return NULL;
    }
    return idset;
}

struct idset *idset_decode (const char *s)
{
    return idset_decode_ex (s, -1, 0, IDSET_FLAG_AUTOGROW, NULL);
}

struct idset *idset_ndecode (const char *s, ssize_t len)
{
    return idset_decode_ex (s, len, 0, IDSET_FLAG_AUTOGROW, NULL);
}

/* All or nothing: the text is checked before the set changes. */
static int decode_apply (struct idset *idset, const char *s, ssize_t len, range_f fn,
                         bool grows, idset_error_t *error)
{
    unsigned int maxid;

    if (!idset) {
        set_error (error, "idset is NULL");
        errno = EINVAL;
        return -1;
    }
    if (idset_decode_info (s, len, NULL, &maxid, error) < 0)
        return -1;
    if (grows && maxid != IDSET_INVALID_ID && maxid >= idset->size
        && !(idset->flags & IDSET_FLAG_AUTOGROW)) {
        set_error (error, "%u is out of range", maxid);
        errno = EINVAL;
        return -1;
    }
    return scan (s, len, fn, idset, error);
}

int idset_decode_add (struct idset *idset, const char *s, ssize_t len,
                      idset_error_t *error)
{
    return decode_apply (idset, s, len, set_range, true, error);
}

int idset_decode_subtract (struct idset *idset, const char *s, ssize_t len,
                           idset_error_t *error)
{
    return decode_apply (idset, s, len, clear_range, false, error);
}

bool idset_decode_empty (const char *s, ssize_t len)
{
    size_t count;

    return idset_decode_info (s, len, &count, NULL, NULL) == 0 && count == 0;
}
