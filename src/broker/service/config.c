/* config.get, load, reload: one configuration, which all modules have agreed to.
 *
 * Happy path: the new one is given to the modules here; when all have taken it, rank 0
 * gives it to the other brokers by an event, and whoever asked is answered. One change
 * at a time, in the order in which they came.
 *
 * Failures: what cannot be read, and what a module refuses, changes nothing: those that
 * had taken it get the old one again. The answer names the module and says what it
 * said. What a module of another rank refuses is logged there. */
#include "broker/service/config.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "broker/attrs.h"
#include "broker/modhost/modules.h"
#include "broker/routing/builtin.h"
#include "broker/routing/router.h"
#include "core/message/message.h"

struct config_service {
    struct flux_msglist *waiting;
    const flux_msg_t *msg; /* of the change under way, or NULL */
    json_t *old;
};

static void config_get (struct broker *b, const flux_msg_t *msg, void *arg)
{
    broker_respond (b, msg, json_incref (b->conf));
}

/* The caller has a reference to the old one, if he needs it. */
static void put (struct broker *b, json_t *conf)
{
    json_t *old = b->conf;

    b->conf = json_incref (conf);
    json_decref (old);
}

static void log_refusal (struct broker *b, const char *refusal, void *arg)
{
    if (refusal)
        broker_log (b, LOG_ERR, "configuration: %s", refusal);
}

/* ---- from rank 0 to the others ---- */

static void publish (struct broker *b)
{
    flux_msg_t *event;

    if (b->rank > 0 || b->size == 1
        || !(event = flux_event_encode (CONFIG_SYNC_TOPIC, NULL)))
        return;
    flux_msg_set_cred (event, (struct flux_msg_cred){ b->owner, FLUX_ROLE_OWNER });
    flux_msg_set_private (event);
    if (msg_take_json (event, json_deep_copy (b->conf)) < 0)
        flux_msg_decref (event);
    else
        router_publish (b, event, NULL);
}

static void config_sync (struct broker *b, const flux_msg_t *event)
{
    json_t *o = msg_json (event);

    if (o) {
        put (b, o);
        modules_config (b, log_refusal, NULL);
    }
}

/* ---- a change ---- */

/* What was added at the start is not in the files, and stays. */
static json_t *with_added (struct broker *b, json_t *take, flux_error_t *error)
{
    json_t *added = json_deep_copy (b->conf_added);

    if (b->conf_added && (!added || json_object_update_recursive (take, added) < 0)) {
        json_decref (take);
        take = NULL;
        errno = ENOMEM;
        error_text (error, "out of memory");
    }
    json_decref (added);
    return take;
}

static json_t *read_path (struct broker *b, flux_error_t *error)
{
    const char *path = attrs_val (b->attrs, "config.path");
    flux_conf_t *conf;
    json_t *o = NULL;

    if (!path) {
        error_text (error, "config.path is not set");
        errno = ENOENT;
        return NULL;
    }
    if (!(conf = flux_conf_parse (path, error))
        || flux_conf_unpack (conf, error, "o", &o) < 0) {
        flux_conf_decref (conf);
        errno = EINVAL;
        return NULL;
    }
    o = json_deep_copy (o);
    flux_conf_decref (conf);
    return with_added (b, o, error);
}

/* What the request wants it to be, new. */
static json_t *wanted (struct broker *b, const flux_msg_t *msg, flux_error_t *error)
{
    const char *topic = "";
    json_t *o;

    (void)flux_msg_get_topic (msg, &topic);
    if (strcmp (topic, "config.reload") == 0)
        return read_path (b, error);
    if (!(o = msg_json (msg))) {
        error_text (error, "the configuration is not an object");
        errno = EPROTO;
    }
    return json_incref (o);
}

static void end (struct broker *b, struct config_service *cs)
{
    flux_msg_decref (cs->msg);
    json_decref (cs->old);
    cs->msg = NULL;
    cs->old = NULL;
}

static void next (struct broker *b, struct config_service *cs);

static void modules_done (struct broker *b, const char *refusal, void *arg)
{
    struct config_service *cs = arg;

    if (refusal) {
        put (b, cs->old);
        modules_config (b, log_refusal, NULL);
        broker_respond_error (b, cs->msg, EINVAL, refusal);
    } else {
        publish (b);
        broker_respond (b, cs->msg, NULL);
    }
    end (b, cs);
    next (b, cs);
}

static void next (struct broker *b, struct config_service *cs)
{
    flux_error_t error;
    json_t *conf;

    while (!cs->msg && (cs->msg = flux_msglist_pop (cs->waiting))) {
        conf = wanted (b, cs->msg, &error);
        if (!conf
            || (b->hooks.config_check && b->hooks.config_check (conf, &error) < 0)) {
            broker_respond_error (b, cs->msg, conf ? EINVAL : errno, error.text);
            json_decref (conf);
            end (b, cs);
            continue;
        }
        cs->old = json_incref (b->conf);
        put (b, conf);
        json_decref (conf);
        modules_config (b, modules_done, cs);
    }
}

static void config_change (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct config_service *cs = arg;

    if (flux_msglist_append (cs->waiting, msg) < 0)
        broker_respond_error (b, msg, errno, NULL);
    else
        next (b, cs);
}

/* ---- life ---- */

static const struct builtin table[] = {
    { "config.get", config_get, FLUX_ROLE_USER },
    { "config.load", config_change, 0 },
    { "config.reload", config_change, 0 },
    { NULL },
};

int config_service_init (struct broker *b)
{
    struct config_service *cs = calloc (1, sizeof (*cs));

    if (!cs || !(cs->waiting = flux_msglist_create ())) {
        free (cs);
        return -1;
    }
    b->config_service = cs;
    b->hooks.config_sync = config_sync;
    return builtins_add (b, table, cs);
}

void config_service_fini (struct broker *b)
{
    struct config_service *cs = b->config_service;

    if (cs) {
        b->hooks.config_sync = NULL;
        end (b, cs);
        flux_msglist_destroy (cs->waiting);
        free (cs);
        b->config_service = NULL;
    }
}
