/* Large payloads that are handed over, or on, instead of being copied. */
#ifndef CORE_TAKE_H
#define CORE_TAKE_H

#include <flux/rpc.h>

#include "base/buf.h"

/* As flux_rpc_raw; b is empty afterwards. After a failure it is as it was. */
flux_future_t *rpc_take (flux_t *h, const char *topic, struct buf *b, uint32_t nodeid,
                         int flags);
/* With the payload of a message. */
flux_future_t *rpc_share (flux_t *h, const char *topic, const flux_msg_t *src,
                          uint32_t nodeid, int flags);

/* As flux_respond_raw; b is empty afterwards, whatever happens. */
int respond_take (flux_t *h, const flux_msg_t *request, struct buf *b);
int respond_share (flux_t *h, const flux_msg_t *request, const flux_msg_t *src);

#endif
