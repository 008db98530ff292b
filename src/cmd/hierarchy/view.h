/* The shape of a tree, before anything runs. */
#ifndef CMD_HIERARCHY_VIEW_H
#define CMD_HIERARCHY_VIEW_H

#include "base/buf.h"
#include "cmd/hierarchy/model.h"

/* As text, one line for each instance; colors: with a terminal's. */
void view_text (const struct hierarchy *t, bool colors, struct buf *out);
/* {entrypoint, instances, leaves, tree: {id, group, leaf, resources, children}} */
void view_json (const struct hierarchy *t, struct buf *out);
/* For Graphviz. */
void view_dot (const struct hierarchy *t, struct buf *out);
/* Boxes within boxes. */
void view_svg (const struct hierarchy *t, struct buf *out);

/* "Nodes: 2, Cores: 96": what is given. */
void view_resources (const struct hier_resources *r, struct buf *out);

#endif
