/* The tables of the configuration that are the broker's own, or nobody's. */
#ifndef BROKER_TABLES_H
#define BROKER_TABLES_H

#include <flux/types.h>
#include <jansson.h>

struct attrs;
struct bootstrap;

/* [access], [archive], [bootstrap], [sched-simple] and [tbon]: what ends the start of an
 * instance is refused whenever it is given. -1 with a line that names the key. */
int tables_check (json_t *conf, flux_error_t *error);
/* At the start: also sets the attributes that [tbon] stands for. *bs is what [bootstrap]
 * says (it may name many hosts, and is read once), or NULL; the caller's in any case. */
int tables_apply (struct attrs *a, json_t *conf, struct bootstrap **bs,
                  flux_error_t *error);

#endif
