/* The state of the resources of an instance: who is there, who is drained,
 * who is excluded, and what the scheduler may use. Pure: no handle, no clock. */
#ifndef RESOURCE_INVENTORY_H
#define RESOURCE_INVENTORY_H

#include <jansson.h>

#include "value/resource/rset.h"

struct drain {
    double timestamp;
    char *reason; /* or NULL */
};

struct inventory {
    int size;               /* brokers */
    struct hostlist *hosts; /* theirs, by rank */
    struct hostlist *names; /* of nodes, by rank: R's go before, and may be more */
    int count;              /* of those */
    struct rset *R;         /* NULL until it is known; changed by the functions below */
    json_t *R_json;         /* when it was asked for; NULL: it has changed */
    struct idset *online;
    struct idset *torpid;
    struct idset *excluded;
    struct idset *drained;
    struct drain *drains; /* by rank */
};

/* hosts is taken. */
int inventory_init (struct inventory *inv, struct hostlist *take_hosts);
void inventory_fini (struct inventory *inv);
/* R is known, or is another. It is taken. Nodes without a broker (pretended ones), as far
 * as there is no gap between, can be drained like others. */
void inventory_define (struct inventory *inv, struct rset *take_R);
/* Of R, which is known. */
void inventory_set_times (struct inventory *inv, double starttime, double expiration);
/* Names of nodes by rank with this R: its own, and those of brokers that it does not have.
 * The caller destroys them. NULL: out of memory. */
struct hostlist *inventory_names (const struct inventory *inv, const struct rset *R);

/* Ranks that a scheduler may use now: online, not drained, not excluded, in R. */
struct idset *inventory_up (const struct inventory *inv);

enum drain_mode {
    DRAIN_NEW,    /* EEXIST if one of them is drained */
    DRAIN_UPDATE, /* keep the reason and time of those that have one */
    DRAIN_REASON, /* a new reason for all */
    DRAIN_ALL,    /* and a new time */
};
/* What requests call it: "default" (also NULL), "update", "overwrite", "force-overwrite";
 * "default" and "force". Everything else is EINVAL. */
int drain_mode_decode (const char *name, enum drain_mode *mode, flux_error_t *error);
int undrain_mode_decode (const char *name, bool *force, flux_error_t *error);
/* What the eventlog calls it: overwrite=0 to 2. */
int drain_mode_overwrite (enum drain_mode mode);
/* These are excluded now, and no others. A rank is not both excluded and drained:
 * its drain ends here, and is refused later. The set is taken. */
void inventory_exclude (struct inventory *inv, struct idset *take_ranks);
/* Nothing has changed on error. */
int inventory_drain (struct inventory *inv, const struct idset *ranks,
                     const char *reason, double timestamp, enum drain_mode mode,
                     flux_error_t *error);
int inventory_undrain (struct inventory *inv, const struct idset *ranks, bool force,
                       flux_error_t *error);
/* Restores what an eventlog of an earlier run says (drain, undrain). */
void inventory_replay (struct inventory *inv, const char *eventlog, size_t len);

/* {R?, online, offline, exclude, torpid, drain: {idset: {timestamp, reason}}} */
json_t *inventory_status (struct inventory *inv);

#endif
