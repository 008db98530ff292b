#include "cmd/submit/attach/escape.h"

#define CTRL_Z 0x1a

size_t escape_filter (struct escape *e, const char *in, size_t len, char *out,
                      size_t *taken, enum escape_action *action)
{
    size_t n = 0, i = 0;

    *action = ESCAPE_NONE;
    while (i < len && *action == ESCAPE_NONE) {
        char c = in[i++];

        if (e->tilde) {
            e->tilde = false;
            if (c == '.')
                *action = ESCAPE_DETACH;
            else if (c == CTRL_Z)
                *action = ESCAPE_SUSPEND;
            else if (c != '~')
                out[n++] = '~';
            if (*action != ESCAPE_NONE)
                break;
        } else if (c == '~' && !e->inside) {
            e->tilde = true;
            continue;
        }
        out[n++] = c;
        e->inside = c != '\r' && c != '\n';
    }
    *taken = i;
    return n;
}
