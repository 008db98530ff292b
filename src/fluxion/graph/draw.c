/* The graph as text for other programs: Graphviz and GraphML. */
#include "fluxion/graph/draw.h"

#include <string.h>

/* Quotes and backslashes for dot, entities for XML. */
static void put (struct buf *b, const char *s, bool xml)
{
    for (; *s; s++) {
        if (xml && *s == '<')
            buf_adds (b, "&lt;");
        else if (xml && *s == '&')
            buf_adds (b, "&amp;");
        else if (xml && *s == '"')
            buf_adds (b, "&quot;");
        else {
            if (!xml && (*s == '"' || *s == '\\'))
                buf_addc (b, '\\');
            buf_addc (b, *s);
        }
    }
}

static void draw_vertex (const struct graph *g, uint32_t v, bool xml, struct buf *b)
{
    char name[GRAPH_NAME_MAX];

    if (!xml) {
        buf_printf (b, "%u [label=\"", v);
        put (b, graph_name (g, v, name), false);
        buf_adds (b, "\"];\n");
        return;
    }
    buf_printf (b, "    <node id=\"n%u\">\n      <data key=\"name\">", v);
    put (b, graph_name (g, v, name), true);
    buf_adds (b, "</data>\n      <data key=\"type\">");
    put (b, graph_type_name (g, g->v[v].type), true);
    buf_printf (b, "</data>\n      <data key=\"size\">%lld</data>\n    </node>\n",
                (long long)g->v[v].size);
}

static void draw_edge (uint32_t from, uint32_t to, const char *subsystem, bool xml,
                       struct buf *b)
{
    if (xml) {
        buf_printf (b,
                    "    <edge source=\"n%u\" target=\"n%u\">\n"
                    "      <data key=\"subsystem\">",
                    from, to);
        put (b, subsystem, true);
        buf_adds (b, "</data>\n    </edge>\n");
    } else {
        buf_printf (b, "%u->%u [label=\"", from, to);
        put (b, subsystem, false);
        buf_adds (b, "\"];\n");
    }
}

static void draw_edges (const struct graph *g, bool xml, struct buf *b)
{
    for (uint32_t v = 0; v < g->nv; v++) {
        const struct edge *e = graph_children (g, v);
        for (uint32_t i = 0; !g->v[v].gone && i < g->v[v].nchildren; i++)
            draw_edge (v, e[i].child, "containment", xml, b);
    }
    for (uint32_t i = 0; i < g->nsub; i++)
        for (uint32_t k = 0; k < g->sub[i].nedges; k++)
            draw_edge (g->sub[i].edge[k].from, g->sub[i].edge[k].to,
                       graph_string (g, g->sub[i].name), xml, b);
}

int graph_draw (const struct graph *g, bool xml, struct buf *b)
{
    if (xml)
        buf_adds (b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
                     "  <key id=\"name\" for=\"node\" attr.name=\"name\" "
                     "attr.type=\"string\"/>\n"
                     "  <key id=\"type\" for=\"node\" attr.name=\"type\" "
                     "attr.type=\"string\"/>\n"
                     "  <key id=\"size\" for=\"node\" attr.name=\"size\" "
                     "attr.type=\"long\"/>\n"
                     "  <key id=\"subsystem\" for=\"edge\" attr.name=\"subsystem\" "
                     "attr.type=\"string\"/>\n"
                     "  <graph id=\"G\" edgedefault=\"directed\">\n");
    else
        buf_adds (b, "digraph G {\n");
    for (uint32_t v = 0; v < g->nv; v++)
        if (!g->v[v].gone)
            draw_vertex (g, v, xml, b);
    draw_edges (g, xml, b);
    buf_adds (b, xml ? "  </graph>\n</graphml>\n" : "}\n");
    if (b->err) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}
