/* A module in its thread.
 *
 * Happy path: dlopen, default services, mod_main; RUNNING is told when its
 * reactor runs first; when mod_main returns, FINALIZING and EXITED are told and
 * the channel is closed.
 *
 * Failures: no such file, no mod_main, mod_main returns -1: EXITED with errnum
 * and a text. */
#include "broker/modhost/modhost.h"
#include "broker/attrs.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/handle/dispatch.h"
#include "core/message/message.h"

#define STACK_SIZE (1024 * 1024)

typedef int (*mod_main_f) (flux_t *h, int argc, char **argv);

struct host {
    struct modhost *mh;
    flux_t *h;
    flux_msg_handler_t **handlers;
    flux_watcher_t *prepare;
    int debug_flags;
    bool running;
};

struct modhost *modhost_create (const char *name, const char *path, const char *id,
                                json_t *args, const struct attrs *attrs, json_t *conf)
{
    struct modhost *mh = calloc (1, sizeof (*mh));
    const char *key, *val;
    size_t pos = 0;
    int flags;

    if (!mh || !(mh->name = strdup (name)) || !(mh->path = strdup (path))
        || !(mh->argv = calloc (json_array_size (args) + 1, sizeof (char *)))
        || !(mh->attrs = json_object ()) || !(mh->conf = json_deep_copy (conf))) {
        modhost_destroy (mh);
        return NULL;
    }
    snprintf (mh->id, sizeof (mh->id), "%s", id);
    for (size_t i = 0; i < json_array_size (args); i++) {
        const char *s = json_string_value (json_array_get (args, i));

        if (!(mh->argv[mh->argc++] = strdup (s ? s : ""))) {
            modhost_destroy (mh);
            return NULL;
        }
    }
    while (attrs_next (attrs, &pos, &key, &val, &flags))
        if ((flags & ATTR_IMMUTABLE) && val)
            json_object_set_new (mh->attrs, key, json_string (val));
    return mh;
}

void modhost_destroy (struct modhost *mh)
{
    if (mh) {
        for (int i = 0; i < mh->argc; i++)
            free (mh->argv[i]);
        free (mh->argv);
        free (mh->name);
        free (mh->path);
        json_decref (mh->attrs);
        json_decref (mh->conf);
        free (mh);
    }
}

/* ---- what every module answers ---- */

static void ping_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg, void *arg)
{
    struct flux_msg_cred cred = { 0 };
    json_t *o = msg_json (msg);
    flux_msg_t *rep;
    char *route;

    if (!o) {
        (void)flux_respond_error (h, msg, EPROTO, NULL);
        return;
    }
    (void)flux_msg_get_cred (msg, &cred);
    route = flux_msg_route_string (msg);
    o = json_copy (o);
    json_object_set_new (o, "route", json_string (route ? route : ""));
    json_object_set_new (o, "userid", json_integer (cred.userid));
    json_object_set_new (o, "rolemask", json_integer (cred.rolemask));
    free (route);
    if (!(rep = flux_response_derive (msg, 0))) {
        json_decref (o);
        return;
    }
    if (msg_take_json (rep, o) < 0 || flux_send_new (h, &rep, 0) < 0)
        flux_msg_decref (rep);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg,
                      void *arg)
{
    flux_msgcounters_t mc;

    flux_get_msgcounters (h, &mc);
    (void)flux_respond_pack (h, msg, "{s:{s:i s:i s:i s:i} s:{s:i s:i s:i s:i}}", "tx",
                             "request", mc.request_tx, "response", mc.response_tx,
                             "event", mc.event_tx, "control", mc.control_tx, "rx",
                             "request", mc.request_rx, "response", mc.response_rx,
                             "event", mc.event_rx, "control", mc.control_rx);
}

static void stats_clear_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg,
                            void *arg)
{
    int type;

    flux_clr_msgcounters (h);
    if (flux_msg_get_type (msg, &type) == 0 && type == FLUX_MSGTYPE_REQUEST)
        (void)flux_respond (h, msg, NULL);
}

static double seconds (struct timeval tv)
{
    return tv.tv_sec + tv.tv_usec * 1e-6;
}

static void rusage_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg,
                       void *arg)
{
    const char *who = "thread";
    struct rusage ru;
    int rc;

    (void)flux_msg_unpack (msg, "{s?s}", "who", &who);
    rc = getrusage (strcmp (who, "self") == 0       ? RUSAGE_SELF
                    : strcmp (who, "children") == 0 ? RUSAGE_CHILDREN
                                                    : RUSAGE_THREAD,
                    &ru);
    if (rc < 0) {
        (void)flux_respond_error (h, msg, errno, NULL);
        return;
    }
    (void)flux_respond_pack (
        h, msg, "{s:f s:f s:I s:I s:I s:I s:I s:I s:I s:I}", "utime",
        seconds (ru.ru_utime), "stime", seconds (ru.ru_stime), "maxrss",
        (json_int_t)ru.ru_maxrss, "minflt", (json_int_t)ru.ru_minflt, "majflt",
        (json_int_t)ru.ru_majflt, "nswap", (json_int_t)ru.ru_nswap, "inblock",
        (json_int_t)ru.ru_inblock, "oublock", (json_int_t)ru.ru_oublock, "nvcsw",
        (json_int_t)ru.ru_nvcsw, "nivcsw", (json_int_t)ru.ru_nivcsw);
}

static void shutdown_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg,
                         void *arg)
{
    flux_reactor_stop (flux_get_reactor (h));
}

static void debug_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg,
                      void *arg)
{
    struct host *host = arg;
    const char *op = "";
    int flags = 0;

    if (flux_msg_has_payload (msg)
        && flux_msg_unpack (msg, "{s?s s?i}", "op", &op, "flags", &flags) < 0) {
        (void)flux_respond_error (h, msg, EPROTO, NULL);
        return;
    }
    if (strcmp (op, "set") == 0)
        host->debug_flags = flags;
    else if (strcmp (op, "clr") == 0)
        host->debug_flags = 0;
    else if (strcmp (op, "setbit") == 0)
        host->debug_flags |= flags;
    else if (strcmp (op, "clrbit") == 0)
        host->debug_flags &= ~flags;
    (void)flux_respond_pack (h, msg, "{s:i}", "flags", host->debug_flags);
}

static void config_reload_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg,
                              void *arg)
{
    json_t *o = msg_json (msg);
    flux_conf_t *conf;

    if (!o || !(conf = flux_conf_pack ("O", o))) {
        (void)flux_respond_error (h, msg, EPROTO, NULL);
        return;
    }
    if (flux_set_conf_new (h, conf) < 0) {
        (void)flux_respond_error (h, msg, errno, NULL);
        flux_conf_decref (conf);
    } else
        (void)flux_respond (h, msg, NULL);
}

static void handlers_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg,
                         void *arg)
{
    (void)flux_respond_pack (h, msg, "{s:o}", "handlers", dispatch_describe (h));
}

static const struct flux_msg_handler_spec spec[] = {
    { FLUX_MSGTYPE_REQUEST, "ping", ping_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "stats-get", stats_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "stats-clear", stats_clear_cb, 0 },
    { FLUX_MSGTYPE_EVENT, "stats-clear", stats_clear_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "rusage", rusage_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "shutdown", shutdown_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "debug", debug_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "handlers", handlers_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "config-reload", config_reload_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

/* ---- the thread ---- */

static void tell_status (flux_t *h, int status, int errnum)
{
    flux_future_destroy (flux_rpc_pack (h, "module.status", FLUX_NODEID_ANY,
                                        FLUX_RPC_NORESPONSE, "{s:i s:i}", "status",
                                        status, "errnum", errnum));
}

/* The reactor is about to run for the first time: initialised. */
static void first_turn (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct host *host = arg;

    flux_watcher_stop (w);
    if (!host->running) {
        host->running = true;
        (void)flux_module_set_running (host->h);
    }
}

static int fail (struct modhost *mh, int errnum, const char *errstr)
{
    mh->errnum = errnum ? errnum : ECANCELED;
    snprintf (mh->errstr, sizeof (mh->errstr), "%s", errstr ? errstr : "");
    return -1;
}

static int prepare_handle (struct host *host)
{
    struct modhost *mh = host->mh;
    const char *name;
    flux_conf_t *conf;
    flux_reactor_t *r;
    json_t *val;

    if (!(host->h = channel_open_handle (mh->end, 0))) {
        channel_close (mh->end);
        return -1;
    }
    if (!(r = flux_get_reactor (host->h)))
        return -1;
    json_object_foreach (mh->attrs, name, val)
        (void)flux_attr_set_cacheonly (host->h, name, json_string_value (val));
    if (!(conf = flux_conf_pack ("O", mh->conf))
        || flux_set_conf_new (host->h, conf) < 0)
        return -1;
    flux_log_set_appname (host->h, mh->name);
    if (flux_aux_set (host->h, "flux::name", mh->name, NULL) < 0
        || flux_aux_set (host->h, "flux::uuid", mh->id, NULL) < 0
        || flux_aux_set (host->h, "flux::debug_flags", &host->debug_flags, NULL) < 0
        || flux_msg_handler_addvec_ex (host->h, mh->name, spec, host, &host->handlers)
               < 0
        || !(host->prepare = flux_prepare_watcher_create (r, first_turn, host)))
        return -1;
    flux_watcher_start (host->prepare);
    flux_watcher_unref (host->prepare);
    return 0;
}

static int run (struct host *host, void **dso)
{
    struct modhost *mh = host->mh;
    mod_main_f main_fn;

    if (!(*dso = dlopen (mh->path, RTLD_LAZY | RTLD_LOCAL)))
        return fail (mh, ENOENT, dlerror ());
    if (!(main_fn = (mod_main_f)dlsym (*dso, "mod_main")))
        return fail (mh, EINVAL, "module does not define mod_main");
    errno = 0;
    if (main_fn (host->h, mh->argc, mh->argv) < 0)
        return fail (mh, errno, NULL);
    return 0;
}

/* Sanitizers need the code until the end: they name functions in their reports, and
 * the thread sanitizer stops if a library goes that its suppressions speak of. */
static void unload (void *dso)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (dso)
        dlclose (dso);
#endif
}

static void *module_thread (void *arg)
{
    struct host host = { .mh = arg };
    struct modhost *mh = arg;
    char comm[16];
    void *dso = NULL;

    snprintf (comm, sizeof (comm), "%s", mh->name);
    pthread_setname_np (pthread_self (), comm);
    if (prepare_handle (&host) < 0)
        fail (mh, errno, "module handle");
    else
        (void)run (&host, &dso);
    if (host.h) {
        tell_status (host.h, MODULE_FINALIZING, 0);
        tell_status (host.h, MODULE_EXITED, mh->errnum);
    }
    flux_watcher_destroy (host.prepare);
    flux_msg_handler_delvec (host.handlers);
    /* A module that leaks a future keeps its handle alive: the broker learns of
     * the end nevertheless. */
    if (host.h)
        channel_shutdown (mh->end);
    flux_close (host.h);
    unload (dso);
    return NULL;
}

int modhost_start (struct modhost *mh, struct channel_end *end)
{
    pthread_attr_t attr;
    sigset_t all, saved;
    int rc;

    mh->end = end;
    sigfillset (&all);
    pthread_sigmask (SIG_BLOCK, &all, &saved);
    pthread_attr_init (&attr);
    pthread_attr_setstacksize (&attr, STACK_SIZE);
    rc = pthread_create (&mh->thread, &attr, module_thread, mh);
    pthread_attr_destroy (&attr);
    pthread_sigmask (SIG_SETMASK, &saved, NULL);
    if (rc != 0) {
        channel_close (end);
        errno = rc;
        return -1;
    }
    return 0;
}

void modhost_join (struct modhost *mh)
{
    pthread_join (mh->thread, NULL);
}
