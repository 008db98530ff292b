#include "config.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json/keys.h"
#include "base/text/signum.h"
#include "value/fsd.h"

/* Those of flux-config-exec(5) that count here. */
static const struct json_key keys[] = {
    { "barrier-timeout", JSON_KIND_STRING },
    { "imp", JSON_KIND_STRING },
    { "job-shell", JSON_KIND_STRING },
    { "kill-signal", JSON_KIND_STRING },
    { "kill-timeout", JSON_KIND_STRING },
    { "max-kill-count", JSON_KIND_INTEGER },
    { "max-kill-timeout", JSON_KIND_STRING },
    { "max-start-delay-percent", JSON_KIND_INTEGER },
    { "method", JSON_KIND_ANY },
    { "reattach-timeout", JSON_KIND_STRING },
    { "rejoin-timeout", JSON_KIND_STRING },
    { "sdexec-properties", JSON_KIND_TABLE },
    { "sdexec-stop-timer-sec", JSON_KIND_INTEGER },
    { "sdexec-stop-timer-signal", JSON_KIND_INTEGER },
    { "service", JSON_KIND_STRING },
    { "service-override", JSON_KIND_BOOLEAN },
    { "term-signal", JSON_KIND_STRING },
    { "testexec", JSON_KIND_TABLE },
    { NULL },
};

/* The others: who sets them relies on what is not there, unless it is what is there by
 * default. */
static const struct {
    const char *name, *why, *dflt;
} foreign[] = {
    { "method", "job shells are started by job-exec itself", "\"bulk-exec\"" },
};

static bool is_text (const json_t *o, const char *text)
{
    char *s = text ? json_dumps (o, JSON_ENCODE_ANY) : NULL;
    bool same = s && strcmp (s, text) == 0;

    free (s);
    return same;
}

static int refuse_foreign (json_t *table, const char *prefix, flux_error_t *error)
{
    for (size_t i = 0; i < sizeof (foreign) / sizeof (foreign[0]); i++) {
        json_t *o = json_object_get (table, foreign[i].name);

        if (o && !is_text (o, foreign[i].dflt))
            return error_invalid (error, "%s%s: %s", prefix, foreign[i].name,
                                  foreign[i].why);
    }
    return 0;
}

static int parse_duration (const char *name, const char *s, double *seconds,
                           flux_error_t *error)
{
    if (s && fsd_parse (s, seconds) < 0)
        return error_invalid (error, "%s: '%.60s' is not a duration", name, s);
    return 0;
}

/* An infinite limit is none. */
static int parse_durations (struct config *c, json_t *table, const char *prefix,
                            flux_error_t *error)
{
    struct {
        const char *name;
        double *seconds;
    } t[] = {
        { "kill-timeout", &c->kill_timeout },
        { "max-kill-timeout", &c->max_kill_timeout },
        { "barrier-timeout", &c->barrier_timeout },
        { "reattach-timeout", &c->reattach_timeout },
        { "rejoin-timeout", &c->rejoin_timeout },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        const char *s = json_string_value (json_object_get (table, t[i].name));
        char name[64];

        snprintf (name, sizeof (name), "%s%s", prefix, t[i].name);
        if (parse_duration (name, s, t[i].seconds, error) < 0)
            return -1;
        if (isinf (*t[i].seconds) && (i == 0 || i >= 3))
            return error_invalid (error, "%s: '%.60s' has no end", name, s);
        if (isinf (*t[i].seconds))
            *t[i].seconds = 0;
    }
    return 0;
}

static int parse_signals (struct config *c, json_t *table, const char *prefix,
                          flux_error_t *error)
{
    struct {
        const char *name;
        int *signum;
    } t[] = {
        { "term-signal", &c->term_signal },
        { "kill-signal", &c->kill_signal },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        const char *s = json_string_value (json_object_get (table, t[i].name));

        if (s && (*t[i].signum = signum_decode (s)) < 0)
            return error_invalid (error, "%s%s: '%.60s' is no signal", prefix,
                                  t[i].name, s);
    }
    return 0;
}

#define COUNT_MAX 1000000

static int parse_counts (struct config *c, json_t *table, const char *prefix,
                         flux_error_t *error)
{
    struct {
        const char *name;
        int *count;
        int min;
    } t[] = {
        { "max-kill-count", &c->max_kill_count, 1 },
        { "max-start-delay-percent", &c->max_start_delay, 0 },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        json_t *o = json_object_get (table, t[i].name);
        json_int_t n = json_integer_value (o);

        if (o && (n < t[i].min || n > COUNT_MAX))
            return error_invalid (error, "%s%s: %lld is not from %d to %d", prefix,
                                  t[i].name, (long long)n, t[i].min, COUNT_MAX);
        if (o)
            *t[i].count = n;
    }
    return 0;
}

static int parse_table (struct config *c, json_t *table, const char *prefix,
                        flux_error_t *error)
{
    return parse_durations (c, table, prefix, error) < 0
                   || parse_counts (c, table, prefix, error) < 0
                   || parse_signals (c, table, prefix, error) < 0
               ? -1
               : 0;
}

static const struct json_key *find_key (const char *name, size_t len)
{
    for (const struct json_key *k = keys; k->name; k++)
        if (strlen (k->name) == len && !strncmp (k->name, name, len))
            return k;
    return NULL;
}

static bool is_foreign (const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof (foreign) / sizeof (foreign[0]); i++)
        if (strlen (foreign[i].name) == len && !strncmp (foreign[i].name, name, len))
            return true;
    return false;
}

/* What is more than a word stands in the table alone. */
static const struct json_key *find_arg (const char *name, size_t len)
{
    const struct json_key *k = find_key (name, len);

    return k && k->kind != JSON_KIND_TABLE && k->kind != JSON_KIND_BOOLEAN
                   && strncmp (k->name, "sdexec-", 7) != 0
               ? k
               : NULL;
}

/* NAME=VALUE, where NAME is a key of the table. */
static int add_arg (json_t *table, const char *arg, flux_error_t *error)
{
    const char *value = strchr (arg, '=');
    const struct json_key *k = value ? find_arg (arg, value - arg) : NULL;
    char *end;
    json_t *o;

    if (!value || (!k && !is_foreign (arg, value - arg)))
        return error_invalid (error, "unknown argument: %.100s", arg);
    errno = 0;
    o = k && k->kind == JSON_KIND_INTEGER ? json_integer (strtoll (value + 1, &end, 10))
                                          : json_string (value + 1);
    if (o && json_is_integer (o) && (errno != 0 || *end || end == value + 1)) {
        json_decref (o);
        return error_invalid (error, "%.*s: '%.60s' is not a number",
                              (int)(value - arg), arg, value + 1);
    }
    if (json_object_setn_new_nocheck (table, arg, value - arg, o) < 0)
        return error_fail (error, ENOMEM, "out of memory");
    return 0;
}

static int take_path (json_t *table, const char *prefix, const char *name, char **path,
                      flux_error_t *error)
{
    const char *s = json_string_value (json_object_get (table, name));

    if (!s)
        return 0;
    if (*s == '\0')
        return error_fail (error, EINVAL, "%s%s: must be a path", prefix, name);
    free (*path);
    return (*path = strdup (s)) ? 0 : error_fail (error, ENOMEM, "out of memory");
}

static int take_paths (struct config *c, json_t *table, const char *prefix,
                       flux_error_t *error)
{
    if (take_path (table, prefix, "job-shell", &c->shell, error) < 0
        || take_path (table, prefix, "imp", &c->imp, error) < 0)
        return -1;
    if (c->imp && c->imp[0] != '/')
        return error_fail (error, EINVAL, "%simp: '%.60s' is no absolute path", prefix,
                           c->imp);
    return 0;
}

static int read_tables (struct config *c, json_t *exec, json_t *systemd,
                        flux_error_t *error)
{
    static const struct json_key testexec_keys[] = {
        { .name = "allow-guests", .kind = JSON_KIND_BOOLEAN },
        { NULL },
    };
    json_t *test = json_object_get (exec, "testexec");

    if (json_check_keys (test, "exec.testexec", testexec_keys, error) < 0)
        return -1;
    c->guests_test = json_is_true (json_object_get (test, "allow-guests"));
    return units_read (&c->units, exec, systemd, error);
}

/* A service that is an argument goes before that of the table. */
static int read_with_service (struct config *c, json_t *exec, json_t *systemd,
                              json_t *service, flux_error_t *error)
{
    json_t *both = exec ? json_copy (exec) : json_object ();
    int rc;

    if (!both || (service && json_object_set (both, "service", service) < 0))
        rc = error_fail (error, ENOMEM, "out of memory");
    else
        rc = read_tables (c, both, systemd, error);
    json_decref (both);
    return rc;
}

static int parse_args (struct config *c, json_t *exec, json_t *systemd, int argc,
                       char *argv[], flux_error_t *error)
{
    json_t *table = json_object ();
    int rc = table ? 0 : error_fail (error, ENOMEM, "out of memory");

    for (int i = 0; rc == 0 && i < argc; i++)
        rc = add_arg (table, argv[i], error);
    if (rc == 0)
        rc = refuse_foreign (table, "", error) < 0
                     || parse_table (c, table, "", error) < 0
                     || take_paths (c, table, "", error) < 0
                     || read_with_service (c, exec, systemd,
                                           json_object_get (table, "service"), error)
                            < 0
                 ? -1
                 : 0;
    json_decref (table);
    return rc;
}

int config_read (struct config *c, const flux_conf_t *conf, int argc, char *argv[],
                 flux_error_t *error)
{
    json_t *table = NULL, *systemd = NULL;

    *c = (struct config){
        .kill_timeout = 5.,
        .max_kill_count = 8,
        .barrier_timeout = 1800.,
        .max_start_delay = 25,
        .reattach_timeout = 600.,
        .rejoin_timeout = 10.,
        .term_signal = SIGTERM,
        .kill_signal = SIGKILL,
    };
    if (conf
        && flux_conf_unpack (conf, error, "{s?o s?o}", "exec", &table, "systemd",
                             &systemd)
               < 0)
        return -1;
    if (refuse_foreign (table, "exec.", error) < 0
        || json_check_keys (table, "exec", keys, error) < 0
        || parse_table (c, table, "exec.", error) < 0
        || take_paths (c, table, "exec.", error) < 0
        || parse_args (c, table, systemd, argc, argv, error) < 0) {
        config_fini (c);
        return -1;
    }
    return 0;
}

/* Five times the shells are asked to kill; then they are killed, each time later. */
double config_kill_end (const struct config *c)
{
    double end = 5 * c->kill_timeout, wait = c->kill_timeout;

    if (c->max_kill_timeout > 0)
        return c->max_kill_timeout;
    for (int i = 1; i < c->max_kill_count; i++, wait = fmin (2 * wait, 300.))
        end += fmin (wait, 300.);
    return end;
}

void config_encode_unit (const struct config *c, struct buf *b)
{
    units_encode (&c->units, (int)fmin (ceil (config_kill_end (c)), 1e6), b);
}

json_t *config_encode (const struct config *c)
{
    char term[16], kill[16];

    return json_pack (
        "{s:f s:i s:f s:s s:s s:f s:i s:f s:f}", "kill-timeout", c->kill_timeout,
        "max-kill-count", c->max_kill_count, "max-kill-timeout", c->max_kill_timeout,
        "term-signal", signum_encode (c->term_signal, term, sizeof (term)),
        "kill-signal", signum_encode (c->kill_signal, kill, sizeof (kill)),
        "barrier-timeout", c->barrier_timeout, "max-start-delay-percent",
        c->max_start_delay, "reattach-timeout", c->reattach_timeout, "rejoin-timeout",
        c->rejoin_timeout);
}

void config_fini (struct config *c)
{
    free (c->shell);
    free (c->imp);
    units_fini (&c->units);
    c->shell = c->imp = NULL;
}
