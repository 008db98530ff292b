/* An array of names. Encoding finds the runs of names that differ only in a
 * number (RFC 29); decoding expands them. */
#include <flux/hostlist.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hashmap.h"
#include "base/sort.h"

/* Bound what "h[0-4000000000]", or a long prefix before many numbers, makes us
 * allocate: names, and the bytes of all of them. */
#define HOSTLIST_MAX (1 << 20)
#define HOSTLIST_MAX_BYTES (1 << 26)

/* Of the cursor. */
#define BEFORE (-1)
#define NONE (-2)

struct hostlist {
    char **names;
    int count;
    int cap;
    int current;  /* NONE, or BEFORE: the first one is next */
    size_t bytes; /* of all names */
    /* Name -> its first index + 1, made by the find that sees a long list a second
     * time. What is appended goes into it; with any other change it is gone. */
    struct hashmap *index;
    int finds;
};

/* Shorter lists are searched faster than an index is made. */
#define INDEX_FROM 32

static void changed (struct hostlist *hl)
{
    hashmap_destroy (hl->index);
    hl->index = NULL;
    hl->finds = 0;
}

struct hostlist *hostlist_create (void)
{
    struct hostlist *hl = calloc (1, sizeof (*hl));

    if (hl)
        hl->current = NONE;
    return hl;
}

static void truncate_to (struct hostlist *hl, int count)
{
    changed (hl);
    while (hl->count > count) {
        hl->bytes -= strlen (hl->names[--hl->count]);
        free (hl->names[hl->count]);
    }
}

void hostlist_destroy (struct hostlist *hl)
{
    if (hl) {
        int saved_errno = errno;
        truncate_to (hl, 0);
        free (hl->names);
        free (hl);
        errno = saved_errno;
    }
}

/* Without memory there is no index, and finding is slow. */
static void index_last (struct hostlist *hl)
{
    const char *name = hl->names[hl->count - 1];

    if (!hashmap_lookup (hl->index, name)
        && hashmap_insert (hl->index, name, (void *)(intptr_t)hl->count) < 0)
        changed (hl);
}

static int push (struct hostlist *hl, const char *name, size_t len)
{
    if (hl->count == HOSTLIST_MAX || len > HOSTLIST_MAX_BYTES - hl->bytes) {
        errno = EOVERFLOW;
        return -1;
    }
    if (hl->count == hl->cap) {
        int cap = hl->cap ? hl->cap * 2 : 8;
        char **names = realloc (hl->names, cap * sizeof (*names));
        if (!names)
            return -1;
        hl->names = names;
        hl->cap = cap;
    }
    if (!(hl->names[hl->count] = strndup (name, len)))
        return -1;
    hl->bytes += len;
    hl->count++;
    if (hl->index)
        index_last (hl);
    return 0;
}

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
        if (parse_number (&p, end, &r->hi, &hi_width) < 0 || r->hi < r->lo
            || r->hi - r->lo >= HOSTLIST_MAX)
            return invalid ();
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
        if (count > HOSTLIST_MAX) {
            errno = EOVERFLOW;
            return -1;
        }
    }
    return rc < 0 ? -1 : (int)count;
}

static int push_numbered (struct hostlist *hl, struct buf *b, const struct expr *e,
                          unsigned long n, int width)
{
    char digits[24], *p = digits + sizeof (digits),
                     *end = p; /* printf would take longer */

    do
        *--p = '0' + n % 10;
    while ((n /= 10) > 0);
    while (end - p < width)
        *--p = '0';
    buf_reset (b);
    buf_add (b, e->prefix, e->prefix_len);
    buf_add (b, p, end - p);
    if (buf_add (b, e->suffix, e->suffix_len) < 0)
        return -1;
    return push (hl, b->data, b->len);
}

static int expand (struct hostlist *hl, struct buf *b, const struct expr *e)
{
    const char *p = e->ids;
    struct range r;
    int rc;

    if (!e->ids)
        return push (hl, e->prefix, e->prefix_len);
    while ((rc = next_range (&p, e->ids + e->ids_len, &r)) == 1)
        for (unsigned long n = r.lo; n <= r.hi; n++)
            if (push_numbered (hl, b, e, n, r.width) < 0)
                return -1;
    return rc;
}

/* All or nothing. The number of hosts added, or -1. */
static int append_text (struct hostlist *hl, const char *s)
{
    struct buf b = BUF_INIT;
    int before = hl->count;
    struct expr e;
    size_t plain = strcspn (s, "[], \t\n");
    int rc;

    if (plain > 0 && s[plain] == '\0')
        return push (hl, s, plain) < 0 ? -1 : 1;
    if (count_decoded (s) < 0)
        return -1;
    while ((rc = next_expr (&s, &e)) == 1) {
        if ((rc = expand (hl, &b, &e)) < 0)
            break;
    }
    if (rc < 0) {
        int saved_errno = errno;
        truncate_to (hl, before);
        errno = saved_errno;
    }
    buf_fini (&b);
    return rc < 0 ? -1 : hl->count - before;
}

struct hostlist *hostlist_decode (const char *s)
{
    struct hostlist *hl;

    if (!s) {
        errno = EINVAL;
        return NULL;
    }
    if (!(hl = hostlist_create ()))
        return NULL;
    if (append_text (hl, s) < 0) {
        hostlist_destroy (hl);
        return NULL;
    }
    return hl;
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

/* The series that begins at i; returns the index behind it. */
static int encode_series (struct hostlist *hl, int i, struct buf *b)
{
    const char *name = hl->names[i];
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
    while (i < hl->count) {
        /* s is the beginning of a range. */
        const char *lo = hl->names[i];
        struct split last = s, next = s;
        bool more = false;
        int j = i + 1;

        for (; j < hl->count; j++) {
            next = split_name (hl->names[j]);
            more = same_series (lo, &s, hl->names[j], &next);
            if (!more || next.n != last.n + 1
                || !same_width (lo, &s, hl->names[j], &next))
                break;
            last = next;
        }
        count += j - i;
        buf_printf (b, "%s%0*lu", b->len > mark ? "," : "", (int)s.digits, s.n);
        if (last.n > s.n)
            buf_printf (b, "-%0*lu", (int)s.digits, last.n);
        i = j;
        if (i >= hl->count || !more)
            break;
        s = next;
    }
    if (count > 1) {
        char *tail = strdup (b->data + mark);
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

char *hostlist_encode (struct hostlist *hl)
{
    struct buf b = BUF_INIT;

    if (!hl) {
        errno = EINVAL;
        return NULL;
    }
    for (int i = 0; i < hl->count;) {
        if (b.len > 0)
            buf_addc (&b, ',');
        i = encode_series (hl, i, &b);
    }
    return buf_take (&b, NULL);
}

struct hostlist *hostlist_copy (const struct hostlist *hl)
{
    struct hostlist *cpy;

    if (!hl) {
        errno = EINVAL;
        return NULL;
    }
    if (!(cpy = hostlist_create ()))
        return NULL;
    if (hostlist_append_list (cpy, (struct hostlist *)hl) < 0) {
        hostlist_destroy (cpy);
        return NULL;
    }
    return cpy;
}

int hostlist_append (struct hostlist *hl, const char *hosts)
{
    if (!hl || !hosts)
        return invalid ();
    return append_text (hl, hosts);
}

int hostlist_append_list (struct hostlist *a, struct hostlist *b)
{
    int n, before;

    if (!a || !b)
        return invalid ();
    n = b->count;
    before = a->count;
    for (int i = 0; i < n; i++) {
        if (push (a, b->names[i], strlen (b->names[i])) < 0) {
            truncate_to (a, before);
            return -1;
        }
    }
    return n;
}

static const char *at (struct hostlist *hl, int i)
{
    if (i < 0 || i >= hl->count) {
        errno = ENOENT;
        return NULL;
    }
    hl->current = i;
    return hl->names[i];
}

const char *hostlist_nth (struct hostlist *hl, int n)
{
    if (!hl) {
        errno = EINVAL;
        return NULL;
    }
    return at (hl, n);
}

/* Without memory there is no index, and finding is slow. */
static void make_index (struct hostlist *hl)
{
    if (!(hl->index = hashmap_create (NULL)))
        return;
    for (int i = hl->count - 1; i >= 0; i--) {
        if (hashmap_insert (hl->index, hl->names[i], (void *)((intptr_t)i + 1)) < 0) {
            changed (hl);
            return;
        }
    }
}

static int find_name (struct hostlist *hl, const char *name)
{
    if (!hl->index && hl->count >= INDEX_FROM && hl->finds++ > 0)
        make_index (hl);
    if (hl->index)
        return (int)(intptr_t)hashmap_lookup (hl->index, name) - 1;
    for (int i = 0; i < hl->count; i++)
        if (!strcmp (hl->names[i], name))
            return i;
    return -1;
}

int hostlist_find (struct hostlist *hl, const char *hostname)
{
    int i;

    if (!hl || !hostname)
        return invalid ();
    if ((i = find_name (hl, hostname)) < 0)
        errno = ENOENT;
    else
        hl->current = i;
    return i;
}

static void remove_at (struct hostlist *hl, int i)
{
    changed (hl);
    hl->bytes -= strlen (hl->names[i]);
    free (hl->names[i]);
    hl->count--;
    memmove (&hl->names[i], &hl->names[i + 1], (hl->count - i) * sizeof (*hl->names));
}

/* How often each name of the list occurs. */
static struct hashmap *count_names (const struct hostlist *hl)
{
    struct hashmap *counts = hashmap_create (NULL);

    for (int i = 0; counts && i < hl->count; i++) {
        intptr_t n = (intptr_t)hashmap_lookup (counts, hl->names[i]);
        if (hashmap_insert (counts, hl->names[i], (void *)(n + 1)) < 0) {
            hashmap_destroy (counts);
            return NULL;
        }
    }
    return counts;
}

/* Each name of `hosts` takes away the first one that is still there. */
int hostlist_delete (struct hostlist *hl, const char *hosts)
{
    struct hostlist *del;
    struct hashmap *counts;
    int before, kept = 0;

    if (!hl || !hosts)
        return invalid ();
    if (!(del = hostlist_decode (hosts)))
        return -1;
    counts = count_names (del);
    hostlist_destroy (del);
    if (!counts)
        return -1;
    changed (hl);
    before = hl->count;
    for (int i = 0; i < before; i++) {
        char *name = hl->names[i];
        intptr_t n = (intptr_t)hashmap_lookup (counts, name);
        if (n > 0) {
            (void)hashmap_insert (counts, name, (void *)(n - 1));
            hl->bytes -= strlen (name);
            free (name);
        } else
            hl->names[kept++] = name;
    }
    hl->count = kept;
    hl->current = NONE;
    hashmap_destroy (counts);
    return before - kept;
}

int hostlist_count (struct hostlist *hl)
{
    return hl ? hl->count : 0;
}

static int compare (const void *pa, const void *pb)
{
    const char *a = *(char *const *)pa, *b = *(char *const *)pb;
    struct split sa = split_name (a), sb = split_name (b);
    size_t n = sa.prefix_len < sb.prefix_len ? sa.prefix_len : sb.prefix_len;
    int rc = memcmp (a, b, n);

    if (rc)
        return rc;
    if (sa.prefix_len != sb.prefix_len || sa.n == sb.n)
        return strcmp (a, b);
    return sa.n < sb.n ? -1 : 1;
}

void hostlist_sort (struct hostlist *hl)
{
    if (!hl)
        return;
    changed (hl);
    sort_array (hl->names, hl->count, sizeof (*hl->names), compare);
    hl->current = NONE;
}

void hostlist_uniq (struct hostlist *hl)
{
    int n = 0;

    if (!hl)
        return;
    hostlist_sort (hl);
    for (int i = 0; i < hl->count; i++) {
        if (n > 0 && !strcmp (hl->names[n - 1], hl->names[i])) {
            hl->bytes -= strlen (hl->names[i]);
            free (hl->names[i]);
        } else
            hl->names[n++] = hl->names[i];
    }
    hl->count = n;
}

const char *hostlist_first (struct hostlist *hl)
{
    return hostlist_nth (hl, 0);
}

const char *hostlist_last (struct hostlist *hl)
{
    return hostlist_nth (hl, hl ? hl->count - 1 : 0);
}

const char *hostlist_next (struct hostlist *hl)
{
    if (!hl || hl->current == NONE || hl->current + 1 >= hl->count) {
        if (hl)
            hl->current = NONE;
        return NULL;
    }
    return hl->names[++hl->current];
}

const char *hostlist_current (struct hostlist *hl)
{
    if (!hl || hl->current < 0 || hl->current >= hl->count)
        return NULL;
    return hl->names[hl->current];
}

int hostlist_remove_current (struct hostlist *hl)
{
    if (!hl)
        return invalid ();
    if (!hostlist_current (hl))
        return 0;
    remove_at (hl, hl->current);
    hl->current--; /* hostlist_next gives the one behind */
    return 1;
}

struct hostlist_hostname {
    char *name;
};

struct hostlist_hostname *hostlist_hostname_create (const char *hn)
{
    struct hostlist_hostname *host;

    if (!hn || hn[0] == '\0') {
        errno = EINVAL;
        return NULL;
    }
    if (!(host = malloc (sizeof (*host))))
        return NULL;
    if (!(host->name = strdup (hn))) {
        free (host);
        return NULL;
    }
    return host;
}

void hostlist_hostname_destroy (struct hostlist_hostname *hn)
{
    int saved_errno = errno;

    if (hn)
        free (hn->name);
    free (hn);
    errno = saved_errno;
}

int hostlist_find_hostname (struct hostlist *hl, struct hostlist_hostname *hn)
{
    if (!hl || !hn) {
        errno = EINVAL;
        return -1;
    }
    return hostlist_find (hl, hn->name);
}
