/* JGF text taken apart: what the readers of graphs, growth, updates and partial
 * cancels share. Strings are borrowed from the text, which it owns. */
#ifndef FLUXION_JGF_H
#define FLUXION_JGF_H

#include "fluxion/graph/graph.h"
#include <flux/idset.h>
#include <jansson.h>

struct jgf_node {
    const char *key;    /* its id within the document */
    const char *path;   /* in containment, or NULL */
    json_t *properties; /* of strings, numbers and null; or NULL */
    json_t *paths;      /* in other subsystems, or NULL */
    struct vertex_spec spec;
    bool exclusive, down;
    uint32_t v; /* for the caller */
};

struct jgf_edge {
    uint32_t source, target; /* indices into node */
    const char *subsystem;   /* the pointer jgf_containment, or another name */
};
extern const char jgf_containment[];

struct jgf {
    char *text;
    struct jgf_node *node;
    uint32_t nnodes;
    struct jgf_edge *edge; /* parent to child only */
    uint32_t nedges;
    bool shorthand;
    /* Ranks that a job has given back already: what it holds there no more, an update
     * does not take, nor a partial cancel give back again. To a graph as such they
     * mean nothing. NULL: none. */
    struct idset *free_ranks;
};

/* EINVAL: *error says which node or edge, or where in the text. */
int jgf_parse (struct jgf *j, const char *text, size_t len, flux_error_t *error);
void jgf_fini (struct jgf *j);

#endif
