#include "base/text/printable.h"
#include "base/encode.h"

#include <stdint.h>
#include <string.h>

static bool is_control (uint32_t c, int flags)
{
    static const uint32_t ranges[][2] = {
        { 0x0000, 0x001f }, { 0x007f, 0x009f },   { 0x061c, 0x061c },
        { 0x200e, 0x200f }, { 0x2028, 0x202e },   { 0x2066, 0x2069 },
        { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
    };

    if ((flags & PRINTABLE_LINES) && (c == '\n' || c == '\t'))
        return false;
    for (size_t i = 0; i < sizeof (ranges) / sizeof (ranges[0]); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

/* Length of the printable start of s. */
static size_t good (const char *s, size_t len, int flags)
{
    size_t i = 0;
    uint32_t code;
    size_t n;

    while (i < len) {
        if (s[i] >= ' ' && s[i] < 0x7f)
            n = 1;
        else if (!(n = utf8_next (s + i, len - i, &code)) || is_control (code, flags))
            break;
        i += n;
    }
    return i;
}

bool printable (const char *s, size_t len, int flags)
{
    return good (s, len, flags) == len;
}

static size_t add_escaped (struct buf *b, const char *s, size_t len)
{
    uint32_t code;
    size_t n = utf8_next (s, len, &code);

    if (n == 0) {
        buf_printf (b, "\\x%02x", (unsigned char)*s);
        return 1;
    }
    if (code == '\n' || code == '\t' || code == '\r')
        buf_printf (b, "\\%c", code == '\n' ? 'n' : code == '\t' ? 't' : 'r');
    else if (code > 0xffff)
        buf_printf (b, "\\U%08x", code);
    else
        buf_printf (b, "\\u%04x", code);
    return n;
}

int buf_add_printable (struct buf *b, const char *s, size_t len, int flags)
{
    while (len > 0) {
        size_t n = good (s, len, flags);

        buf_add (b, s, n);
        if (n < len)
            n += add_escaped (b, s + n, len - n);
        s += n;
        len -= n;
    }
    return b->err ? -1 : 0;
}
