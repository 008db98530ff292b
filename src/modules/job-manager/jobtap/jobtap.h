/* Plugins of job-manager: which there are, and what they are told. */
#ifndef JOB_MANAGER_JOBTAP_H
#define JOB_MANAGER_JOBTAP_H

#include "modules/job-manager/ctx.h"
#include <flux/plugin.h>

/* What comes with job-manager: hidden in lists, and named ".NAME". */
struct jobtap_builtin {
    const char *name;
    flux_plugin_init_f init; /* NULL: a feature of the core */
    unsigned int feature;    /* OFF_*: off without it */
};

/* Ends with one that has no name. */
extern const struct jobtap_builtin jobtap_builtins[];

struct tap_plugin {
    struct list link;
    struct jobtap *jt;
    flux_plugin_t *p;
    const struct jobtap_builtin *builtin; /* or NULL */
    char *name;                           /* in lists */
    unsigned long serial;                 /* of its handlers, when m->hooks was made */
    int hooks;
    int load_order; /* -1, 1: by state; 0: none */
};

struct jobtap {
    bool started; /* what the configuration loads is loaded */
    struct ctx *ctx;
    struct list plugins; /* in the order in which they were loaded */
    void *self;          /* this module, once its names are there for plugins */
    struct job *current; /* that a callback is about, or NULL */
    json_t *staged; /* updates of its jobspec, for when the callback has returned */
};

struct jobtap *jobtap_create (struct ctx *ctx);
void jobtap_destroy (struct jobtap *jt);

/* The plugins of the configuration; each time that it changes: what they say to it. -1
 * with errno and *error. */
int jobtap_start (struct jobtap *jt, const flux_conf_t *conf, flux_error_t *error);
int jobtap_configure (struct jobtap *jt, const flux_conf_t *conf, flux_error_t *error);

/* The core's hook. */
int jobtap_hook (struct job *job, struct hook_call *call, void *arg);
/* job.inactive-remove: the job is not there any more. */
void jobtap_purged (struct jobtap *jt, flux_jobid_t id, const char *topic);

extern const struct flux_msg_handler_spec jobtap_handlers[];

/* api.c: -1 with EINVAL or EPROTO. context may be NULL. */
int jobtap_post (struct jobtap *jt, struct job *job, const char *name, json_t *context);
/* What the plugin has begun and not finished: it ends now. */
void jobtap_end_perilogs (struct tap_plugin *tp);

/* args.c: what a callback gets; NULL with ENOMEM. call may be NULL. */
flux_plugin_arg_t *jobtap_args (struct job *job, const struct hook_call *call);

/* load.c */
struct tap_plugin *jobtap_find (struct jobtap *jt, const char *name);
/* Both may be NULL: to remove what matches, then to load. conf may be NULL. Where
 * loading fails nothing has changed. */
int jobtap_change (struct jobtap *jt, const char *remove, const char *load,
                   json_t *conf, flux_error_t *error);
void jobtap_unload (struct tap_plugin *tp);

/* jobtap.c, among these files. */
void jobtap_count_hooks (struct jobtap *jt);
/* job may be NULL, and handled. All plugins, or the first until one fails. -1 with *error.
 * call: takes what they answer, where that is R or a priority; or NULL. */
int jobtap_call (struct jobtap *jt, struct job *job, const char *topic,
                 flux_plugin_arg_t *args, bool all, bool *handled,
                 struct hook_call *call, flux_error_t *error);
int jobtap_call_one (struct tap_plugin *tp, struct job *job, const char *topic,
                     flux_plugin_arg_t *args, flux_error_t *error);
/* conf.update to one plugin. */
int jobtap_tell_conf (struct tap_plugin *tp, const flux_conf_t *conf,
                      flux_error_t *error);

#endif
