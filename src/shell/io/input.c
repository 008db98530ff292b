/* Standard input of tasks: io objects that job-exec passes on, or a file. What
 * comes is kept once for all tasks, and each takes it at its own pace; job-exec is
 * told (c) what all have taken, and holds the sender back until then. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/subprocess/io.h"
#include "shell/shell.h"

/* One io object. */
struct input {
    struct fanout_item item;
    char *data;
    size_t cost; /* of its text, as job-exec counts it */
    bool eof;
};

/* Its sender waits for this. */
static void tell_bytes (struct shell *sh, size_t bytes)
{
    struct buf b = BUF_INIT;

    buf_printf (&b, "%zu", bytes);
    shell_send (sh, 'c', &b);
    buf_fini (&b);
}

static void tell_taken (struct shell *sh)
{
    struct fanout_item *item;
    size_t cost = 0;

    while ((item = fanout_pop (&sh->input))) {
        struct input *in = container_of (item, struct input, item);
        cost += in->cost;
        free (in->data);
        free (in);
    }
    if (cost > 0)
        tell_bytes (sh, cost);
}

void shell_input_close (struct shell *sh, struct task *t)
{
    shell_unwatch (sh, &t->in);
    fanout_drop (&sh->input, t->localid);
    tell_taken (sh);
}

/* False: the pipe is full, or broken. */
static bool write_item (struct shell *sh, struct task *t, struct input *in, size_t off)
{
    /* the end is for all, its data for some */
    bool mine = in->item.len > 0 && (t->in_end != in || t->in_end_data);

    while (mine && off < in->item.len) {
        ssize_t n = write (t->in.fd, in->data + off, in->item.len - off);
        if (n >= 0) {
            off += n;
            fanout_advance (&sh->input, t->localid, n);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            shell_input_close (sh, t);
        return false;
    }
    return true;
}

static void flush_input (struct shell *sh, struct task *t)
{
    struct fanout_item *item;
    size_t off;
    int events = 0;

    while (t->in.fd >= 0 && (item = fanout_at (&sh->input, t->localid, &off))) {
        struct input *in = container_of (item, struct input, item);
        bool last = t->in_end == in;
        if (!write_item (sh, t, in, off)) {
            events = EPOLLOUT;
            break;
        }
        if (last && t->pty)
            shell_pty_end_input (t);
        if (last && !(t->pty && sh->pty_interactive)) {
            shell_input_close (sh, t);
            return;
        }
        if (last)
            t->in_end = NULL; /* somebody else may still type */
        if (fanout_at (&sh->input, t->localid, &off) == item)
            fanout_advance (&sh->input, t->localid, item->len - off);
    }
    if (t->in.fd >= 0 && events != t->in.events) {
        t->in.events = events;
        shell_watch (sh, &t->in);
    }
    tell_taken (sh);
}

void shell_input_ready (struct shell *sh, struct source *src, int revents)
{
    /* EPOLLOUT may be stale: a frame of the same turn has been written since */
    if (revents & (EPOLLERR | EPOLLHUP)) /* the task has closed it */
        shell_input_close (sh, src->task);
    else
        flush_input (sh, src->task);
}

static int open_file (struct shell *sh, struct task *t, const char *template,
                      int *child_fd)
{
    char *path = shell_render (sh, t, template);
    if (!path)
        return -1;
    if ((*child_fd = open (path, O_RDONLY | O_CLOEXEC)) < 0) {
        int saved = errno;
        shell_fatal (sh, 1, "error opening input file '%s': %s", path,
                     strerror (errno));
        errno = saved;
    }
    free (path);
    return *child_fd < 0 ? -1 : 0;
}

int shell_input_open (struct shell *sh, struct task *t, int *child_fd)
{
    json_t *o = shell_option (sh, "input.stdin");
    const char *type = json_string_value (json_object_get (o, "type"));
    const char *path = json_string_value (json_object_get (o, "path"));
    int fd[2];

    if (type && !strcmp (type, "file")) {
        if (!path) {
            shell_fatal (sh, 1, "input.stdin: type file needs a path");
            errno = EINVAL;
            return -1;
        }
        return open_file (sh, t, path, child_fd);
    }
    if (pipe2 (fd, O_CLOEXEC) < 0)
        return -1;
    fcntl (fd[1], F_SETFL, O_NONBLOCK);
    *child_fd = fd[0];
    /* not in the loop until there is something to write */
    t->in = (struct source){ .fd = fd[1], .ready = shell_input_ready, .task = t };
    return 0;
}

static void give (struct shell *sh, struct task *t, struct input *in, bool data)
{
    if (t->in.fd < 0 || t->in_end)
        return;
    t->in_seen = true;
    if (in->eof) {
        t->in_end = in;
        t->in_end_data = data;
    }
    fanout_give (&sh->input, t->localid);
}

void shell_input_frame (struct shell *sh, const char *text, size_t len)
{
    json_t *o = json_loadb (text, len, JSON_ALLOW_NUL, NULL);
    struct io io = { 0 };
    struct input *in = NULL;

    if (o && shell_pty_resize (sh, o)) {
        tell_bytes (sh, len);
        json_decref (o);
        return;
    }
    if (!(in = calloc (1, sizeof (*in))) || !sh->input.readers || !o
        || io_decode (o, &io) < 0 || fanout_add (&sh->input, &in->item, io.len) < 0) {
        shell_log (sh, SHELL_ERROR, "malformed standard input object");
        tell_bytes (sh, len);
        free (io.data);
        free (in);
        json_decref (o);
        return;
    }
    in->data = io.data;
    in->cost = len;
    in->eof = io.eof;
    bool all = !strcmp (io.rank, "all");
    struct idset *ranks = all ? NULL : idset_decode (io.rank);
    for (int i = 0; i < sh->task_count; i++) {
        struct task *t = &sh->tasks[i];
        if (all || (ranks && idset_test (ranks, t->rank)))
            give (sh, t, in, true);
        else if (io.eof && !t->in_seen)
            /* the input has ended, and none of it was for this task */
            give (sh, t, in, false);
    }
    idset_destroy (ranks);
    json_decref (o);
    for (int i = 0; i < sh->task_count; i++)
        flush_input (sh, &sh->tasks[i]);
    tell_taken (sh);
}

void shell_input_fini (struct shell *sh)
{
    struct fanout_item *item;

    if (!sh->input.readers)
        return;
    for (int i = 0; i < sh->input.count; i++)
        fanout_drop (&sh->input, i);
    while ((item = fanout_pop (&sh->input))) {
        struct input *in = container_of (item, struct input, item);
        free (in->data);
        free (in);
    }
    fanout_fini (&sh->input);
}
