/* Parts of the writers. */
#ifndef FLUXION_WRITE_PRIV_H
#define FLUXION_WRITE_PRIV_H

#include "fluxion/writer.h"

void write_int (struct buf *b, int64_t n);
void write_string (struct buf *b, const char *s); /* as JSON */

void write_jgf (enum write_format format, const struct graph *g,
                const struct selected *sel, uint32_t count,
                const struct write_info *info, struct buf *b);
void write_rlite (const struct graph *g, const struct selected *sel, uint32_t count,
                  struct buf *b);
/* One quoted hostlist of the nodes, in rank order. */
void write_nodelist (const struct graph *g, const struct selected *sel, uint32_t count,
                     struct buf *b);
/* ", \"properties\": {...}", or nothing. */
void write_node_properties (const struct graph *g, const struct selected *sel,
                            uint32_t count, struct buf *b);

#endif
