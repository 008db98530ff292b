/* Constraints on jobs (RFC 31, 43). */
#include "jobs.h"

#include "value/resource/constraint.h"

#include <flux/hostlist.h>
#include <flux/idset.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const times[] = { "t_submit", "t_depend",  "t_priority", "t_sched",
                                     "t_run",    "t_cleanup", "t_inactive", NULL };

static int find_time (const char *op)
{
    for (int i = 0; times[i]; i++)
        if (!strcmp (times[i], op))
            return i;
    return -1;
}

static bool known (const char *op)
{
    static const char *const ops[] = { "userid",  "name",     "queue", "states",
                                       "results", "hostlist", "ranks", NULL };

    for (int i = 0; ops[i]; i++)
        if (!strcmp (ops[i], op))
            return true;
    return find_time (op) >= 0;
}

/* Values */

static int parse_mask (json_t *value, int all, int *mask)
{
    json_int_t n = json_integer_value (value);

    *mask = n & all;
    return n & ~(json_int_t)all ? -1 : 0;
}

static int parse_states (json_t *value, int *mask)
{
    flux_job_state_t state;
    const char *s = json_string_value (value);

    if (json_is_integer (value))
        return parse_mask (value, 0x7f, mask);
    if (!s)
        return -1;
    if (!strcasecmp (s, "pending"))
        *mask = FLUX_JOB_STATE_PENDING;
    else if (!strcasecmp (s, "running"))
        *mask = FLUX_JOB_STATE_RUNNING;
    else if (!strcasecmp (s, "active"))
        *mask = FLUX_JOB_STATE_ACTIVE;
    else if (flux_job_strtostate (s, &state) == 0)
        *mask = state;
    else
        return -1;
    return 0;
}

static int parse_results (json_t *value, int *mask)
{
    flux_job_result_t result;
    const char *s = json_string_value (value);

    if (json_is_integer (value))
        return parse_mask (value, 0xf, mask);
    if (!s || flux_job_strtoresult (s, &result) < 0)
        return -1;
    *mask = result;
    return 0;
}

struct comparison {
    char op; /* '>' or '<' */
    bool equal;
    double t;
};

static int parse_time (json_t *value, struct comparison *c)
{
    const char *s = json_string_value (value);
    char *end;

    if (!s || (*s != '>' && *s != '<'))
        return -1;
    c->op = *s++;
    if ((c->equal = *s == '='))
        s++;
    c->t = strtod (s, &end);
    return end == s || *end || !isfinite (c->t) || c->t < 0 ? -1 : 0;
}

static int check_value (const char *op, json_t *value)
{
    const char *s = json_string_value (value);
    struct comparison c;
    int mask;

    if (!strcmp (op, "userid"))
        return json_is_integer (value) && json_integer_value (value) >= -1
                       && json_integer_value (value) <= UINT32_MAX
                   ? 0
                   : -1;
    if (!strcmp (op, "states"))
        return parse_states (value, &mask);
    if (!strcmp (op, "results"))
        return parse_results (value, &mask);
    if (find_time (op) >= 0)
        return parse_time (value, &c);
    if (!strcmp (op, "hostlist")) {
        struct hostlist *hl = s ? hostlist_decode (s) : NULL;
        int rc = hl ? 0 : -1;
        hostlist_destroy (hl);
        return rc;
    }
    if (!strcmp (op, "ranks")) {
        struct idset *ids = s ? idset_decode (s) : NULL;
        int rc = ids ? 0 : -1;
        idset_destroy (ids);
        return rc;
    }
    return s ? 0 : -1;
}

/* compile() takes any value for the operators that only jobs have. */
static int check (json_t *o, int depth, flux_error_t *error)
{
    const char *op;
    json_t *values, *value;
    size_t i;

    if (depth > 64)
        return 0; /* compile() says so */
    json_object_foreach (o, op, values) {
        json_array_foreach (values, i, value) {
            if (json_is_object (value)) {
                if (check (value, depth + 1, error) < 0)
                    return -1;
            } else if (known (op) && check_value (op, value) < 0) {
                char *s = json_dumps (value, JSON_ENCODE_ANY | JSON_COMPACT);

                snprintf (error->text, sizeof (error->text),
                          "invalid value %.60s of constraint operator %.40s",
                          s ? s : "", op);
                free (s);
                errno = EINVAL;
                return -1;
            }
        }
    }
    return 0;
}

/* Matching */

static bool match_hosts (const struct job *job, const char *s)
{
    struct hostlist *want, *have;
    bool match = false;

    if (!job->nodelist)
        return false;
    want = hostlist_decode (s);
    have = hostlist_decode (job->nodelist);
    for (const char *host = want && have ? hostlist_first (want) : NULL; host && !match;
         host = hostlist_next (want))
        match = hostlist_find (have, host) >= 0;
    hostlist_destroy (want);
    hostlist_destroy (have);
    return match;
}

static bool match_ranks (const struct job *job, const char *s)
{
    struct idset *want, *have;
    bool match;

    if (!job->ranks)
        return false;
    want = idset_decode (s);
    have = idset_decode (job->ranks);
    match = want && have && idset_has_intersection (want, have);
    idset_destroy (want);
    idset_destroy (have);
    return match;
}

static bool match_time (double t, json_t *value)
{
    struct comparison c;

    if (t == 0. || parse_time (value, &c) < 0)
        return false;
    if (c.equal && t == c.t)
        return true;
    return c.op == '>' ? t > c.t : t < c.t;
}

static bool match_glob (const char *have, const char *want)
{
    return have && (!strcmp (want, have) || fnmatch (want, have, 0) == 0);
}

static bool other (const char *op, json_t *value, void *arg)
{
    const struct job *job = arg;
    const char *s = json_string_value (value);
    int mask;

    switch (*op) {
    case 'u':
        return job->userid == (uint32_t)json_integer_value (value)
               || (uint32_t)json_integer_value (value) == FLUX_USERID_UNKNOWN;
    case 's':
        return parse_states (value, &mask) == 0 && (job->state & mask);
    case 'n':
        return match_glob (job->name, s);
    case 'q':
        return match_glob (job->queue, s);
    case 'h':
        return match_hosts (job, s);
    case 't':
        return match_time (job->t[find_time (op)], value);
    }
    if (!strcmp (op, "results"))
        return job->state == FLUX_JOB_STATE_INACTIVE
               && parse_results (value, &mask) == 0 && (job->result & mask);
    return match_ranks (job, s);
}

static const struct constraint_ops ops = { .other = other, .known = known };

struct constraint *job_constraint (json_t *o, flux_error_t *error)
{
    if (o && check (o, 0, error) < 0)
        return NULL;
    return constraint_compile (o, &ops, error);
}

/* What is asked for at the top, or beside others in an "and": enough to look only at
 * the few jobs that run when many wait. */
int job_constraint_states (json_t *o)
{
    const char *op;
    json_t *values, *value;
    int all = ~0;
    size_t i;

    json_object_foreach (o, op, values) {
        int mask = 0, some = 0;
        if (!strcmp (op, "and")) {
            json_array_foreach (values, i, value)
                all &= job_constraint_states (value);
        } else if (!strcmp (op, "states")) {
            json_array_foreach (values, i, value)
                some |= parse_states (value, &mask) == 0 ? mask : ~0;
            all &= some;
        } else if (!strcmp (op, "results")) {
            all &= FLUX_JOB_STATE_INACTIVE;
        }
    }
    return all;
}

bool job_match (const struct constraint *c, const struct job *job)
{
    return constraint_match (c, (void *)job);
}
