#include "core/shell/protocol.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void frame_reader_fini (struct frame_reader *r)
{
    buf_fini (&r->buf);
    r->pos = r->scanned = 0;
}

int frame_reader_add (struct frame_reader *r, const void *data, size_t len)
{
    return buf_add (&r->buf, data, len);
}

void frame_reader_compact (struct frame_reader *r)
{
    buf_consume (&r->buf, r->pos);
    r->scanned -= r->pos;
    r->pos = 0;
}

int frame_signum (const struct frame *f)
{
    int signum = atoi (f->text);

    return signum > 0 && signum <= SIGRTMAX ? signum : SIGKILL;
}

/* An io object ends otherwise. */
bool frame_is_eof (const char *text, size_t len)
{
    static const char eof[] = "\"eof\"";
    size_t n = sizeof (eof) - 1;

    return len >= n && memcmp (text + len - n, eof, n) == 0;
}

int frame_parse (const char *line, const char *end, struct frame *f)
{
    const char *p = line;
    char *after;

    f->id_known = false;
    f->more = *p == '+';
    if (f->more)
        p++;
    f->type = *p;
    if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')) || p[1] != ' ')
        return -1;
    p += 2;
    if (*p < '0' || *p > '9')
        return -1;
    f->id = strtoull (p, &after, 10);
    p = after;
    f->id_known = true;
    if (*p == ' ')
        p++;
    else if (p != end)
        return -1;
    f->text = p;
    f->len = end - p;
    return 0;
}

int frame_reader_next (struct frame_reader *r, struct frame *f)
{
    char *data = r->buf.data;

    if (!data || r->scanned >= r->buf.len)
        return 0;
    char *nl = memchr (data + r->scanned, '\n', r->buf.len - r->scanned);
    if (!nl) {
        r->scanned = r->buf.len;
        if (r->buf.len - r->pos > FRAME_LINE_MAX) {
            errno = EMSGSIZE;
            return -1;
        }
        return 0;
    }
    char *line = data + r->pos;
    *nl = '\0';
    r->pos = r->scanned = nl + 1 - data;
    if (frame_parse (line, nl, f) < 0) {
        errno = EPROTO;
        return -1;
    }
    return 1;
}

void frame_pieces_fini (struct frame_pieces *p)
{
    buf_fini (&p->buf);
    p->type = 0;
    p->lost = false;
}

void frame_pieces_drop (struct frame_pieces *p)
{
    buf_fini (&p->buf);
    p->lost = p->type != 0;
}

static int add_piece (struct frame_pieces *p, const struct frame *f, size_t max)
{
    if (p->buf.len + f->len > max)
        errno = EMSGSIZE;
    else if (buf_add (&p->buf, f->text, f->len) == 0)
        return 0;
    else
        errno = ENOMEM;
    frame_pieces_drop (p);
    return -1;
}

int frame_join (struct frame_pieces *p, struct frame *f, size_t max, struct buf *whole)
{
    if (p->type != f->type)
        frame_pieces_fini (p);
    if (p->type == 0 && !f->more)
        return 1;
    p->type = f->type;
    int rc = p->lost ? 0 : add_piece (p, f, max);
    if (rc < 0 || f->more || p->lost) {
        if (!f->more)
            frame_pieces_fini (p);
        return rc;
    }
    *whole = p->buf;
    buf_init (&p->buf);
    p->type = 0;
    f->text = whole->data;
    f->len = whole->len;
    return 1;
}

int frame_append (struct buf *b, char type, uint64_t id, const char *text, size_t len)
{
    char head[32];
    int n = snprintf (head, sizeof (head), "%c %llu ", type, (unsigned long long)id);

    buf_add (b, head, n);
    size_t start = b->len;
    if (len > 0)
        buf_add (b, text, len);
    buf_addc (b, '\n');
    if (b->err)
        return -1;
    char *p = b->data + start;
    char *end = b->data + b->len - 1;
    while ((p = memchr (p, '\n', end - p)))
        *p++ = ' ';
    return 0;
}

void frame_writer_init (struct frame_writer *w, int fd, uint64_t id)
{
    w->fd = fd;
    w->take = NULL;
    w->id = id;
    w->begun = false;
    w->len = 0;
}

int frame_flush (struct frame_writer *w)
{
    size_t done = 0;

    w->begun = w->begun || w->len > 0;
    if (w->take && w->len > 0) {
        w->take (w->data, w->len);
        w->len = 0;
    }
    while (done < w->len) {
        ssize_t n = write (w->fd, w->data + done, w->len - done);
        if (n >= 0)
            done += n;
        else if (errno == EAGAIN) {
            struct pollfd pfd = { .fd = w->fd, .events = POLLOUT };
            poll (&pfd, 1, -1);
        } else if (errno != EINTR) {
            w->len = 0;
            return -1;
        }
    }
    w->len = 0;
    return 0;
}

static void put (struct frame_writer *w, const char *head, size_t head_len,
                 const char *text, size_t len)
{
    memcpy (w->data + w->len, head, head_len);
    memcpy (w->data + w->len + head_len, text, len);
    w->len += head_len + len;
    w->data[w->len++] = '\n';
}

int frame_write (struct frame_writer *w, char type, const char *text, size_t len)
{
    char head[32];
    int head_len =
        snprintf (head, sizeof (head), "+%c %llu ", type, (unsigned long long)w->id);
    int rc = 0;

    if (w->len + head_len + len + 1 > FRAME_MAX)
        rc = frame_flush (w);
    while (rc == 0 && head_len + len + 1 > FRAME_MAX) {
        size_t n = FRAME_MAX - head_len - 1;
        put (w, head, head_len, text, n);
        text += n;
        len -= n;
        rc = frame_flush (w);
    }
    if (rc == 0)
        put (w, head + 1, head_len - 1, text, len);
    return rc;
}
