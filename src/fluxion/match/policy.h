/* Match policies: which of several candidates is taken. */
#ifndef FLUXION_POLICY_H
#define FLUXION_POLICY_H

#include <flux/types.h>

enum policy_kind {
    POLICY_HIGH,
    POLICY_LOW,
    POLICY_LOCALITY,
    POLICY_VARIATION,
};

struct policy {
    enum policy_kind kind;
    bool node_centric;
    bool node_exclusive;
    bool stop_on_first;
};

/* A name ("lonodex") or attributes ("policy=low node_centric=true").
 * EINVAL and the text for people. */
int policy_parse (const char *spec, struct policy *p, flux_error_t *error);
extern const char *const policy_names[];

#endif
