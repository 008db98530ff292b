#include "jobqueue.h"
#include "base/error.h"
#include "base/json/keys.h"
#include "value/fsd.h"
#include "value/resource/rset.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct job_limits unlimited = {
    .max = { -1, -1, -1, 0 },
    .min = { -1, -1, -1, 0 },
};

/* Priority first, then the order of submission, which ids follow. */
static bool waiting_before (const struct heap_node *x, const struct heap_node *y)
{
    const struct job *a = container_of (x, struct job, queue_node);
    const struct job *b = container_of (y, struct job, queue_node);

    if (a->priority != b->priority)
        return a->priority > b->priority;
    return a->id < b->id;
}

static void jobqueue_destroy (struct jobqueue *jq)
{
    if (!jq)
        return;
    heap_fini (&jq->waiting);
    free (jq->name);
    free (jq->disable_reason);
    free (jq->stop_reason);
    json_decref (jq->requires);
    free (jq);
}

static struct jobqueue *jobqueue_create (const char *name)
{
    struct jobqueue *jq = calloc (1, sizeof (*jq));

    if (!jq || (name && !(jq->name = strdup (name)))) {
        free (jq);
        errno = ENOMEM;
        return NULL;
    }
    heap_init (&jq->waiting, waiting_before);
    jq->enabled = true;
    jq->started = !name; /* RFC 33: named ones are stopped at first */
    jq->configured = true;
    jq->limits = unlimited;
    return jq;
}

int jobqueues_init (struct jobqueues *q)
{
    *q = (struct jobqueues){ 0 };
    list_init (&q->queues);
    struct jobqueue *jq = jobqueue_create (NULL);
    if (!jq)
        return -1;
    list_append (&q->queues, &jq->link);
    return 0;
}

void jobqueues_fini (struct jobqueues *q)
{
    struct list *l;

    while ((l = list_pop (&q->queues)))
        jobqueue_destroy (container_of (l, struct jobqueue, link));
}

static struct jobqueue *find (struct jobqueues *q, const char *name)
{
    list_foreach (&q->queues, l) {
        struct jobqueue *jq = container_of (l, struct jobqueue, link);
        if (name ? jq->name && strcmp (jq->name, name) == 0 : !jq->name)
            return jq;
    }
    return NULL;
}

static int bad (flux_error_t *error, const char *where, const char *what)
{
    return error_invalid (error, "config: %.80s: %.68s", where, what);
}

/* Of a table that may not be there; what nobody reads is refused. */
static int check_keys (json_t *o, const struct json_key *keys, const char *where,
                       flux_error_t *error)
{
    char name[160];

    snprintf (name, sizeof (name), "config: %s", where);
    return json_check_keys (o, name, keys, error);
}

static int parse_size (json_t *o, const char *where, struct job_facts *f,
                       flux_error_t *error)
{
    static const struct json_key keys[] = {
        { "nnodes", JSON_KIND_INTEGER },
        { "ncores", JSON_KIND_INTEGER },
        { "ngpus", JSON_KIND_INTEGER },
        { NULL },
    };
    int *const facts[] = { &f->nnodes, &f->ncores, &f->ngpus };

    if (check_keys (o, keys, where, error) < 0)
        return -1;
    for (int i = 0; keys[i].name; i++) {
        json_t *v = json_object_get (o, keys[i].name);
        json_int_t n = json_integer_value (v);

        if (v && (n < -1 || n > INT_MAX))
            return bad (error, where, "must be integers from -1 (no limit)");
        if (v)
            *facts[i] = n;
    }
    return 0;
}

static int parse_duration (json_t *v, const char *where, double *duration,
                           flux_error_t *error)
{
    if (json_is_number (v) && json_number_value (v) >= 0)
        *duration = json_number_value (v);
    else if (!json_is_string (v) || fsd_parse (json_string_value (v), duration) < 0)
        return bad (error, where, "must be a Flux standard duration");
    if (isinf (*duration))
        *duration = 0;
    return 0;
}

/* policy.limits of the instance or of a queue; the latter goes before. */
static int parse_limits (json_t *policy, const char *where, struct job_limits *l,
                         flux_error_t *error)
{
    static const struct json_key policies[] = {
        { "limits", JSON_KIND_TABLE },
        { "jobspec", JSON_KIND_TABLE },
        { "scheduler", JSON_KIND_ANY }, /* for the one that is there */
        { NULL },
    };
    static const struct json_key kinds[] = {
        { "duration", JSON_KIND_ANY },
        { "job-size", JSON_KIND_TABLE },
        { NULL },
    };
    static const struct json_key ends[] = {
        { "max", JSON_KIND_TABLE },
        { "min", JSON_KIND_TABLE },
        { NULL },
    };
    json_t *limits, *size, *duration;
    char path[128];

    if (check_keys (policy, policies, where, error) < 0)
        return -1;
    limits = json_object_get (policy, "limits");
    snprintf (path, sizeof (path), "%s.limits", where);
    if (check_keys (limits, kinds, path, error) < 0)
        return -1;
    size = json_object_get (limits, "job-size");
    snprintf (path, sizeof (path), "%s.limits.job-size", where);
    if (check_keys (size, ends, path, error) < 0)
        return -1;
    duration = json_object_get (limits, "duration");
    snprintf (path, sizeof (path), "%s.limits.duration", where);
    if (duration && parse_duration (duration, path, &l->duration, error) < 0)
        return -1;
    snprintf (path, sizeof (path), "%s.limits.job-size.max", where);
    if (parse_size (json_object_get (size, "max"), path, &l->max, error) < 0)
        return -1;
    snprintf (path, sizeof (path), "%s.limits.job-size.min", where);
    return parse_size (json_object_get (size, "min"), path, &l->min, error);
}

static int set_queue (struct jobqueues *q, const char *name, struct job_limits limits,
                      json_t *requires)
{
    struct jobqueue *jq = find (q, name);

    if (!jq) {
        if (!(jq = jobqueue_create (name)))
            return -1;
        list_append (&q->queues, &jq->link);
    }
    jq->configured = true;
    jq->limits = limits;
    json_decref (jq->requires);
    jq->requires = json_array_size (requires) > 0 ? json_incref (requires) : NULL;
    return 0;
}

static bool size_limited (const struct job_facts *f)
{
    return f->nnodes >= 0 || f->ncores >= 0 || f->ngpus >= 0;
}

/* Drop what the configuration does not name, unless jobs are in it. */
static void sweep (struct jobqueues *q)
{
    q->need_size = false;
    list_foreach (&q->queues, l) {
        struct jobqueue *jq = container_of (l, struct jobqueue, link);
        if (!jq->configured && jq->njobs == 0) {
            list_remove (&jq->link);
            jobqueue_destroy (jq);
        } else if (size_limited (&jq->limits.max) || size_limited (&jq->limits.min)) {
            q->need_size = true;
        }
    }
}

#define QUEUES_MAX 1024 /* each is looked for by its name, and shown in a line */
#define QUEUE_NAME_MAX 128
#define REQUIRES_MAX 1024

/* What people can type, and a line can show. */
static bool is_name (const char *name)
{
    size_t len = strlen (name);

    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
            return false;
    return len > 0 && len <= QUEUE_NAME_MAX;
}

static int check_requires (json_t *requires, const char *where, flux_error_t *error)
{
    size_t i;
    json_t *o;

    if (requires && !json_is_array (requires))
        return bad (error, where, "must be a list of properties");
    if (json_array_size (requires) > REQUIRES_MAX)
        return bad (error, where, "has more than 1024 properties");
    json_array_foreach (requires, i, o) {
        const char *s = json_string_value (o);

        if (!s)
            return bad (error, where, "must be a list of properties");
        if (!*s || s[strcspn (s, PROPERTY_REFUSED)])
            return error_fail (error, EINVAL, "config: %s: '%.60s' is no property",
                               where, s);
    }
    return 0;
}

static int check_queue (const char *name, json_t *o, flux_error_t *error)
{
    static const struct json_key keys[] = {
        { "requires", JSON_KIND_ANY },
        { "policy", JSON_KIND_TABLE },
        { NULL },
    };
    char where[80];

    snprintf (where, sizeof (where), "queues.%.60s", name);
    if (!is_name (name))
        return bad (error, where, "a name has 1 to 128 bytes, none of them blank");
    if (check_keys (o, keys, where, error) < 0)
        return -1;
    snprintf (where, sizeof (where), "queues.%.60s.requires", name);
    return check_requires (json_object_get (o, "requires"), where, error);
}

/* The queue of jobs that name none. */
static int check_default (json_t *queues, json_t *policy, flux_error_t *error)
{
    static const char where[] = "policy.jobspec.defaults.system.queue";
    static const char *const path[] = { "jobspec", "defaults", "system", "queue" };
    char what[80];
    json_t *o = policy;

    for (int i = 0; i < 4; i++)
        o = json_object_get (o, path[i]);
    if (!o)
        return 0;
    if (!json_is_string (o))
        return bad (error, where, "must be the name of a queue");
    if (json_object_get (queues, json_string_value (o)))
        return 0;
    snprintf (what, sizeof (what), "there is no queue '%.40s'", json_string_value (o));
    return bad (error, where, what);
}

int jobqueues_configure (struct jobqueues *q, json_t *queues, json_t *policy,
                         flux_error_t *error)
{
    struct job_limits general = unlimited;
    const char *name;
    json_t *o;

    if (queues && !json_is_object (queues))
        return bad (error, "queues", "must be a table of tables");
    if (json_object_size (queues) > QUEUES_MAX)
        return bad (error, "queues", "there are more than 1024");
    if (parse_limits (policy, "policy", &general, error) < 0
        || check_default (queues, policy, error) < 0)
        return -1;
    json_object_foreach (queues, name, o) {
        struct job_limits l = general;
        char where[64];
        snprintf (where, sizeof (where), "queues.%.48s.policy", name);
        if (check_queue (name, o, error) < 0)
            return -1;
        if (parse_limits (json_object_get (o, "policy"), where, &l, error) < 0)
            return -1;
    }
    list_foreach (&q->queues, it)
        container_of (it, struct jobqueue, link)->configured = false;
    q->named = json_object_size (queues) > 0;
    json_object_foreach (queues, name, o) {
        struct job_limits l = general;
        parse_limits (json_object_get (o, "policy"), name, &l, error);
        if (set_queue (q, name, l, json_object_get (o, "requires")) < 0)
            return -1;
    }
    if (!q->named && set_queue (q, NULL, general, NULL) < 0)
        return -1;
    sweep (q);
    return 0;
}

static json_t *term_of (json_t *requires)
{
    return json_pack ("{s:O}", "properties", requires);
}

/* What is left without the term that ingest has added, new: {} if that was all. NULL: it
 * is not there. */
static json_t *without_term (json_t *constraints, json_t *requires)
{
    json_t *and = json_object_get (constraints, "and");
    json_t *term = term_of (requires), *rest = NULL;

    if (json_equal (constraints, term))
        rest = json_object ();
    else if (json_object_size (constraints) == 1 && json_array_size (and) == 2
             && json_equal (json_array_get (and, 1), term))
        rest = json_incref (json_array_get (and, 0));
    json_decref (term);
    return rest;
}

json_t *jobqueue_move_constraints (const struct jobqueue *from,
                                   const struct jobqueue *to, json_t *constraints)
{
    json_t *rest;

    if (from == to || (!from->requires && !to->requires)
        || (from->requires && json_equal (from->requires, to->requires)))
        return NULL;
    rest = from->requires ? without_term (constraints, from->requires)
           : constraints  ? json_incref (constraints)
                          : json_object ();
    if (!rest || !to->requires)
        return rest;
    if (json_object_size (rest) > 0)
        return json_pack ("{s:[o o]}", "and", rest, term_of (to->requires));
    json_decref (rest);
    return term_of (to->requires);
}

struct jobqueue *jobqueues_lookup (struct jobqueues *q, const char *name,
                                   flux_error_t *error)
{
    struct jobqueue *jq = find (q, name);

    if (jq && jq->configured)
        return jq;
    if (!name)
        snprintf (error->text, sizeof (error->text),
                  "no queue named, and there is no default queue");
    else
        snprintf (error->text, sizeof (error->text), "'%s' is not a valid queue", name);
    errno = EINVAL;
    return NULL;
}

static int over (const struct jobqueue *jq, const char *what, const char *asked,
                 const char *side, const char *limit, flux_error_t *error)
{
    return error_invalid (error, "requested %s (%s) %s policy limit of %s%s%s", what,
                          asked, side, limit, jq->name ? " for queue " : "",
                          jq->name ? jq->name : "");
}

static int over_size (const struct jobqueue *jq, const char *what, int asked,
                      const char *side, int limit, flux_error_t *error)
{
    char a[16], b[16];

    snprintf (a, sizeof (a), "%d", asked);
    snprintf (b, sizeof (b), "%d", limit);
    return over (jq, what, a, side, b, error);
}

static int over_duration (const struct jobqueue *jq, double asked, flux_error_t *error)
{
    char a[32] = "unlimited", b[32];

    if (asked > 0)
        fsd_format_digits (a, sizeof (a), asked, 6);
    fsd_format_digits (b, sizeof (b), jq->limits.duration, 4);
    return over (jq, "duration", a, "exceeds", b, error);
}

static int check_size (const struct jobqueue *jq, const struct job_facts *f,
                       flux_error_t *error)
{
    const struct job_limits *l = &jq->limits;

    const struct {
        const char *name;
        int asked, max, min;
    } items[] = {
        { "nnodes", f->nnodes, l->max.nnodes, l->min.nnodes },
        { "ncores", f->ncores, l->max.ncores, l->min.ncores },
        { "ngpus", f->ngpus, l->max.ngpus, l->min.ngpus },
    };

    for (int i = 0; i < 3; i++) {
        if (items[i].max >= 0 && items[i].asked > items[i].max)
            return over_size (jq, items[i].name, items[i].asked, "exceeds",
                              items[i].max, error);
        if (items[i].min >= 0 && items[i].asked < items[i].min)
            return over_size (jq, items[i].name, items[i].asked, "is below",
                              items[i].min, error);
    }
    return 0;
}

int jobqueue_check_limits (const struct jobqueues *q, const struct jobqueue *jq,
                           const struct job_facts *facts, flux_error_t *error)
{
    double max = jq->limits.duration;

    if (max > 0 && !(q->off & OFF_LIMIT_DURATION)
        && (facts->duration == 0 || facts->duration > max))
        return over_duration (jq, facts->duration, error);
    return q->off & OFF_LIMIT_SIZE ? 0 : check_size (jq, facts, error);
}

int jobqueue_check (struct jobqueues *q, struct jobqueue *jq,
                    const struct job_facts *facts, flux_error_t *error)
{
    if (!jq->enabled) {
        snprintf (error->text, sizeof (error->text),
                  jq->name ? "job submission to %s is disabled: %s"
                           : "job submission is disabled%.0s: %s",
                  jq->name ? jq->name : "",
                  jq->disable_reason ? jq->disable_reason : "no reason given");
        errno = EINVAL;
        return -1;
    }
    return jobqueue_check_limits (q, jq, facts, error);
}

static void set_reason (char **dst, const char *reason)
{
    free (*dst);
    *dst = reason && *reason ? strdup (reason) : NULL;
}

void jobqueue_set_enabled (struct jobqueue *jq, bool enabled, const char *reason,
                           bool nocheckpoint)
{
    /* what is remembered already stays so */
    jq->nocheckpoint_disabled =
        !enabled && nocheckpoint && (jq->enabled || jq->nocheckpoint_disabled);
    jq->enabled = enabled;
    set_reason (&jq->disable_reason, enabled ? NULL : reason);
}

void jobqueue_set_started (struct jobqueue *jq, bool started, const char *reason,
                           bool nocheckpoint)
{
    jq->nocheckpoint = !started && nocheckpoint && (jq->started || jq->nocheckpoint);
    jq->started = started;
    set_reason (&jq->stop_reason, started ? NULL : reason);
}

json_t *jobqueue_status (const struct jobqueue *jq)
{
    json_t *o = json_pack ("{s:b s:b}", "enable", jq->enabled, "start", jq->started);

    if (o && jq->disable_reason)
        json_object_set_new (o, "disable_reason", json_string (jq->disable_reason));
    if (o && jq->stop_reason)
        json_object_set_new (o, "stop_reason", json_string (jq->stop_reason));
    return o;
}

json_t *jobqueues_save (const struct jobqueues *q)
{
    json_t *a = json_array ();

    list_foreach (&q->queues, l) {
        struct jobqueue *jq = container_of (l, struct jobqueue, link);
        json_t *o = jobqueue_status (jq);
        if (jq->name)
            json_object_set_new (o, "name", json_string (jq->name));
        if (jq->nocheckpoint)
            json_object_set_new (o, "start", json_true ());
        if (jq->nocheckpoint_disabled)
            json_object_set_new (o, "enable", json_true ());
        json_array_append_new (a, o);
    }
    return a;
}

void jobqueues_restore (struct jobqueues *q, json_t *saved)
{
    size_t i;
    json_t *o;

    json_array_foreach (saved, i, o) {
        const char *name = NULL, *disabled = NULL, *stopped = NULL;
        int enable, start;
        struct jobqueue *jq;
        if (json_unpack (o, "{s?s s:b s:b s?s s?s}", "name", &name, "enable", &enable,
                         "start", &start, "disable_reason", &disabled, "stop_reason",
                         &stopped)
                < 0
            || !(jq = find (q, name)))
            continue;
        jobqueue_set_enabled (jq, enable, disabled, false);
        jobqueue_set_started (jq, start, stopped, false);
    }
}
