#include "broker/programs/keep.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/os/private.h"
#include "broker/attrs.h"
#include "broker/programs/orders.h"
#include "broker/rlimits.h"

struct keep {
    struct broker *b;
    struct keeper own; /* KEEPER_NONE: the holder's, KEEP_RUNDIR */
    pid_t program;     /* -1: ended */
    int flags;
    flux_watcher_t *w;
    keep_f cb;
    void *arg;
};

static struct keeper holder = { -1, -1 }; /* of the run directory */
static bool holds;                        /* it has been told so */

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

static int make (char *path, bool unique)
{
    if (unique)
        return private_mkdtemp (path) ? 0 : -1;
    return mkdir (path, 0700);
}

static int start_holder (void)
{
    return holder.pid > 0 ? 0 : keeper_start (&holder, keeper_path ());
}

static int hold (char *path, int flags)
{
    int rc = keeper_hold (&holder, path, flags);

    holds = rc == 0;
    return rc;
}

void keep_ahead (void)
{
    (void)start_holder (); /* else it is tried again */
}

int keep_mkdir (char *path, bool unique)
{
    int flags = ORDER_MAKE | (unique ? ORDER_UNIQUE : 0);

    if (start_holder () < 0)
        return make (path, unique);
    if (hold (path, flags) == 0)
        return 0;
    keeper_stop (&holder);
    return errno == EIO ? make (path, unique) : -1;
}

void keep_end (void)
{
    keeper_stop (&holder);
    holds = false;
}

static struct keeper *keeper_of (struct keep *k)
{
    return (k->flags & KEEP_RUNDIR) ? &holder : &k->own;
}

static void keeper_spoke (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct keep *k = arg;
    struct keeper *keeper = keeper_of (k);
    int status;

    flux_watcher_stop (w);
    if (!keeper_told (keeper, &status)) {
        /* It was killed: do its work. */
        keep_kill (k, SIGKILL);
        status = SIGKILL;
        keeper_stop (keeper);
    }
    k->program = -1;
    keeper_stop (&k->own);
    k->cb (k->b, status, k->arg);
}

/* Who is to run it. */
static struct keeper *start_keeper (struct keep *k)
{
    char rundir[4096];
    int rc = 0;

    if (!(k->flags & KEEP_RUNDIR)) {
        rc = keeper_start (&k->own, keeper_path ());
    } else {
        snprintf (rundir, sizeof (rundir), "%s", attrs_val (k->b->attrs, "rundir"));
        if ((rc = start_holder ()) == 0 && !holds)
            rc = hold (rundir, 0);
    }
    if (rc < 0) {
        broker_log (k->b, LOG_ERR, "%s: %s", keeper_path (), strerror (errno));
        errno = EIO;
        return NULL;
    }
    return keeper_of (k);
}

static int start (struct keep *k, char **argv, char **env)
{
    struct keeper *keeper = start_keeper (k);

    if (!keeper)
        return -1;
    k->program = keeper_run (keeper, argv, env, k->flags, limits_soft_nofile ());
    if (k->program < 0)
        return -1;
    if (!(k->w = flux_fd_watcher_create (k->b->reactor, keeper->fd, FLUX_POLLIN,
                                         keeper_spoke, k)))
        return -1;
    flux_watcher_start (k->w);
    return 0;
}

struct keep *keep_start (struct broker *b, char **argv, char **env, int flags,
                         keep_f cb, void *arg)
{
    struct keep *k = calloc (1, sizeof (*k));

    if (!k)
        return NULL;
    k->b = b;
    k->own = KEEPER_NONE;
    k->program = -1;
    k->flags = flags;
    k->cb = cb;
    k->arg = arg;
    if (start (k, argv, env) < 0) {
        keep_destroy (k);
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
    int saved_errno = errno, status;

    if (k) {
        keep_kill (k, SIGKILL);
        if (k->program > 0 && k->own.pid > 0)
            (void)keeper_told (&k->own, &status); /* it is gone */
        flux_watcher_destroy (k->w);
        keeper_stop (&k->own);
        free (k);
    }
    errno = saved_errno;
}
