#include "cmd/submit/attach/input.h"
#include "base/encode.h"
#include "cmd/cmd.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A chunk is answered when the tasks have taken it: so much is on its way at a
 * time, and the job reads as fast as it likes. */
#define CHUNK 65536
#define CHUNKS_MAX 6

struct attach_input {
    flux_t *h;
    flux_jobid_t id;
    const char *ranks;
    flux_watcher_t *w;
    flux_future_t *chunks[CHUNKS_MAX]; /* on their way; NULL: free */
    int on_way;
    bool started;
    bool done;
    size_t carry_len; /* of a character that the last chunk cut in two */
    char carry[4];
    struct escape escape;
    void (*escaped) (enum escape_action action, void *arg); /* NULL: not raw */
    void *escaped_arg;
};

/* Bytes at the end of s that begin, but do not end, a UTF-8 character. */
static size_t incomplete (const char *s, size_t len)
{
    for (size_t n = 1; n <= 3 && n <= len; n++) {
        unsigned char c = s[len - n];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return need > n ? n : 0;
    }
    return 0;
}

/* As text, or shorter in base64? */
static bool is_text (const char *data, size_t len)
{
    size_t escapes = 0;

    for (size_t i = 0; i < len; i++)
        escapes += (unsigned char)data[i] < 0x20 && data[i] != '\n' && data[i] != '\t';
    return escapes < len / 16 + 1 && utf8_valid (data, len);
}

static json_t *encode (struct attach_input *in, const char *data, size_t len, bool eof)
{
    /* the end is for all: who gets no input must not wait for it either */
    json_t *io =
        json_pack ("{s:s s:s}", "stream", "stdin", "rank", eof ? "all" : in->ranks);

    if (len > 0 && is_text (data, len)) {
        json_object_set_new (io, "data", json_stringn (data, len));
    } else if (len > 0) {
        char *s = malloc (base64_encoded_size (len));
        base64_encode (s, data, len);
        json_object_set_new (io, "encoding", json_string ("base64"));
        json_object_set_new (io, "data", json_string (s));
        free (s);
    }
    if (eof)
        json_object_set_new (io, "eof", json_true ());
    return io;
}

static void sent (flux_future_t *f, void *arg)
{
    struct attach_input *in = arg;

    for (int i = 0; i < CHUNKS_MAX; i++) {
        if (in->chunks[i] == f)
            in->chunks[i] = NULL;
    }
    in->on_way--;
    /* a job that takes no input, or is over, is no reason to complain */
    if (flux_future_get (f, NULL) < 0)
        in->done = true;
    flux_future_destroy (f);
    if (!in->done)
        flux_watcher_start (in->w);
    else
        flux_watcher_stop (in->w);
}

static void send_chunk (struct attach_input *in, const char *data, size_t len, bool eof)
{
    int i = 0;

    while (in->chunks[i])
        i++;
    in->chunks[i] =
        flux_rpc_pack (in->h, "job-exec.stdin", 0, 0, "{s:I s:o}", "id",
                       (json_int_t)in->id, "io", encode (in, data, len, eof));
    if (eof)
        in->done = true;
    if (!in->chunks[i] || flux_future_then (in->chunks[i], -1., sent, in) < 0) {
        cmd_warn ("standard input: %s", flux_strerror (errno));
        flux_future_destroy (in->chunks[i]);
        in->chunks[i] = NULL;
        in->done = true;
        return;
    }
    in->on_way++;
}

/* What is typed, up to each escape. */
static void send_typed (struct attach_input *in, const char *data, size_t len)
{
    char out[CHUNK + 8];

    while (len > 0 && !in->done) {
        enum escape_action action;
        size_t taken, n = escape_filter (&in->escape, data, len, out, &taken, &action);

        data += taken;
        len -= taken;
        if (n > 0 && in->on_way < CHUNKS_MAX)
            send_chunk (in, out, n, false);
        if (action != ESCAPE_NONE)
            in->escaped (action, in->escaped_arg);
    }
}

static void readable (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct attach_input *in = arg;
    static char buf[CHUNK + 4];
    ssize_t n;
    size_t len;

    memcpy (buf, in->carry, in->carry_len);
    n = read (STDIN_FILENO, buf + in->carry_len, CHUNK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) { /* EIO: in the background of a terminal */
        in->done = true;
        flux_watcher_stop (w);
        return;
    }
    len = in->carry_len + n;
    in->carry_len = 0;
    if (n > 0) {
        in->carry_len = incomplete (buf, len);
        len -= in->carry_len;
        memcpy (in->carry, buf + len, in->carry_len);
        if (len == 0)
            return;
    }
    if (in->escaped && n > 0)
        send_typed (in, buf, len);
    else
        send_chunk (in, buf, len, n == 0);
    if (in->done || in->on_way == CHUNKS_MAX)
        flux_watcher_stop (w);
}

struct attach_input *attach_input_create (flux_t *h, flux_jobid_t id, const char *ranks)
{
    struct attach_input *in;

    if (fcntl (STDIN_FILENO, F_GETFD) < 0)
        return NULL;
    if (!(in = calloc (1, sizeof (*in))))
        return NULL;
    in->h = h;
    in->id = id;
    in->ranks = ranks ? ranks : "all";
    in->w = flux_fd_watcher_create (flux_get_reactor (h), STDIN_FILENO, FLUX_POLLIN,
                                    readable, in);
    signal (SIGTTIN, SIG_IGN);
    return in;
}

void attach_input_start (struct attach_input *in)
{
    if (!in || in->started)
        return;
    in->started = true;
    flux_watcher_start (in->w);
}

void attach_input_raw (struct attach_input *in,
                       void (*fn) (enum escape_action action, void *arg), void *arg)
{
    if (!in)
        return;
    in->escaped = fn;
    in->escaped_arg = arg;
    in->ranks = "0";
}

void attach_input_destroy (struct attach_input *in)
{
    if (!in)
        return;
    flux_watcher_destroy (in->w);
    for (int i = 0; i < CHUNKS_MAX; i++)
        flux_future_destroy (in->chunks[i]);
    free (in);
}
