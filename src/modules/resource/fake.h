/* The [fake-resources] table of the configuration: nodes that are not there, all alike
 * (flux-config-fake-resources(5)). */
#ifndef RESOURCE_FAKE_H
#define RESOURCE_FAKE_H

#include <jansson.h>

#include "value/resource/rset.h"

/* What the table describes, new; ranks are the nodes in order. NULL with EINVAL and
 * *error. */
struct rset *fake_decode (json_t *table, flux_error_t *error);

#endif
