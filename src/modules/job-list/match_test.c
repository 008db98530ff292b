/* Constraints at random, on jobs at random, against an evaluator that is as plain as can
 * be; and what a request's states say beforehand about the jobs that can match. */
#include "base/test.h"

#include "jobs.h"
#include "value/resource/constraint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int seed;

static int start (void **state)
{
    const char *s = getenv ("JOB_LIST_SEED");

    seed = s ? strtoul (s, NULL, 0) : 1;
    print_message ("# JOB_LIST_SEED=%u\n", seed);
    return 0;
}

static unsigned int rnd (unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

/* --- jobs: few values, so that much matches --- */

/* In this order they are the bits of a set. */
static const char *const hosts[] = { "n0", "n1", "n2", "n3" };
static const char *const words[] = { "a", "ab", "abc", "b" };

struct facts {
    int hosts, ranks; /* bits of 0 to 3; 0: no R */
    int name, queue;  /* index of words, or -1 */
};

static void append (char *list, const char *item)
{
    if (*list)
        strcat (list, ",");
    strcat (list, item);
}

static struct job some_job (struct facts *f, char *nodelist, char *ranks)
{
    struct job job = {
        .userid = rnd (3),
        .state = 1 << rnd (7),
        .result = 1 << rnd (4),
    };

    *f = (struct facts){ rnd (16), rnd (16), (int)rnd (5) - 1, (int)rnd (5) - 1 };
    nodelist[0] = ranks[0] = '\0';
    for (int i = 0; i < 4; i++) {
        if (f->hosts >> i & 1)
            append (nodelist, hosts[i]);
        if (f->ranks >> i & 1)
            append (ranks, hosts[i] + 1);
    }
    job.nodelist = f->hosts ? nodelist : NULL;
    job.ranks = f->ranks ? ranks : NULL;
    job.name = f->name < 0 ? NULL : words[f->name];
    job.queue = f->queue < 0 ? NULL : words[f->queue];
    for (int i = 0; i < T_COUNT; i++)
        job.t[i] = rnd (4); /* 0: unset */
    return job;
}

/* --- constraints, each with what it is to say of a job --- */

static json_t *list (const char *op, json_t *values)
{
    json_t *o = json_object ();

    json_object_set_new (o, op, values);
    return o;
}

/* A set of hosts or ranks as text. */
static json_t *some_set (int bits, int skip)
{
    char text[32] = "";

    for (int i = 0; i < 4; i++)
        if (bits >> i & 1)
            append (text, hosts[i] + skip);
    return json_string (text);
}

static json_t *state_value (int bit)
{
    if (rnd (2))
        return json_integer (1 << bit);
    return json_string (flux_job_statetostr (1 << bit, rnd (2) ? "L" : "s"));
}

static json_t *some_states (const struct job *job, bool *says)
{
    static const struct {
        const char *name;
        int mask;
    } groups[] = {
        { "pending", FLUX_JOB_STATE_PENDING },
        { "RUNNING", FLUX_JOB_STATE_RUNNING },
        { "active", FLUX_JOB_STATE_ACTIVE },
    };
    json_t *a = json_array ();
    int mask = 0;

    for (unsigned int n = rnd (3); n > 0; n--) {
        int k = rnd (10);
        mask |= k < 7 ? 1 << k : groups[k - 7].mask;
        json_array_append_new (a, k < 7 ? state_value (k)
                                        : json_string (groups[k - 7].name));
    }
    *says = job->state & mask;
    return list ("states", a);
}

static json_t *some_results (const struct job *job, bool *says)
{
    int k = rnd (4);

    *says = job->state == FLUX_JOB_STATE_INACTIVE && job->result == 1 << k;
    return list (
        "results",
        json_pack ("[o]", rnd (2) ? json_integer (1 << k)
                                  : json_string (flux_job_resulttostr (1 << k, "L"))));
}

static json_t *some_time (const struct job *job, bool *says)
{
    static const char *const times[] = { "t_submit",  "t_depend", "t_priority",
                                         "t_sched",   "t_run",    "t_cleanup",
                                         "t_inactive" };
    static const char *const ops[] = { "<", "<=", ">", ">=" };
    int i = rnd (T_COUNT), op = rnd (4), limit = rnd (4);
    double t = job->t[i];
    char text[16];

    snprintf (text, sizeof (text), "%s%d", ops[op], limit);
    *says = t != 0
            && (op == 0   ? t < limit
                : op == 1 ? t <= limit
                : op == 2 ? t > limit
                          : t >= limit);
    return list (times[i], json_pack ("[s]", text));
}

static json_t *some_word (const char *op, int have, bool *says)
{
    int k = rnd (6);

    if (k == 4) { /* abc and ab, a */
        *says = have >= 0 && have <= 2;
        return list (op, json_pack ("[s]", "a*"));
    }
    if (k == 5) {
        *says = have == 0 || have == 3;
        return list (op, json_pack ("[s]", "[ab]"));
    }
    *says = have == k;
    return list (op, json_pack ("[s]", words[k]));
}

static json_t *some_leaf (const struct job *job, const struct facts *f, bool *says)
{
    int a, b;

    switch (rnd (8)) {
    case 0:
        return some_states (job, says);
    case 1:
        return some_results (job, says);
    case 2:
        return some_time (job, says);
    case 3:
        return some_word ("name", f->name, says);
    case 4:
        return some_word ("queue", f->queue, says);
    case 5:
        a = 1 + rnd (15), b = 1 + rnd (15);
        *says = f->hosts & (a | b);
        return list ("hostlist", json_pack ("[o o]", some_set (a, 0), some_set (b, 0)));
    case 6:
        a = 1 + rnd (15);
        *says = f->ranks & a;
        return list ("ranks", json_pack ("[o]", some_set (a, 1)));
    default:
        a = (int)rnd (5) - 1; /* -1: everybody's */
        *says = a < 0 || (uint32_t)a == job->userid;
        return list ("userid", json_pack ("[i]", a));
    }
}

static json_t *some_constraint (const struct job *job, const struct facts *f, int depth,
                                bool *says)
{
    static const char *const ops[] = { "and", "or", "not" };
    json_t *a;
    int op;
    bool all = true, any = false;

    if (depth == 0 || rnd (3) == 0)
        return some_leaf (job, f, says);
    op = rnd (3);
    a = json_array ();
    for (unsigned int n = 1 + rnd (3); n > 0; n--) {
        bool one;
        json_array_append_new (a, some_constraint (job, f, depth - 1, &one));
        all &= one;
        any |= one;
    }
    *says = op == 0 ? all : op == 1 ? any : !all; /* RFC 31: not is not all */
    return list (ops[op], a);
}

static void as_plainly_said (void **state)
{
    int yes = 0;

    for (int round = 0; round < 20000; round++) {
        char nodelist[32], ranks[32];
        struct facts f;
        struct job job = some_job (&f, nodelist, ranks);
        flux_error_t error;
        bool says;
        json_t *o = some_constraint (&job, &f, rnd (4), &says);
        struct constraint *c = job_constraint (o, &error);

        if (!c)
            fail_msg ("%s", error.text);
        if (job_match (c, &job) != says) {
            char *s = json_dumps (o, 0);
            fail_msg ("%s: state %d, result %d, nodelist %s, ranks %s, name %s: not %d",
                      s, job.state, job.result, nodelist, ranks, job.name, !says);
        }
        if (says && !(job.state & job_constraint_states (o))) {
            char *s = json_dumps (o, 0);
            fail_msg ("%s matches in state %d, which is left out", s, job.state);
        }
        yes += says;
        constraint_destroy (c);
        json_decref (o);
    }
    assert_in_range (yes, 5000, 15000);
}

/* As few as possible: a list of those that run must not look at all that wait. */
static void states_to_look_at (void **state)
{
    static const struct {
        const char *constraint;
        int states;
    } t[] = {
        { "{}", ~0 },
        { "{\"userid\":[1]}", ~0 },
        { "{\"states\":[\"run\"]}", FLUX_JOB_STATE_RUN },
        { "{\"states\":[\"running\",8]}",
          FLUX_JOB_STATE_RUNNING | FLUX_JOB_STATE_SCHED },
        { "{\"states\":[]}", 0 },
        { "{\"results\":[\"failed\"]}", FLUX_JOB_STATE_INACTIVE },
        { "{\"and\":[{\"states\":[\"active\"]},{\"states\":[\"run\",\"inactive\"]}]}",
          FLUX_JOB_STATE_RUN },
        { "{\"and\":[{\"userid\":[1]},{\"and\":[{\"states\":[\"run\"]}]}]}",
          FLUX_JOB_STATE_RUN },
        { "{\"and\":[]}", ~0 },
        { "{\"or\":[{\"states\":[\"run\"]},{\"userid\":[1]}]}", ~0 },
        { "{\"not\":[{\"states\":[\"run\"]}]}", ~0 },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        json_t *o = json_loads (t[i].constraint, 0, NULL);
        assert_non_null (o);
        if (job_constraint_states (o) != t[i].states)
            fail_msg ("%s: %#x", t[i].constraint, job_constraint_states (o));
        json_decref (o);
    }
}

/* One line says which value of which operator, wherever it stands. */
static void values_that_are_none (void **state)
{
    static const struct {
        const char *op, *value;
    } t[] = {
        { "userid", "-2" },       { "userid", "4294967296" }, { "userid", "\"1\"" },
        { "userid", "1.0" },      { "states", "128" },        { "states", "-1" },
        { "states", "\"ran\"" },  { "states", "null" },       { "results", "16" },
        { "results", "\"ok\"" },  { "results", "true" },      { "t_run", "5" },
        { "t_run", "\"5\"" },     { "t_run", "\">\"" },       { "t_run", "\">x\"" },
        { "t_run", "\">1x\"" },   { "t_run", "\">-1\"" },     { "t_run", "\">inf\"" },
        { "t_run", "\">=nan\"" }, { "hostlist", "1" },        { "hostlist", "\"n[\"" },
        { "ranks", "\"x\"" },     { "ranks", "0" },           { "name", "1" },
        { "queue", "null" },
    };
    static const char *const forms[] = { "{\"%s\":[%s]}", "{\"not\":[{\"%s\":[%s]}]}",
                                         "{\"and\":[{},{\"or\":[{\"%s\":[%s]}]}]}" };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        for (size_t form = 0; form < 3; form++) {
            char text[128], want[128];
            flux_error_t error = { "" };
            snprintf (text, sizeof (text), forms[form], t[i].op, t[i].value);
            snprintf (want, sizeof (want), "invalid value %s of constraint operator %s",
                      t[i].value, t[i].op);
            json_t *o = json_loads (text, 0, NULL);
            assert_non_null (o);
            errno = 0;
            if (job_constraint (o, &error))
                fail_msg ("%s is taken", text);
            assert_int_equal (errno, EINVAL);
            assert_string_equal (error.text, want);
            json_decref (o);
        }
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (as_plainly_said),
        cmocka_unit_test (states_to_look_at),
        cmocka_unit_test (values_that_are_none),
    };

    return cmocka_run_group_tests (tests, start, NULL);
}
