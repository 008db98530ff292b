/* Between the shell and its Lua host, a shared object of its own: Lua's library is only
 * there where something is written in Lua. */
#ifndef SHELL_PLUG_LUA_H
#define SHELL_PLUG_LUA_H

#include <flux/shell.h>
#include <jansson.h>

/* What the host asks for beside <flux/shell.h>. Objects that come back are new, and their
 * owner is the host. */
struct lua_ops {
    flux_shell_t *shell;
    /* -1 with *error. */
    int (*load) (const char *glob, const char *conf, flux_error_t *error);
    int (*source) (const char *glob, bool must_exist, flux_error_t *error);
    int (*source_rcpath) (const char *glob, flux_error_t *error);
    int (*add) (flux_plugin_t *take_p, flux_error_t *error);
    const char *(*searchpath) (void);
    int (*set_searchpath) (const char *path);
    const char *(*rcdir) (void);
    json_t *(*info) (void);
    json_t *(*rank_info) (int rank);
    json_t *(*task_info) (void); /* of the current task; NULL: there is none */
};

/* Runs a file. *state is the host's; NULL at first. -1 with *error. */
typedef int (*lua_source_f) (const struct lua_ops *ops, void **state, const char *path,
                             flux_error_t *error);
typedef void (*lua_fini_f) (void *state);

int shell_lua_source (const struct lua_ops *ops, void **state, const char *path,
                      flux_error_t *error);
void shell_lua_fini (void *state);

#endif
