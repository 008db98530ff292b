/* Plugins of the job shell: flux-shell-plugins(7).
 *
 * A plugin is a shared object with flux_plugin_init() (see <flux/plugin.h>). It defines
 * FLUX_SHELL_PLUGIN_NAME, a string, before it includes this header: the name that log
 * messages carry, and under which it takes the place of another plugin. It is called in
 * a shell's one thread; nothing here may be called from another. In what follows, calls
 * fail with -1 or NULL and errno; EINVAL stands for an argument that is NULL or out of
 * range. Objects go in and out as the text of JSON, or with the formats of jansson's
 * json_pack() and json_unpack(). */
#ifndef FLUX_SHELL_H
#define FLUX_SHELL_H

#include <errno.h>
#include <flux/core.h>
#include <flux/hostlist.h>
#include <flux/taskmap.h>
#include <stdbool.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flux_shell flux_shell_t;
typedef struct flux_shell_task flux_shell_task_t;

/* Something came on a channel of a task, or the channel is at its end. */
typedef void (*flux_shell_task_io_f) (flux_shell_task_t *task, const char *stream,
                                      void *arg);

/* The shell that has loaded a plugin. NULL with EINVAL: none has. */
flux_shell_t *flux_plugin_get_shell (flux_plugin_t *p);

/* Values that live as long as the shell, as flux_aux_set(3). */
int flux_shell_aux_set (flux_shell_t *shell, const char *name, void *aux,
                        flux_free_f free_fn);
void *flux_shell_aux_get (flux_shell_t *shell, const char *name);

/* Environment of the job: what its tasks get, not the shell's own. It can be changed
 * until tasks are started. getenv: the value, until it is changed; NULL: there is none.
 * get_environ: an object, to be freed. setenvf without overwrite: EEXIST if there is
 * one. */
const char *flux_shell_getenv (flux_shell_t *shell, const char *name);
int flux_shell_get_environ (flux_shell_t *shell, char **json_str);
int flux_shell_setenvf (flux_shell_t *shell, int overwrite, const char *name,
                        const char *fmt, ...) __attribute__ ((format (printf, 4, 5)));
int flux_shell_unsetenv (flux_shell_t *shell, const char *name);

/* Shell options, of the jobspec or set since; "a.b" is member b of option a. getopt: 1,
 * and 0 if the option is not set; the text is to be freed. setopt without json_str
 * unsets. What flux_plugin_init() sets, the shell's own parts read after it. An option
 * that neither they nor a plugin have read when tasks are started fails the job. */
int flux_shell_getopt (flux_shell_t *shell, const char *name, char **json_str);
int flux_shell_getopt_unpack (flux_shell_t *shell, const char *name, const char *fmt,
                              ...);
int flux_shell_setopt (flux_shell_t *shell, const char *name, const char *json_str);
int flux_shell_setopt_pack (flux_shell_t *shell, const char *name, const char *fmt,
                            ...);

/* The XML of this host's topology, which belongs to the shell. ENOSYS: without hwloc. */
int flux_shell_get_hwloc_xml (flux_shell_t *shell, const char **xmlp);

/* They belong to the shell. EINVAL: the tasks are not placed yet. */
const struct taskmap *flux_shell_get_taskmap (flux_shell_t *shell);
const struct hostlist *flux_shell_get_hostlist (flux_shell_t *shell);

/* {jobid, rank, size, ntasks, service, options: {verbose, standalone}, jobspec, R}; the
 * text is to be freed. */
int flux_shell_get_info (flux_shell_t *shell, char **json_str);
int flux_shell_info_unpack (flux_shell_t *shell, const char *fmt, ...);

/* Of a shell of the job, -1: this one. {id, name, broker_rank, ntasks, taskids,
 * resources: {ncores, cores, gpus}}. */
int flux_shell_get_rank_info (flux_shell_t *shell, int shell_rank, char **json_str);
int flux_shell_rank_info_unpack (flux_shell_t *shell, int shell_rank, const char *fmt,
                                 ...);

/* {version, ntasks, nslots, cores_per_slot, gpus_per_slot, nnodes, slots_per_node,
 * node_exclusive}; -1 where a jobspec leaves a number open. */
int flux_shell_get_jobspec_info (flux_shell_t *shell, char **json_str);
int flux_shell_jobspec_info_unpack (flux_shell_t *shell, const char *fmt, ...);

/* Templates, with what is known in this shell, in another of the job, or for a task. A
 * tag that nobody knows stays as it is. To be freed. is_per_rank: the result is another
 * one for each shell or task. */
char *flux_shell_mustache_render (flux_shell_t *shell, const char *fmt);
char *flux_shell_rank_mustache_render (flux_shell_t *shell, int shell_rank,
                                       const char *fmt);
char *flux_shell_task_mustache_render (flux_shell_t *shell, flux_shell_task_t *task,
                                       const char *fmt);
bool flux_shell_mustache_is_per_rank (flux_shell_t *shell, const char *fmt);

/* Adds members to the context of "shell.init" or "shell.start" of the job's exec
 * eventlog; the first shell's are posted. */
int flux_shell_add_event_context (flux_shell_t *shell, const char *name, int flags,
                                  const char *fmt, ...);

/* The shell goes on until each reference is gone again. add: how many there are of this
 * name. remove: ENOENT if there is none. */
int flux_shell_add_completion_ref (flux_shell_t *shell, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
int flux_shell_remove_completion_ref (flux_shell_t *shell, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

/* A signal for all tasks. */
void flux_shell_killall (flux_shell_t *shell, int sig);

/* A connection to the broker, opened when it is first asked for; its reactor runs while
 * the shell does. It belongs to the shell. While there is no broker calls fail with
 * ECONNRESET; shell.reconnect says that there is one again. */
flux_t *flux_shell_get_flux (flux_shell_t *shell);
/* Answers requests UID-shell-JOBID.method, of the job's user and the instance's owner. */
int flux_shell_service_register (flux_shell_t *shell, const char *method,
                                 flux_msg_handler_f cb, void *arg);
/* A request to that service of another shell of the job. */
flux_future_t *flux_shell_rpc_pack (flux_shell_t *shell, const char *method,
                                    int shell_rank, int flags, const char *fmt, ...);
/* Events shell-JOBID.subtopic. */
int flux_shell_add_event_handler (flux_shell_t *shell, const char *subtopic,
                                  flux_msg_handler_f cb, void *arg);

/* Calls all plugins that wait for topic. -1: one of them failed. */
int flux_shell_plugstack_call (flux_shell_t *shell, const char *topic,
                               flux_plugin_arg_t *args);

/* Tasks. current: of the task.* callback that runs; NULL in others. first, next: NULL
 * with EAGAIN if there is none. */
flux_shell_task_t *flux_shell_current_task (flux_shell_t *shell);
flux_shell_task_t *flux_shell_task_first (flux_shell_t *shell);
flux_shell_task_t *flux_shell_task_next (flux_shell_t *shell);
/* {localid, rank, state, pid?, wait_status?, exitcode?, signaled?}. */
int flux_shell_task_get_info (flux_shell_task_t *task, char **json_str);
int flux_shell_task_info_unpack (flux_shell_task_t *task, const char *fmt, ...);
/* What will be started; task.init may change arguments and environment, and add
 * channels. */
flux_cmd_t *flux_shell_task_cmd (flux_shell_task_t *task);
/* The process, since task.fork; NULL with EINVAL before. */
flux_subprocess_t *flux_shell_task_subprocess (flux_shell_task_t *task);
/* Calls cb when something can be read by flux_subprocess_read() and its relatives from
 * "stdout", "stderr" (a copy: where it goes does not change), or a channel that was added
 * to the command. In task.init. EEXIST: somebody has it; ENOENT: no such channel. */
int flux_shell_task_channel_subscribe (flux_shell_task_t *task, const char *channel,
                                       flux_shell_task_io_f cb, void *arg);

/* Log messages: to who has submitted the job, if their level is on. */
enum {
    FLUX_SHELL_QUIET = -1,
    FLUX_SHELL_FATAL = 2,
    FLUX_SHELL_ERROR = 3,
    FLUX_SHELL_WARN = 4,
    FLUX_SHELL_NOTICE = 5,
    FLUX_SHELL_DEBUG = 6,
    FLUX_SHELL_TRACE = 7,
};
void flux_shell_log (const char *component, int level, const char *file, int line,
                     const char *fmt, ...) __attribute__ ((format (printf, 5, 6)));
/* Adds the text of errnum, unless it is 0. Always -1, with errno errnum. */
int flux_shell_err (const char *component, const char *file, int line, int errnum,
                    const char *fmt, ...) __attribute__ ((format (printf, 5, 6)));
/* The same, and the job fails: an exception; the shell ends with exit_code. */
void flux_shell_fatal (const char *component, const char *file, int line, int errnum,
                       int exit_code, const char *fmt, ...)
    __attribute__ ((format (printf, 6, 7)));
/* An exception of the job; severity 0 ends it. */
void flux_shell_raise (const char *type, int severity, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/* One of type exec and severity 0, and the shell ends with the exit code of a wait(2)
 * status. */
void flux_shell_raise_exit_status (int status, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
/* What is logged at all, or with dest, to "eventlog", where all messages go. EINVAL:
 * there is no such level or destination. */
int flux_shell_log_setlevel (int level, const char *dest);

#define shell_trace(...)                                                               \
    flux_shell_log (FLUX_SHELL_PLUGIN_NAME, FLUX_SHELL_TRACE, __FILE__, __LINE__,      \
                    __VA_ARGS__)
#define shell_debug(...)                                                               \
    flux_shell_log (FLUX_SHELL_PLUGIN_NAME, FLUX_SHELL_DEBUG, __FILE__, __LINE__,      \
                    __VA_ARGS__)
#define shell_log(...)                                                                 \
    flux_shell_log (FLUX_SHELL_PLUGIN_NAME, FLUX_SHELL_NOTICE, __FILE__, __LINE__,     \
                    __VA_ARGS__)
#define shell_warn(...)                                                                \
    flux_shell_log (FLUX_SHELL_PLUGIN_NAME, FLUX_SHELL_WARN, __FILE__, __LINE__,       \
                    __VA_ARGS__)
#define shell_log_error(...)                                                           \
    flux_shell_log (FLUX_SHELL_PLUGIN_NAME, FLUX_SHELL_ERROR, __FILE__, __LINE__,      \
                    __VA_ARGS__)
#define shell_log_errn(errn, ...)                                                      \
    flux_shell_err (FLUX_SHELL_PLUGIN_NAME, __FILE__, __LINE__, errn, __VA_ARGS__)
#define shell_log_errno(...)                                                           \
    flux_shell_err (FLUX_SHELL_PLUGIN_NAME, __FILE__, __LINE__, errno, __VA_ARGS__)
#define shell_die(code, ...)                                                           \
    flux_shell_fatal (FLUX_SHELL_PLUGIN_NAME, __FILE__, __LINE__, 0, code, __VA_ARGS__)
#define shell_die_errno(code, ...)                                                     \
    flux_shell_fatal (FLUX_SHELL_PLUGIN_NAME, __FILE__, __LINE__, errno, code,         \
                      __VA_ARGS__)
#define shell_set_verbose(n) flux_shell_log_setlevel (FLUX_SHELL_NOTICE + (n), NULL)
#define shell_set_quiet(n) flux_shell_log_setlevel (FLUX_SHELL_NOTICE - (n), NULL)

#ifdef FLUX_SHELL_PLUGIN_NAME
/* How whoever loads a plugin learns its name. */
extern const char flux_shell_plugin_name[]
    __attribute__ ((weak, visibility ("default")));
const char flux_shell_plugin_name[] = FLUX_SHELL_PLUGIN_NAME;
#endif

#ifdef __cplusplus
}
#endif

#endif
