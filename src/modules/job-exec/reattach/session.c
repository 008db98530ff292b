#include "modules/job-exec/reattach/session.h"

#include <errno.h>
#include <string.h>

void session_out_fini (struct session_out *s)
{
    buf_fini (&s->buf);
    s->sent = 0;
}

size_t session_out_rest (const struct session_out *s, const char **data)
{
    *data = s->buf.data ? s->buf.data + s->sent : NULL;
    return s->buf.len - s->sent;
}

size_t session_out_next (const struct session_out *s, size_t max, const char **data)
{
    size_t len = session_out_rest (s, data);
    const char *nl;

    if (len <= max)
        return len;
    if (!(nl = memrchr (*data, '\n', max)))
        nl = memchr (*data, '\n', len);
    return nl ? (size_t)(nl + 1 - *data) : len;
}

/* Nobody asks for the first len bytes again. Moving the rest pays when it is the smaller
 * part. */
static void drop (struct session_out *s, size_t len)
{
    buf_consume (&s->buf, len);
    s->sent -= len;
    s->before += len;
}

void session_out_sent (struct session_out *s, size_t len)
{
    s->sent += len;
    if (!s->keep && s->sent > s->buf.len / 2)
        drop (s, s->sent);
}

static int in_range (const struct session_out *s, int64_t total)
{
    if (total >= s->before && total <= s->before + (int64_t)s->sent)
        return 0;
    errno = EPROTO;
    return -1;
}

int session_out_told (struct session_out *s, int64_t total)
{
    if (in_range (s, total) < 0)
        return -1;
    if (total - s->before > (int64_t)s->buf.len / 2)
        drop (s, total - s->before);
    return 0;
}

int session_out_resume (struct session_out *s, int64_t total)
{
    if (in_range (s, total) < 0)
        return -1;
    drop (s, total - s->before);
    s->sent = 0;
    return 0;
}

bool session_in_took (struct session_in *s, size_t len)
{
    s->taken += len;
    if (s->taken - s->told < SESSION_TELL)
        return false;
    s->told = s->taken;
    return true;
}

int64_t session_in_tell (struct session_in *s)
{
    s->told = s->taken;
    return s->taken;
}
