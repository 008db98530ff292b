/* What services say of themselves, as metric families of OpenMetrics. Pure. */
#ifndef CMD_METRICS_FAMILIES_H
#define CMD_METRICS_FAMILIES_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Who is asked; the answer of each makes some families. */
struct source {
    const char *topic;   /* NULL: stats-get of the module content.backing-module */
    const char *payload; /* NULL: none */
    const char *name;    /* what it is, in the label of flux_up */
    bool optional;       /* may not be loaded */
};
extern const struct source families_sources[];
extern const size_t families_count;

/* answers[i] is that of families_sources[i], or NULL: there was none. Appends whole
 * families and the end of the text. What an answer lacks is left out. */
void families_write (struct buf *b, json_t *const answers[]);

#endif
