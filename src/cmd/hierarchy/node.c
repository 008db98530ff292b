/* flux-hierarchy node: the initial program of each instance of a tree.
 *
 * A leaf tells the instance around it that it is ready, and stays until it is
 * stopped. Another one tells that it has started, submits all its children at once,
 * follows their reports in its own KVS, tells that it is ready when all are, and
 * ends when the last of its children has.
 *
 * A child that ends before all are ready ends the start: the instance says why,
 * fails, and with it those around it. One that ends later ends alone. */
#include "cmd/hierarchy/hierarchy.h"
#include "cmd/hierarchy/plan.h"

#include "base/os/proc.h"

#include <flux/job.h>
#include <flux/kvs.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct node {
    struct plan plan;
    flux_t *h;      /* of this instance */
    flux_t *parent; /* of the one around it */
    flux_jobid_t jobid;
    char uri[PATH_MAX + HOST_NAME_MAX + 16];
    char key[128]; /* of the report, and its namespace */
    const char *ns;
    int children;
    int ready;
    int waiting; /* children that have not ended */
    flux_future_t *reports;
    char program[PATH_MAX];
};

static const char *need_attr (struct node *n, const char *name)
{
    const char *s = flux_attr_get (n->h, name);

    if (!s)
        cmd_die ("attribute %s: %s: the instance has nobody around it to report to",
                 name, strerror (errno));
    return s;
}

/* --- reports --- */

static json_t *make_event (const char *name, json_t *context)
{
    return json_pack ("{s:f s:s s:o}", "timestamp", flux_reactor_time (), "name", name,
                      "context", context);
}

static void add_line (struct buf *b, json_t *event)
{
    char *s = json_dumps (event, JSON_COMPACT | JSON_REAL_PRECISION (16));

    if (!s)
        cmd_die ("out of memory");
    buf_adds (b, s);
    buf_addc (b, '\n');
    free (s);
    json_decref (event);
}

static flux_future_t *append (flux_t *h, const char *ns, const char *key,
                              const char *lines)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    flux_future_t *f = NULL;

    if (txn && flux_kvs_txn_put (txn, FLUX_KVS_APPEND, key, lines) == 0)
        f = flux_kvs_commit (h, ns, 0, txn);
    flux_kvs_txn_destroy (txn);
    return f;
}

static void report (struct node *n, const char *name, json_t *more)
{
    json_t *context = json_pack ("{s:s s:s s:b s:I s:s}", "id", n->plan.id, "group",
                                 n->plan.group, "leaf", n->plan.tree == NULL, "jobid",
                                 (json_int_t)n->jobid, "uri", n->uri);
    struct buf b = BUF_INIT;
    flux_future_t *f;

    json_object_update_new (context, more);
    add_line (&b, make_event (name, context));
    f = append (n->parent, n->ns, n->key, b.data);
    if (!f || flux_future_get (f, NULL) < 0)
        cmd_die ("report to the instance around: %s", cmd_future_error (f));
    flux_future_destroy (f);
    buf_fini (&b);
}

/* The root's goes into its job, where `start` and `list` look for it: that is a
 * namespace of its own as long as the job runs, or a directory. */
static void choose_key (struct node *n)
{
    const char *ns = flux_attr_get (n->h, "parent-kvs-namespace");

    n->ns = "primary";
    snprintf (n->key, sizeof (n->key), "%s", REPORT_KEY);
    if (strcmp (n->plan.id, "0") != 0)
        return;
    if (ns && *ns && strcmp (ns, "primary") != 0)
        n->ns = ns;
    else if (flux_job_kvs_key (n->key, sizeof (n->key), n->jobid, "guest." REPORT_KEY)
             < 0)
        cmd_die ("key of the report: %s", strerror (errno));
}

/* --- start --- */

static void find_uri (struct node *n)
{
    const char *uri = need_attr (n, "local-uri");
    const char *host = flux_attr_get (n->h, "hostname");
    char name[HOST_NAME_MAX + 1] = "localhost";

    gethostname (name, sizeof (name) - 1);
    if (!strncmp (uri, "local://", 8))
        snprintf (n->uri, sizeof (n->uri), "ssh://%s%s", host ? host : name, uri + 8);
    else
        snprintf (n->uri, sizeof (n->uri), "%s", uri);
}

static void find_place (struct node *n)
{
    flux_error_t error = { { 0 } };
    const char *uri = need_attr (n, "parent-uri");

    if (flux_job_id_parse (need_attr (n, "jobid"), &n->jobid) < 0)
        cmd_die ("attribute jobid: %s", strerror (errno));
    find_uri (n);
    if (!(n->parent = flux_open_ex (uri, 0, &error)))
        cmd_die ("%s: %s", uri, error.text);
    choose_key (n);
}

/* --- children --- */

struct child {
    flux_future_t *f;
    char id[HIER_ID_SIZE];
    const struct hier_group *group;
};

struct launch {
    struct node *n;
    struct plan_options options;
    struct child *child;
};

static int submit_child (const struct hier_instance *i, void *arg)
{
    struct launch *l = arg;
    struct child *c = &l->child[l->n->children++];
    json_t *jobspec = plan_jobspec (l->n->plan.tree, i, &l->options);
    char *s = jobspec ? json_dumps (jobspec, JSON_COMPACT) : NULL;

    if (!s)
        cmd_die ("out of memory");
    snprintf (c->id, sizeof (c->id), "%s", i->id);
    c->group = i->group;
    c->f = flux_job_submit (l->n->h, s, FLUX_JOB_URGENCY_DEFAULT, FLUX_JOB_WAITABLE);
    free (s);
    json_decref (jobspec);
    return 0;
}

/* Who looks for children that have not reported finds them by this. */
static void note_children (struct launch *l)
{
    struct buf b = BUF_INIT;
    flux_future_t *f;

    for (int i = 0; i < l->n->children; i++) {
        struct child *c = &l->child[i];
        flux_jobid_t id;
        if (!c->f || flux_job_submit_get_id (c->f, &id) < 0)
            cmd_die ("%s: submit: %s", c->id, cmd_future_error (c->f));
        flux_future_destroy (c->f);
        add_line (&b, make_event ("launch",
                                  json_pack ("{s:s s:s s:b s:I}", "id", c->id, "group",
                                             c->group->name, "leaf", c->group->leaf,
                                             "jobid", (json_int_t)id)));
    }
    f = append (l->n->h, "primary", REPORT_KEY, b.data ? b.data : "");
    if (!f || flux_future_get (f, NULL) < 0)
        cmd_die ("%s: %s", REPORT_KEY, cmd_future_error (f));
    flux_future_destroy (f);
    buf_fini (&b);
}

static void launch_children (struct node *n)
{
    const struct hier_group *g = &n->plan.tree->groups[n->plan.tree->entry];
    char cwd[PATH_MAX];
    struct launch l = { .n = n };

    l.options = (struct plan_options){
        .flux = "flux",
        .program = n->program,
        .cwd = getcwd (cwd, sizeof (cwd)) ? cwd : "/",
        .outdir = n->plan.outdir,
        .environment = plan_environment (environ, true),
    };
    if (!(l.child = calloc ((size_t)g->instances, sizeof (*l.child))))
        cmd_die ("out of memory");
    hierarchy_walk_children (n->plan.tree, g, n->plan.id, submit_child, &l);
    note_children (&l);
    n->waiting = n->children;
    json_decref (l.options.environment);
    free (l.child);
}

static void all_ready (struct node *n)
{
    const struct hier_group *g = &n->plan.tree->groups[n->plan.tree->entry];

    report (n, "ready", json_pack ("{s:i}", "leaves", g->leaves));
    flux_kvs_lookup_cancel (n->reports);
}

static void take_line (struct node *n, const char *line, size_t len)
{
    json_t *event = json_loadb (line, len, 0, NULL);
    const char *name = json_string_value (json_object_get (event, "name"));

    if (name && !strcmp (name, "ready") && ++n->ready == n->children)
        all_ready (n);
    json_decref (event);
}

static void report_cb (flux_future_t *f, void *arg)
{
    struct node *n = arg;
    const char *s;

    if (flux_kvs_lookup_get (f, &s) < 0) {
        if (n->ready < n->children)
            cmd_die ("%s: %s", REPORT_KEY, cmd_future_error (f));
        return;
    }
    for (size_t len; s && *s; s += len + (s[len] == '\n')) {
        len = strcspn (s, "\n");
        take_line (n, s, len);
    }
    flux_future_reset (f);
}

static void child_ended_cb (flux_future_t *f, void *arg)
{
    struct node *n = arg;
    const char *text = NULL;
    bool success;
    flux_jobid_t id = 0;

    if (flux_job_wait_get_status (f, &success, &text) < 0
        || flux_job_wait_get_id (f, &id) < 0)
        cmd_die ("job wait: %s", cmd_future_error (f));
    if (n->ready < n->children) {
        const char *note = text && *text ? text : "it ended";
        report (n, "failed",
                json_pack ("{s:s s:s}", "note", note, "child", cmd_f58 (id)));
        cmd_die ("%s: child %s: %s", n->plan.id, cmd_f58 (id), note);
    }
    flux_future_destroy (f);
    if (--n->waiting == 0)
        flux_reactor_stop (flux_get_reactor (n->h));
    else if (!(f = flux_job_wait (n->h, FLUX_JOBID_ANY))
             || flux_future_then (f, -1, child_ended_cb, n) < 0)
        cmd_die ("job wait: %s", strerror (errno));
}

static void follow_children (struct node *n)
{
    flux_future_t *f;

    if (n->children == 0) {
        report (n, "ready", json_pack ("{s:i}", "leaves", 0));
        return;
    }
    n->reports = flux_kvs_lookup (n->h, "primary",
                                  FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND, REPORT_KEY);
    if (!n->reports || flux_future_then (n->reports, -1, report_cb, n) < 0
        || !(f = flux_job_wait (n->h, FLUX_JOBID_ANY))
        || flux_future_then (f, -1, child_ended_cb, n) < 0)
        cmd_die ("following the children: %s", strerror (errno));
    if (flux_reactor_run (flux_get_reactor (n->h), 0) < 0)
        cmd_die ("reactor: %s", strerror (errno));
    flux_future_destroy (n->reports);
}

/* --- the command --- */

/* By this `flux-hierarchy list` knows the roots. */
static void note_root (struct node *n)
{
    flux_future_t *f;

    if (strcmp (n->plan.id, "0") != 0)
        return;
    f = flux_rpc_pack (n->parent, "job-manager.memo", 0, 0, "{s:I s:b s:{s:s}}", "id",
                       (json_int_t)n->jobid, "volatile", false, "memo", "hierarchy",
                       n->plan.group);
    if (!f || flux_future_get (f, NULL) < 0)
        cmd_die ("job memo: %s", cmd_future_error (f));
    flux_future_destroy (f);
}

static void stay (struct node *n)
{
    flux_close (n->parent);
    flux_close (n->h);
    for (;;)
        pause ();
}

static int run (optparse_t *p, int argc, char **argv)
{
    struct node n = { 0 };
    flux_error_t error = { { 0 } };
    ssize_t len;

    (void)p;
    (void)argc;
    (void)argv;
    if (plan_parse (&n.plan, getenv (PLAN_ENV), &error) < 0)
        cmd_die ("%s", error.text);
    if ((len = readlink ("/proc/self/exe", n.program, sizeof (n.program) - 1)) < 0)
        cmd_die ("/proc/self/exe: %s", strerror (errno));
    n.h = cmd_open ();
    find_place (&n);
    note_root (&n);
    if (!n.plan.tree) {
        report (&n, "ready", json_pack ("{s:i}", "leaves", 1));
        stay (&n);
    }
    report (&n, "start", json_object ());
    launch_children (&n);
    follow_children (&n);
    flux_close (n.parent);
    plan_fini (&n.plan);
    return 0;
}

const struct subcommand sub_node = {
    .name = "node",
    .usage = "",
    .run = run,
};
