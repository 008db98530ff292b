/* Happy path: a socket pair and a process; welcome; messages both ways; the socket is at
 * its end when the process ends, and the process is reaped.
 *
 * Failures: it does not start (the loader says why on standard error, which is the
 * broker's); it ends without a word, or is killed; it sends what is no message, or does not
 * read while more than broker.client-queue-bytes wait for it: then it is killed. The
 * kernel kills it with its broker. */
#include "broker/modhost/modproc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/encode.h"
#include "broker/routing/router.h"
#include "core/message/msgstream.h"
#include "core/subprocess/spawn.h"

#define URI_FD 3

struct modproc {
    struct broker *b;
    char name[128];
    pid_t pid; /* -1: reaped */
    struct msgstream *stream;
    flux_watcher_t *r, *w, *child;
    struct reactor_task flush_task;
    uint64_t queue_max;
    bool closed; /* nothing more comes or goes */
    const struct modproc_ops *ops;
    void *arg;
};

static void close_stream (struct modproc *mp, const char *why)
{
    if (mp->closed)
        return;
    mp->closed = true;
    flux_watcher_stop (mp->r);
    flux_watcher_stop (mp->w);
    msgstream_discard (mp->stream);
    if (why) {
        broker_log (mp->b, LOG_ERR, "module %s: killed: %s", mp->name, why);
        modproc_kill (mp, SIGKILL);
    }
}

static void flush (void *arg)
{
    struct modproc *mp = arg;

    if (mp->closed)
        return;
    if (msgstream_flush (mp->stream) == 0)
        flux_watcher_stop (mp->w);
    else if (errno == EAGAIN)
        flux_watcher_start (mp->w);
    else /* its last messages may still be there */
        msgstream_discard (mp->stream);
}

static void writable_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flush (arg);
}

static void readable_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct modproc *mp = arg;

    mp->ops->readable (mp->arg);
}

static void child_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct modproc *mp = arg;

    flux_watcher_stop (w);
    mp->pid = -1;
    mp->ops->ended (mp->arg, flux_child_watcher_get_rstatus (w));
}

/* What it must hear of has more room than what can be refused; neither takes that of
 * answers and events, which are the end of who does not read them. */
static size_t room_for_requests (struct modproc *mp, const flux_msg_t *msg)
{
    int type = 0;

    (void)flux_msg_get_type (msg, &type);
    if (type != FLUX_MSGTYPE_REQUEST)
        return SIZE_MAX;
    return router_may_refuse (msg) ? mp->queue_max / 2 : mp->queue_max / 4 * 3;
}

int modproc_send (struct modproc *mp, flux_msg_t **msg)
{
    size_t unsent = msgstream_unsent (mp->stream);

    if (mp->closed) {
        errno = ECONNRESET;
        return -1;
    }
    if (unsent > room_for_requests (mp, *msg)) {
        errno = ENOBUFS;
        return -1;
    }
    if (unsent > mp->queue_max) {
        close_stream (mp, "it does not read what it is sent");
        errno = ECONNRESET;
        return -1;
    }
    if (msgstream_send (mp->stream, *msg) < 0)
        return -1;
    flux_msg_decref (*msg);
    *msg = NULL;
    reactor_before_sleep (mp->b->reactor, &mp->flush_task);
    return 0;
}

flux_msg_t *modproc_recv (struct modproc *mp)
{
    flux_msg_t *msg;

    if (mp->closed) {
        errno = ECONNRESET;
        return NULL;
    }
    if ((msg = msgstream_recv (mp->stream)) || errno == EAGAIN)
        return msg;
    close_stream (
        mp, errno == EPROTO || errno == EMSGSIZE ? "what it sent is no message" : NULL);
    errno = ECONNRESET;
    return NULL;
}

size_t modproc_unsent (const struct modproc *mp)
{
    return msgstream_unsent (mp->stream);
}

pid_t modproc_pid (const struct modproc *mp)
{
    return mp->pid;
}

void modproc_kill (struct modproc *mp, int signum)
{
    if (mp->pid > 0)
        (void)kill (mp->pid, signum);
}

/* ---- the start ---- */

static const char *loader_path (void)
{
    static char path[4096];
    const char *broker = flux_conf_builtin_get ("broker_path", FLUX_CONF_AUTO);
    const char *slash = strrchr (broker, '/');

    if (!path[0])
        snprintf (path, sizeof (path), "%.*s/flux-module-exec", (int)(slash - broker),
                  broker);
    return path;
}

static bool is_replaced (const char *entry)
{
    static const char *const names[] = { "FLUX_URI=", "FLUX_MODULE_URI=",
                                         "FLUX_MODULE_PATH=" };

    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++)
        if (strncmp (entry, names[i], strlen (names[i])) == 0)
            return true;
    return false;
}

static pid_t spawn (struct modproc *mp, const char *path, const char *loader, int fd)
{
    char *argv[] = { (char *)(*loader ? loader : loader_path ()), (char *)path, NULL };
    int fds[] = { 0, 1, 2, fd };
    const char *dirs = getenv ("FLUX_MODULE_PATH");
    const char *first = getenv ("FLUX_MODULE_PATH_PREPEND");
    const char *uri = attrs_val (mp->b->attrs, "local-uri");
    char uri_env[4096], own_env[32], path_env[4096];
    char **env;
    size_t count = 0, n = 0;
    pid_t pid;

    while (environ[count])
        count++;
    if (!(env = calloc (count + 4, sizeof (*env))))
        return -1;
    snprintf (uri_env, sizeof (uri_env), "FLUX_URI=%s", uri ? uri : "");
    snprintf (own_env, sizeof (own_env), "FLUX_MODULE_URI=fd://%d", URI_FD);
    snprintf (path_env, sizeof (path_env), "FLUX_MODULE_PATH=%s%s%s%s%s",
              first ? first : "", first ? ":" : "",
              flux_conf_builtin_get ("module_path", FLUX_CONF_AUTO), dirs ? ":" : "",
              dirs ? dirs : "");
    env[n++] = uri_env;
    env[n++] = own_env;
    env[n++] = path_env;
    for (size_t i = 0; i < count; i++)
        if (!is_replaced (environ[i]))
            env[n++] = environ[i];
    pid = spawn_process (&(struct spawn){
        .argv = argv, .env = env, .fds = fds, .fd_count = 4, .flags = SPAWN_SETPGRP });
    free (env);
    return pid;
}

static int welcome (struct modproc *mp, const char *id, json_t *args)
{
    json_t *attrs = json_object (), *o;
    const char *key, *val;
    size_t pos = 0;
    int flags, rc = -1;
    flux_msg_t *msg = NULL;
    char *s = NULL;

    while (attrs && attrs_next (mp->b->attrs, &pos, &key, &val, &flags))
        if ((flags & ATTR_IMMUTABLE) && val)
            json_object_set_new (attrs, key, json_string (val));
    o = json_pack ("{s:o s:o s:O s:s s:s}", "args",
                   args ? json_incref (args) : json_array (), "attrs", attrs, "conf",
                   mp->b->conf, "name", mp->name, "uuid", id);
    if (o && (s = json_dumps (o, JSON_COMPACT))
        && (msg = flux_request_encode ("welcome", s))) {
        flux_msg_set_noresponse (msg);
        flux_msg_route_enable (msg);
        flux_msg_set_cred (msg, (struct flux_msg_cred){
                                    mp->b->owner, FLUX_ROLE_OWNER | FLUX_ROLE_LOCAL });
        rc = modproc_send (mp, &msg);
    }
    flux_msg_destroy (msg);
    free (s);
    json_decref (o);
    return rc;
}

static int start (struct modproc *mp, const char *path, const char *loader)
{
    flux_reactor_t *r = mp->b->reactor;
    int fd[2], saved_errno, own;

    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        return -1;
    if (!(mp->stream = msgstream_create (fd[0]))) {
        close (fd[0]);
        close (fd[1]);
        return -1;
    }
    mp->pid = spawn (mp, path, loader, fd[1]);
    saved_errno = errno;
    close (fd[1]);
    errno = saved_errno;
    own = msgstream_fd (mp->stream);
    if (mp->pid < 0
        || !(mp->r = flux_fd_watcher_create (r, own, FLUX_POLLIN, readable_cb, mp))
        || !(mp->w = flux_fd_watcher_create (r, own, FLUX_POLLOUT, writable_cb, mp))
        || !(mp->child = flux_child_watcher_create (r, mp->pid, false, child_cb, mp)))
        return -1;
    flux_watcher_start (mp->r);
    flux_watcher_start (mp->child);
    return 0;
}

struct modproc *modproc_create (struct broker *b, const char *name, const char *path,
                                const char *loader, const char *id, json_t *args,
                                const struct modproc_ops *ops, void *arg)
{
    struct modproc *mp = calloc (1, sizeof (*mp));
    const char *max = attrs_val (b->attrs, "broker.client-queue-bytes");

    if (!mp)
        return NULL;
    mp->b = b;
    mp->pid = -1;
    mp->ops = ops;
    mp->arg = arg;
    if (!max || size_decode (max, &mp->queue_max) < 0)
        mp->queue_max = 64 * 1024 * 1024;
    reactor_task_init (&mp->flush_task, flush, mp);
    snprintf (mp->name, sizeof (mp->name), "%s", name);
    if (start (mp, path, loader) < 0 || welcome (mp, id, args) < 0) {
        modproc_destroy (mp);
        return NULL;
    }
    return mp;
}

void modproc_destroy (struct modproc *mp)
{
    int saved_errno = errno;

    if (!mp)
        return;
    modproc_kill (mp, SIGKILL);
    reactor_task_cancel (&mp->flush_task);
    flux_watcher_destroy (mp->r);
    flux_watcher_destroy (mp->w);
    flux_watcher_destroy (mp->child);
    msgstream_destroy (mp->stream);
    if (mp->pid > 0)
        (void)waitpid (mp->pid, NULL, 0);
    free (mp);
    errno = saved_errno;
}
