/* flux overlay: the tree of brokers and how it is. */
#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/instance/tracing.h"
#include "cmd/output/output.h"

#include "value/fsd.h"

#include <errno.h>
#include <flux/hostlist.h>
#include <flux/idset.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is known of one broker: its own word, or else its parent's. */
struct node {
    int parent;
    int size;     /* of its subtree */
    char *status; /* NULL: nobody said */
    double duration;
    double rtt_ms; /* < 0: it did not answer */
    bool silent;   /* and nobody says that it is gone */
    char *error;
    flux_future_t *f;
    double t_sent;
};

struct tree {
    flux_t *h;
    optparse_t *p;
    struct node *nodes;
    int count;
    struct hostlist *hosts;
    json_t *topology;
    struct idset *highlight;
    int verbose;
    bool color;
    bool pretty;
    bool ghost;
};

static struct optparse_option status_opts[] = {
    { .name = "rank",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "RANK",
      .usage = "Start at this rank (default 0)" },
    { .name = "verbose",
      .key = 'v',
      .has_arg = 2,
      .arginfo = "LEVEL",
      .usage = "Show how long (-v), and round trips (-vv)" },
    { .name = "timeout",
      .key = 't',
      .has_arg = 1,
      .arginfo = "FSD",
      .usage = "Give up on a broker after this time (default 0.5s; 0: never)" },
    { .name = "summary", .key = 's', .usage = "Only the status of the root" },
    { .name = "down", .usage = "Only what is not full" },
    { .name = "no-pretty", .usage = "No lines of the tree" },
    { .name = "no-ghost", .usage = "Leave out what is below offline brokers" },
    { .name = "highlight",
      .key = 'H',
      .has_arg = 1,
      .arginfo = "TARGETS",
      .usage = "Emphasize ranks or hosts" },
    { .name = "color",
      .key = 'L',
      .has_arg = 2,
      .arginfo = "WHEN",
      .usage = "Colors: auto, never, always" },
    { .name = "wait",
      .key = 'w',
      .has_arg = 1,
      .arginfo = "STATUS",
      .usage = "Wait until the subtree has this status; with -t no longer than that" },
    OPTPARSE_TABLE_END,
};

static struct optparse_option errors_opts[] = {
    { .name = "timeout",
      .key = 't',
      .has_arg = 1,
      .arginfo = "FSD",
      .usage = "Give up on a broker after this time (default 0.5s; 0: never)" },
    OPTPARSE_TABLE_END,
};

static struct hostlist *get_hosts (flux_t *h)
{
    const char *s = flux_attr_get (h, "hostlist");
    struct hostlist *hl = s ? hostlist_decode (s) : NULL;
    if (!hl)
        cmd_die ("hostlist: %s", strerror (errno));
    return hl;
}

static const char *host (struct hostlist *hl, int rank)
{
    const char *s = hostlist_nth (hl, rank);
    return s ? s : "?";
}

/* Ranks or hosts to ranks. */
static struct idset *decode_targets (struct hostlist *hosts, const char *s)
{
    struct idset *ids = idset_decode (s);
    if (ids)
        return ids;
    struct hostlist *hl = hostlist_decode (s);
    if (!hl || !(ids = idset_create (0, IDSET_FLAG_AUTOGROW)))
        cmd_die ("%s: neither ranks nor hosts", s);
    for (const char *name = hostlist_first (hl); name; name = hostlist_next (hl)) {
        bool found = false;
        for (int i = 0; i < hostlist_count (hosts); i++) {
            if (!strcmp (hostlist_nth (hosts, i), name)) {
                idset_set (ids, i);
                found = true;
            }
        }
        if (!found)
            cmd_die ("%s: no such host in this instance", name);
    }
    hostlist_destroy (hl);
    return ids;
}

static json_t *get_topology (flux_t *h, int rank, flux_future_t **fp)
{
    flux_future_t *f =
        flux_rpc_pack (h, "overlay.topology", 0, 0, "{s:i}", "rank", rank);
    json_t *o;
    if (!f || flux_rpc_get_unpack (f, "o", &o) < 0)
        cmd_die ("overlay.topology: %s", cmd_future_error (f));
    *fp = f;
    return o;
}

static void send_health (struct tree *t, json_t *o, int parent)
{
    int rank, size;
    json_t *children, *child;
    size_t i;
    if (json_unpack (o, "{s:i s:i s:o}", "rank", &rank, "size", &size, "children",
                     &children)
            < 0
        || rank < 0 || rank >= t->count)
        cmd_die ("overlay.topology: malformed response");
    struct node *n = &t->nodes[rank];
    n->parent = parent;
    n->size = size;
    n->rtt_ms = -1;
    n->t_sent = clock_monotonic ();
    n->f = flux_rpc (t->h, "overlay.health", NULL, rank, 0);
    json_array_foreach (children, i, child) {
        send_health (t, child, rank);
    }
}

static void set_status (struct node *n, const char *status, double duration)
{
    free (n->status);
    n->status = strdup (status);
    n->duration = duration;
}

static void take_children (struct tree *t, json_t *children)
{
    size_t i;
    json_t *o;
    json_array_foreach (children, i, o) {
        int rank;
        const char *status, *error = NULL;
        double duration = 0;
        if (json_unpack (o, "{s:i s:s s?F s?s}", "rank", &rank, "status", &status,
                         "duration", &duration, "error", &error)
                < 0
            || rank < 0 || rank >= t->count)
            continue;
        struct node *n = &t->nodes[rank];
        if (!n->status)
            set_status (n, status, duration);
        if (error && !n->error)
            n->error = strdup (error);
    }
}

/* Answers are taken top down, so that a child's own word comes after what its
 * parent says of it. */
static void take_health (struct tree *t, json_t *o, double timeout)
{
    int rank = json_integer_value (json_object_get (o, "rank"));
    struct node *n = &t->nodes[rank];
    json_t *children = NULL, *child;
    const char *status;
    double duration = 0;
    size_t i;
    bool down =
        n->status && (!strcmp (n->status, "lost") || !strcmp (n->status, "offline"));
    if (!down && n->f && flux_future_wait_for (n->f, timeout) == 0
        && flux_rpc_get_unpack (n->f, "{s:s s?F s?o}", "status", &status, "duration",
                                &duration, "children", &children)
               == 0) {
        n->rtt_ms = (clock_monotonic () - n->t_sent) * 1000;
        set_status (n, status, duration);
        take_children (t, children);
    } else if (!down) {
        n->silent = n->f != NULL;
    } else {
        json_array_foreach (json_object_get (o, "children"), i, child) {
            int r = json_integer_value (json_object_get (child, "rank"));
            set_status (&t->nodes[r], n->status, n->duration);
        }
    }
    json_array_foreach (json_object_get (o, "children"), i, child) {
        take_health (t, child, timeout);
    }
}

static void forget (struct tree *t)
{
    for (int i = 0; i < t->count; i++) {
        flux_future_destroy (t->nodes[i].f);
        free (t->nodes[i].status);
        free (t->nodes[i].error);
    }
    memset (t->nodes, 0, t->count * sizeof (t->nodes[0]));
}

static const char *status_of (const struct node *n)
{
    return n->status ? n->status : "unknown";
}

static const char *status_color (const char *status)
{
    if (!strcmp (status, "full"))
        return "\033[32m";
    if (!strcmp (status, "partial") || !strcmp (status, "degraded"))
        return "\033[33m";
    return "\033[31m";
}

static bool is_down (const char *status)
{
    return !strcmp (status, "lost") || !strcmp (status, "offline");
}

static void print_node (struct tree *t, int rank, const char *prefix)
{
    char since[32];
    struct node *n = &t->nodes[rank];
    const char *status = status_of (n);
    bool marked = t->highlight && idset_test (t->highlight, rank);
    printf ("%s", t->pretty ? prefix : "");
    if (marked)
        printf (t->color ? "\033[7m%d %s\033[0m" : "<<%d %s>>", rank,
                safe (host (t->hosts, rank)));
    else
        printf ("%d %s", rank, safe (host (t->hosts, rank)));
    printf (": %s%s%s", t->color ? status_color (status) : "", safe (status),
            t->color ? "\033[0m" : "");
    /* Its parent calls it torpid later: tbon.torpid_max. */
    if (n->silent)
        printf (", does not answer");
    if (t->verbose > 0 && fsd_format (since, sizeof (since), n->duration) >= 0)
        printf (" for %s", since);
    if (t->verbose > 1 && n->rtt_ms >= 0)
        printf (" (%.3f ms)", n->rtt_ms);
    if (n->error && is_down (status))
        printf (" %s", safe_lines (n->error));
    fputc ('\n', stdout);
}

static void print_tree (struct tree *t, json_t *o, const char *prefix,
                        const char *below)
{
    int rank = json_integer_value (json_object_get (o, "rank"));
    json_t *children = json_object_get (o, "children");
    size_t count = json_array_size (children);
    bool only_down = optparse_hasopt (t->p, "down");
    if (!only_down || t->nodes[rank].silent
        || strcmp (status_of (&t->nodes[rank]), "full") != 0)
        print_node (t, rank, only_down ? "" : prefix);
    if (!t->ghost && is_down (status_of (&t->nodes[rank])))
        return;
    for (size_t i = 0; i < count; i++) {
        char first[512], rest[512];
        bool last = i + 1 == count;
        snprintf (first, sizeof (first), "%s%s", below, last ? "└─ " : "├─ ");
        snprintf (rest, sizeof (rest), "%s%s", below, last ? "   " : "│  ");
        print_tree (t, json_array_get (children, i), first, rest);
    }
}

/* Who has one that is to be highlighted below him is, too. */
static bool highlight_ancestors (struct tree *t, json_t *o)
{
    int rank = json_integer_value (json_object_get (o, "rank"));
    bool any = idset_test (t->highlight, rank);
    json_t *child;
    size_t i;

    json_array_foreach (json_object_get (o, "children"), i, child)
        any |= highlight_ancestors (t, child);
    if (any)
        idset_set (t->highlight, rank);
    return any;
}

static void ask (struct tree *t)
{
    double timeout = optparse_get_duration (t->p, "timeout", 0.5);
    send_health (t, t->topology, -1);
    take_health (t, t->topology, timeout == 0 ? -1 : timeout);
}

static void check_status_name (const char *s)
{
    static const char *const names[] = { "full", "partial", "degraded", "lost",
                                         "offline" };
    for (int i = 0; i < 5; i++) {
        if (!strcmp (names[i], s))
            return;
    }
    cmd_die ("--wait=%s: no such status", s);
}

/* The status changes when a broker comes or goes: broker.online tells. */
static void wait_status (struct tree *t, int rank, const char *want)
{
    double timeout = optparse_get_duration (t->p, "timeout", 0);
    double end = clock_monotonic () + timeout;
    check_status_name (want);
    flux_future_t *f = flux_rpc_pack (t->h, "groups.get", 0, FLUX_RPC_STREAMING,
                                      "{s:s}", "name", "broker.online");
    for (;;) {
        double rest = fmax (0, end - clock_monotonic ());
        if (f && timeout > 0 && flux_future_wait_for (f, rest) < 0
            && errno == ETIMEDOUT)
            cmd_die ("--wait=%s: %s", want, strerror (errno));
        if (!f || flux_rpc_get (f, NULL) < 0)
            cmd_die ("groups.get: %s", cmd_future_error (f));
        forget (t);
        ask (t);
        if (!strcmp (status_of (&t->nodes[rank]), want))
            break;
        flux_future_reset (f);
    }
    flux_future_destroy (f);
}

static int cmd_status (optparse_t *p, int argc, char **argv)
{
    flux_future_t *f;
    struct tree t = { .p = p };
    const char *s;
    int rank = optparse_get_int (p, "rank", 0);
    if (optparse_option_index (p) != argc)
        optparse_fatal_usage (p, 1, NULL);
    t.h = cmd_open ();
    t.hosts = get_hosts (t.h);
    t.count = hostlist_count (t.hosts);
    t.verbose = cmd_verbosity (p);
    t.pretty = !optparse_hasopt (p, "no-pretty");
    t.ghost = !optparse_hasopt (p, "no-ghost");
    t.color = optparse_get_color (p, "color");
    if (!(t.nodes = calloc (t.count, sizeof (t.nodes[0]))))
        cmd_die ("out of memory");
    if ((s = optparse_get_str (p, "highlight", NULL)))
        t.highlight = decode_targets (t.hosts, s);
    t.topology = get_topology (t.h, rank, &f);
    if (t.highlight)
        highlight_ancestors (&t, t.topology);
    if ((s = optparse_get_str (p, "wait", NULL)))
        wait_status (&t, rank, s);
    else
        ask (&t);
    if (optparse_hasopt (p, "summary"))
        puts (safe (status_of (&t.nodes[rank])));
    else
        print_tree (&t, t.topology, "", "");
    forget (&t);
    free (t.nodes);
    idset_destroy (t.highlight);
    hostlist_destroy (t.hosts);
    flux_future_destroy (f);
    return 0;
}

static int cmd_errors (optparse_t *p, int argc, char **argv)
{
    flux_future_t *f;
    struct tree t = { .p = p };
    if (optparse_option_index (p) != argc)
        optparse_fatal_usage (p, 1, NULL);
    t.h = cmd_open ();
    t.hosts = get_hosts (t.h);
    t.count = hostlist_count (t.hosts);
    if (!(t.nodes = calloc (t.count, sizeof (t.nodes[0]))))
        cmd_die ("out of memory");
    t.topology = get_topology (t.h, 0, &f);
    ask (&t);
    for (int i = 0; i < t.count; i++) {
        if (t.nodes[i].error)
            printf ("%s (rank %d): %s\n", safe (host (t.hosts, i)), i,
                    safe_lines (t.nodes[i].error));
    }
    forget (&t);
    free (t.nodes);
    hostlist_destroy (t.hosts);
    flux_future_destroy (f);
    return 0;
}

static int cmd_lookup (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    if (argc - i != 1)
        optparse_fatal_usage (p, 1, NULL);
    struct hostlist *hosts = get_hosts (cmd_open ());
    struct idset *ids = idset_decode (argv[i]);
    char *s;
    if (ids) {
        struct hostlist *hl = hostlist_create ();
        for (unsigned int id = idset_first (ids); id != IDSET_INVALID_ID;
             id = idset_next (ids, id)) {
            const char *name = hostlist_nth (hosts, id);
            if (!name)
                cmd_die ("%u: no such rank", id);
            hostlist_append (hl, name);
        }
        s = hostlist_encode (hl);
        hostlist_destroy (hl);
    } else {
        ids = decode_targets (hosts, argv[i]);
        s = idset_encode (ids, IDSET_FLAG_RANGE);
    }
    puts (s ? s : "");
    free (s);
    idset_destroy (ids);
    hostlist_destroy (hosts);
    return 0;
}

static int find_parent (json_t *o, int rank)
{
    size_t i;
    json_t *child;
    json_array_foreach (json_object_get (o, "children"), i, child) {
        if (json_integer_value (json_object_get (child, "rank")) == rank)
            return json_integer_value (json_object_get (o, "rank"));
        int parent = find_parent (child, rank);
        if (parent >= 0)
            return parent;
    }
    return -1;
}

/* The one rank that a target names. */
static int one_rank (flux_t *h, const char *s)
{
    struct hostlist *hosts = get_hosts (h);
    struct idset *ids = decode_targets (hosts, s);
    if (idset_count (ids) != 1)
        cmd_die ("%s: must be one rank or host", s);
    int rank = idset_first (ids);
    if (rank >= hostlist_count (hosts))
        cmd_die ("%s: no such rank", s);
    idset_destroy (ids);
    hostlist_destroy (hosts);
    return rank;
}

static int parent_of (flux_t *h, const char *target, int *rankp)
{
    flux_future_t *f;
    int rank = one_rank (h, target);
    int parent = find_parent (get_topology (h, 0, &f), rank);
    flux_future_destroy (f);
    if (parent < 0)
        cmd_die ("%s: has no parent", target);
    *rankp = rank;
    return parent;
}

static int cmd_parentof (optparse_t *p, int argc, char **argv)
{
    int rank;
    int i = optparse_option_index (p);
    if (argc - i != 1)
        optparse_fatal_usage (p, 1, NULL);
    printf ("%d\n", parent_of (cmd_open (), argv[i], &rank));
    return 0;
}

static struct optparse_option disconnect_opts[] = {
    { .name = "parent",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "RANK",
      .usage = "Ask this broker (default: the parent by the topology)" },
    OPTPARSE_TABLE_END,
};

static int cmd_disconnect (optparse_t *p, int argc, char **argv)
{
    int rank, parent;
    int i = optparse_option_index (p);
    if (argc - i != 1)
        optparse_fatal_usage (p, 1, NULL);
    flux_t *h = cmd_open ();
    if (optparse_hasopt (p, "parent")) {
        rank = one_rank (h, argv[i]);
        parent = one_rank (h, optparse_get_str (p, "parent", ""));
    } else
        parent = parent_of (h, argv[i], &rank);
    struct hostlist *hosts = get_hosts (h);
    fprintf (stderr, "%s: asking %s (rank %d)", cmd_name, safe (host (hosts, parent)),
             parent);
    fprintf (stderr, " to disconnect child %s (rank %d)\n", safe (host (hosts, rank)),
             rank);
    hostlist_destroy (hosts);
    flux_future_t *f = flux_rpc_pack (h, "overlay.disconnect-subtree", parent, 0,
                                      "{s:i}", "rank", rank);
    if (!f || flux_rpc_get (f, NULL) < 0)
        cmd_die ("rank %d: %s", rank, cmd_future_error (f));
    flux_future_destroy (f);
    return 0;
}

static struct optparse_option trace_opts[] = {
    { .name = "rank",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "RANK",
      .usage = "Only messages to and from this neighbour" },
    TRACING_OPTS,
    OPTPARSE_TABLE_END,
};

static int cmd_trace (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *s = optparse_get_str (p, "rank", NULL);

    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    return tracing_follow (
        p, "overlay.trace", i < argc ? argv[i] : "*",
        json_pack ("{s:i}", "rank", s ? one_rank (cmd_open (), s) : -1));
}

static struct optparse_subcommand subcommands[] = {
    { "status", "[OPTIONS]", "Display the status of the tree", cmd_status, 0,
      status_opts },
    { "errors", "", "Say why brokers are lost", cmd_errors, 0, errors_opts },
    { "lookup", "RANKS|HOSTS", "Translate ranks to hosts, and back", cmd_lookup, 0,
      NULL },
    { "parentof", "RANK|HOST", "Print the rank of a broker's parent", cmd_parentof, 0,
      NULL },
    { "disconnect", "RANK|HOST", "Disconnect a subtree", cmd_disconnect, 0,
      disconnect_opts },
    { "trace", "[OPTIONS] [TOPIC-GLOB]", "Trace messages between brokers", cmd_trace, 0,
      trace_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_overlay = {
    .name = "overlay",
    .summary = "Show the tree of brokers",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};
