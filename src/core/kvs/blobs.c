#include "core/kvs/blobs.h"

#include "base/digest.h"

#include <errno.h>
#include <string.h>

static void put32 (unsigned char *p, uint32_t n)
{
    p[0] = n;
    p[1] = n >> 8;
    p[2] = n >> 16;
    p[3] = n >> 24;
}

static uint32_t get32 (const unsigned char *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

void blobs_begin (struct buf *b, size_t digest_size, int flags)
{
    unsigned char head[16] = "FBL1";

    put32 (head + 4, flags);
    put32 (head + 8, digest_size);
    buf_add (b, head, sizeof (head));
}

size_t blobs_open (struct buf *b, size_t digest_size)
{
    static const char room[DIGEST_MAX_SIZE + 4];

    buf_addc (b, 'B');
    buf_add (b, room, digest_size + 4);
    return b->len;
}

void blobs_close (struct buf *b, size_t offset, const void *digest, size_t digest_size)
{
    if (b->err)
        return;
    memcpy (b->data + offset - 4 - digest_size, digest, digest_size);
    put32 ((unsigned char *)b->data + offset - 4, b->len - offset);
    buf_addc (b, '\0');
}

void blobs_add (struct buf *b, const void *digest, size_t digest_size, const void *data,
                size_t len)
{
    size_t offset = blobs_open (b, digest_size);

    buf_add (b, data, len);
    blobs_close (b, offset, digest, digest_size);
}

void blobs_supersede (struct buf *b, const void *digest, size_t digest_size)
{
    buf_addc (b, 'S');
    buf_add (b, digest, digest_size);
}

void blobs_hold (struct buf *b, const void *digest, size_t digest_size)
{
    buf_addc (b, 'H');
    buf_add (b, digest, digest_size);
}

void blobs_checkpoint (struct buf *b, const char *json)
{
    unsigned char n[4];

    put32 (n, strlen (json));
    buf_addc (b, 'C');
    buf_add (b, n, 4);
    buf_add (b, json, strlen (json) + 1);
}

void blobs_pin (struct buf *b)
{
    buf_addc (b, 'P');
}

int blobs_read (struct blobs_reader *r, const void *data, size_t len)
{
    const unsigned char *p = data;

    if (len < 16 || memcmp (p, "FBL1", 4) || get32 (p + 8) < 1
        || get32 (p + 8) > DIGEST_MAX_SIZE) {
        errno = EPROTO;
        return -1;
    }
    r->flags = get32 (p + 4);
    r->digest_size = get32 (p + 8);
    r->p = p + 16;
    r->end = p + len;
    return 0;
}

static int read_bytes (struct blobs_reader *r, struct blobs_entry *e)
{
    if (r->end - r->p < 4)
        return -1;
    e->len = get32 (r->p);
    r->p += 4;
    if ((size_t)(r->end - r->p) < e->len + 1 || r->p[e->len] != '\0')
        return -1;
    e->data = (const char *)r->p;
    r->p += e->len + 1;
    return 0;
}

int blobs_next (struct blobs_reader *r, struct blobs_entry *e)
{
    if (r->p == r->end)
        return 0;
    memset (e, 0, sizeof (*e));
    e->kind = *r->p++;
    if (e->kind == 'B' || e->kind == 'S' || e->kind == 'H') {
        if ((size_t)(r->end - r->p) < r->digest_size)
            goto proto;
        e->digest = r->p;
        r->p += r->digest_size;
    }
    if ((e->kind == 'B' || e->kind == 'C') && read_bytes (r, e) < 0)
        goto proto;
    if (!strchr ("BSCPH", e->kind) || e->kind == '\0')
        goto proto;
    return 1;
proto:
    errno = EPROTO;
    return -1;
}
