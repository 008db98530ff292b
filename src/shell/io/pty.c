/* Tasks on a pseudo terminal: -o pty, pty.ranks, pty.interactive, pty.capture.
 *
 * Such a task leads a session whose terminal has our end as its only input and output: what
 * it prints is stdout, as it comes; standard input is typed, and its end is the character
 * that ends it. `flux job attach` sends the size of its window, as an io object with
 * "winsize". A terminal that nobody holds open any more (EIO) has ended with its task: to
 * close it before would hang up a task that has only closed its descriptors, as many do
 * just before they exit. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "shell/shell.h"

static bool is_true (json_t *o)
{
    return json_is_true (o) || json_integer_value (o) != 0;
}

static int fail (flux_error_t *error, const char *what)
{
    snprintf (error->text, sizeof (error->text), "pty: %s", what);
    errno = EINVAL;
    return -1;
}

/* NULL: all. */
static int parse_ranks (json_t *o, struct idset **ranks, flux_error_t *error)
{
    const char *s = json_string_value (o);
    char text[24];

    *ranks = NULL;
    if (!o || (s && strcmp (s, "all") == 0))
        return 0;
    if (json_is_integer (o)) {
        snprintf (text, sizeof (text), "%lld", (long long)json_integer_value (o));
        s = text;
    }
    if (!s || !(*ranks = idset_decode (s)))
        return fail (error, "ranks: expected a set of ranks or \"all\"");
    return 0;
}

int shell_pty_init (struct shell *sh, flux_error_t *error)
{
    json_t *o = shell_option (sh, "pty"), *value, *where = NULL;
    struct idset *ranks = NULL;
    const char *key;

    if (!o || json_is_false (o) || (json_is_integer (o) && !is_true (o)))
        return 0;
    if (!json_is_object (o) && !json_is_true (o) && !json_is_integer (o))
        return fail (error, "expected ranks, capture or interactive");
    sh->pty_capture = true;
    json_object_foreach (o, key, value) {
        if (strcmp (key, "ranks") == 0)
            where = value;
        else if (!json_is_boolean (value) && !json_is_integer (value))
            return fail (error, "capture and interactive: expected 0 or 1");
        else if (strcmp (key, "interactive") == 0)
            sh->pty_interactive = is_true (value);
        else if (strcmp (key, "capture") != 0)
            return fail (error, "expected ranks, capture or interactive");
    }
    value = json_object_get (o, "capture");
    if (sh->pty_interactive)
        sh->pty_capture = is_true (value);
    else if (value && !is_true (value))
        return fail (error, "capture=0 needs interactive: nobody would see the output");
    if (parse_ranks (where, &ranks, error) < 0)
        return -1;
    if (ranks && (idset_empty (ranks) || idset_last (ranks) >= (unsigned)sh->ntasks)) {
        idset_destroy (ranks);
        return fail (error, "ranks: the job has no such task");
    }
    for (int i = 0; i < sh->task_count; i++) {
        int rank = sh->tasks[i].rank;

        sh->tasks[i].pty = ranks                 ? idset_test (ranks, rank)
                           : where               ? true
                           : sh->pty_interactive ? rank == 0
                                                 : true;
    }
    idset_destroy (ranks);
    return 0;
}

static int open_master (void)
{
    int fd = posix_openpt (O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 && (grantpt (fd) < 0 || unlockpt (fd) < 0)) {
        close (fd);
        return -1;
    }
    return fd;
}

int shell_pty_open (struct shell *sh, struct task *t, int child_fds[3])
{
    json_t *type = shell_option (sh, "input.stdin.type");
    struct winsize size = { .ws_row = 24, .ws_col = 80 };
    char name[64];
    int fd;

    if (json_is_string (type) && strcmp (json_string_value (type), "file") == 0) {
        shell_fatal (sh, 1, "pty: a terminal cannot have a file as its input");
        errno = EINVAL;
        return -1;
    }
    if ((fd = open_master ()) < 0)
        return -1;
    t->streams[0].src = (struct source){
        .fd = fd, .events = EPOLLIN, .ready = shell_output_ready, .task = t, .stream = 1
    };
    ioctl (fd, TIOCSWINSZ, &size);
    if (ptsname_r (fd, name, sizeof (name)) != 0
        || (child_fds[0] = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0
        || (child_fds[1] = fcntl (child_fds[0], F_DUPFD_CLOEXEC, 0)) < 0
        || (child_fds[2] = fcntl (child_fds[0], F_DUPFD_CLOEXEC, 0)) < 0)
        return -1;
    t->in = (struct source){ .fd = fcntl (fd, F_DUPFD_CLOEXEC, 0),
                             .ready = shell_input_ready,
                             .task = t };
    return t->in.fd < 0 ? -1 : shell_watch (sh, &t->streams[0].src);
}

int shell_pty_enter (void)
{
    return setsid () < 0 || ioctl (STDIN_FILENO, TIOCSCTTY, 0) < 0 ? errno : 0;
}

void shell_pty_end_input (struct task *t)
{
    struct termios tio;

    if (tcgetattr (t->in.fd, &tio) == 0 && (tio.c_lflag & ICANON))
        (void)!write (t->in.fd, &tio.c_cc[VEOF], 1);
}

bool shell_pty_gap (struct shell *sh, struct task *t)
{
    if (!t->pty || errno != EIO || t->exited)
        return false;
    /* it would be ready all the time */
    epoll_ctl (sh->epoll_fd, EPOLL_CTL_DEL, t->streams[0].src.fd, NULL);
    t->pty_gap = true;
    return true;
}

void shell_pty_exited (struct shell *sh, struct task *t)
{
    if (t->pty_gap && t->streams[0].src.fd >= 0)
        shell_watch (sh, &t->streams[0].src);
    t->pty_gap = false;
}

bool shell_pty_resize (struct shell *sh, json_t *io)
{
    struct winsize size = { 0 };
    int rows, cols;

    if (json_unpack (io, "{s:[ii]}", "winsize", &rows, &cols) < 0)
        return false;
    size.ws_row = rows;
    size.ws_col = cols;
    for (int i = 0; i < sh->task_count; i++) {
        if (sh->tasks[i].pty && sh->tasks[i].in.fd >= 0)
            ioctl (sh->tasks[i].in.fd, TIOCSWINSZ, &size);
    }
    return true;
}
