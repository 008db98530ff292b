#include "core/kvs/treetext.h"

#include "base/encode.h"

#include <errno.h>
#include <string.h>

struct scan {
    const char *p;
    const char *end;
};

static void skip_space (struct scan *sc)
{
    while (sc->p < sc->end
           && (*sc->p == ' ' || *sc->p == '\n' || *sc->p == '\t' || *sc->p == '\r'))
        sc->p++;
}

static bool skip_char (struct scan *sc, char c)
{
    skip_space (sc);
    if (sc->p == sc->end || *sc->p != c)
        return false;
    sc->p++;
    return true;
}

static bool skip_string (struct scan *sc, struct span *out)
{
    const char *start;

    skip_space (sc);
    start = sc->p;
    if (sc->p == sc->end || *sc->p++ != '"')
        return false;
    while (sc->p < sc->end) {
        const char *q = memchr (sc->p, '"', sc->end - sc->p);
        size_t slashes = 0;

        if (!q)
            return false;
        while (q - slashes > start + 1 && q[-1 - (ssize_t)slashes] == '\\')
            slashes++;
        sc->p = q + 1;
        if (slashes % 2 == 0) {
            *out = (struct span){ start, sc->p - start };
            return true;
        }
    }
    return false;
}

static bool skip_value (struct scan *sc, struct span *out, int depth);

static bool skip_container (struct scan *sc, char close, int depth)
{
    struct span ignore;

    sc->p++;
    if (skip_char (sc, close))
        return true;
    if (depth >= TREETEXT_DEPTH_MAX)
        return false;
    do {
        if (close == '}' && (!skip_string (sc, &ignore) || !skip_char (sc, ':')))
            return false;
        if (!skip_value (sc, &ignore, depth + 1))
            return false;
    } while (skip_char (sc, ','));
    return skip_char (sc, close);
}

static bool skip_word (struct scan *sc)
{
    const char *start = sc->p;

    while (sc->p < sc->end && *sc->p != ',' && *sc->p != '}' && *sc->p != ']'
           && *sc->p != ' ' && *sc->p != '\n' && *sc->p != '\t' && *sc->p != '\r'
           && *sc->p != ':' && *sc->p != '"' && *sc->p != '{' && *sc->p != '[')
        sc->p++;
    return sc->p > start;
}

static bool skip_value (struct scan *sc, struct span *out, int depth)
{
    const char *start;
    bool ok;

    skip_space (sc);
    if ((start = sc->p) == sc->end)
        return false;
    if (*start == '"')
        return skip_string (sc, out);
    if (*start == '{')
        ok = skip_container (sc, '}', depth);
    else if (*start == '[')
        ok = skip_container (sc, ']', depth);
    else
        ok = skip_word (sc);
    *out = (struct span){ start, sc->p - start };
    return ok;
}

int treetext_next (struct span obj, size_t *pos, struct span *name, struct span *value)
{
    struct scan sc = { obj.s + *pos, obj.s + obj.len };
    bool array = obj.len > 0 && obj.s[0] == '[';
    char close = array ? ']' : '}';

    if (*pos == 0) {
        if (!skip_char (&sc, array ? '[' : '{'))
            goto inval;
        if (skip_char (&sc, close))
            return 0;
    } else if (skip_char (&sc, close)) {
        return 0;
    } else if (!skip_char (&sc, ',')) {
        goto inval;
    }
    if (!array && (!skip_string (&sc, name) || !skip_char (&sc, ':')))
        goto inval;
    if (!skip_value (&sc, value, 0))
        goto inval;
    *pos = sc.p - obj.s;
    return 1;
inval:
    errno = EINVAL;
    return -1;
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

bool treetext_plain (struct span quoted, struct span *inner)
{
    *inner = (struct span){ quoted.s + 1, quoted.len - 2 };
    return !memchr (inner->s, '\\', inner->len);
}

static int hex4 (const char *s, const char *end, unsigned int *out)
{
    unsigned char b[2];

    if (end - s < 4 || hex_decode (b, s, 4) < 0)
        return -1;
    *out = b[0] << 8 | b[1];
    return 0;
}

static void add_utf8 (struct buf *b, unsigned int c)
{
    if (c < 0x80) {
        buf_addc (b, c);
    } else if (c < 0x800) {
        buf_addc (b, 0xc0 | c >> 6);
        buf_addc (b, 0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        buf_addc (b, 0xe0 | c >> 12);
        buf_addc (b, 0x80 | (c >> 6 & 0x3f));
        buf_addc (b, 0x80 | (c & 0x3f));
    } else {
        buf_addc (b, 0xf0 | c >> 18);
        buf_addc (b, 0x80 | (c >> 12 & 0x3f));
        buf_addc (b, 0x80 | (c >> 6 & 0x3f));
        buf_addc (b, 0x80 | (c & 0x3f));
    }
}

/* *p stands behind "\u". */
static int unquote_unicode (const char **p, const char *end, struct buf *b)
{
    unsigned int c, low;

    if (hex4 (*p, end, &c) < 0)
        return -1;
    *p += 4;
    if (c >= 0xd800 && c < 0xdc00) {
        if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u'
            || hex4 (*p + 2, end, &low) < 0 || low < 0xdc00 || low > 0xdfff)
            return -1;
        *p += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c == 0 || (c >= 0xdc00 && c < 0xe000))
        return -1;
    add_utf8 (b, c);
    return 0;
}

int treetext_unquote (struct span quoted, struct buf *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *p = quoted.s + 1, *end = quoted.s + quoted.len - 1;

    if (quoted.len < 2 || quoted.s[0] != '"')
        goto inval;
    while (p < end) {
        const char *q = memchr (p, '\\', end - p);
        const char *hit;

        buf_add (b, p, (q ? q : end) - p);
        if (!q)
            break;
        if (q + 1 >= end)
            goto inval;
        p = q + 2;
        if (q[1] == 'u') {
            if (unquote_unicode (&p, end, b) < 0)
                goto inval;
        } else if (q[1] && (hit = strchr (from, q[1]))) {
            buf_addc (b, to[hit - from]);
        } else {
            goto inval;
        }
    }
    if (b->err) {
        errno = b->err;
        return -1;
    }
    return 0;
inval:
    errno = EINVAL;
    return -1;
}

/* As jansson writes it, so that digests agree with those of treeobj_encode. */
void treetext_quote (struct buf *b, const char *s, size_t len)
{
    static const char to[] = "btn fr";
    size_t start = 0;

    buf_addc (b, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = s[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add (b, s + start, i - start);
        start = i + 1;
        if (c == '"' || c == '\\')
            buf_printf (b, "\\%c", c);
        else if (c >= 8 && c <= 13 && c != 11)
            buf_printf (b, "\\%c", to[c - 8]);
        else
            buf_printf (b, "\\u%04X", c);
    }
    buf_add (b, s + start, len - start);
    buf_addc (b, '"');
}

int treetext_val_decode (const struct treetext *t, struct buf *b)
{
    struct span inner;
    ssize_t n;

    if (t->type != TREEOBJ_VAL || !treetext_plain (t->data, &inner)) {
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
    buf_adds (b, "{\"data\":\"");
    if (buf_reserve (b, base64_encoded_size (len)) == 0)
        b->len += base64_encode (b->data + b->len, data, len);
    buf_adds (b, "\",\"type\":\"val\",\"ver\":1}");
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
        treetext_quote (b, ns, strlen (ns));
        buf_addc (b, ',');
    }
    buf_adds (b, "\"target\":");
    treetext_quote (b, target, strlen (target));
    buf_adds (b, "},\"type\":\"symlink\",\"ver\":1}");
}
