#include "base/text/yaml_guard.h"

#include <string.h>

bool yaml_has_many_anchors (const char *text, size_t len)
{
    const char *end = text + len;
    int count = 0;

    for (const char *p = text; (p = memchr (p, '&', end - p)); p++) {
        bool begins = p == text || strchr (" \t\r\n[{,:-?", p[-1]);
        bool named = p + 1 < end && (unsigned char)p[1] > ' ' && p[1] != '&';
        if (begins && named && ++count > YAML_MAX_ANCHORS)
            return true;
    }
    return false;
}

bool yaml_looks_deep (const char *text, size_t len, int max)
{
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '[' || text[i] == '{') {
            if (++depth > max)
                return true;
        } else if ((text[i] == ']' || text[i] == '}') && depth > 0)
            depth--;
    }
    return false;
}
