/* The fluxion service without a socket: method name and request bytes in,
 * response bytes or a gRPC status out. One thread calls. */
#ifndef FLUXION_SERVER_SERVICE_H
#define FLUXION_SERVER_SERVICE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct service;

/* A response message, or a status with a text. */
struct reply {
    uint8_t *data; /* malloc'ed; NULL if empty */
    size_t len;
    int status;      /* grpc_status_code; 0 is OK */
    char error[256]; /* for status != 0 */
};

struct service_limits {
    size_t jobspec;  /* bytes of text; 0: SERVICE_MAX_JOBSPEC */
    size_t criteria; /* of Find; 0: SERVICE_MAX_CRITERIA */
};
/* One thread executes all calls: what one of them may cost the others. */
#define SERVICE_MAX_JOBSPEC (1 << 20)
#define SERVICE_MAX_CRITERIA (1 << 16)

/* log: the request log, line by line (may be NULL). record: one JSON object
 * per state-changing call, in order, so that a run can be replayed (may be
 * NULL). Both are borrowed. limits may be NULL; a request beyond them gets
 * RESOURCE_EXHAUSTED. */
struct service *service_create (FILE *log, FILE *record,
                                const struct service_limits *limits);
/* 0, or the errno of the first write to `record` that failed. From then on no call
 * that changes anything is executed (UNAVAILABLE): it could not be replayed. */
int service_record_errno (const struct service *s);
void service_destroy (struct service *s);

/* method: "/fluxion.FluxionService/Match". Always fills in *reply, whose data
 * the caller frees; an unknown method gives UNIMPLEMENTED. */
void service_call (struct service *s, const char *method, const uint8_t *data,
                   size_t len, struct reply *reply);

#endif
