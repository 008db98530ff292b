/* flux dmesg: the log ring of the local broker. flux logger: add to it. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include <flux/flog.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static const char *const severities[] = { "emerg",   "alert",  "crit", "err",
                                          "warning", "notice", "info", "debug" };

/* RFC 5424: <PRI>1 TIMESTAMP HOSTNAME APPNAME PROCID MSGID SD MSG. The
 * hostname is the rank. Fields are cut out of the line. */
struct entry {
    int severity;
    const char *timestamp, *rank, *appname, *message;
};

static bool parse_entry (char *line, struct entry *e)
{
    const char *fields[6];
    char *end;
    if (*line != '<')
        return false;
    e->severity = strtol (line + 1, &end, 10) & 7;
    if (*end != '>')
        return false;
    if (!(line = strchr (end, ' ')))
        return false;
    line++;
    for (int i = 0; i < 6; i++) {
        fields[i] = line;
        if (!(line = strchr (line, ' ')))
            return false;
        *line++ = '\0';
    }
    e->timestamp = fields[0];
    e->rank = fields[1];
    e->appname = fields[2];
    e->message = line;
    return true;
}

static double parse_timestamp (const char *s)
{
    struct tm tm = { 0 };
    char *rest = strptime (s, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest)
        return 0;
    return timegm (&tm) + (*rest == '.' ? strtod (rest, NULL) : 0);
}

struct printer {
    bool human;
    bool color;
    bool delta;
    double last;   /* time of the last line */
    double anchor; /* time of the last date that was printed */
};

static void print_human_time (struct printer *pr, const char *timestamp)
{
    char date[32];
    double t = parse_timestamp (timestamp);
    time_t sec = (time_t)t;
    struct tm tm;
    if (pr->color)
        fputs ("\033[32m", stdout);
    if (pr->anchor == 0 || t - pr->anchor >= 60 || t < pr->anchor) {
        localtime_r (&sec, &tm);
        strftime (date, sizeof (date), "%b%d %R", &tm);
        printf ("[%s]", date);
        pr->anchor = t;
    } else
        printf ("[%+11.6f]", t - (pr->delta ? pr->last : pr->anchor));
    pr->last = t;
    if (pr->color)
        fputs ("\033[0m", stdout);
}

static void print_line (struct printer *pr, const char *data, size_t len)
{
    struct entry e;
    char *line = strndup (data, len);
    if (!line)
        cmd_die ("out of memory");
    line[strcspn (line, "\n")] = '\0';
    if (parse_entry (line, &e)) {
        if (pr->human)
            print_human_time (pr, e.timestamp);
        else
            fputs (safe (e.timestamp), stdout);
        const char *style = !pr->color        ? ""
                            : e.severity <= 3 ? "\033[1;31m"
                            : e.severity == 4 ? "\033[33m"
                                              : "";
        printf (" %s%s.%s[%s]: %s%s\n", style, safe (e.appname), severities[e.severity],
                safe (e.rank), safe (e.message), *style ? "\033[0m" : "");
    }
    free (line);
}

static struct optparse_option dmesg_opts[] = {
    { .name = "human", .key = 'H', .usage = "Show times relative to each other" },
    { .name = "delta",
      .key = 'd',
      .usage = "With --human: the time since the line before" },
    { .name = "clear", .key = 'C', .usage = "Clear the log, show nothing" },
    { .name = "read-clear", .key = 'c', .usage = "Clear the log after showing it" },
    { .name = "follow", .key = 'f', .usage = "Go on with new entries" },
    { .name = "new", .key = 'n', .usage = "Show only new entries (implies -f)" },
    { .name = "color",
      .key = 'L',
      .has_arg = 2,
      .arginfo = "WHEN",
      .usage = "Colors: auto, never, always" },
    OPTPARSE_TABLE_END,
};

static void clear_log (flux_t *h)
{
    flux_future_t *f = flux_rpc (h, "log.clear", NULL, FLUX_NODEID_ANY, 0);
    if (!f || flux_rpc_get (f, NULL) < 0)
        cmd_die ("log.clear: %s", cmd_future_error (f));
    flux_future_destroy (f);
}

static int run_dmesg (optparse_t *p, int argc, char **argv)
{
    struct printer pr = { .human = optparse_hasopt (p, "human"),
                          .delta = optparse_hasopt (p, "delta") };
    const void *data;
    size_t len;
    flux_t *h = cmd_open ();
    if (optparse_option_index (p) != argc)
        cmd_usage_error (p, "unexpected argument '%s'", argv[argc - 1]);
    if (pr.delta && !pr.human)
        cmd_usage_error (p, "--delta can only be used with --human");
    if (optparse_hasopt (p, "clear")) {
        clear_log (h);
        return 0;
    }
    bool new_only = optparse_hasopt (p, "new");
    bool follow = optparse_hasopt (p, "follow") || new_only;
    pr.color =
        (pr.human || optparse_hasopt (p, "color")) && optparse_get_color (p, "color");
    flux_future_t *f =
        flux_rpc_pack (h, "log.dmesg", FLUX_NODEID_ANY, FLUX_RPC_STREAMING, "{s:b s:b}",
                       "follow", follow, "nobacklog", new_only);
    while (f && flux_rpc_get_raw (f, &data, &len) == 0) {
        print_line (&pr, data, len);
        if (follow)
            output_flush ();
        flux_future_reset (f);
    }
    if (!f || errno != ENODATA)
        cmd_die ("log.dmesg: %s", cmd_future_error (f));
    flux_future_destroy (f);
    if (optparse_hasopt (p, "read-clear"))
        clear_log (h);
    return 0;
}

const struct command cmd_dmesg = {
    .name = "dmesg",
    .summary = "Print the broker's log",
    .usage = "[-H] [-f|-n] [-c|-C]",
    .group = "instance",
    .options = dmesg_opts,
    .run = run_dmesg,
};

static struct optparse_option logger_opts[] = {
    { .name = "severity",
      .key = 's',
      .has_arg = 1,
      .arginfo = "LEVEL",
      .usage = "emerg, alert, crit, err, warning, notice (default), info, debug" },
    { .name = "appname",
      .key = 'n',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Log under this name (default logger)" },
    OPTPARSE_TABLE_END,
};

static int severity (const char *s)
{
    for (int i = 0; i < 8; i++) {
        if (!strcasecmp (s, severities[i]))
            return i;
    }
    if (!strcasecmp (s, "error"))
        return LOG_ERR;
    if (!strcasecmp (s, "warn"))
        return LOG_WARNING;
    if (s[0] >= '0' && s[0] <= '7' && s[1] == '\0')
        return s[0] - '0';
    cmd_die ("unknown severity '%s'", s);
}

/* An entry, ready to be sent: goes out as a request that is answered. */
static void append_entry (const char *buf, int len, void *arg)
{
    flux_future_t *f = flux_rpc_raw (arg, "log.append", buf, len, FLUX_NODEID_ANY, 0);

    if (!f || flux_future_get (f, NULL) < 0)
        cmd_die ("%s", cmd_future_error (f));
    flux_future_destroy (f);
}

static int run_logger (optparse_t *p, int argc, char **argv)
{
    char text[1024] = "";
    size_t n = 0;
    int i = optparse_option_index (p);
    int level = severity (optparse_get_str (p, "severity", "notice"));
    if (i == argc)
        optparse_fatal_usage (p, 1, NULL);
    for (; i < argc && n < sizeof (text); i++)
        n += snprintf (text + n, sizeof (text) - n, "%s%s", n ? " " : "", argv[i]);
    flux_t *h = cmd_open ();
    flux_log_set_appname (h, optparse_get_str (p, "appname", "logger"));
    flux_log_set_redirect (h, append_entry, h);
    if (flux_log (h, level, "%s", text) < 0)
        cmd_die ("%s", strerror (errno));
    return 0;
}

const struct command cmd_logger = {
    .name = "logger",
    .summary = "Add an entry to the broker's log",
    .usage = "[-s LEVEL] [-n NAME] message...",
    .group = "instance",
    .options = logger_opts,
    .run = run_logger,
};
