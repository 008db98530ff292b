/* What a handle listens to, for the broker's introspection. */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include <flux/handle.h>
#include <jansson.h>

/* [{topic, type, rolemask}] of the handlers that are started; NULL if there is no
 * memory. The caller owns it. */
json_t *dispatch_describe (flux_t *h);

#endif
