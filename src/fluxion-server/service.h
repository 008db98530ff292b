/* The fluxion service without a socket: method name and request bytes in,
 * response bytes or a gRPC status out. Any thread calls: what takes time is done without
 * a lock, and calls on a graph one after the other. */
#ifndef FLUXION_SERVER_SERVICE_H
#define FLUXION_SERVER_SERVICE_H

#include <flux/types.h>
#include <stdbool.h>
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
    /* The job that the call has made, for service_undo; 0: none. */
    uint64_t epoch;
    int64_t jobid;
};

struct service_limits {
    size_t jobspec;  /* bytes of text; 0: SERVICE_MAX_JOBSPEC */
    size_t criteria; /* of Find; 0: SERVICE_MAX_CRITERIA */
};
/* What one call may cost the others. */
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
/* Before the first call: go on with the graphs and jobs of an earlier process, and keep
 * all changes there; borrowed. -1 with *error. */
struct state;
int service_restore (struct service *s, struct state *state, flux_error_t *error);
/* 0, or the errno with which a change could not be kept; from then on there are none
 * (UNAVAILABLE). */
int service_state_errno (const struct service *s);
/* Is there a graph? */
bool service_ready (const struct service *s);

/* method: "/fluxion.FluxionService/Match". Always fills in *reply, whose data
 * the caller frees; an unknown method gives UNIMPLEMENTED. */
void service_call (struct service *s, const char *method, const uint8_t *data,
                   size_t len, struct reply *reply);

/* Before a request of `len` bytes is taken in: 0, or *reply says why not. head: as much
 * of it as is at hand. */
int service_admit (const struct service *s, const char *method, const uint8_t *head,
                   size_t head_len, size_t len, struct reply *reply);
/* Will it take long to read? */
bool service_is_heavy (const char *method, size_t len);
/* Nobody has heard of the job that a call has made (its client is gone, or its deadline
 * is over): what it holds is given back. */
void service_undo (struct service *s, uint64_t epoch, int64_t jobid);

#endif
