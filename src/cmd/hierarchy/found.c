/* What runs: from the job of a root down, by what each instance has reported in the
 * KVS of the one around it, and by the states of its children's jobs.
 *
 * An instance that cannot be reached is shown without what is below it, with the
 * reason; the others are not affected. */
#include "cmd/hierarchy/hierarchy.h"

#include "core/connect/within.h"
#include "core/job/uri.h"

#include <flux/job.h>
#include <flux/kvs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTRS                                                                          \
    "userid", "state", "result", "name", "ntasks", "nnodes", "ncores", "nodelist",     \
        "t_submit", "t_run", "t_cleanup", "annotations"
#define ATTRS_FMT "[s,s,s,s,s,s,s,s,s,s,s,s]"

/* --- connections --- */

flux_t *found_open (const char *uri, double limit, flux_error_t *error)
{
    char *local = uri_form (uri, URI_CONNECT);
    flux_t *h = local ? open_within (local, limit, error) : NULL;

    if (!local)
        snprintf (error->text, sizeof (error->text), "%s: %s", uri, strerror (errno));

    free (local);
    return h;
}

/* --- roots --- */

static bool is_root (json_t *job)
{
    json_t *user = json_object_get (json_object_get (job, "annotations"), "user");

    return json_is_string (json_object_get (user, "hierarchy"));
}

json_t *found_all (flux_t *h)
{
    json_t *jobs, *job;
    json_t *found = json_array ();
    size_t i;
    flux_future_t *f = flux_rpc_pack (
        h, "job-list.list", 0, 0, "{s:i s:" ATTRS_FMT " s:{s:[{s:[i]},{s:[s,s]}]}}",
        "max_entries", 0, "attrs", ATTRS, "constraint", "and", "userid", (int)getuid (),
        "states", "pending", "running");

    if (!f || flux_rpc_get_unpack (f, "{s:o}", "jobs", &jobs) < 0)
        cmd_die ("job-list: %s", cmd_future_error (f));
    json_array_foreach (jobs, i, job) {
        if (is_root (job))
            json_array_append (found, job);
    }
    flux_future_destroy (f);
    return found;
}

flux_jobid_t found_root (flux_t *h, const char *target)
{
    json_t *all;
    flux_jobid_t id;
    char names[256] = "";
    size_t i, n = 0;
    json_t *job;

    if (target) {
        if (flux_job_id_parse (target, &id) < 0)
            cmd_die ("invalid job id '%s'", target);
        return id;
    }
    all = found_all (h);
    if (json_array_size (all) == 0)
        cmd_die ("no hierarchy runs in this instance");
    json_array_foreach (all, i, job) {
        id = json_integer_value (json_object_get (job, "id"));
        if (n < sizeof (names))
            n += snprintf (names + n, sizeof (names) - n, " %s", cmd_f58 (id));
    }
    if (json_array_size (all) > 1)
        cmd_die ("which hierarchy? There are%s", names);
    json_decref (all);
    return id;
}

/* --- one node --- */

static const char *state_name (json_t *job)
{
    int state = json_integer_value (json_object_get (job, "state"));
    int result = json_integer_value (json_object_get (job, "result"));

    if (state & FLUX_JOB_STATE_INACTIVE)
        return flux_job_resulttostr (result, "L");
    return flux_job_statetostr (state, "L");
}

static json_t *make_node (const char *parent_path, flux_jobid_t id, json_t *job)
{
    char path[512];
    json_t *nodelist = json_object_get (job, "nodelist");

    snprintf (path, sizeof (path), "%s%s%s", parent_path, *parent_path ? "/" : "",
              cmd_f58 (id));
    return json_pack ("{s:I s:s s:s s:I s:I s:O s:n s:[]}", "jobid", (json_int_t)id,
                      "path", path, "state", state_name (job), "nnodes",
                      json_integer_value (json_object_get (job, "nnodes")), "ncores",
                      json_integer_value (json_object_get (job, "ncores")), "nodelist",
                      nodelist ? nodelist : json_null (), "uri", "children");
}

/* What a report says about an instance goes into its node. */
static void take_report (json_t *node, json_t *event)
{
    static const char *const keys[] = { "id", "group", "leaf", "uri", "note" };
    const char *name = json_string_value (json_object_get (event, "name"));
    json_t *context = json_object_get (event, "context");

    for (size_t i = 0; i < sizeof (keys) / sizeof (keys[0]); i++) {
        json_t *o = json_object_get (context, keys[i]);
        if (o)
            json_object_set (node, keys[i], o);
    }
    if (name && !strcmp (name, "ready"))
        json_object_set_new (node, "ready", json_true ());
}

typedef void (*event_f) (json_t *event, void *arg);

static void for_each_event (const char *lines, event_f fn, void *arg)
{
    for (size_t len; lines && *lines; lines += len + (lines[len] == '\n')) {
        len = strcspn (lines, "\n");
        json_t *event = json_loadb (lines, len, 0, NULL);
        if (event)
            fn (event, arg);
        json_decref (event);
    }
}

/* --- children --- */

struct family {
    json_t *jobs;  /* of this instance, by id as text */
    json_t *nodes; /* by id as text, in the order of the launch */
    const char *path;
};

static const char *id_key (json_int_t id)
{
    static char text[32];

    snprintf (text, sizeof (text), "%jd", (intmax_t)id);
    return text;
}

static void take_child (json_t *event, void *arg)
{
    struct family *f = arg;
    json_int_t id = json_integer_value (
        json_object_get (json_object_get (event, "context"), "jobid"));
    json_t *node = json_object_get (f->nodes, id_key (id));

    if (!node) {
        node = make_node (f->path, id, json_object_get (f->jobs, id_key (id)));
        if (!node || json_object_set_new (f->nodes, id_key (id), node) < 0)
            return;
    }
    take_report (node, event);
}

static json_t *index_jobs (json_t *list)
{
    json_t *o = json_object ();
    json_t *job;
    size_t i;

    json_array_foreach (list, i, job) {
        json_object_set (o, id_key (json_integer_value (json_object_get (job, "id"))),
                         job);
    }
    return o;
}

static void add_children (json_t *node);

static int read_family (flux_t *h, struct family *f, flux_error_t *error)
{
    const char *lines = NULL;
    json_t *jobs = NULL;
    flux_future_t *l = flux_kvs_lookup (h, "primary", 0, REPORT_KEY);
    flux_future_t *j =
        flux_rpc_pack (h, "job-list.list", 0, 0, "{s:i s:" ATTRS_FMT " s:{}}",
                       "max_entries", 0, "attrs", ATTRS, "constraint");
    int rc = 0;

    if (!l || (flux_kvs_lookup_get (l, &lines) < 0 && errno != ENOENT)) {
        snprintf (error->text, sizeof (error->text), "%s: %s", REPORT_KEY,
                  cmd_future_error (l));
        rc = -1;
    } else if (!j || flux_rpc_get_unpack (j, "{s:o}", "jobs", &jobs) < 0) {
        snprintf (error->text, sizeof (error->text), "job-list: %s",
                  cmd_future_error (j));
        rc = -1;
    } else {
        f->jobs = index_jobs (jobs);
        for_each_event (lines, take_child, f);
    }
    flux_future_destroy (l);
    flux_future_destroy (j);
    return rc;
}

static bool is_running (json_t *node)
{
    const char *state = json_string_value (json_object_get (node, "state"));

    return state && !strcmp (state, "RUN");
}

static void add_children (json_t *node)
{
    const char *uri = json_string_value (json_object_get (node, "uri"));
    struct family f = {
        .nodes = json_object (),
        .path = json_string_value (json_object_get (node, "path")),
    };
    flux_error_t error = { { 0 } };
    const char *key;
    json_t *child;
    flux_t *h = NULL;

    if (uri && is_running (node) && !json_is_true (json_object_get (node, "leaf"))) {
        if (!(h = found_open (uri, INSTANCE_LIMIT, &error))
            || read_family (h, &f, &error) < 0)
            json_object_set_new (node, "error", json_string (error.text));
        flux_close (h);
    }
    json_object_foreach (f.nodes, key, child) {
        add_children (child);
        json_array_append (json_object_get (node, "children"), child);
    }
    json_decref (f.nodes);
    json_decref (f.jobs);
}

/* --- the tree --- */

static void take_root (json_t *event, void *arg)
{
    take_report (arg, event);
}

static int read_root (flux_t *h, json_t *node, flux_jobid_t id, flux_error_t *error)
{
    const char *lines;
    flux_future_t *f =
        flux_rpc_pack (h, "job-info.lookup", 0, 0, "{s:I s:[s] s:i}", "id",
                       (json_int_t)id, "keys", "guest." REPORT_KEY, "flags", 0);
    int rc = 0;

    if (f && flux_rpc_get_unpack (f, "{s:s}", "guest." REPORT_KEY, &lines) == 0)
        for_each_event (lines, take_root, node);
    else if (errno == ENOENT) {
        snprintf (error->text, sizeof (error->text), "%s is not a hierarchy",
                  cmd_f58 (id));
        rc = -1;
    } else {
        snprintf (error->text, sizeof (error->text), "%s: %s", cmd_f58 (id),
                  cmd_future_error (f));
        rc = -1;
    }
    flux_future_destroy (f);
    return rc;
}

json_t *found_tree (flux_t *h, flux_jobid_t id, flux_error_t *error)
{
    json_t *job;
    json_t *node = NULL;
    flux_future_t *f =
        flux_rpc_pack (h, "job-list.list-id", 0, 0, "{s:I s:" ATTRS_FMT "}", "id",
                       (json_int_t)id, "attrs", ATTRS);

    if (!f || flux_rpc_get_unpack (f, "{s:o}", "job", &job) < 0)
        snprintf (error->text, sizeof (error->text), "%s: %s", cmd_f58 (id),
                  errno == ENOENT ? "no such job" : cmd_future_error (f));
    else if ((node = make_node ("", id, job)) && read_root (h, node, id, error) < 0) {
        json_decref (node);
        node = NULL;
    }
    flux_future_destroy (f);
    if (node)
        add_children (node);
    return node;
}

static void collect_leaves (json_t *node, json_t *leaves)
{
    size_t i;
    json_t *child;

    if (json_is_true (json_object_get (node, "leaf")) && is_running (node)
        && json_is_string (json_object_get (node, "uri")))
        json_array_append (leaves, node);
    json_array_foreach (json_object_get (node, "children"), i, child) {
        collect_leaves (child, leaves);
    }
}

json_t *found_leaves (json_t *tree)
{
    json_t *leaves = json_array ();

    collect_leaves (tree, leaves);
    return leaves;
}
