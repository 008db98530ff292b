/* Jobs: ids (RFC 19), states and events (RFC 21), where the KVS has them (RFC 16).
 *
 * Calls fail with -1 or NULL and errno: EINVAL where an argument is no good, ENOMEM.
 * The service's errors come with the future, often with a text
 * (flux_future_error_string()): ENOSYS if it is not loaded, ENOENT if there is no such
 * job, or for what changes one, if it is inactive; EPERM if it is another user's;
 * EAGAIN if too much waits already. Futures are to be destroyed. Getters wait for the
 * answer; what they hand out is the future's until it is reset or destroyed; what is
 * not wanted may be NULL. */
#ifndef FLUX_JOB_H
#define FLUX_JOB_H

#include <flux/rpc.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t flux_jobid_t;
#define FLUX_JOBID_ANY 0xFFFFFFFFFFFFFFFFull

enum job_submit_flags {
    FLUX_JOB_PRE_SIGNED = 1, /* jobspec is a signed J (RFC 39) */
    FLUX_JOB_DEBUG = 2,
    FLUX_JOB_WAITABLE = 4,   /* the instance owner's alone */
    FLUX_JOB_NOVALIDATE = 8, /* likewise */
};
/* RFC 30. */
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

/* type: dec hex kvs dothex f58 f58plain, NULL: dec. parse takes all of them, with
 * blanks around. EINVAL: none of them (words and emoji are not done); EOVERFLOW: len is
 * too small. */
int flux_job_id_parse (const char *s, flux_jobid_t *id);
int flux_job_id_encode (flux_jobid_t id, const char *type, char *buf, size_t len);
/* fmt: "s" abbreviated, "S" ABBREVIATED, "l" long, "L" or NULL LONG. Static; "-" and
 * "(unknown)" for what is none. The way back: short or long, upper or lower case. */
const char *flux_job_statetostr (flux_job_state_t state, const char *fmt);
int flux_job_strtostate (const char *s, flux_job_state_t *state);
const char *flux_job_resulttostr (flux_job_result_t result, const char *fmt);
int flux_job_strtoresult (const char *s, flux_job_result_t *result);

/* jobspec: JSON text of RFC 25; it is copied. EINVAL: it, urgency or a flag is refused;
 * EPERM: only the owner's jobs run here. */
flux_future_t *flux_job_submit (flux_t *h, const char *jobspec, int urgency, int flags);
int flux_job_submit_get_id (flux_future_t *f, flux_jobid_t *id);
/* For the end of a job with WAITABLE, each of which is reported once; the instance
 * owner's alone. id FLUX_JOBID_ANY: of the first to end. ECHILD: there is none to wait
 * for; EEXIST: somebody waits for it. errstr: how it ended. */
flux_future_t *flux_job_wait (flux_t *h, flux_jobid_t id);
int flux_job_wait_get_status (flux_future_t *f, bool *success, const char **errstr);
int flux_job_wait_get_id (flux_future_t *f, flux_jobid_t *id);
/* From job-list (RFC 43), to be unpacked: {jobs: [{id, ...}]}, of list_id {job: {id,
 * ...}}. attrs_json: an array of names, "all" for all; NULL: the id alone, of list_id
 * all. EINVAL: an unknown one. max_entries 0: no bound. userid FLUX_USERID_UNKNOWN:
 * anybody's. states: a mask, 0: any. since: seconds since the epoch; those that ended
 * later. */
flux_future_t *flux_job_list (flux_t *h, int max_entries, const char *attrs_json,
                              uint32_t userid, int states);
flux_future_t *flux_job_list_inactive (flux_t *h, int max_entries, double since,
                                       const char *attrs_json);
flux_future_t *flux_job_list_id (flux_t *h, flux_jobid_t id, const char *attrs_json);
/* An exception (RFC 21). Severity 0, as of cancel, to 7; 0 ends the job. note may be
 * NULL. EPROTO: type is not one word, or severity out of range; E2BIG: more than 64
 * KiB, or the job has too many events. */
flux_future_t *flux_job_raise (flux_t *h, flux_jobid_t id, const char *type,
                               int severity, const char *note);
flux_future_t *flux_job_cancel (flux_t *h, flux_jobid_t id, const char *reason);
/* Answered when the signal is on its way. EINVAL: there is no such, or the job does not
 * run yet, or no more. */
flux_future_t *flux_job_kill (flux_t *h, flux_jobid_t id, int signum);
/* The answer is {old_urgency}. EINVAL: out of range, the job has its resources, or who
 * is not the owner goes above 16. */
flux_future_t *flux_job_set_urgency (flux_t *h, flux_jobid_t id, int urgency);
/* "job.0123.4567.89ab.cdef", or ".KEY" of it unless key is NULL; "....guest.KEY";
 * "job-ID", a namespace. The length; EOVERFLOW: bufsz is too small. */
int flux_job_kvs_key (char *buf, int bufsz, flux_jobid_t id, const char *key);
int flux_job_kvs_guest_key (char *buf, int bufsz, flux_jobid_t id, const char *key);
int flux_job_kvs_namespace (char *buf, int bufsz, flux_jobid_t id);

/* path: "eventlog", "guest.exec.eventlog", "guest.output", ...
 * get: one line (RFC 18), newline included; reset brings the next. ENODATA: the log is
 * at its end, or the watch was canceled. ENOENT: no such job, or log; but WAITCREATE
 * waits for a job (with "eventlog"), and until it ends for its other logs; the exec log
 * of an active job is waited for in any case. */
flux_future_t *flux_job_event_watch (flux_t *h, flux_jobid_t id, const char *path,
                                     int flags);
enum { FLUX_JOB_EVENT_WATCH_WAITCREATE = 1 };
int flux_job_event_watch_get (flux_future_t *f, const char **event);
int flux_job_event_watch_cancel (flux_future_t *f);
/* When the job is inactive: {id, result, exception_occurred, t_submit, t_run,
 * t_cleanup, t_inactive, waitstatus, exception_type, exception_severity,
 * exception_note}: from t_submit on, what there is. Times: seconds since the epoch. The
 * exception: the first of severity 0. unpack: EPROTO if it does not fit. flags: 0. */
flux_future_t *flux_job_result (flux_t *h, flux_jobid_t id, int flags);
int flux_job_result_get (flux_future_t *f, const char **json_str);
int flux_job_result_get_unpack (flux_future_t *f, const char *fmt, ...);
/* Of the job in $FLUX_JOB_ID, in seconds: INFINITY without a limit, 0 past it. Waits.
 * error must not be NULL. EINVAL: not in a job; or why its R cannot be read. */
int flux_job_timeleft (flux_t *h, flux_error_t *error, double *timeleft);
/* The payload of a signed J (RFC 39), to be freed; *userid: the signer. verify: of
 * mechanism none (others: EINVAL), which proves nothing: userid is to be compared. */
char *flux_unwrap_string (const char *in, bool verify, uint32_t *userid,
                          flux_error_t *error);
/* The reverse with mechanism none, to be freed. ENOMEM. */
char *flux_sign_none (const char *payload, uint32_t userid);
/* Of wait(2): 128 + signal if it ended by one. EINVAL: it has not ended. */
int flux_job_waitstatus_to_exitcode (int waitstatus, flux_error_t *error);

#ifdef __cplusplus
}
#endif

#endif
