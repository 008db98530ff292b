/* resource-query: try out the graph scheduler, line by line. */
#include "base/buf.h"
#include "base/file.h"
#include "base/os/stdout.h"
#include "fluxion-tools/session.h"
#include "fluxion/graph/draw.h"

#include <getopt.h>
#ifdef HAVE_LIBEDIT
#include <histedit.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    const char *load_file, *load_format, *allowlist, *subsystems, *policy, *format;
    const char *traverser, *graph_format, *graph_output, *test_output;
    struct buf filters;
    bool filters_set, elapse, no_prompt;
    uint32_t reserve;
};

static const struct option longopts[] = {
    { "load-file", required_argument, NULL, 'L' },
    { "load-format", required_argument, NULL, 'f' },
    { "load-allowlist", required_argument, NULL, 'W' },
    { "match-subsystems", required_argument, NULL, 'S' },
    { "match-policy", required_argument, NULL, 'P' },
    { "match-format", required_argument, NULL, 'F' },
    { "traverser-policy", required_argument, NULL, 'T' },
    { "prune-filters", required_argument, NULL, 'p' },
    { "graph-format", required_argument, NULL, 'g' },
    { "graph-output", required_argument, NULL, 'o' },
    { "test-output", required_argument, NULL, 't' },
    { "reserve-vtx-vec", required_argument, NULL, 'r' },
    { "elapse-time", no_argument, NULL, 'e' },
    { "disable-prompt", no_argument, NULL, 'd' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static const char usage_text[] =
    "Usage: resource-query [OPTION]...\n"
    "Match jobspecs against a resource graph, interactively or from standard input.\n"
    "\n"
    "  -L, --load-file=FILE        graph to load (default conf/default)\n"
    "  -f, --load-format=FORMAT    grug (default), hwloc, jgf, jgf_shorthand, "
    "rv1exec,\n"
    "                              rv1exec_force\n"
    "  -W, --load-allowlist=TYPES  keep only these types (hwloc)\n"
    "  -S, --match-subsystems=NAME CA (default), IBA, IBBA, PFS1BA, PA, C+IBA, "
    "C+IBBA,\n"
    "                              C+PFS1BA, C+PA, IB+IBBA, C+P+IBA, VA, V+PFS1BA, "
    "ALL\n"
    "  -P, --match-policy=POLICY   first (default), firstnodex, high, low, hinode,\n"
    "                              lonode, hinodex, lonodex, locality, variation, or\n"
    "                              attributes such as 'policy=low node_centric=true'\n"
    "  -F, --match-format=FORMAT   simple (default), pretty_simple, jgf, "
    "jgf_shorthand,\n"
    "                              rlite, rv1, rv1_nosched, rv1_shorthand\n"
    "  -T, --traverser-policy=NAME simple (default) or flexible\n"
    "  -p, --prune-filters=SPEC    HIGH:LOW[,HIGH:LOW...] (default ALL:core,ALL:node)\n"
    "  -g, --graph-format=FORMAT   dot (default) or graphml\n"
    "  -o, --graph-output=BASE     write the graph to BASE.dot or BASE.graphml\n"
    "  -t, --test-output=FILE      write answers to FILE\n"
    "  -r, --reserve-vtx-vec=N     room for N vertices (0 to 2000000)\n"
    "  -e, --elapse-time           print times and visits\n"
    "  -d, --disable-prompt        do not prompt\n"
    "  -h, --help                  print this\n";

__attribute__ ((noreturn)) static void wrong (const char *what, const char *value)
{
    fprintf (stderr, "[ERROR] %s: %s\n", what, value);
    fputs (usage_text, stderr);
    exit (1);
}

/* The first is the tree that a match goes down. */
static const struct {
    const char *name, *subsystems;
} subsystem_sets[] = {
    { "CA", "containment" },
    { "IBA", "ibnet" },
    { "IBBA", "ibnetbw" },
    { "PFS1BA", "pfs1bw" },
    { "PA", "power" },
    { "C+IBA", "containment,ibnet" },
    { "C+IBBA", "containment,ibnetbw" },
    { "C+PFS1BA", "containment,pfs1bw" },
    { "C+PA", "containment,power" },
    { "IB+IBBA", "ibnet,ibnetbw" },
    { "C+P+IBA", "containment,power,ibnet" },
    { "VA", "virtual1" },
    { "V+PFS1BA", "virtual1,pfs1bw" },
    { "ALL", "containment,ibnet,ibnetbw,pfs1bw,power" },
};

static const char *find_subsystems (const char *name)
{
    for (size_t i = 0; i < sizeof (subsystem_sets) / sizeof (subsystem_sets[0]); i++)
        if (strcasecmp (subsystem_sets[i].name, name) == 0)
            return subsystem_sets[i].subsystems;
    wrong ("unknown subsystem for --match-subsystems", name);
}

static void add_filters (struct options *o, const char *spec)
{
    o->filters_set = true;
    if (o->filters.len && *spec)
        buf_addc (&o->filters, ',');
    buf_adds (&o->filters, spec);
}

static uint32_t parse_reserve (const char *s)
{
    char *end;
    long n = strtol (s, &end, 10);

    if (*end || end == s || n < 0 || n > 2000000) {
        fprintf (stderr, "[WARN] out of range specified for --reserve-vtx-vec: %s\n",
                 s);
        return 0;
    }
    return n;
}

static void parse_options (struct options *o, int argc, char **argv)
{
    int c;

    while ((c = getopt_long (argc, argv, "L:f:W:S:P:F:T:p:g:o:t:r:edh", longopts, NULL))
           != -1)
        switch (c) {
        case 'L':
            o->load_file = optarg;
            break;
        case 'f':
            o->load_format = optarg;
            break;
        case 'W':
            o->allowlist = optarg;
            break;
        case 'S':
            o->subsystems = optarg;
            break;
        case 'P':
            o->policy = optarg;
            break;
        case 'F':
            o->format = optarg;
            break;
        case 'T':
            o->traverser = optarg;
            break;
        case 'p':
            add_filters (o, optarg);
            break;
        case 'g':
            o->graph_format = optarg;
            break;
        case 'o':
            o->graph_output = optarg;
            break;
        case 't':
            o->test_output = optarg;
            break;
        case 'r':
            o->reserve = parse_reserve (optarg);
            break;
        case 'e':
            o->elapse = true;
            break;
        case 'd':
            o->no_prompt = true;
            break;
        case 'h':
            fputs (usage_text, stdout);
            exit (0);
        default:
            fputs (usage_text, stderr);
            exit (1);
        }
    if (optind < argc)
        wrong ("unexpected argument", argv[optind]);
}

static void check_options (const struct options *o, struct session *ss)
{
    if (access (o->load_file, R_OK) < 0)
        wrong ("file does not exist for --load-file", o->load_file);
    if (!fluxion_reader (o->load_format))
        wrong ("unknown format for --load-format", o->load_format);
    if (write_format_parse (o->format, &ss->format) < 0)
        wrong ("unknown format for --match-format", o->format);
    if (strcmp (o->graph_format, "dot") && strcmp (o->graph_format, "graphml"))
        wrong ("unknown format for --graph-format", o->graph_format);
    if (strcmp (o->traverser, "simple") && strcmp (o->traverser, "flexible"))
        wrong ("unknown policy for --traverser-policy", o->traverser);
    find_subsystems (o->subsystems);
}

static void load (struct session *ss, struct options *o)
{
    struct scheduler_options so = {
        .policy = o->policy,
        .traverser = o->traverser,
        .prune_filters = o->filters_set ? o->filters.data : NULL,
        .subsystems = find_subsystems (o->subsystems),
        .few_is_busy = true,
    };
    flux_error_t error;
    size_t len;
    char *text = file_read_all (o->load_file, &len);

    if (o->filters_set && !so.prune_filters)
        so.prune_filters = "";
    if (!text) {
        fprintf (stderr, ": Runtime error: %s: %s\n", o->load_file, strerror (errno));
        exit (1);
    }
    ss->s =
        fluxion_load (o->load_format, text, len, o->allowlist, o->reserve, &so, &error);
    free (text);
    if (!ss->s) {
        fprintf (stderr, ": Runtime error: %s\n", error.text);
        exit (1);
    }
}

static void print_load (struct session *ss, double seconds)
{
    struct graph *g = scheduler_graph (ss->s);

    printf ("INFO: Graph Load Time: %f\n", seconds);
    printf ("INFO: Vertex Count: %u\n", graph_vertex_count (g));
    printf ("INFO: Edge Count: %u\n", graph_edge_count (g));
}

static void print_counts (struct session *ss)
{
    struct graph *g = scheduler_graph (ss->s);
    uint32_t *count = calloc (g->nv + 1, sizeof (*count));
    uint32_t types = 0, last = 0, none = 0;
    uint8_t *seen = calloc (g->types.count, 1);

    for (uint32_t v = 0; count && seen && v < g->nv; v++) {
        const struct vertex *x = &g->v[v];
        if (x->gone)
            continue;
        types += !seen[x->type];
        seen[x->type] = 1;
        none += x->rank == -1;
        if (x->rank >= 0 && (uint32_t)x->rank < g->nv) {
            count[x->rank]++;
            last = (uint32_t)x->rank + 1 > last ? (uint32_t)x->rank + 1 : last;
        }
    }
    printf ("INFO: by_type Key-Value Pairs: %u\n", types);
    printf ("INFO: by_name Key-Value Pairs: %u\n", graph_vertex_count (g));
    printf ("INFO: by_path Key-Value Pairs: %u\n", graph_vertex_count (g));
    if (none)
        printf ("INFO: number of vertices with rank -1: %u\n", none);
    for (uint32_t r = 0; r < last; r++)
        if (count[r])
            printf ("INFO: number of vertices with rank %u: %u\n", r, count[r]);
    free (count);
    free (seen);
}

static void write_graph (struct session *ss, const struct options *o)
{
    bool xml = strcmp (o->graph_format, "graphml") == 0;
    struct buf b = BUF_INIT, name = BUF_INIT;

    buf_printf (&name, "%s.%s", o->graph_output, xml ? "graphml" : "dot");
    if (graph_draw (scheduler_graph (ss->s), xml, &b) < 0
        || file_write_all (name.data, b.data, b.len, 0666) < 0) {
        fprintf (stderr, "[ERROR] can't write %s: %s\n", name.data, strerror (errno));
        exit (1);
    }
    buf_fini (&b);
    buf_fini (&name);
}

static void run_file (struct session *ss)
{
    char *line = NULL;
    size_t size = 0;

    while (getline (&line, &size, stdin) >= 0 && !session_command (ss, line))
        fflush (ss->out);
    free (line);
}

#define PROMPT "resource-query> "

#ifdef HAVE_LIBEDIT
static char *prompt (EditLine *el)
{
    static char text[] = PROMPT;

    return text;
}

/* On a terminal: editing, and a history kept from one session to the next. */
static void run_terminal (struct session *ss)
{
    EditLine *el = el_init ("resource-query", stdin, stdout, stderr);
    History *h = history_init ();
    const char *home = getenv ("HOME");
    struct buf file = BUF_INIT;
    HistEvent ev;
    const char *line;
    int len;

    if (!el || !h) {
        run_file (ss);
        return;
    }
    buf_printf (&file, "%s/.resource_query_history", home ? home : ".");
    history (h, &ev, H_SETSIZE, 1000);
    history (h, &ev, H_SETUNIQUE, 1);
    history (h, &ev, H_LOAD, file.data);
    el_set (el, EL_PROMPT, prompt);
    el_set (el, EL_EDITOR, "emacs");
    el_set (el, EL_HIST, history, h);
    el_source (el, NULL);
    while ((line = el_gets (el, &len)) && len > 0) {
        if (len > 1)
            history (h, &ev, H_ENTER, line);
        if (session_command (ss, line))
            break;
        fflush (ss->out);
    }
    history (h, &ev, H_SAVE, file.data);
    history_end (h);
    el_end (el);
    buf_fini (&file);
}
#else
static void run_terminal (struct session *ss)
{
    char *line = NULL;
    size_t size = 0;

    for (;;) {
        fputs (PROMPT, stdout);
        fflush (stdout);
        if (getline (&line, &size, stdin) < 0 || session_command (ss, line))
            break;
        fflush (ss->out);
    }
    free (line);
}
#endif

static const char *const program = "resource-query";

int main (int argc, char **argv)
{
    struct options o = {
        .load_file = "conf/default",
        .load_format = "grug",
        .subsystems = "CA",
        .policy = "first",
        .format = "simple",
        .traverser = "simple",
        .graph_format = "dot",
    };
    struct session ss = { .out = stdout, .counter = 1 };
    double t0;

    stdout_guard (&program);
    parse_options (&o, argc, argv);
    check_options (&o, &ss);
    ss.elapse = o.elapse;
    if (o.test_output && !(ss.out = fopen (o.test_output, "w"))) {
        fprintf (stderr, "[ERROR] can't open %s: %s\n", o.test_output,
                 strerror (errno));
        return 1;
    }
    t0 = session_now ();
    load (&ss, &o);
    if (o.elapse)
        print_load (&ss, session_now () - t0);
    if (o.elapse)
        print_counts (&ss);
    if (o.graph_output)
        write_graph (&ss, &o);
    if (!o.no_prompt && isatty (STDIN_FILENO))
        run_terminal (&ss);
    else
        run_file (&ss);
    scheduler_destroy (ss.s);
    buf_fini (&o.filters);
    if (ss.out != stdout && (ferror (ss.out) | fclose (ss.out)) != 0) {
        fprintf (stderr, "[ERROR] %s was not written: %s\n", o.test_output,
                 strerror (errno));
        return 1;
    }
    return 0;
}
