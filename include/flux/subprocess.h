/* Local and remote subprocesses (RFC 42).
 *
 * Calls return 0, or -1 (NULL) with errno: EINVAL where an argument is no good, ENOMEM. */
#ifndef FLUX_SUBPROCESS_H
#define FLUX_SUBPROCESS_H

#include <flux/future.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flux_command flux_cmd_t;
typedef struct flux_subprocess flux_subprocess_t;
typedef struct flux_subprocess_server flux_subprocess_server_t;

typedef enum {
    FLUX_SUBPROCESS_INIT,
    FLUX_SUBPROCESS_RUNNING,
    FLUX_SUBPROCESS_EXITED, /* reaped; output may still come */
    FLUX_SUBPROCESS_FAILED, /* remote: could not start, or its server is lost: the end */
    FLUX_SUBPROCESS_STOPPED, /* by a signal; local: seen if there is on_state_change. That
                              * a remote one goes on is not told (RFC 42) */
} flux_subprocess_state_t;

enum {
    FLUX_SUBPROCESS_FLAGS_STDIO_FALLTHROUGH = 1, /* stdin etc. are the parent's */
    FLUX_SUBPROCESS_FLAGS_NO_SETPGRP = 2,  /* stays in the parent's process group */
    FLUX_SUBPROCESS_FLAGS_FORK_EXEC = 4,   /* no vfork */
    FLUX_SUBPROCESS_FLAGS_LOCAL_UNBUF = 8, /* output is told before its line ends */
    FLUX_SUBPROCESS_FLAGS_WAITABLE = 16,   /* flux_rexec_bg: keep the status */
};

/* A command, for its maker to destroy. All is copied; what the getters give is the
 * command's until that is changed, or NULL if there is none (argc: 0 without a command).
 * env: NAME=value, NULL at the end; NULL: empty. stringify: with a blank between; to be freed. */
flux_cmd_t *flux_cmd_create (int argc, char *argv[], char **env);
flux_cmd_t *flux_cmd_copy (const flux_cmd_t *src);
void flux_cmd_destroy (flux_cmd_t *cmd);
int flux_cmd_argv_append (flux_cmd_t *cmd, const char *arg);
int flux_cmd_argv_appendf (flux_cmd_t *cmd, const char *fmt, ...);
int flux_cmd_argv_delete (flux_cmd_t *cmd, int n);
/* Before argument n; n may be the number of arguments. */
int flux_cmd_argv_insert (flux_cmd_t *cmd, int n, const char *arg);
int flux_cmd_argc (const flux_cmd_t *cmd);
const char *flux_cmd_arg (const flux_cmd_t *cmd, int n);
char *flux_cmd_stringify (const flux_cmd_t *cmd);
/* EEXIST: it is set, and overwrite is 0. */
int flux_cmd_setenvf (flux_cmd_t *cmd, int overwrite, const char *name, const char *fmt,
                      ...);
void flux_cmd_unsetenv (flux_cmd_t *cmd, const char *name);
const char *flux_cmd_getenv (const flux_cmd_t *cmd, const char *name);
/* Where it starts; in /tmp if it cannot go there. */
int flux_cmd_setcwd (flux_cmd_t *cmd, const char *cwd);
const char *flux_cmd_getcwd (const flux_cmd_t *cmd);
/* A stream beside the standard ones: the process finds its descriptor in the variable
 * NAME. EEXIST: there is a channel of this name. */
int flux_cmd_add_channel (flux_cmd_t *cmd, const char *name);
/* A channel of messages: the process finds a URI for flux_open in the variable NAME. What
 * it sends there goes to uri, which is opened by whoever starts the process, and what
 * comes from uri goes to it. Either end may close it. EEXIST as above. */
int flux_cmd_add_message_channel (flux_cmd_t *cmd, const char *name, const char *uri);
/* In the place of all that was there. */
int flux_cmd_env_replace (flux_cmd_t *cmd, char **env);
/* Of a STREAM: STREAM_BUFSIZE, the bytes that may wait in each direction (4 MiB; remote
 * input: the server's choice); STREAM_LINE_BUFFER "false": as LOCAL_UNBUF;
 * STREAM_STREAM_STOP "true": as after flux_subprocess_stream_stop. */
int flux_cmd_setopt (flux_cmd_t *cmd, const char *var, const char *val);
const char *flux_cmd_getopt (flux_cmd_t *cmd, const char *var);
/* For attach and wait; it fails with EEXIST if the server has one of this label. */
int flux_cmd_set_label (flux_cmd_t *cmd, const char *label);
const char *flux_cmd_get_label (flux_cmd_t *cmd); /* NULL: none */

/* All may be NULL. The call that starts p calls none; output and credit are also told
 * inside stream_start and write. They may destroy p; then none is called any more. Output
 * without its callback is discarded. output: there is some to read, or, once, its end.
 * credit: so many bytes more may be written. */
typedef void (*flux_subprocess_f) (flux_subprocess_t *p);
typedef void (*flux_subprocess_output_f) (flux_subprocess_t *p, const char *stream);
typedef void (*flux_subprocess_state_f) (flux_subprocess_t *p,
                                         flux_subprocess_state_t state);
typedef void (*flux_subprocess_credit_f) (flux_subprocess_t *p, const char *stream,
                                          int bytes);
typedef struct {
    flux_subprocess_f on_completion; /* exited and all output read; not when FAILED */
    flux_subprocess_state_f on_state_change;
    flux_subprocess_output_f on_channel_out;
    flux_subprocess_output_f on_stdout;
    flux_subprocess_output_f on_stderr;
    flux_subprocess_credit_f on_credit;
} flux_subprocess_ops_t;

typedef void (*flux_subprocess_hook_f) (flux_subprocess_t *p, void *arg);
typedef struct {
    flux_subprocess_hook_f pre_exec; /* in the child; makes it a fork */
    void *pre_exec_arg;
    flux_subprocess_hook_f post_fork; /* in the parent, when it has its program */
    void *post_fork_arg;
} flux_subprocess_hooks_t;

/* New ones, to be destroyed; cmd and ops are copied, r is held, h borrowed. stdin is open
 * until flux_subprocess_close.
 * Local: NULL with why the program does not start (execve(2)); EMFILE: too many channels.
 * Remote: rank -1 is the nearest server, service NULL is "rexec". What does not start is
 * FAILED: with that errno; EAGAIN: too many processes; ENOSYS: no such service; EPERM. */
flux_subprocess_t *flux_local_exec (flux_reactor_t *r, int flags, const flux_cmd_t *cmd,
                                    const flux_subprocess_ops_t *ops);
/* log_fn (may be NULL) is told, with log_data, what there is to be said beside: why a
 * process does not start, is killed here, or is FAILED. As flux_llog (flux/attr.h). */
typedef void (*subprocess_log_f) (void *arg, const char *file, int line,
                                  const char *func, const char *subsys, int level,
                                  const char *fmt, va_list args);
flux_subprocess_t *flux_local_exec_ex (flux_reactor_t *r, int flags,
                                       const flux_cmd_t *cmd,
                                       const flux_subprocess_ops_t *ops,
                                       const flux_subprocess_hooks_t *hooks,
                                       subprocess_log_f log_fn, void *log_data);
flux_subprocess_t *flux_rexec (flux_t *h, int rank, int flags, const flux_cmd_t *cmd,
                               const flux_subprocess_ops_t *ops);
flux_subprocess_t *flux_rexec_ex (flux_t *h, const char *service, int rank, int flags,
                                  const flux_cmd_t *cmd,
                                  const flux_subprocess_ops_t *ops,
                                  subprocess_log_f log_fn, void *log_data);

/* In the background: the answer carries {pid}, of the output 64 KB are kept, and the process
 * outlives the client. EINVAL: rank below -1. Fails as flux_rexec_ex, but in the future, which is new. */
flux_future_t *flux_rexec_bg (flux_t *h, const char *service, int rank, int flags,
                              const flux_cmd_t *cmd);
/* Follow a process of flux_rexec_bg, by label if it is not NULL, else by pid. It is as
 * one of flux_rexec from then on, but that its input is at its end, that
 * flux_subprocess_get_cmd knows it when it runs, and that it goes on in the background
 * when its client goes. Of what it wrote before the first 64 KB are told. Who has followed a waitable
 * process to its end has waited for it. flags: FLUX_SUBPROCESS_FLAGS_LOCAL_UNBUF. NULL
 * with EINVAL; flux_subprocess_fail_errno: ENOENT (no such process), EBUSY (somebody
 * else does, or it is not in the background), EPERM. */
flux_subprocess_t *flux_rexec_attach (flux_t *h, const char *service, int rank,
                                      int flags, pid_t pid, const char *label,
                                      const flux_subprocess_ops_t *ops);
/* By label if it is not NULL, else by pid. get_status waits; status as wait(2). NULL with
 * EINVAL; the future: ESRCH: no such process; ECHILD: it is not waitable; EINVAL: somebody waits already. */
flux_future_t *flux_rexec_wait (flux_t *h, const char *service, int rank, pid_t pid,
                                const char *label);
int flux_rexec_wait_get_status (flux_future_t *f, int *status);

/* Output is told of, or not; while it is not, the process has to wait at last. EINVAL: no
 * such stream, or it has no callback. */
int flux_subprocess_stream_start (flux_subprocess_t *p, const char *stream);
int flux_subprocess_stream_stop (flux_subprocess_t *p, const char *stream);
/* All len bytes, which is returned, or none. EPIPE: closed, or FAILED. ENOSPC: too many
 * wait; a remote process is killed for that, and FAILED: mind on_credit. close ends the
 * input when it is written. */
int flux_subprocess_write (flux_subprocess_t *p, const char *stream, const char *buf,
                           size_t len);
int flux_subprocess_close (flux_subprocess_t *p, const char *stream);
/* The number of bytes in *bufp, which end with a NUL more and are the process's until the
 * next read of the stream (NULL: stdout). 0: nothing there, or EOF. line: up to a newline,
 * or nothing, unless the buffer is full; trimmed: without it, so that 0 may be an empty
 * line. getline: also what is left at EOF; EPERM: the stream is not line buffered. closed:
 * all is read, and EOF. EINVAL (closed: true): no such stream, or it has no callback. */
int flux_subprocess_read (flux_subprocess_t *p, const char *stream, const char **bufp);
int flux_subprocess_read_line (flux_subprocess_t *p, const char *stream,
                               const char **bufp);
int flux_subprocess_read_trimmed_line (flux_subprocess_t *p, const char *stream,
                                       const char **bufp);
bool flux_subprocess_read_stream_closed (flux_subprocess_t *p, const char *stream);
int flux_subprocess_getline (flux_subprocess_t *p, const char *stream,
                             const char **bufp);
/* Puts off the end of an output stream, and so on_completion, until each incref of it has
 * its decref: for whoever has another source of the stream. */
void flux_subprocess_channel_incref (flux_subprocess_t *p, const char *name);
void flux_subprocess_channel_decref (flux_subprocess_t *p, const char *name);
/* Its process group; with NO_SETPGRP it alone. What is still to start gets the signal as
 * soon as it has; after its end, as long as its output is open, those that it left in its
 * group get it. ESRCH: it is complete. The future is new, and fails as kill(2), or with
 * ESRCH if the process never started, or was destroyed first. */
flux_future_t *flux_subprocess_kill (flux_subprocess_t *p, int signo);
/* destroy is decref. A process that runs goes on: a local one is reaped when the reactor
 * runs after its end, but does not keep it running; a remote one is killed when the handle
 * goes. */
void flux_subprocess_incref (flux_subprocess_t *p);
void flux_subprocess_decref (flux_subprocess_t *p);
void flux_subprocess_destroy (flux_subprocess_t *p);
/* -1 with EINVAL where there is no such thing: rank of a local process, fail_errno unless
 * FAILED, status (wait(2)) before EXITED, exit_code and signaled (the signal) if it ended
 * otherwise. pid: -1 before RUNNING. fail_error is never NULL. What is not a number is
 * borrowed, and lives as long as p. */
flux_subprocess_state_t flux_subprocess_state (flux_subprocess_t *p);
const char *flux_subprocess_state_string (flux_subprocess_state_t state);
bool flux_subprocess_active (flux_subprocess_t *p);
int flux_subprocess_rank (flux_subprocess_t *p);
int flux_subprocess_fail_errno (flux_subprocess_t *p);
const char *flux_subprocess_fail_error (flux_subprocess_t *p);
int flux_subprocess_status (flux_subprocess_t *p);
int flux_subprocess_exit_code (flux_subprocess_t *p);
int flux_subprocess_signaled (flux_subprocess_t *p);
pid_t flux_subprocess_pid (flux_subprocess_t *p);
flux_cmd_t *flux_subprocess_get_cmd (flux_subprocess_t *p);
flux_reactor_t *flux_subprocess_get_reactor (flux_subprocess_t *p);
/* As flux_aux_set (flux/handle.h), but that a value may be NULL; items go with p. */
int flux_subprocess_aux_set (flux_subprocess_t *p, const char *name, void *x,
                             flux_free_f free_fn);
void *flux_subprocess_aux_get (flux_subprocess_t *p, const char *name);

#ifdef __cplusplus
}
#endif

#endif
