/* What a job asks for: jobspec V1 and canonical (RFC 14, 25), YAML or JSON. */
#ifndef FLUXION_JOBSPEC_H
#define FLUXION_JOBSPEC_H

#include "fluxion/graph/graph.h"
#include <jansson.h>

enum excl {
    EXCL_UNSET,
    EXCL_FALSE,
    EXCL_TRUE,
};

struct count_spec {
    int64_t min, max;
    char op; /* '+', '*', '^' */
    int64_t operand;
    int64_t *list; /* RFC 45 idset: the allowed values, ascending; or NULL */
    uint32_t nlist;
};

struct resource {
    char *type, *unit, *label, *id; /* type "slot", "xor_slot" included */
    struct count_spec count;
    enum excl exclusive;
    struct resource *with;
    uint32_t nwith;
    /* Filled in by request_bind. */
    uint16_t type_id;
    uint32_t ord; /* number within the request, from 0 */
    bool is_slot;
};

struct task {
    char **command; /* NULL-terminated */
    char *slot, *distribution;
    json_t *count, *attributes; /* or NULL */
};

struct request {
    int64_t version;
    struct resource *resources;
    uint32_t nresources;
    struct task *tasks;
    uint32_t ntasks;
    json_t *attributes; /* all of it, or NULL */
    uint32_t nall;      /* resources at all levels, set by request_bind */
    double duration;    /* 0: as long as the graph lasts */
    const char *queue;  /* borrowed from attributes, or NULL */
    const char *cwd;
    json_t *environment, *constraints; /* borrowed */
};

/* NULL with EINVAL, or EBADMSG if it is not even YAML; *error says what is wrong, *line and *column (from 1, 0 if not
 * known; both may be NULL) where. */
struct request *request_parse (const char *text, size_t len, int *line, int *column,
                               flux_error_t *error);
void request_destroy (struct request *r);
/* Resolve the type names; EINVAL if the graph does not know one. */
int request_bind (struct request *r, const struct graph *g, flux_error_t *error);

/* The largest allowed count that is at most avail; 0 if there is none. */
int64_t count_fit (const struct count_spec *c, int64_t avail);

/* Normalised YAML of the whole, as flux-jobspec-validate prints it; owned by the
 * caller. */
char *request_dump (const struct request *r);

#endif
