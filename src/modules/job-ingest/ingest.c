#include "ingest.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/json/keys.h"
#include "value/fsd.h"
#include "value/job/jobspec.h"
#include "value/resource/constraint.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ingest_init (struct ingest *in, uint32_t owner)
{
    *in = (struct ingest){ .owner = owner, .scratch = BUF_INIT };
}

static void forget_last (struct ingest *in)
{
    free (in->lite);
    free (in->changed);
    hostlist_destroy (in->named);
    in->lite = in->changed = NULL;
    in->named = NULL;
    in->lite_len = 0;
}

static void forget_texts (struct ingest *in)
{
    free (in->unwrapped);
    free (in->whole);
    free (in->J);
    in->unwrapped = in->whole = in->J = NULL;
}

void ingest_fini (struct ingest *in)
{
    json_decref (in->queues);
    json_decref (in->policy);
    hashmap_destroy (in->hosts);
    free (in->env);
    buf_fini (&in->scratch);
    forget_last (in);
    forget_texts (in);
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

/* Of a queue's policy, with its place: whose default another queue is, is none of it. */
static int check_defaults (json_t *policy, const char *where, bool of_queue,
                           flux_error_t *error)
{
    static const struct json_key jobspec_keys[] = { { "defaults", JSON_KIND_TABLE },
                                                    { NULL } };
    static const struct json_key defaults_keys[] = { { "system", JSON_KIND_TABLE },
                                                     { NULL } };
    static const struct json_key system_keys[] = { { "duration", JSON_KIND_ANY },
                                                   { "queue", JSON_KIND_STRING },
                                                   { NULL } };
    static const struct json_key queue_keys[] = { { "duration", JSON_KIND_ANY },
                                                  { NULL } };
    const struct {
        const char *name;
        const struct json_key *keys;
    } t[] = {
        { "jobspec", jobspec_keys },
        { "defaults", defaults_keys },
        { "system", of_queue ? queue_keys : system_keys },
    };
    json_t *o = policy, *duration;
    char name[256];
    double d;

    snprintf (name, sizeof (name), "config: %.150s", where);
    for (int i = 0; i < 3; i++) {
        size_t len = strlen (name);

        o = json_object_get (o, t[i].name);
        snprintf (name + len, sizeof (name) - len, ".%s", t[i].name);
        if (json_check_keys (o, name, t[i].keys, error) < 0)
            return -1;
    }
    duration = json_object_get (o, "duration");
    if (duration && read_duration (duration, &d) < 0)
        return error_fail (error, EINVAL,
                           "%s.duration: must be a Flux standard duration", name);
    return 0;
}

int ingest_configure (struct ingest *in, json_t *queues, json_t *policy,
                      flux_error_t *error)
{
    const char *name;
    json_t *o;

    if (check_defaults (policy, "policy", false, error) < 0)
        return -1;
    json_object_foreach (queues, name, o) {
        char where[160];
        snprintf (where, sizeof (where), "queues.%.128s.policy", name);
        if (check_defaults (json_object_get (o, "policy"), where, true, error) < 0)
            return -1;
    }
    json_decref (in->queues);
    json_decref (in->policy);
    forget_last (in);
    in->queues = json_incref (queues);
    in->policy = json_incref (policy);
    return 0;
}

void ingest_set_own (struct ingest *in, bool no_defaults, bool no_constraints,
                     bool no_validation)
{
    forget_last (in);
    in->no_defaults = no_defaults;
    in->no_constraints = no_constraints;
    in->no_validation = no_validation;
}

void ingest_set_hosts (struct ingest *in, struct hostlist *hosts)
{
    hashmap_destroy (in->hosts);
    in->hosts = hosts ? hashmap_create (NULL) : NULL;
    for (const char *s = hostlist_first (hosts); s && in->hosts;
         s = hostlist_next (hosts)) {
        if (hashmap_insert (in->hosts, s, in) < 0) {
            hashmap_destroy (in->hosts);
            in->hosts = NULL;
        }
    }
    in->any_host = !in->hosts;
}

#define STEP 64

static size_t common_prefix (const char *a, const char *b, size_t max)
{
    size_t n = 0;

    while (max - n >= STEP && memcmp (a + n, b + n, STEP) == 0)
        n += STEP;
    while (n < max && a[n] == b[n])
        n++;
    return n;
}

/* Both pointers are behind the ends. */
static size_t common_suffix (const char *a, const char *b, size_t max)
{
    size_t n = 0;

    while (max - n >= STEP && memcmp (a - n - STEP, b - n - STEP, STEP) == 0)
        n += STEP;
    while (n < max && a[-1 - (ssize_t)n] == b[-1 - (ssize_t)n])
        n++;
    return n;
}

static bool is_digit (char c)
{
    return c >= '0' && c <= '9';
}

static bool all_digits (const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_digit (s[i]))
            return false;
    }
    return len > 0;
}

/* Does env differ from the last correct one by one run of digits only (FLUX_JOB_CC)?
 * Where all values are strings, digits are within strings, so that others in their
 * place are as correct; unless they belong to an escape (\u0041). */
static bool is_similar (const struct ingest *in, struct span env)
{
    const char *a = in->env, *b = env.s;
    size_t min = in->env_len < env.len ? in->env_len : env.len;
    size_t head = common_prefix (a, b, min);
    size_t tail = common_suffix (a + in->env_len, b + env.len, min - head);

    while (head > 0 && is_digit (a[head - 1]))
        head--;
    while (tail > 0 && is_digit (b[env.len - tail]))
        tail--;
    size_t before = head < 6 ? head : 6;
    return all_digits (a + head, in->env_len - tail - head)
           && all_digits (b + head, env.len - tail - head)
           && !memchr (a + head - before, '\\', before);
}

static int check_environment (struct ingest *in, struct span env, flux_error_t *error)
{
    const char *name;
    json_t *value;
    json_error_t jerror;

    if (in->env
        && ((in->env_len == env.len && memcmp (in->env, env.s, env.len) == 0)
            || is_similar (in, env)))
        return 0;
    json_t *o = json_loadb (env.s, env.len, JSON_DECODE_ANY, &jerror);
    if (!json_is_object (o)) {
        json_decref (o);
        return error_fail (error, EINVAL,
                           "jobspec: attributes.system.environment: must be an object");
    }
    json_object_foreach (o, name, value) {
        if (!json_is_string (value) && !json_is_null (value)) {
            error_fail (error, EINVAL,
                        "jobspec: attributes.system.environment.%s: must be a string",
                        name);
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

    if (json_array_size (requires) == 0)
        return false;
    add_constraint (system, json_pack ("{s:O}", "properties", requires));
    return true;
}

static bool apply_defaults (struct ingest *in, json_t *spec)
{
    json_t *system = make_object (make_object (spec, "attributes"), "system");
    bool changed = !in->no_defaults
                   && set_default (system, "queue", get_default (in->policy, "queue"));
    const char *name = json_string_value (json_object_get (system, "queue"));
    json_t *queue = name ? json_object_get (in->queues, name) : NULL;
    json_t *dflt = get_default (json_object_get (queue, "policy"), "duration");
    double d;

    if (!dflt)
        dflt = get_default (in->policy, "duration");
    if (!in->no_defaults && dflt && read_duration (dflt, &d) == 0) {
        json_t *value = json_real (d);
        changed |= set_default (system, "duration", value);
        json_decref (value);
    }
    return (!in->no_constraints && apply_queue (in, system)) || changed;
}

/* The jobspec with its environment, which goes where attributes.system begins. */
static char *put_back (const char *lite, struct span member)
{
    struct span system, text = { lite, strlen (lite) };
    struct buf b = BUF_INIT;

    if (member.len == 0 || jsontext_find (text, "attributes.system", &system) < 0)
        return strdup (lite);
    while (member.len && (*member.s == ',' || *member.s == ' ' || *member.s == '\n'))
        member.s++, member.len--;
    while (member.len && member.s[member.len - 1] == ',')
        member.len--;
    buf_add (&b, lite, system.s + 1 - lite);
    buf_add (&b, member.s, member.len);
    if (system.len > 2)
        buf_addc (&b, ',');
    buf_adds (&b, system.s + 1);
    return buf_take (&b, NULL);
}

/* --- requests --- */

static int check_spec (struct ingest *in, json_t *spec, flux_error_t *error)
{
    flux_error_t why = { "" };
    struct jobspec js;

    if (jobspec_parse (spec, &js, error) < 0) {
        errno = EINVAL;
        return -1;
    }
    if (!js.constraints)
        return 0;
    if (!(in->named = hostlist_create ()))
        return error_fail (error, ENOMEM, "out of memory");
    if (constraint_check (js.constraints, in->named, &why) < 0)
        return error_fail (error, errno == ENOMEM ? ENOMEM : EPERM, "%s", why.text);
    return 0;
}

/* Is each host that the constraint asks for there? */
static int check_hosts (struct ingest *in, flux_error_t *error)
{
    struct hostlist *missing = NULL;
    char *text;

    for (const char *s = hostlist_first (in->named); s && !in->any_host;
         s = hostlist_next (in->named)) {
        if (in->hosts && hashmap_lookup (in->hosts, s))
            continue;
        if ((!missing && !(missing = hostlist_create ()))
            || hostlist_append (missing, s) < 0) {
            hostlist_destroy (missing);
            return error_fail (error, ENOMEM, "out of memory");
        }
    }
    if (!missing)
        return 0;
    text = hostlist_encode (missing);
    error_text (error,
                "host constraint contains invalid hosts: host%s '%.80s' not found",
                hostlist_count (missing) > 1 ? "s" : "", text ? text : "?");
    free (text);
    hostlist_destroy (missing);
    errno = ENOENT;
    return -1;
}

/* Checks a jobspec without environment, and remembers it. */
static int check_lite (struct ingest *in, struct span lite, int flags,
                       flux_error_t *error)
{
    json_t *spec;
    int rc = -1;

    if (in->lite && in->lite_len == lite.len && in->flags == flags
        && memcmp (in->lite, lite.s, lite.len) == 0)
        return 0;
    if (!(spec = jobspec_load (lite.s, lite.len, error)))
        return -1;
    forget_last (in);
    if (!json_is_object (spec))
        error_fail (error, EINVAL, "jobspec: must be an object");
    else if (!(flags & FLUX_JOB_NOVALIDATE) && !in->no_validation
             && check_spec (in, spec, error) < 0)
        rc = -1; /* and *error says why */
    else if (((in->queues || in->policy) && apply_defaults (in, spec)
              && !(in->changed = json_encode_str (spec)))
             || !(in->lite = strndup (lite.s, lite.len)))
        error_fail (error, ENOMEM, "out of memory");
    else
        rc = 0;
    in->lite_len = lite.len;
    in->flags = flags;
    int saved_errno = errno;
    json_decref (spec);
    errno = saved_errno;
    return rc;
}

static char *sign (struct span spec, uint32_t userid)
{
    char *s = strndup (spec.s, spec.len);
    char *J = s ? flux_sign_none (s, userid) : NULL;

    free (s);
    return J;
}

/* The job's texts from those of the request. J.len is 0 if there is none. */
static int check_jobspec (struct ingest *in, struct ingest_job *job, struct span spec,
                          struct span J, flux_error_t *error)
{
    struct span member = { spec.s + spec.len, 0 };

    job->environment = (struct span){ spec.s, 0 };
    if (jsontext_member (spec, "attributes.system.environment", &member,
                         &job->environment)
            == 0
        && check_environment (in, job->environment, error) < 0)
        return -1;
    buf_reset (&in->scratch);
    buf_add (&in->scratch, spec.s, member.s - spec.s);
    buf_add (&in->scratch, member.s + member.len,
             spec.s + spec.len - member.s - member.len);
    if (in->scratch.err)
        return error_fail (error, ENOMEM, "out of memory");
    job->lite = (struct span){ in->scratch.data, in->scratch.len };
    if (check_lite (in, job->lite, job->flags, error) < 0)
        return -1;
    job->jobspec = spec;
    job->J = J;
    if (!in->changed)
        return 0;
    /* what was submitted is to be found in J */
    if (!(in->whole = put_back (in->changed, member))
        || (J.len == 0 && !(in->J = sign (spec, job->userid))))
        return error_fail (error, ENOMEM, "out of memory");
    job->lite = (struct span){ in->changed, strlen (in->changed) };
    job->jobspec = (struct span){ in->whole, strlen (in->whole) };
    if (in->J)
        job->J = (struct span){ in->J, strlen (in->J) };
    return 0;
}

static int check_request (struct ingest *in, struct ingest_job *job,
                          struct flux_msg_cred cred, flux_error_t *error)
{
    const int known = FLUX_JOB_DEBUG | FLUX_JOB_WAITABLE | FLUX_JOB_NOVALIDATE;
    bool owner = cred.rolemask & FLUX_ROLE_OWNER;

    /* Without a setuid helper its processes would run as the owner. */
    if (cred.userid != in->owner && !in->guests)
        return error_fail (
            error, EPERM,
            "this instance runs jobs of its owner (uid %u) only: there is no "
            "setuid helper (exec.imp) to run those of uid %u",
            in->owner, cred.userid);
    if (job->urgency < FLUX_JOB_URGENCY_MIN || job->urgency > FLUX_JOB_URGENCY_MAX)
        return error_fail (error, EINVAL, "urgency range is [%d:%d]",
                           FLUX_JOB_URGENCY_MIN, FLUX_JOB_URGENCY_MAX);
    if (!owner && job->urgency > FLUX_JOB_URGENCY_DEFAULT)
        return error_fail (error, EINVAL,
                           "only the instance owner can submit with urgency > %d",
                           FLUX_JOB_URGENCY_DEFAULT);
    if (job->flags & ~known)
        return error_fail (error, EPROTO, "unknown submit flags 0x%x",
                           job->flags & ~known);
    if (!owner && job->flags & (FLUX_JOB_WAITABLE | FLUX_JOB_NOVALIDATE))
        return error_fail (error, EINVAL,
                           "only the instance owner can submit with flag %s",
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

/* Either J or spec has a length. */
static int read_request (struct ingest_job *job, const char *payload, struct span *J,
                         struct span *spec, flux_error_t *error)
{
    struct span o, v;

    *J = *spec = (struct span){ "", 0 };
    if (!payload || jsontext_value (payload, strlen (payload), &o) < 0
        || read_int (o, "urgency", &job->urgency) < 0
        || read_int (o, "flags", &job->flags) < 0
        || (jsontext_get (o, "jobspec", spec) < 0
            && (jsontext_get (o, "J", &v) < 0 || !jsontext_plain (v, J)
                || J->len == 0)))
        return error_fail (error, EPROTO,
                           "request must have jobspec or J, urgency and flags");
    return 0;
}

/* Would job-info put together the same from the jobspec and the owner? */
static bool is_implied (struct ingest *in, struct span J, uint32_t userid)
{
    char *empty = flux_sign_none ("", userid);
    const char *payload = empty ? strchr (empty, '.') : NULL;
    size_t len = payload ? payload + 1 - empty : 0;
    bool same = len > 0 && userid == in->owner && J.len > len + 5
                && memcmp (J.s, empty, len) == 0
                && memcmp (J.s + J.len - 5, ".none", 5) == 0;

    free (empty);
    return same;
}

/* What is signed, and by whom. */
static int unwrap (struct ingest *in, struct span *J, uint32_t *userid,
                   struct span *spec, flux_error_t *error)
{
    char *s = strndup (J->s, J->len);

    if (!s)
        return error_fail (error, ENOMEM, "out of memory");
    in->unwrapped = flux_unwrap_string (s, true, userid, error);
    free (s);
    if (!in->unwrapped)
        return -1;
    *spec = (struct span){ in->unwrapped, strlen (in->unwrapped) };
    if (is_implied (in, *J, *userid))
        J->len = 0;
    return 0;
}

int ingest_decode (struct ingest *in, const char *payload, struct flux_msg_cred cred,
                   double now, struct ingest_job *job, flux_error_t *error)
{
    struct span J, spec;

    forget_texts (in);
    *job = (struct ingest_job){ .t_submit = now, .userid = cred.userid };
    if (read_request (job, payload, &J, &spec, error) < 0
        || check_request (in, job, cred, error) < 0
        || (J.len > 0 && unwrap (in, &J, &job->userid, &spec, error) < 0))
        return -1;
    if (job->userid != cred.userid)
        return error_fail (error, EPERM, "signer uid %u is not that of the request, %u",
                           job->userid, cred.userid);
    if (check_jobspec (in, job, spec, J, error) < 0 || check_hosts (in, error) < 0)
        return -1;
    job->id = jobid_gen_next (&in->gen, (uint64_t)(now * 1000));
    return 0;
}

int ingest_redecode (struct ingest *in, const char *jobspec, const char *submitted,
                     const char *J, struct ingest_job *job, flux_error_t *error)
{
    struct span spec = { jobspec, strlen (jobspec) };

    forget_texts (in);
    if (check_jobspec (in, job, spec, (struct span){ "", 0 }, error) < 0)
        return -1;
    if (!J && strcmp (jobspec, submitted) != 0) {
        if (!(in->J =
                  sign ((struct span){ submitted, strlen (submitted) }, job->userid)))
            return error_fail (error, ENOMEM, "out of memory");
        J = in->J;
    }
    job->J = (struct span){ J ? J : "", J ? strlen (J) : 0 };
    return 0;
}

int ingest_job_encode (struct buf *b, const struct ingest_job *job, int env)
{
    buf_printf (b,
                "{\"id\":%llu,\"userid\":%u,\"urgency\":%d,\"flags\":%d,\"t_submit\":"
                "%.6f,\"env\":%d,\"jobspec\":",
                (unsigned long long)job->id, job->userid, job->urgency, job->flags,
                job->t_submit, env);
    buf_add (b, job->lite.s, job->lite.len);
    return buf_addc (b, '}');
}
