/* The same for plugins: of the shell, and of job-manager. */
#ifdef __cplusplus
extern "C" {
#endif

/* flux_shell_* */
int flux_shell_add_completion_ref (flux_shell_t *shell, const char *fmt, ...);
int flux_shell_remove_completion_ref (flux_shell_t *shell, const char *fmt, ...);
int flux_shell_add_event_context (flux_shell_t *shell, const char *name, int flags,
                                  const char *fmt, ...);
int flux_shell_add_event_handler (flux_shell_t *shell, const char *subtopic,
                                  flux_msg_handler_f cb, void *arg);
int flux_shell_aux_set (flux_shell_t *shell, const char *name, void *aux,
                        flux_free_f free_fn);
void *flux_shell_aux_get (flux_shell_t *shell, const char *name);
flux_shell_task_t *flux_shell_current_task (flux_shell_t *shell);
flux_shell_task_t *flux_shell_task_first (flux_shell_t *shell);
flux_shell_task_t *flux_shell_task_next (flux_shell_t *shell);
flux_t *flux_shell_get_flux (flux_shell_t *shell);
const struct hostlist *flux_shell_get_hostlist (flux_shell_t *shell);
int flux_shell_get_hwloc_xml (flux_shell_t *shell, const char **hwloc_xml);
int flux_shell_get_info (flux_shell_t *shell, char **json_str);
int flux_shell_info_unpack (flux_shell_t *shell, const char *fmt, ...);
int flux_shell_get_rank_info (flux_shell_t *shell, int shell_rank, char **json_str);
int flux_shell_rank_info_unpack (flux_shell_t *shell, int shell_rank, const char *fmt,
                                 ...);
int flux_shell_get_jobspec_info (flux_shell_t *shell, char **json_str);
int flux_shell_jobspec_info_unpack (flux_shell_t *shell, const char *fmt, ...);
const struct taskmap *flux_shell_get_taskmap (flux_shell_t *shell);
const char *flux_shell_getenv (flux_shell_t *shell, const char *name);
int flux_shell_get_environ (flux_shell_t *shell, char **json_str);
int flux_shell_setenvf (flux_shell_t *shell, int overwrite, const char *name,
                        const char *fmt, ...);
int flux_shell_unsetenv (flux_shell_t *shell, const char *name);
int flux_shell_getopt (flux_shell_t *shell, const char *name, char **json_str);
int flux_shell_getopt_unpack (flux_shell_t *shell, const char *name, const char *fmt,
                              ...);
int flux_shell_setopt (flux_shell_t *shell, const char *name, const char *json_str);
int flux_shell_setopt_pack (flux_shell_t *shell, const char *name, const char *fmt,
                            ...);
void flux_shell_killall (flux_shell_t *shell, int sig);
void flux_shell_raise (const char *type, int severity, const char *fmt, ...);
int flux_shell_log_setlevel (int level, const char *dest);
char *flux_shell_mustache_render (flux_shell_t *shell, const char *fmt);
char *flux_shell_rank_mustache_render (flux_shell_t *shell, int shell_rank,
                                       const char *fmt);
char *flux_shell_task_mustache_render (flux_shell_t *shell, flux_shell_task_t *task,
                                       const char *fmt);
int flux_shell_plugstack_call (flux_shell_t *shell, const char *topic,
                               flux_plugin_arg_t *args);
flux_future_t *flux_shell_rpc_pack (flux_shell_t *shell, const char *method,
                                    int shell_rank, int flags, const char *fmt, ...);
int flux_shell_service_register (flux_shell_t *shell, const char *method,
                                 flux_msg_handler_f cb, void *arg);
int flux_shell_task_channel_subscribe (flux_shell_task_t *task, const char *name,
                                       flux_shell_task_io_f cb, void *arg);
int flux_shell_task_get_info (flux_shell_task_t *task, char **json_str);
int flux_shell_task_info_unpack (flux_shell_task_t *task, const char *fmt, ...);
flux_subprocess_t *flux_shell_task_subprocess (flux_shell_task_t *task);
flux_cmd_t *flux_shell_task_cmd (flux_shell_task_t *task);

/* flux_jobtap_get_flux */
flux_t *flux_jobtap_get_flux (flux_plugin_t *p);
int flux_jobtap_service_register (flux_plugin_t *p, const char *method,
                                  flux_msg_handler_f cb, void *arg);
int flux_jobtap_reprioritize_all (flux_plugin_t *p);
int flux_jobtap_reprioritize_job (flux_plugin_t *p, flux_jobid_t id,
                                  unsigned int priority);
int flux_jobtap_priority_unavail (flux_plugin_t *p, flux_plugin_arg_t *args);
int flux_jobtap_reject_job (flux_plugin_t *p, flux_plugin_arg_t *args, const char *fmt,
                            ...);

#ifdef __cplusplus
}
#endif
