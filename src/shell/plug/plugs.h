/* The plugins of a shell, and what <flux/shell.h> promises them. */
#ifndef SHELL_PLUG_PLUGS_H
#define SHELL_PLUG_PLUGS_H

#include <flux/shell.h>
#include <jansson.h>
#include <sched.h>
#undef shell_log /* of plugins; here it is that of the shell */

#include "base/buf.h"
#include "base/list.h"
#include "core/aux.h"
#include "shell/shell.h"

struct spawn;
struct epoll_event;
struct service;

/* The one shell of this process. */
struct plugs {
    struct shell *sh;
    struct list stack; /* struct plugin, in the order of calls */
    char *searchpath;  /* of plugin.load */
    char *rcdir;       /* of the rc file that is read */
    json_t *asked;     /* options that plugins read: {name: true} */
    json_t *context;   /* {event: {member: value}} */
    json_t *refs;      /* completion: {name: count} */
    struct task *current;
    int next_task;
    bool in_log; /* a shell.log handler that logs is not called again */
    int log_max; /* level of "eventlog" */
    struct aux_item *aux;
    struct hostlist *hosts;
    char *hwloc_xml;
    json_t *own_options; /* the jobspec had none */
    json_t *info;

    flux_t *h; /* NULL until somebody asks */
    flux_reactor_t *r;
    flux_watcher_t *epoll_w, *timer_w;
    struct list services; /* struct service */
    bool service_there, events_there;
    bool listens; /* would, if the broker were still there */
};
extern struct plugs plugs;

static inline struct shell *shell_of (flux_shell_t *shell)
{
    return (struct shell *)shell;
}
static inline flux_shell_t *plugs_shell (void)
{
    return (flux_shell_t *)plugs.sh;
}
int plugs_einval (void);

/* stack.c: loading and calling. */
/* Adds one behind those that there are; one of the same name goes. */
int plugs_add (flux_plugin_t *take_p, flux_error_t *error);
/* All files that a glob matches; a name without slash is looked for in the search
 * path. conf: text, or NULL. -1 with *error: also if it matches none, unless it has
 * wildcards. */
int plugs_load (const char *glob, const char *conf, flux_error_t *error);
bool plugs_have (const char *name);
/* Whose function it is; NULL: of no plugin that is loaded. */
const char *plugs_owner (void *function);
/* There is a handler for topic. */
bool plugs_listen (const char *topic);
/* Calls all; -1: one failed, and *failed is its name. */
int plugs_call (const char *topic, flux_plugin_arg_t *args, bool stop_at_failure,
                const char **failed);
/* The same in the life of a shell: a failure is fatal, and named. */
int plugs_topic (struct shell *sh, const char *topic, struct task *task);
int plugs_topic_with (struct shell *sh, const char *topic, flux_plugin_arg_t *args,
                      struct task *task);
void plugs_fini (struct shell *sh);

/* guard.c: who is being called, for those who crash or do not return. */
struct guard {
    const char *plugin, *topic;
};
int guard_init (void);
/* Option plugin-timeout is another one. */
int guard_read_limit (void);
struct guard guard_enter (const char *plugin, const char *topic);
void guard_leave (struct guard before);
/* After a turn of the reactor, in which anybody may have been called. As after each call:
 * if what the shell lives by is no more, the process ends, and says who it was. */
void guard_turn (void);
/* In a process that is about to be a task: the same holds there. */
void guard_after_fork (void);
/* False in a process that is about to be a task. */
bool guard_in_shell (void);

/* rc.c: initrc and userrc. */
int plugs_load_rc (struct shell *sh, flux_error_t *error);
void plugs_rc_fini (void);
/* Lua files that a glob matches, relative to the rc file that is read. */
int plugs_source (const char *glob, bool must_exist, flux_error_t *error);
int plugs_source_rcpath (const char *glob, flux_error_t *error);

/* option.c */
bool plugs_claim (struct shell *sh, const char *option);
json_t *plugs_option (const char *name); /* borrowed; notes that somebody asks */
int plugs_set_option (const char *name, json_t *take_value);

/* info.c */
/* What is unpacked points into the object, which therefore stays, as the one of its
 * name. NULL: errno says why there is none. */
int plugs_unpack (json_t *take_o, const char *name, const char *fmt, va_list ap);
/* New references. */
json_t *plugs_info (void);
json_t *plugs_rank_info (int rank);
struct taskmap *plugs_taskmap (struct shell *sh, const char *scheme, const char *value,
                               const struct taskmap *block, flux_error_t *error);
int plugs_render (struct shell *sh, struct task *task, struct buf *b, const char *tag);
void plugs_context (struct shell *sh, const char *event, struct buf *b);

/* log.c */
bool plugs_log (struct shell *sh, int level, const char *text);

/* task.c */
json_t *plugs_task_info (struct task *t);
flux_cmd_t *plugs_task_cmd (struct task *t);
int plugs_task_init (struct shell *sh, struct task *t, struct spawn *s);
int plugs_task_exec (struct shell *sh, struct task *t);
int plugs_task_fork (struct shell *sh, struct task *t);
void plugs_task_exited (struct task *t);
void plugs_task_output (struct shell *sh, struct task *t, int stream, const char *data,
                        size_t len);
void plugs_tasks_fini (struct shell *sh);

/* builtin.c: what the options of this shell ask for, before its tasks start. */
int plugs_builtin (struct shell *sh);

/* topology.c: XML, owned by the caller; of these CPUs alone, or of all. NULL with
 * *error. */
char *plugs_topology (const cpu_set_t *cpus, flux_error_t *error);

/* connection.c */
flux_reactor_t *plugs_reactor (void);
int plugs_wait (struct shell *sh, struct epoll_event *events, int max, int timeout_ms);
void plugs_reconnect (struct shell *sh, const char *uri);
void plugs_disconnect (void);

#endif
