#include "broker/programs/orders.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

/* No signal comes to it: it is in the broker's group until it has left that, and has no
 * part in what comes to the group meanwhile. */
static int spawn (struct keeper *k, const char *program, int fd)
{
    static char *const no_env[] = { NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    char number[16], broker[16];
    char *argv[] = { (char *)program, number, broker, NULL };
    sigset_t all;
    int rc;

    snprintf (number, sizeof (number), "%d", fd);
    snprintf (broker, sizeof (broker), "%d", (int)getpid ());
    sigfillset (&all);
    posix_spawnattr_init (&attr);
    posix_spawnattr_setsigmask (&attr, &all);
    posix_spawnattr_setpgroup (&attr, 0);
    posix_spawnattr_setflags (&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init (&actions);
    /* The same number: it stays open. */
    posix_spawn_file_actions_adddup2 (&actions, fd, fd);
    rc = posix_spawn (&k->pid, program, &actions, &attr, argv, no_env);
    posix_spawn_file_actions_destroy (&actions);
    posix_spawnattr_destroy (&attr);
    return rc;
}

int keeper_start (struct keeper *k, const char *program)
{
    int fds[2], rc;

    *k = KEEPER_NONE;
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -1;
    rc = spawn (k, program, fds[1]);
    close (fds[1]);
    if (rc != 0) {
        close (fds[0]);
        k->pid = -1;
        errno = rc;
        return -1;
    }
    k->fd = fds[0];
    return 0;
}

void keeper_stop (struct keeper *k)
{
    int saved_errno = errno;
    struct keeper was = *k;

    *k = KEEPER_NONE;
    if (was.pid > 0) {
        (void)kill (was.pid, SIGKILL);
        (void)waitpid (was.pid, NULL, 0);
        close (was.fd);
    }
    errno = saved_errno;
}

static uint32_t add_strings (struct buf *b, char *const *v)
{
    uint32_t count = 0;

    for (; v && v[count]; count++)
        buf_add (b, v[count], strlen (v[count]) + 1);
    return count;
}

static int give (struct keeper *k, struct order *o, char *const *argv, char *const *env)
{
    struct buf b = BUF_INIT;
    int rc;

    buf_add (&b, o, sizeof (*o));
    o->argc = add_strings (&b, argv);
    o->envc = add_strings (&b, env);
    if (b.err || b.len - sizeof (*o) > INT_MAX) {
        errno = b.err ? ENOMEM : E2BIG;
        rc = -1;
    } else {
        o->size = b.len - sizeof (*o);
        memcpy (b.data, o, sizeof (*o));
        if ((rc = fd_write_all (k->fd, b.data, b.len)) < 0)
            errno = EIO;
    }
    buf_fini (&b);
    return rc;
}

bool keeper_told (const struct keeper *k, int *value)
{
    return fd_read_exactly (k->fd, value, sizeof (*value)) == 0;
}

int keeper_hold (struct keeper *k, char *path, int flags)
{
    char *const argv[] = { path, NULL };
    struct order o = { .kind = ORDER_HOLD, .flags = flags };
    int answer;

    if (give (k, &o, argv, NULL) < 0)
        return -1;
    if (!keeper_told (k, &answer)
        || (answer == 0 && fd_read_exactly (k->fd, path, strlen (path) + 1) < 0))
        answer = EIO;
    errno = answer;
    return answer ? -1 : 0;
}

pid_t keeper_run (struct keeper *k, char *const *argv, char *const *env, int flags,
                  uint64_t nofile)
{
    struct order o = { .kind = ORDER_RUN, .flags = flags, .nofile = nofile };
    int answer;

    if (give (k, &o, argv, env) < 0)
        return -1;
    if (!keeper_told (k, &answer))
        answer = -EIO;
    if (answer > 0)
        return answer;
    errno = -answer;
    return -1;
}
