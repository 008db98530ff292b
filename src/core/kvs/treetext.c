#include "core/kvs/treetext.h"

#include "base/encode.h"
#include "base/json/jsonout.h"

#include <errno.h>
#include <string.h>

/* Names with their quotes. */
int treetext_next (struct span obj, size_t *pos, struct span *name, struct span *value)
{
    struct span key;
    int rc = json_span_next (obj, pos, &key, value);

    if (rc == 1 && obj.s[0] == '{')
        *name = (struct span){ key.s - 1, key.len + 2 };
    return rc;
}

static bool is (struct span v, const char *quoted)
{
    return v.len == strlen (quoted) && !memcmp (v.s, quoted, v.len);
}

static int parse_type (struct span v)
{
    static const struct {
        const char *name;
        int type;
    } names[] = {
        { "\"val\"", TREEOBJ_VAL },    { "\"valref\"", TREEOBJ_VALREF },
        { "\"dir\"", TREEOBJ_DIR },    { "\"dirref\"", TREEOBJ_DIRREF },
        { "\"hdir\"", TREETEXT_HDIR }, { "\"symlink\"", TREEOBJ_SYMLINK },
    };
    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++)
        if (is (v, names[i].name))
            return names[i].type;
    return TREEOBJ_INVALID;
}

static bool data_fits (const struct treetext *t)
{
    static const char first[] = {
        [TREEOBJ_VAL] = '"',    [TREEOBJ_VALREF] = '[',  [TREEOBJ_DIR] = '{',
        [TREEOBJ_DIRREF] = '[', [TREEOBJ_SYMLINK] = '{', [TREETEXT_HDIR] = '{'
    };
    return t->data.len > 0 && t->data.s[0] == first[t->type];
}

int treetext_parse (const char *s, size_t len, struct treetext *t)
{
    struct span name, value;
    size_t pos = 0;
    bool ver = false;
    int rc;

    memset (t, 0, sizeof (*t));
    /* An array would have elements without names. */
    if (len == 0 || s[0] != '{')
        goto inval;
    while ((rc = treetext_next ((struct span){ s, len }, &pos, &name, &value)) == 1) {
        if (is (name, "\"data\""))
            t->data = value;
        else if (is (name, "\"type\""))
            t->type = parse_type (value);
        else if (is (name, "\"ver\""))
            ver = is (value, "1");
    }
    if (rc == 0 && ver && t->type != TREEOBJ_INVALID && data_fits (t))
        return 0;
inval:
    errno = EINVAL;
    return -1;
}

/* Blobrefs */

struct refs {
    treetext_ref_f fn;
    void *arg;
};

static int visit (const struct refs *r, struct span text, int depth);

static int visit_list (const struct refs *r, struct span list, bool dir)
{
    struct span name, value, inner;
    size_t pos = 0;
    int rc;

    while ((rc = treetext_next (list, &pos, &name, &value)) == 1) {
        errno = EINVAL;
        if (!json_span_plain (value, &inner) || r->fn (r->arg, inner, dir) < 0)
            return -1;
    }
    return rc;
}

/* Of a dir the entries, of an hdir the buckets, of which some are null. */
static int visit_all (const struct refs *r, struct span container, int depth)
{
    struct span name, value;
    size_t pos = 0;
    int rc;

    while ((rc = treetext_next (container, &pos, &name, &value)) == 1)
        if (value.s[0] != 'n' && visit (r, value, depth + 1) < 0)
            return -1;
    return rc;
}

static int visit_buckets (const struct refs *r, struct span data, int depth)
{
    struct span name, value;
    size_t pos = 0;
    int rc;

    while ((rc = treetext_next (data, &pos, &name, &value)) == 1)
        if (is (name, "\"bucket\"") && value.s[0] == '['
            && visit_all (r, value, depth) < 0)
            return -1;
    return rc;
}

static int visit (const struct refs *r, struct span text, int depth)
{
    struct treetext t;

    errno = EINVAL;
    if (depth > TREETEXT_DEPTH_MAX || treetext_parse (text.s, text.len, &t) < 0)
        return -1;
    switch (t.type) {
    case TREEOBJ_DIR:
        return visit_all (r, t.data, depth);
    case TREETEXT_HDIR:
        return visit_buckets (r, t.data, depth);
    case TREEOBJ_DIRREF:
    case TREEOBJ_VALREF:
        return visit_list (r, t.data, t.type == TREEOBJ_DIRREF);
    default:
        return 0;
    }
}

int treetext_refs (const char *s, size_t len, treetext_ref_f fn, void *arg)
{
    struct refs r = { fn, arg };

    return visit (&r, (struct span){ s, len }, 0);
}

int treetext_val_decode (const struct treetext *t, struct buf *b)
{
    struct span inner;
    ssize_t n;

    if (t->type != TREEOBJ_VAL || !json_span_plain (t->data, &inner)) {
        errno = EINVAL;
        return -1;
    }
    if (buf_reserve (b, inner.len / 4 * 3 + 4) < 0) {
        errno = ENOMEM;
        return -1;
    }
    if ((n = base64_decode (b->data + b->len, inner.s, inner.len)) < 0)
        return -1;
    b->len += n;
    b->data[b->len] = '\0';
    return 0;
}

void treetext_add_val (struct buf *b, const void *data, size_t len)
{
    buf_adds (b, "{\"data\":");
    json_add_base64 (b, data, len);
    buf_adds (b, ",\"type\":\"val\",\"ver\":1}");
}

void treetext_add_dirref (struct buf *b, const char *blobref)
{
    buf_adds (b, "{\"data\":[\"");
    buf_adds (b, blobref);
    buf_adds (b, "\"],\"type\":\"dirref\",\"ver\":1}");
}

void treetext_add_symlink (struct buf *b, const char *ns, const char *target)
{
    buf_adds (b, "{\"data\":{");
    if (ns) {
        buf_adds (b, "\"namespace\":");
        json_add_text (b, ns);
        buf_addc (b, ',');
    }
    buf_adds (b, "\"target\":");
    json_add_text (b, target);
    buf_adds (b, "},\"type\":\"symlink\",\"ver\":1}");
}
