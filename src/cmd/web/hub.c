/* Happy path: a hub opens its instance (the outermost by its URI, others by asking the
 * one around them), follows the journals, and keeps the last answer to each question as a
 * facet with a number that grows. A client remembers the numbers that it was told.
 *
 * Failures: an instance that cannot be reached or goes away makes its hub fail: its
 * clients are told ("lost") and hubs below it fail with it. A service that does not answer
 * leaves its facet empty. */
#include "cmd/web/hub.h"

#include "base/list.h"
#include "cmd/live/opening.h"
#include "cmd/web/bars.h"
#include "cmd/web/guard.h"
#include "cmd/web/nodes.h"
#include "cmd/web/rows.h"
#include "core/job/uri.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HUBS_MAX 16
#define CLIENTS_MAX 16
#define LOG_MAX 300
#define NAMES_MAX 768
#define BARS_CHUNK 1024
#define LINGER 15. /* seconds that a hub is kept without a client */

enum facet_id {
    FACET_INFO,
    FACET_STATS,
    FACET_NODES,
    FACET_QUEUES,
    FACET_OVERLAY,
    FACETS
};

static const char *const facet_names[] = { "info", "stats", "nodes", "queues",
                                           "overlay" };

struct facet {
    json_t *value;
    uint64_t serial;
};

enum hub_state { HUB_WAITING, HUB_OPEN, HUB_FAILED };

struct hubs {
    flux_reactor_t *r;
    struct list all;
    int count;
    int clients;
    struct hub *root;
    char *uri;
    void (*lost) (void *arg);
    void *arg;
};

struct hub {
    struct list node;
    struct hubs *hs;
    struct hub *parent;
    char *path;
    flux_jobid_t id; /* in the parent */
    int users;       /* clients and hubs below */
    enum hub_state state;
    char error[160];
    struct live *live;
    struct opening *opening;
    flux_future_t *resolve, *journal, *log, *topology, *online;
    struct facet facets[FACETS];
    uint64_t serial;
    json_t *status, *sched; /* of the facet nodes */
    json_t *tree, *members; /* of the facet overlay */
    struct bars *bars;
    struct live_query *names;
    json_t *lines;   /* of the log */
    uint64_t nlines; /* that ever came */
    struct list clients;
    flux_watcher_t *idle;
};

struct client {
    struct list node;
    struct hub *hub;
    const struct client_ops *ops;
    void *arg;
    struct stream stream;
    json_t *constraint;
    int limit;
    struct rows rows;
    struct live_query *jobs;
    json_t *answer; /* of job-list, that was not looked at */
    uint64_t told[FACETS];
    uint64_t told_bars, told_lines;
    bool told_lost;
};

static void open_cb (flux_t *take_h, const flux_error_t *error, void *arg);
static void hub_destroy (struct hub *hub);

/* --- clients --- */

static void tell_log (struct client *c)
{
    struct hub *hub = c->hub;
    size_t have = json_array_size (hub->lines);
    uint64_t first = hub->nlines - have,
             from = c->told_lines > first ? c->told_lines : first;
    json_t *a;
    if (from == hub->nlines)
        return;
    a = json_array ();
    for (; from < hub->nlines; from++)
        json_array_append (a, json_array_get (hub->lines, from - first));
    c->told_lines = from;
    stream_send (&c->stream, "log", a);
}

static void tell_jobs (struct client *c)
{
    json_t *o;
    if (!c->answer)
        return;
    if ((o = rows_update (&c->rows, json_object_get (c->answer, "jobs"))))
        stream_send (&c->stream, "jobs", o);
    json_decref (c->answer);
    c->answer = NULL;
}

static void tell_bars (struct client *c)
{
    json_t *a;
    while (!stream_busy (&c->stream)
           && (a = bars_since (c->hub->bars, &c->told_bars, BARS_CHUNK)))
        stream_send (&c->stream, "bars", a);
}

/* What it does not know, unless it is busy with what it was told. */
static void tell (struct client *c)
{
    struct hub *hub = c->hub;
    if (stream_busy (&c->stream) || c->told_lost)
        return;
    if (hub->state == HUB_FAILED) {
        c->told_lost = true;
        stream_send (&c->stream, "lost", json_pack ("{s:s}", "why", hub->error));
    }
    for (int i = 0; i < FACETS; i++) {
        if (hub->facets[i].serial > c->told[i]) {
            c->told[i] = hub->facets[i].serial;
            stream_send (&c->stream, facet_names[i],
                         json_incref (hub->facets[i].value));
        }
    }
    tell_jobs (c);
    tell_bars (c);
    tell_log (c);
    if (c->stream.dead || c->stream.buf.len > 0)
        c->ops->ready (c->arg);
}

static void tell_all (struct hub *hub)
{
    list_foreach (&hub->clients, it) {
        tell (container_of (it, struct client, node));
    }
}

static json_t *jobs_payload (void *arg)
{
    struct client *c = arg;
    return json_pack ("{s:i s:[s,s,s,s,s,s,s,s,s,s,s,s,s,s,s,s,s] s:O}", "max_entries",
                      c->limit, "attrs", "userid", "state", "name", "queue", "ntasks",
                      "ncores", "nnodes", "nodelist", "priority", "t_submit", "t_run",
                      "t_cleanup", "t_inactive", "result", "waitstatus",
                      "exception_type", "annotations", "constraint", c->constraint);
}

static void got_jobs (json_t *o, const char *error, void *arg)
{
    struct client *c = arg;
    if (!o)
        return;
    json_decref (c->answer);
    c->answer = json_incref (o);
    tell (c);
}

static void client_start (struct client *c)
{
    if (c->hub->state == HUB_OPEN && !c->jobs)
        c->jobs = live_ask (c->hub->live, LIVE_JOBS, "job-list.list", jobs_payload,
                            got_jobs, c);
}

/* --- facets --- */

static void set_facet (struct hub *hub, enum facet_id which, json_t *take_value)
{
    struct facet *f = &hub->facets[which];
    if (!take_value || (f->value && json_equal (f->value, take_value))) {
        json_decref (take_value);
        return;
    }
    json_decref (f->value);
    f->value = take_value;
    f->serial = ++hub->serial;
    tell_all (hub);
}

static void got_stats (json_t *o, const char *error, void *arg)
{
    set_facet (arg, FACET_STATS, json_incref (o));
}

static void update_nodes (struct hub *hub)
{
    if (hub->status)
        set_facet (hub, FACET_NODES, nodes_encode (hub->status, hub->sched));
}

static void got_status (json_t *o, const char *error, void *arg)
{
    struct hub *hub = arg;
    if (!o)
        return;
    json_decref (hub->status);
    hub->status = json_incref (o);
    update_nodes (hub);
}

static void got_sched (json_t *o, const char *error, void *arg)
{
    struct hub *hub = arg;
    if (!o)
        return;
    json_decref (hub->sched);
    hub->sched = json_incref (o);
    update_nodes (hub);
}

static void got_queues (json_t *o, const char *error, void *arg)
{
    json_t *queues = json_object_get (o, "queues");
    if (json_array_size (queues) > 0)
        set_facet (arg, FACET_QUEUES, json_incref (queues));
}

/* Of the one queue of an instance that has no named ones. */
static void got_queue (json_t *o, const char *error, void *arg)
{
    if (o)
        set_facet (arg, FACET_QUEUES, json_pack ("[O]", o));
}

static void update_overlay (struct hub *hub)
{
    if (hub->tree && hub->members)
        set_facet (hub, FACET_OVERLAY,
                   json_pack ("{s:O s:O}", "tree", hub->tree, "online", hub->members));
}

static void topology_cb (flux_future_t *f, void *arg)
{
    struct hub *hub = arg;
    json_t *o;
    if (flux_rpc_get_unpack (f, "o", &o) == 0) {
        hub->tree = json_incref (o);
        update_overlay (hub);
    }
}

static void online_cb (flux_future_t *f, void *arg)
{
    struct hub *hub = arg;
    json_t *o;
    if (flux_rpc_get_unpack (f, "{s:o}", "members", &o) < 0)
        return;
    json_decref (hub->members);
    hub->members = json_incref (o);
    update_overlay (hub);
    flux_future_reset (f);
}

static void log_cb (flux_future_t *f, void *arg)
{
    struct hub *hub = arg;
    const void *data;
    size_t len;
    json_t *line;
    if (flux_rpc_get_raw (f, &data, &len) < 0)
        return; /* a guest may not read it; it ends with the instance */
    if (len > 0 && ((const char *)data)[len - 1] == '\0')
        len--;
    if ((line = json_stringn (data, len < 2048 ? len : 2048))) {
        json_array_append_new (hub->lines, line);
        hub->nlines++;
        if (json_array_size (hub->lines) > LOG_MAX)
            json_array_remove (hub->lines, 0);
        tell_all (hub);
    }
    flux_future_reset (f);
}

static void journal_cb (flux_future_t *f, void *arg)
{
    struct hub *hub = arg;
    json_t *events, *o;
    size_t i;
    bool changed = false;
    if (flux_rpc_get_unpack (f, "{s:o}", "events", &events) < 0)
        return; /* a guest has no timeline */
    json_array_foreach (events, i, o) {
        changed |= bars_event (hub->bars, o);
    }
    if (changed) {
        if (bars_nameless (hub->bars))
            live_ask_again (hub->names);
        tell_all (hub);
    }
    flux_future_reset (f);
}

/* Jobs that run, and the newest of those that have ended. */
static json_t *names_payload (void *arg)
{
    return json_pack ("{s:i s:[s] s:{s:[s,s]}}", "max_entries", NAMES_MAX, "attrs",
                      "name", "constraint", "states", "running", "inactive");
}

static void got_names (json_t *o, const char *error, void *arg)
{
    struct hub *hub = arg;
    if (o && bars_names (hub->bars, json_object_get (o, "jobs")))
        tell_all (hub);
}

/* --- an instance --- */

static void fail (struct hub *hub, const char *error)
{
    if (hub->state == HUB_FAILED)
        return;
    hub->state = HUB_FAILED;
    snprintf (hub->error, sizeof (hub->error), "%s", error);
    list_foreach (&hub->clients, it) {
        struct client *c = container_of (it, struct client, node);
        live_ask_end (c->jobs);
        c->jobs = NULL;
    }
    flux_future_destroy (hub->journal);
    flux_future_destroy (hub->log);
    flux_future_destroy (hub->topology);
    flux_future_destroy (hub->online);
    hub->journal = hub->log = hub->topology = hub->online = NULL;
    live_close (hub->live);
    hub->live = NULL;
    hub->names = NULL;
    list_foreach (&hub->hs->all, it) {
        struct hub *other = container_of (it, struct hub, node);
        if (other->parent == hub)
            fail (other, error);
    }
    tell_all (hub);
}

static void lost_cb (void *arg)
{
    struct hub *hub = arg;
    struct hubs *hs = hub->hs;
    fail (hub, "the instance has ended");
    if (hub == hs->root)
        hs->lost (hs->arg);
}

/* So that a connection whose other end is gone is noticed, too. */
static void signal_cb (int signals, void *arg)
{
    struct hub *hub = arg;
    if (!(signals & LIVE_PULSE))
        return;
    if (hub->names && bars_nameless (hub->bars)) /* job-list had not heard of it yet */
        live_ask_again (hub->names);
    list_foreach (&hub->clients, it) {
        struct client *c = container_of (it, struct client, node);
        if (stream_busy (&c->stream))
            continue;
        stream_send (&c->stream, "pulse",
                     json_pack ("{s:f}", "now", flux_reactor_time ()));
        c->ops->ready (c->arg);
    }
}

static const struct live_ops live_ops = { .signal = signal_cb, .lost = lost_cb };

static json_t *make_info (struct hub *hub)
{
    struct live *l = hub->live;
    return json_pack ("{s:s s:s s:s s:i s:i s:f s:b s:I s:s}", "path", hub->path,
                      "version", live_attr (l, "version", ""), "host",
                      live_attr (l, "hostlist", ""), "size",
                      atoi (live_attr (l, "size", "1")), "depth",
                      atoi (live_attr (l, "instance-level", "0")), "start",
                      live_starttime (l), "owner", live_is_owner (l), "userid",
                      (json_int_t)getuid (), "uri", live_attr (l, "local-uri", ""));
}

static void follow (struct hub *hub, flux_future_t **fp, flux_future_t *f,
                    flux_continuation_f cb)
{
    if (f && flux_future_then (f, -1., cb, hub) < 0) {
        flux_future_destroy (f);
        f = NULL;
    }
    *fp = f;
}

static void start (struct hub *hub)
{
    struct live *l = hub->live;
    flux_t *h = live_handle (l);
    hub->names = live_ask (l, 0, "job-list.list", names_payload, got_names, hub);
    live_ask (l, LIVE_JOBS, "job-list.job-stats", NULL, got_stats, hub);
    live_ask (l, LIVE_RESOURCES, "resource.status", NULL, got_status, hub);
    live_ask (l, LIVE_JOBS | LIVE_RESOURCES, "resource.sched-status", NULL, got_sched,
              hub);
    /* no event tells of queues; the heartbeat is the instance's own clock */
    live_ask (l, LIVE_PULSE, "job-manager.queue-list", NULL, got_queues, hub);
    live_ask (l, LIVE_PULSE, "job-manager.queue-status", NULL, got_queue, hub);
    follow (hub, &hub->journal,
            flux_rpc_pack (h, "job-manager.events-journal", 0, FLUX_RPC_STREAMING,
                           "{s:{s:i s:i s:i}}", "allow", "alloc", 1, "free", 1, "clean",
                           1),
            journal_cb);
    follow (hub, &hub->log,
            flux_rpc_pack (h, "log.dmesg", 0, FLUX_RPC_STREAMING, "{s:b s:b}", "follow",
                           1, "nobacklog", 0),
            log_cb);
    follow (hub, &hub->topology,
            flux_rpc_pack (h, "overlay.topology", 0, 0, "{s:i}", "rank", 0),
            topology_cb);
    follow (hub, &hub->online,
            flux_rpc_pack (h, "groups.get", 0, FLUX_RPC_STREAMING, "{s:s}", "name",
                           "broker.online"),
            online_cb);
}

static void resolved_cb (flux_future_t *f, void *arg)
{
    struct hub *hub = arg;
    const char *uri = NULL;
    char *copy = NULL;
    int state = 0;
    char error[160] = "";
    if (flux_rpc_get_unpack (f, "{s:{s?i s?{s?{s?s}}}}", "job", "state", &state,
                             "annotations", "user", "uri", &uri)
        < 0)
        snprintf (error, sizeof (error), "%s",
                  errno == ENOENT ? "no such job" : flux_future_error_string (f));
    else if (!uri)
        snprintf (error, sizeof (error), "the job is not an instance");
    else if (!(state & FLUX_JOB_STATE_RUNNING))
        snprintf (error, sizeof (error), "the instance has ended");
    else
        copy = uri_form (uri, URI_CONNECT);
    flux_future_destroy (f);
    hub->resolve = NULL;
    if (copy)
        hub->opening = opening_start (hub->hs->r, copy, open_cb, hub);
    if (!hub->opening)
        fail (hub, error[0] ? error : strerror (errno));
    free (copy);
}

static void resolve (struct hub *hub)
{
    flux_future_t *f = flux_rpc_pack (
        live_handle (hub->parent->live), "job-list.list-id", 0, 0, "{s:I s:[s,s]}",
        "id", (json_int_t)hub->id, "attrs", "state", "annotations");
    if (!f || flux_future_then (f, -1., resolved_cb, hub) < 0) {
        flux_future_destroy (f);
        fail (hub, "job-list.list-id cannot be asked");
        return;
    }
    hub->resolve = f;
}

/* With live, or error. */
static void opened (struct hub *hub, const flux_error_t *error)
{
    if (!hub->live) {
        fail (hub, error->text);
        return;
    }
    hub->state = HUB_OPEN;
    set_facet (hub, FACET_INFO, make_info (hub));
    start (hub);
    list_foreach (&hub->clients, it) {
        client_start (container_of (it, struct client, node));
    }
    list_foreach (&hub->hs->all, it) {
        struct hub *other = container_of (it, struct hub, node);
        if (other->parent == hub && other->state == HUB_WAITING && !other->resolve
            && !other->opening)
            resolve (other);
    }
}

static void open_cb (flux_t *take_h, const flux_error_t *error, void *arg)
{
    struct hub *hub = arg;
    flux_error_t e = *error;
    hub->opening = NULL;
    if (take_h)
        hub->live = live_open_handle (hub->hs->r, take_h, &live_ops, hub, &e);
    opened (hub, &e);
}

/* --- hubs --- */

static void idle_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct hub *hub = arg;
    if (hub->users == 0)
        hub_destroy (hub);
}

static void linger (struct hub *hub)
{
    if (hub->users > 0 || hub == hub->hs->root)
        return;
    flux_timer_watcher_reset (hub->idle, hub->state == HUB_FAILED ? 0.01 : LINGER, 0.);
    flux_watcher_start (hub->idle);
}

static void hub_release (struct hub *hub)
{
    if (hub) {
        hub->users--;
        linger (hub);
    }
}

static void hub_destroy (struct hub *hub)
{
    if (!hub)
        return;
    list_remove (&hub->node);
    hub->hs->count--;
    opening_drop (hub->opening);
    flux_future_destroy (hub->resolve);
    flux_future_destroy (hub->journal);
    flux_future_destroy (hub->log);
    flux_future_destroy (hub->topology);
    flux_future_destroy (hub->online);
    live_close (hub->live);
    for (int i = 0; i < FACETS; i++)
        json_decref (hub->facets[i].value);
    json_decref (hub->status);
    json_decref (hub->sched);
    json_decref (hub->tree);
    json_decref (hub->members);
    json_decref (hub->lines);
    bars_destroy (hub->bars);
    flux_watcher_destroy (hub->idle);
    hub_release (hub->parent);
    free (hub->path);
    free (hub);
}

static struct hub *hub_create (struct hubs *hs, const char *path)
{
    struct hub *hub = calloc (1, sizeof (*hub));
    if (!hub)
        return NULL;
    hub->hs = hs;
    list_init (&hub->node);
    list_init (&hub->clients);
    list_append (&hs->all, &hub->node);
    hs->count++;
    hub->path = strdup (path);
    hub->bars = bars_create ();
    hub->lines = json_array ();
    hub->idle = flux_timer_watcher_create (hs->r, 0., 0., idle_cb, hub);
    if (!hub->path || !hub->bars || !hub->lines || !hub->idle) {
        hub_destroy (hub);
        errno = ENOMEM;
        return NULL;
    }
    return hub;
}

static struct hub *find (struct hubs *hs, const char *path)
{
    list_foreach (&hs->all, it) {
        struct hub *hub = container_of (it, struct hub, node);
        if (!strcmp (hub->path, path) && hub->state != HUB_FAILED)
            return hub;
    }
    return NULL;
}

/* The hub of the first n ids, and of all around it. */
static struct hub *get (struct hubs *hs, const unsigned long long *ids, int n)
{
    char path[PATH_DEPTH_MAX * 32] = "";
    struct hub *hub, *parent;
    for (int i = 0; i < n; i++) {
        char id[32];
        if (flux_job_id_encode (ids[i], "f58", id, sizeof (id)) < 0)
            return NULL;
        sprintf (path + strlen (path), "%s%s", i > 0 ? "/" : "", id);
    }
    if (n == 0)
        return hs->root;
    if ((hub = find (hs, path)))
        return hub;
    if (hs->count >= HUBS_MAX) {
        errno = EAGAIN;
        return NULL;
    }
    if (!(parent = get (hs, ids, n - 1)) || !(hub = hub_create (hs, path)))
        return NULL;
    hub->parent = parent;
    hub->id = ids[n - 1];
    parent->users++;
    if (parent->state == HUB_OPEN)
        resolve (hub);
    else if (parent->state == HUB_FAILED)
        fail (hub, parent->error);
    return hub;
}

struct hubs *hubs_create (flux_reactor_t *r, const char *uri, void (*lost) (void *arg),
                          void *arg, flux_error_t *error)
{
    struct hubs *hs = calloc (1, sizeof (*hs));
    if (!hs)
        return NULL;
    list_init (&hs->all);
    hs->r = r;
    hs->lost = lost;
    hs->arg = arg;
    if (!(hs->root = hub_create (hs, ""))) {
        free (hs);
        return NULL;
    }
    if (!(hs->root->live = live_open (r, uri, &live_ops, hs->root, error))) {
        hubs_destroy (hs);
        return NULL;
    }
    opened (hs->root, NULL);
    return hs;
}

void hubs_destroy (struct hubs *hs)
{
    if (!hs)
        return;
    /* inner ones first: they hold those around them, which came before */
    while (!list_empty (&hs->all))
        hub_destroy (container_of (hs->all.prev, struct hub, node));
    free (hs);
}

bool hubs_check (struct hubs *hs)
{
    list_foreach (&hs->all, it) {
        struct hub *hub = container_of (it, struct hub, node);
        if (hub->live && live_check (hub->live))
            return true;
    }
    return false;
}

struct live *hubs_live (struct hubs *hs, const char *path)
{
    unsigned long long ids[PATH_DEPTH_MAX];
    int n = instance_path (path, ids);
    struct hub *hub;
    if (n < 0) {
        errno = EINVAL;
        return NULL;
    }
    hub = get (hs, ids, n);
    if (!hub || hub->state != HUB_OPEN) {
        if (hub)
            linger (hub);
        errno = ENOTCONN;
        return NULL;
    }
    return hub->live;
}

/* --- clients, from outside --- */

struct client *client_create (struct hubs *hs, const char *path,
                              json_t *take_constraint, int limit, json_t *take_hello,
                              const struct client_ops *ops, void *arg)
{
    unsigned long long ids[PATH_DEPTH_MAX];
    int n = instance_path (path, ids);
    struct client *c = NULL;
    struct hub *hub;
    errno = EINVAL;
    if (n < 0)
        goto error;
    errno = EAGAIN;
    if (hs->clients >= CLIENTS_MAX || !(hub = get (hs, ids, n)))
        goto error;
    errno = ENOMEM;
    if (!(c = calloc (1, sizeof (*c))) || rows_init (&c->rows) < 0)
        goto error;
    list_init (&c->node);
    stream_init (&c->stream);
    c->constraint = take_constraint;
    c->limit = limit;
    c->ops = ops;
    c->arg = arg;
    c->hub = hub;
    hub->users++;
    flux_watcher_stop (hub->idle);
    hs->clients++;
    list_append (&hub->clients, &c->node);
    stream_send (&c->stream, "hello", take_hello);
    client_start (c);
    tell (c);
    return c;
error:
    free (c);
    json_decref (take_hello);
    json_decref (take_constraint);
    return NULL;
}

void client_destroy (struct client *c)
{
    if (!c)
        return;
    list_remove (&c->node);
    c->hub->hs->clients--;
    live_ask_end (c->jobs);
    hub_release (c->hub);
    stream_fini (&c->stream);
    rows_fini (&c->rows);
    json_decref (c->constraint);
    json_decref (c->answer);
    free (c);
}

struct stream *client_stream (struct client *c)
{
    return &c->stream;
}

void client_drained (struct client *c)
{
    tell (c);
}
