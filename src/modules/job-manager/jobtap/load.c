/* Plugins come and go: from files, and those that are built in. Where one cannot be
 * loaded nothing has changed: what it was to replace is put back. */
#include "modules/job-manager/jobtap/jobtap.h"

#include "base/os/search.h"
#include "base/sort.h"
#include "core/plugin/plugin.h"
#include "modules/job-manager/jobtap/crash.h"
#include <flux/jobtap.h>

#include <dlfcn.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

/* --- a plugin --- */

void jobtap_unload (struct tap_plugin *tp)
{
    if (!tp)
        return;
    int saved_errno = errno;
    list_remove (&tp->link);
    if (tp->builtin)
        tp->jt->ctx->m->queues.off |= tp->builtin->feature;
    list_foreach (&tp->jt->ctx->m->all, l)
        job_tap_forget (container_of (l, struct job, all_link), tp);
    flux_plugin_destroy (tp->p);
    free (tp->name);
    free (tp);
    errno = saved_errno;
}

static const char *base_name (const char *path)
{
    const char *slash = strrchr (path, '/');

    return slash ? slash + 1 : path;
}

static struct tap_plugin *make (struct jobtap *jt, const char *name)
{
    struct tap_plugin *tp = calloc (1, sizeof (*tp));
    char own[128];

    if (!tp)
        return NULL;
    list_init (&tp->link);
    tp->jt = jt;
    snprintf (own, sizeof (own), "%s", name[0] == '.' ? name + 1 : name);
    size_t len = strlen (own);
    if (len > 3 && strcmp (own + len - 3, ".so") == 0)
        own[len - 3] = '\0';
    if (!(tp->name = strdup (name)) || !(tp->p = flux_plugin_create ())
        || flux_plugin_set_name (tp->p, own) < 0
        || flux_plugin_set_flags (tp->p, FLUX_PLUGIN_RTLD_NOW) < 0
        || flux_plugin_aux_set (tp->p, "flux::jobtap", tp, NULL) < 0) {
        jobtap_unload (tp);
        return NULL;
    }
    return tp;
}

struct tap_plugin *jobtap_find (struct jobtap *jt, const char *name)
{
    list_foreach (&jt->plugins, l) {
        struct tap_plugin *tp = container_of (l, struct tap_plugin, link);
        if (strcmp (tp->name, name) == 0)
            return tp;
    }
    return NULL;
}

/* --- from a file --- */

/* A broker opens modules with their names hidden: here plugins find the ones of
 * flux/jobtap.h. */
static int offer_names (struct jobtap *jt, flux_error_t *error)
{
    Dl_info info;

    if (jt->self)
        return 0;
    if (dladdr ((void *)(uintptr_t)jobtap_find, &info)
        && (jt->self = dlopen (info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL)))
        return 0;
    snprintf (error->text, sizeof (error->text), "job-manager cannot open itself: %s",
              dlerror ());
    return -1;
}

/* The first file of that name in the search path; to be freed. */
static char *search_path (struct jobtap *jt, const char *name)
{
    const char *dirs = flux_attr_get (jt->ctx->h, "conf.jobtap_pluginpath");
    char path[PATH_MAX];

    if (!dirs)
        dirs = flux_conf_builtin_get ("jobtap_pluginpath", FLUX_CONF_AUTO);
    if (search_dirs (dirs, name, search_readable, path, sizeof (path)))
        return strdup (path);
    errno = ENOENT;
    return NULL;
}

static char *find_file (struct jobtap *jt, const char *name, flux_error_t *error)
{
    char *path = name[0] == '/' ? strdup (name) : search_path (jt, name);

    if (path && access (path, R_OK) == 0)
        return path;
    if (errno == ENOENT)
        snprintf (error->text, sizeof (error->text), "%.140s not found", name);
    else
        snprintf (error->text, sizeof (error->text), "%.100s: %s", name,
                  strerror (errno));
    free (path);
    return NULL;
}

static int set_conf (struct tap_plugin *tp, json_t *conf)
{
    char *text = conf ? json_dumps (conf, JSON_COMPACT) : NULL;
    int rc = text ? flux_plugin_set_conf (tp->p, text) : conf ? -1 : 0;

    free (text);
    return rc;
}

static const char *owner_of (const char *path, void *arg)
{
    struct jobtap *jt = arg;

    list_foreach (&jt->plugins, l) {
        struct tap_plugin *tp = container_of (l, struct tap_plugin, link);
        const char *own = flux_plugin_get_path (tp->p);
        if (own && strcmp (own, path) == 0)
            return tp->name;
    }
    return NULL;
}

static int open_file (struct tap_plugin *tp, const char *path, flux_error_t *error)
{
    if (offer_names (tp->jt, error) < 0)
        return -1;
    crash_watch (owner_of, tp->jt);
    struct crash_call outer = crash_enter (tp->name, "flux_plugin_init");
    int rc = flux_plugin_load_dso (tp->p, path);
    crash_leave (outer);
    if (rc == 0)
        return 0;
    const char *why = flux_plugin_strerror (tp->p);
    const char *prefix = flux_plugin_get_path (tp->p) ? "" : "dlopen: ";
    if (*prefix || strncmp (why, path, strlen (path)) == 0)
        snprintf (error->text, sizeof (error->text), "%s%.140s", prefix, why);
    else
        snprintf (error->text, sizeof (error->text), "%.60s: %.90s", tp->name, why);
    return -1;
}

/* --- the jobs that there are --- */

static int by_state (const void *x, const void *y)
{
    const struct job *a = *(struct job *const *)x, *b = *(struct job *const *)y;

    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static int by_state_backwards (const void *x, const void *y)
{
    const struct job *a = *(struct job *const *)x, *b = *(struct job *const *)y;

    if (a->state != b->state)
        return a->state > b->state ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static struct job **active_jobs (struct manager *m, int order, size_t *count)
{
    struct job **jobs = calloc (idmap_count (m->jobs) + 1, sizeof (*jobs));

    *count = 0;
    if (!jobs)
        return NULL;
    list_foreach (&m->all, l) {
        struct job *job = container_of (l, struct job, all_link);
        if (job->state != FLUX_JOB_STATE_INACTIVE)
            jobs[(*count)++] = job;
    }
    if (order)
        sort_array (jobs, *count, sizeof (*jobs),
                    order > 0 ? by_state : by_state_backwards);
    return jobs;
}

static int introduce (struct tap_plugin *tp, struct job *job, const char *topic,
                      int point)
{
    struct hook_call call = { .point = point };
    struct manager *m = tp->jt->ctx->m;
    flux_error_t error = { "" };
    flux_plugin_arg_t *args;

    if (!(tp->hooks & point))
        return 0;
    if (!(args = jobtap_args (job, &call)))
        return -1;
    int rc = jobtap_call_one (tp, job, topic, args, &error);
    flux_plugin_arg_destroy (args);
    if (rc < 0)
        manager_raise (m, job, "jobtap", 0, error.text, m->owner);
    return rc;
}

/* What the plugin does about them happens after, in the next turn. */
static int introduce_all (struct tap_plugin *tp)
{
    struct manager *m = tp->jt->ctx->m;
    bool stepping = m->stepping;
    struct job **jobs;
    size_t count;

    if (!(tp->hooks & (HOOK_CREATE | HOOK_NEW)))
        return 0;
    if (!(jobs = active_jobs (m, tp->load_order, &count)))
        return -1;
    m->stepping = true;
    for (size_t i = 0; i < count; i++) {
        jobs[i]->announced = true;
        if (introduce (tp, jobs[i], "job.create", HOOK_CREATE) >= 0)
            introduce (tp, jobs[i], "job.new", HOOK_NEW);
    }
    m->stepping = stepping;
    free (jobs);
    return 0;
}

/* --- both --- */

static struct tap_plugin *load_file (struct jobtap *jt, const char *name, json_t *conf,
                                     flux_error_t *error)
{
    char *path = find_file (jt, name, error);
    struct tap_plugin *tp = path ? make (jt, base_name (path)) : NULL;

    if (!tp || set_conf (tp, conf) < 0) {
        if (path)
            snprintf (error->text, sizeof (error->text), "%.60s: %s", name,
                      tp ? flux_plugin_strerror (tp->p) : strerror (errno));
        goto error;
    }
    if (open_file (tp, path, error) < 0
        || jobtap_tell_conf (tp, flux_get_conf (jt->ctx->h), error) < 0)
        goto error;
    free (path);
    return tp;
error:
    jobtap_unload (tp);
    free (path);
    errno = EINVAL;
    return NULL;
}

static const struct jobtap_builtin *find_builtin (const char *name)
{
    for (const struct jobtap_builtin *b = jobtap_builtins; b->name; b++) {
        if (strcmp (b->name, name) == 0)
            return b;
    }
    return NULL;
}

static struct tap_plugin *load_builtin (struct jobtap *jt, const char *name,
                                        flux_error_t *error)
{
    const struct jobtap_builtin *b = find_builtin (name);
    struct tap_plugin *tp = b ? make (jt, name) : NULL;

    if (!tp || (b->init && b->init (tp->p) < 0)) {
        snprintf (error->text, sizeof (error->text), "%.140s not found", name);
        jobtap_unload (tp);
        errno = ENOENT;
        return NULL;
    }
    tp->builtin = b;
    jt->ctx->m->queues.off &= ~b->feature;
    return tp;
}

/* Moves what matches to gone, each with its place. -1: nothing does. */
static int take_away (struct jobtap *jt, const char *pattern, struct list *gone,
                      flux_error_t *error)
{
    bool all = strcmp (pattern, "all") == 0;

    list_foreach (&jt->plugins, l) {
        struct tap_plugin *tp = container_of (l, struct tap_plugin, link);
        if (fnmatch (all ? "*" : pattern, tp->name, FNM_PERIOD) != 0)
            continue;
        list_remove (&tp->link);
        list_append (gone, &tp->link);
    }
    if (!all && list_empty (gone)) {
        snprintf (error->text, sizeof (error->text), "%.140s not found", pattern);
        errno = ENOENT;
        return -1;
    }
    return 0;
}

static int load_after (struct jobtap *jt, const char *load, json_t *conf,
                       flux_error_t *error)
{
    struct tap_plugin *tp;

    if (jobtap_find (jt, base_name (load))) {
        snprintf (error->text, sizeof (error->text), "%.130s already loaded",
                  base_name (load));
        errno = EEXIST;
        return -1;
    }
    tp = load[0] == '.' ? load_builtin (jt, load, error)
                        : load_file (jt, load, conf, error);
    if (!tp)
        return -1;
    list_append (&jt->plugins, &tp->link);
    return 0;
}

/* In the order in which they were: the list before is kept for this. */
static void put_back (struct jobtap *jt, struct tap_plugin *const *order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        list_remove (&order[i]->link);
        list_append (&jt->plugins, &order[i]->link);
    }
}

static struct tap_plugin **remember (struct jobtap *jt, size_t *count)
{
    struct tap_plugin **order;

    *count = 0;
    list_foreach (&jt->plugins, l)
        (*count)++;
    if (!(order = calloc (*count + 1, sizeof (*order))))
        return NULL;
    *count = 0;
    list_foreach (&jt->plugins, l)
        order[(*count)++] = container_of (l, struct tap_plugin, link);
    return order;
}

int jobtap_change (struct jobtap *jt, const char *remove, const char *load,
                   json_t *conf, flux_error_t *error)
{
    struct list gone, *l;
    size_t count;
    struct tap_plugin **order = remember (jt, &count);

    list_init (&gone);
    if (!order || (remove && take_away (jt, remove, &gone, error) < 0)
        || (load && load_after (jt, load, conf, error) < 0)) {
        int saved_errno = errno;
        if (order)
            put_back (jt, order, count);
        free (order);
        jobtap_count_hooks (jt);
        errno = saved_errno;
        return -1;
    }
    free (order);
    while ((l = list_pop (&gone))) {
        struct tap_plugin *tp = container_of (l, struct tap_plugin, link);
        jobtap_end_perilogs (tp);
        jobtap_unload (tp);
    }
    jobtap_count_hooks (jt);
    struct tap_plugin *tp = load ? jobtap_find (jt, base_name (load)) : NULL;
    if (tp && tp->builtin && tp->builtin->feature == OFF_PRIORITY)
        manager_reprioritize_all (jt->ctx->m); /* some may have waited for it */
    return tp ? introduce_all (tp) : 0;
}

/* --- requests --- */

static json_t *names (struct jobtap *jt)
{
    json_t *a = json_array ();

    list_foreach (&jt->plugins, l)
        json_array_append_new (
            a, json_string (container_of (l, struct tap_plugin, link)->name));
    return a;
}

static void jobtap_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    const char *load = NULL, *remove = NULL;
    flux_error_t error = { "" };
    json_t *conf = NULL;
    int query_only = 0;

    if (flux_request_unpack (msg, NULL, "{s?s s?s s?o s?b}", "load", &load, "remove",
                             &remove, "conf", &conf, "query_only", &query_only)
        < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    if (query_only) {
        flux_respond_pack (h, msg, "{s:o}", "plugins", names (ctx->jobtap));
        return;
    }
    if (!load && !remove) {
        flux_respond_error (h, msg, EPROTO, "neither load nor remove");
        return;
    }
    if (json_is_null (conf))
        conf = NULL;
    if (conf && !json_is_object (conf)) {
        flux_respond_error (h, msg, EPROTO, "conf is no object");
        return;
    }
    if (jobtap_change (ctx->jobtap, remove, load, conf, &error) < 0) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    ctx_answer (ctx, msg, NULL);
}

static void query_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    flux_error_t error = { "" };
    struct tap_plugin *tp;
    const char *name;
    char *text = NULL;

    if (flux_request_unpack (msg, NULL, "{s:s}", "name", &name) < 0 || !args)
        goto error;
    if (!(tp = jobtap_find (ctx->jobtap, name))) {
        snprintf (error.text, sizeof (error.text), "%.120s: plugin not found", name);
        errno = ENOENT;
        goto error;
    }
    const char *path = flux_plugin_get_path (tp->p);
    if (flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:s s:s}", "name", tp->name,
                              "path", path ? path : "builtin")
            < 0
        || jobtap_call_one (tp, NULL, "plugin.query", args, &error) < 0
        || flux_plugin_arg_get (args, FLUX_PLUGIN_ARG_OUT, &text) < 0) {
        errno = EINVAL;
        goto error;
    }
    flux_respond (h, msg, text);
    free (text);
    flux_plugin_arg_destroy (args);
    return;
error:
    ctx_respond_text (ctx, msg, &error);
    flux_plugin_arg_destroy (args);
}

const struct flux_msg_handler_spec jobtap_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.jobtap", jobtap_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.jobtap-query", query_cb, FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

/* --- life --- */

struct jobtap *jobtap_create (struct ctx *ctx)
{
    struct jobtap *jt = calloc (1, sizeof (*jt));

    if (!jt)
        return NULL;
    jt->ctx = ctx;
    list_init (&jt->plugins);
    for (const struct jobtap_builtin *b = jobtap_builtins; b->name; b++) {
        flux_error_t error;
        struct tap_plugin *tp = load_builtin (jt, b->name, &error);
        if (!tp) {
            jobtap_destroy (jt);
            return NULL;
        }
        list_append (&jt->plugins, &tp->link);
    }
    return jt;
}

void jobtap_destroy (struct jobtap *jt)
{
    if (!jt)
        return;
    jt->ctx->m->hooks = 0;
    crash_forget ();
    while (!list_empty (&jt->plugins))
        jobtap_unload (list_first (&jt->plugins, struct tap_plugin, link));
    if (jt->self)
        dlclose (jt->self);
    free (jt);
}
