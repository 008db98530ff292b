/* What the fast decoder takes, jansson takes, with the same result; and what
 * is encoded decodes to the same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"

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
    buf_fini (&buf);
    json_decref (a);
    json_decref (b);
    return 0;
}
