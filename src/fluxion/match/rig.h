/* What tests of rules share: graphs and requests in a line each, and answers as a line.
 *
 * Graph:    "cluster0{rack0{node0-1{core0-3 memory0*4}}}": each name is a type and an id
 *           or a range of ids; *N is the size; what is in braces is below each of them.
 *           uniq_id counts from 0, depth first. A node has the rank of its id.
 * Request:  "node:2[slot:1[core:2 gpu:1]]": type and count as RFC 45 writes it; ! asks
 *           for it exclusively, ? for sharing it.
 * Answer:   "@0 node0/core0 node0/core1": when, and what is held exclusively, each by
 *           its path below the root; a shared one only if it has no child that is held.
 *           "reserved@10 ..."; or "EBUSY", "ENODEV", "EINVAL". */
#ifndef FLUXION_RIG_H
#define FLUXION_RIG_H

#include "base/test.h"
#include "fluxion/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig_graph {
    struct buf nodes, edges;
    int next;
};

__attribute__ ((unused)) static const char *
rig_vertices (struct rig_graph *r, const char *p, int parent, const char *path)
{
    while (*p && *p != '}') {
        char type[64], sub[512];
        size_t len = strcspn (p, "0123456789 {}");
        const char *end = p;
        int n = 0;
        assert_true (len > 0 && len < sizeof (type));
        memcpy (type, p, len);
        type[len] = '\0';
        int low = strtol (p + len, (char **)&p, 10), high = low, size = 1;
        if (*p == '-')
            high = strtol (p + 1, (char **)&p, 10);
        if (*p == '*')
            size = strtol (p + 1, (char **)&p, 10);
        for (int id = low; id <= high; id++) {
            n = r->next++;
            snprintf (sub, sizeof (sub), "%s/%s%d", path, type, id);
            buf_printf (&r->nodes,
                        "%s{\"id\":\"%d\",\"metadata\":{\"type\":\"%s\",\"id\":%d,"
                        "\"size\":%d,\"rank\":%d,\"paths\":{\"containment\":\"%s\"}}}",
                        n ? "," : "", n, type, id, size,
                        strcmp (type, "node") == 0 ? id : -1, sub);
            if (parent >= 0)
                buf_printf (&r->edges, "%s{\"source\":\"%d\",\"target\":\"%d\"}",
                            r->edges.len ? "," : "", parent, n);
            end = p;
            if (*p == '{')
                end = rig_vertices (r, p + 1, n, sub) + 1;
        }
        p = end;
        p += strspn (p, " ");
    }
    return p;
}

/* JGF; more edges ("{...},{...}") may be NULL. The caller frees it. */
__attribute__ ((unused)) static char *rig_jgf (const char *graph, const char *more)
{
    struct rig_graph r = { 0 };
    struct buf b = BUF_INIT;

    rig_vertices (&r, graph, -1, "");
    buf_printf (&b, "{\"graph\":{\"nodes\":[%s],\"edges\":[%s%s%s]}}", r.nodes.data,
                r.edges.len ? r.edges.data : "", r.edges.len && more ? "," : "",
                more ? more : "");
    buf_fini (&r.nodes);
    buf_fini (&r.edges);
    return buf_take (&b, NULL);
}

__attribute__ ((unused)) static struct scheduler *
rig_load (const char *graph, const struct scheduler_options *opt)
{
    char *text = rig_jgf (graph, NULL);
    flux_error_t error;
    struct scheduler *s =
        fluxion_load ("jgf", text, strlen (text), NULL, 0, opt, &error);

    if (!s)
        fail_msg ("%s: %s", graph, error.text);
    free (text);
    return s;
}

__attribute__ ((unused)) static struct scheduler *rig_create (const char *graph,
                                                              const char *policy)
{
    struct scheduler_options opt = { .policy = policy };

    return rig_load (graph, &opt);
}

__attribute__ ((unused)) static const char *rig_resources (struct buf *b, const char *p)
{
    bool first = true;

    while (*p && *p != ']') {
        size_t len = strcspn (p, ":");
        size_t count = strcspn (p + len + 1, " []!?");
        buf_printf (b, "%s{\"type\":\"%.*s\",\"count\":\"%.*s\"", first ? "" : ",",
                    (int)len, p, (int)count, p + len + 1);
        if (len >= 4 && strncmp (p + len - 4, "slot", 4) == 0)
            buf_adds (b, ",\"label\":\"s\"");
        p += len + 1 + count;
        if (*p == '!' || *p == '?')
            buf_printf (b, ",\"exclusive\":%s", *p++ == '!' ? "true" : "false");
        if (*p == '[') {
            buf_adds (b, ",\"with\":[");
            p = rig_resources (b, p + 1) + 1;
            buf_addc (b, ']');
        }
        buf_addc (b, '}');
        first = false;
        p += strspn (p, " ");
    }
    return p;
}

__attribute__ ((unused)) static struct request *rig_request (struct scheduler *s,
                                                             const char *resources,
                                                             double duration,
                                                             const char *constraints)
{
    struct buf b = BUF_INIT;
    flux_error_t error;
    struct request *r;

    buf_adds (&b, "{\"version\":9999,\"resources\":[");
    rig_resources (&b, resources);
    buf_printf (&b,
                "],\"tasks\":[{\"command\":[\"a\"],\"slot\":\"s\",\"count\":"
                "{\"per_slot\":1}}],\"attributes\":{\"system\":{\"duration\":%g",
                duration);
    if (constraints)
        buf_printf (&b, ",\"constraints\":%s", constraints);
    buf_adds (&b, "}}}");
    if (!(r = request_parse (b.data, b.len, NULL, NULL, &error))
        || request_bind (r, scheduler_graph (s), &error) < 0)
        fail_msg ("%s: %s", b.data, error.text);
    buf_fini (&b);
    return r;
}

__attribute__ ((unused)) static void
rig_selection (struct graph *g, const struct selected *sel, uint32_t n, struct buf *b)
{
    char path[4096];

    for (uint32_t i = 0; i < n; i++) {
        bool way = false;
        for (uint32_t k = 0; k < n && !sel[i].exclusive && !way; k++)
            for (uint32_t v = g->v[sel[k].v].parent; v != VTX_NONE && !way;
                 v = g->v[v].parent)
                way = v == sel[i].v;
        if (way)
            continue;
        assert_int_equal (graph_path (g, sel[i].v, path, sizeof (path)), 0);
        const char *p = strchr (path + 1, '/');
        buf_printf (b, " %s", p ? p + 1 : path);
        if (!sel[i].exclusive)
            buf_adds (b, "(shared)");
        if (sel[i].needs != g->v[sel[i].v].size)
            buf_printf (b, "=%lld", (long long)sel[i].needs);
    }
}

static char rig_answer[65536];

__attribute__ ((unused)) static const char *
rig_match (struct scheduler *s, match_op_t op, uint64_t id, const char *resources,
           double duration, const char *constraints)
{
    struct request *r = rig_request (s, resources, duration, constraints);
    struct match_result res;
    struct buf b = BUF_INIT;
    flux_error_t error;

    if (scheduler_match (s, op, r, id, 0, &res, &error) < 0) {
        buf_adds (&b, errno == EBUSY    ? "EBUSY"
                      : errno == ENODEV ? "ENODEV"
                      : errno == EINVAL ? "EINVAL"
                                        : strerror (errno));
    } else {
        buf_printf (&b, "%s@%lld", res.reserved ? "reserved" : "", (long long)res.at);
        rig_selection (scheduler_graph (s), res.sel, res.nsel, &b);
    }
    snprintf (rig_answer, sizeof (rig_answer), "%s", b.data);
    buf_fini (&b);
    request_destroy (r);
    if (!scheduler_check (s, &error))
        fail_msg ("%s: %s", resources, error.text);
    return rig_answer;
}

/* Allocate for 10 s. */
__attribute__ ((unused)) static const char *rig_take (struct scheduler *s, uint64_t id,
                                                      const char *resources)
{
    return rig_match (s, MATCH_ALLOCATE, id, resources, 10, NULL);
}

/* What a job holds still, as in an answer. */
__attribute__ ((unused)) static const char *rig_held (struct scheduler *s, uint64_t id)
{
    struct job *job = scheduler_job (s, id);
    struct selected sel[1024];
    struct buf b = BUF_INIT;
    uint32_t n = 0;

    for (uint32_t i = 0; job && i < job->nspan && n < 1024; i++)
        n += scheduler_job_holds (s, job, i, &sel[n]);
    rig_selection (scheduler_graph (s), sel, n, &b);
    snprintf (rig_answer, sizeof (rig_answer), "%s", b.len ? b.data + 1 : "");
    buf_fini (&b);
    return rig_answer;
}

#endif
