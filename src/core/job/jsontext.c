#include "jsontext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_space (const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* p is behind the opening quote; the result is behind the closing one. */
static const char *skip_string (const char *p, const char *end)
{
    for (;;) {
        const char *q = memchr (p, '"', end - p);
        if (!q)
            return NULL;
        const char *b = q;
        while (b > p && b[-1] == '\\')
            b--;
        if ((q - b) % 2 == 0)
            return q + 1;
        p = q + 1;
    }
}

static const char *skip_scalar (const char *p, const char *end)
{
    const char *start = p;

    while (p < end && !strchr (",]} \n\t\r", *p))
        p++;
    return p == start ? NULL : p;
}

/* Behind the value at p, or NULL. */
static const char *skip_value (const char *p, const char *end)
{
    size_t depth = 0;

    if (p >= end)
        return NULL;
    if (*p != '{' && *p != '[' && *p != '"')
        return skip_scalar (p, end);
    while (p < end) {
        char c = *p++;
        if (c == '"') {
            if (!(p = skip_string (p, end)))
                return NULL;
        } else if (c == '{' || c == '[') {
            depth++;
            continue;
        } else if (c == '}' || c == ']') {
            depth--;
        } else {
            continue;
        }
        if (depth == 0)
            return p;
    }
    return NULL;
}

int jsontext_value (const char *s, size_t len, struct span *value)
{
    const char *end = s + len;
    const char *p = skip_space (s, end);
    const char *q = skip_value (p, end);

    if (!q || skip_space (q, end) != end) {
        errno = EINVAL;
        return -1;
    }
    *value = (struct span){ p, q - p };
    return 0;
}

bool jsontext_next (struct span c, size_t *pos, struct span *key, struct span *value)
{
    const char *end = c.s + c.len;
    bool object = c.len > 0 && c.s[0] == '{';

    if (c.len < 2 || (!object && c.s[0] != '['))
        return false;
    const char *p = skip_space (c.s + (*pos ? *pos : 1), end);
    if (*pos && p < end && *p == ',')
        p = skip_space (p + 1, end);
    if (p >= end || *p == '}' || *p == ']')
        return false;
    if (object) {
        const char *k = p + 1;
        if (*p != '"' || !(p = skip_string (k, end)))
            return false;
        if (key)
            *key = (struct span){ k, p - 1 - k };
        p = skip_space (p, end);
        if (p >= end || *p != ':')
            return false;
        p = skip_space (p + 1, end);
    }
    const char *q = skip_value (p, end);
    if (!q)
        return false;
    *value = (struct span){ p, q - p };
    *pos = q - c.s;
    return true;
}

static int get (struct span object, const char *key, size_t keylen, struct span *name,
                struct span *value)
{
    size_t pos = 0;
    struct span k, v;

    if (object.len < 2 || object.s[0] != '{') {
        errno = EINVAL;
        return -1;
    }
    while (jsontext_next (object, &pos, &k, &v)) {
        if (k.len == keylen && memcmp (k.s, key, keylen) == 0) {
            *value = v;
            if (name)
                *name = k;
            return 0;
        }
    }
    errno = ENOENT;
    return -1;
}

int jsontext_get (struct span object, const char *key, struct span *value)
{
    return get (object, key, strlen (key), NULL, value);
}

static int find (struct span object, const char *path, struct span *parent,
                 struct span *name, struct span *value)
{
    struct span v;

    for (;;) {
        size_t n = strcspn (path, ".");
        if (get (object, path, n, name, &v) < 0)
            return -1;
        if (!path[n])
            break;
        path += n + 1;
        object = v;
    }
    if (parent)
        *parent = object;
    *value = v;
    return 0;
}

int jsontext_find (struct span object, const char *path, struct span *value)
{
    return find (object, path, NULL, NULL, value);
}

int jsontext_member (struct span object, const char *path, struct span *member,
                     struct span *value)
{
    struct span parent, name;

    if (find (object, path, &parent, &name, value) < 0)
        return -1;
    const char *start = name.s - 1;
    const char *end = value->s + value->len;
    const char *after = skip_space (end, parent.s + parent.len);
    if (after < parent.s + parent.len && *after == ',') {
        end = after + 1;
    } else {
        const char *before = start;
        while (before > parent.s && strchr (" \n\t\r", before[-1]))
            before--;
        if (before > parent.s && before[-1] == ',')
            start = before - 1;
    }
    *member = (struct span){ start, end - start };
    return 0;
}

/* Numbers end where the span ends: copy, because strtod would read on. */
static bool copy_scalar (struct span v, char *buf, size_t size)
{
    if (v.len == 0 || v.len >= size)
        return false;
    memcpy (buf, v.s, v.len);
    buf[v.len] = '\0';
    return true;
}

bool jsontext_int (struct span v, int64_t *i)
{
    char buf[64], *end;

    if (!copy_scalar (v, buf, sizeof (buf)) || !strchr ("-0123456789", buf[0]))
        return false;
    errno = 0;
    if (buf[0] == '-')
        *i = strtoll (buf, &end, 10);
    else /* ids use all 64 bits */
        *i = (int64_t)strtoull (buf, &end, 10);
    return *end == '\0' && errno == 0;
}

bool jsontext_number (struct span v, double *d)
{
    char buf[64], *end;

    if (!copy_scalar (v, buf, sizeof (buf)) || !strchr ("-0123456789", buf[0]))
        return false;
    *d = strtod (buf, &end);
    return *end == '\0';
}

bool jsontext_bool (struct span v, bool *b)
{
    *b = v.len == 4 && memcmp (v.s, "true", 4) == 0;
    return *b || (v.len == 5 && memcmp (v.s, "false", 5) == 0);
}

bool jsontext_plain (struct span v, struct span *text)
{
    if (v.len < 2 || v.s[0] != '"' || memchr (v.s, '\\', v.len))
        return false;
    *text = (struct span){ v.s + 1, v.len - 2 };
    return true;
}
