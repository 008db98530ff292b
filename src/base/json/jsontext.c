#include "base/json/jsontext.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int jsontext_value (const char *s, size_t len, struct span *value)
{
    return json_span (s, len, value);
}

bool jsontext_next (struct span c, size_t *pos, struct span *key, struct span *value)
{
    struct span ignored;

    return json_span_next (c, pos, key ? key : &ignored, value) == 1;
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

static bool is_space (char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static size_t strspn_in (const char *p, const char *end)
{
    const char *start = p;

    while (p < end && is_space (*p))
        p++;
    return p - start;
}

int jsontext_member (struct span object, const char *path, struct span *member,
                     struct span *value)
{
    struct span parent, name;

    if (find (object, path, &parent, &name, value) < 0)
        return -1;
    const char *start = name.s - 1;
    const char *end = value->s + value->len;
    const char *after = end + strspn_in (end, parent.s + parent.len);
    if (after < parent.s + parent.len && *after == ',') {
        end = after + 1;
    } else {
        const char *before = start;
        while (before > parent.s && is_space (before[-1]))
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
    return json_span_plain (v, text);
}

/* What jansson allocates for each comma, colon and bracket: objects in objects are dearest. */
#define TREE_BYTES 160

/* Behind the string that begins before s, or end. */
static const char *skip_string (const char *s, const char *end)
{
    const char *begin = s, *quote;

    while ((quote = memchr (s, '"', end - s))) {
        const char *p = quote;

        while (p > begin && p[-1] == '\\')
            p--;
        s = quote + 1;
        if ((quote - p) % 2 == 0)
            return s;
        begin = s;
    }
    return end;
}

size_t jsontext_tree_size (const char *s, size_t len)
{
    const char *end = s + len;
    size_t count = 0;

    while (s < end && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r'))
        s++;
    if (s == end || *s != '{')
        return 0;
    while (s < end) {
        char c = *s++;

        if (c == '"')
            s = skip_string (s, end);
        else
            count += c == ',' || c == ':' || c == '[' || c == '{';
    }
    return count * TREE_BYTES;
}
