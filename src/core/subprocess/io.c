#include "core/subprocess/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/json/json.h"
#include "base/json/jsonout.h"

void io_append (struct buf *b, const char *stream, const char *rank, const void *data,
                size_t len, bool eof)
{
    buf_adds (b, "{\"stream\":");
    json_add_text (b, stream);
    buf_adds (b, ",\"rank\":");
    json_add_text (b, rank);
    if (data && len > 0) {
        buf_adds (b, ",\"data\":");
        /* a NUL is valid UTF-8, but readers may not take it */
        if (utf8_valid (data, len) && !memchr (data, 0, len))
            json_add_string (b, data, len);
        else {
            json_add_base64 (b, data, len);
            buf_adds (b, ",\"encoding\":\"base64\"");
        }
    }
    if (eof)
        buf_adds (b, ",\"eof\":true");
    buf_addc (b, '}');
}

json_t *io_encode (const char *stream, const char *rank, const void *data, size_t len,
                   bool eof)
{
    struct buf b = BUF_INIT;
    json_t *o = NULL;

    io_append (&b, stream, rank, data, len, eof);
    if (b.err)
        errno = ENOMEM;
    else
        o = json_decode_or (EPROTO, b.data, b.len, JSON_ALLOW_NUL, NULL);
    buf_fini (&b);
    return o;
}

static int decode_data (json_t *data, const char *encoding, struct io *io)
{
    const char *s = json_string_value (data);
    size_t len = json_string_length (data);

    if (!(io->data = malloc (len + 1))) {
        errno = ENOMEM;
        return -1;
    }
    if (encoding && !strcmp (encoding, "base64")) {
        ssize_t n = base64_decode (io->data, s, len);
        if (n < 0) {
            errno = EPROTO;
            return -1;
        }
        io->len = n;
    } else {
        memcpy (io->data, s, len);
        io->len = len;
    }
    io->data[io->len] = '\0';
    return 0;
}

int io_decode (const json_t *o, struct io *io)
{
    const char *encoding = NULL;
    json_t *data = NULL;
    json_t *rank = NULL;
    int eof = 0;

    memset (io, 0, sizeof (*io));
    if (json_unpack_or (EPROTO, (json_t *)o, "{s:s s:o s?o s?s s?b}", "stream",
                        &io->stream, "rank", &rank, "data", &data, "encoding",
                        &encoding, "eof", &eof)
        < 0)
        return -1;
    if (!json_is_string (rank) || (data && !json_is_string (data)) || (!data && !eof)
        || (encoding && strcmp (encoding, "base64") && strcmp (encoding, "UTF-8"))) {
        errno = EPROTO;
        return -1;
    }
    io->rank = json_string_value (rank);
    io->eof = eof;
    if (data && decode_data (data, encoding, io) < 0) {
        int saved = errno;
        free (io->data);
        memset (io, 0, sizeof (*io));
        errno = saved;
        return -1;
    }
    return 0;
}

size_t utf8_prefix (const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t n = max;
    while (n > 0 && max - n < 4 && ((unsigned char)s[n] & 0xc0) == 0x80)
        n--;
    if (n == 0 || ((unsigned char)s[n] & 0xc0) == 0x80)
        return max;
    return n;
}
