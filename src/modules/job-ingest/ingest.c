#include "ingest.h"
#include "base/json.h"
#include "value/fsd.h"
#include "value/jobspec.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail (flux_error_t *error, int errnum, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));

static int fail (flux_error_t *error, int errnum, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (error->text, sizeof (error->text), fmt, ap);
    va_end (ap);
    errno = errnum;
    return -1;
}

void ingest_init (struct ingest *in, uint32_t owner)
{
    *in = (struct ingest){ .owner = owner };
}

void ingest_fini (struct ingest *in)
{
    json_decref (in->queues);
    json_decref (in->policy);
    free (in->env);
    free (in->J);
    free (in->jobspec);
    free (in->lite);
}

static void forget_last (struct ingest *in)
{
    free (in->J);
    free (in->jobspec);
    free (in->lite);
    in->J = in->jobspec = in->lite = NULL;
    in->J_len = 0;
}

/* policy.jobspec.defaults.system.KEY of a queue or of the instance. */
static json_t *get_default (json_t *policy, const char *key)
{
    json_t *o = json_object_get (json_object_get (policy, "jobspec"), "defaults");

    return json_object_get (json_object_get (o, "system"), key);
}

static int read_duration (json_t *o, double *duration)
{
    if (json_is_number (o))
        *duration = json_number_value (o);
    else if (!json_is_string (o) || fsd_parse (json_string_value (o), duration) < 0)
        return -1;
    if (isinf (*duration))
        *duration = 0;
    return 0;
}

static int check_defaults (json_t *policy, const char *where, flux_error_t *error)
{
    json_t *duration = get_default (policy, "duration");
    json_t *queue = get_default (policy, "queue");
    double d;

    if (duration && read_duration (duration, &d) < 0)
        return fail (error, EINVAL,
                     "config: %s.jobspec.defaults.system.duration: must be a Flux "
                     "standard duration",
                     where);
    if (queue && !json_is_string (queue))
        return fail (error, EINVAL,
                     "config: %s.jobspec.defaults.system.queue: must be a string",
                     where);
    return 0;
}

int ingest_configure (struct ingest *in, json_t *queues, json_t *policy,
                      flux_error_t *error)
{
    const char *name;
    json_t *o;

    if (check_defaults (policy, "policy", error) < 0)
        return -1;
    json_object_foreach (queues, name, o) {
        char where[64];
        snprintf (where, sizeof (where), "queues.%s.policy", name);
        if (check_defaults (json_object_get (o, "policy"), where, error) < 0)
            return -1;
    }
    json_decref (in->queues);
    json_decref (in->policy);
    forget_last (in);
    in->queues = json_incref (queues);
    in->policy = json_incref (policy);
    return 0;
}

static int check_environment (struct ingest *in, struct span env, flux_error_t *error)
{
    const char *name;
    json_t *value;
    json_error_t jerror;

    if (in->env_len == env.len && memcmp (in->env, env.s, env.len) == 0)
        return 0;
    json_t *o = json_loadb (env.s, env.len, JSON_DECODE_ANY, &jerror);
    if (!json_is_object (o)) {
        json_decref (o);
        return fail (error, EINVAL,
                     "jobspec: attributes.system.environment: must be an object");
    }
    json_object_foreach (o, name, value) {
        if (!json_is_string (value) && !json_is_null (value)) {
            fail (error, EINVAL,
                  "jobspec: attributes.system.environment.%s: must be a string", name);
            json_decref (o);
            errno = EINVAL;
            return -1;
        }
    }
    json_decref (o);
    char *copy = malloc (env.len);
    if (copy) {
        memcpy (copy, env.s, env.len);
        free (in->env);
        in->env = copy;
        in->env_len = env.len;
    }
    return 0;
}

/* --- defaults and constraints of queues --- */

static json_t *make_object (json_t *parent, const char *key)
{
    json_t *o = json_object_get (parent, key);

    if (!o && (o = json_object ()))
        json_object_set_new (parent, key, o);
    return o;
}

static void add_constraint (json_t *system, json_t *constraint)
{
    json_t *old = json_object_get (system, "constraints");

    if (old)
        constraint = json_pack ("{s:[O o]}", "and", old, constraint);
    json_object_set_new (system, "constraints", constraint);
}

/* True if something was changed. */
static bool set_default (json_t *system, const char *key, json_t *value)
{
    json_t *old = json_object_get (system, key);

    if (!value || (old && !(json_is_number (old) && json_number_value (old) == 0)))
        return false;
    json_object_set (system, key, value);
    return true;
}

static bool apply_queue (struct ingest *in, json_t *system)
{
    const char *name = json_string_value (json_object_get (system, "queue"));
    json_t *queue = name ? json_object_get (in->queues, name) : NULL;
    json_t *requires = json_object_get (queue, "requires");
    bool changed = false;

    if (json_array_size (requires) > 0) {
        add_constraint (system, json_pack ("{s:O}", "properties", requires));
        changed = true;
    }
    if (json_object_get (queue, "hosts")) {
        char property[128];
        snprintf (property, sizeof (property), "+%s", name);
        add_constraint (system, json_pack ("{s:[s]}", "properties", property));
        changed = true;
    }
    return changed;
}

static bool apply_defaults (struct ingest *in, json_t *spec)
{
    json_t *system = make_object (make_object (spec, "attributes"), "system");
    bool changed = set_default (system, "queue", get_default (in->policy, "queue"));
    const char *name = json_string_value (json_object_get (system, "queue"));
    json_t *queue = name ? json_object_get (in->queues, name) : NULL;
    json_t *dflt = get_default (json_object_get (queue, "policy"), "duration");
    double d;

    if (!dflt)
        dflt = get_default (in->policy, "duration");
    if (dflt && read_duration (dflt, &d) == 0) {
        json_t *value = json_real (d);
        changed |= set_default (system, "duration", value);
        json_decref (value);
    }
    return apply_queue (in, system) || changed;
}

/* spec, which has no environment, as text with it. */
static char *put_back (json_t *spec, struct span member)
{
    struct span system, text;
    struct buf b = BUF_INIT;
    char *s = json_encode_str (spec);

    if (!s)
        return NULL;
    text = (struct span){ s, strlen (s) };
    if (member.len == 0 || jsontext_find (text, "attributes.system", &system) < 0)
        return s;
    while (member.len && (*member.s == ',' || *member.s == ' ' || *member.s == '\n'))
        member.s++, member.len--;
    while (member.len && member.s[member.len - 1] == ',')
        member.len--;
    buf_add (&b, s, system.s + 1 - s);
    buf_add (&b, member.s, member.len);
    if (system.len > 2)
        buf_addc (&b, ',');
    buf_adds (&b, system.s + 1);
    free (s);
    return buf_take (&b, NULL);
}

/* --- requests --- */

/* in->lite and in->environment from in->jobspec. */
static int split (struct ingest *in)
{
    size_t len = strlen (in->jobspec);
    struct span whole = { in->jobspec, len }, member;
    struct buf lite = BUF_INIT;

    free (in->lite);
    in->lite = NULL;
    in->environment = (struct span){ in->jobspec, 0 };
    if (jsontext_member (whole, "attributes.system.environment", &member,
                         &in->environment)
        < 0)
        member = (struct span){ in->jobspec + len, 0 };
    buf_add (&lite, in->jobspec, member.s - in->jobspec);
    buf_adds (&lite, member.s + member.len);
    in->lite = buf_take (&lite, NULL);
    return in->lite ? 0 : -1;
}

static int check_jobspec (struct ingest *in, int flags, flux_error_t *error)
{
    struct span member = { "", 0 }, env, whole = { in->jobspec, strlen (in->jobspec) };
    struct jobspec js;
    json_t *spec;
    char *s;

    if (split (in) < 0)
        return fail (error, ENOMEM, "out of memory");
    if (in->environment.len > 0 && check_environment (in, in->environment, error) < 0)
        return -1;
    if (!(spec = jobspec_load (in->lite, strlen (in->lite), error)))
        return -1;
    if (!json_is_object (spec)) {
        json_decref (spec);
        return fail (error, EINVAL, "jobspec: must be an object");
    }
    if (!(flags & FLUX_JOB_NOVALIDATE) && jobspec_parse (spec, &js, error) < 0) {
        json_decref (spec);
        errno = EINVAL;
        return -1;
    }
    if ((in->queues || in->policy) && apply_defaults (in, spec)) {
        jsontext_member (whole, "attributes.system.environment", &member, &env);
        if (!(s = put_back (spec, member))) {
            json_decref (spec);
            return fail (error, ENOMEM, "out of memory");
        }
        free (in->jobspec);
        in->jobspec = s;
        if (split (in) < 0)
            return fail (error, ENOMEM, "out of memory");
    }
    json_decref (spec);
    return 0;
}

static int check_request (struct ingest *in, struct ingest_job *job,
                          struct flux_msg_cred cred, flux_error_t *error)
{
    const int known = FLUX_JOB_DEBUG | FLUX_JOB_WAITABLE | FLUX_JOB_NOVALIDATE;
    bool owner = cred.rolemask & FLUX_ROLE_OWNER;

    /* Processes of another user would need a setuid helper: there is none, so they
     * would run as the owner. */
    if (cred.userid != in->owner)
        return fail (error, EPERM,
                     "this instance runs jobs of its owner (uid %u) only: there is no "
                     "setuid helper to run those of uid %u",
                     in->owner, cred.userid);
    if (job->urgency < FLUX_JOB_URGENCY_MIN || job->urgency > FLUX_JOB_URGENCY_MAX)
        return fail (error, EINVAL, "urgency range is [%d:%d]", FLUX_JOB_URGENCY_MIN,
                     FLUX_JOB_URGENCY_MAX);
    if (!owner && job->urgency > FLUX_JOB_URGENCY_DEFAULT)
        return fail (error, EINVAL,
                     "only the instance owner can submit with urgency > %d",
                     FLUX_JOB_URGENCY_DEFAULT);
    if (job->flags & ~known)
        return fail (error, EPROTO, "unknown submit flags 0x%x", job->flags & ~known);
    if (!owner && job->flags & (FLUX_JOB_WAITABLE | FLUX_JOB_NOVALIDATE))
        return fail (error, EINVAL, "only the instance owner can submit with flag %s",
                     job->flags & FLUX_JOB_WAITABLE ? "waitable" : "novalidate");
    return 0;
}

static int read_int (struct span o, const char *key, int *value)
{
    struct span v;
    int64_t i;

    if (jsontext_get (o, key, &v) < 0 || !jsontext_int (v, &i) || i < -1000000
        || i > 1000000)
        return -1;
    *value = i;
    return 0;
}

static int read_request (struct ingest_job *job, const char *payload, struct span *J,
                         flux_error_t *error)
{
    struct span o, v;

    if (!payload || jsontext_value (payload, strlen (payload), &o) < 0
        || jsontext_get (o, "J", &v) < 0 || !jsontext_plain (v, J)
        || read_int (o, "urgency", &job->urgency) < 0
        || read_int (o, "flags", &job->flags) < 0)
        return fail (error, EPROTO, "request must have J, urgency and flags");
    return 0;
}

/* in->J and what follows from it. On failure nothing is remembered. */
static int read_J (struct ingest *in, struct span J, int flags, flux_error_t *error)
{
    if (in->J && in->J_len == J.len && in->flags == flags
        && memcmp (in->J, J.s, J.len) == 0)
        return 0;
    forget_last (in);
    if (!(in->J = strndup (J.s, J.len)))
        return fail (error, ENOMEM, "out of memory");
    if (!(in->jobspec = flux_unwrap_string (in->J, true, &in->userid, error))
        || check_jobspec (in, flags, error) < 0) {
        int saved_errno = errno;
        forget_last (in);
        errno = saved_errno;
        return -1;
    }
    in->J_len = J.len;
    in->flags = flags;
    return 0;
}

int ingest_decode (struct ingest *in, const char *payload, struct flux_msg_cred cred,
                   double now, struct ingest_job *job, flux_error_t *error)
{
    struct span J;

    *job = (struct ingest_job){ .t_submit = now };
    if (read_request (job, payload, &J, error) < 0
        || check_request (in, job, cred, error) < 0
        || read_J (in, J, job->flags, error) < 0)
        return -1;
    if (in->userid != cred.userid)
        return fail (error, EPERM, "signer uid %u is not that of the request, %u",
                     in->userid, cred.userid);
    job->userid = in->userid;
    job->J = in->J;
    job->jobspec = in->jobspec;
    job->lite = in->lite;
    job->environment = in->environment;
    job->id = jobid_gen_next (&in->gen, (uint64_t)(now * 1000));
    return 0;
}

int ingest_job_encode (struct buf *b, const struct ingest_job *job, int env)
{
    buf_printf (b,
                "{\"id\":%llu,\"userid\":%u,\"urgency\":%d,\"flags\":%d,\"t_submit\":"
                "%.6f,\"env\":%d,\"jobspec\":",
                (unsigned long long)job->id, job->userid, job->urgency, job->flags,
                job->t_submit, env);
    buf_adds (b, job->lite);
    return buf_addc (b, '}');
}
