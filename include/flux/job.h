/* Jobs (RFC 19, 21). */
#ifndef FLUX_JOB_H
#define FLUX_JOB_H

#include <flux/rpc.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t flux_jobid_t;
#define FLUX_JOBID_ANY 0xFFFFFFFFFFFFFFFFull

enum job_submit_flags {
    FLUX_JOB_PRE_SIGNED = 1,
    FLUX_JOB_DEBUG = 2,
    FLUX_JOB_WAITABLE = 4,
    FLUX_JOB_NOVALIDATE = 8,
};
enum job_urgency {
    FLUX_JOB_URGENCY_MIN = 0,
    FLUX_JOB_URGENCY_HOLD = 0,
    FLUX_JOB_URGENCY_DEFAULT = 16,
    FLUX_JOB_URGENCY_MAX = 31,
    FLUX_JOB_URGENCY_EXPEDITE = 31,
};
#define FLUX_JOB_PRIORITY_MIN 0
#define FLUX_JOB_PRIORITY_MAX 4294967295u

typedef enum {
    FLUX_JOB_STATE_NEW = 1,
    FLUX_JOB_STATE_DEPEND = 2,
    FLUX_JOB_STATE_PRIORITY = 4,
    FLUX_JOB_STATE_SCHED = 8,
    FLUX_JOB_STATE_RUN = 16,
    FLUX_JOB_STATE_CLEANUP = 32,
    FLUX_JOB_STATE_INACTIVE = 64,
} flux_job_state_t;
#define FLUX_JOB_NR_STATES 7
#define FLUX_JOB_STATE_PENDING 14
#define FLUX_JOB_STATE_RUNNING 48
#define FLUX_JOB_STATE_ACTIVE 62

typedef enum {
    FLUX_JOB_RESULT_COMPLETED = 1,
    FLUX_JOB_RESULT_FAILED = 2,
    FLUX_JOB_RESULT_CANCELED = 4,
    FLUX_JOB_RESULT_TIMEOUT = 8,
} flux_job_result_t;

/* s: any RFC 19 encoding. type: dec hex kvs dothex words f58 f58plain emoji. */
int flux_job_id_parse (const char *s, flux_jobid_t *id);
int flux_job_id_encode (flux_jobid_t id, const char *type, char *buf, size_t len);
/* fmt: "s" abbreviated, "S" ABBREVIATED, "l" long, "L" LONG. */
const char *flux_job_statetostr (flux_job_state_t state, const char *fmt);
int flux_job_strtostate (const char *s, flux_job_state_t *state);
const char *flux_job_resulttostr (flux_job_result_t result, const char *fmt);
int flux_job_strtoresult (const char *s, flux_job_result_t *result);

flux_future_t *flux_job_submit (flux_t *h, const char *jobspec, int urgency, int flags);
int flux_job_submit_get_id (flux_future_t *f, flux_jobid_t *id);
flux_future_t *flux_job_wait (flux_t *h, flux_jobid_t id);
int flux_job_wait_get_status (flux_future_t *f, bool *success, const char **errstr);
int flux_job_wait_get_id (flux_future_t *f, flux_jobid_t *id);
flux_future_t *flux_job_list (flux_t *h, int max_entries, const char *attrs_json,
                              uint32_t userid, int states);
flux_future_t *flux_job_list_inactive (flux_t *h, int max_entries, double since,
                                       const char *attrs_json);
flux_future_t *flux_job_list_id (flux_t *h, flux_jobid_t id, const char *attrs_json);
flux_future_t *flux_job_raise (flux_t *h, flux_jobid_t id, const char *type,
                               int severity, const char *note);
flux_future_t *flux_job_cancel (flux_t *h, flux_jobid_t id, const char *reason);
flux_future_t *flux_job_kill (flux_t *h, flux_jobid_t id, int signum);
flux_future_t *flux_job_set_urgency (flux_t *h, flux_jobid_t id, int urgency);
int flux_job_kvs_key (char *buf, int bufsz, flux_jobid_t id, const char *key);
int flux_job_kvs_guest_key (char *buf, int bufsz, flux_jobid_t id, const char *key);
int flux_job_kvs_namespace (char *buf, int bufsz, flux_jobid_t id);

/* path: "eventlog", "guest.exec.eventlog", "guest.output", ...
 * get: one eventlog line (newline included) for each response; ENODATA ends. */
flux_future_t *flux_job_event_watch (flux_t *h, flux_jobid_t id, const char *path,
                                     int flags);
enum { FLUX_JOB_EVENT_WATCH_WAITCREATE = 1 };
int flux_job_event_watch_get (flux_future_t *f, const char **event);
int flux_job_event_watch_cancel (flux_future_t *f);
flux_future_t *flux_job_result (flux_t *h, flux_jobid_t id, int flags);
int flux_job_result_get (flux_future_t *f, const char **json_str);
int flux_job_result_get_unpack (flux_future_t *f, const char *fmt, ...);
int flux_job_timeleft (flux_t *h, flux_error_t *error, double *timeleft);
/* The payload of a signed J (RFC 39), unverified if verify is false. */
char *flux_unwrap_string (const char *in, bool verify, uint32_t *userid,
                          flux_error_t *error);
/* The reverse with mechanism none: J for this process's user. */
char *flux_sign_none (const char *payload, uint32_t userid);
int flux_job_waitstatus_to_exitcode (int waitstatus, flux_error_t *error);

#ifdef __cplusplus
}
#endif

#endif
