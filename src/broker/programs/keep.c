#include "broker/programs/keep.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "broker/attrs.h"
#include "broker/rlimits.h"

struct keep {
    struct broker *b;
    pid_t keeper; /* -1: ended, like program */
    pid_t program;
    int flags;
    int fd; /* from the keeper */
    flux_watcher_t *w;
    keep_f cb;
    void *arg;
};

static pid_t holder = -1; /* the keeper of a program that has ended */

void keep_end (void)
{
    if (holder > 0) {
        (void)kill (holder, SIGKILL);
        (void)waitpid (holder, NULL, 0);
    }
    holder = -1;
}

static const char *keeper_path (void)
{
    static char path[4096];
    const char *broker = flux_conf_builtin_get ("broker_path", FLUX_CONF_AUTO);
    const char *slash = broker ? strrchr (broker, '/') : NULL;

    if (path[0] == '\0')
        snprintf (path, sizeof (path), "%.*s/flux-keeper",
                  slash ? (int)(slash - broker) : 0, broker);
    return path;
}

static bool read_int (int fd, int *value)
{
    ssize_t n;

    while ((n = read (fd, value, sizeof (*value))) < 0 && errno == EINTR)
        ;
    return n == sizeof (*value);
}

/* Who holds the run directory goes on until that is removed. */
static void release_keeper (struct keep *k)
{
    if (k->keeper > 0 && (k->flags & KEEP_RUNDIR)) {
        keep_end ();
        holder = k->keeper;
    } else if (k->keeper > 0)
        (void)waitpid (k->keeper, NULL, 0);
    k->keeper = -1;
}

static void keeper_told (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct keep *k = arg;
    int status;

    flux_watcher_stop (w);
    if (!read_int (k->fd, &status)) {
        /* It was killed: do its work. */
        keep_kill (k, SIGKILL);
        status = SIGKILL;
    }
    k->program = -1;
    release_keeper (k);
    k->cb (k->b, status, k->arg);
}

static int spawn_keeper (struct keep *k, int write_fd, char **argv, char **env,
                         pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t all;
    char fd[16], flags[8], broker[16], nofile[24];
    size_t argc = 0;
    char **v;
    int rc;

    while (argv[argc])
        argc++;
    if (!(v = calloc (argc + 7, sizeof (*v))))
        return ENOMEM;
    snprintf (fd, sizeof (fd), "%d", write_fd);
    snprintf (flags, sizeof (flags), "-%s%s%s", (k->flags & KEEP_PGRP) ? "p" : "",
              (k->flags & KEEP_FOREGROUND) ? "t" : "",
              (k->flags & KEEP_RUNDIR) ? "r" : "");
    snprintf (broker, sizeof (broker), "%d", (int)getpid ());
    snprintf (nofile, sizeof (nofile), "%lu", (unsigned long)limits_soft_nofile ());
    v[0] = (char *)keeper_path ();
    v[1] = fd;
    v[2] = flags;
    v[3] = (char *)attrs_val (k->b->attrs, "rundir");
    v[4] = broker;
    v[5] = nofile;
    memcpy (v + 6, argv, argc * sizeof (*v));
    posix_spawn_file_actions_init (&actions);
    /* The same number: it stays open. */
    posix_spawn_file_actions_adddup2 (&actions, write_fd, write_fd);
    if ((k->flags & KEEP_NO_INPUT))
        posix_spawn_file_actions_addopen (&actions, 0, "/dev/null", O_RDONLY, 0);
    /* Until it has left the group, it has no part in what comes to that. */
    sigfillset (&all);
    posix_spawnattr_init (&attr);
    posix_spawnattr_setsigmask (&attr, &all);
    posix_spawnattr_setflags (&attr, POSIX_SPAWN_SETSIGMASK);
    rc = posix_spawn (pid, v[0], &actions, &attr, v, env);
    posix_spawnattr_destroy (&attr);
    posix_spawn_file_actions_destroy (&actions);
    free (v);
    return rc;
}

/* 0, or errno: what the keeper says of its program. */
static int start (struct keep *k, char **argv, char **env)
{
    int fds[2], rc, answer;
    pid_t pid = -1;

    if (pipe2 (fds, O_CLOEXEC) < 0)
        return errno;
    k->fd = fds[0];
    rc = spawn_keeper (k, fds[1], argv, env, &pid);
    close (fds[1]);
    if (rc != 0) {
        broker_log (k->b, LOG_ERR, "%s: %s", keeper_path (), strerror (rc));
        return EIO;
    }
    if (!read_int (k->fd, &answer))
        answer = -EIO;
    if (answer < 0) {
        (void)waitpid (pid, NULL, 0);
        return -answer;
    }
    k->program = answer;
    k->keeper = pid;
    if (!(k->w = flux_fd_watcher_create (k->b->reactor, k->fd, FLUX_POLLIN, keeper_told,
                                         k)))
        return errno;
    flux_watcher_start (k->w);
    return 0;
}

struct keep *keep_start (struct broker *b, char **argv, char **env, int flags,
                         keep_f cb, void *arg)
{
    struct keep *k = calloc (1, sizeof (*k));
    int rc;

    if (!k)
        return NULL;
    k->b = b;
    k->program = k->keeper = -1;
    k->flags = flags;
    k->fd = -1;
    k->cb = cb;
    k->arg = arg;
    if ((rc = start (k, argv, env)) != 0) {
        keep_destroy (k);
        errno = rc;
        return NULL;
    }
    return k;
}

void keep_kill (struct keep *k, int signum)
{
    if (k && k->program > 0) {
        pid_t pid = (k->flags & KEEP_PGRP) ? -k->program : k->program;

        (void)kill (pid, signum);
        if (signum != SIGKILL)
            (void)kill (pid, SIGCONT);
    }
}

void keep_destroy (struct keep *k)
{
    int saved_errno = errno;

    if (k) {
        keep_kill (k, SIGKILL);
        flux_watcher_destroy (k->w);
        release_keeper (k);
        if (k->fd >= 0)
            close (k->fd);
        free (k);
    }
    errno = saved_errno;
}
