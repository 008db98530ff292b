/* flux uptime: one line about the instance, and what is disabled in it. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include "value/fsd.h"

#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* All questions are asked at once. */
struct facts {
    flux_future_t *state;
    flux_future_t *starttime;
    flux_future_t *owner;
    flux_future_t *depth;
    flux_future_t *size;
    flux_future_t *online;
    flux_future_t *resource;
    flux_future_t *queue;
};

static flux_future_t *ask_attr (flux_t *h, const char *name)
{
    return flux_rpc_pack (h, "attr.get", FLUX_NODEID_ANY, 0, "{s:s}", "name", name);
}

static const char *attr (flux_future_t *f, const char *dflt)
{
    const char *s;
    if (!f || flux_rpc_get_unpack (f, "{s:s}", "value", &s) < 0)
        return dflt;
    return s;
}

static void ask (flux_t *h, struct facts *f)
{
    f->state = flux_rpc (h, "state-machine.get", NULL, 0, 0);
    f->starttime = ask_attr (h, "broker.starttime");
    f->owner = ask_attr (h, "security.owner");
    f->depth = ask_attr (h, "instance-level");
    f->size = ask_attr (h, "size");
    f->online = flux_rpc_pack (h, "groups.get", 0, 0, "{s:s}", "name", "broker.online");
    f->resource = flux_rpc (h, "resource.status", NULL, 0, 0);
    f->queue = flux_rpc (h, "job-manager.queue-list", NULL, 0, 0);
}

static void forget (struct facts *f)
{
    flux_future_destroy (f->state);
    flux_future_destroy (f->starttime);
    flux_future_destroy (f->owner);
    flux_future_destroy (f->depth);
    flux_future_destroy (f->size);
    flux_future_destroy (f->online);
    flux_future_destroy (f->resource);
    flux_future_destroy (f->queue);
}

static size_t count_idset (const char *s)
{
    size_t n = 0;
    return s && idset_decode_info (s, -1, &n, NULL, NULL) == 0 ? n : 0;
}

static int offline_count (struct facts *f, int size)
{
    const char *members;
    if (!f->online || flux_rpc_get_unpack (f->online, "{s:s}", "members", &members) < 0)
        return 0;
    return size - (int)count_idset (members);
}

static int drained_count (struct facts *f)
{
    json_t *drain = NULL;
    const char *key;
    json_t *o;
    int n = 0;
    if (!f->resource || flux_rpc_get_unpack (f->resource, "{s?o}", "drain", &drain) < 0)
        return 0;
    json_object_foreach (drain, key, o) {
        n += count_idset (key);
    }
    return n;
}

/* True if any queue is disabled, stopped. */
static void queue_state (struct facts *f, bool *disabled, bool *stopped)
{
    json_t *queues, *o;
    size_t i;
    *disabled = *stopped = false;
    if (!f->queue || flux_rpc_get_unpack (f->queue, "{s:o}", "queues", &queues) < 0)
        return;
    json_array_foreach (queues, i, o) {
        json_t *enable = json_object_get (o, "enable");
        json_t *start = json_object_get (o, "start");
        *disabled = *disabled || json_is_false (enable);
        *stopped = *stopped || json_is_false (start);
    }
}

static int run (optparse_t *p, int argc, char **argv)
{
    struct facts f;
    const char *state = "unknown";
    double duration = 0;
    char clock[16], up[32];
    time_t now = time (NULL);
    struct tm tm;
    bool disabled, stopped;
    if (optparse_option_index (p) != argc)
        cmd_usage_error (p, "unexpected argument '%s'", argv[argc - 1]);
    ask (cmd_open (), &f);
    if (!f.state
        || flux_rpc_get_unpack (f.state, "{s:s s?F}", "state", &state, "duration",
                                &duration)
               < 0)
        cmd_die ("state-machine.get: %s", cmd_future_error (f.state));
    double start = strtod (attr (f.starttime, "0"), NULL);
    if (start > 0)
        duration = flux_reactor_time () - start;
    if (fsd_format_digits (up, sizeof (up), duration > 0 ? duration : 0, 2) < 0)
        snprintf (up, sizeof (up), "?");
    localtime_r (&now, &tm);
    strftime (clock, sizeof (clock), "%H:%M:%S", &tm);
    int size = atoi (attr (f.size, "1"));
    printf (" %s %s %s,  owner %s,  depth %s,  size %d", clock, safe (state), up,
            safe (cmd_username (strtoul (attr (f.owner, "0"), NULL, 10))),
            safe (attr (f.depth, "0")), size);
    int drained = drained_count (&f);
    int offline = offline_count (&f, size);
    if (drained > 0)
        printf (",  %d drained", drained);
    if (offline > 0)
        printf (",  %d offline", offline);
    fputc ('\n', stdout);
    queue_state (&f, &disabled, &stopped);
    if (disabled || stopped)
        printf ("  %s%s%s\n", disabled ? "submission disabled" : "",
                disabled && stopped ? ",  " : "", stopped ? "scheduling stopped" : "");
    forget (&f);
    return 0;
}

const struct command cmd_uptime = {
    .name = "uptime",
    .summary = "Tell how long the instance has run, its owner, depth and size",
    .usage = "",
    .group = "instance",
    .run = run,
};
