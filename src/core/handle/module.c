/* What a broker module may ask of its handle, and what a loader does for it (RFC 5).
 *
 * Happy path of a process: the broker's welcome says who it is; handlers are registered;
 * when the reactor runs first, RUNNING is told; when mod_main has returned, FINALIZING is
 * answered, what came meanwhile is refused, and EXITED is told.
 *
 * Failures: what comes first is no welcome; the broker is gone. */
#include <flux/core.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/error.h"
#include "core/handle/dispatch.h"
#include "core/handle/module.h"
#include "core/message/message.h"

enum {
    STATUS_FINALIZING = 2,
    STATUS_EXITED = 3,
};

int flux_module_set_running (flux_t *h)
{
    flux_future_t *f;

    if (flux_aux_get (h, "flux::running"))
        return 0;
    f = flux_rpc_pack (h, "module.status", FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE,
                       "{s:i}", "status", 1);
    if (!f)
        return -1;
    flux_future_destroy (f);
    return flux_aux_set (h, "flux::running", (void *)"", NULL);
}

/* NULL with ENOMEM. */
static int *debug_flags (flux_t *h)
{
    int *flags = flux_aux_get (h, "flux::debug_flags");

    if (!flags && (flags = calloc (1, sizeof (*flags)))
        && flux_aux_set (h, "flux::debug_flags", flags, free) < 0) {
        free (flags);
        flags = NULL;
    }
    return flags;
}

bool flux_module_debug_test (flux_t *h, int flag, bool clear)
{
    int *flags = flux_aux_get (h, "flux::debug_flags");

    if (!flags || (*flags & flag) == 0)
        return false;
    if (clear)
        *flags &= ~flag;
    return true;
}

int module_no_args (flux_t *h, int argc, char **argv)
{
    if (argc == 0)
        return 0;
    flux_log (h, LOG_ERR, "unknown argument: %s", argv[0]);
    errno = EINVAL;
    return -1;
}

/* ---- what every service answers ---- */

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

json_t *module_rusage (const char *who)
{
    struct rusage ru;

    if (getrusage (strcmp (who, "self") == 0       ? RUSAGE_SELF
                   : strcmp (who, "children") == 0 ? RUSAGE_CHILDREN
                                                   : RUSAGE_THREAD,
                   &ru)
        < 0)
        return NULL;
    return json_pack ("{s:f s:f s:I s:I s:I s:I s:I s:I s:I s:I}", "utime",
                      seconds (ru.ru_utime), "stime", seconds (ru.ru_stime), "maxrss",
                      (json_int_t)ru.ru_maxrss, "minflt", (json_int_t)ru.ru_minflt,
                      "majflt", (json_int_t)ru.ru_majflt, "nswap",
                      (json_int_t)ru.ru_nswap, "inblock", (json_int_t)ru.ru_inblock,
                      "oublock", (json_int_t)ru.ru_oublock, "nvcsw",
                      (json_int_t)ru.ru_nvcsw, "nivcsw", (json_int_t)ru.ru_nivcsw);
}

static void rusage_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg,
                       void *arg)
{
    const char *who = "thread";
    json_t *o;

    (void)flux_msg_unpack (msg, "{s?s}", "who", &who);
    if ((o = module_rusage (who)))
        (void)flux_respond_pack (h, msg, "o", o);
    else
        (void)flux_respond_error (h, msg, errno, NULL);
}

int module_debug_op (const flux_msg_t *msg, int *flags)
{
    const char *op = "";
    int mask = 0;

    if (flux_msg_has_payload (msg)
        && flux_msg_unpack (msg, "{s?s s?i}", "op", &op, "flags", &mask) < 0)
        return -1;
    if (strcmp (op, "set") == 0)
        *flags = mask;
    else if (strcmp (op, "clr") == 0)
        *flags = 0;
    else if (strcmp (op, "setbit") == 0)
        *flags |= mask;
    else if (strcmp (op, "clrbit") == 0)
        *flags &= ~mask;
    return 0;
}

static void debug_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg,
                      void *arg)
{
    int *flags = debug_flags (h);

    if (!flags || module_debug_op (msg, flags) < 0)
        (void)flux_respond_error (h, msg, flags ? EPROTO : ENOMEM, NULL);
    else
        (void)flux_respond_pack (h, msg, "{s:i}", "flags", *flags);
}

static const struct flux_msg_handler_spec default_methods[] = {
    { FLUX_MSGTYPE_REQUEST, "ping", ping_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "stats-get", stats_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "stats-clear", stats_clear_cb, 0 },
    { FLUX_MSGTYPE_EVENT, "stats-clear", stats_clear_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "rusage", rusage_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "debug", debug_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

int flux_register_default_methods (flux_t *h, const char *name,
                                   flux_msg_handler_t **msg_handlers[])
{
    if (!h || !name || !*name || !msg_handlers) {
        errno = EINVAL;
        return -1;
    }
    return flux_msg_handler_addvec_ex (h, name, default_methods, NULL, msg_handlers);
}

/* ---- what a loader answers for a module ---- */

static void shutdown_cb (flux_t *h, flux_msg_handler_t *w, const flux_msg_t *msg,
                         void *arg)
{
    flux_reactor_stop (flux_get_reactor (h));
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

static const struct flux_msg_handler_spec module_methods[] = {
    { FLUX_MSGTYPE_REQUEST, "shutdown", shutdown_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "handlers", handlers_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "config-reload", config_reload_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

struct loader {
    flux_msg_handler_t **defaults, **methods;
    flux_watcher_t *first_turn;
};

static void loader_destroy (void *arg)
{
    struct loader *l = arg;

    flux_msg_handler_delvec (l->defaults);
    flux_msg_handler_delvec (l->methods);
    flux_watcher_destroy (l->first_turn);
    free (l);
}

/* The reactor is about to run for the first time: initialised. */
static void first_turn_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_watcher_stop (w);
    (void)flux_module_set_running (arg);
}

int flux_module_register_handlers (flux_t *h, flux_error_t *error)
{
    const char *name;
    struct loader *l;

    if (!h)
        return error_fail (error, EINVAL, "there is no handle");
    if (!(name = flux_aux_get (h, "flux::name")))
        return error_fail (error, EINVAL,
                           "the module has no name: it is not initialized");
    if (!(l = calloc (1, sizeof (*l))))
        return error_fail (error, ENOMEM, "%s", strerror (ENOMEM));
    if (flux_register_default_methods (h, name, &l->defaults) < 0
        || flux_msg_handler_addvec_ex (h, name, module_methods, NULL, &l->methods) < 0
        || !(l->first_turn =
                 flux_prepare_watcher_create (flux_get_reactor (h), first_turn_cb, h))
        || flux_aux_set (h, NULL, l, loader_destroy) < 0) {
        error_fail (error, errno, "%s: handlers: %s", name, strerror (errno));
        loader_destroy (l);
        return -1;
    }
    flux_watcher_start (l->first_turn);
    flux_watcher_unref (l->first_turn);
    return 0;
}

/* ---- a process: the welcome ---- */

static int set_aux_string (flux_t *h, const char *key, const char *value)
{
    char *copy = strdup (value);

    if (copy && flux_aux_set (h, key, copy, free) < 0) {
        free (copy);
        copy = NULL;
    }
    return copy ? 0 : -1;
}

static int set_attrs (flux_t *h, json_t *attrs)
{
    const char *name;
    json_t *value;

    json_object_foreach (attrs, name, value) {
        if (!json_is_string (value)) {
            errno = EPROTO;
            return -1;
        }
        if (flux_attr_set_cacheonly (h, name, json_string_value (value)) < 0)
            return -1;
    }
    return 0;
}

/* *joined NULL: there are none. */
static int join_args (json_t *args, char **joined)
{
    struct buf b = BUF_INIT;
    json_t *value;
    size_t i;

    *joined = NULL;
    json_array_foreach (args, i, value) {
        if (!json_is_string (value)) {
            buf_fini (&b);
            errno = EPROTO;
            return -1;
        }
        if (i > 0)
            buf_addc (&b, ' ');
        buf_adds (&b, json_string_value (value));
    }
    if (json_array_size (args) > 0 && !(*joined = buf_take (&b, NULL)))
        return -1;
    return 0;
}

static void free_json (void *arg)
{
    json_decref (arg);
}

static int decode_welcome (flux_t *h, const flux_msg_t *msg, char **joined)
{
    json_t *args, *attrs, *o;
    const char *name, *uuid;
    flux_conf_t *conf;

    if (flux_request_unpack (msg, NULL, "{s:o s:o s:o s:s s:s}", "args", &args, "attrs",
                             &attrs, "conf", &o, "name", &name, "uuid", &uuid)
        < 0)
        return -1;
    if (!json_is_array (args) || !json_is_object (attrs) || !json_is_object (o)) {
        errno = EPROTO;
        return -1;
    }
    if (set_aux_string (h, "flux::name", name) < 0
        || set_aux_string (h, "flux::uuid", uuid) < 0 || set_attrs (h, attrs) < 0
        || !(conf = flux_conf_pack ("O", o)))
        return -1;
    if (flux_set_conf_new (h, conf) < 0) {
        flux_conf_decref (conf);
        return -1;
    }
    flux_log_set_appname (h, name);
    /* for a loader that has arguments with blanks */
    if (flux_aux_set (h, "flux::args", args, free_json) < 0)
        return -1;
    json_incref (args);
    return join_args (args, joined);
}

int flux_module_initialize (flux_t *h, char **args, flux_error_t *error)
{
    flux_msg_t *msg;
    const char *topic = "";
    char *joined = NULL;
    int rc;

    if (!h)
        return error_fail (error, EINVAL, "there is no handle");
    if (!(msg = flux_recv (h, FLUX_MATCH_REQUEST, 0)))
        return error_fail (error, errno, "waiting for the broker's welcome: %s",
                           strerror (errno));
    if (flux_msg_get_topic (msg, &topic) < 0 || strcmp (topic, "welcome") != 0)
        rc = error_fail (error, EPROTO, "the first message is '%s', not a welcome",
                         topic);
    else if ((rc = decode_welcome (h, msg, &joined)) < 0)
        error_fail (error, errno, "the broker's welcome: %s", strerror (errno));
    flux_msg_destroy (msg);
    if (rc == 0 && args)
        *args = joined;
    else
        free (joined);
    return rc;
}

/* ---- the end ---- */

/* What is still there came before the broker knew. */
static void refuse_requests (flux_t *h)
{
    flux_msg_t *msg;

    while ((msg = flux_recv (h, FLUX_MATCH_REQUEST, FLUX_O_NONBLOCK))) {
        if (!flux_msg_is_noresponse (msg))
            (void)flux_respond_error (h, msg, ENOSYS, NULL);
        flux_msg_destroy (msg);
    }
}

int flux_module_finalize (flux_t *h, int errnum, flux_error_t *error)
{
    flux_future_t *f;
    int rc;

    if (!h)
        return error_fail (error, EINVAL, "there is no handle");
    f = flux_rpc_pack (h, "module.status", FLUX_NODEID_ANY, 0, "{s:i}", "status",
                       STATUS_FINALIZING);
    rc = f ? flux_rpc_get (f, NULL) : -1;
    if (rc < 0)
        error_fail (error, errno, "telling that the module ends: %s", strerror (errno));
    flux_future_destroy (f);
    if (rc < 0)
        return -1;
    refuse_requests (h);
    f = flux_rpc_pack (h, "module.status", FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE,
                       "{s:i s:i}", "status", STATUS_EXITED, "errnum", errnum);
    if (!f)
        return error_fail (error, errno, "telling that the module has ended: %s",
                           strerror (errno));
    flux_future_destroy (f);
    return 0;
}
