/* Subcommands of `flux job`, by the files that hold them. */
#ifndef CMD_JOB_H
#define CMD_JOB_H

#include "cmd/cmd.h"
#include "value/eventlog.h"

/* job_submit.c */
extern struct optparse_option job_submit_opts[], job_attach_opts[];
int job_submit (optparse_t *p, int argc, char **argv);
int job_attach (optparse_t *p, int argc, char **argv);

/* job_info.c */
extern struct optparse_option job_info_opts[], job_eventlog_opts[];
extern struct optparse_option job_wait_event_opts[];
int job_info (optparse_t *p, int argc, char **argv);
int job_eventlog (optparse_t *p, int argc, char **argv);
int job_wait_event (optparse_t *p, int argc, char **argv);

/* job_wait.c */
extern struct optparse_option job_wait_opts[], job_status_opts[];
int job_wait (optparse_t *p, int argc, char **argv);
int job_status (optparse_t *p, int argc, char **argv);

/* job_signal.c */
extern struct optparse_option job_cancel_opts[];
extern struct optparse_option job_kill_opts[], job_killall_opts[], job_raise_opts[];
extern struct optparse_option job_raiseall_opts[], job_purge_opts[], job_memo_opts[],
    job_proctable_opts[], job_hostpids_opts[];
extern struct optparse_option job_urgency_opts[];
int job_kill (optparse_t *p, int argc, char **argv);
int job_killall (optparse_t *p, int argc, char **argv);
int job_cancel (optparse_t *p, int argc, char **argv);
int job_raise (optparse_t *p, int argc, char **argv);
int job_raiseall (optparse_t *p, int argc, char **argv);
int job_urgency (optparse_t *p, int argc, char **argv);
int job_memo (optparse_t *p, int argc, char **argv);
int job_proctable (optparse_t *p, int argc, char **argv);
int job_hostpids (optparse_t *p, int argc, char **argv);
int job_purge (optparse_t *p, int argc, char **argv);

/* job_id.c */
extern struct optparse_option job_id_opts[], job_taskmap_opts[], job_timeleft_opts[];
int job_id (optparse_t *p, int argc, char **argv);
int job_last (optparse_t *p, int argc, char **argv);
int job_stats (optparse_t *p, int argc, char **argv);
int job_namespace (optparse_t *p, int argc, char **argv);
int job_taskmap (optparse_t *p, int argc, char **argv);
int job_timeleft (optparse_t *p, int argc, char **argv);

/* job_list.c */
extern struct optparse_option job_list_opts[], job_list_inactive_opts[];
extern struct optparse_option job_list_ids_opts[];
int job_list (optparse_t *p, int argc, char **argv);
int job_list_inactive (optparse_t *p, int argc, char **argv);
int job_list_ids (optparse_t *p, int argc, char **argv);

/* The first operand's index; dies with the usage unless there are min to max
 * operands (max < 0: any number). */
/* Waits for the event shell.start of a job; timeout in seconds, < 0: none. Its map of
 * tasks (RFC 34), owned by the caller; NULL with errno: ENODATA: it ended without,
 * ETIMEDOUT, ENOENT. */
json_t *job_taskmap_wait (flux_jobid_t id, double timeout);
int job_operands (optparse_t *p, int argc, int min, int max);
/* "exec" -> "guest.exec.eventlog", ... */
const char *job_path (const char *name);
/* Signal by number or name ("TERM", "SIGTERM"); dies. */
int job_signum (const char *s);

#endif
