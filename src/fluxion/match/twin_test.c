/* Two schedulers, one with the shortcuts of index.c and one without, get the same
 * random calls under every policy: they must choose the same, to the byte. */
#include "base/test.h"
#include "fluxion/load.h"
#include "fluxion/match/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int seed;

static int pick (int below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % below;
}

static void shortcuts (bool on)
{
    index_fan_min = index_order_min = on ? 1 : UINT32_MAX;
}

static const char head[] =
    "<graphml><key id=\"root\" for=\"node\" attr.name=\"root\" attr.type=\"int\"/>"
    "<key id=\"type\" for=\"node\" attr.name=\"type\" attr.type=\"string\"/>"
    "<key id=\"size\" for=\"node\" attr.name=\"size\" attr.type=\"long\"/>"
    "<key id=\"id_scope\" for=\"edge\" attr.name=\"id_scope\" attr.type=\"int\"/>"
    "<key id=\"multi_scale\" for=\"edge\" attr.name=\"multi_scale\" attr.type=\"int\"/>"
    "<graph><node id=\"cluster\"><data key=\"root\">1</data>"
    "<data key=\"type\">cluster</data></node>";

static void add (struct buf *b, const char *from, const char *type, int scope,
                 int scale)
{
    buf_printf (b,
                "<node id=\"%s\"><data key=\"type\">%s</data><data "
                "key=\"size\">%d</data></node><edge source=\"%s\" target=\"%s\"><data "
                "key=\"id_scope\">%d</data><data key=\"multi_scale\">%d</data></edge>",
                type, type, strcmp (type, "memory") == 0 ? 4 : 1, from, type, scope,
                scale);
}

static char *random_graph (void)
{
    struct buf b = BUF_INIT;
    bool racks = pick (3) > 0, sockets = pick (2);
    int scope = pick (3);

    buf_adds (&b, head);
    if (racks)
        add (&b, "cluster", "rack", 0, 1 + pick (3));
    add (&b, racks ? "rack" : "cluster", "node", scope, 1 + pick (4));
    if (sockets)
        add (&b, "node", "socket", 0, 1 + pick (2));
    add (&b, sockets ? "socket" : "node", "core", pick (3), 1 + pick (6));
    if (pick (2))
        add (&b, sockets ? "socket" : "node", "gpu", 1, 1 + pick (2));
    if (pick (2))
        add (&b, "node", "memory", 0, 1 + pick (3));
    buf_adds (&b, "</graph></graphml>");
    return buf_take (&b, NULL);
}

static void add_slot (struct buf *b)
{
    buf_printf (b,
                "{\"type\":\"slot\",\"label\":\"a\",\"count\":%d,\"with\":["
                "{\"type\":\"core\",\"count\":%d}",
                1 + pick (2), 1 + pick (2));
    if (pick (4) == 0)
        buf_adds (b, ",{\"type\":\"gpu\",\"count\":1}");
    if (pick (4) == 0)
        buf_printf (b, ",{\"type\":\"memory\",\"count\":%d}", 1 + pick (5));
    buf_adds (b, "]}");
}

static char *random_jobspec (void)
{
    static const char *const exclusive[] = { "", "", ",\"exclusive\":true" };
    struct buf b = BUF_INIT;
    int shape = pick (7);

    buf_adds (&b, "{\"version\":1,\"resources\":[");
    switch (shape) {
    case 0:
        add_slot (&b);
        break;
    case 1:
        buf_printf (&b,
                    "{\"type\":\"slot\",\"label\":\"a\",\"count\":%d,\"with\":["
                    "{\"type\":\"%s\",\"count\":1}]}",
                    1 + pick (3), pick (2) ? "node" : "core");
        break;
    case 2:
        buf_printf (&b, "{\"type\":\"node\",\"count\":%d%s,\"with\":[", 1 + pick (3),
                    exclusive[pick (3)]);
        add_slot (&b);
        buf_adds (&b, "]}");
        break;
    case 3:
        buf_printf (&b,
                    "{\"type\":\"rack\",\"count\":%d%s,\"with\":[{\"type\":\"node\","
                    "\"count\":%d,\"with\":[",
                    1 + pick (2), exclusive[pick (3)], 1 + pick (2));
        add_slot (&b);
        buf_adds (&b, "]}]}");
        break;
    case 4:
        buf_printf (&b,
                    "{\"type\":\"node\",\"count\":{\"min\":1,\"max\":%d,"
                    "\"operator\":\"+\",\"operand\":1}}",
                    1 + pick (5));
        break;
    case 5:
        buf_adds (&b, "{\"type\":\"slot\",\"label\":\"a\",\"count\":1,\"with\":["
                      "{\"type\":\"socket\",\"count\":1,\"with\":[{\"type\":\"core\","
                      "\"count\":2}]}]}");
        break;
    default:
        buf_printf (&b,
                    "{\"type\":\"cluster\",\"count\":1,\"with\":[{\"type\":\"node\","
                    "\"count\":%d}]}",
                    1 + pick (3));
    }
    buf_printf (&b,
                "],\"tasks\":[{\"command\":[\"x\"],\"slot\":\"a\",\"count\":"
                "{\"per_slot\":1}}],\"attributes\":{\"system\":{\"duration\":%d}}}",
                10 * (1 + pick (5)));
    return buf_take (&b, NULL);
}

static int one_match (struct scheduler *s, bool quick, match_op_t op, const char *text,
                      uint64_t id, struct buf *out)
{
    struct match_result res = { 0 };
    flux_error_t error;
    struct request *r = request_parse (text, strlen (text), NULL, NULL, &error);
    struct write_info info = { 0 };
    int rc = -1;

    shortcuts (quick);
    if (!r)
        fail_msg ("%s: %s", text, error.text);
    if (request_bind (r, scheduler_graph (s), &error) == 0)
        rc = scheduler_match (s, op, r, id, 0, &res, &error);
    int errnum = rc < 0 ? errno : 0;
    info.starttime = res.at;
    info.expiration = res.end;
    if (rc == 0) {
        fluxion_write (WRITE_SIMPLE, scheduler_graph (s), res.sel, res.nsel, &info,
                       out);
        fluxion_write (WRITE_RV1, scheduler_graph (s), res.sel, res.nsel, &info, out);
    }
    request_destroy (r);
    return errnum;
}

static void step_match (struct scheduler *s[2], uint64_t id)
{
    static const match_op_t ops[] = { MATCH_ALLOCATE, MATCH_ALLOCATE,
                                      MATCH_ALLOCATE_ORELSE_RESERVE,
                                      MATCH_SATISFIABILITY, MATCH_WITHOUT_ALLOCATING };
    match_op_t op = ops[pick (5)];
    char *text = random_jobspec ();
    struct buf out[2] = { BUF_INIT, BUF_INIT };
    int rc[2];

    for (int i = 0; i < 2; i++)
        rc[i] = one_match (s[i], i, op, text, id, &out[i]);
    if (rc[0] != rc[1])
        fail_msg ("%s\n%s: %s or %s", text, match_op_to_string (op), strerror (rc[0]),
                  strerror (rc[1]));
    if (out[0].len != out[1].len
        || (out[0].len && memcmp (out[0].data, out[1].data, out[0].len) != 0))
        fail_msg ("%s\n%s: expected\n%s\ngot\n%s", text, match_op_to_string (op),
                  out[0].data, out[1].data);
    buf_fini (&out[0]);
    buf_fini (&out[1]);
    free (text);
}

static void step (struct scheduler *s[2], uint64_t id)
{
    struct graph *g = scheduler_graph (s[0]);
    uint32_t v = pick (g->nv);
    uint64_t old = 1 + pick (id);
    bool down = pick (2);
    flux_error_t error;

    switch (pick (12)) {
    case 0:
    case 1:
    case 2:
        for (int i = 0; i < 2; i++)
            scheduler_cancel (s[i], old);
        break;
    case 3:
        for (int i = 0; i < 2; i++)
            if (!g->v[v].gone)
                scheduler_set_status (s[i], v, down);
        break;
    case 4:
        if (pick (5) == 0 && g->v[v].parent != VTX_NONE && !g->v[v].gone)
            for (int i = 0; i < 2; i++)
                scheduler_shrink (s[i], v, &error);
        break;
    default:
        step_match (s, id);
    }
    for (int i = 0; i < 2; i++)
        if (!scheduler_check (s[i], &error))
            fail_msg ("%s", error.text);
}

static void play (unsigned int start, const char *policy)
{
    struct scheduler_options opt = { .policy = policy };
    struct scheduler *s[2];
    flux_error_t error;
    char *text;

    seed = start;
    text = random_graph ();
    for (int i = 0; i < 2; i++)
        if (!(s[i] = fluxion_load ("grug", text, strlen (text), NULL, 0, &opt, &error)))
            fail_msg ("%s", error.text);
    for (uint64_t id = 1; id <= 60; id++)
        step (s, id);
    for (int i = 0; i < 2; i++)
        scheduler_destroy (s[i]);
    free (text);
}

static void same_choice (void **state)
{
    const char *only = getenv ("FLUXION_TWIN_SEED");

    for (unsigned int n = 1; n <= 150; n++)
        for (int i = 0; policy_names[i]; i++) {
            if (only && n != (unsigned int)atoi (only))
                continue;
            if (only)
                print_message ("%u %s\n", n, policy_names[i]);
            play (n * 977, policy_names[i]);
        }
}

int main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (same_choice) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
