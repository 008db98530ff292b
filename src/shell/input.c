/* Standard input of tasks: io objects that job-exec passes on, or a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/subprocess/io.h"
#include "shell/shell.h"

#define INPUT_LIMIT (32 * 1024 * 1024)

static void flush_input (struct shell *sh, struct task *t)
{
    size_t done = 0;

    if (t->in.fd < 0)
        return;
    while (done < t->in_buf.len) {
        ssize_t n = write (t->in.fd, t->in_buf.data + done, t->in_buf.len - done);
        if (n >= 0)
            done += n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR) {
            shell_unwatch (sh, &t->in);
            return;
        }
    }
    buf_consume (&t->in_buf, done);
    int events = t->in_buf.len > 0 ? EPOLLOUT : 0;
    if (events == 0 && t->in_eof)
        shell_unwatch (sh, &t->in);
    else if (events != t->in.events) {
        t->in.events = events;
        shell_watch (sh, &t->in);
    }
}

static void input_ready (struct shell *sh, struct source *src, int revents)
{
    /* EPOLLOUT may be stale: a frame of the same turn has been written since */
    if (revents & (EPOLLERR | EPOLLHUP)) /* the task has closed it */
        shell_unwatch (sh, src);
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
    t->in = (struct source){ .fd = fd[1], .ready = input_ready, .task = t };
    return 0;
}

static void give (struct shell *sh, struct task *t, const struct io *io)
{
    if (t->in.fd < 0 || t->in_eof)
        return;
    t->in_seen = true;
    if (t->in_buf.len + io->len > INPUT_LIMIT) {
        shell_log (sh, SHELL_ERROR, "task %d does not read its standard input: closed",
                   t->rank);
        shell_unwatch (sh, &t->in);
        return;
    }
    if (io->len > 0)
        buf_add (&t->in_buf, io->data, io->len);
    t->in_eof = io->eof;
    flush_input (sh, t);
}

void shell_input_frame (struct shell *sh, const char *text, size_t len)
{
    json_t *o = json_loadb (text, len, JSON_ALLOW_NUL, NULL);
    struct io io;

    if (!o || io_decode (o, &io) < 0) {
        shell_log (sh, SHELL_ERROR, "malformed standard input object");
        json_decref (o);
        return;
    }
    bool all = !strcmp (io.rank, "all");
    struct idset *ranks = all ? NULL : idset_decode (io.rank);
    for (int i = 0; i < sh->task_count; i++) {
        struct task *t = &sh->tasks[i];
        if (all || (ranks && idset_test (ranks, t->rank)))
            give (sh, t, &io);
        else if (io.eof && !t->in_seen) {
            /* the input has ended, and none of it was for this task */
            struct io end = { .eof = true };
            give (sh, t, &end);
        }
    }
    idset_destroy (ranks);
    free (io.data);
    json_decref (o);
}
