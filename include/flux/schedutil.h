/* Help for schedulers: the scheduler's end of RFC 27. */
#ifndef FLUX_SCHEDUTIL_H
#define FLUX_SCHEDUTIL_H

#include <flux/job.h>
#include <flux/rpc.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct schedutil_ctx schedutil_t;

struct schedutil_ops {
    int (*hello) (flux_t *h, const flux_msg_t *msg, const char *R, void *arg);
    void (*alloc) (flux_t *h, const flux_msg_t *msg, void *arg);
    void (*free) (flux_t *h, const flux_msg_t *msg, const char *R, void *arg);
    void (*cancel) (flux_t *h, const flux_msg_t *msg, void *arg);
    void (*prioritize) (flux_t *h, const flux_msg_t *msg, void *arg);
};
enum schedutil_flags {
    SCHEDUTIL_FREE_NOLOOKUP = 1,
    SCHEDUTIL_HELLO_PARTIAL_OK = 2,
};

/* Registers service "sched". */
schedutil_t *schedutil_create (flux_t *h, int flags, const struct schedutil_ops *ops,
                               void *arg);
void schedutil_destroy (schedutil_t *util);
int schedutil_hello (schedutil_t *util);
/* mode: "unlimited", or "limited" with *queue_depth set from the answer. */
int schedutil_ready (schedutil_t *util, const char *mode, int *queue_depth);

/* job-manager commits R with the job's alloc event. */
int schedutil_alloc_respond_success_pack (schedutil_t *util, const flux_msg_t *msg,
                                          const char *R, const char *fmt, ...);
int schedutil_alloc_respond_annotate_pack (schedutil_t *util, const flux_msg_t *msg,
                                           const char *fmt, ...);
int schedutil_alloc_respond_deny (schedutil_t *util, const flux_msg_t *msg,
                                  const char *note);
int schedutil_alloc_respond_cancel (schedutil_t *util, const flux_msg_t *msg);
int schedutil_free_respond (schedutil_t *util, const flux_msg_t *msg);

#ifdef __cplusplus
}
#endif

#endif
