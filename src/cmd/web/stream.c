#include "cmd/web/stream.h"

#include <stdlib.h>
#include <string.h>

void stream_init (struct stream *s)
{
    memset (s, 0, sizeof (*s));
}

void stream_fini (struct stream *s)
{
    buf_fini (&s->buf);
}

static void die (struct stream *s)
{
    s->dead = true;
    buf_fini (&s->buf);
    s->pos = 0;
}

void stream_send (struct stream *s, const char *event, json_t *take_o)
{
    char *text =
        take_o ? json_dumps (take_o, JSON_COMPACT | JSON_REAL_PRECISION (14)) : NULL;
    json_decref (take_o);
    if (s->dead) {
        free (text);
        return;
    }
    if (!text || s->buf.len - s->pos + strlen (text) > STREAM_MAX) {
        free (text);
        die (s);
        return;
    }
    if (s->pos > 0) {
        buf_consume (&s->buf, s->pos);
        s->pos = 0;
    }
    buf_printf (&s->buf, "event: %s\ndata: ", event);
    buf_adds (&s->buf, text);
    if (buf_adds (&s->buf, "\n\n") < 0)
        die (s);
    free (text);
}

bool stream_busy (const struct stream *s)
{
    return s->buf.len - s->pos > STREAM_BUSY;
}

ssize_t stream_take (struct stream *s, char *out, size_t max)
{
    size_t n = s->buf.len - s->pos;
    if (s->dead)
        return -1;
    n = n > max ? max : n;
    if (n > 0)
        memcpy (out, s->buf.data + s->pos, n);
    s->pos += n;
    if (s->pos == s->buf.len) {
        buf_reset (&s->buf);
        s->pos = 0;
    }
    return n;
}
