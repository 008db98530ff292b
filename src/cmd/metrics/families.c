#include "cmd/metrics/families.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value/resource/rset.h"

enum {
    JOBS,
    MANAGER,
    RESOURCES,
    BROKER,
    OVERLAY,
    KVS,
    CONTENT,
    BACKING,
    MODULES,
};

const struct source families_sources[] = {
    [JOBS] = { "job-list.job-stats", "{}", "job-list", false },
    [MANAGER] = { "job-manager.stats-get", NULL, "job-manager", false },
    [RESOURCES] = { "resource.sched-status", NULL, "resource", false },
    [BROKER] = { "broker.stats-get", NULL, "broker", false },
    [OVERLAY] = { "overlay.health", "{}", "overlay", false },
    [KVS] = { "kvs.stats-get", NULL, "kvs", false },
    [CONTENT] = { "content.stats-get", NULL, "content", false },
    [BACKING] = { NULL, NULL, "content-backing", true },
    [MODULES] = { "module.list", "{}", "module", false },
};
const size_t families_count = sizeof (families_sources) / sizeof (families_sources[0]);

/* --- text --- */

static void head (struct buf *b, const char *name, const char *type, const char *unit,
                  const char *help)
{
    buf_printf (b, "# TYPE %s %s\n", name, type);
    if (unit)
        buf_printf (b, "# UNIT %s %s\n", name, unit);
    buf_printf (b, "# HELP %s %s\n", name, help);
}

/* Between quotes: line feeds, quotes and backslashes are escaped. */
static void add_label (struct buf *b, const char *name, const char *value)
{
    buf_printf (b, "%s=\"", name);
    for (const char *p = value; *p; p++) {
        if (*p == '\n')
            buf_adds (b, "\\n");
        else {
            if (*p == '"' || *p == '\\')
                buf_addc (b, '\\');
            buf_addc (b, *p);
        }
    }
    buf_addc (b, '"');
}

static void sample (struct buf *b, const char *name, const char *label,
                    const char *value, double x)
{
    buf_adds (b, name);
    if (label) {
        buf_addc (b, '{');
        add_label (b, label, value);
        buf_addc (b, '}');
    }
    /* whole numbers whole */
    buf_printf (b, x == floor (x) && fabs (x) < 1e15 ? " %.0f\n" : " %.9g\n", x);
}

/* A number in an object, by a way of keys with '/' between. */
static json_t *find (json_t *o, const char *path)
{
    while (o && *path) {
        size_t n = strcspn (path, "/");

        o = json_object_getn (o, path, n);
        path += n + (path[n] == '/');
    }
    return o;
}

struct simple {
    int source;
    const char *path, *name, *type, *unit, *help;
    double scale;
};

/* A counter's sample has a name of its own. */
static void simple_family (struct buf *b, const struct simple *f, json_t *answer)
{
    json_t *value = find (answer, f->path);
    char name[128];

    if (!json_is_number (value))
        return;
    head (b, f->name, f->type, f->unit, f->help);
    snprintf (name, sizeof (name), "%s%s", f->name,
              strcmp (f->type, "counter") ? "" : "_total");
    sample (b, name, NULL, NULL, json_number_value (value) * f->scale);
}

static const struct simple simple[] = {
    { JOBS, "successful", "flux_jobs_successful", "gauge", NULL,
      "Jobs that are inactive and ended with success.", 1 },
    { JOBS, "failed", "flux_jobs_failed", "gauge", NULL,
      "Jobs that are inactive and failed.", 1 },
    { JOBS, "canceled", "flux_jobs_canceled", "gauge", NULL,
      "Jobs that are inactive and were canceled.", 1 },
    { JOBS, "timeout", "flux_jobs_timeout", "gauge", NULL,
      "Jobs that are inactive and had no time left.", 1 },
    { MANAGER, "events/posted", "flux_job_events", "counter", NULL,
      "Events that the job manager has posted to jobs' eventlogs.", 1 },
    { MANAGER, "events/commits", "flux_job_event_commits", "counter", NULL,
      "Commits of the KVS that they took.", 1 },
    { BROKER, "router/inflight", "flux_requests_in_flight", "gauge", NULL,
      "Requests through the broker that are not answered.", 1 },
    { BROKER, "router/peers", "flux_peers", "gauge", NULL,
      "Modules, clients and services of the broker.", 1 },
    { BROKER, "router/quota/total/connections", "flux_connections", "gauge", NULL,
      "Clients of the broker's local socket.", 1 },
    { BROKER, "router/quota/total/messages", "flux_messages_queued", "gauge", NULL,
      "Messages that wait for a receiver.", 1 },
    { BROKER, "router/quota/total/bytes", "flux_messages_queued_bytes", "gauge",
      "bytes", "What they hold.", 1 },
    { KVS, "transaction-opcount/commits", "flux_kvs_commits", "counter", NULL,
      "Commits of the KVS.", 1 },
    { KVS, "transaction-opcount/transactions", "flux_kvs_transactions", "counter", NULL,
      "Transactions that they were made of.", 1 },
    { KVS, "transaction-opcount/operations", "flux_kvs_operations", "counter", NULL,
      "Operations of those transactions.", 1 },
    { KVS, "transaction-opcount/failed", "flux_kvs_transactions_failed", "counter",
      NULL, "Transactions that were refused.", 1 },
    { KVS, "pending_requests/lookups", "flux_kvs_lookups_pending", "gauge", NULL,
      "Lookups that wait for a blob.", 1 },
    { CONTENT, "count", "flux_content_blobs", "gauge", NULL,
      "Blobs in the cache of rank 0.", 1 },
    { CONTENT, "size", "flux_content_bytes", "gauge", "bytes", "Their size.", 1 },
    { CONTENT, "dirty", "flux_content_blobs_dirty", "gauge", NULL,
      "Blobs that the backing store does not have yet.", 1 },
    { BACKING, "object_count", "flux_store_blobs", "gauge", NULL,
      "Blobs in the backing store.", 1 },
    { BACKING, "dbfile_size", "flux_store_bytes", "gauge", "bytes",
      "Size of the backing store.", 1 },
    { BACKING, "dbfile_free", "flux_store_free_bytes", "gauge", "bytes",
      "Room in it that is free.", 1 },
    { BACKING, "load_time/count", "flux_store_loads", "counter", NULL,
      "Blobs that were loaded from it.", 1 },
    { BACKING, "store_time/count", "flux_store_batches", "counter", NULL,
      "Batches of blobs that were stored in it.", 1 },
    { BACKING, "store_time/mean", "flux_store_batch_seconds", "gauge", "seconds",
      "How long a batch takes on average.", 0.001 },
};

/* --- families with labels --- */

static void job_states (struct buf *b, json_t *answer)
{
    json_t *states = json_object_get (answer, "job_states"), *queues, *queue, *n;
    const char *state;
    size_t i;

    if (!json_is_object (states))
        return;
    head (b, "flux_jobs", "gauge", NULL, "Jobs by state.");
    json_object_foreach (states, state, n)
        if (strcmp (state, "total") != 0)
            sample (b, "flux_jobs", "state", state, json_number_value (n));
    queues = json_object_get (answer, "queues");
    if (json_array_size (queues) == 0)
        return;
    head (b, "flux_queue_jobs", "gauge", NULL, "Jobs by queue and state.");
    json_array_foreach (queues, i, queue) {
        const char *name = json_string_value (json_object_get (queue, "name"));
        json_object_foreach (json_object_get (queue, "job_states"), state, n) {
            if (!name || !strcmp (state, "total"))
                continue;
            buf_adds (b, "flux_queue_jobs{");
            add_label (b, "queue", name);
            buf_addc (b, ',');
            add_label (b, "state", state);
            buf_printf (b, "} %.0f\n", json_number_value (n));
        }
    }
}

static struct rset *decode (json_t *R)
{
    char *s = R ? json_dumps (R, JSON_COMPACT) : NULL;
    struct rset *r = s ? rset_decode (s, NULL) : NULL;

    free (s);
    return r;
}

static void resources (struct buf *b, json_t *answer)
{
    static const char *const types[] = { "node", "core", "gpu" };
    static const char *const sets[] = { "all", "allocated", "down" };
    struct rset *r[3];
    char name[64], help[128];

    for (size_t j = 0; j < 3; j++)
        r[j] = decode (json_object_get (answer, sets[j]));
    for (size_t i = 0; r[0] && i < 3; i++) {
        snprintf (name, sizeof (name), "flux_%ss", types[i]);
        snprintf (help, sizeof (help), "How many %ss are there, allocated, and down.",
                  types[i]);
        head (b, name, "gauge", NULL, help);
        for (size_t j = 0; j < 3; j++)
            if (r[j])
                sample (b, name, "set", sets[j], rset_count (r[j], types[i]));
    }
    for (size_t j = 0; j < 3; j++)
        rset_destroy (r[j]);
}

static void count_status (json_t *node, const char *const names[], size_t counts[])
{
    const char *status = json_string_value (json_object_get (node, "status"));
    json_t *child;
    size_t i;

    for (i = 0; names[i]; i++)
        if (status && !strcmp (status, names[i]))
            counts[i]++;
    json_array_foreach (json_object_get (node, "children"), i, child)
        count_status (child, names, counts);
}

/* Rank 0 and its children: what is below them has a status of its subtree. */
static void overlay (struct buf *b, json_t *answer)
{
    static const char *const names[] = { "full", "partial", "degraded",
                                         "lost", "offline", NULL };
    size_t counts[5] = { 0 };

    if (!json_object_get (answer, "status"))
        return;
    count_status (answer, names, counts);
    head (b, "flux_overlay_subtrees", "gauge", NULL,
          "Rank 0 and the subtrees of its children by status.");
    for (size_t i = 0; names[i]; i++)
        sample (b, "flux_overlay_subtrees", "status", names[i], counts[i]);
}

static void module_queues (struct buf *b, json_t *answer)
{
    static const char *const keys[] = { "sendqueue", "recvqueue" };
    json_t *mods = json_object_get (answer, "mods"), *mod;
    size_t i;

    if (!json_is_array (mods))
        return;
    head (b, "flux_module_messages_queued", "gauge", NULL,
          "Messages from and to modules that wait.");
    for (size_t k = 0; k < 2; k++)
        json_array_foreach (mods, i, mod) {
            const char *name = json_string_value (json_object_get (mod, "name"));
            json_t *n = json_object_get (mod, keys[k]);

            if (!name || !json_is_integer (n))
                continue;
            buf_adds (b, "flux_module_messages_queued{");
            add_label (b, "module", name);
            buf_printf (b, ",direction=\"%s\"} %lld\n", k == 0 ? "from" : "to",
                        (long long)json_integer_value (n));
        }
}

void families_write (struct buf *b, json_t *const answers[])
{
    head (b, "flux_up", "gauge", NULL, "Whether a service has answered.");
    for (size_t i = 0; i < families_count; i++)
        if (answers[i] || !families_sources[i].optional)
            sample (b, "flux_up", "service", families_sources[i].name,
                    answers[i] != NULL);
    job_states (b, answers[JOBS]);
    resources (b, answers[RESOURCES]);
    overlay (b, answers[OVERLAY]);
    module_queues (b, answers[MODULES]);
    for (size_t i = 0; i < sizeof (simple) / sizeof (simple[0]); i++)
        simple_family (b, &simple[i], answers[simple[i].source]);
    buf_adds (b, "# EOF\n");
}
