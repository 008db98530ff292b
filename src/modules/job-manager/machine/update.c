/* What may change of a job while it is there: its jobspec, by paths (RFC 21). */
#include "parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int set_path (json_t *o, const char *path, json_t *value)
{
    for (;;) {
        size_t n = strcspn (path, ".");
        char key[64];
        if (n == 0 || n >= sizeof (key))
            return -1;
        memcpy (key, path, n);
        key[n] = '\0';
        if (!path[n])
            return json_object_set (o, key, value);
        json_t *next = json_object_get (o, key);
        if (!next) {
            next = json_object ();
            json_object_set_new (o, key, next);
        }
        o = next;
        path += n + 1;
    }
}

/* NULL with EINVAL: they do not fit it. */
static json_t *with_updates (json_t *take_spec, json_t *updates)
{
    const char *key;
    json_t *value;

    json_object_foreach (updates, key, value) {
        if (!take_spec || set_path (take_spec, key, value) < 0) {
            json_decref (take_spec);
            errno = EINVAL;
            return NULL;
        }
    }
    return take_spec;
}

int manager_rewrite_spec (struct manager *m, struct job *job, json_t *updates)
{
    struct buf b = BUF_INIT;
    struct spec spec;
    json_t *o;

    spec_add_full (&job->spec, &b);
    o = with_updates (json_loadb (b.data, b.len, JSON_ALLOW_NUL, NULL), updates);
    buf_fini (&b);
    if (!o)
        return -1;
    char *s = json_dumps (o, JSON_COMPACT);
    json_decref (o);
    if (!s || spec_init (&spec, &m->envs, s, strlen (s)) < 0) {
        free (s);
        return -1;
    }
    free (s);
    spec_fini (&job->spec, &m->envs);
    job->spec = spec;
    if (job->tap) { /* to be read again */
        json_decref (job->tap->jobspec);
        job->tap->jobspec = NULL;
    }
    return 0;
}

/* What is changed without a plugin that allows it. */
struct own_update {
    const char *key;
    json_type type;
    const char *must_be;
    unsigned int off; /* by this, or 0 */
};

static const struct own_update *own_update (const struct manager *m, const char *key)
{
    static const struct own_update known[] = {
        { "attributes.system.duration", JSON_REAL, NULL, OFF_UPDATE_DURATION },
        { "attributes.system.queue", JSON_STRING, "a string", OFF_UPDATE_QUEUE },
        { "attributes.system.job.name", JSON_STRING, "a string" },
        { "attributes.system.constraints", JSON_OBJECT, "an object" },
    };

    for (size_t i = 0; i < sizeof (known) / sizeof (known[0]); i++) {
        if (strcmp (key, known[i].key) == 0)
            return m->queues.off & known[i].off ? NULL : &known[i];
    }
    return NULL;
}

static int refuse_update (flux_error_t *error, const char *fmt, const char *key)
{
    snprintf (error->text, sizeof (error->text), fmt, key);
    errno = EINVAL;
    return -1;
}

static int check_own (const struct own_update *own, const struct job *job,
                      const json_t *value, flux_error_t *error)
{
    bool duration = own->type == JSON_REAL;

    if (!duration && !job_pending (job))
        return refuse_update (error, "update of %s: the job runs already", own->key);
    if (duration && (!json_is_number (value) || json_number_value (value) < 0))
        return refuse_update (error, "%s must be a number of seconds from 0",
                              "duration");
    if (!duration && json_typeof (value) != own->type) {
        snprintf (error->text, sizeof (error->text), "update of %s: must be %s",
                  own->key, own->must_be);
        errno = EINVAL;
        return -1;
    }
    return 0;
}

bool manager_is_update (const char *key, const json_t *value)
{
    static const struct manager none;
    const struct own_update *own = own_update (&none, key);

    if (!own)
        return true;
    if (own->type == JSON_REAL)
        return json_is_number (value) && json_number_value (value) >= 0;
    return json_typeof (value) == own->type;
}

/* Plugins may allow what we do not, and refuse what we allow. */
static int check_key (struct manager *m, struct job *job, const char *key,
                      struct update_plan *plan, bool *validated, flux_error_t *error)
{
    struct hook_call call = {
        .point = HOOK_UPDATE_KEY,
        .key = key,
        .detail = plan->updates,
        .cred = plan->cred,
        .error = error,
    };
    const struct own_update *own = own_update (m, key);
    json_t *value = json_object_get (plan->updates, key);
    int rc = 0;

    if (own && check_own (own, job, value, error) < 0)
        return -1;
    if (strncmp (key, "attributes.", 11) == 0)
        rc = hook_call (m, job, &call);
    *validated &= call.validated;
    plan->feasibility |= call.feasibility;
    if (rc > 0 && call.updates)
        json_object_update (plan->more, call.updates);
    json_decref (call.updates);
    if (rc == 0 && !own)
        return refuse_update (error, "update of %.100s not supported", key);
    return rc < 0 ? -1 : 0;
}

static int validate_update (struct manager *m, struct job *job,
                            struct update_plan *plan, flux_error_t *error)
{
    struct hook_call call = { .point = HOOK_VALIDATE, .error = error };

    if (!plan->jobspec)
        return refuse_update (error, "%s cannot be updated", "jobspec");
    call.jobspec = plan->jobspec;
    return hook_call (m, job, &call) < 0 ? -1 : 0;
}

/* A job that changes its queue runs on the nodes of the other one. */
static void add_constraints (struct manager *m, const struct job *job,
                             struct update_plan *plan)
{
    static const char key[] = "attributes.system.constraints";
    json_t *queue = json_object_get (plan->updates, "attributes.system.queue");
    json_t *system =
        json_object_get (json_object_get (plan->jobspec, "attributes"), "system");
    struct jobqueue *to = NULL;
    flux_error_t none; /* a queue that is not there is refused later */
    json_t *constraints;

    if (queue && job->jobqueue && !json_object_get (plan->updates, key))
        to = jobqueues_lookup (&m->queues, json_string_value (queue), &none);
    if (!to
        || !(constraints = jobqueue_move_constraints (
                 job->jobqueue, to, json_object_get (system, "constraints"))))
        return;
    json_object_set (system, "constraints", constraints);
    json_object_set_new (plan->updates, key, constraints);
}

static int check_update (struct manager *m, struct job *job, struct update_plan *plan,
                         flux_error_t *error)
{
    bool validated = true;
    const char *key;
    json_t *value;

    if (manager_check_context (plan->updates, error) < 0)
        return -1;
    json_object_foreach (plan->updates, key, value) {
        if (check_key (m, job, key, plan, &validated, error) < 0)
            return -1;
    }
    json_object_update (plan->updates, plan->more);
    plan->jobspec =
        with_updates (json_loadb (job->spec.text, job->spec.len, JSON_ALLOW_NUL, NULL),
                      plan->updates);
    add_constraints (m, job, plan);
    return validated ? 0 : validate_update (m, job, plan, error);
}

/* A job that runs cannot have ended already. */
static int check_not_past (const struct manager *m, const struct job *job,
                           double duration, flux_error_t *error)
{
    if (job_pending (job) || !job->R || duration == 0
        || job->t_alloc + duration > m->ops->mono (m->arg))
        return 0;
    snprintf (error->text, sizeof (error->text),
              "requested duration places job expiration in the past");
    errno = EINVAL;
    return -1;
}

/* A job that runs has another expiration. */
static void post_expiration (struct manager *m, struct job *job)
{
    struct span R = { job->R, strlen (job->R) }, v;
    double start = job->t_last, d = job->facts.duration;

    if (jsontext_find (R, "execution.starttime", &v) == 0)
        jsontext_number (v, &start);
    struct event ev = { .type = EV_RESOURCE_UPDATE,
                        .expiration = d > 0 ? start + d : 0 };
    manager_emit (m, job, &ev);
    manager_set_expiration (m, job);
}

int manager_post_update (struct manager *m, struct job *job, json_t *updates,
                         flux_error_t *error)
{
    struct event ev = { .type = EV_JOBSPEC_UPDATE, .context = updates };

    if (manager_rewrite_spec (m, job, updates) < 0) {
        snprintf (error->text, sizeof (error->text), "jobspec cannot be updated");
        return -1;
    }
    manager_emit (m, job, &ev);
    name_remove (m, job);
    manager_read_spec (m, job, error);
    name_add (m, job);
    if (json_object_get (updates, "attributes.system.queue"))
        manager_set_queue (m, job, error);
    if (job_pending (job))
        manager_cancel_alloc (m, job); /* it is offered again, as it is now */
    else if (job->R && json_object_get (updates, "attributes.system.duration"))
        post_expiration (m, job);
    manager_step (m, job);
    return 0;
}

void update_plan_fini (struct update_plan *plan)
{
    json_decref (plan->updates);
    json_decref (plan->more);
    json_decref (plan->jobspec);
    *plan = (struct update_plan){ 0 };
}

int manager_plan_update (struct manager *m, struct job *job, json_t *updates,
                         struct update_plan *plan, flux_error_t *error)
{
    struct job_facts facts = job->facts;

    if (!(plan->updates = json_copy (updates)) || !(plan->more = json_object ())
        || check_update (m, job, plan, error) < 0
        || manager_check_room (job, error) < 0)
        return -1;
    json_t *duration = json_object_get (plan->updates, "attributes.system.duration");
    json_t *queue = json_object_get (plan->updates, "attributes.system.queue");
    if (duration) {
        facts.duration = json_number_value (duration);
        if ((!queue
             && jobqueue_check_limits (&m->queues, job->jobqueue, &facts, error) < 0)
            || check_not_past (m, job, facts.duration, error) < 0)
            return -1;
    }
    if (queue) {
        struct jobqueue *jq =
            jobqueues_lookup (&m->queues, json_string_value (queue), error);
        if (!jq || jobqueue_check (&m->queues, jq, &facts, error) < 0)
            return -1;
    }
    return 0;
}

int manager_update (struct manager *m, struct job *job, json_t *updates,
                    flux_error_t *error)
{
    struct update_plan plan = { 0 };
    int rc = manager_plan_update (m, job, updates, &plan, error);

    if (rc == 0)
        rc = manager_post_update (m, job, plan.updates, error);
    update_plan_fini (&plan);
    return rc;
}
