/* The broker's side of its modules. */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hashmap.h"
#include "base/list.h"
#include "base/os/search.h"
#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/modhost/modhost.h"
#include "broker/modhost/modlist.h"
#include "broker/modhost/modproc.h"
#include "broker/modhost/modules.h"
#include "broker/modhost/parts.h"
#include "broker/modhost/trace.h"
#include "broker/routing/builtin.h"
#include "broker/routing/router.h"
#include "broker/routing/services.h"
#include "core/handle/channel.h"
#include "core/message/message.h"

#define RECV_BATCH 256

struct waiter {
    struct list node;
    module_f cb;
    void *arg;
};

struct module {
    struct list node;
    struct broker *b;
    struct peer peer;
    char *name;
    char *path;
    char *loader; /* of a process: "" or a path */
    enum module_status status;
    json_t *args;         /* or NULL */
    struct modhost *host; /* a thread, or ... */
    struct channel_end *end;
    struct modproc *proc; /* ... a process */
    int errnum;           /* what it ended with */
    flux_watcher_t *w;
    struct reactor_task recv_task;
    module_f load_cb;
    void *load_arg;
    struct list removers;
    bool removing;
    bool cancelled; /* killed by hand */
    bool exited;    /* said so: nothing more comes */
    bool by_hand;   /* it is not part of what the instance promises */
    char why[160];  /* the last error that it logged */
};

struct modules {
    struct list list;
    int count;
};

static struct module *find (struct broker *b, const char *name)
{
    list_foreach (&b->modules->list, it) {
        struct module *m = container_of (it, struct module, node);

        if (strcmp (m->name, name) == 0)
            return m;
    }
    return NULL;
}

static void module_destroy (struct module *m)
{
    if (m) {
        reactor_task_cancel (&m->recv_task);
        flux_watcher_destroy (m->w);
        channel_close (m->end);
        modhost_destroy (m->host);
        modproc_destroy (m->proc);
        json_decref (m->args);
        free (m->name);
        free (m->path);
        free (m->loader);
        free (m);
    }
}

static void loaded_cb (struct broker *b, const char *name, int errnum,
                       const char *errstr, void *arg);

/* A crowd of guests' requests does not keep the owner's waiting, nor what modules say to
 * each other. That somebody has left comes behind what he has asked. */
static bool may_wait (const flux_msg_t *msg)
{
    uint32_t rolemask;
    int type;

    if (flux_msg_get_type (msg, &type) < 0 || type != FLUX_MSGTYPE_REQUEST
        || flux_msg_get_rolemask (msg, &rolemask) < 0)
        return false;
    return !(rolemask & FLUX_ROLE_OWNER) || router_is_disconnect (msg);
}

static int module_send (struct peer *p, flux_msg_t **msg)
{
    struct module *m = p->arg;

    trace_message (m->b, m->name, "rx", *msg);
    if (m->proc)
        return modproc_send (m->proc, msg);
    return may_wait (*msg) ? channel_send_later (m->end, msg)
                           : channel_send (m->end, msg);
}

static void load_done (struct module *m, int errnum, const char *errstr)
{
    module_f cb = m->load_cb;

    m->load_cb = NULL;
    if (cb)
        cb (m->b, m->name, errnum, errstr, m->load_arg);
}

static void died (struct module *m, int errnum, const char *errstr)
{
    struct broker *b = m->b;

    broker_log (b, LOG_ERR, "module %s failed: %s", m->name,
                errstr[0] ? errstr : strerror (errnum));
    if (!m->by_hand && !attrs_val (b->attrs, "broker.module-nopanic")) {
        if (b->exit_code == 0)
            b->exit_code = 1;
        broker_post (b, EVENT_PANIC);
    }
}

void modules_note_error (struct broker *b, const char *id, const char *text, size_t len)
{
    struct peer *p = id ? peer_lookup (b, id) : NULL;

    if (p && p->kind == PEER_MODULE) {
        struct module *m = p->arg;

        snprintf (m->why, sizeof (m->why), "%.*s", (int)len, text);
    }
}

/* The thread is at its end: nothing of the module runs any more. */
static void module_gone (struct module *m)
{
    struct broker *b = m->b;
    bool was_running = m->status >= MODULE_RUNNING && !m->load_cb;
    const char *why = m->why;
    int errnum = m->errnum;

    if (m->host) {
        modhost_join (m->host);
        errnum = m->host->errnum;
        why = m->host->errstr[0] ? m->host->errstr : m->why;
    }
    list_remove (&m->node);
    b->modules->count--;
    snprintf (m->peer.why, sizeof (m->peer.why),
              "module %.32s has ended: try again when it is loaded", m->name);
    peer_remove (b, &m->peer, ENOSYS);
    broker_log (b, LOG_DEBUG, "rmmod %s", m->name);
    if (m->load_cb)
        load_done (m, errnum ? errnum : ECANCELED, why[0] ? why : NULL);
    else if (was_running && errnum != 0 && !m->cancelled && b->state < STATE_FINALIZE)
        died (m, errnum, why);
    list_foreach (&m->removers, it) {
        struct waiter *waiter = container_of (it, struct waiter, node);

        list_remove (&waiter->node);
        waiter->cb (b, m->name, errnum, why[0] ? why : NULL, waiter->arg);
        free (waiter);
    }
    module_destroy (m);
}

static flux_msg_t *next_message (struct module *m)
{
    return m->proc ? modproc_recv (m->proc) : channel_recv (m->end);
}

/* Of a crowd of answers half: more questions come meanwhile, and who takes those faster than
 * these has more and more of them, and the owner's answer behind. */
static size_t batch (struct module *m)
{
    size_t half = m->proc ? 0 : channel_recv_count (m->end) / 2;

    return half > RECV_BATCH ? half : RECV_BATCH;
}

static void module_recv (void *arg)
{
    struct module *m = arg;
    size_t n = 0, max = batch (m);
    flux_msg_t *msg;

    while (!m->exited && n++ < max && (msg = next_message (m))) {
        struct flux_msg_cred cred;

        if (flux_msg_get_cred (msg, &cred) == 0) {
            if (cred.userid == FLUX_USERID_UNKNOWN || cred.rolemask == FLUX_ROLE_NONE)
                cred = m->peer.cred;
            cred.rolemask |= FLUX_ROLE_LOCAL | MSG_ROLE_MODULE;
            if (msg_is_unique (msg))
                flux_msg_set_cred (msg, cred);
        }
        trace_message (m->b, m->name, "tx", msg);
        router_recv (m->b, &m->peer, msg);
    }
    if (!m->exited && n > max) {
        reactor_post (m->b->reactor, &m->recv_task);
        return;
    }
    if (m->proc) /* it is gone when it is reaped */
        return;
    /* The channel stays open if the module leaves something behind that
     * refers to its handle. */
    if (m->exited || errno == ECONNRESET) {
        module_gone (m);
        return;
    }
    /* Arms the descriptor, unless something came since. */
    if ((channel_pollevents (m->end) & FLUX_POLLIN))
        reactor_post (m->b->reactor, &m->recv_task);
}

static void module_readable (flux_reactor_t *r, flux_watcher_t *w, int revents,
                             void *arg)
{
    module_recv (arg);
}

static void process_readable (void *arg)
{
    module_recv (arg);
}

/* What it has sent before is done first. */
static void process_ended (void *arg, int status)
{
    struct module *m = arg;

    reactor_task_cancel (&m->recv_task);
    do {
        errno = 0;
        module_recv (m);
    } while (!m->exited && errno != ECONNRESET && errno != EAGAIN);
    if (m->exited && !WIFSIGNALED (status)) {
        module_gone (m);
        return;
    }
    if (m->errnum == 0)
        m->errnum = m->cancelled ? ECANCELED : ENOTRECOVERABLE;
    if (WIFSIGNALED (status))
        snprintf (m->why, sizeof (m->why), "its process was killed by signal %d (%s)",
                  WTERMSIG (status), strsignal (WTERMSIG (status)));
    else if (!m->why[0])
        snprintf (m->why, sizeof (m->why), "its process ended with status %d",
                  WEXITSTATUS (status));
    module_gone (m);
}

static const struct modproc_ops process_ops = { process_readable, process_ended };

/* ---- finding the file ---- */

/* The build tree may have a folder for each. */
static bool search (const char *dirs, const char *name, char *buf, size_t size)
{
    char file[NAME_MAX + 1], nested[2 * NAME_MAX + 2];

    if ((size_t)snprintf (file, sizeof (file), "%s.so", name) >= sizeof (file))
        return false;
    snprintf (nested, sizeof (nested), "%s/%s", name, file);
    return search_dirs (dirs, file, search_readable, buf, size)
           || search_dirs (dirs, nested, search_readable, buf, size);
}

static bool find_module (const char *name, char *buf, size_t size)
{
    const char *dirs[] = { getenv ("FLUX_MODULE_PATH_PREPEND"),
                           flux_conf_builtin_get ("module_path", FLUX_CONF_AUTO),
                           getenv ("FLUX_MODULE_PATH") };

    for (size_t i = 0; i < sizeof (dirs) / sizeof (dirs[0]); i++)
        if (search (dirs[i], name, buf, size))
            return true;
    return false;
}

static char *name_of_path (const char *path)
{
    const char *base = strrchr (path, '/');
    size_t len;

    base = base ? base + 1 : path;
    len = strlen (base);
    if (len > 3 && strcmp (base + len - 3, ".so") == 0)
        len -= 3;
    return strndup (base, len);
}

/* ---- load and remove ---- */

static struct module *module_create (struct broker *b, const char *name,
                                     const char *path)
{
    struct module *m = calloc (1, sizeof (*m));

    if (!m)
        return NULL;
    m->b = b;
    list_init (&m->node);
    list_init (&m->removers);
    reactor_task_init (&m->recv_task, module_recv, m);
    m->peer.kind = PEER_MODULE;
    m->peer.send = module_send;
    m->peer.arg = m;
    m->peer.cred = (struct flux_msg_cred){ b->owner, FLUX_ROLE_OWNER };
    make_route_id (m->peer.id);
    if (!(m->name = strdup (name)) || !(m->path = strdup (path))) {
        module_destroy (m);
        return NULL;
    }
    return m;
}

static int process_start (struct module *m, json_t *args)
{
    struct broker *b = m->b;

    if (peer_add (b, &m->peer) < 0)
        return -1;
    if (services_add (b->services, m->name, &m->peer) < 0
        || !(m->proc = modproc_create (b, m->name, m->path, m->loader, m->peer.id, args,
                                       &process_ops, m))) {
        int saved_errno = errno;

        peer_remove (b, &m->peer, ENOSYS);
        errno = saved_errno;
        return -1;
    }
    return 0;
}

static int thread_start (struct module *m, json_t *args)
{
    struct broker *b = m->b;
    struct channel_end *ends[2];

    m->host = modhost_create (m->name, m->path, m->peer.id, args, b->attrs, b->conf);
    if (!m->host || channel_create (ends) < 0)
        return -1;
    m->end = ends[0];
    m->w = flux_fd_watcher_create (b->reactor, channel_pollfd (m->end), FLUX_POLLIN,
                                   module_readable, m);
    if (!m->w || peer_add (b, &m->peer) < 0) {
        channel_close (ends[1]);
        return -1;
    }
    if (services_add (b->services, m->name, &m->peer) < 0
        || modhost_start (m->host, ends[1]) < 0) {
        int saved_errno = errno;

        peer_remove (b, &m->peer, ENOSYS);
        errno = saved_errno;
        return -1;
    }
    flux_watcher_start (m->w);
    /* Arms it. */
    if ((channel_pollevents (m->end) & FLUX_POLLIN))
        reactor_post (b->reactor, &m->recv_task);
    return 0;
}

static struct module *find_server (struct broker *b, const char *service)
{
    void *owner = services_lookup (b->services, service);

    list_foreach (&b->modules->list, it) {
        struct module *m = container_of (it, struct module, node);

        if (&m->peer == owner)
            return m;
    }
    return NULL;
}

const char *modules_server (struct broker *b, const char *service)
{
    struct module *m = find_server (b, service);

    return m ? m->name : NULL;
}

/* Nobody asks for more than that it is there. */
static bool is_plain (const char *name_arg, json_t *args, const char *loader)
{
    return !name_arg && json_array_size (args) == 0 && !loader;
}

int modules_load (struct broker *b, const char *path, const char *name_arg,
                  json_t *args, const char *loader, module_f cb, void *arg,
                  flux_error_t *error)
{
    char file[4096];
    char *name = name_arg ? strdup (name_arg) : name_of_path (path);
    struct module *m = NULL;

    error->text[0] = '\0';
    if (!name)
        return -1;
    if (strchr (path, '/')) {
        snprintf (file, sizeof (file), "%s", path);
        if (access (file, R_OK) < 0) {
            error_text (error, "%s", strerror (errno));
            goto error;
        }
    } else if (!find_module (path, file, sizeof (file))) {
        if (is_plain (name_arg, args, loader)
            && parts_switch (b, path, true, cb, arg)) {
            free (name);
            return 0;
        }
        parts_explain (b, path, is_plain (name_arg, args, loader) ? EALREADY : EEXIST,
                       "module not found in search path", error);
        goto error;
    }
    if (loader && *loader && access (loader, X_OK) < 0) {
        error_text (error, "loader %s: %s", loader, strerror (errno));
        goto error;
    }
    if (find (b, name)) {
        errno = EEXIST;
        goto error;
    }
    if (!(m = module_create (b, name, file))
        || (loader && !(m->loader = strdup (loader)))
        || (loader ? process_start : thread_start) (m, args) < 0)
        goto error;
    free (name);
    m->args = json_incref (args);
    m->load_cb = cb;
    m->load_arg = arg;
    m->by_hand = cb == loaded_cb;
    list_append (&b->modules->list, &m->node);
    b->modules->count++;
    broker_log (b, LOG_DEBUG, "insmod %s", m->name);
    return 0;
error:
    if (m) {
        int saved_errno = errno;

        module_destroy (m);
        errno = saved_errno;
    }
    free (name);
    return -1;
}

static void ask_to_end (struct module *m)
{
    flux_msg_t *msg;
    char topic[256];

    if (m->removing)
        return;
    snprintf (topic, sizeof (topic), "%s.shutdown", m->name);
    if (!(msg = flux_request_encode (topic, NULL)))
        return;
    flux_msg_set_noresponse (msg);
    flux_msg_route_enable (msg);
    flux_msg_set_cred (msg, m->peer.cred);
    if ((m->proc ? modproc_send (m->proc, &msg) : channel_send (m->end, &msg)) < 0)
        flux_msg_decref (msg);
    else
        m->removing = true;
}

int modules_remove (struct broker *b, const char *name, module_f cb, void *arg)
{
    struct module *m = find (b, name);
    struct waiter *waiter;

    if (!m) {
        errno = ENOENT;
        return -1;
    }
    if (!(waiter = calloc (1, sizeof (*waiter))))
        return -1;
    waiter->cb = cb;
    waiter->arg = arg;
    list_append (&m->removers, &waiter->node);
    ask_to_end (m);
    return 0;
}

bool modules_loaded (struct broker *b, const char *name)
{
    return find (b, name) != NULL;
}

int modules_count (struct broker *b)
{
    return b->modules->count;
}

void modules_foreach (struct broker *b,
                      void (*fn) (struct broker *b, const char *name, void *arg),
                      void *arg)
{
    list_foreach (&b->modules->list, it)
        fn (b, container_of (it, struct module, node)->name, arg);
}

/* Modules are asked for their opinion of a configuration. */
struct poll {
    modules_config_f done;
    void *arg;
    int pending; /* and one while they are asked */
    char refusal[512];
};

static void poll_done (struct broker *b, struct poll *p)
{
    if (--p->pending == 0) {
        p->done (b, p->refusal[0] ? p->refusal : NULL, p->arg);
        free (p);
    }
}

/* Most begin with their name themselves. */
static void refusal_set (struct poll *p, const char *name, size_t len, const char *text)
{
    bool named = strncmp (text, name, len) == 0 && strchr (".:", text[len]);

    snprintf (p->refusal, sizeof (p->refusal), "%.*s%s%s", named ? 0 : (int)len, name,
              named ? "" : ": ", text);
}

static void config_answer (struct broker *b, const flux_msg_t *rep, void *arg)
{
    struct poll *p = arg;
    const char *topic = "?", *text = NULL;
    int errnum;

    (void)flux_msg_get_topic (rep, &topic);
    /* ENOSYS: it has ended meanwhile. */
    if (flux_msg_get_errnum (rep, &errnum) == 0 && errnum != 0 && errnum != ENOSYS
        && !p->refusal[0]) {
        if (flux_msg_get_string (rep, &text) < 0 || !text || !*text)
            text = strerror (errnum);
        refusal_set (p, topic, strcspn (topic, "."), text);
    }
    poll_done (b, p);
}

void modules_config (struct broker *b, modules_config_f done, void *arg)
{
    struct poll *p = calloc (1, sizeof (*p));

    if (!p) {
        done (b, strerror (ENOMEM), arg);
        return;
    }
    p->done = done;
    p->arg = arg;
    p->pending = 1;
    list_foreach (&b->modules->list, it) {
        struct module *m = container_of (it, struct module, node);
        char topic[256];

        snprintf (topic, sizeof (topic), "%s.config-reload", m->name);
        p->pending++;
        if (broker_rpc (b, topic, b->rank, json_deep_copy (b->conf), config_answer, p)
            < 0) {
            snprintf (p->refusal, sizeof (p->refusal), "%s: %s", m->name,
                      strerror (errno));
            p->pending--;
        }
    }
    poll_done (b, p);
}

/* ---- the service ---- */

static void loaded_cb (struct broker *b, const char *name, int errnum,
                       const char *errstr, void *arg)
{
    const flux_msg_t *msg = arg;

    if (errnum)
        broker_respond_error (b, msg, errnum, errstr);
    else
        broker_respond (b, msg, NULL);
    flux_msg_decref (msg);
}

static void module_load (struct broker *b, const flux_msg_t *msg, void *arg)
{
    const char *path, *name = NULL, *loader = NULL;
    flux_error_t error;
    json_t *args = NULL;
    int exec = 0;

    if (flux_msg_unpack (msg, "{s:s s?s s?o s?b s?s}", "path", &path, "name", &name,
                         "args", &args, "exec", &exec, "loader", &loader)
            < 0
        || (loader && (*loader != '/' || !strchr (path, '/'))))
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (modules_load (b, path, name, args,
                           loader ? loader
                           : exec ? ""
                                  : NULL,
                           loaded_cb, (void *)flux_msg_incref (msg), &error)
             < 0) {
        broker_respond_error (b, msg, errno, error.text[0] ? error.text : NULL);
        flux_msg_decref (msg);
    }
}

/* Those that end, or are of no more use, when the one that they said hello to goes. */
static bool is_in_use (struct broker *b, const char *name, flux_error_t *error)
{
    const struct modlist_entry *e = modlist_find (b->modlist, name);
    char list[128] = "";
    size_t i;
    json_t *user;

    json_array_foreach (e ? e->used_by : NULL, i, user) {
        struct module *m = find_server (b, json_string_value (user));

        if (m && strlen (list) + strlen (m->name) + 3 < sizeof (list)) {
            strcat (list, *list ? ", " : "");
            strcat (list, m->name);
        }
    }
    error_text (error, "is in use: remove %s first", list);
    return *list;
}

static void cancelled_cb (struct broker *b, const char *name, int errnum,
                          const char *errstr, void *arg)
{
    loaded_cb (b, name, 0, NULL, arg);
}

static void module_cancel (struct module *m, const flux_msg_t *msg)
{
    m->cancelled = m->removing = true;
    if (modules_remove (m->b, m->name, cancelled_cb, (void *)flux_msg_incref (msg))
        < 0) {
        broker_respond_error (m->b, msg, errno, NULL);
        flux_msg_decref (msg);
    }
    modproc_kill (m->proc, SIGKILL);
}

static void part_remove (struct broker *b, const char *name, bool cancel,
                         const flux_msg_t *msg)
{
    flux_error_t error;

    flux_msg_incref (msg);
    if (!cancel && parts_switch (b, name, false, loaded_cb, (void *)msg))
        return;
    parts_explain (b, name, EBUSY, strerror (ENOENT), &error);
    broker_respond_error (b, msg, errno, error.text);
    flux_msg_decref (msg);
}

static void module_remove (struct broker *b, const flux_msg_t *msg, void *arg)
{
    const char *name;
    flux_error_t error;
    struct module *m;
    int cancel = 0;

    if (flux_msg_unpack (msg, "{s:s s?b}", "name", &name, "cancel", &cancel) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if ((m = find (b, name)) && cancel && !m->proc)
        broker_respond_error (
            b, msg, ENOTSUP,
            "is a thread of the broker, which nothing can end from "
            "outside: only a module that was loaded with --exec can be "
            "cancelled");
    else if (m && is_in_use (b, name, &error))
        broker_respond_error (b, msg, EBUSY, error.text);
    else if (m && cancel)
        module_cancel (m, msg);
    else if (!m)
        part_remove (b, name, cancel, msg);
    else if (modules_remove (b, name, loaded_cb, (void *)flux_msg_incref (msg)) < 0) {
        broker_respond_error (b, msg, errno, NULL);
        flux_msg_decref (msg);
    }
}

static json_t *list_services (struct broker *b, void *owner, const char *except)
{
    json_t *services = json_array ();
    const char *name;
    size_t pos = 0;

    while (services_next (b->services, owner, &pos, &name))
        if (strcmp (name, except) != 0)
            json_array_append_new (services, json_string (name));
    return services;
}

static json_t *list_entry (const char *name, const char *path, int idle, int status,
                           json_t *services, size_t sendq, size_t recvq)
{
    return json_pack ("{s:s s:s s:i s:i s:o s:i s:i}", "name", name, "path", path,
                      "idle", idle, "status", status, "services", services, "sendqueue",
                      (int)sendq, "recvqueue", (int)recvq);
}

static void module_list (struct broker *b, const flux_msg_t *msg, void *arg)
{
    double now = clock_coarse ();
    json_t *mods = json_array ();
    const char *part;
    size_t pos = 0;

    list_foreach (&b->modules->list, it) {
        struct module *m = container_of (it, struct module, node);

        json_t *o = list_entry (m->name, m->path, (int)(now - m->peer.t_active),
                                m->status, list_services (b, &m->peer, m->name),
                                m->proc ? 0 : channel_send_count (m->end),
                                m->proc ? 0 : channel_recv_count (m->end));

        /* for who wants to put it back */
        json_object_set_new (o, "exec", json_boolean (m->proc));
        if (m->loader && *m->loader)
            json_object_set_new (o, "loader", json_string (m->loader));
        json_object_set_new (o, "args",
                             m->args ? json_deep_copy (m->args) : json_array ());
        json_array_append_new (mods, o);
    }
    while ((part = parts_next (b, &pos)))
        json_array_append_new (
            mods, list_entry (part, "builtin", 0, MODULE_RUNNING, json_array (), 0, 0));
    broker_respond_pack (b, msg, "{s:o}", "mods", mods);
}

static void module_status (struct broker *b, const flux_msg_t *msg, void *arg)
{
    const char *id = flux_msg_route_last (msg);
    struct peer *p = id ? peer_lookup (b, id) : NULL;
    struct module *m;
    int status, errnum = 0;

    if (!p || p->kind != PEER_MODULE
        || flux_msg_unpack (msg, "{s:i s?i}", "status", &status, "errnum", &errnum) < 0
        || status < MODULE_RUNNING || status > MODULE_EXITED) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    m = p->arg;
    if (status == MODULE_RUNNING && m->load_cb) {
        m->status = status;
        load_done (m, 0, NULL);
    } else if (status >= MODULE_FINALIZING) {
        m->status = m->load_cb ? MODULE_INIT : status;
        /* From here on there is no such service. */
        services_remove_owner (b->services, &m->peer);
        m->exited = status == MODULE_EXITED;
        if (m->exited)
            m->errnum = errnum;
    }
    broker_respond (b, msg, NULL);
}

static const struct builtin table[] = {
    { "module.load", module_load, 0 },
    { "module.remove", module_remove, 0 },
    { "module.list", module_list, FLUX_ROLE_USER },
    { "module.status", module_status, 0 },
    { NULL },
};

int modules_init (struct broker *b)
{
    if (!(b->modules = calloc (1, sizeof (*b->modules))))
        return -1;
    list_init (&b->modules->list);
    channel_set_rank (b->rank);
    return builtins_add (b, table, NULL);
}

/* Threads that did not end are left to the end of the process. */
void modules_fini (struct broker *b)
{
    struct modules *mods = b->modules;

    if (mods) {
        list_foreach (&mods->list, it) {
            struct module *m = container_of (it, struct module, node);

            if (m->proc) {
                modproc_destroy (m->proc);
                m->proc = NULL;
            } else
                flux_watcher_stop (m->w);
        }
        free (mods);
        b->modules = NULL;
    }
}
