/* From text to a graph. A reader adds to an empty graph (load); on failure the
 * graph is to be destroyed. Errors: EINVAL and a text that says where. */
#ifndef FLUXION_READER_H
#define FLUXION_READER_H

#include "fluxion/graph/graph.h"

struct read_options {
    const char *allowlist;         /* "node,core,gpu", or NULL: all types */
    const char *const *subsystems; /* NULL-terminated; NULL: containment alone */
};

/* Is the subsystem to be read? Containment always is: other subsystems are made of
 * its vertices. */
bool read_wants (const struct read_options *opt, const char *subsystem);

int fluxion_read_grug (struct graph *g, const char *text, size_t len,
                       const struct read_options *opt, flux_error_t *error);
/* Old, compact and shorthand JGF, and JGF v2. */
int fluxion_read_jgf (struct graph *g, const char *text, size_t len,
                      const struct read_options *opt, flux_error_t *error);
/* R of RFC 20; `scheduling` is not looked at. */
int fluxion_read_rv1exec (struct graph *g, const char *text, size_t len,
                          const struct read_options *opt, flux_error_t *error);
int fluxion_read_hwloc (struct graph *g, const char *text, size_t len,
                        const struct read_options *opt, flux_error_t *error);

typedef int (*reader_f) (struct graph *g, const char *text, size_t len,
                         const struct read_options *opt, flux_error_t *error);
/* NULL with EINVAL: unknown format. */
reader_f fluxion_reader (const char *format);

struct jgf; /* see jgf.h: what can be done without the graph is done before */

/* Add JGF to a graph that has vertices: those present already (same path and
 * rank) are skipped. On failure nothing has changed. */
int fluxion_grow_jgf (struct graph *g, const char *text, size_t len,
                      flux_error_t *error);
int fluxion_grow_parsed (struct graph *g, struct jgf *j, flux_error_t *error);

/* Vertices of the graph that a text names, for update and partial cancel. */
struct picked {
    uint32_t v;
    bool exclusive;
    int64_t size;
};
struct picks {
    struct picked *item;
    uint32_t count, cap;
    int64_t starttime, expiration; /* 0, 0 unless the text says */
};
void picks_fini (struct picks *p);
int picks_add (struct picks *p, uint32_t v, bool exclusive, int64_t size);
/* strict: all properties of a vertex must agree with the graph ("inconsistent
 * input vertex"). */
int fluxion_pick_jgf (struct graph *g, const char *text, size_t len, bool strict,
                      struct picks *p, flux_error_t *error);
/* An exclusive vertex stands for its whole subtree. */
int fluxion_pick_shorthand (struct graph *g, const char *text, size_t len, bool strict,
                            struct picks *p, flux_error_t *error);
/* The same, of what was parsed before. */
int fluxion_pick_jgf_parsed (struct graph *g, const struct jgf *j, bool strict,
                             bool shorthand, struct picks *p, flux_error_t *error);
/* ENOENT: a type of which the graph has nothing at all. */
int fluxion_pick_rv1exec (struct graph *g, const char *text, size_t len, bool strict,
                          struct picks *p, flux_error_t *error);
/* The same in two steps, of which the first needs no graph. */
struct rv1;
struct rv1 *rv1_parse (const char *text, size_t len, flux_error_t *error);
void rv1_destroy (struct rv1 *r);
int fluxion_pick_rv1 (struct graph *g, const struct rv1 *r, bool strict,
                      struct picks *p, flux_error_t *error);

#endif
