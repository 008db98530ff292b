#include "cmd/hierarchy/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- environment --- */

static bool is_wanted (const char *entry)
{
    static const char *const names[] = { "PATH",       "PWD",    "SHELL",
                                         "PYTHONPATH", "USER",   "HOME",
                                         "LANG",       "TMPDIR", "LD_LIBRARY_PATH" };
    size_t n = strcspn (entry, "=");

    if (!strncmp (entry, "FLUX_", 5))
        return true;
    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++)
        if (strlen (names[i]) == n && !strncmp (entry, names[i], n))
            return true;
    return false;
}

/* What names the instance around would lead a job astray. */
static bool is_of_instance (const char *entry)
{
    static const char *const names[] = { "FLUX_URI=",          "FLUX_KVS_NAMESPACE=",
                                         "FLUX_JOB_",          "FLUX_TASK_",
                                         "FLUX_PROXY_REMOTE=", PLAN_ENV "=" };

    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++)
        if (!strncmp (entry, names[i], strlen (names[i])))
            return true;
    return false;
}

json_t *plan_environment (char *const *env, bool all)
{
    json_t *o = json_object ();

    for (; *env; env++) {
        const char *eq = strchr (*env, '=');
        char name[256];
        if (!eq || (size_t)(eq - *env) >= sizeof (name) || is_of_instance (*env)
            || (!all && !is_wanted (*env)))
            continue;
        snprintf (name, sizeof (name), "%.*s", (int)(eq - *env), *env);
        /* What is no UTF-8 cannot be part of a jobspec. */
        json_object_set_new (o, name, json_string (eq + 1));
    }
    return o;
}

/* --- resources --- */

static json_t *make_slot (int count, int cores)
{
    return json_pack ("{s:s s:i s:[{s:s s:i}] s:s}", "type", "slot", "count", count,
                      "with", "type", "core", "count", cores, "label", "task");
}

/* As `flux batch` has it: one broker on each node that the slots are on. */
static json_t *make_resources (const struct hier_resources *r)
{
    int slots = r->count ? r->count : r->nodes ? r->nodes : r->cores ? r->cores : 1;
    int cores = r->cores ? r->cores / slots : 1;
    bool exclusive = r->exclusive || (r->nodes && !r->cores && !r->count);
    json_t *slot;
    json_t *node;

    if (!r->nodes)
        return json_pack ("[o]", make_slot (slots, cores));
    slot = make_slot (slots / r->nodes, cores);
    node =
        json_pack ("{s:s s:i s:[o]}", "type", "node", "count", r->nodes, "with", slot);
    if (exclusive)
        json_object_set_new (node, "exclusive", json_true ());
    return json_pack ("[o]", node);
}

/* --- what the instance is told --- */

static json_t *make_config (const struct hierarchy *t, const struct hier_group *g)
{
    return json_pack ("{s:s s:O s:O}", "entrypoint", g->name, "groups",
                      json_object_get (t->config, "groups"), "resources",
                      json_object_get (t->config, "resources"));
}

static char *make_plan (const struct hierarchy *t, const struct hier_instance *i,
                        const struct plan_options *options)
{
    json_t *o = json_pack ("{s:s s:s}", "id", i->id, "group", i->group->name);
    char *s;

    if (options->outdir)
        json_object_set_new (o, "outdir", json_string (options->outdir));
    if (!i->group->leaf)
        json_object_set_new (o, "tree", make_config (t, i->group));
    s = json_dumps (o, JSON_COMPACT);
    json_decref (o);
    return s;
}

/* --- the job --- */

static json_t *make_shell_options (const struct hier_instance *i,
                                   const struct plan_options *options)
{
    char path[4096];
    json_t *o = json_pack ("{s:{s:s} s:s s:s}", "per-resource", "type", "node", "mpi",
                           "none", "exit-timeout", "none");

    if (!options->outdir)
        return o;
    snprintf (path, sizeof (path), "%s/logs/%s.out", options->outdir, i->group->name);
    json_object_set_new (o, "output",
                         json_pack ("{s:s s:{s:s s:s} s:{s:s s:s}}", "mode", "append",
                                    "stdout", "type", "file", "path", path, "stderr",
                                    "type", "file", "path", path));
    return o;
}

static json_t *make_system (const struct hierarchy *t, const struct hier_instance *i,
                            const struct plan_options *options)
{
    json_t *env = json_copy (options->environment);
    char *plan = make_plan (t, i, options);
    json_t *o;

    json_object_set_new (env, PLAN_ENV, json_string (plan ? plan : ""));
    free (plan);
    o = json_pack ("{s:i s:o s:s s:{s:o}}", "duration", 0, "environment", env, "cwd",
                   options->cwd, "shell", "options", make_shell_options (i, options));
    /* The root looks as any instance does in `flux jobs`. */
    if (o && i->depth > 0)
        json_object_set_new (o, "job", json_pack ("{s:s}", "name", i->group->name));
    return o;
}

json_t *plan_jobspec (const struct hierarchy *t, const struct hier_instance *i,
                      const struct plan_options *options)
{
    return json_pack ("{s:o s:[{s:[s,s,s,s] s:s s:{s:i}}] s:{s:o} s:i}", "resources",
                      make_resources (i->group->resources), "tasks", "command",
                      options->flux, "broker", options->program, "node", "slot", "task",
                      "count", "per_slot", 1, "attributes", "system",
                      make_system (t, i, options), "version", 1);
}

/* --- the other side --- */

int plan_parse (struct plan *p, const char *text, flux_error_t *error)
{
    json_error_t e;
    json_t *tree = NULL;

    *p = (struct plan){ .json = text ? json_loads (text, 0, &e) : NULL };
    if (!p->json
        || json_unpack (p->json, "{s:s s:s s?s s?o}", "id", &p->id, "group", &p->group,
                        "outdir", &p->outdir, "tree", &tree)
               < 0
        || strlen (p->id) >= HIER_ID_SIZE) {
        snprintf (error->text, sizeof (error->text),
                  "%s is not what an instance of a hierarchy is started with",
                  PLAN_ENV);
        plan_fini (p);
        errno = EINVAL;
        return -1;
    }
    if (tree && !(p->tree = hierarchy_create (tree, error))) {
        plan_fini (p);
        return -1;
    }
    return 0;
}

void plan_fini (struct plan *p)
{
    hierarchy_destroy (p->tree);
    json_decref (p->json);
    *p = (struct plan){ 0 };
}
