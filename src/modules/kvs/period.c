/* Checkpoints of the primary namespace by the clock: [kvs] checkpoint-period. (gc-threshold
 * is for flux shutdown.)
 *
 * Where the store is kept each commit has one, which survives the broker; by this one
 * all until then is on the disk, too. Nothing is written if nothing has changed. */
#include "service.h"

#include "base/error.h"
#include "base/json/keys.h"
#include "value/fsd.h"

#include <stdio.h>

static int parse_period (const flux_conf_t *conf, double *seconds, flux_error_t *error)
{
    static const struct json_key keys[] = { { "checkpoint-period", JSON_KIND_STRING },
                                            { "gc-threshold", JSON_KIND_INTEGER },
                                            { NULL } };
    json_t *table = NULL, *threshold;
    const char *s;

    *seconds = 0.;
    if (!conf)
        return 0;
    if (flux_conf_unpack (conf, error, "{s?o}", "kvs", &table) < 0
        || json_check_keys (table, "kvs", keys, error) < 0)
        return -1;
    s = json_string_value (json_object_get (table, "checkpoint-period"));
    if (s && (fsd_parse (s, seconds) < 0 || *seconds <= 0.))
        return error_invalid (
            error, "kvs.checkpoint-period: '%.60s' is no duration above 0", s);
    threshold = json_object_get (table, "gc-threshold");
    if (threshold && json_integer_value (threshold) < 0)
        return error_invalid (error, "kvs.gc-threshold: %lld is no number from 0",
                              (long long)json_integer_value (threshold));
    return 0;
}

static void checkpoint (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct kvs *kvs = arg;
    struct kvs_ns *ns = kvs_ns_lookup (kvs, KVS_PRIMARY_NAMESPACE);

    if (!ns || ns->sequence == kvs->period_sequence)
        return;
    kvs->period_sequence = ns->sequence;
    kvs_leader_commit (ns->space, NULL, "", NULL, 0);
}

int kvs_period_config (struct kvs *kvs, const flux_conf_t *conf, flux_error_t *error)
{
    double seconds;

    if (parse_period (conf, &seconds, error) < 0)
        return -1;
    if (!kvs->leader)
        return 0;
    flux_watcher_destroy (kvs->period_timer);
    kvs->period_timer = NULL;
    if (seconds == 0.)
        return 0;
    if (!(kvs->period_timer = flux_timer_watcher_create (
              flux_get_reactor (kvs->h), seconds, seconds, checkpoint, kvs)))
        return error_fail (error, ENOMEM, "out of memory");
    flux_watcher_start (kvs->period_timer);
    return 0;
}

void kvs_config_reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    flux_error_t error = { "" };
    const flux_conf_t *conf;

    if (flux_conf_reload_decode (msg, &conf) < 0
        || kvs_period_config (arg, conf, &error) < 0) {
        if (flux_respond_error (h, msg, errno, error.text[0] ? error.text : NULL) < 0)
            flux_log_error (h, "error responding to kvs.config-reload");
        return;
    }
    (void)flux_set_conf_new (h, flux_conf_incref (conf));
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to kvs.config-reload");
}
