/* Constraints (RFC 31) and the query syntax (RFC 35). */
#ifndef VALUE_CONSTRAINT_H
#define VALUE_CONSTRAINT_H

#include <flux/hostlist.h>
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

/* Can any scheduler read it: has it the operators of RFC 31 only, with values that are such?
 * What it says of hosts, but for those that it excludes, is appended to hosts (borrowed).
 * -1 with EINVAL (ENOMEM) and *error. */
int constraint_check (json_t *o, struct hostlist *hosts, flux_error_t *error);

/* Query text to RFC 31 JSON, new reference. Aliases such as host: for
 * hostlist: are resolved. default_op is used for a term without one. */
json_t *constraint_parse (const char *query, const char *default_op,
                          flux_error_t *error);

#endif
