#include "pulse.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/json/keys.h"
#include "value/fsd.h"

static int parse_period (const char *what, const char *text, double *period,
                         flux_error_t *error)
{
    if (fsd_parse (text, period) == 0 && *period >= 1e-3 && *period <= 86400.)
        return 0;
    return error_invalid (error, "%s: '%.60s' is not a duration from 1ms to 1d", what,
                          text);
}

int pulse_args (struct pulse *p, int argc, char **argv, flux_error_t *error)
{
    for (int i = 0; i < argc; i++) {
        if (strncmp (argv[i], "period=", 7) != 0)
            return error_invalid (error, "unknown argument: %.60s", argv[i]);
        if (parse_period ("period", argv[i] + 7, &p->argument, error) < 0)
            return -1;
    }
    return 0;
}

int pulse_config (struct pulse *p, const flux_conf_t *conf, flux_error_t *error)
{
    static const struct json_key keys[] = { { "period", JSON_KIND_STRING },
                                            { "timeout", JSON_KIND_STRING },
                                            { "warn_thresh", JSON_KIND_INTEGER },
                                            { NULL } };
    const char *period = "2s", *timeout = "5m";
    double period_s, timeout_s;
    int warn_thresh = 3;
    json_t *table = NULL;

    if (flux_conf_unpack (conf, error, "{s?o}", "heartbeat", &table) < 0
        || json_check_keys (table, "heartbeat", keys, error) < 0)
        return -1;
    (void)json_unpack (table, "{s?s s?s s?i}", "period", &period, "timeout", &timeout,
                       "warn_thresh", &warn_thresh);
    if (parse_period ("heartbeat.period", period, &period_s, error) < 0)
        return -1;
    if (fsd_parse (timeout, &timeout_s) < 0)
        return error_invalid (error, "heartbeat.timeout: '%.60s' is not a duration",
                              timeout);
    if (warn_thresh < 0)
        return error_invalid (error, "heartbeat.warn_thresh: must be >= 0");
    p->period = p->argument > 0 ? p->argument : period_s;
    p->timeout = isinf (timeout_s) ? 0. : timeout_s;
    p->warn_thresh = warn_thresh;
    return 0;
}

void pulse_seen (struct pulse *p, double now)
{
    p->last = now;
    p->warned = false;
    p->count++;
}

/* Without a pulse the warning is due at this time; < 0: never, or it was said. */
static double warn_at (const struct pulse *p)
{
    if (p->warned || p->warn_thresh == 0)
        return -1.;
    return p->last + p->period * p->warn_thresh;
}

enum pulse_verdict pulse_look (struct pulse *p, double now, double *silence)
{
    double warn = warn_at (p);

    *silence = now - p->last;
    if (p->timeout > 0 && *silence >= p->timeout)
        return PULSE_MISSED;
    if (warn < 0 || now < warn)
        return PULSE_FINE;
    p->warned = true;
    return PULSE_LATE;
}

double pulse_next_look (const struct pulse *p, double now)
{
    double warn = warn_at (p);
    double at = p->timeout > 0 ? p->last + p->timeout : -1.;

    if (warn >= 0 && (at < 0 || warn < at))
        at = warn;
    /* all was said: what comes after the next pulse is looked for in time */
    if (at < 0)
        return p->warn_thresh > 0 ? p->period * p->warn_thresh : -1.;
    return fmax (at - now, p->period / 100.);
}
