#include "core/connect/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <flux/attr.h>

#include "base/file.h"
#include "core/connect/ssh_command.h"
#include "core/subprocess/spawn.h"

#define ENDS_WITHIN_MS 2000
#define SAID_MAX 65536 /* what ssh may say */

extern char **environ;

struct ssh {
    pid_t pid;
    int fd;
    int said; /* a file in memory: its stderr */
    bool reaped;
    int status;
};

/* Nobody reads while it runs, and it must not wait: a file of fixed length. */
static int open_said (void)
{
    int fd = memfd_create ("ssh-stderr", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0
        && (ftruncate (fd, SAID_MAX) < 0
            || fcntl (fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0)) {
        close (fd);
        return -1;
    }
    return fd_above_standard (fd);
}

/* Keys of the terminal are for who uses the connection, not for what carries it. */
static int ignore_keys (void *arg)
{
    signal (SIGINT, SIG_IGN);
    signal (SIGQUIT, SIG_IGN);
    signal (SIGTSTP, SIG_IGN);
    return 0;
}

static int spawn (struct ssh *s, const struct ssh_command *c)
{
    int sv[2];

    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        return -1;
    int fds[3] = { sv[1], sv[1], s->said };
    struct spawn how = { .argv = c->argv,
                         .env = environ,
                         .fds = fds,
                         .fd_count = 3,
                         .pre_exec = ignore_keys };
    s->fd = fd_above_standard (sv[0]);
    s->pid = s->fd < 0 ? -1 : spawn_process (&how);
    int saved_errno = errno;
    close (sv[1]);
    if (s->pid < 0 && s->fd >= 0) {
        close (s->fd);
        s->fd = -1;
    }
    errno = saved_errno;
    return s->pid < 0 ? -1 : 0;
}

struct ssh *ssh_start (const char *rest, flux_error_t *error)
{
    const char *program = getenv ("FLUX_SSH"), *rcmd = getenv ("FLUX_SSH_RCMD");
    struct ssh *s = calloc (1, sizeof (*s));
    struct ssh_command c = { { NULL } };
    int saved_errno;

    if (!program || !*program)
        program = "ssh";
    if (!rcmd || !*rcmd)
        rcmd = flux_conf_builtin_get ("flux_path", FLUX_CONF_AUTO);
    if (s && ssh_command_init (&c, rest, program, rcmd, error) == 0) {
        s->said = open_said ();
        s->fd = -1;
        if (s->said >= 0 && spawn (s, &c) == 0) {
            ssh_command_fini (&c);
            return s;
        }
        saved_errno = errno;
        if (error)
            snprintf (error->text, sizeof (error->text), "%s: %s", program,
                      strerror (saved_errno));
        if (s->said >= 0)
            close (s->said);
        errno = saved_errno;
    }
    saved_errno = errno;
    ssh_command_fini (&c);
    free (s);
    errno = saved_errno;
    return NULL;
}

int ssh_take_fd (struct ssh *s)
{
    int fd = s->fd;

    s->fd = -1;
    return fd;
}

static bool reap (struct ssh *s, int timeout_ms)
{
    struct pollfd pfd = { .fd = s->reaped ? -1 : pidfd_open (s->pid, 0),
                          .events = POLLIN };
    pid_t rc;

    if (s->reaped)
        return true;
    if (pfd.fd >= 0) {
        (void)poll (&pfd, 1, timeout_ms);
        close (pfd.fd);
    }
    do {
        rc = waitpid (s->pid, &s->status, pfd.fd >= 0 ? WNOHANG : 0);
    } while (rc < 0 && errno == EINTR);
    s->reaped = rc != 0;
    return s->reaped;
}

/* The last line that is not empty. */
static void last_line (struct ssh *s, char *text, size_t size)
{
    char buf[4096];
    off_t end = lseek (s->said, 0, SEEK_CUR); /* the child shares the offset */
    off_t start = end > (off_t)sizeof (buf) ? end - (off_t)sizeof (buf) : 0;
    ssize_t n = pread (s->said, buf, end > start ? end - start : 0, start);
    ssize_t from;

    while (n > 0 && strchr ("\r\n", buf[n - 1]))
        n--;
    for (from = n; from > 0 && buf[from - 1] != '\n';)
        from--;
    snprintf (text, size, "%.*s", n > 0 ? (int)(n - from) : 0, buf + from);
}

void ssh_explain (struct ssh *s, char *text, size_t size)
{
    bool ended = reap (s, ENDS_WITHIN_MS);

    last_line (s, text, size);
    if (text[0])
        return;
    if (!ended)
        snprintf (text, size, "ssh gives no connection");
    else if (WIFSIGNALED (s->status))
        snprintf (text, size, "ssh: %s", strsignal (WTERMSIG (s->status)));
    else
        snprintf (text, size, "ssh ended with status %d", WEXITSTATUS (s->status));
}

void ssh_destroy (struct ssh *s)
{
    int saved_errno = errno;

    if (!s)
        return;
    if (s->fd >= 0)
        close (s->fd);
    if (!reap (s, ENDS_WITHIN_MS)) {
        kill (s->pid, SIGTERM);
        if (!reap (s, ENDS_WITHIN_MS)) {
            kill (s->pid, SIGKILL);
            reap (s, -1);
        }
    }
    close (s->said);
    free (s);
    errno = saved_errno;
}
