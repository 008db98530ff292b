/* flux_subprocess_t: what the user sees of a process, local or remote. */
#include <flux/subprocess.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/subprocess/command.h"
#include "core/subprocess/launch.h"
#include "core/subprocess/msgchan.h"
#include "core/subprocess/process.h"

/* What plugins of the shell know as the process of a task is nobody's to reap or to keep. */
void reactor_leave_child (flux_watcher_t *w) __attribute__ ((weak));
void reactor_keep_child (flux_watcher_t *w) __attribute__ ((weak));

struct aux_item {
    struct list node;
    char *name;
    void *value;
    flux_free_f free_fn;
};

static void proc_channel_destroy (struct channel *c)
{
    flux_watcher_destroy (c->read_w);
    flux_watcher_destroy (c->write_w);
    if (c->fd >= 0)
        close (c->fd);
    buf_fini (&c->in);
    buf_fini (&c->out);
    buf_fini (&c->line);
    free (c->name);
    free (c);
}

struct channel *proc_channel_create (flux_subprocess_t *p, const char *name,
                                     bool writable, flux_subprocess_output_f output_cb)
{
    struct channel *c = calloc (1, sizeof (*c));
    char var[128];
    const char *value;

    if (!c || !(c->name = strdup (name))) {
        free (c);
        errno = ENOMEM;
        return NULL;
    }
    c->p = p;
    c->fd = -1;
    c->writable = writable;
    c->output_cb = output_cb;
    c->line_buffered = !(p->flags & FLUX_SUBPROCESS_FLAGS_LOCAL_UNBUF);
    c->limit = CHANNEL_LIMIT;
    snprintf (var, sizeof (var), "%s_LINE_BUFFER", name);
    if ((value = flux_cmd_getopt (p->cmd, var)) && !strcmp (value, "false"))
        c->line_buffered = false;
    snprintf (var, sizeof (var), "%s_STREAM_STOP", name);
    if ((value = flux_cmd_getopt (p->cmd, var)) && !strcmp (value, "true"))
        c->stopped = true;
    snprintf (var, sizeof (var), "%s_BUFSIZE", name);
    if ((value = flux_cmd_getopt (p->cmd, var))) {
        long n = strtol (value, NULL, 10);
        if (n > 0)
            c->limit = n;
    }
    list_append (&p->channels, &c->node);
    return c;
}

struct channel *channel_find (flux_subprocess_t *p, const char *name)
{
    list_foreach (&p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        if (!strcmp (c->name, name))
            return c;
    }
    return NULL;
}

int process_add_channels (flux_subprocess_t *p)
{
    if (!(p->flags & FLUX_SUBPROCESS_FLAGS_STDIO_FALLTHROUGH)) {
        if (!proc_channel_create (p, "stdin", true, NULL)
            || (p->ops.on_stdout
                && !proc_channel_create (p, "stdout", false, p->ops.on_stdout))
            || (p->ops.on_stderr
                && !proc_channel_create (p, "stderr", false, p->ops.on_stderr)))
            return -1;
    }
    for (int i = 0; i < cmd_channel_count (p->cmd); i++) {
        if (!proc_channel_create (p, cmd_channel (p->cmd, i), true,
                                  p->ops.on_channel_out))
            return -1;
    }
    return 0;
}

flux_subprocess_t *process_create (flux_reactor_t *r, int flags, const flux_cmd_t *cmd,
                                   const flux_subprocess_ops_t *ops)
{
    flux_subprocess_t *p;

    if (!r || !cmd || flux_cmd_argc (cmd) == 0 || !*flux_cmd_arg (cmd, 0)) {
        errno = EINVAL;
        return NULL;
    }
    if (!(p = calloc (1, sizeof (*p))))
        return NULL;
    p->refcount = 1;
    p->flags = flags;
    p->reactor = r;
    p->pid = -1;
    p->rank = -1;
    list_init (&p->channels);
    list_init (&p->msgchans);
    list_init (&p->kills);
    list_init (&p->aux);
    if (ops)
        p->ops = *ops;
    flux_reactor_incref (r);
    if (!(p->cmd = flux_cmd_copy (cmd))) {
        flux_subprocess_destroy (p);
        return NULL;
    }
    return p;
}

void flux_subprocess_incref (flux_subprocess_t *p)
{
    if (p)
        p->refcount++;
}

void flux_subprocess_decref (flux_subprocess_t *p)
{
    if (!p || --p->refcount > 0)
        return;
    int saved = errno;
    struct list *node;
    process_drop_kills (p);
    while ((node = list_pop (&p->aux))) {
        struct aux_item *item = container_of (node, struct aux_item, node);
        if (item->free_fn)
            item->free_fn (item->value);
        free (item->name);
        free (item);
    }
    if (p->launch) {
        launch_abandon (p->launch, p->cmd);
        p->cmd = NULL;
    }
    flux_future_destroy (p->f);
    if (reactor_leave_child)
        reactor_leave_child (p->child_w);
    else
        flux_watcher_destroy (p->child_w);
    flux_watcher_destroy (p->start_w);
    flux_watcher_destroy (p->fail_w);
    while (!list_empty (&p->msgchans))
        msgchan_destroy (list_first (&p->msgchans, struct msgchan, node));
    while ((node = list_pop (&p->channels)))
        proc_channel_destroy (container_of (node, struct channel, node));
    flux_cmd_destroy (p->cmd);
    flux_reactor_decref (p->reactor);
    free (p->service);
    free (p);
    errno = saved;
}

void flux_subprocess_destroy (flux_subprocess_t *p)
{
    flux_subprocess_decref (p);
}

void process_log (flux_subprocess_t *p, const char *file, int line, const char *func,
                  int level, const char *fmt, ...)
{
    int saved_errno = errno;
    va_list ap;

    if (!p->log_fn)
        return;
    va_start (ap, fmt);
    p->log_fn (p->log_data, file, line, func, "subprocess", level, fmt, ap);
    va_end (ap);
    errno = saved_errno;
}

void process_keep_group (flux_subprocess_t *p)
{
    if (!reactor_keep_child || p->flags & FLUX_SUBPROCESS_FLAGS_NO_SETPGRP)
        return;
    reactor_keep_child (p->child_w);
    p->group_kept = true;
}

void process_hold (flux_subprocess_t *p)
{
    p->refcount++;
    p->held++;
}

void process_release (flux_subprocess_t *p)
{
    p->held--;
    flux_subprocess_decref (p);
}

bool process_wanted (const flux_subprocess_t *p)
{
    return p->refcount > p->held;
}

void process_tell_state (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    if (p->ops.on_state_change && process_wanted (p))
        p->ops.on_state_change (p, state);
}

void process_set_state (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    if (p->state == state)
        return;
    p->state = state;
    process_tell_state (p, state);
}

void channel_tell_credit (struct channel *c, int bytes)
{
    flux_subprocess_t *p = c->p;

    if (p->ops.on_credit && bytes > 0 && !c->closing && process_wanted (p))
        p->ops.on_credit (p, c->name, bytes);
}

void process_check_complete (flux_subprocess_t *p)
{
    if (p->completed || !p->reaped || (p->h && !p->lost))
        return;
    list_foreach (&p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        if (c->output_cb && !c->eof_told)
            return;
    }
    p->completed = true;
    flux_watcher_destroy (p->child_w); /* its group was there till now */
    p->child_w = NULL;
    if (p->ops.on_completion && process_wanted (p))
        p->ops.on_completion (p);
}

bool channel_has_line (const struct channel *c)
{
    return c->in.len > 0
           && (!c->line_buffered || memchr (c->in.data, '\n', c->in.len)
               || c->in.len >= c->limit || c->eof);
}

void channel_notify (struct channel *c)
{
    flux_subprocess_t *p = c->p;

    if (c->stopped || !c->output_cb || !process_wanted (p))
        return;
    process_hold (p);
    while (channel_has_line (c) && !c->stopped && process_wanted (p)) {
        size_t before = c->in.len;
        c->output_cb (p, c->name);
        if (c->in.len >= before)
            break;
    }
    if (c->eof && c->in.len == 0 && !c->eof_told && c->refs == 0
        && process_wanted (p)) {
        c->eof_told = true;
        c->output_cb (p, c->name);
        process_check_complete (p);
    }
    process_release (p);
}

void flux_subprocess_channel_incref (flux_subprocess_t *p, const char *name)
{
    struct channel *c = p && name ? channel_find (p, name) : NULL;

    if (c && c->output_cb && !c->eof_told)
        c->refs++;
}

void flux_subprocess_channel_decref (flux_subprocess_t *p, const char *name)
{
    struct channel *c = p && name ? channel_find (p, name) : NULL;

    if (c && c->refs > 0 && --c->refs == 0)
        channel_notify (c);
}

int flux_subprocess_stream_start (flux_subprocess_t *p, const char *stream)
{
    struct channel *c = p && stream ? channel_find (p, stream) : NULL;
    if (!c || !c->output_cb) {
        errno = EINVAL;
        return -1;
    }
    if (c->stopped) {
        process_hold (p);
        c->stopped = false;
        process_read_start (c);
        if (c->in.len > 0 || c->eof)
            channel_notify (c);
        if (p->h)
            process_remote_credit (c);
        process_release (p);
    }
    return 0;
}

int flux_subprocess_stream_stop (flux_subprocess_t *p, const char *stream)
{
    struct channel *c = p && stream ? channel_find (p, stream) : NULL;
    if (!c || !c->output_cb) {
        errno = EINVAL;
        return -1;
    }
    c->stopped = true;
    flux_watcher_stop (c->read_w);
    return 0;
}

int flux_subprocess_write (flux_subprocess_t *p, const char *stream, const char *buf,
                           size_t len)
{
    struct channel *c = p && stream ? channel_find (p, stream) : NULL;

    if (!c || !c->writable || (!buf && len > 0)) {
        errno = EINVAL;
        return -1;
    }
    if (c->closing || c->closed || p->state == FLUX_SUBPROCESS_FAILED) {
        errno = EPIPE;
        return -1;
    }
    if (len == 0)
        return 0;
    if (p->h)
        return process_remote_write (c, buf, len, false) < 0 ? -1 : (int)len;
    /* a remote client may borrow a page before it knows its credit (RFC 42) */
    if (c->out.len + len > c->limit + 4096) {
        errno = ENOSPC;
        return -1;
    }
    if (buf_add (&c->out, buf, len) < 0)
        return -1;
    /* a broken pipe is not the writer's error: the exit status tells */
    process_hold (p);
    process_flush_input (c);
    process_release (p);
    return len;
}

int flux_subprocess_close (flux_subprocess_t *p, const char *stream)
{
    struct channel *c = p && stream ? channel_find (p, stream) : NULL;

    if (!c || !c->writable) {
        errno = EINVAL;
        return -1;
    }
    if (c->closing || c->closed)
        return 0;
    c->closing = true;
    if (p->h)
        return p->state == FLUX_SUBPROCESS_FAILED
                   ? 0
                   : process_remote_write (c, NULL, 0, true);
    return process_flush_input (c);
}

static struct channel *readable (flux_subprocess_t *p, const char *stream)
{
    struct channel *c = p ? channel_find (p, stream ? stream : "stdout") : NULL;
    if (!c || !c->output_cb) {
        errno = EINVAL;
        return NULL;
    }
    return c;
}

static int take (struct channel *c, size_t len, const char **bufp)
{
    bool was_full = c->in.len >= c->limit;

    buf_reset (&c->line);
    if (len == c->in.len) { /* all: swap instead of copying */
        struct buf tmp = c->line;
        c->line = c->in;
        c->in = tmp;
    } else {
        if (buf_add (&c->line, c->in.data, len) < 0)
            return -1;
        buf_consume (&c->in, len);
    }
    if (c->p->h)
        process_remote_credit (c);
    else if (was_full && !c->stopped)
        process_read_start (c);
    *bufp = c->line.data ? c->line.data : "";
    return len;
}

int flux_subprocess_read (flux_subprocess_t *p, const char *stream, const char **bufp)
{
    struct channel *c = readable (p, stream);
    return c ? take (c, c->in.len, bufp) : -1;
}

static int read_line (struct channel *c, bool partial, const char **bufp)
{
    char *nl = c->in.len > 0 ? memchr (c->in.data, '\n', c->in.len) : NULL;
    if (nl)
        return take (c, nl + 1 - c->in.data, bufp);
    return take (c, partial || c->in.len >= c->limit ? c->in.len : 0, bufp);
}

int flux_subprocess_read_line (flux_subprocess_t *p, const char *stream,
                               const char **bufp)
{
    struct channel *c = readable (p, stream);
    return c ? read_line (c, false, bufp) : -1;
}

int flux_subprocess_read_trimmed_line (flux_subprocess_t *p, const char *stream,
                                       const char **bufp)
{
    struct channel *c = readable (p, stream);
    int n = c ? read_line (c, false, bufp) : -1;
    if (n > 0 && c->line.data[n - 1] == '\n') {
        c->line.data[--n] = '\0';
        c->line.len = n;
    }
    return n;
}

int flux_subprocess_getline (flux_subprocess_t *p, const char *stream,
                             const char **bufp)
{
    struct channel *c = readable (p, stream);
    if (!c)
        return -1;
    if (!c->line_buffered) {
        errno = EPERM;
        return -1;
    }
    return read_line (c, c->eof, bufp);
}

bool flux_subprocess_read_stream_closed (flux_subprocess_t *p, const char *stream)
{
    struct channel *c = readable (p, stream);
    return !c || (c->eof && c->in.len == 0);
}

flux_future_t *flux_subprocess_kill (flux_subprocess_t *p, int signo)
{
    flux_future_t *f;

    if (!p || signo < 0) {
        errno = EINVAL;
        return NULL;
    }
    /* what it has started may have its output open, and keep it from being complete */
    bool orphans =
        p->state == FLUX_SUBPROCESS_EXITED && !p->completed && (p->h || p->group_kept);
    if (p->state != FLUX_SUBPROCESS_INIT && p->state != FLUX_SUBPROCESS_RUNNING
        && p->state != FLUX_SUBPROCESS_STOPPED && !orphans) {
        errno = ESRCH;
        return NULL;
    }
    if (p->h)
        return process_remote_kill (p, signo);
    if (!(f = flux_future_create (NULL, NULL)))
        return NULL;
    flux_future_set_reactor (f, p->reactor);
    pid_t target = p->flags & FLUX_SUBPROCESS_FLAGS_NO_SETPGRP ? p->pid : -p->pid;
    if (p->launch)
        launch_signal (p->launch, signo);
    if (!p->launch && kill (target, signo) < 0)
        flux_future_fulfill_error (f, errno, NULL);
    else
        flux_future_fulfill (f, NULL, NULL);
    return f;
}

flux_subprocess_state_t flux_subprocess_state (flux_subprocess_t *p)
{
    return p->state;
}

const char *flux_subprocess_state_string (flux_subprocess_state_t state)
{
    static const char *names[] = { "Init", "Running", "Exited", "Failed", "Stopped" };
    return (unsigned int)state < 5 ? names[state] : NULL;
}

bool flux_subprocess_active (flux_subprocess_t *p)
{
    return p && !p->completed
           && (p->state == FLUX_SUBPROCESS_INIT || p->state == FLUX_SUBPROCESS_RUNNING
               || p->state == FLUX_SUBPROCESS_EXITED
               || p->state == FLUX_SUBPROCESS_STOPPED);
}

int flux_subprocess_rank (flux_subprocess_t *p)
{
    if (!p || !p->h) {
        errno = EINVAL;
        return -1;
    }
    return p->rank;
}

int flux_subprocess_fail_errno (flux_subprocess_t *p)
{
    if (!p || p->state != FLUX_SUBPROCESS_FAILED) {
        errno = EINVAL;
        return -1;
    }
    return p->fail_errno;
}

const char *flux_subprocess_fail_error (flux_subprocess_t *p)
{
    if (!p || p->state != FLUX_SUBPROCESS_FAILED)
        return "internal error: failed state not set";
    return p->fail_error.text[0] ? p->fail_error.text : strerror (p->fail_errno);
}

int flux_subprocess_status (flux_subprocess_t *p)
{
    if (!p || !p->reaped) {
        errno = EINVAL;
        return -1;
    }
    return p->status;
}

int flux_subprocess_exit_code (flux_subprocess_t *p)
{
    if (!p || !p->reaped || !WIFEXITED (p->status)) {
        errno = EINVAL;
        return -1;
    }
    return WEXITSTATUS (p->status);
}

int flux_subprocess_signaled (flux_subprocess_t *p)
{
    if (!p || !p->reaped || !WIFSIGNALED (p->status)) {
        errno = EINVAL;
        return -1;
    }
    return WTERMSIG (p->status);
}

pid_t flux_subprocess_pid (flux_subprocess_t *p)
{
    return p->pid;
}

flux_cmd_t *flux_subprocess_get_cmd (flux_subprocess_t *p)
{
    return p->cmd;
}

flux_reactor_t *flux_subprocess_get_reactor (flux_subprocess_t *p)
{
    return p->reactor;
}

static struct aux_item *aux_find (flux_subprocess_t *p, const char *name)
{
    list_foreach (&p->aux, it) {
        struct aux_item *item = container_of (it, struct aux_item, node);
        if (name && item->name && !strcmp (item->name, name))
            return item;
    }
    return NULL;
}

int flux_subprocess_aux_set (flux_subprocess_t *p, const char *name, void *x,
                             flux_free_f free_fn)
{
    if (!p || (!name && !free_fn)) {
        errno = EINVAL;
        return -1;
    }
    struct aux_item *item = aux_find (p, name);
    if (item) {
        if (item->free_fn)
            item->free_fn (item->value);
    } else {
        if (!(item = calloc (1, sizeof (*item)))
            || (name && !(item->name = strdup (name)))) {
            free (item);
            errno = ENOMEM;
            return -1;
        }
        list_init (&item->node);
        list_append (&p->aux, &item->node);
    }
    item->value = x;
    item->free_fn = free_fn;
    return 0;
}

void *flux_subprocess_aux_get (flux_subprocess_t *p, const char *name)
{
    struct aux_item *item;

    if (!p || !name) {
        errno = EINVAL;
        return NULL;
    }
    if (!(item = aux_find (p, name))) {
        errno = ENOENT;
        return NULL;
    }
    return item->value;
}
