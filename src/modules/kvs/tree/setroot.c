#include "setroot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_name (struct span name, const char *want)
{
    return name.len == strlen (want) + 2 && !memcmp (name.s + 1, want, name.len - 2);
}

/* Namespaces and blobrefs need no escapes. */
static bool copy_string (struct span v, char *out, size_t size)
{
    struct span inner;

    if (v.s[0] != '"' || !json_span_plain (v, &inner) || inner.len == 0
        || inner.len >= size)
        return false;
    memcpy (out, inner.s, inner.len);
    out[inner.len] = '\0';
    return true;
}

static bool copy_number (struct span v, int64_t max, int64_t *out)
{
    int64_t n = 0;

    for (size_t i = 0; i < v.len; i++)
        if (v.s[i] < '0' || v.s[i] > '9' || __builtin_mul_overflow (n, 10, &n)
            || __builtin_add_overflow (n, v.s[i] - '0', &n))
            return false;
    *out = n;
    return v.len > 0 && n <= max;
}

static bool take_member (struct kvs_setroot *root, struct span name, struct span value)
{
    int64_t owner;

    if (is_name (name, "namespace"))
        return copy_string (value, root->ns, sizeof (root->ns));
    if (is_name (name, "rootref"))
        return copy_string (value, root->rootref, sizeof (root->rootref));
    if (is_name (name, "sequence"))
        return copy_number (value, INT64_MAX, &root->sequence);
    if (is_name (name, "owner")) {
        if (!copy_number (value, UINT32_MAX, &owner))
            return false;
        root->owner = owner;
    } else if (is_name (name, "rootdir")) {
        root->rootdir = value;
    }
    return true;
}

int kvs_setroot_decode (const char *s, size_t len, struct kvs_setroot *root)
{
    struct span name, value;
    size_t pos = 0;
    int rc;

    *root = (struct kvs_setroot){ .sequence = -1, .owner = UINT32_MAX };
    if (len == 0 || s[0] != '{')
        goto proto;
    while ((rc = treetext_next ((struct span){ s, len }, &pos, &name, &value)) == 1)
        if (!take_member (root, name, value))
            goto proto;
    if (rc < 0 || !root->ns[0] || !root->rootref[0] || root->sequence < 0
        || root->owner == UINT32_MAX)
        goto proto;
    return 0;
proto:
    errno = EPROTO;
    return -1;
}
