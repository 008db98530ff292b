/* Resources in short (RFC 46): slot=4/node, node/[slot=2{a}/core;slot{b}/gpu=1]. */
#ifndef CMD_SHAPE_H
#define CMD_SHAPE_H

#include <flux/types.h>
#include <jansson.h>

/* The resources of a jobspec (RFC 14), a new array; a single slot without a label gets
 * label. NULL with *error, that tells where. */
json_t *shape_parse (const char *s, const char *label, flux_error_t *error);
/* The label of the first slot, borrowed; NULL: there is none. */
const char *shape_slot_label (json_t *resources);

#endif
