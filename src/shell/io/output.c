/* Output of tasks: entries of guest.output (RFC 24), or files.
 *
 * A file that all tasks share is written by the leader; the other shells send
 * it what their tasks print. Templates with {{node.*}} or {{task.*}} name a
 * file for each node or task, which its own shell writes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/file.h"
#include "base/json/jsonout.h"
#include "core/subprocess/io.h"
#include "shell/plug.h"
#include "shell/shell.h"

#define READ_SIZE 65536
#define LINE_LIMIT (1024 * 1024)

enum output_kind { OUTPUT_KVS, OUTPUT_FILE, OUTPUT_LEADER, OUTPUT_NULL };

/* Where one stream, of all tasks or of one, goes. */
struct output {
    enum output_kind kind;
    const char *name; /* "stdout" */
    int fd;
    bool label;
    bool unbuffered;
    bool shared_fd;      /* stderr into the file of stdout */
    bool failed;         /* what comes goes nowhere */
    struct output *each; /* per task; NULL: this one serves all */
};

static const char *const names[] = { "stdout", "stderr" };

static void send_entry_io (struct shell *sh, const char *name, const char *rank,
                           const char *data, size_t len, bool eof)
{
    struct buf *b = &sh->scratch;
    buf_reset (b);
    shell_entry (b, "data");
    io_append (b, name, rank, data, len, eof);
    buf_addc (b, '}');
    shell_send (sh, 'o', b);
}

void shell_output_header (struct shell *sh)
{
    struct buf b = BUF_INIT;
    shell_entry (&b, "header");
    buf_printf (
        &b,
        "{\"version\":1,\"encoding\":{\"stdout\":\"UTF-8\",\"stderr\":\"UTF-8\"},"
        "\"count\":{\"stdout\":%d,\"stderr\":%d},\"options\":{}}}",
        sh->ntasks, sh->ntasks);
    shell_send (sh, 'o', &b);
    buf_fini (&b);
}

static void send_redirect (struct shell *sh, const char *name, struct task *task,
                           const char *path)
{
    struct buf b = BUF_INIT;
    char ranks[32];

    if (task)
        snprintf (ranks, sizeof (ranks), "%d", task->rank);
    else if (sh->ntasks > 1)
        snprintf (ranks, sizeof (ranks), "[0-%d]", sh->ntasks - 1);
    else
        snprintf (ranks, sizeof (ranks), "0");
    shell_entry (&b, "redirect");
    buf_printf (&b, "{\"stream\":\"%s\",\"rank\":\"%s\",\"path\":", name, ranks);
    json_add_string (&b, path, strlen (path));
    buf_adds (&b, "}}");
    shell_send (sh, 'o', &b);
    buf_fini (&b);
}

/* The tasks go on, but a job whose output is not there has not succeeded. */
static void not_written (struct shell *sh, struct output *o)
{
    shell_log (sh, SHELL_ERROR, "writing %s: %s", o->name, strerror (errno));
    shell_set_rc (sh, 1);
    o->failed = true; /* and stays open: the other stream may have it, too */
}

static void write_file (struct shell *sh, struct output *o, const char *data,
                        size_t len)
{
    if (len > 0 && o->fd >= 0 && !o->failed && fd_write_all (o->fd, data, len) < 0)
        not_written (sh, o);
}

/* Some file systems only say here that there was no room. */
static void close_file (struct shell *sh, struct output *o)
{
    if (o->fd >= 0 && !o->shared_fd && close (o->fd) < 0 && !o->failed)
        not_written (sh, o);
    o->fd = -1;
    for (int i = 0; o->each && i < sh->task_count; i++)
        close_file (sh, &o->each[i]);
}

static void write_labelled (struct shell *sh, struct output *o, const char *rank,
                            const char *data, size_t len)
{
    struct buf b = BUF_INIT;
    while (len > 0) {
        const char *nl = memchr (data, '\n', len);
        size_t n = nl ? (size_t)(nl + 1 - data) : len;
        buf_printf (&b, "%s: ", rank);
        buf_add (&b, data, n);
        data += n;
        len -= n;
    }
    if (!b.err)
        write_file (sh, o, b.data ? b.data : "", b.len);
    buf_fini (&b);
}

/* Keeps guest.output below output.limit. */
static size_t take_quota (struct shell *sh, const char *name, size_t len)
{
    int i = name[3] == 'e';
    size_t left = sh->output_limit - sh->output_total[i];
    size_t kept = len < left ? len : left, n = sh->output_limit, unit = 0;

    if (len > left && sh->output_lost[i] == 0) {
        for (; n >= 1024 && n % 1024 == 0 && unit < 3; unit++)
            n /= 1024;
        shell_log (sh, SHELL_WARN,
                   "output.kvs: %s will be truncated, %zu%.1s limit exceeded", name, n,
                   &"\0KMG"[unit]);
    }
    sh->output_total[i] += kept;
    sh->output_lost[i] += len - kept;
    return kept;
}

static void tell_lost (struct shell *sh)
{
    static const char *const names[] = { "stdout", "stderr" };

    for (int i = 0; i < 2; i++) {
        if (sh->output_lost[i] > 0)
            shell_log (sh, SHELL_WARN, "output.kvs: %s: %zu of %zu bytes truncated",
                       names[i], sh->output_lost[i],
                       sh->output_total[i] + sh->output_lost[i]);
    }
}

/* The leader drops what it has had, should it be sent again. */
static void send_to_leader (struct shell *sh, const char *stream, const char *rank,
                            const char *data, size_t len)
{
    struct buf *b = &sh->scratch;

    buf_reset (b);
    buf_printf (b, "%d %" PRIu64 " ", sh->rank, sh->w_sent++);
    if (stream)
        io_append (b, stream, rank, data, len, false);
    else
        buf_adds (b, "\"eof\"");
    shell_send (sh, 'w', b);
}

static void emit (struct shell *sh, struct output *o, const char *rank,
                  const char *data, size_t len, bool eof)
{
    switch (o->kind) {
    case OUTPUT_KVS:
        len = take_quota (sh, o->name, len);
        if (len > 0 || eof)
            send_entry_io (sh, o->name, rank, data, len, eof);
        break;
    case OUTPUT_FILE:
        if (o->label)
            write_labelled (sh, o, rank, data, len);
        else
            write_file (sh, o, data, len);
        break;
    case OUTPUT_LEADER:
        if (len > 0)
            send_to_leader (sh, o->name, rank, data, len);
        break;
    case OUTPUT_NULL:
        break;
    }
}

static struct output *output_of (struct shell *sh, struct task *t, int stream)
{
    static struct output seen = { .name = "stdout", .fd = -1, .unbuffered = true };
    struct output *o = sh->outputs[stream - 1];

    if (t->pty
        && !sh->pty_capture) /* whatever becomes of stdout, he who types sees it */
        return &seen;
    return o->each ? &o->each[t->localid] : o;
}

/* What may go now: whole lines, or everything. Never half a character. */
static size_t ready_len (const struct output *o, const struct buf *b, bool pty)
{
    if (pty || o->unbuffered || b->len >= LINE_LIMIT)
        return utf8_prefix (b->data, b->len, READ_SIZE * 4);
    char *nl = b->len > 0 ? memrchr (b->data, '\n', b->len) : NULL;
    return nl ? (size_t)(nl + 1 - b->data) : 0;
}

static void stream_data (struct shell *sh, struct stream *st, struct output *o)
{
    size_t len = ready_len (o, &st->buf, st->src.task->pty);
    if (len > 0) {
        emit (sh, o, st->src.task->rank_str, st->buf.data, len, false);
        buf_consume (&st->buf, len);
    }
}

/* What is on its way to job-exec has a bound: until there is credit, the tasks wait
 * at their full pipes. */
static void set_paused (struct shell *sh, bool paused)
{
    if (sh->output_paused == paused)
        return;
    sh->output_paused = paused;
    for (int i = 0; i < sh->task_count * 2; i++) {
        struct source *src = &sh->tasks[i / 2].streams[i % 2].src;
        if (src->fd < 0)
            continue;
        src->events = paused ? 0 : EPOLLIN;
        if (paused)
            epoll_ctl (sh->epoll_fd, EPOLL_CTL_DEL, src->fd, NULL);
        else
            shell_watch (sh, src);
    }
}

void shell_output_credit (struct shell *sh, const char *text)
{
    if (credit_out_add (&sh->credit, strtoll (text, NULL, 10), sh->output_window))
        set_paused (sh, false);
}

void shell_output_tell_peers (struct shell *sh)
{
    struct buf b = BUF_INIT;

    if (sh->peer_written == 0)
        return;
    buf_printf (&b, "%zu", sh->peer_written);
    sh->peer_written = 0;
    shell_send (sh, 'a', &b);
    buf_fini (&b);
}

static void stream_end (struct shell *sh, struct stream *st, struct output *o)
{
    struct task *t = st->src.task;

    if (st->buf.len > 0)
        emit (sh, o, t->rank_str, st->buf.data, st->buf.len, false);
    buf_reset (&st->buf);
    if (o->kind == OUTPUT_KVS)
        emit (sh, o, t->rank_str, NULL, 0, true);
    if (t->pty && sh->outputs[1]->kind == OUTPUT_KVS) /* nothing was its stderr */
        emit (sh, sh->outputs[1], t->rank_str, NULL, 0, true);
    if (--sh->streams_open == 0)
        tell_lost (sh);
    shell_unwatch (sh, &st->src);
}

void shell_output_ready (struct shell *sh, struct source *src, int revents)
{
    static char tmp[READ_SIZE];
    struct stream *st = &src->task->streams[src->stream - 1];
    struct output *o = output_of (sh, src->task, src->stream);

    if (sh->output_paused && !sh->broken) /* an event of the same turn */
        return;
    ssize_t n = read (src->fd, tmp, sizeof (tmp));
    if (n < 0 && (errno == EAGAIN || errno == EINTR || shell_pty_gap (sh, src->task)))
        return;
    if (shell_plug)
        shell_plug->output (sh, src->task, src->stream, tmp, n > 0 ? n : 0);
    if (n > 0 && buf_add (&st->buf, tmp, n) == 0)
        stream_data (sh, st, o);
    else {
        if (n > 0)
            shell_fatal (sh, 1, "out of memory for output of task %d", src->task->rank);
        stream_end (sh, st, o);
    }
    if (!credit_out_open (&sh->credit) && !sh->broken)
        set_paused (sh, true);
}

/* What it has not had before. A shell that has gone says no more. */
static bool is_new (struct shell *sh, const char **text, bool eof)
{
    char *end, *after;
    long from = strtol (*text, &end, 10);
    uint64_t number = strtoull (end, &after, 10), *next;

    if (!sh->peer_next || from < 0 || from >= sh->size)
        return false;
    next = &sh->peer_next[from];
    if (strncmp (end, " - ", 3) == 0) {
        number = *next;
        after = end + 2;
    }
    if (*next == UINT64_MAX || number < *next)
        return false;
    if (number > *next) {
        shell_log (sh, SHELL_ERROR, "output of shell %ld for a file is missing", from);
        shell_set_rc (sh, 1);
    }
    *next = eof ? UINT64_MAX : number + 1;
    *text = after;
    return true;
}

static void write_io (struct shell *sh, const char *text, size_t len)
{
    json_t *o = json_loadb (text, len, JSON_ALLOW_NUL, NULL);
    struct io io;

    if (o && io_decode (o, &io) == 0) {
        struct output *out = sh->outputs[strcmp (io.stream, "stderr") == 0];
        if (out && out->kind == OUTPUT_FILE)
            emit (sh, out, io.rank, io.data, io.len, false);
        free (io.data);
    }
    json_decref (o);
}

void shell_output_peer (struct shell *sh, const char *text, size_t len)
{
    const char *end = text + len;
    bool eof = frame_is_eof (text, len);

    sh->peer_written += len;
    if (!is_new (sh, &text, eof))
        return;
    if (!eof)
        write_io (sh, text, end - text);
    else if (sh->peers_writing > 0)
        sh->peers_writing--;
}

void shell_output_finish (struct shell *sh)
{
    for (int i = 0; i < 2; i++) {
        if (sh->outputs[i])
            close_file (sh, sh->outputs[i]);
    }
    if (!((sh->outputs[0] && sh->outputs[0]->kind == OUTPUT_LEADER)
          || (sh->outputs[1] && sh->outputs[1]->kind == OUTPUT_LEADER)))
        return;
    send_to_leader (sh, NULL, NULL, NULL, 0);
}

/* The options of a stream; stderr inherits the file of stdout, not how it waits. */
struct stream_options {
    const char *path; /* NULL: KVS */
    bool label;
    bool unbuffered;
};

static bool is_true (json_t *o)
{
    return json_is_true (o) || json_integer_value (o) != 0;
}

static int parse_options (struct shell *sh, int i, struct stream_options *opts)
{
    char name[32];
    json_t *o;
    const char *type;
    const char *buffer;

    snprintf (name, sizeof (name), "output.%s", names[i]);
    if (!(o = shell_option (sh, name)))
        return 0;
    type = json_string_value (json_object_get (o, "type"));
    if (json_object_get (o, "label"))
        opts->label = is_true (json_object_get (o, "label"));
    buffer =
        json_string_value (json_object_get (json_object_get (o, "buffer"), "type"));
    if (buffer)
        opts->unbuffered = !strcmp (buffer, "none");
    if (type && !strcmp (type, "file")) {
        opts->path = json_string_value (json_object_get (o, "path"));
        if (!opts->path) {
            shell_fatal (sh, 1, "%s: type file needs a path", name);
            return -1;
        }
    } else if (type && (!strcmp (type, "kvs") || !strcmp (type, "term")))
        opts->path = NULL;
    else if (type && !strcmp (type, "none"))
        opts->path = "none";
    else if (type) {
        shell_fatal (sh, 1, "%s: unknown type '%s'", name, type);
        return -1;
    }
    return 0;
}

static int open_file (struct shell *sh, struct output *o, const char *path)
{
    const char *mode = json_string_value (shell_option (sh, "output.mode"));
    int flags = mode && !strcmp (mode, "append") ? O_APPEND : O_TRUNC;

    o->kind = OUTPUT_FILE;
    o->fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
    if (o->fd < 0) {
        shell_fatal (sh, 1, "error opening output file '%s': %s", path,
                     strerror (errno));
        return -1;
    }
    return 0;
}

static int open_rendered (struct shell *sh, struct output *o, struct task *task,
                          const char *template)
{
    char *path = shell_render (sh, task, template);
    int rc = path ? open_file (sh, o, path) : -1;
    if (rc == 0)
        send_redirect (sh, o->name, task, path);
    free (path);
    return rc;
}

static int open_each (struct shell *sh, struct output *o, const char *template)
{
    o->kind = OUTPUT_FILE;
    if (!(o->each = calloc (sh->task_count + 1, sizeof (*o->each))))
        return -1;
    for (int i = 0; i < sh->task_count; i++) {
        o->each[i] = *o;
        o->each[i].each = NULL;
    }
    for (int i = 0; i < sh->task_count; i++) {
        if (open_rendered (sh, &o->each[i], &sh->tasks[i], template) < 0)
            return -1;
    }
    return 0;
}

/* Two streams into one file share the descriptor, and so the offset. */
static int share_file (struct shell *sh, struct output *o, const struct output *first,
                       const char *template)
{
    o->kind = first->kind;
    o->fd = first->fd;
    o->shared_fd = true;
    if (first->each) {
        if (!(o->each = calloc (sh->task_count + 1, sizeof (*o->each))))
            return -1;
        for (int i = 0; i < sh->task_count; i++) {
            o->each[i] = *o;
            o->each[i].each = NULL;
            o->each[i].fd = first->each[i].fd;
        }
    }
    for (int i = 0; o->each && i < sh->task_count; i++) {
        char *path = shell_render (sh, &sh->tasks[i], template);
        send_redirect (sh, o->name, &sh->tasks[i], path ? path : template);
        free (path);
    }
    if (!o->each && o->kind == OUTPUT_FILE) {
        char *path = shell_render (sh, NULL, template);
        send_redirect (sh, o->name, NULL, path ? path : template);
        free (path);
    }
    return 0;
}

static int open_output (struct shell *sh, int i, const struct stream_options *opts,
                        const char *other_path)
{
    struct output *o = calloc (1, sizeof (*o));

    if (!(sh->outputs[i] = o))
        return -1;
    o->name = names[i];
    o->fd = -1;
    o->label = opts->label;
    o->unbuffered = opts->unbuffered;
    if (!opts->path)
        return 0;
    if (!strcmp (opts->path, "none") || !strcmp (opts->path, "/dev/null")) {
        o->kind = OUTPUT_NULL;
        return 0;
    }
    if (other_path && !strcmp (other_path, opts->path))
        return share_file (sh, o, sh->outputs[0], opts->path);
    if (shell_template_per_task (opts->path))
        return open_each (sh, o, opts->path);
    if (shell_template_per_node (opts->path))
        return open_rendered (sh, o, NULL, opts->path);
    if (sh->rank > 0) {
        o->kind = OUTPUT_LEADER;
        return 0;
    }
    sh->peers_writing = sh->size - 1;
    if (!sh->peer_next && !(sh->peer_next = calloc (sh->size, sizeof (*sh->peer_next))))
        return -1;
    return open_rendered (sh, o, NULL, opts->path);
}

int shell_output_init (struct shell *sh)
{
    struct stream_options opts[2] = { { NULL, false, false } };

    if (option_size (shell_option (sh, "output.limit"), &sh->output_limit) < 0)
        sh->output_limit = OUTPUT_LIMIT_MAX;
    if (sh->output_limit > OUTPUT_LIMIT_MAX) /* a plugin has set it */
        sh->output_limit = OUTPUT_LIMIT_MAX;
    if (parse_options (sh, 0, &opts[0]) < 0)
        return -1;
    opts[1] = opts[0];
    opts[1].unbuffered = true; /* an error is read at once, or never */
    if (parse_options (sh, 1, &opts[1]) < 0 || open_output (sh, 0, &opts[0], NULL) < 0
        || open_output (sh, 1, &opts[1], opts[0].path) < 0)
        return -1;
    return 0;
}

static void output_destroy (struct shell *sh, struct output *o)
{
    if (!o)
        return;
    close_file (sh, o);
    free (o->each);
    free (o);
}

void shell_output_fini (struct shell *sh)
{
    output_destroy (sh, sh->outputs[1]);
    output_destroy (sh, sh->outputs[0]);
    free (sh->peer_next);
    sh->peer_next = NULL;
}
