/* What the writers share. */
#ifndef FLUXION_WRITER_IMPL_H
#define FLUXION_WRITER_IMPL_H

#include "base/json/jsonout.h"
#include "fluxion/io/writer.h"

/* One JSON text, no newline. */
int write_jgf (enum write_format format, const struct graph *g,
               const struct selected *sel, uint32_t count,
               const struct write_info *info, struct buf *b);
int write_rv1 (enum write_format format, const struct graph *g,
               const struct selected *sel, uint32_t count,
               const struct write_info *info, struct buf *b);

#endif
