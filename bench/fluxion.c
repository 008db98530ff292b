/* Fluxion on machines of growing size: loading, matching, reserving, canceling;
 * and all of it mixed, for each policy.
 *
 * usage: fluxion_bench [NODES CORES]...   (default 1000 32 10000 64 100000 96)
 * Prints one line per figure, with the budget where there is one; exit 1 if a budget
 * is missed by more than BENCH_SLACK (default 3) times, as machines are noisy. */
#include "base/buf.h"

#include <flux/reapi_cli.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Processor time: the work is all computing, and machines are shared. */
static double now (void)
{
    struct timespec ts;

    clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static double slack = 3;
static int missed;

/* budget 0: none; at_most: the figure is to be small, not large */
static void report (int nodes, const char *what, double value, const char *unit,
                    double budget, bool at_most)
{
    const char *verdict = "";

    if (budget > 0) {
        bool ok = at_most ? value <= budget : value >= budget;
        bool near = at_most ? value <= budget * slack : value >= budget / slack;
        verdict = ok ? "  ok" : near ? "  NEAR" : "  MISSED";
        if (!near)
            missed++;
    }
    printf ("%7d nodes  %-44s %12.6g %s", nodes, what, value, unit);
    if (budget > 0)
        printf (" (budget %g)%s", budget, verdict);
    printf ("\n");
    fflush (stdout);
}

static const char grug_head[] =
    "<?xml version=\"1.0\"?>\n<graphml "
    "xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
    "<key id=\"root\" for=\"node\" attr.name=\"root\" attr.type=\"int\">"
    "<default>0</default></key>\n"
    "<key id=\"type\" for=\"node\" attr.name=\"type\" attr.type=\"string\"/>\n"
    "<key id=\"basename\" for=\"node\" attr.name=\"basename\" attr.type=\"string\"/>\n"
    "<key id=\"id_scope\" for=\"edge\" attr.name=\"id_scope\" attr.type=\"int\">"
    "<default>0</default></key>\n"
    "<key id=\"multi_scale\" for=\"edge\" attr.name=\"multi_scale\" attr.type=\"int\">"
    "<default>1</default></key>\n<graph id=\"bench\" edgedefault=\"directed\">\n";

static void add_kind (struct buf *b, const char *type, bool root)
{
    buf_printf (
        b,
        "<node id=\"%s\"><data key=\"root\">%d</data><data key=\"type\">%s</data>"
        "<data key=\"basename\">%s</data></node>\n",
        type, root, type, type);
}

static void add_rule (struct buf *b, const char *from, const char *to, int scope,
                      int scale)
{
    buf_printf (
        b,
        "<edge id=\"%s2%s\" source=\"%s\" target=\"%s\"><data "
        "key=\"id_scope\">%d</data><data key=\"multi_scale\">%d</data></edge>\n",
        from, to, from, to, scope, scale);
}

/* cluster -> rack -> 20 nodes -> 2 sockets -> cores */
static char *grug (int nodes, int cores)
{
    struct buf b = BUF_INIT;

    buf_adds (&b, grug_head);
    add_kind (&b, "cluster", true);
    add_kind (&b, "rack", false);
    add_kind (&b, "node", false);
    add_kind (&b, "socket", false);
    add_kind (&b, "core", false);
    add_rule (&b, "cluster", "rack", 0, nodes / 20);
    add_rule (&b, "rack", "node", 1, 20);
    add_rule (&b, "node", "socket", 0, 2);
    add_rule (&b, "socket", "core", 1, cores / 2);
    buf_adds (&b, "</graph></graphml>\n");
    return buf_take (&b, NULL);
}

static char *jobspec (const char *resources, int duration)
{
    struct buf b = BUF_INIT;

    buf_printf (
        &b,
        "{\"version\": 1, \"resources\": [%s], \"tasks\": [{\"command\": [\"a\"], "
        "\"slot\": \"d\", \"count\": {\"per_slot\": 1}}], \"attributes\": "
        "{\"system\": {\"duration\": %d}}}",
        resources, duration);
    return buf_take (&b, NULL);
}

#define SLOT(count, with)                                                              \
    "{\"type\": \"slot\", \"count\": " count ", \"label\": \"d\", \"with\": [" with "]}"
#define CORE "{\"type\": \"core\", \"count\": 1}"
#define NODE "{\"type\": \"node\", \"count\": 1}"
#define SHARED_NODE(count, with)                                                       \
    "{\"type\": \"node\", \"count\": " count ", \"with\": [" with "]}"
#define ANY_SOCKET "{\"type\": \"socket\", \"count\": 1, \"with\": [" CORE "]}"

struct shape {
    const char *name, *resources;
    bool budget;
};

static const struct shape shapes[] = {
    { "one core", SLOT ("1", CORE), true },
    { "one node", SLOT ("1", NODE), true },
    { "one socket of a shared node", SHARED_NODE ("1", SLOT ("1", ANY_SOCKET)), false },
    { "64 nodes", SLOT ("64", NODE), false },
};
#define NSHAPES (sizeof (shapes) / sizeof (shapes[0]))

static reapi_cli_ctx_t *load (const char *text, const char *policy)
{
    reapi_cli_ctx_t *ctx = reapi_cli_new ();
    char options[160];

    snprintf (
        options, sizeof (options),
        "{\"load_format\": \"grug\", \"matcher_policy\": \"%s\", \"match_format\": "
        "\"rv1_nosched\"}",
        policy);
    if (!ctx || reapi_cli_initialize (ctx, text, options) < 0) {
        fprintf (stderr, "fluxion_bench: %s", reapi_cli_get_err_msg (ctx));
        exit (1);
    }
    return ctx;
}

static bool match (reapi_cli_ctx_t *ctx, match_op_t op, const char *js, uint64_t *id)
{
    bool reserved;
    int64_t at;
    double ov;
    char *R;

    if (reapi_cli_match (ctx, op, js, id, &reserved, &R, &at, &ov) < 0) {
        reapi_cli_clear_err_msg (ctx);
        return false;
    }
    free (R);
    return true;
}

/* Matches per second: allocate and cancel, for about a quarter of a second, so that
 * the machine stays as full as it is. Only the matches are timed. */
static double rate (reapi_cli_ctx_t *ctx, const char *js, double *cancel_rate)
{
    double start = now (), spent = 0, canceling = 0;
    long count = 0;

    while (now () - start < 0.25 || count < 3) {
        uint64_t id[64];
        int n = 0;
        double t = now ();
        while (n < 64 && match (ctx, MATCH_ALLOCATE, js, &id[n]))
            n++;
        double t2 = now ();
        spent += t2 - t;
        count += n < 64 ? n + 1 : n;
        for (int i = 0; i < n; i++)
            reapi_cli_cancel (ctx, id[i], false);
        canceling += now () - t2;
    }
    *cancel_rate = count / canceling;
    return count / spent;
}

static void fill (reapi_cli_ctx_t *ctx, int nodes)
{
    char *js = jobspec (SLOT ("1", NODE), 3600);
    uint64_t id;

    for (int i = 0; i < nodes; i++)
        match (ctx, MATCH_ALLOCATE, js, &id);
    free (js);
}

static void bench_policy (const char *text, int nodes, const char *policy)
{
    static const char *const fullness[] = { "empty", "half full", "full" };
    reapi_cli_ctx_t *ctx = load (text, policy);
    char what[120];
    double cancels;

    for (int f = 0; f < 3; f++) {
        if (f > 0)
            fill (ctx, nodes / 2);
        for (size_t i = 0; i < NSHAPES; i++) {
            char *js = jobspec (shapes[i].resources, 3600);
            uint64_t id;
            double t = now ();
            /* The first of a kind makes the order that the others use. */
            if (match (ctx, MATCH_ALLOCATE, js, &id))
                reapi_cli_cancel (ctx, id, false);
            snprintf (what, sizeof (what), "%s, %s: the first", shapes[i].name, policy);
            if (f == 0)
                report (nodes, what, (now () - t) * 1e3, "ms", 0, true);
            double r = rate (ctx, js, &cancels);
            snprintf (what, sizeof (what), "%s, %s, %s", shapes[i].name, policy,
                      fullness[f]);
            report (nodes, what, r, "/s",
                    !shapes[i].budget ? 0
                    : nodes <= 1000   ? 50000
                                      : 20000,
                    false);
            free (js);
        }
    }
    report (nodes, "cancel", cancels, "/s", 0, false);
    reapi_cli_destroy (ctx);
}

#define FOUR "{\"type\": \"core\", \"count\": 4}"
#define SOCKET(with) "{\"type\": \"socket\", \"count\": 1, \"with\": [" with "]}"
#define MIXED_JOBS 512

static const char *const mixed[] = {
    SLOT ("1", CORE),
    SLOT ("3", FOUR),
    SLOT ("1", NODE),
    SHARED_NODE ("1", SLOT ("1", ANY_SOCKET)),
    SHARED_NODE ("2", SOCKET (SLOT ("2", FOUR))),
    SLOT ("64", NODE),
};
#define NMIXED (sizeof (mixed) / sizeof (mixed[0]))

static void cancel_any (reapi_cli_ctx_t *ctx, uint64_t *id, int *n, unsigned int *seed)
{
    int i = rand_r (seed) % *n;

    reapi_cli_cancel (ctx, id[i], false);
    id[i] = id[--*n];
}

/* Random shapes, and random cancels: two matches for a cancel, until there are as many
 * jobs as are kept, or one finds no room; from the same seed, for every policy. */
static void bench_mixed (const char *text, int nodes)
{
    static const char *const policies[] = { "first",    "firstnodex", "high",    "low",
                                            "hinode",   "lonode",     "hinodex", "lonodex",
                                            "locality", "variation" };
    char *js[NMIXED], what[80];

    for (size_t i = 0; i < NMIXED; i++)
        js[i] = jobspec (mixed[i], 3600);
    for (size_t p = 0; p < sizeof (policies) / sizeof (policies[0]); p++) {
        reapi_cli_ctx_t *ctx = load (text, policies[p]);
        uint64_t id[MIXED_JOBS];
        unsigned int seed = 1;
        int n = 0;
        long calls = 0;
        double t = now ();
        for (; now () - t < 0.5 || calls < 20; calls++) {
            if (n == MIXED_JOBS || (n > 0 && rand_r (&seed) % 3 == 0))
                cancel_any (ctx, id, &n, &seed);
            else if (match (ctx, MATCH_ALLOCATE, js[rand_r (&seed) % NMIXED], &id[n]))
                n++;
            else if (n > 0)
                cancel_any (ctx, id, &n, &seed);
        }
        snprintf (what, sizeof (what), "mixed, %s", policies[p]);
        report (nodes, what, calls / (now () - t), "/s", 0, false);
        reapi_cli_destroy (ctx);
    }
    for (size_t i = 0; i < NMIXED; i++)
        free (js[i]);
}

static void bench_reserve (const char *text, int nodes)
{
    reapi_cli_ctx_t *ctx = load (text, "first");
    char *js = jobspec (SLOT ("1", NODE), 3600), *core = jobspec (SLOT ("1", CORE), 60);
    int jobs = nodes + 10000 > 20000 ? 20000 : nodes + 10000, done = 0;
    uint64_t id;
    double t;

    fill (ctx, nodes);
    t = now ();
    for (done = 0; done < jobs && now () - t < 3; done++)
        match (ctx, MATCH_ALLOCATE_ORELSE_RESERVE, js, &id);
    report (nodes, "reserve a node on a full machine", done / (now () - t), "/s", 0,
            false);
    t = now ();
    for (done = 0; done < 1000 && now () - t < 1; done++)
        match (ctx, MATCH_ALLOCATE_ORELSE_RESERVE, core, &id);
    report (nodes, "reserve a core behind them", done / (now () - t), "/s", 0, false);
    t = now ();
    for (done = 0; done < 10000 && now () - t < 1; done++)
        match (ctx, MATCH_SATISFIABILITY, js, &id);
    report (nodes, "satisfiability of one node", done / (now () - t), "/s", 0, false);
    char *R;
    t = now ();
    for (done = 0; done < 20 && now () - t < 1; done++) {
        reapi_cli_find (ctx, "sched-now=free", "rlite", &R);
        free (R);
    }
    report (nodes, "find sched-now=free", (now () - t) / done, "s", 0, true);
    free (js);
    free (core);
    reapi_cli_destroy (ctx);
}

static void bench_size (int nodes, int cores)
{
    char *text = grug (nodes, cores);
    size_t before = mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
    double t = now ();
    reapi_cli_ctx_t *ctx = load (text, "first");
    double seconds = now () - t;
    double bytes = mallinfo2 ().uordblks + mallinfo2 ().hblkhd - before;
    int64_t vertices = 1 + nodes / 20 + nodes * (3 + (int64_t)cores);
    char *js = jobspec (SLOT ("1", CORE), 60);
    uint64_t id;

    report (nodes, "load", seconds, "s", nodes <= 1000 ? 0.03 : 0, true);
    match (ctx, MATCH_ALLOCATE, js, &id);
    report (nodes, "memory", bytes / 1e6, "MB", nodes <= 1000 ? 10 : 0, true);
    report (nodes, "memory per vertex", bytes / vertices, "bytes", 285, true);
    free (js);
    reapi_cli_destroy (ctx);
    bench_policy (text, nodes, "first");
    bench_policy (text, nodes, "low");
    bench_policy (text, nodes, "lonode");
    bench_mixed (text, nodes);
    bench_reserve (text, nodes);
    free (text);
}

int main (int argc, char **argv)
{
    const char *s = getenv ("BENCH_SLACK");

    if (s)
        slack = atof (s);
    if (argc < 3) {
        bench_size (1000, 32);
        bench_size (10000, 64);
        bench_size (100000, 96);
    }
    for (int i = 1; i + 1 < argc; i += 2)
        bench_size (atoi (argv[i]), atoi (argv[i + 1]));
    return missed > 0;
}
