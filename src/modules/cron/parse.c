/* What a request for an entry says: no clock, no handle. */
#include "entry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX (100. * 365 * 86400)

static bool seconds_ok (double s, double min)
{
    return isfinite (s) && s >= min && s <= SECONDS_MAX;
}

static const char *parse_interval (struct entry *e, json_t *args)
{
    double interval = 0., after = -1.;

    if (json_unpack (args, "{s:F s?F}", "interval", &interval, "after", &after) < 0
        || !seconds_ok (interval, 1e-3) || (after >= 0 && !seconds_ok (after, 0)))
        return "an interval is 1 ms to 100 years";
    e->interval = (struct cron_interval){ interval, after, 0. };
    return NULL;
}

static const char *parse_event (struct entry *e, json_t *args)
{
    const char *topic;
    double min = 0.;
    int nth = 0, after = 0;

    if (json_unpack (args, "{s:s s?i s?i s?F}", "topic", &topic, "nth", &nth, "after",
                     &after, "min_interval", &min)
            < 0
        || nth < 0 || after < 0 || !seconds_ok (min, 0))
        return "an event has a topic, and counts that are not negative";
    e->events = (struct cron_events){ .nth = nth, .after = after, .min_interval = min };
    return (e->topic = strdup (topic)) ? NULL : "out of memory";
}

static const char *parse_datetime (struct entry *e, json_t *args, double now)
{
    const char *text = NULL, *why;

    if (json_unpack (args, "{s?F s?s}", "at", &e->at, "expr", &text) < 0
        || (e->at > 0) == (text != NULL))
        return "a time is either a date or an expression";
    if (e->at > 0)
        return e->at > now - AT_LATE ? NULL : "that time is over";
    if (cron_expr_parse (&e->expr, text, &why) < 0)
        return why;
    if (cron_expr_next (&e->expr, (time_t)now) < 0)
        return "there is no such day";
    return (e->expr_text = strdup (text)) ? NULL : "out of memory";
}

static const char *parse_type (struct entry *e, const char *type, json_t *args,
                               double now)
{
    if (!strcmp (type, "interval")) {
        e->type = CRON_INTERVAL;
        return parse_interval (e, args);
    }
    if (!strcmp (type, "event")) {
        e->type = CRON_EVENT;
        return parse_event (e, args);
    }
    e->type = CRON_DATETIME;
    if (!strcmp (type, "datetime"))
        return parse_datetime (e, args, now);
    return "there is no such type";
}

static bool are_strings (json_t *argv, json_t *environ)
{
    const char *name;
    json_t *o;
    size_t i;

    json_array_foreach (argv, i, o)
        if (!json_is_string (o))
            return false;
    json_object_foreach (environ, name, o)
        if (!json_is_string (o))
            return false;
    return json_array_size (argv) > 0 && (!environ || json_is_object (environ));
}

const char *entry_parse (struct entry *e, json_t *request, uint32_t size, double now)
{
    json_t *argv, *environ = NULL, *args;
    const char *type, *name, *command, *cwd = NULL;
    int history = 1;

    if (json_unpack (request, "{s:s s:s s:s s:o s:o s?o s?s s?i s?i s?i s?i s?F}",
                     "type", &type, "name", &name, "command", &command, "argv", &argv,
                     "args", &args, "environ", &environ, "cwd", &cwd, "repeat",
                     &e->counts.repeat, "rank", &e->rank, "task-history-count",
                     &history, "stop-on-failure", &e->counts.stop_on, "timeout",
                     &e->timeout)
            < 0
        || !are_strings (argv, environ))
        return "malformed request";
    if (e->rank < 0 || (uint32_t)e->rank >= size)
        return "there is no such rank";
    if (history < 1 || history > HISTORY_MAX)
        return "task-history-count is 1 to 1000";
    if (e->counts.repeat < 0 || e->counts.stop_on < 0)
        return "counts are not negative";
    if (!seconds_ok (e->timeout, 0))
        return "a timeout is at most 100 years";
    e->history = history;
    e->argv = json_incref (argv);
    e->environ = json_incref (environ);
    if (!(e->name = strdup (name)) || !(e->command = strdup (command))
        || (cwd && !(e->cwd = strdup (cwd))))
        return "out of memory";
    return parse_type (e, type, args, now);
}

void entry_parse_fini (struct entry *e)
{
    json_decref (e->argv);
    json_decref (e->environ);
    free (e->topic);
    free (e->expr_text);
    free (e->name);
    free (e->command);
    free (e->cwd);
}
