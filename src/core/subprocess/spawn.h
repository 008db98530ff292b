/* Starting a process: vfork and exec, so that the cost does not depend on the
 * size of the parent, which may be a broker with many threads. */
#ifndef CORE_SUBPROCESS_SPAWN_H
#define CORE_SUBPROCESS_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

enum spawn_flags {
    SPAWN_SETPGRP = 1, /* a process group of its own */
    SPAWN_FORK = 2,    /* fork instead of vfork: pre_exec may do anything */
    /* A missing cwd becomes /tmp. Why is in *cwd_errno, if there is such a place and the
     * child shares memory; else it is a warning on fd 2. */
    SPAWN_CWD_FALLBACK = 4,
};

struct spawn {
    char *const *argv; /* argv[0] without '/' is looked up in env's PATH */
    char *const *env;
    const char *cwd; /* NULL: the parent's */
    /* fds[i] becomes descriptor i of the child; -1 is /dev/null. The child has
     * no others. */
    const int *fds;
    int fd_count;
    int flags;
    /* In the child, before exec; with vfork it may only make system calls.
     * An errno > 0 fails the start. */
    int (*pre_exec) (void *arg);
    void *pre_exec_arg;
    int *cwd_errno;
    volatile pid_t *child; /* or NULL: set before the child goes any way */
    const bool *killed;    /* beside child: if it is set by then, the child is killed */
    const sigset_t *blocked; /* or NULL: none */
};

/* The pid; or -1 with the errno of what failed in the child (ENOENT: no such
 * program) or of fork. The child has all signals at default, and only blocked ones
 * blocked. */
pid_t spawn_process (const struct spawn *s);
/* SIGKILL for what was started so, with SPAWN_SETPGRP for all that it has started, too. It
 * must not have been reaped. */
void spawn_kill (pid_t pid, int flags);

#endif
