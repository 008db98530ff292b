/* Dependencies (RFC 26): afterstart (after), afterany, afterok, afternotok,
 * afterexcept, singleton, begin-time.
 *
 * A dependency hangs on the job that it waits for, so that the end of a job
 * costs as much as there are jobs that wait for it. */
#include "manager.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Begin-times are on the wall clock, which may be set: it is looked at so often. */
#define CLOCK_CHECK 10.

static const struct scheme {
    const char *name;
    int type;
    const char *description;
} schemes[] = {
    { "after", DEP_AFTER_START, "after-start" },
    { "afterstart", DEP_AFTER_START, "after-start" },
    { "afterany", DEP_AFTER_FINISH, "after-finish" },
    { "afterok", DEP_AFTER_SUCCESS, "after-success" },
    { "afternotok", DEP_AFTER_FAILURE, "after-failure" },
    { "afterexcept", DEP_AFTER_EXCEPT, "after-except" },
    { "singleton", DEP_SINGLETON, "singleton" },
    { "begin-time", DEP_BEGIN_TIME, "begin-time" },
};

/* Jobs of one user with one name in one queue, oldest first. */
struct name {
    struct list jobs;
};

bool begin_before (const struct heap_node *x, const struct heap_node *y)
{
    return container_of (x, struct dependency, timer)->when
           < container_of (y, struct dependency, timer)->when;
}

static bool is_off (const struct manager *m, const struct scheme *scheme)
{
    unsigned int feature = scheme->type == DEP_SINGLETON    ? OFF_SINGLETON
                           : scheme->type == DEP_BEGIN_TIME ? OFF_BEGIN_TIME
                                                            : OFF_AFTER;

    return m->queues.off & feature;
}

static const struct scheme *find_scheme (const struct manager *m, const char *name)
{
    for (size_t i = 0; i < sizeof (schemes) / sizeof (schemes[0]); i++) {
        if (strcmp (schemes[i].name, name) == 0)
            return is_off (m, &schemes[i]) ? NULL : &schemes[i];
    }
    return NULL;
}

static struct dependency *dep_create (struct job *job, int type,
                                      const char *description)
{
    size_t len = strlen (description) + 1;
    struct dependency *dep = calloc (1, sizeof (*dep) + len);

    if (!dep)
        return NULL;
    memcpy (dep->description, description, len);
    dep->type = type;
    dep->job = job;
    list_init (&dep->watch);
    list_append (&job->dependencies, &dep->link);
    return dep;
}

static void dep_destroy (struct manager *m, struct dependency *dep)
{
    list_remove (&dep->link);
    list_remove (&dep->watch);
    heap_remove (&m->begins, &dep->timer);
    free (dep);
}

static void satisfy (struct manager *m, struct dependency *dep)
{
    struct job *job = dep->job;
    struct event ev = {
        .type = EV_DEPENDENCY_REMOVE,
        .description = dep->description,
    };

    manager_emit (m, job, &ev);
    dep_destroy (m, dep);
    manager_step (m, job);
}

static const char *scheme_of (const struct dependency *dep)
{
    for (size_t i = 1; i < sizeof (schemes) / sizeof (schemes[0]); i++) {
        if (schemes[i].type == (int)dep->type)
            return schemes[i].name;
    }
    return "dependency";
}

/* 1: satisfied, -1: can never be. */
static int verdict (int type, struct history_record rec)
{
    bool ok = rec.result == FLUX_JOB_RESULT_COMPLETED;

    switch (type) {
    case DEP_AFTER_START:
        return rec.started ? 1 : -1;
    case DEP_AFTER_SUCCESS:
        return ok ? 1 : -1;
    case DEP_AFTER_FAILURE:
        return ok || !rec.started ? -1 : 1;
    case DEP_AFTER_EXCEPT:
        return rec.exception ? 1 : -1;
    default:
        return 1;
    }
}

static const char *reason (int type, struct history_record rec)
{
    if (type == DEP_AFTER_FAILURE && !rec.started)
        return "never started";
    switch (type) {
    case DEP_AFTER_START:
        return "never started";
    case DEP_AFTER_SUCCESS:
        return "failed or was canceled";
    case DEP_AFTER_FAILURE:
        return "was successful";
    default:
        return "ended without an exception";
    }
}

static void explain (char *buf, size_t len, const char *prefix, const char *scheme,
                     flux_jobid_t id, const char *why)
{
    char s[32];

    flux_job_id_encode (id, "f58", s, sizeof (s));
    snprintf (buf, len, "%s%s: job %s %s", prefix, scheme, s, why);
}

static int refuse (flux_error_t *error, const char *scheme, flux_jobid_t id,
                   const char *why)
{
    explain (error->text, sizeof (error->text), "dependency: ", scheme, id, why);
    errno = EINVAL;
    return -1;
}

static int add_after (struct manager *m, struct job *job, const struct scheme *scheme,
                      const char *value, flux_error_t *error)
{
    struct history_record rec;
    flux_jobid_t id;
    char text[64], s[32];

    if (flux_job_id_parse (value, &id) < 0) {
        snprintf (error->text, sizeof (error->text),
                  "dependency: %s: \"%s\" is not a valid job id", scheme->name, value);
        errno = EINVAL;
        return -1;
    }
    struct job *target = manager_lookup (m, id);
    if (id == job->id || (!target && !history_lookup (m->history, id, &rec)))
        return refuse (error, scheme->name, id, "not found");
    if (target && target->state == FLUX_JOB_STATE_INACTIVE) {
        rec = (struct history_record){ .result = job_result (target),
                                       .started = target->started,
                                       .exception = target->exception != NULL };
        target = NULL;
    }
    if (!target)
        return verdict (scheme->type, rec) > 0
                   ? 0
                   : refuse (error, scheme->name, id, reason (scheme->type, rec));
    if (scheme->type == DEP_AFTER_START && target->started)
        return 0;
    flux_job_id_encode (id, "f58", s, sizeof (s));
    snprintf (text, sizeof (text), "%s=%s", scheme->description, s);
    struct dependency *dep = dep_create (job, scheme->type, text);
    if (!dep)
        return -1;
    dep->target = id;
    list_append (&target->watchers, &dep->watch);
    return 0;
}

static int add_begin_time (struct manager *m, struct job *job, const char *value,
                           flux_error_t *error)
{
    char *end, text[64];
    double when = strtod (value, &end);

    if (end == value || *end || !isfinite (when) || when < 0) {
        snprintf (error->text, sizeof (error->text),
                  "dependency: begin-time: \"%s\" is no time in seconds", value);
        errno = EINVAL;
        return -1;
    }
    if (when <= m->ops->now (m->arg))
        return 0;
    snprintf (text, sizeof (text), "begin-time=%s", value);
    struct dependency *dep = dep_create (job, DEP_BEGIN_TIME, text);
    if (!dep)
        return -1;
    dep->when = when;
    return heap_insert (&m->begins, &dep->timer);
}

static char *name_key (const struct job *job)
{
    char *key;

    if (!job->name
        || asprintf (&key, "%u:%s:%s", job->userid, job->queue ? job->queue : "",
                     job->name)
               < 0)
        return NULL;
    return key;
}

static struct name *name_lookup (struct manager *m, const struct job *job)
{
    char *key = name_key (job);
    struct name *n = key ? hashmap_lookup (m->names, key) : NULL;

    free (key);
    return n;
}

static int add_singleton (struct manager *m, struct job *job, flux_error_t *error)
{
    if (!job->name) {
        snprintf (error->text, sizeof (error->text),
                  "dependency: singleton: the job must have a name");
        errno = EINVAL;
        return -1;
    }
    struct name *n = name_lookup (m, job);
    if (!n || (list_first (&n->jobs, struct job, name_link) == job))
        return 0;
    return dep_create (job, DEP_SINGLETON, "singleton") ? 0 : -1;
}

static int add_one (struct manager *m, struct job *job, json_t *o, flux_error_t *error)
{
    const char *name, *value = "";
    const struct scheme *scheme;

    if (json_unpack (o, "{s:s s?s}", "scheme", &name, "value", &value) < 0
        || (find_scheme (m, name) && !json_object_get (o, "value"))) {
        snprintf (error->text, sizeof (error->text),
                  "dependency: scheme and value must be strings");
        errno = EINVAL;
        return -1;
    }
    if (!(scheme = find_scheme (m, name))) {
        struct hook_call call = { HOOK_DEPENDENCY, .key = name, .detail = o };
        call.error = error;
        int rc = hook_call (m, job, &call);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
        snprintf (error->text, sizeof (error->text),
                  "dependency scheme \"%s\" not supported", name);
        errno = EINVAL;
        return -1;
    }
    if (scheme->type == DEP_SINGLETON)
        return add_singleton (m, job, error);
    if (scheme->type == DEP_BEGIN_TIME)
        return add_begin_time (m, job, value, error);
    return add_after (m, job, scheme, value, error);
}

/* Is it one of ours, by its description? */
static bool is_builtin (const struct dependency *dep)
{
    size_t len = strcspn (dep->description, "=");

    for (size_t i = 0; i < sizeof (schemes) / sizeof (schemes[0]); i++) {
        const char *s = schemes[i].description;
        if (strlen (s) == len && memcmp (s, dep->description, len) == 0)
            return true;
    }
    return false;
}

static void take_builtin (struct job *job, struct list *logged)
{
    list_foreach (&job->dependencies, l) {
        struct dependency *dep = container_of (l, struct dependency, link);
        if (!is_builtin (dep))
            continue;
        list_remove (&dep->link);
        list_append (logged, &dep->link);
    }
}

/* After a restart: what the log said (DEP_OTHER) is replaced by what the
 * jobspec says, unless it had been removed before. What plugins have added stays
 * until they remove it. */
static void reconcile (struct manager *m, struct job *job, struct list *logged)
{
    list_foreach (&job->dependencies, l) {
        struct dependency *dep = container_of (l, struct dependency, link);
        bool outstanding = dep->type == DEP_OTHER; /* a plugin has just added it */
        list_foreach (logged, k) {
            struct dependency *old = container_of (k, struct dependency, link);
            if (strcmp (old->description, dep->description) == 0)
                outstanding = true;
        }
        if (!outstanding)
            dep_destroy (m, dep);
    }
    while (!list_empty (logged))
        dep_destroy (m, list_first (logged, struct dependency, link));
}

int depend_add (struct manager *m, struct job *job, flux_error_t *error)
{
    struct span spec = { job->spec.text, job->spec.len }, v;
    struct list logged;
    size_t i;
    json_t *o;
    int rc = 0;

    if (!job->has_dependencies
        || jsontext_find (spec, "attributes.system.dependencies", &v) < 0)
        return 0;
    list_init (&logged);
    bool replayed = job->state != FLUX_JOB_STATE_NEW;
    if (replayed)
        take_builtin (job, &logged);
    json_t *deps = json_loadb (v.s, v.len, 0, NULL);
    if (!json_is_array (deps)) {
        snprintf (error->text, sizeof (error->text),
                  "jobspec: attributes.system.dependencies: must be an array");
        errno = EINVAL;
        rc = -1;
    }
    json_array_foreach (deps, i, o) {
        if (rc == 0)
            rc = add_one (m, job, o, error);
    }
    json_decref (deps);
    if (replayed)
        reconcile (m, job, &logged);
    return rc;
}

static int post (struct manager *m, struct dependency *dep)
{
    struct event ev = {
        .type = EV_DEPENDENCY_ADD,
        .description = dep->description,
    };

    dep->posted = true;
    return manager_emit (m, dep->job, &ev);
}

void depend_post (struct manager *m, struct job *job)
{
    list_foreach (&job->dependencies, l) {
        struct dependency *dep = container_of (l, struct dependency, link);
        if (!dep->posted)
            post (m, dep);
    }
}

static struct dependency *find (struct job *job, const char *description)
{
    list_foreach (&job->dependencies, l) {
        struct dependency *dep = container_of (l, struct dependency, link);
        if (strcmp (dep->description, description) == 0)
            return dep;
    }
    return NULL;
}

/* Also one that is gone: the log knows. */
static bool was_there (const struct job *job, const char *description)
{
    struct event ev = { .type = EV_DEPENDENCY_ADD, .description = description };
    struct buf b = BUF_INIT;
    bool found;

    event_encode (&b, &ev);
    char *name = strstr (b.data, "\"name\"");
    size_t len = b.data + b.len - name;
    found = job->log.len > 0 && memmem (job->log.data, job->log.len, name, len);
    buf_fini (&b);
    return found;
}

int manager_dependency_add (struct manager *m, struct job *job, const char *description)
{
    struct dependency *dep;

    if (!(job->state & (FLUX_JOB_STATE_NEW | FLUX_JOB_STATE_DEPEND))) {
        errno = EINVAL;
        return -1;
    }
    if (find (job, description) || was_there (job, description)) {
        errno = EEXIST;
        return -1;
    }
    if (!(dep = dep_create (job, DEP_OTHER, description)))
        return -1;
    return post (m, dep);
}

int manager_dependency_remove (struct manager *m, struct job *job,
                               const char *description)
{
    struct dependency *dep = find (job, description);

    if (!dep) {
        errno = ENOENT;
        return -1;
    }
    if (!dep->posted)
        post (m, dep);
    satisfy (m, dep);
    return 0;
}

void depend_drop (struct job *job, struct manager *m)
{
    while (!list_empty (&job->dependencies))
        dep_destroy (m, list_first (&job->dependencies, struct dependency, link));
}

int depend_replay (struct job *job, const struct event *ev)
{
    if (ev->type == EV_DEPENDENCY_ADD) {
        struct dependency *dep = dep_create (job, DEP_OTHER, ev->description);
        if (dep)
            dep->posted = true;
        return dep ? 0 : -1;
    }
    if (ev->type != EV_DEPENDENCY_REMOVE)
        return 0;
    list_foreach (&job->dependencies, l) {
        struct dependency *dep = container_of (l, struct dependency, link);
        if (strcmp (dep->description, ev->description) == 0) {
            list_remove (&dep->link);
            free (dep);
            break;
        }
    }
    return 0;
}

void depend_started (struct manager *m, struct job *job)
{
    list_foreach (&job->watchers, l) {
        struct dependency *dep = container_of (l, struct dependency, watch);
        if (dep->type == DEP_AFTER_START)
            satisfy (m, dep);
    }
}

void depend_inactive (struct manager *m, struct job *job)
{
    struct history_record rec = {
        .result = job_result (job),
        .started = job->started,
        .exception = job->exception != NULL,
    };
    struct list *l;

    while ((l = list_pop (&job->watchers))) {
        struct dependency *dep = container_of (l, struct dependency, watch);
        char note[128];
        if (verdict (dep->type, rec) > 0) {
            satisfy (m, dep);
            continue;
        }
        explain (note, sizeof (note), "", scheme_of (dep), job->id,
                 reason (dep->type, rec));
        manager_raise (m, dep->job, "dependency", 0, note, FLUX_USERID_UNKNOWN);
    }
    name_remove (m, job);
}

void depend_due (struct manager *m, double now)
{
    struct heap_node *n;

    while ((n = heap_first (&m->begins))) {
        struct dependency *dep = container_of (n, struct dependency, timer);
        if (dep->when > now)
            break;
        satisfy (m, dep);
    }
}

double manager_next_due (const struct manager *m)
{
    struct heap_node *n;
    double due = manager_reclaim_due (m), t;

    if ((n = heap_first (&m->begins))) {
        t = container_of (n, struct dependency, timer)->when - m->ops->now (m->arg);
        due = fmin (fmin (due, t), CLOCK_CHECK);
    }
    if ((n = heap_first (&m->expirations))) {
        t = container_of (n, struct job, expire_node)->t_expire - m->ops->mono (m->arg);
        due = fmin (due, t);
    }
    return isinf (due) ? -1 : fmax (due, 0);
}

int name_add (struct manager *m, struct job *job)
{
    char *key = name_key (job);

    if (!key)
        return job->name ? -1 : 0;
    struct name *n = hashmap_lookup (m->names, key);
    if (!n) {
        n = malloc (sizeof (*n));
        if (!n || hashmap_insert (m->names, key, n) < 0) {
            free (n);
            free (key);
            errno = ENOMEM;
            return -1;
        }
        list_init (&n->jobs);
    }
    free (key);
    list_append (&n->jobs, &job->name_link);
    return 0;
}

void name_remove (struct manager *m, struct job *job)
{
    if (list_empty (&job->name_link))
        return;
    char *key = name_key (job);
    struct name *n = key ? hashmap_lookup (m->names, key) : NULL;

    list_remove (&job->name_link);
    if (n && list_empty (&n->jobs)) {
        hashmap_remove (m->names, key);
    } else if (n) {
        struct job *next = list_first (&n->jobs, struct job, name_link);
        list_foreach (&next->dependencies, l) {
            struct dependency *dep = container_of (l, struct dependency, link);
            if (dep->type == DEP_SINGLETON) {
                satisfy (m, dep);
                break;
            }
        }
    }
    free (key);
}
