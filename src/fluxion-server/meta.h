/* What gRPC tools ask of every server: health checking and reflection. Pure:
 * request bytes in, response bytes out. */
#ifndef FLUXION_SERVER_META_H
#define FLUXION_SERVER_META_H

#include <stdbool.h>

#include "fluxion-server/service.h"

/* grpc.health.v1.Health/Check, or a message of Watch. *known (may be NULL): is that a
 * service of ours, whose state may change? */
void health_check (const uint8_t *data, size_t len, bool watch, bool serving,
                   bool *known, struct reply *reply);

/* One message of grpc.reflection.{v1,v1alpha}.ServerReflectionInfo. */
void reflection_answer (const uint8_t *data, size_t len, struct reply *reply);

#endif
