/* The tables [resource] and [fake-resources] of the configuration. */
#ifndef RESOURCE_SETTINGS_H
#define RESOURCE_SETTINGS_H

#include <jansson.h>

#include "reserve.h"
#include "value/resource/rset.h"

struct settings {
    struct rset *R; /* of `config`, else `path`, ranks as written there; or NULL */
    char *exclude;  /* idset or hostlist, or NULL */
    struct reserve *reserve; /* NULL: no core is kept from the scheduler */
    bool norestrict;
    bool rediscover; /* look, whatever the enclosing instance says */
    bool verify;
    bool force_up; /* all ranks count as online */
    int journal_max;
};

/* conf: the whole configuration. -1 with EINVAL and *error,
 * also for a key that means nothing. */
int settings_init (struct settings *s, json_t *conf, flux_error_t *error);
void settings_fini (struct settings *s);

/* An idset, or a hostlist of which every name is in hosts: the ranks, new. */
struct idset *targets_decode (const char *targets, struct hostlist *hosts,
                              flux_error_t *error);

#endif
