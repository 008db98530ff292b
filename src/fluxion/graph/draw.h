#ifndef FLUXION_DRAW_H
#define FLUXION_DRAW_H

#include "base/buf.h"
#include "fluxion/graph/graph.h"

/* The graph as Graphviz, or as GraphML (xml). */
int graph_draw (const struct graph *g, bool xml, struct buf *b);
/* A GRUG recipe as Graphviz; more: with all its attributes. EINVAL and text. */
int grug_draw (const char *text, size_t len, bool more, struct buf *b,
               flux_error_t *error);

#endif
