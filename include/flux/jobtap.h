/* Plugins of job-manager: see flux-jobtap-plugins(7).
 *
 * A plugin exports flux_plugin_init(), and adds handlers there for the topics that it
 * wants to hear of (flux/plugin.h). Calls fail with -1 or NULL and errno: EINVAL where an
 * argument is no good or the state of the job does not allow it, ENOENT where there is no
 * such job. A job that has been inactive for a moment is forgotten: ENOENT.
 *
 * id may be FLUX_JOBTAP_CURRENT_JOB: the job that the callback is about. */
#ifndef FLUX_JOBTAP_H
#define FLUX_JOBTAP_H

#include <flux/core.h>
#include <flux/job.h>
#include <flux/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLUX_JOBTAP_CURRENT_JOB FLUX_JOBID_ANY

/* The handle of job-manager: never to be closed, or waited on. */
flux_t *flux_jobtap_get_flux (flux_plugin_t *p);

/* Answer job-manager.NAME.METHOD, where NAME is the plugin's, until the plugin goes. The
 * owner may call it; _ex: and who has one of these roles. */
int flux_jobtap_service_register (flux_plugin_t *p, const char *method,
                                  flux_msg_handler_f cb, void *arg);
int flux_jobtap_service_register_ex (flux_plugin_t *p, const char *method,
                                     uint32_t rolemask, flux_msg_handler_f cb,
                                     void *arg);

/* In flux_plugin_init(): in which order the plugin hears of the jobs that there are:
 * "state" or "-state", with the lower id first; without it in no order. */
int flux_jobtap_set_load_sort_order (flux_plugin_t *p, const char *mode);

/* Ask for the priorities of all jobs that wait for resources (job.priority.get). */
int flux_jobtap_reprioritize_all (flux_plugin_t *p);
/* Set the priority of a job in PRIORITY or SCHED. */
int flux_jobtap_reprioritize_job (flux_plugin_t *p, flux_jobid_t id,
                                  unsigned int priority);
/* To be returned by job.state.priority and job.priority.get: it is not known yet. */
int flux_jobtap_priority_unavail (flux_plugin_t *p, flux_plugin_arg_t *args);

/* To be returned by callbacks that may refuse something: -1, and what the user is told.
 * reject_job without fmt: that the plugin has rejected the job. */
int flux_jobtap_reject_job (flux_plugin_t *p, flux_plugin_arg_t *args, const char *fmt,
                            ...) __attribute__ ((format (printf, 3, 4)));
int flux_jobtap_error (flux_plugin_t *p, flux_plugin_arg_t *args, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));

/* A reason to stay in DEPEND, by its description. add: EEXIST if the job has it or has
 * had it. remove: ENOENT if it has it not. */
int flux_jobtap_dependency_add (flux_plugin_t *p, flux_jobid_t id,
                                const char *description);
int flux_jobtap_dependency_remove (flux_plugin_t *p, flux_jobid_t id,
                                   const char *description);

/* Items live as long as the job or the plugin, whichever ends first; as flux_aux_set(3).
 * get also finds what other plugins have set. */
int flux_jobtap_job_aux_set (flux_plugin_t *p, flux_jobid_t id, const char *name,
                             void *val, flux_free_f free_fn);
void *flux_jobtap_job_aux_get (flux_plugin_t *p, flux_jobid_t id, const char *name);
int flux_jobtap_job_aux_delete (flux_plugin_t *p, flux_jobid_t id, void *val);
int flux_jobtap_job_aux_delete_value (flux_plugin_t *p, flux_jobid_t id, void *val);

/* Set a flag (RFC 21 set-flags): "debug" or "alloc-bypass"; EINVAL for others. */
int flux_jobtap_job_set_flag (flux_plugin_t *p, flux_jobid_t id, const char *flag);

/* Severity 0 to 7; 0 ends the job. */
int flux_jobtap_raise_exception (flux_plugin_t *p, flux_jobid_t id, const char *type,
                                 int severity, const char *fmt, ...)
    __attribute__ ((format (printf, 5, 6)));

/* Post an event with a context, as json_pack of jansson; fmt NULL: without. EPROTO if the
 * event cannot happen in this state, EINVAL if its context is not what RFC 21 wants. */
int flux_jobtap_event_post_pack (flux_plugin_t *p, flux_jobid_t id, const char *name,
                                 const char *fmt, ...);
/* 1 if the event has been posted, 0 if not. */
int flux_jobtap_job_event_posted (flux_plugin_t *p, flux_jobid_t id, const char *name);

/* Change attributes of the jobspec: a table of dotted keys below "attributes.", as
 * json_pack. The first: of the current job, when the callback has returned. The second: at
 * once; EINVAL if the job runs already. */
int flux_jobtap_jobspec_update_pack (flux_plugin_t *p, const char *fmt, ...);
int flux_jobtap_jobspec_update_id_pack (flux_plugin_t *p, flux_jobid_t id,
                                        const char *fmt, ...);

/* Hear of all events of a job (job.event.NAME). */
int flux_jobtap_job_subscribe (flux_plugin_t *p, flux_jobid_t id);
void flux_jobtap_job_unsubscribe (flux_plugin_t *p, flux_jobid_t id);

/* What callbacks get about a job; to be destroyed. */
flux_plugin_arg_t *flux_jobtap_job_lookup (flux_plugin_t *p, flux_jobid_t id);
/* EINVAL before CLEANUP. */
int flux_jobtap_get_job_result (flux_plugin_t *p, flux_jobid_t id,
                                flux_job_result_t *resultp);

/* Prolog: the current job is not started before it is finished. EINVAL once the job is in
 * CLEANUP or on its way to the exec service. Epilog: in CLEANUP; its resources are not
 * freed before. finish: EINVAL if none runs. */
int flux_jobtap_prolog_start (flux_plugin_t *p, const char *description);
int flux_jobtap_prolog_finish (flux_plugin_t *p, flux_jobid_t id,
                               const char *description, int status);
int flux_jobtap_epilog_start (flux_plugin_t *p, const char *description);
int flux_jobtap_epilog_finish (flux_plugin_t *p, flux_jobid_t id,
                               const char *description, int status);

/* Call the handlers of all plugins for a topic that does not begin with "job." (EINVAL),
 * with that job as the current one. As flux_plugin_call(). */
int flux_jobtap_call (flux_plugin_t *p, flux_jobid_t id, const char *topic,
                      flux_plugin_arg_t *args);

#ifdef __cplusplus
}
#endif

#endif
