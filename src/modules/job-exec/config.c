#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json/keys.h"
#include "value/fsd.h"

/* All of flux-config-exec(5). */
static const struct json_key keys[] = {
    { "barrier-timeout", JSON_KIND_STRING },
    { "imp", JSON_KIND_STRING },
    { "job-shell", JSON_KIND_STRING },
    { "kill-signal", JSON_KIND_STRING },
    { "kill-timeout", JSON_KIND_STRING },
    { "max-kill-count", JSON_KIND_INTEGER },
    { "max-kill-timeout", JSON_KIND_STRING },
    { "max-start-delay-percent", JSON_KIND_INTEGER },
    { "sdexec-properties", JSON_KIND_TABLE },
    { "sdexec-stop-timer-sec", JSON_KIND_INTEGER },
    { "sdexec-stop-timer-signal", JSON_KIND_INTEGER },
    { "service", JSON_KIND_STRING },
    { "service-override", JSON_KIND_BOOLEAN },
    { "term-signal", JSON_KIND_STRING },
    { "testexec", JSON_KIND_TABLE },
    { NULL },
};

#define KILL_COUNT_MAX 1000000

static int parse_duration (const char *name, const char *s, double *seconds,
                           flux_error_t *error)
{
    if (s && fsd_parse (s, seconds) < 0)
        return error_invalid (error, "%s: '%.60s' is not a duration", name, s);
    return 0;
}

static int parse_durations (struct config *c, json_t *table, flux_error_t *error)
{
    double other;
    struct {
        const char *name;
        double *seconds;
    } t[] = {
        { "kill-timeout", &c->kill_timeout },
        { "max-kill-timeout", &other },
        { "barrier-timeout", &other },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        const char *s = json_string_value (json_object_get (table, t[i].name));
        char name[64];

        snprintf (name, sizeof (name), "exec.%s", t[i].name);
        if (parse_duration (name, s, t[i].seconds, error) < 0)
            return -1;
    }
    return 0;
}

static int parse_count (struct config *c, json_t *table, flux_error_t *error)
{
    json_t *o = json_object_get (table, "max-kill-count");
    json_int_t n = json_integer_value (o);

    if (!o)
        return 0;
    if (n < 1 || n > KILL_COUNT_MAX)
        return error_invalid (error, "exec.max-kill-count: %lld is not from 1 to %d",
                              (long long)n, KILL_COUNT_MAX);
    c->max_kill_count = n;
    return 0;
}

static int parse_args (struct config *c, int argc, char *argv[], const char **shell,
                       flux_error_t *error)
{
    for (int i = 0; i < argc; i++) {
        if (!strncmp (argv[i], "job-shell=", 10))
            *shell = argv[i] + 10;
        else if (strncmp (argv[i], "kill-timeout=", 13) != 0)
            return error_invalid (error, "unknown argument: %.100s", argv[i]);
        else if (parse_duration ("kill-timeout", argv[i] + 13, &c->kill_timeout, error)
                 < 0)
            return -1;
    }
    return 0;
}

int config_read (struct config *c, const flux_conf_t *conf, int argc, char *argv[],
                 flux_error_t *error)
{
    json_t *table = NULL;
    const char *shell;

    *c = (struct config){
        .kill_timeout = 5.,
        .max_kill_count = 8,
        .term_signal = SIGTERM,
        .kill_signal = SIGKILL,
    };
    if (conf && flux_conf_unpack (conf, error, "{s?o}", "exec", &table) < 0)
        return -1;
    if (json_check_keys (table, "exec", keys, error) < 0
        || parse_durations (c, table, error) < 0 || parse_count (c, table, error) < 0)
        return -1;
    shell = json_string_value (json_object_get (table, "job-shell"));
    if (parse_args (c, argc, argv, &shell, error) < 0)
        return -1;
    if (shell && !(c->shell = strdup (shell)))
        return error_fail (error, ENOMEM, "out of memory");
    return 0;
}

void config_fini (struct config *c)
{
    free (c->shell);
    c->shell = NULL;
}
