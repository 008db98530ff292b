/* From selected vertices to text. */
#ifndef FLUXION_WRITER_H
#define FLUXION_WRITER_H

#include "base/buf.h"
#include "fluxion/graph/graph.h"

struct selected {
    uint32_t v;
    bool exclusive;
    int64_t needs;     /* units taken */
    const char *label; /* of the resource in the jobspec, or NULL; borrowed */
};

enum write_format {
    WRITE_SIMPLE,
    WRITE_PRETTY_SIMPLE,
    WRITE_JGF,         /* compact */
    WRITE_JGF_VERBOSE, /* every key, with metadata.name on the edges */
    WRITE_JGF_SHORTHAND,
    WRITE_RLITE,
    WRITE_RV1,
    WRITE_RV1_NOSCHED,
    WRITE_RV1_SHORTHAND,
};
/* -1 with EINVAL: unknown name. */
int write_format_parse (const char *name, enum write_format *format);

struct write_info {
    int64_t starttime, expiration;
    const char *queue; /* of the jobspec, or NULL */
    /* Further metadata for a vertex (find's agfilter): a JSON object as text
     * in *b, or nothing. May be NULL. */
    void (*extra) (uint32_t v, struct buf *b, void *arg);
    void *extra_arg;
};

/* sel: in post-order (children before parents, siblings in graph order), each
 * with all its ancestors. Appends to *b, nothing if count is 0. */
int fluxion_write (enum write_format format, const struct graph *g,
                   const struct selected *sel, uint32_t count,
                   const struct write_info *info, struct buf *b);
/* Names of all formats, NULL-terminated. */
extern const char *const write_format_names[];

#endif
