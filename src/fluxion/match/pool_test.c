/* Random jobs that draw power, against plain counting: four supplies, each for three
 * nodes of four cores; a job wants some nodes, a core and some power on each. */
#include "fluxion/match/rig_test.h"

#define PDUS 4
#define NODES 3 /* of each */
#define CORES 4
#define WATTS 1000
#define MAX_JOBS 64

struct plain {
    int cores[PDUS][NODES]; /* in use */
    int64_t watts[PDUS];
};

static void put_node (struct buf *b, int id, const char *type, int n, int size,
                      const char *paths)
{
    buf_printf (b,
                "%s{\"id\": \"%d\", \"metadata\": {\"type\": \"%s\", \"id\": %d, "
                "\"size\": %d, \"paths\": {%s}}}",
                id ? "," : "", id, type, n, size, paths);
}

static void put_edge (struct buf *b, int from, int to, const char *subsystem)
{
    buf_printf (b,
                "%s{\"source\": \"%d\", \"target\": \"%d\", \"metadata\": "
                "{\"subsystem\": \"%s\"}}",
                b->len ? "," : "", from, to, subsystem);
}

static char *make_graph (void)
{
    struct buf n = BUF_INIT, e = BUF_INIT, all = BUF_INIT;
    char paths[256];
    int id = 0;

    put_node (&n, id++, "cluster", 0, 1, "\"containment\": \"/cluster0\"");
    put_node (&n, id++, "power", 0, 1, "\"power\": \"/power0\"");
    for (int p = 0; p < PDUS; p++) {
        int pdu = id++;
        snprintf (paths, sizeof (paths), "\"power\": \"/power0/pdu%d\"", p);
        put_node (&n, pdu, "pdu", p, WATTS, paths);
        put_edge (&e, 1, pdu, "power");
        for (int i = 0; i < NODES; i++) {
            int node = id++, number = p * NODES + i;
            snprintf (paths, sizeof (paths), "\"containment\": \"/cluster0/node%d\"",
                      number);
            put_node (&n, node, "node", number, 1, paths);
            put_edge (&e, 0, node, "containment");
            put_edge (&e, pdu, node, "power");
            for (int c = 0; c < CORES; c++) {
                snprintf (paths, sizeof (paths),
                          "\"containment\": \"/cluster0/node%d/core%d\"", number, c);
                put_node (&n, id, "core", c, 1, paths);
                put_edge (&e, node, id++, "containment");
            }
        }
    }
    buf_printf (&all, "{\"graph\": {\"nodes\": [%s], \"edges\": [%s]}}", n.data,
                e.data);
    buf_fini (&n);
    buf_fini (&e);
    return all.data;
}

static struct request *make_request (struct scheduler *s, int nodes, int watts,
                                     bool slots)
{
    char text[1024];
    flux_error_t error;
    const char *inner = "with: [{type: slot, count: 1, label: s, with: "
                        "[{type: core, count: 1}]}, {type: pdu, count: %d}]";
    const char *outer = "with: [{type: core, count: 1}, {type: pdu, count: %d}]";
    size_t at;

    /* Slots of nodes are whole nodes, and of a core and power anywhere. */
    at = snprintf (text, sizeof (text),
                   slots ? "version: 9999\nresources: [{type: slot, count: %d, "
                           "label: s, "
                         : "version: 9999\nresources: [{type: node, count: %d, ",
                   nodes);
    at += snprintf (text + at, sizeof (text) - at, slots ? outer : inner, watts);
    snprintf (text + at, sizeof (text) - at,
              "}]\ntasks: [{command: [a], slot: s, count: {per_slot: 1}}]\n"
              "attributes: {system: {duration: 0}}\n");
    struct request *r = request_parse (text, strlen (text), NULL, NULL, &error);
    if (!r)
        fail_msg ("%s: %s", error.text, text);
    assert_int_equal (request_bind (r, scheduler_graph (s), &error), 0);
    return r;
}

/* Nodes draw from one supply each: count what fits. */
static bool fits (const struct plain *p, int want, int watts, bool slots)
{
    int n = 0;

    for (int k = 0; k < PDUS; k++) {
        int here = 0;
        for (int i = 0; i < NODES; i++)
            here += slots ? CORES - p->cores[k][i] : p->cores[k][i] < CORES;
        int power = (WATTS - p->watts[k]) / watts;
        n += here < power ? here : power;
    }
    return n >= want;
}

static void count_job (struct scheduler *s, const struct selected *sel, uint32_t n,
                       struct plain *p, int sign)
{
    struct graph *g = scheduler_graph (s);

    for (uint32_t i = 0; i < n; i++) {
        const struct vertex *v = &g->v[sel[i].v];
        const char *type = graph_type_name (g, v->type);
        if (strcmp (type, "core") == 0) {
            int64_t node = g->v[v->parent].id;
            p->cores[node / NODES][node % NODES] += sign;
        } else if (strcmp (type, "pdu") == 0) {
            p->watts[v->id] += sign * sel[i].needs;
            assert_true (p->watts[v->id] >= 0 && p->watts[v->id] <= WATTS);
        }
    }
}

static void cancel (struct scheduler *s, uint64_t id, struct plain *p)
{
    struct job *job = scheduler_job (s, id);
    struct selected sel;

    for (uint32_t i = 0; i < job->nspan; i++)
        if (scheduler_job_holds (s, job, i, &sel))
            count_job (s, &sel, 1, p, -1);
    assert_int_equal (scheduler_cancel (s, id), 0);
}

static void run (const char *policy, unsigned int seed)
{
    struct scheduler_options opt = {
        .policy = policy,
        .subsystems = "containment,power",
    };
    char *text = make_graph ();
    struct plain plain = { 0 };
    uint64_t ids[MAX_JOBS], next = 1;
    flux_error_t error;
    int n = 0;

    struct scheduler *s =
        fluxion_load ("jgf", text, strlen (text), NULL, 0, &opt, &error);
    free (text);
    if (!s)
        fail_msg ("%s", error.text);
    for (int step = 0; step < 400; step++) {
        if (n == MAX_JOBS || (n > 0 && rand_r (&seed) % 3 == 0)) {
            int i = rand_r (&seed) % n;
            cancel (s, ids[i], &plain);
            ids[i] = ids[--n];
        } else {
            int want = 1 + rand_r (&seed) % 5, watts = 50 + rand_r (&seed) % 400;
            bool slots = rand_r (&seed) % 2,
                 expected = fits (&plain, want, watts, slots);
            struct request *r = make_request (s, want, watts, slots);
            struct match_result result;
            int rc = scheduler_match (s, MATCH_ALLOCATE, r, next, 0, &result, &error);
            if ((rc == 0) != expected)
                fail_msg ("policy %s step %d: %d %s of %d W: %s", policy, step, want,
                          slots ? "slots" : "nodes", watts,
                          rc == 0 ? "too good" : error.text);
            if (rc == 0) {
                count_job (s, result.sel, result.nsel, &plain, 1);
                ids[n++] = next;
            }
            next++;
            request_destroy (r);
        }
        if (!scheduler_check (s, &error))
            fail_msg ("policy %s step %d: %s", policy, step, error.text);
    }
    struct scheduler *copy = scheduler_copy (s);
    assert_non_null (copy);
    assert_true (scheduler_check (copy, &error));
    scheduler_destroy (copy);
    scheduler_destroy (s);
}

static void test_draw (void **state)
{
    static const char *const policies[] = { "first",  "low",    "high",
                                            "lonode", "hinode", "locality" };

    for (size_t i = 0; i < sizeof (policies) / sizeof (policies[0]); i++)
        for (unsigned int seed = 1; seed <= 10; seed++)
            run (policies[i], seed);
}

/* Nodes that two supplies feed: node N has cores[N] cores and memory[N] of size 2. */
struct fed {
    int cores[3], memory[3], pdu[2];
    const char *feeds; /* "00 10 11": supply 0 feeds node 0, ... */
};

static int put_children (struct buf *n, struct buf *e, int id, int node, int up,
                         const char *type, int count, int size)
{
    char paths[128];

    for (int i = 0; i < count; i++, id++) {
        snprintf (paths, sizeof (paths), "\"containment\": \"/cluster0/node%d/%s%d\"",
                  node, type, i);
        put_node (n, id, type, i, size, paths);
        put_edge (e, up, id, "containment");
    }
    return id;
}

static struct scheduler *load_fed (const struct fed *f, const char *policy,
                                   const char *traverser)
{
    struct scheduler_options opt = { .policy = policy,
                                     .traverser = traverser,
                                     .subsystems = "containment,power" };
    struct buf n = BUF_INIT, e = BUF_INIT, all = BUF_INIT;
    flux_error_t error;
    char paths[128];
    int id = 4;

    put_node (&n, 0, "cluster", 0, 1, "\"containment\": \"/cluster0\"");
    put_node (&n, 1, "power", 0, 1, "\"power\": \"/power0\"");
    for (int p = 0; p < 2; p++) {
        snprintf (paths, sizeof (paths), "\"power\": \"/power0/pdu%d\"", p);
        put_node (&n, 2 + p, "pdu", p, f->pdu[p], paths);
        put_edge (&e, 1, 2 + p, "power");
    }
    for (int i = 0; i < 3 && f->cores[i]; i++) {
        int node = id++;
        snprintf (paths, sizeof (paths), "\"containment\": \"/cluster0/node%d\"", i);
        put_node (&n, node, "node", i, 1, paths);
        put_edge (&e, 0, node, "containment");
        for (const char *p = f->feeds; *p; p += 2 + (p[2] == ' '))
            if (p[1] == '0' + i)
                put_edge (&e, 2 + *p - '0', node, "power");
        id = put_children (&n, &e, id, i, node, "core", f->cores[i], 1);
        id = put_children (&n, &e, id, i, node, "memory", f->memory[i], 2);
    }
    buf_printf (&all, "{\"graph\": {\"nodes\": [%s], \"edges\": [%s]}}", n.data,
                e.data);
    struct scheduler *s =
        fluxion_load ("jgf", all.data, all.len, NULL, 0, &opt, &error);
    if (!s)
        fail_msg ("%s: %s", all.data, error.text);
    buf_fini (&n);
    buf_fini (&e);
    buf_fini (&all);
    return s;
}

/* There is one way for all slots to draw, which has to be found; it is worked out by
 * hand beside each. */
static void last_way (const struct fed *f, const char *request)
{
    static const char *const policies[] = { "first",  "low",    "high",    "variation",
                                            "lonode", "hinode", "locality" };

    for (size_t i = 0; i < 2 * sizeof (policies) / sizeof (policies[0]); i++) {
        const char *traverser = i % 2 ? "flexible" : "simple";
        if (i % 2 == 0 && strstr (request, "] slot"))
            continue; /* alternatives */
        struct scheduler *s = load_fed (f, policies[i / 2], traverser);
        struct request *r = rig_request (s, request, 10, NULL);
        struct match_result result;
        flux_error_t error;
        if (scheduler_match (s, MATCH_ALLOCATE, r, 1, 0, &result, &error) < 0)
            fail_msg ("%s, %s: %s: %s", policies[i / 2], traverser, request,
                      error.text);
        if (!scheduler_check (s, &error))
            fail_msg ("%s", error.text);
        request_destroy (r);
        scheduler_destroy (s);
    }
}

static void test_last_way (void **state)
{
    /* Two of three draw from the first supply, and one, whichever, from the second. */
    last_way (&(struct fed){ { 2, 2, 2 }, { 0 }, { 6, 5 }, "00 01 02 10 11 12" },
              "slot:3[core:2 pdu:3]");
    /* node1 has to take from both, since node0 has only the first; a slot of the second
     * kind there would leave none for the third. */
    last_way (&(struct fed){ { 2, 4 }, { 1, 2 }, { 6, 4 }, "00 01 11" },
              "slot:3[core:2 memory:1 pdu:3]");
    last_way (&(struct fed){ { 2, 4 }, { 1, 2 }, { 6, 4 }, "00 01 11" },
              "slot:3[core:2 memory:1 pdu:3] slot:3[core:2 memory:3]");
    last_way (&(struct fed){ { 2, 4 }, { 1, 2 }, { 6, 4 }, "00 01 11" },
              "slot:3[core:3 memory:2] slot:3[core:2 pdu:3]");
    /* Both supplies are wanted in vain, and no order of the two does: what the node draws
     * has to come from the second, that has room for it beside a slot. */
    last_way (&(struct fed){ { 2 }, { 0 }, { 4, 6 }, "00 10" },
              "node:1[slot:2[core:1 pdu:4] pdu:2]");
    /* The node takes one of them whole, its slots share the other. */
    last_way (&(struct fed){ { 4 }, { 2 }, { 6, 6 }, "00 10" },
              "node:1[slot:2[core:1 pdu:3] pdu:6]");
    /* node0 has the first supply alone, so node1 and its slot are left the second. */
    last_way (&(struct fed){ { 1, 1 }, { 0 }, { 6, 6 }, "00 01 11" },
              "node:2[slot:1[core:1 pdu:4] pdu:2]");
}

int main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (test_draw),
                                        cmocka_unit_test (test_last_way) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
