/* Constraints (RFC 31) and the query syntax (RFC 35). */
#ifndef VALUE_CONSTRAINT_H
#define VALUE_CONSTRAINT_H

#include <flux/types.h>
#include <jansson.h>

struct constraint;

/* How leaves are looked up; arg is passed through. NULL member: the
 * operator is refused by constraint_compile. */
struct constraint_ops {
    /* value as written, without a leading '^' */
    bool (*property) (const char *name, void *arg);
    bool (*host) (const char *name, void *arg);
    unsigned int (*rank) (void *arg);
    const char *(*hostname) (void *arg);
    /* any other operator: its name and one operand */
    bool (*other) (const char *op, json_t *value, void *arg);
    /* true if `other` knows the operator */
    bool (*known) (const char *op);
};

/* NULL with EINVAL and *error. o == NULL: matches everything. */
struct constraint *constraint_compile (json_t *o, const struct constraint_ops *ops,
                                       flux_error_t *error);
void constraint_destroy (struct constraint *c);
bool constraint_match (const struct constraint *c, void *arg);

/* Query text to RFC 31 JSON, new reference. Aliases such as host: for
 * hostlist: are resolved. default_op is used for a term without one. */
json_t *constraint_parse (const char *query, const char *default_op,
                          flux_error_t *error);

#endif
