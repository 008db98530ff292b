/* Plugins' way to the instance: a handle that is opened when one asks for it, a reactor
 * that runs in the turns of the shell's loop, the service of the job. */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/connect/connector.h"
#include "shell/plug/plugs.h"
#include "value/resource/rset.h"

struct service {
    struct list node;
    flux_msg_handler_t *mh;
    const char *owner;
    flux_msg_handler_f cb;
    void *arg;
    char topic[];
};

/* --- the loop --- */

static void epoll_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
}

static int start_watchers (flux_reactor_t *r)
{
    plugs.epoll_w =
        flux_fd_watcher_create (r, plugs.sh->epoll_fd, FLUX_POLLIN, epoll_cb, NULL);
    plugs.timer_w = flux_timer_watcher_create (r, 0., 0., timer_cb, NULL);
    if (!plugs.epoll_w || !plugs.timer_w)
        return -1;
    flux_watcher_start (plugs.epoll_w);
    return 0;
}

static void stop_watchers (void)
{
    flux_watcher_destroy (plugs.epoll_w);
    flux_watcher_destroy (plugs.timer_w);
    plugs.epoll_w = plugs.timer_w = NULL;
}

flux_reactor_t *plugs_reactor (void)
{
    if (plugs.r)
        return plugs.r;
    if (!(plugs.r = flux_reactor_create (0)))
        return NULL;
    if (start_watchers (plugs.r) < 0) {
        stop_watchers ();
        flux_reactor_destroy (plugs.r);
        plugs.r = NULL;
    }
    return plugs.r;
}

/* One turn of the reactor ends when something happens there, in the shell's own set of
 * descriptors, or when the time is up. */
int plugs_wait (struct shell *sh, struct epoll_event *events, int max, int timeout_ms)
{
    if (!plugs.r)
        return epoll_wait (sh->epoll_fd, events, max, timeout_ms);
    flux_watcher_stop (plugs.timer_w);
    if (timeout_ms >= 0) {
        flux_timer_watcher_reset (plugs.timer_w, timeout_ms / 1000., 0.);
        flux_watcher_start (plugs.timer_w);
    }
    flux_reactor_run (plugs.r, FLUX_REACTOR_ONCE);
    guard_turn ();
    return epoll_wait (sh->epoll_fd, events, max, 0);
}

/* --- the handle --- */

/* What is sent meanwhile fails. Nothing comes, so that nobody looks. */
static int broker_gone (flux_t *h, void *arg)
{
    flux_watcher_t *w = flux_get_handle_watcher (h);
    int saved_errno = errno;

    plugs.listens |= w && flux_watcher_is_active (w);
    flux_watcher_stop (w);
    errno = saved_errno;
    return -1;
}

/* RPCs that are pending when the connection is made anew fail. */
static flux_t *connect_broker (flux_reactor_t *r)
{
    flux_t *h = flux_open (NULL, FLUX_O_RPCTRACK);

    if (h && flux_set_reactor (h, r) < 0) {
        flux_close (h);
        return NULL;
    }
    flux_comms_error_set (h, broker_gone, NULL);
    return h;
}

flux_t *flux_shell_get_flux (flux_shell_t *shell)
{
    flux_reactor_t *r;

    if (!shell) {
        errno = EINVAL;
        return NULL;
    }
    if (!plugs.h && (r = plugs_reactor ()))
        plugs.h = connect_broker (r);
    return plugs.h;
}

/* --- services and events --- */

static bool is_allowed (const flux_msg_t *msg)
{
    uint32_t userid, rolemask;

    if (flux_msg_get_userid (msg, &userid) < 0
        || flux_msg_get_rolemask (msg, &rolemask) < 0)
        return false;
    return (rolemask & FLUX_ROLE_OWNER) || userid == plugs.sh->userid;
}

static void request_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct service *s = arg;
    struct guard before;

    if (!is_allowed (msg)) {
        if (flux_respond_error (h, msg, EPERM, "not your job") < 0)
            shell_log (plugs.sh, SHELL_ERROR, "%s: %s", s->topic, strerror (errno));
        return;
    }
    before = guard_enter (s->owner, s->topic);
    s->cb (h, mh, msg, s->arg);
    guard_leave (before);
}

static void event_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct service *s = arg;
    struct guard before = guard_enter (s->owner, s->topic);

    s->cb (h, mh, msg, s->arg);
    guard_leave (before);
}

static void service_destroy (struct service *s)
{
    list_remove (&s->node);
    flux_msg_handler_destroy (s->mh);
    free (s);
}

static int add_handler (flux_t *h, int type, const char *prefix, const char *name,
                        flux_msg_handler_f cb, void *arg)
{
    struct service *s = calloc (1, sizeof (*s) + strlen (prefix) + strlen (name) + 2);
    struct flux_match match = FLUX_MATCH_ANY;

    if (!s)
        return -1;
    s->cb = cb;
    s->arg = arg;
    s->owner = plugs_owner ((void *)cb);
    sprintf (s->topic, "%s.%s", prefix, name);
    list_init (&s->node);
    match.typemask = type;
    match.topic_glob = s->topic;
    s->mh = flux_msg_handler_create (
        h, match, type == FLUX_MSGTYPE_EVENT ? event_cb : request_cb, s);
    if (!s->mh) {
        free (s);
        return -1;
    }
    flux_msg_handler_allow_rolemask (s->mh, FLUX_ROLE_USER);
    flux_msg_handler_start (s->mh);
    list_append (&plugs.services, &s->node);
    return 0;
}

/* A second registration takes the place of the first. */
static void remove_handler (const char *prefix, const char *name)
{
    size_t len = strlen (prefix);

    list_foreach (&plugs.services, it) {
        struct service *s = container_of (it, struct service, node);
        if (!strncmp (s->topic, prefix, len) && s->topic[len] == '.'
            && !strcmp (s->topic + len + 1, name))
            service_destroy (s);
    }
}

static void service_name (char *buf, size_t size)
{
    snprintf (buf, size, "%u-shell-%s", plugs.sh->userid, plugs.sh->f58_plain);
}

static int register_service (flux_t *h, const char *name)
{
    flux_future_t *f;
    int rc;

    if (plugs.service_there)
        return 0;
    f = flux_service_register (h, name);
    rc = f ? flux_future_get (f, NULL) : -1;
    flux_future_destroy (f);
    plugs.service_there = rc == 0;
    return rc;
}

int flux_shell_service_register (flux_shell_t *shell, const char *method,
                                 flux_msg_handler_f cb, void *arg)
{
    char name[64];
    flux_t *h;

    if (!shell || !method || !method[0] || !cb)
        return plugs_einval ();
    service_name (name, sizeof (name));
    if (!(h = flux_shell_get_flux (shell)) || register_service (h, name) < 0)
        return -1;
    remove_handler (name, method);
    return add_handler (h, FLUX_MSGTYPE_REQUEST, name, method, cb, arg);
}

/* Job ids are written in more than one way. */
static int subscribe_all (flux_t *h)
{
    char f58[64], dec[64];

    snprintf (f58, sizeof (f58), "shell-%s", plugs.sh->f58_plain);
    snprintf (dec, sizeof (dec), "shell-%llu", (unsigned long long)plugs.sh->id);
    if (!plugs.events_there
        && (flux_event_subscribe (h, f58) < 0 || flux_event_subscribe (h, dec) < 0))
        return -1;
    plugs.events_there = true;
    return 0;
}

int flux_shell_add_event_handler (flux_shell_t *shell, const char *subtopic,
                                  flux_msg_handler_f cb, void *arg)
{
    char f58[64], dec[64];
    flux_t *h;

    if (!shell || !subtopic || !subtopic[0] || !cb)
        return plugs_einval ();
    snprintf (f58, sizeof (f58), "shell-%s", plugs.sh->f58_plain);
    snprintf (dec, sizeof (dec), "shell-%llu", (unsigned long long)plugs.sh->id);
    if (!(h = flux_shell_get_flux (shell)) || subscribe_all (h) < 0)
        return -1;
    remove_handler (f58, subtopic);
    remove_handler (dec, subtopic);
    return add_handler (h, FLUX_MSGTYPE_EVENT, f58, subtopic, cb, arg) < 0
                   || add_handler (h, FLUX_MSGTYPE_EVENT, dec, subtopic, cb, arg) < 0
               ? -1
               : 0;
}

static int rank_of_broker (int shell_rank)
{
    json_t *o = plugs_rank_info (shell_rank);
    int rank = -1;

    json_unpack (o, "{s:i}", "broker_rank", &rank);
    json_decref (o);
    return rank;
}

flux_future_t *flux_shell_rpc_pack (flux_shell_t *shell, const char *method,
                                    int shell_rank, int flags, const char *fmt, ...)
{
    char topic[256], name[64];
    flux_future_t *f;
    va_list ap;
    flux_t *h;
    int rank;

    if (!shell || !method || !fmt || shell_rank < 0
        || (rank = rank_of_broker (shell_rank)) < 0) {
        errno = EINVAL;
        return NULL;
    }
    service_name (name, sizeof (name));
    if (snprintf (topic, sizeof (topic), "%s.%s", name, method)
        >= (int)sizeof (topic)) {
        errno = EINVAL;
        return NULL;
    }
    if (!(h = flux_shell_get_flux (shell)))
        return NULL;
    va_start (ap, fmt);
    f = flux_rpc_vpack (h, topic, rank, flags, fmt, ap);
    va_end (ap);
    return f;
}

/* --- another broker --- */

/* What the broker before knew of this shell. */
static int say_again (flux_t *h)
{
    bool service = plugs.service_there, events = plugs.events_there;
    char name[64];

    plugs.service_there = plugs.events_there = false;
    service_name (name, sizeof (name));
    return (service && register_service (h, name) < 0)
                   || (events && subscribe_all (h) < 0)
               ? -1
               : 0;
}

static int connect_again (flux_t *h, const char *path)
{
    if (flux_opt_set (h, CONNECTOR_LOCAL_PATH, path, strlen (path)) < 0
        || flux_reconnect (h) < 0)
        return -1;
    if (plugs.listens)
        flux_watcher_start (flux_get_handle_watcher (h));
    plugs.listens = false;
    return say_again (h);
}

/* Whoever connects later does it there, too. */
void plugs_reconnect (struct shell *sh, const char *uri)
{
    static const char scheme[] = "local://";

    setenv ("FLUX_URI", uri, 1);
    if (!plugs.h || strncmp (uri, scheme, strlen (scheme)) != 0)
        return;
    if (connect_again (plugs.h, uri + strlen (scheme)) < 0)
        shell_log (sh, SHELL_ERROR, "the new broker cannot be reached: %s",
                   strerror (errno));
    else
        plugs_topic (sh, "shell.reconnect", NULL);
}

void plugs_disconnect (void)
{
    while (!list_empty (&plugs.services))
        service_destroy (container_of (plugs.services.next, struct service, node));
    flux_close (plugs.h);
    stop_watchers ();
    if (plugs.r)
        flux_reactor_destroy (plugs.r);
    plugs.h = NULL;
    plugs.r = NULL;
}
