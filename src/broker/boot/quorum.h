/* broker.quorum: a number of brokers, or a set of ranks (RFC 22), that have to be online
 * before the instance runs. "3" is a number; a set of one rank is written "[3]". */
#ifndef BROKER_QUORUM_H
#define BROKER_QUORUM_H

#include <flux/idset.h>
#include <flux/types.h>

struct quorum {
    unsigned count;
    struct idset *ranks; /* NULL: any */
};

/* s NULL: all. -1 with EINVAL (or ENOMEM) and *error: it is neither, or more than an
 * instance of this size has. */
int quorum_decode (struct quorum *q, const char *s, int size, flux_error_t *error);
void quorum_fini (struct quorum *q);
bool quorum_is_full (const struct quorum *q, const struct idset *online);
/* Of the set, or of all brokers, those that are not online; new. */
struct idset *quorum_missing (const struct quorum *q, int size,
                              const struct idset *online);

#endif
