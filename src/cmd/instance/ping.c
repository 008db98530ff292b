/* flux ping: round trips to a service. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct optparse_option opts[] = {
    { .name = "rank",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "RANK",
      .usage = "Target rank: a number, any (default), upstream" },
    { .name = "pad",
      .key = 'p',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Add N bytes to each request" },
    { .name = "interval",
      .key = 'i',
      .has_arg = 1,
      .arginfo = "SECONDS",
      .usage = "Time between requests (default 1s)" },
    { .name = "count",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Stop after N responses" },
    { .name = "batch",
      .key = 'b',
      .usage = "Send all requests at once (with --count)" },
    { .name = "userid", .key = 'u', .usage = "Show userid and rolemask" },
    OPTPARSE_TABLE_END,
};

struct ping {
    flux_t *h;
    const char *service;
    char rank_text[16];
    char topic[128];
    uint32_t nodeid;
    uint32_t local_rank;
    char *pad;
    int count; /* 0: no end */
    int sent;
    int received;
    double interval;
    bool batch;
    bool userid;
    flux_watcher_t *timer;
};

static double now (void)
{
    struct timespec ts;
    clock_gettime (CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static void header (struct ping *ping)
{
    printf ("flux-ping %s!%s\n", ping->rank_text, ping->service);
}

static void fail (struct ping *ping, const char *text)
{
    if (ping->nodeid == FLUX_NODEID_ANY)
        cmd_warn ("%s: %s", ping->topic, text);
    else
        cmd_warn ("%s!%s: %s", ping->rank_text, ping->topic, text);
    if (ping->received == 0)
        header (ping);
    exit (1);
}

static void print_response (struct ping *ping, flux_future_t *f)
{
    int seq, userid = 0, rolemask = 0;
    double t0;
    const char *route = "";
    if (flux_rpc_get_unpack (f, "{s:i s:F s?s s?i s?i}", "seq", &seq, "time", &t0,
                             "route", &route, "userid", &userid, "rolemask", &rolemask)
        < 0)
        fail (ping, errno == ENOSYS ? strerror (ENOSYS) : cmd_future_error (f));
    if (ping->received == 0)
        header (ping);
    if (ping->nodeid == FLUX_NODEID_ANY)
        printf ("%u!", ping->local_rank);
    else
        printf ("%s!", ping->rank_text);
    printf ("%s pad=%zu", ping->topic, ping->pad ? strlen (ping->pad) : 0);
    if (ping->userid)
        printf (" userid=%u rolemask=0x%x", (unsigned int)userid,
                (unsigned int)rolemask);
    printf (" seq=%d time=%.3f ms (%s)\n", seq, (now () - t0) * 1000, route);
    output_flush ();
    ping->received++;
}

static void response_cb (flux_future_t *f, void *arg)
{
    struct ping *ping = arg;
    print_response (ping, f);
    flux_future_destroy (f);
    if (ping->count && ping->received == ping->count)
        flux_reactor_stop (flux_get_reactor (ping->h));
}

static void send_one (struct ping *ping)
{
    flux_future_t *f =
        flux_rpc_pack (ping->h, ping->topic, ping->nodeid, 0, "{s:i s:f s:s}", "seq",
                       ping->sent++, "time", now (), "pad", ping->pad ? ping->pad : "");
    if (!f || flux_future_then (f, -1, response_cb, ping) < 0)
        cmd_die ("%s: %s", ping->topic, strerror (errno));
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct ping *ping = arg;
    do {
        send_one (ping);
        if (ping->count && ping->sent == ping->count)
            flux_watcher_stop (w);
    } while (ping->batch && ping->sent < ping->count);
}

/* TARGET: SERVICE, RANK, or RANK!SERVICE. */
static void parse_target (struct ping *ping, const char *rank, char *target)
{
    char *end;
    char *bang = strchr (target, '!');
    if (bang) {
        *bang = '\0';
        rank = target;
        target = bang + 1;
    } else if (!rank && strtoul (target, &end, 10) < UINT32_MAX && end != target
               && *end == '\0') {
        rank = target;
        target = (char *)"broker";
    }
    ping->service = target;
    ping->nodeid = FLUX_NODEID_ANY;
    if (rank && !strcmp (rank, "upstream"))
        ping->nodeid = FLUX_NODEID_UPSTREAM;
    else if (rank && strcmp (rank, "any") != 0) {
        unsigned long n = strtoul (rank, &end, 10);
        if (end == rank || *end || n >= FLUX_NODEID_UPSTREAM)
            cmd_die ("%s: not a rank", rank);
        ping->nodeid = n;
    }
    snprintf (ping->rank_text, sizeof (ping->rank_text), "%s", rank ? rank : "any");
    snprintf (ping->topic, sizeof (ping->topic), "%s.ping", target);
}

static int run (optparse_t *p, int argc, char **argv)
{
    struct ping ping = { 0 };
    int i = optparse_option_index (p);
    if (argc - i != 1)
        optparse_fatal_usage (p, 1, NULL);
    int pad = optparse_get_int (p, "pad", 0);
    ping.count = optparse_get_int (p, "count", 0);
    ping.interval = optparse_get_duration (p, "interval", 1.0);
    ping.batch = optparse_hasopt (p, "batch");
    ping.userid = optparse_hasopt (p, "userid");
    if (pad < 0 || pad > 1 << 24 || ping.count < 0)
        cmd_die ("--pad and --count must be sensible numbers");
    if (ping.batch && ping.count == 0)
        cmd_die ("--batch needs --count");
    parse_target (&ping, optparse_get_str (p, "rank", NULL), argv[i]);
    if (pad > 0) {
        if (!(ping.pad = malloc (pad + 1)))
            cmd_die ("out of memory");
        memset (ping.pad, 'p', pad);
        ping.pad[pad] = '\0';
    }
    ping.h = cmd_open ();
    if (flux_get_rank (ping.h, &ping.local_rank) < 0)
        cmd_die ("rank: %s", strerror (errno));
    flux_reactor_t *r = flux_get_reactor (ping.h);
    ping.timer = flux_timer_watcher_create (r, 0, ping.interval, timer_cb, &ping);
    if (!ping.timer)
        cmd_die ("timer: %s", strerror (errno));
    flux_watcher_start (ping.timer);
    flux_reactor_run (r, 0);
    flux_watcher_destroy (ping.timer);
    free (ping.pad);
    return 0;
}

const struct command cmd_ping = {
    .name = "ping",
    .summary = "Measure round trips to a service",
    .usage = "[OPTIONS] TARGET",
    .group = "instance",
    .options = opts,
    .run = run,
};
