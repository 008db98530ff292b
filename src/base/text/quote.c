#include "base/text/quote.h"

#include <string.h>

int buf_add_quoted (struct buf *b, const char *s)
{
    size_t n = strcspn (s, "'");

    buf_addc (b, '\'');
    buf_add (b, s, n);
    while (s[n] == '\'') {
        s += n + 1;
        n = strcspn (s, "'");
        buf_adds (b, "'\\''");
        buf_add (b, s, n);
    }
    return buf_addc (b, '\''); /* an error stays */
}
