/* The job-info module (RFC 41): state that its files share. */
#ifndef JOB_INFO_SERVICE_H
#define JOB_INFO_SERVICE_H

#include "base/buf.h"
#include "base/list.h"

#include <flux/core.h>
#include <jansson.h>

#define WATCHES_MAX 262144

struct idmap;

struct job_info {
    flux_t *h;
    uint32_t owner;
    struct idmap *jobs; /* id -> struct job, of those that are watched */
    size_t watches;
    int lookups;
    flux_msg_handler_t **handlers;
};

/* lookup.c */
void job_info_lookup_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg);
/* EPERM unless the sender owns the job, or the instance; the job's owner stands
 * in the submit event at the start of its log. EINVAL if it does not. */
int job_info_authorize (const flux_msg_t *msg, const char *log, size_t len);
flux_future_t *job_info_kvs_lookup (struct job_info *ji, flux_jobid_t id,
                                    const char *key, int flags);
/* The answer comes when the KVS has what the job's events so far promise: a job may run,
 * and ask for its R or its log, before it has. ENOENT: it is not active. */
flux_future_t *job_info_wait_stored (struct job_info *ji, flux_jobid_t id);
/* That it could not be waited for is worth nobody's attention. */
bool job_info_look_again (flux_future_t *f);

/* watch.c */
void job_info_watch_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg);
void job_info_update_watch_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg);
void job_info_credit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg);
void job_info_cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg);
void job_info_disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                             void *arg);
void job_info_watch_fini (struct job_info *ji);

/* job-info.c */
void job_info_respond_error (struct job_info *ji, const flux_msg_t *msg, int errnum,
                             const char *text);

#endif
