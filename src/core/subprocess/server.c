/* Happy path: exec -> started -> output... -> finished -> (all output sent)
 * -> ENODATA. Failures:
 * - the program does not start: error response with its errno;
 * - the way to it leads over a file system that does not answer: it alone waits;
 * - the client disconnects: the process group gets SIGKILL, nothing is sent;
 * - input beyond the bound: the process is killed, the stream ends in ENOSPC;
 * - a client that does not read: it grants no credit, and the process waits at its
 *   full pipe;
 * - nobody waits for a waitable process: a bounded number of them is kept. */
#include "core/subprocess/server.h"

#include <flux/core.h>

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hashmap.h"
#include "base/json/jsonout.h"
#include "base/list.h"
#include "core/subprocess/command.h"
#include "core/subprocess/io.h"
#include "core/subprocess/process.h"

#define INPUT_LIMIT (4 * 1024 * 1024) /* without credits */
#define CREDIT_LIMIT (64 * 1024)      /* with them */
#define ZOMBIE_LIMIT 1024
#define PROCESS_LIMIT 65536
#define RETAINED_LIMIT (64 * 1024) /* output of a process in the background */
#define RETAINED_TOTAL_LIMIT (16 * 1024 * 1024) /* and of all of them */
/* The end of an output mostly comes right before that of the process: they go together, and
 * wake whoever is on their way once. */
#define ENDS_HELD_SECONDS 0.001

struct flux_subprocess_server {
    flux_t *h;
    char *service;
    char *local_uri;
    uint32_t rank;
    char rank_str[16];
    flux_msg_handler_t **handlers;
    struct list procs;
    struct hashmap *streams; /* "SENDER:MATCHTAG" -> struct proc */
    struct idmap *pids;
    int count;
    int zombies;
    size_t retained;   /* bytes of output in all */
    struct list ended; /* procs that have ends to tell */
    flux_watcher_t *ended_w;
};

/* Output of a process in the background, while nobody has attached to it. */
struct retained {
    struct list node;
    int stream; /* its flag */
    size_t len;
    struct buf io; /* RFC 24 data */
};

struct proc {
    struct list node;
    flux_subprocess_server_t *s;
    flux_subprocess_t *p;
    const flux_msg_t *request; /* the exec request */
    const flux_msg_t *waiter;
    char *key; /* in streams, if attached */
    int flags;
    int streams;       /* of flags: what is sent */
    int ends;          /* likewise: whose end is still to be told */
    struct list ended; /* node of s->ended, if there are any */
    struct list retained;
    size_t retained_len;
    bool background; /* it outlives its client */
    bool attached;
    bool zombie;
    bool started; /* and it has been told */
};

static void forget_output (struct proc *pr)
{
    list_foreach (&pr->retained, it) {
        struct retained *r = container_of (it, struct retained, node);
        list_remove (&r->node);
        buf_fini (&r->io);
        free (r);
    }
    pr->s->retained -= pr->retained_len;
    pr->retained_len = 0;
}

static void forget_ends (struct proc *pr)
{
    if (!pr->ends)
        return;
    pr->ends = 0;
    list_remove (&pr->ended);
    if (list_empty (&pr->s->ended))
        flux_watcher_stop (pr->s->ended_w);
}

static void proc_destroy (struct proc *pr)
{
    flux_subprocess_server_t *s = pr->s;

    forget_output (pr);
    forget_ends (pr);
    list_remove (&pr->node);
    s->count--;
    if (pr->zombie)
        s->zombies--;
    if (pr->key && hashmap_lookup (s->streams, pr->key) == pr)
        hashmap_remove (s->streams, pr->key);
    if (pr->p) {
        pid_t pid = flux_subprocess_pid (pr->p);
        if (idmap_lookup (s->pids, pid) == pr)
            idmap_remove (s->pids, pid);
        flux_subprocess_aux_set (pr->p, "proc", NULL, NULL);
        flux_subprocess_destroy (pr->p);
    }
    flux_msg_decref (pr->request);
    flux_msg_decref (pr->waiter);
    free (pr->key);
    free (pr);
}

static void proc_signal (struct proc *pr, int signum)
{
    flux_future_destroy (flux_subprocess_kill (pr->p, signum));
}

static int respond_text (struct proc *pr, struct buf *b)
{
    if (b->err)
        errno = ENOMEM;
    else if (flux_respond (pr->s->h, pr->request, b->data) == 0)
        return 0;
    flux_log_error (pr->s->h, "%s: error responding to exec", pr->s->service);
    return -1;
}

static int send_io (struct proc *pr, const struct buf *io)
{
    struct buf b = BUF_INIT;

    buf_printf (&b, "{\"type\":\"output\",\"pid\":%d,\"io\":",
                (int)flux_subprocess_pid (pr->p));
    buf_add (&b, io->data, io->len);
    buf_addc (&b, '}');
    if (io->err)
        b.err = io->err;
    int rc = respond_text (pr, &b);
    buf_fini (&b);
    return rc;
}

static int send_output (struct proc *pr, const char *stream, const char *data,
                        size_t len, bool eof)
{
    struct buf io = BUF_INIT;

    io_append (&io, stream, pr->s->rank_str, data, len, eof);
    int rc = send_io (pr, &io);
    buf_fini (&io);
    return rc;
}

static int stream_flag (const char *stream)
{
    return !strcmp (stream, "stdout")   ? SUBPROCESS_EXEC_STDOUT
           : !strcmp (stream, "stderr") ? SUBPROCESS_EXEC_STDERR
                                        : SUBPROCESS_EXEC_CHANNEL;
}

/* For who attaches, or waits for it: the first of it, if there is too much. */
static void retain (struct proc *pr, const char *stream, const char *data, size_t len)
{
    flux_subprocess_server_t *s = pr->s;
    size_t room = RETAINED_LIMIT - pr->retained_len;
    struct retained *r;

    if (room > RETAINED_TOTAL_LIMIT - s->retained)
        room = RETAINED_TOTAL_LIMIT - s->retained;
    if (len > room)
        len = room;
    if (len == 0 || !(r = calloc (1, sizeof (*r))))
        return;
    list_init (&r->node);
    r->stream = stream_flag (stream);
    r->len = len;
    io_append (&r->io, stream, s->rank_str, data, len, false);
    if (r->io.err) {
        buf_fini (&r->io);
        free (r);
        return;
    }
    list_append (&pr->retained, &r->node);
    pr->retained_len += len;
    s->retained += len;
}

/* Nobody waits for its output any more: it must not wait either. */
static void detach (struct proc *pr)
{
    pr->attached = false;
    forget_ends (pr);
    if (pr->key && hashmap_lookup (pr->s->streams, pr->key) == pr)
        hashmap_remove (pr->s->streams, pr->key);
    free (pr->key);
    pr->key = NULL;
    if (!pr->background)
        pr->flags &= ~SUBPROCESS_EXEC_WAITABLE;
    flux_subprocess_t *p = pr->p; /* reading on may end it */
    flux_subprocess_incref (p);
    list_foreach (&p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        c->paced = false;
        if (c->output_cb)
            flux_subprocess_stream_start (p, c->name);
    }
    flux_subprocess_decref (p);
}

/* What it reads or writes has a hole: it ends, and its client hears why. It may be gone
 * with this. */
static void give_up (struct proc *pr, int errnum, const char *text)
{
    proc_signal (pr, SIGKILL);
    if (flux_respond_error (pr->s->h, pr->request, errnum, text) < 0)
        flux_log_error (pr->s->h, "%s: error responding to exec", pr->s->service);
    detach (pr);
}

/* It may be gone with this. */
static void tell_ends (struct proc *pr)
{
    int ends = pr->ends;

    forget_ends (pr);
    if (((ends & SUBPROCESS_EXEC_STDOUT)
         && send_output (pr, "stdout", NULL, 0, true) < 0)
        || ((ends & SUBPROCESS_EXEC_STDERR)
            && send_output (pr, "stderr", NULL, 0, true) < 0))
        give_up (pr, errno, "output is lost");
}

static void ended_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_subprocess_server_t *s = arg;

    while (!list_empty (&s->ended))
        tell_ends (list_first (&s->ended, struct proc, ended));
}

static void hold_end (struct proc *pr, const char *stream)
{
    flux_subprocess_server_t *s = pr->s;

    if (!pr->ends)
        list_append (&s->ended, &pr->ended);
    pr->ends |= stream_flag (stream);
    if (!flux_watcher_is_active (s->ended_w)) {
        flux_timer_watcher_reset (s->ended_w, ENDS_HELD_SECONDS, 0.);
        flux_watcher_start (s->ended_w);
    }
}

static void output_cb (flux_subprocess_t *p, const char *stream)
{
    struct proc *pr = flux_subprocess_aux_get (p, "proc");
    const char *data;
    int len = flux_subprocess_read (p, stream, &data);
    bool eof = flux_subprocess_read_stream_closed (p, stream);

    if (pr && pr->background && !pr->attached && len > 0)
        retain (pr, stream, data, len);
    if (!pr || !pr->attached || len < 0 || !(pr->streams & stream_flag (stream)))
        return;
    bool hold = len == 0 && eof && !p->reaped && !p->output_lost
                && stream_flag (stream) != SUBPROCESS_EXEC_CHANNEL;
    if (hold)
        hold_end (pr, stream);
    else if (p->output_lost
             || ((len > 0 || eof) && send_output (pr, stream, data, len, eof) < 0)) {
        give_up (pr, p->output_lost ? ENOMEM : errno, "output is lost");
        return;
    }
    struct channel *c = channel_find (p, stream);
    /* data and EOF went together: there is no second call to wait for */
    if (eof)
        c->eof_told = true;
    if (c->paced) {
        credit_out_spend (&c->may_send, len);
        if (!credit_out_open (&c->may_send) && !eof)
            flux_subprocess_stream_stop (p, stream);
    }
}

static void credit_cb (flux_subprocess_t *p, const char *stream, int bytes)
{
    struct proc *pr = flux_subprocess_aux_get (p, "proc");
    struct channel *c = channel_find (p, stream);
    struct buf b = BUF_INIT;

    if (!pr || !pr->attached || !(pr->flags & SUBPROCESS_EXEC_WRITE_CREDIT))
        return;
    /* few messages: a client has three quarters of its credit meanwhile */
    c->unsent_credit += bytes;
    if ((size_t)c->unsent_credit < c->limit / 4)
        return;
    bytes = c->unsent_credit;
    c->unsent_credit = 0;
    buf_adds (&b, "{\"type\":\"add-credit\",\"channels\":{");
    json_add_string (&b, stream, strlen (stream));
    buf_printf (&b, ":%d}}", bytes);
    respond_text (pr, &b);
    buf_fini (&b);
}

/* Nobody is there who could write: a reader must not wait for that. */
static void close_inputs (flux_subprocess_t *p)
{
    list_foreach (&p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        if (c->writable)
            flux_subprocess_close (p, c->name);
    }
}

static void start_failed (struct proc *pr, int errnum)
{
    flux_error_t error;

    snprintf (error.text, sizeof (error.text), "error launching process: %s",
              strerror (errnum));
    if (flux_respond_error (pr->s->h, pr->request, errnum, error.text) < 0)
        flux_log_error (pr->s->h, "%s: error responding to exec", pr->s->service);
    if (pr->waiter)
        flux_respond_error (pr->s->h, pr->waiter, errnum, error.text);
    proc_destroy (pr);
}

static void started (struct proc *pr)
{
    flux_subprocess_server_t *s = pr->s;
    int pid = flux_subprocess_pid (pr->p);

    if (idmap_insert (s->pids, pid, pr) < 0) {
        start_failed (pr, errno);
        return;
    }
    pr->started = true;
    if ((pr->attached || pr->background)
        && flux_respond_pack (s->h, pr->request, "{s:s s:i}", "type", "started", "pid",
                              pid)
               < 0)
        flux_log_error (s->h, "%s: error responding to exec", s->service);
    if (pr->background)
        close_inputs (pr->p);
}

static void state_cb (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    struct proc *pr = flux_subprocess_aux_get (p, "proc");
    struct buf b = BUF_INIT;

    if (!pr)
        return;
    if (!pr->started) {
        if (state == FLUX_SUBPROCESS_FAILED)
            start_failed (pr, flux_subprocess_fail_errno (p));
        else
            started (pr);
        return;
    }
    if (state == FLUX_SUBPROCESS_EXITED) {
        tell_ends (pr);
        pr = flux_subprocess_aux_get (p, "proc");
    }
    if (!pr || !pr->attached)
        return;
    if (state == FLUX_SUBPROCESS_EXITED)
        buf_printf (&b, "{\"type\":\"finished\",\"status\":%d}",
                    flux_subprocess_status (p));
    else if (state == FLUX_SUBPROCESS_STOPPED)
        buf_adds (&b, "{\"type\":\"stopped\"}");
    else
        return;
    respond_text (pr, &b);
    buf_fini (&b);
}

static void respond_wait (struct proc *pr)
{
    struct buf b = BUF_INIT;
    char sep = '[';

    buf_printf (&b, "{\"status\":%d", flux_subprocess_status (pr->p));
    if (!list_empty (&pr->retained)) {
        buf_adds (&b, ",\"output\":");
        list_foreach (&pr->retained, it) {
            struct retained *r = container_of (it, struct retained, node);
            buf_addc (&b, sep);
            buf_add (&b, r->io.data, r->io.len);
            sep = ',';
        }
        buf_addc (&b, ']');
    }
    buf_addc (&b, '}');
    if (b.err || flux_respond (pr->s->h, pr->waiter, b.data) < 0)
        flux_log_error (pr->s->h, "%s: error responding to wait", pr->s->service);
    buf_fini (&b);
}

static void completion_cb (flux_subprocess_t *p)
{
    struct proc *pr = flux_subprocess_aux_get (p, "proc");

    if (!pr)
        return;
    if (pr->attached)
        flux_respond_error (pr->s->h, pr->request, ENODATA, NULL);
    if (pr->waiter)
        respond_wait (pr);
    else if (!(pr->attached && pr->background) /* its client has waited for it */
             && (pr->flags & SUBPROCESS_EXEC_WAITABLE)
             && pr->s->zombies < ZOMBIE_LIMIT) {
        pr->zombie = true;
        pr->s->zombies++;
        return;
    }
    proc_destroy (pr);
}

static char *stream_key (const flux_msg_t *msg, uint32_t matchtag)
{
    const char *sender = flux_msg_route_first (msg);
    char *key;
    return asprintf (&key, "%s:%u", sender ? sender : "", matchtag) < 0 ? NULL : key;
}

static bool label_taken (flux_subprocess_server_t *s, const char *label)
{
    list_foreach (&s->procs, it) {
        struct proc *pr = container_of (it, struct proc, node);
        const char *l = flux_cmd_get_label (flux_subprocess_get_cmd (pr->p));
        if (l && !strcmp (l, label))
            return true;
    }
    return false;
}

static void pace (struct proc *pr)
{
    list_foreach (&pr->p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        c->paced = c->output_cb && (pr->streams & SUBPROCESS_EXEC_OUTPUT_CREDIT);
        credit_out_init (&c->may_send, SUBPROCESS_OUTPUT_WINDOW);
    }
}

static int start (struct proc *pr, flux_cmd_t *cmd, int local_flags)
{
    flux_subprocess_server_t *s = pr->s;
    flux_subprocess_ops_t ops = {
        .on_completion = completion_cb,
        .on_state_change = state_cb,
        .on_credit = credit_cb,
    };
    char limit[16];

    /* in the background it is read all the same: somebody may attach */
    int streams = pr->background ? ~0 : pr->streams;
    if (streams & SUBPROCESS_EXEC_STDOUT)
        ops.on_stdout = output_cb;
    if (streams & SUBPROCESS_EXEC_STDERR)
        ops.on_stderr = output_cb;
    if (streams & SUBPROCESS_EXEC_CHANNEL)
        ops.on_channel_out = output_cb;
    bool credit = pr->flags & SUBPROCESS_EXEC_WRITE_CREDIT;
    snprintf (limit, sizeof (limit), "%d", credit ? CREDIT_LIMIT : INPUT_LIMIT);
    if ((s->local_uri && flux_cmd_setenvf (cmd, 1, "FLUX_URI", "%s", s->local_uri) < 0)
        || (!flux_cmd_getopt (cmd, "stdin_BUFSIZE")
            && flux_cmd_setopt (cmd, "stdin_BUFSIZE", limit) < 0))
        return -1;
    local_flags &= FLUX_SUBPROCESS_FLAGS_STDIO_FALLTHROUGH
                   | FLUX_SUBPROCESS_FLAGS_NO_SETPGRP | FLUX_SUBPROCESS_FLAGS_FORK_EXEC;
    local_flags |= FLUX_SUBPROCESS_FLAGS_LOCAL_UNBUF;
    pr->p = process_start_later (flux_get_reactor (s->h), local_flags, cmd, &ops);
    if (!pr->p || flux_subprocess_aux_set (pr->p, "proc", pr, NULL) < 0
        || (pr->key && hashmap_insert (s->streams, pr->key, pr) < 0))
        return -1;
    pace (pr);
    return 0;
}

static void exec_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    flux_subprocess_server_t *s = arg;
    json_t *o;
    int flags;
    int local_flags = 0;
    flux_cmd_t *cmd = NULL;
    struct proc *pr = NULL;
    const char *errstr = NULL;
    uint32_t matchtag = 0;

    if (flux_request_unpack (msg, NULL, "{s:o s:i s?i}", "cmd", &o, "flags", &flags,
                             "local_flags", &local_flags)
            < 0
        || flux_msg_get_matchtag (msg, &matchtag) < 0)
        goto error;
    if (!(cmd = cmd_decode (o))) {
        errstr = "malformed command object";
        goto error;
    }
    if (flux_cmd_argc (cmd) == 0 || !*flux_cmd_arg (cmd, 0)) {
        errno = EPROTO;
        errstr = "command is empty";
        goto error;
    }
    if (s->count >= PROCESS_LIMIT) {
        errno = EAGAIN;
        errstr = "too many processes";
        goto error;
    }
    if (flux_cmd_get_label (cmd) && label_taken (s, flux_cmd_get_label (cmd))) {
        errno = EEXIST;
        errstr = "a process with this label exists";
        goto error;
    }
    if (!(pr = calloc (1, sizeof (*pr))))
        goto error;
    pr->s = s;
    pr->flags = flags;
    pr->attached = flux_msg_is_streaming (msg);
    pr->request = flux_msg_incref (msg);
    list_init (&pr->retained);
    list_init (&pr->ended);
    list_init (&pr->node);
    list_append (&s->procs, &pr->node);
    s->count++;
    pr->background = !pr->attached;
    pr->streams = pr->attached ? flags : 0;
    if (pr->background)
        pr->flags &= SUBPROCESS_EXEC_WAITABLE;
    else if (!(pr->key = stream_key (msg, matchtag)))
        goto error;
    if (start (pr, cmd, local_flags) < 0)
        start_failed (pr, errno);
    flux_cmd_destroy (cmd);
    return;
error:;
    int errnum = errno;
    flux_cmd_destroy (cmd);
    if (pr)
        proc_destroy (pr);
    if (flux_respond_error (h, msg, errnum, errstr) < 0)
        flux_log_error (h, "%s: error responding to exec", s->service);
}

static void write_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    flux_subprocess_server_t *s = arg;
    int matchtag;
    json_t *o;
    struct io io = { 0 };
    char *key = NULL;
    struct proc *pr;

    if (flux_request_unpack (msg, NULL, "{s:i s:o}", "matchtag", &matchtag, "io", &o)
            < 0
        || !(key = stream_key (msg, matchtag))) {
        flux_log_error (h, "%s: malformed write request", s->service);
        goto done;
    }
    /* unknown: it has just ended */
    if (!(pr = hashmap_lookup (s->streams, key)))
        goto done;
    if (io_decode (o, &io) < 0) {
        give_up (pr, errno, "input is lost");
        goto done;
    }
    if (io.len > 0 && flux_subprocess_write (pr->p, io.stream, io.data, io.len) < 0
        && (errno == ENOSPC || errno == ENOMEM)) {
        give_up (pr, errno, errno == ENOSPC ? "input buffer is full" : "input is lost");
        goto done;
    }
    if (io.eof)
        flux_subprocess_close (pr->p, io.stream);
done:
    free (io.data);
    free (key);
}

static void credit_request_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    flux_subprocess_server_t *s = arg;
    int matchtag;
    json_t *channels, *value;
    const char *name;
    char *key = NULL;
    struct proc *pr;

    if (flux_request_unpack (msg, NULL, "{s:i s:o}", "matchtag", &matchtag, "channels",
                             &channels)
            < 0
        || !(key = stream_key (msg, matchtag))) {
        flux_log_error (h, "%s: malformed credit request", s->service);
        return;
    }
    pr = hashmap_lookup (s->streams, key);
    free (key);
    if (!pr || !pr->attached)
        return;                   /* it has just ended */
    flux_subprocess_t *p = pr->p; /* reading on may end it */
    flux_subprocess_incref (p);
    json_object_foreach (channels, name, value) {
        struct channel *c = channel_find (p, name);
        if (c && c->paced
            && credit_out_add (&c->may_send, json_integer_value (value),
                               SUBPROCESS_OUTPUT_WINDOW))
            flux_subprocess_stream_start (p, name);
    }
    flux_subprocess_decref (p);
}

static const char *not_found (int pid, const char *label, flux_error_t *error)
{
    if (label)
        error_text (error, "label %.60s does not belong to any subprocess", label);
    else
        error_text (error, "pid %d does not belong to any subprocess", pid);
    return error->text;
}

static struct proc *find_proc (flux_subprocess_server_t *s, int pid, const char *label)
{
    if (!label)
        return pid > 0 ? idmap_lookup (s->pids, pid) : NULL;
    list_foreach (&s->procs, it) {
        struct proc *pr = container_of (it, struct proc, node);
        const char *l = flux_cmd_get_label (flux_subprocess_get_cmd (pr->p));
        if (l && !strcmp (l, label))
            return pr;
    }
    return NULL;
}

/* What came, and which streams ended, before there was somebody to be told; and the end of
 * the process. */
static void tell_past (struct proc *pr)
{
    list_foreach (&pr->retained, it) {
        struct retained *r = container_of (it, struct retained, node);
        if (r->stream & pr->streams)
            (void)send_io (pr, &r->io);
    }
    forget_output (pr);
    list_foreach (&pr->p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        if (c->output_cb && c->eof_told && (pr->streams & stream_flag (c->name)))
            send_output (pr, c->name, NULL, 0, true);
    }
    if (flux_subprocess_state (pr->p) == FLUX_SUBPROCESS_STOPPED
        || flux_subprocess_state (pr->p) == FLUX_SUBPROCESS_EXITED)
        state_cb (pr->p, flux_subprocess_state (pr->p));
    if (pr->zombie) {
        flux_respond_error (pr->s->h, pr->request, ENODATA, NULL);
        proc_destroy (pr);
    }
}

static int attach (struct proc *pr, const flux_msg_t *msg, int flags)
{
    flux_subprocess_server_t *s = pr->s;
    uint32_t matchtag;
    char *key;

    if (flux_msg_get_matchtag (msg, &matchtag) < 0
        || !(key = stream_key (msg, matchtag)))
        return -1;
    if (hashmap_insert (s->streams, key, pr) < 0) {
        free (key);
        return -1;
    }
    flux_msg_decref (pr->request);
    pr->request = flux_msg_incref (msg);
    pr->key = key;
    pr->streams = flags;
    pr->attached = true;
    pace (pr);
    return 0;
}

static void attach_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    flux_subprocess_server_t *s = arg;
    const char *label = NULL, *errstr = NULL;
    flux_error_t error;
    struct proc *pr;
    int pid, flags;

    if (flux_request_unpack (msg, NULL, "{s:i s?s s:i}", "pid", &pid, "label", &label,
                             "flags", &flags)
        < 0)
        goto error;
    if (!flux_msg_is_streaming (msg)) {
        errno = EPROTO;
        goto error;
    }
    if (!(pr = find_proc (s, pid, label))) {
        errno = ENOENT;
        errstr = not_found (pid, label, &error);
        goto error;
    }
    if (pr->attached || !pr->background) {
        errno = EBUSY;
        errstr = pr->background ? "somebody else has attached to the process"
                                : "the process is not in the background";
        goto error;
    }
    if (!pr->started) {
        errno = EAGAIN;
        errstr = "the process has not started yet";
        goto error;
    }
    if (attach (pr, msg, flags) < 0)
        goto error;
    if (flux_respond_pack (h, msg, "{s:s s:i s:o}", "type", "attached", "pid",
                           (int)flux_subprocess_pid (pr->p), "cmd",
                           cmd_encode (flux_subprocess_get_cmd (pr->p)))
        < 0)
        flux_log_error (h, "%s: error responding to attach", s->service);
    tell_past (pr);
    return;
error:
    if (flux_respond_error (h, msg, errno, errstr) < 0)
        flux_log_error (h, "%s: error responding to attach", s->service);
}

static void kill_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    flux_subprocess_server_t *s = arg;
    int pid, signum;
    const char *label = NULL;
    struct proc *pr;
    flux_future_t *f = NULL;
    const char *errstr = NULL;
    flux_error_t error;

    if (flux_request_unpack (msg, NULL, "{s:i s:i s?s}", "pid", &pid, "signum", &signum,
                             "label", &label)
        < 0)
        goto error;
    if (!(pr = find_proc (s, pid, label)) || pr->zombie) {
        errno = ESRCH;
        errstr = not_found (pid, label, &error);
        goto error;
    }
    if (signum < 0 || signum > 64) {
        errno = EINVAL;
        goto error;
    }
    if (!(f = flux_subprocess_kill (pr->p, signum)) || flux_future_get (f, NULL) < 0)
        goto error;
    flux_future_destroy (f);
    flux_respond (h, msg, NULL);
    return;
error:
    flux_respond_error (h, msg, errno, errstr);
    flux_future_destroy (f);
}

static void wait_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    flux_subprocess_server_t *s = arg;
    int pid;
    const char *label = NULL;
    const char *errstr = NULL;
    flux_error_t error;
    struct proc *pr;

    if (flux_request_unpack (msg, NULL, "{s:i s?s}", "pid", &pid, "label", &label) < 0)
        goto error;
    if (!(pr = find_proc (s, pid, label))) {
        errno = ESRCH;
        errstr = not_found (pid, label, &error);
        goto error;
    }
    if (!(pr->flags & SUBPROCESS_EXEC_WAITABLE) || pr->waiter) {
        errno = pr->waiter ? EINVAL : ECHILD;
        errstr = pr->waiter ? "process is already being waited on"
                            : "process is not waitable";
        goto error;
    }
    pr->waiter = flux_msg_incref (msg);
    if (pr->zombie) {
        respond_wait (pr);
        proc_destroy (pr);
    }
    return;
error:
    flux_respond_error (h, msg, errno, errstr);
}

static json_t *describe (struct proc *pr)
{
    flux_cmd_t *cmd = flux_subprocess_get_cmd (pr->p);
    const char *label = flux_cmd_get_label (cmd);
    /* Not in RFC 42: the three after cmd. */
    return json_pack ("{s:i s:s s:i s:s s:o s:b s:b s:b}", "pid",
                      (int)flux_subprocess_pid (pr->p), "state", pr->zombie ? "Z" : "R",
                      "rank", (int)pr->s->rank, "label", label ? label : "", "cmd",
                      cmd_encode (cmd), "background", pr->background, "waitable",
                      !!(pr->flags & SUBPROCESS_EXEC_WAITABLE), "attached",
                      pr->attached || pr->waiter);
}

static void list_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    flux_subprocess_server_t *s = arg;
    json_t *procs = json_array ();

    list_foreach (&s->procs, it) {
        struct proc *pr = container_of (it, struct proc, node);
        if (pr->started)
            json_array_append_new (procs, describe (pr));
    }
    if (flux_respond_pack (h, msg, "{s:i s:o}", "rank", (int)s->rank, "procs", procs)
        < 0)
        flux_log_error (h, "%s: error responding to list", s->service);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    flux_subprocess_server_t *s = arg;

    list_foreach (&s->procs, it) {
        struct proc *pr = container_of (it, struct proc, node);
        if (pr->waiter && flux_disconnect_match (msg, pr->waiter)) {
            flux_msg_decref (pr->waiter);
            pr->waiter = NULL;
        }
        if (pr->attached && flux_disconnect_match (msg, pr->request)) {
            if (!pr->background)
                proc_signal (pr, SIGKILL);
            detach (pr);
        }
    }
}

static const struct flux_msg_handler_spec handler_tab[] = {
    { FLUX_MSGTYPE_REQUEST, "exec", exec_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "attach", attach_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "write", write_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "credit", credit_request_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kill", kill_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "wait", wait_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "list", list_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "disconnect", disconnect_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

flux_subprocess_server_t *subprocess_server_create (flux_t *h, const char *service,
                                                    const char *local_uri)
{
    flux_subprocess_server_t *s = calloc (1, sizeof (*s));

    if (!s)
        return NULL;
    s->h = h;
    list_init (&s->procs);
    list_init (&s->ended);
    if (!(s->ended_w =
              flux_timer_watcher_create (flux_get_reactor (h), 0., 0., ended_cb, s))
        || !(s->service = strdup (service))
        || (local_uri && !(s->local_uri = strdup (local_uri)))
        || flux_get_rank (h, &s->rank) < 0 || !(s->streams = hashmap_create (NULL))
        || !(s->pids = idmap_create (NULL))
        || flux_msg_handler_addvec_ex (h, service, handler_tab, s, &s->handlers) < 0) {
        subprocess_server_destroy (s);
        return NULL;
    }
    snprintf (s->rank_str, sizeof (s->rank_str), "%u", s->rank);
    return s;
}

void subprocess_server_destroy (flux_subprocess_server_t *s)
{
    if (!s)
        return;
    int saved = errno;
    flux_msg_handler_delvec (s->handlers);
    list_foreach (&s->procs, it) {
        struct proc *pr = container_of (it, struct proc, node);
        proc_signal (pr, SIGKILL);
        proc_destroy (pr);
    }
    flux_watcher_destroy (s->ended_w);
    hashmap_destroy (s->streams);
    idmap_destroy (s->pids);
    free (s->service);
    free (s->local_uri);
    free (s);
    errno = saved;
}
