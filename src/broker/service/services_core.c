/* The small services: attr, event, service, broker. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/error.h"
#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/modhost/modules.h"
#include "broker/routing/builtin.h"
#include "broker/routing/quota.h"
#include "broker/routing/router.h"
#include "broker/routing/services.h"
#include "broker/routing/subs.h"
#include "broker/service/environment.h"
#include "broker/service/services_core.h"
#include "core/message/message.h"

/* The sender, if it is a peer of this broker: for what concerns only local
 * clients and modules. */
static struct peer *local_sender (struct broker *b, const flux_msg_t *msg)
{
    const char *id = flux_msg_route_last (msg);
    struct peer *p = id ? peer_lookup (b, id) : NULL;

    return p && (p->kind == PEER_CLIENT || p->kind == PEER_MODULE) ? p : NULL;
}

/* ---- attr ---- */

static void attr_get (struct broker *b, const flux_msg_t *msg, void *arg)
{
    const char *name, *val;
    int flags;

    if (flux_msg_unpack (msg, "{s:s}", "name", &name) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (attrs_get (b->attrs, name, &val, &flags) < 0 || !val)
        broker_respond_error (b, msg, ENOENT, NULL);
    else
        broker_respond_pack (b, msg, "{s:s s:i}", "value", val, "flags",
                             flags & ATTR_IMMUTABLE);
}

static void attr_set (struct broker *b, const flux_msg_t *msg, void *arg)
{
    flux_error_t error = { { 0 } };
    const char *name, *val;
    int force = 0;

    if (flux_msg_unpack (msg, "{s:s s:s s?b}", "name", &name, "value", &val, "force",
                         &force)
        < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (attrs_set (b->attrs, name, val, force, &error) < 0)
        broker_respond_error (b, msg, errno, error.text);
    else
        broker_respond (b, msg, NULL);
}

static void attr_rm (struct broker *b, const flux_msg_t *msg, void *arg)
{
    flux_error_t error;
    const char *name;

    if (flux_msg_unpack (msg, "{s:s}", "name", &name) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (attrs_remove (b->attrs, name, &error) < 0)
        broker_respond_error (b, msg, errno, error.text);
    else
        broker_respond (b, msg, NULL);
}

static void attr_list (struct broker *b, const flux_msg_t *msg, void *arg)
{
    json_t *names = json_array ();
    const char *name;
    size_t pos = 0;

    while (attrs_next (b->attrs, &pos, &name, NULL, NULL))
        json_array_append_new (names, json_string (name));
    broker_respond_pack (b, msg, "{s:o}", "names", names);
}

/* ---- event ---- */

static int set_payload_base64 (flux_msg_t *event, const char *s)
{
    size_t len = strlen (s);
    void *buf = malloc (len / 4 * 3 + 3);
    ssize_t n = -1;

    if (buf && (n = base64_decode (buf, s, len)) >= 0)
        n = flux_msg_set_payload (event, buf, n);
    free (buf);
    return n < 0 ? -1 : 0;
}

static flux_msg_t *make_event (const flux_msg_t *msg)
{
    const char *topic, *payload = NULL;
    struct flux_msg_cred cred;
    json_t *o = NULL;
    int flags = 0;
    flux_msg_t *event;

    /* A payload that is JSON may also come as it is. */
    if (flux_msg_unpack (msg, "{s:s s?i s?s s?o}", "topic", &topic, "flags", &flags,
                         "payload", &payload, "json", &o)
            < 0
        || flux_msg_get_cred (msg, &cred) < 0 || topic[0] == '\0'
        || (flags & ~FLUX_MSGFLAG_PRIVATE)) {
        errno = EPROTO;
        return NULL;
    }
    if (!(event = flux_event_encode (topic, NULL)))
        return NULL;
    flux_msg_set_cred (event, cred);
    if ((flags & FLUX_MSGFLAG_PRIVATE))
        flux_msg_set_private (event);
    if ((payload && set_payload_base64 (event, payload) < 0)
        || (o && msg_take_json (event, json_incref (o)) < 0)) {
        flux_msg_decref (event);
        errno = EPROTO;
        return NULL;
    }
    return event;
}

/* Each rank on the way to rank 0 knows what its services listen to. */
static bool may_publish (struct broker *b, const flux_msg_t *msg)
{
    struct flux_msg_cred cred;
    const char *topic;
    flux_error_t error;

    if (flux_msg_get_cred (msg, &cred) < 0
        || flux_msg_unpack (msg, "{s:s}", "topic", &topic) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (!router_may_publish (b, topic, cred, &error))
        broker_respond_error (b, msg, EPERM, error.text);
    else
        return true;
    return false;
}

static void event_publish (struct broker *b, const flux_msg_t *msg, void *arg)
{
    flux_msg_t *event;
    uint32_t seq = 0;

    if (!may_publish (b, msg))
        return;
    if (b->rank > 0) {
        router_forward_up (b, msg);
        return;
    }
    if (!(event = make_event (msg))) {
        broker_respond_error (b, msg, errno, NULL);
        return;
    }
    router_publish (b, event, &seq);
    broker_respond_pack (b, msg, "{s:I}", "seq", (json_int_t)seq);
}

/* Each new prefix is one that all events are compared with. */
static int subscribe (struct broker *b, struct peer *p, const char *topic)
{
    size_t before = p->subs.count;
    int rc;

    if (!quota_take (b->quota, p->user, QUOTA_MATCHES, 1))
        return -1;
    rc = subs_add (&p->subs, topic);
    if (p->subs.count == before)
        quota_give (b->quota, p->user, QUOTA_MATCHES, 1);
    return rc;
}

/* The text for errno when a name was not taken, or NULL. */
static const char *name_refused (struct broker *b, int max, char text[64])
{
    if (errno == ENOBUFS)
        return quota_reason (b->quota);
    if (errno != ENAMETOOLONG)
        return NULL;
    snprintf (text, 64, "the name has more than %d bytes", max);
    return text;
}

static void event_subscribe (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct peer *p = local_sender (b, msg);
    const char *topic;
    char text[64];

    if (!p || flux_msg_unpack (msg, "{s:s}", "topic", &topic) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (subscribe (b, p, topic) < 0)
        broker_respond_error (b, msg, errno, name_refused (b, SUBS_PREFIX_MAX, text));
    else
        broker_respond (b, msg, NULL);
}

static int unsubscribe (struct broker *b, struct peer *p, const char *topic)
{
    size_t before = p->subs.count;

    if (subs_remove (&p->subs, topic) < 0)
        return -1;
    quota_give (b->quota, p->user, QUOTA_MATCHES, before - p->subs.count);
    return 0;
}

static void event_unsubscribe (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct peer *p = local_sender (b, msg);
    const char *topic;

    if (!p || flux_msg_unpack (msg, "{s:s}", "topic", &topic) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (unsubscribe (b, p, topic) < 0)
        broker_respond_error (b, msg, errno, NULL);
    else
        broker_respond (b, msg, NULL);
}

/* ---- service ---- */

/* A guest may only take names that begin with its user id: "100-shell-f1". */
static bool may_register (const flux_msg_t *msg, const char *service)
{
    struct flux_msg_cred cred;
    char prefix[16];

    if (flux_msg_get_cred (msg, &cred) < 0)
        return false;
    if ((cred.rolemask & FLUX_ROLE_OWNER))
        return true;
    snprintf (prefix, sizeof (prefix), "%u-", cred.userid);
    return strncmp (service, prefix, strlen (prefix)) == 0 && is_printable (service);
}

/* The name is charged like a subscription, until it or the peer goes. */
static int serve (struct broker *b, struct peer *p, const char *service)
{
    if (!quota_take (b->quota, p->user, QUOTA_MATCHES, 1))
        return -1;
    if (services_add (b->services, service, p) < 0) {
        quota_give (b->quota, p->user, QUOTA_MATCHES, 1);
        return -1;
    }
    p->serves++;
    return 0;
}

static void service_add (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct peer *p = local_sender (b, msg);
    const char *service;
    char text[64];

    if (!p || flux_msg_unpack (msg, "{s:s}", "service", &service) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (!may_register (msg, service))
        broker_respond_error (b, msg, EPERM, NULL);
    else if (serve (b, p, service) < 0)
        broker_respond_error (b, msg, errno, name_refused (b, SERVICE_NAME_MAX, text));
    else
        broker_respond (b, msg, NULL);
}

static void service_remove (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct peer *p = local_sender (b, msg);
    const char *service;

    if (!p || flux_msg_unpack (msg, "{s:s}", "service", &service) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (services_remove (b->services, service, p) < 0)
        broker_respond_error (b, msg, errno, NULL);
    else {
        if (p->serves > 0) {
            quota_give (b->quota, p->user, QUOTA_MATCHES, 1);
            p->serves--;
        }
        broker_respond (b, msg, NULL);
    }
}

/* ---- broker ---- */

static bool are_strings (json_t *array)
{
    json_t *o;
    size_t i;

    json_array_foreach (array, i, o)
        if (!json_is_string (o))
            return false;
    return json_is_array (array);
}

static void broker_getenv (struct broker *b, const flux_msg_t *msg, void *arg)
{
    json_t *names, *name, *env;
    size_t i;

    if (flux_msg_unpack (msg, "{s:o}", "names", &names) < 0 || !are_strings (names)) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    env = json_object ();
    json_array_foreach (names, i, name) {
        const char *val = getenv (json_string_value (name));

        if (val)
            json_object_set_new (env, json_string_value (name), json_string (val));
    }
    broker_respond_pack (b, msg, "{s:o}", "env", env);
}

/* Names to strings, or null: it is unset. -1 with errno: nothing may be changed. */
static int check_env (json_t *env)
{
    const char *name;
    json_t *val;

    errno = EPROTO;
    if (!json_is_object (env))
        return -1;
    json_object_foreach (env, name, val) {
        if (!json_is_string (val) && !json_is_null (val))
            return -1;
        if (!*name || strchr (name, '=')) {
            errno = EINVAL;
            return -1;
        }
    }
    return 0;
}

/* What a program can be started with, with room for what it needs itself. */
#define ENV_MAX (1024 * 1024)
#define ENV_VALUE_MAX (64 * 1024)

static bool env_fits (json_t *env, flux_error_t *error)
{
    size_t size = environment_size ();
    const char *name;
    json_t *val;

    json_object_foreach (env, name, val) {
        if (json_is_null (val))
            continue;
        size += strlen (name) + json_string_length (val) + 2 + sizeof (char *);
        if (strlen (name) + json_string_length (val) > ENV_VALUE_MAX) {
            error_text (error, "%.80s: a variable has at most %d bytes", name,
                        ENV_VALUE_MAX);
            return false;
        }
    }
    if (size > ENV_MAX)
        error_text (error, "the broker's environment has at most %d bytes", ENV_MAX);
    return size <= ENV_MAX;
}

static void broker_setenv (struct broker *b, const flux_msg_t *msg, void *arg)
{
    flux_error_t error;
    const char *name;
    json_t *env, *val;
    int rc = 0;

    if (flux_msg_unpack (msg, "{s:o}", "env", &env) < 0) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    if (check_env (env) < 0) {
        broker_respond_error (b, msg, errno, NULL);
        return;
    }
    if (!env_fits (env, &error)) {
        broker_respond_error (b, msg, E2BIG, error.text);
        return;
    }
    json_object_foreach (env, name, val) {
        if (rc == 0)
            rc = environment_set (name, json_string_value (val));
    }
    if (rc < 0)
        broker_respond_error (b, msg, errno,
                              errno == ENOSPC ? "the environment was changed too often"
                                              : NULL);
    else
        broker_respond (b, msg, NULL);
}

static void broker_handlers (struct broker *b, const flux_msg_t *msg, void *arg)
{
    broker_respond_pack (b, msg, "{s:o}", "handlers", builtins_describe (b));
}

static void broker_stats (struct broker *b, const flux_msg_t *msg, void *arg)
{
    broker_respond_pack (b, msg, "{s:i s:s s:i s:o}", "pid", (int)getpid (), "state",
                         state_name (b->state), "modules", modules_count (b), "router",
                         router_stats (b));
}

static void broker_panic (struct broker *b, const flux_msg_t *msg, void *arg)
{
    const char *reason = "";

    (void)flux_msg_unpack (msg, "{s?s}", "reason", &reason);
    broker_log (b, LOG_CRIT, "panic: %s", reason);
    if (b->exit_code == 0)
        b->exit_code = 1;
    broker_respond (b, msg, NULL);
    broker_post (b, EVENT_PANIC);
}

static const struct builtin table[] = {
    { "attr.get", attr_get, FLUX_ROLE_ALL },
    { "attr.set", attr_set, 0 },
    { "attr.rm", attr_rm, 0 },
    { "attr.list", attr_list, FLUX_ROLE_ALL },
    { "event.publish", event_publish, FLUX_ROLE_USER },
    { "event.subscribe", event_subscribe, FLUX_ROLE_USER },
    { "event.unsubscribe", event_unsubscribe, FLUX_ROLE_USER },
    { "service.add", service_add, FLUX_ROLE_USER },
    { "service.remove", service_remove, FLUX_ROLE_USER },
    { "broker.getenv", broker_getenv, 0 },
    { "broker.handlers", broker_handlers, 0 },
    { "broker.setenv", broker_setenv, 0 },
    { "broker.stats-get", broker_stats, 0 },
    { "broker.panic", broker_panic, 0 },
    { NULL },
};

int core_services_init (struct broker *b)
{
    return builtins_add (b, table, NULL);
}
