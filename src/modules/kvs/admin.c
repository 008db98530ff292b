/* admin.eventlog of the primary namespace: when the instance started and ended.
 *
 * A `start` is written when the KVS has started, a `finish` when it ends with the
 * instance; not when the module is loaded or removed while the instance runs. So a
 * start behind a start tells that an instance ended without saying so. */
#include "service.h"

#include "config.h"
#include "value/eventlog.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define KEY "admin.eventlog"
#define STATE_TIMEOUT 5. /* s */
#define FINISH_TIMEOUT 5.

/* A transaction of the KVS itself: there is no request to be answered. The bytes stay
 * in b until it is applied. */
static int post (struct kvs *kvs, const char *name, json_t *context, struct buf *b)
{
    struct kvs_ns *ns = kvs_ns_lookup (kvs, KVS_PRIMARY_NAMESPACE);
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char *line = eventlog_line (0., name, context);
    struct kvs_txn_reader r;
    int rc = -1;

    if (ns && txn && line && flux_kvs_txn_put (txn, FLUX_KVS_APPEND, KEY, line) == 0) {
        kvs_txn_encode (txn, KVS_PRIMARY_NAMESPACE, 0, b);
        if (!b->err && kvs_txn_read (&r, b->data, b->len) == 0) {
            kvs_leader_commit (ns->space, NULL, "", &r, b->len);
            rc = 0;
        }
    }
    free (line);
    flux_kvs_txn_destroy (txn);
    return rc;
}

/* The last event; its time is 0 if there is none. */
static void find_last (flux_future_t *f, double *timestamp, bool *started)
{
    json_t *log = NULL, *entry;
    const void *data;
    const char *name;
    size_t len;

    *timestamp = 0.;
    *started = false;
    if (flux_kvs_lookup_get_raw (f, &data, &len) < 0 || !data
        || !(log = eventlog_decode (data, len)))
        return;
    entry = json_array_get (log, json_array_size (log) - 1);
    if (entry && eventlog_entry_parse (entry, timestamp, &name, NULL) == 0)
        *started = !strcmp (name, "start");
    json_decref (log);
}

static void found (flux_future_t *f, void *arg)
{
    struct kvs *kvs = arg;
    const char *s = flux_attr_get (kvs->h, "broker.starttime");
    double begin = s ? strtod (s, NULL) : 0., last;
    json_t *context;
    bool started;

    find_last (f, &last, &started);
    flux_future_destroy (f);
    if (started && last >= begin)
        return; /* the module was loaded again */
    if (started)
        flux_log (
            kvs->h, LOG_WARNING,
            "kvs: the instance was not shut down properly the last time: what was "
            "not committed then is lost");
    context = json_pack ("{s:s}", "core-version", FLUX_VERSION);
    if (!context || post (kvs, "start", context, &kvs->admin[0]) < 0)
        flux_log_error (kvs->h, "kvs: writing " KEY);
    json_decref (context);
}

int kvs_admin_start (struct kvs *kvs)
{
    flux_future_t *f = flux_kvs_lookup (kvs->h, KVS_PRIMARY_NAMESPACE, 0, KEY);

    if (!f || flux_future_then (f, -1., found, kvs) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    return 0;
}

/* The reactor is over. */
static bool instance_ends (struct kvs *kvs)
{
    flux_future_t *f = flux_rpc (kvs->h, "state-machine.get", NULL, 0, 0);
    const char *state;
    bool ends = false;

    if (f && flux_future_wait_for (f, STATE_TIMEOUT) == 0
        && flux_rpc_get_unpack (f, "{s:s}", "state", &state) == 0)
        ends = strcmp (state, "run") != 0 && strcmp (state, "quorum") != 0
               && strcmp (state, "init") != 0;
    flux_future_destroy (f);
    return ends;
}

static void late (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    bool *is_late = arg;

    *is_late = true;
}

/* The way to the key may have to be loaded: the reactor goes on until it is. */
static void apply (struct kvs *kvs)
{
    struct kvs_ns *ns = kvs_ns_lookup (kvs, KVS_PRIMARY_NAMESPACE);
    flux_reactor_t *r = flux_get_reactor (kvs->h);
    bool is_late = false;
    flux_watcher_t *timer =
        flux_timer_watcher_create (r, FINISH_TIMEOUT, 0., late, &is_late);

    flux_watcher_start (timer);
    kvs_turn (kvs);
    while (timer && !list_empty (&ns->space->queue) && !is_late
           && flux_reactor_run (r, FLUX_REACTOR_ONCE) >= 0)
        ;
    flux_watcher_destroy (timer);
}

void kvs_admin_finish (struct kvs *kvs)
{
    if (!instance_ends (kvs))
        return;
    if (post (kvs, "finish", NULL, &kvs->admin[1]) < 0)
        flux_log_error (kvs->h, "kvs: writing " KEY);
    else
        apply (kvs);
}
