/* What the fast decoder takes, jansson takes, with the same result; and what
 * is encoded decodes to the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/jscan.h"
#include "base/json/json.h"

static void walk (struct span v, int depth)
{
    struct span key, value;
    struct buf out = BUF_INIT;
    size_t pos = 0;

    if (v.len > 0 && v.s[0] == '"')
        json_span_unquote (v, &out);
    while (depth < 20 && json_span_next (v, &pos, &key, &value) == 1)
        walk (value, depth + 1);
    buf_fini (&out);
}

/* What jansson takes is no fault to either way of scanning, but for depth and U+0000
 * (it passes over some NUL bytes, too). */
static void scan (const char *s, size_t size, const json_t *known)
{
    struct span value = { s, 0 };
    struct jscan strict;
    bool ok;

    jscan_init (&strict, s, size);
    ok = jscan_skip (&strict) && jscan_end (&strict);
    if (known && !ok && !memchr (s, 0, size)
        && strcmp (strict.fault, "nested too deeply")
        && strcmp (strict.fault, "invalid escape"))
        abort ();
    if (ok && json_span (s, size, &value) < 0)
        abort ();
    walk (value, 0);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    const char *s = (const char *)data;
    json_t *a = json_decode (s, size, JSON_ALLOW_NUL, NULL);
    json_t *b = json_loadb (s, size, JSON_ALLOW_NUL, NULL);
    struct buf buf = BUF_INIT;
    json_t *c;

    if (!a != !b || (a && !json_equal (a, b)))
        abort ();
    if (a) {
        if (json_encode (&buf, a) < 0)
            abort ();
        if (!(c = json_loadb (buf.data, buf.len, JSON_ALLOW_NUL, NULL))
            || !json_equal (a, c))
            abort ();
        json_decref (c);
    }
    scan (s, size, b);
    buf_fini (&buf);
    json_decref (a);
    json_decref (b);
    return 0;
}
