#include "cmd/instance/tracing.h"

#include <flux/core.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/cmd.h"
#include "cmd/output/output.h"

static int typemask (optparse_t *p)
{
    static const struct {
        const char *name;
        int type;
    } types[] = { { "request", FLUX_MSGTYPE_REQUEST },
                  { "response", FLUX_MSGTYPE_RESPONSE },
                  { "event", FLUX_MSGTYPE_EVENT },
                  { "control", FLUX_MSGTYPE_CONTROL } };
    const char *s;
    int bits = 0;
    optparse_getopt_iterator_reset (p, "type");
    while ((s = optparse_getopt_next (p, "type"))) {
        int i = 0;
        while (i < 4 && strcmp (types[i].name, s) != 0)
            i++;
        if (i == 4)
            cmd_die ("trace: valid types: request, response, event, control");
        bits |= types[i].type;
    }
    return bits ? bits : FLUX_MSGTYPE_ANY;
}

/* How lines of a trace show their times. */
struct trace_times {
    bool human, delta, color;
    double last, anchor; /* seconds of the day; < 0: none yet */
};

/* "HH:MM:SS.USEC REST" becomes "[DATE] REST", or "[+SECONDS] REST" within a minute. */
static void print_traced (struct trace_times *tt, const char *line)
{
    int hour, min, n = 0;
    double sec;
    char text[32], date[16];

    if (!tt->human || sscanf (line, "%2d:%2d:%9lf%n", &hour, &min, &sec, &n) != 3) {
        puts (safe_lines (line));
        return;
    }
    double t = hour * 3600 + min * 60 + sec;
    if (tt->anchor < 0 || t < tt->anchor || t - tt->anchor >= 60) {
        time_t now = time (NULL);
        struct tm tm;
        strftime (date, sizeof (date), "%b%d", localtime_r (&now, &tm));
        snprintf (text, sizeof (text), "[%s %02d:%02d]", date, hour, min);
        tt->anchor = t;
    } else
        snprintf (text, sizeof (text), "[%+11.6f]",
                  t - (tt->delta ? tt->last : tt->anchor));
    tt->last = t;
    printf ("%s%s%s%s\n", tt->color ? "\033[32m" : "", text, tt->color ? "\033[0m" : "",
            safe_lines (line + n));
}

int tracing_follow (optparse_t *p, const char *service, const char *topic_glob,
                    json_t *request)
{
    const char *s;
    struct trace_times tt = {
        .human = optparse_hasopt (p, "human"),
        .delta = optparse_hasopt (p, "delta"),
        .color = optparse_hasopt (p, "color") && optparse_get_color (p, "color"),
        .last = -1,
        .anchor = -1,
    };
    flux_future_t *f;

    if ((tt.delta || optparse_hasopt (p, "color")) && !tt.human)
        cmd_die ("trace: --%s can only be used with --human",
                 tt.delta ? "delta" : "color");
    json_object_set_new (request, "typemask", json_integer (typemask (p)));
    json_object_set_new (request, "topic_glob", json_string (topic_glob));
    json_object_set_new (request, "full", json_boolean (optparse_hasopt (p, "full")));
    f = flux_rpc_pack (cmd_open (), service, FLUX_NODEID_ANY, FLUX_RPC_STREAMING, "O",
                       request);
    json_decref (request);
    while (f && flux_rpc_get (f, &s) == 0) {
        print_traced (&tt, s);
        output_flush ();
        flux_future_reset (f);
    }
    if (!f || errno != ENODATA)
        cmd_die ("trace: %s", cmd_future_error (f));
    flux_future_destroy (f);
    return 0;
}
