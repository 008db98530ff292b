/* The Lua host: initrc files, and the plugins that are written in them
 * (flux-shell-initrc(5)). A shared object of its own, which is loaded when there is
 * something in Lua.
 *
 * A file that cannot be read, compiled or run to its end fails the job, with what Lua
 * says; so does a handler that throws, or that returns false or a negative number. */
#include "shell/plug/lua.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64

/* One state for all files of a shell. */
struct host {
    lua_State *L;
    struct lua_ops ops;
};

struct handler {
    struct host *host;
    int fn; /* in the registry */
};

static struct host *host_of (lua_State *L)
{
    return *(struct host **)lua_getextraspace (L);
}

/* --- values --- */

static void push_json (lua_State *L, const json_t *o, int depth)
{
    const char *key;
    json_t *value;
    size_t i;

    luaL_checkstack (L, 4, NULL);
    if (depth > DEPTH_MAX)
        luaL_error (L, "an object of more than %d levels", DEPTH_MAX);
    switch (o ? json_typeof (o) : JSON_NULL) {
    case JSON_OBJECT:
        lua_newtable (L);
        json_object_foreach ((json_t *)o, key, value) {
            push_json (L, value, depth + 1);
            lua_setfield (L, -2, key);
        }
        break;
    case JSON_ARRAY:
        lua_newtable (L);
        json_array_foreach (o, i, value) {
            push_json (L, value, depth + 1);
            lua_rawseti (L, -2, i + 1);
        }
        break;
    case JSON_STRING:
        lua_pushlstring (L, json_string_value (o), json_string_length (o));
        break;
    case JSON_INTEGER:
        lua_pushinteger (L, json_integer_value (o));
        break;
    case JSON_REAL:
        lua_pushnumber (L, json_real_value (o));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean (L, json_is_true (o));
        break;
    case JSON_NULL:
        lua_pushnil (L);
        break;
    }
}

static int push_taken (lua_State *L, json_t *take_o, const char *what)
{
    if (!take_o)
        return luaL_error (L, "%s: %s", what, strerror (errno));
    push_json (L, take_o, 0);
    json_decref (take_o);
    return 1;
}

static json_t *to_json (lua_State *L, int index, int depth);

/* A table of 1..n is an array; an empty one is an object. */
static json_t *array_to_json (lua_State *L, int index, int depth)
{
    json_t *o = json_array ();
    lua_Integer n = luaL_len (L, index);
    int rc = 0;

    for (lua_Integer i = 1; rc == 0 && i <= n; i++) {
        lua_geti (L, index, i);
        rc = json_array_append_new (o, to_json (L, lua_gettop (L), depth + 1));
        lua_pop (L, 1);
    }
    if (rc == 0)
        return o;
    json_decref (o);
    return NULL;
}

static json_t *table_to_json (lua_State *L, int index, int depth)
{
    int top = lua_gettop (L), rc = 0;
    json_t *o;

    if (depth > DEPTH_MAX)
        return NULL;
    if (luaL_len (L, index) > 0)
        return array_to_json (L, index, depth);
    o = json_object ();
    lua_pushnil (L);
    while (rc == 0 && lua_next (L, index)) {
        lua_pushvalue (L, -2); /* lua_tostring would change the key itself */
        rc = json_object_set_new (o, lua_tostring (L, -1),
                                  to_json (L, lua_gettop (L) - 1, depth + 1));
        lua_pop (L, 2);
    }
    lua_settop (L, top);
    if (rc == 0)
        return o;
    json_decref (o);
    return NULL;
}

/* NULL: a value that JSON has not is somewhere in it. */
static json_t *to_json (lua_State *L, int index, int depth)
{
    size_t len;
    const char *s;

    luaL_checkstack (L, 4, NULL);
    switch (lua_type (L, index)) {
    case LUA_TTABLE:
        return table_to_json (L, index, depth);
    case LUA_TSTRING:
        s = lua_tolstring (L, index, &len);
        return json_stringn (s, len);
    case LUA_TBOOLEAN:
        return json_boolean (lua_toboolean (L, index));
    case LUA_TNUMBER:
        return lua_isinteger (L, index) ? json_integer (lua_tointeger (L, index))
                                        : json_real (lua_tonumber (L, index));
    default:
        return NULL;
    }
}

static int failed (lua_State *L, const flux_error_t *error)
{
    return luaL_error (L, "%s", error->text[0] ? error->text : strerror (errno));
}

/* --- plugin --- */

static char *conf_of (lua_State *L, int index)
{
    json_t *o;
    char *s;

    lua_getfield (L, index, "conf");
    if (lua_isnil (L, -1))
        return NULL;
    luaL_checktype (L, -1, LUA_TTABLE);
    o = to_json (L, lua_gettop (L), 0);
    s = o ? json_dumps (o, JSON_COMPACT) : NULL;
    json_decref (o);
    if (!s)
        luaL_error (L, "plugin.load: conf is no object");
    return s;
}

static int plugin_load (lua_State *L)
{
    flux_error_t error = { "" };
    const char *file;
    char *conf = NULL;
    int rc;

    if (lua_istable (L, 1)) {
        lua_getfield (L, 1, "file");
        if (!(file = lua_tostring (L, -1)))
            return luaL_error (L, "plugin.load: expected a file");
        conf = conf_of (L, 1);
    } else
        file = luaL_checkstring (L, 1);
    rc = host_of (L)->ops.load (file, conf, &error);
    free (conf);
    return rc < 0 ? failed (L, &error) : 0;
}

/* What a handler says: nil, true and numbers from 0 on are good. */
static int result_of (lua_State *L)
{
    if (lua_isboolean (L, -1))
        return lua_toboolean (L, -1) ? 0 : -1;
    return lua_isnumber (L, -1) && lua_tonumber (L, -1) < 0 ? -1 : 0;
}

static int call_handler (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                         void *data)
{
    struct handler *hand = data;
    lua_State *L = hand->host->L;
    int rc;

    lua_rawgeti (L, LUA_REGISTRYINDEX, hand->fn);
    lua_pushstring (L, topic);
    if (lua_pcall (L, 1, 1, 0) != LUA_OK) {
        flux_shell_log (flux_plugin_get_name (p), FLUX_SHELL_ERROR, NULL, 0, "%s: %s",
                        topic, lua_tostring (L, -1));
        lua_pop (L, 1);
        return -1;
    }
    rc = result_of (L);
    lua_pop (L, 1);
    return rc;
}

/* The handler at the top of the stack. -1: it is none. */
static int add_handler (lua_State *L, flux_plugin_t *p)
{
    struct handler *hand = calloc (1, sizeof (*hand));

    if (!hand || flux_plugin_aux_set (p, NULL, hand, free) < 0)
        return -1;
    hand->host = host_of (L);
    if (lua_type (L, -1) != LUA_TTABLE)
        return -1;
    lua_getfield (L, -1, "topic");
    lua_getfield (L, -2, "fn");
    if (!lua_isstring (L, -2) || !lua_isfunction (L, -1))
        return -1;
    hand->fn = luaL_ref (L, LUA_REGISTRYINDEX);
    if (flux_plugin_add_handler (p, lua_tostring (L, -1), call_handler, hand) < 0)
        return -1;
    lua_pop (L, 1);
    return 0;
}

static int add_handlers (lua_State *L, flux_plugin_t *p, int index)
{
    lua_Integer n = luaL_len (L, index);

    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti (L, index, i);
        if (add_handler (L, p) < 0)
            return -1;
        lua_pop (L, 1);
    }
    return 0;
}

static int plugin_register (lua_State *L)
{
    flux_error_t error = { "" };
    flux_plugin_t *p;
    int handlers;

    luaL_checktype (L, 1, LUA_TTABLE);
    lua_getfield (L, 1, "name");
    if (!lua_isstring (L, -1))
        return luaL_error (L, "plugin.register: expected a name");
    lua_getfield (L, 1, "handlers");
    if (!lua_istable (L, -1))
        return luaL_error (L, "plugin.register: expected a table of handlers");
    handlers = lua_gettop (L);
    if (!(p = flux_plugin_create ())
        || flux_plugin_set_name (p, lua_tostring (L, handlers - 1)) < 0
        || flux_plugin_aux_set (p, "flux::shell", host_of (L)->ops.shell, NULL) < 0
        || add_handlers (L, p, handlers) < 0) {
        flux_plugin_destroy (p);
        return luaL_error (
            L, "plugin.register: a handler has a topic, and fn, a function");
    }
    return host_of (L)->ops.add (p, &error) < 0 ? failed (L, &error) : 0;
}

static int plugin_index (lua_State *L)
{
    if (!strcmp (luaL_checkstring (L, 2), "searchpath"))
        lua_pushstring (L, host_of (L)->ops.searchpath ());
    else
        lua_pushnil (L);
    return 1;
}

static int plugin_newindex (lua_State *L)
{
    const char *key = luaL_checkstring (L, 2);

    if (strcmp (key, "searchpath"))
        return luaL_error (L, "plugin.%s cannot be set", key);
    if (host_of (L)->ops.set_searchpath (luaL_checkstring (L, 3)) < 0)
        return luaL_error (L, "plugin.searchpath: %s", strerror (errno));
    return 0;
}

/* --- shell.options: what is an object is a table that knows its path --- */

static void push_option (lua_State *L, const char *path);

static int option_path (lua_State *L, char *path, size_t size)
{
    const char *before, *key = luaL_checkstring (L, 2);

    lua_getfield (L, lua_upvalueindex (1), "path");
    before = lua_tostring (L, -1);
    if (snprintf (path, size, "%s%s%s", before, before[0] ? "." : "", key) >= (int)size)
        return luaL_error (L, "shell.options: the name is too long");
    return 0;
}

static int option_index (lua_State *L)
{
    char path[256];

    option_path (L, path, sizeof (path));
    push_option (L, path);
    return 1;
}

static int option_newindex (lua_State *L)
{
    json_t *o = lua_isnil (L, 3) ? NULL : to_json (L, 3, 0);
    char path[256];
    char *s = o ? json_dumps (o, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    int rc = -1;

    json_decref (o);
    option_path (L, path, sizeof (path));
    if (s || lua_isnil (L, 3))
        rc = flux_shell_setopt (host_of (L)->ops.shell, path, s);
    free (s);
    return rc < 0 ? luaL_error (L, "shell.options.%s: cannot be set", path) : 0;
}

static json_t *get_option (lua_State *L, const char *path)
{
    char *s = NULL;
    json_t *o = NULL;

    if (flux_shell_getopt (host_of (L)->ops.shell, path, &s) == 1)
        o = json_loads (s, JSON_DECODE_ANY, NULL);
    free (s);
    return o;
}

static int option_pairs (lua_State *L)
{
    json_t *o;

    lua_getglobal (L, "next");
    lua_getfield (L, lua_upvalueindex (1), "path");
    if ((o = get_option (L, lua_tostring (L, -1))))
        push_json (L, o, 0);
    else
        lua_newtable (L);
    json_decref (o);
    lua_remove (L, -2);
    lua_pushnil (L);
    return 3;
}

/* A table of nothing, whose metatable asks. */
static void push_options (lua_State *L, const char *path)
{
    static const luaL_Reg methods[] = { { "__index", option_index },
                                        { "__newindex", option_newindex },
                                        { "__pairs", option_pairs },
                                        { NULL, NULL } };
    lua_newtable (L);
    lua_newtable (L);
    lua_newtable (L); /* what the methods know */
    lua_pushstring (L, path);
    lua_setfield (L, -2, "path");
    luaL_setfuncs (L, methods, 1);
    lua_setmetatable (L, -2);
}

static void push_option (lua_State *L, const char *path)
{
    json_t *o = get_option (L, path);

    if (json_is_object (o))
        push_options (L, path);
    else
        push_json (L, o, 0);
    json_decref (o);
}

/* --- shell --- */

static bool is_false (lua_State *L, int index)
{
    if (lua_isnoneornil (L, index))
        return false;
    return !lua_toboolean (L, index)
           || (lua_isnumber (L, index) && lua_tonumber (L, index) == 0);
}

static int shell_getenv (lua_State *L)
{
    flux_shell_t *shell = host_of (L)->ops.shell;
    char *s = NULL;
    json_t *o;

    if (lua_gettop (L) > 0) {
        lua_pushstring (L, flux_shell_getenv (shell, luaL_checkstring (L, 1)));
        return 1;
    }
    if (flux_shell_get_environ (shell, &s) < 0)
        return luaL_error (L, "shell.getenv: %s", strerror (errno));
    o = json_loads (s, 0, NULL);
    free (s);
    return push_taken (L, o, "shell.getenv");
}

static int shell_setenv (lua_State *L)
{
    const char *name = luaL_checkstring (L, 1), *value = luaL_checkstring (L, 2);
    int overwrite = !is_false (L, 3);

    if (flux_shell_setenvf (host_of (L)->ops.shell, overwrite, name, "%s", value) < 0
        && errno != EEXIST)
        return luaL_error (L, "shell.setenv %s: %s", name, strerror (errno));
    return 0;
}

static int shell_unsetenv (lua_State *L)
{
    flux_shell_unsetenv (host_of (L)->ops.shell, luaL_checkstring (L, 1));
    return 0;
}

static int rankinfo (lua_State *L, int rank)
{
    return push_taken (L, host_of (L)->ops.rank_info (rank), "shell.get_rankinfo");
}

static int shell_get_rankinfo (lua_State *L)
{
    return rankinfo (L, luaL_optinteger (L, 1, -1));
}

/* With where it was said. */
static int say (lua_State *L, int level)
{
    lua_Debug where = { 0 };

    if (lua_getstack (L, 1, &where))
        lua_getinfo (L, "Sl", &where);
    flux_shell_log (NULL, level, where.short_src, where.currentline, "%s",
                    luaL_checkstring (L, 1));
    return 0;
}

static int shell_log_cb (lua_State *L)
{
    return say (L, FLUX_SHELL_NOTICE);
}

static int shell_debug_cb (lua_State *L)
{
    return say (L, FLUX_SHELL_DEBUG);
}

static int shell_log_error_cb (lua_State *L)
{
    return say (L, FLUX_SHELL_ERROR);
}

static int shell_die_cb (lua_State *L)
{
    flux_shell_fatal (NULL, "initrc", 0, 0, 1, "%s", luaL_checkstring (L, 1));
    return 0;
}

static int shell_source_rcpath (lua_State *L)
{
    flux_error_t error = { "" };
    return host_of (L)->ops.source_rcpath (luaL_checkstring (L, 1), &error) < 0
               ? failed (L, &error)
               : 0;
}

static int shell_index (lua_State *L)
{
    const char *key = luaL_checkstring (L, 2);

    if (!strcmp (key, "info"))
        return push_taken (L, host_of (L)->ops.info (), "shell.info");
    if (!strcmp (key, "rankinfo"))
        return rankinfo (L, -1);
    if (!strcmp (key, "rcpath"))
        lua_pushstring (L, host_of (L)->ops.rcdir ());
    else if (!strcmp (key, "verbose"))
        push_option (L, "verbose");
    else
        lua_pushnil (L);
    return 1;
}

/* --- task --- */

static flux_cmd_t *task_cmd (lua_State *L)
{
    flux_shell_task_t *task = flux_shell_current_task (host_of (L)->ops.shell);
    flux_cmd_t *cmd = task ? flux_shell_task_cmd (task) : NULL;

    if (!cmd)
        luaL_error (L, "there is no task outside of a task.* callback");
    return cmd;
}

static int task_getenv (lua_State *L)
{
    lua_pushstring (L, flux_cmd_getenv (task_cmd (L), luaL_checkstring (L, 1)));
    return 1;
}

static int task_setenv (lua_State *L)
{
    const char *name = luaL_checkstring (L, 1), *value = luaL_checkstring (L, 2);

    if (flux_cmd_setenvf (task_cmd (L), !is_false (L, 3), name, "%s", value) < 0
        && errno != EEXIST)
        return luaL_error (L, "task.setenv %s: %s", name, strerror (errno));
    return 0;
}

static int task_unsetenv (lua_State *L)
{
    flux_cmd_unsetenv (task_cmd (L), luaL_checkstring (L, 1));
    return 0;
}

static int task_index (lua_State *L)
{
    json_t *o;

    if (strcmp (luaL_checkstring (L, 2), "info")) {
        lua_pushnil (L);
        return 1;
    }
    if (!(o = host_of (L)->ops.task_info ()))
        return luaL_error (L, "there is no task outside of a task.* callback");
    return push_taken (L, o, "task.info");
}

static int read_only (lua_State *L)
{
    return luaL_error (L, "%s cannot be set", luaL_checkstring (L, 2));
}

/* --- files --- */

static int source_files (lua_State *L, bool must_exist)
{
    flux_error_t error = { "" };
    return host_of (L)->ops.source (luaL_checkstring (L, 1), must_exist, &error) < 0
               ? failed (L, &error)
               : 0;
}

static int source (lua_State *L)
{
    return source_files (L, true);
}

static int source_if_exists (lua_State *L)
{
    return source_files (L, false);
}

/* A global of functions; what it has not is asked for. */
static void add_table (lua_State *L, const char *name, const luaL_Reg *functions,
                       lua_CFunction index, lua_CFunction newindex)
{
    lua_newtable (L);
    luaL_setfuncs (L, functions, 0);
    lua_newtable (L);
    lua_pushcfunction (L, index);
    lua_setfield (L, -2, "__index");
    lua_pushcfunction (L, newindex);
    lua_setfield (L, -2, "__newindex");
    lua_setmetatable (L, -2);
    lua_setglobal (L, name);
}

static int open_libraries (lua_State *L)
{
    static const luaL_Reg plugin[] = { { "load", plugin_load },
                                       { "register", plugin_register },
                                       { NULL, NULL } };
    static const luaL_Reg shell[] = { { "getenv", shell_getenv },
                                      { "setenv", shell_setenv },
                                      { "unsetenv", shell_unsetenv },
                                      { "get_rankinfo", shell_get_rankinfo },
                                      { "log", shell_log_cb },
                                      { "debug", shell_debug_cb },
                                      { "log_error", shell_log_error_cb },
                                      { "die", shell_die_cb },
                                      { "source_rcpath", shell_source_rcpath },
                                      { NULL, NULL } };
    static const luaL_Reg task[] = { { "getenv", task_getenv },
                                     { "setenv", task_setenv },
                                     { "unsetenv", task_unsetenv },
                                     { NULL, NULL } };

    luaL_openlibs (L);
    add_table (L, "plugin", plugin, plugin_index, plugin_newindex);
    add_table (L, "shell", shell, shell_index, read_only);
    add_table (L, "task", task, task_index, read_only);
    lua_register (L, "source", source);
    lua_register (L, "source_if_exists", source_if_exists);
    lua_getglobal (L, "shell");
    lua_pushstring (L, "options");
    push_options (L, "");
    lua_rawset (L, -3);
    lua_pop (L, 1);
    return 0;
}

static struct host *host_create (const struct lua_ops *ops)
{
    struct host *host = calloc (1, sizeof (*host));

    if (!host || !(host->L = luaL_newstate ())) {
        free (host);
        errno = ENOMEM;
        return NULL;
    }
    host->ops = *ops;
    *(struct host **)lua_getextraspace (host->L) = host;
    lua_pushcfunction (host->L, open_libraries);
    if (lua_pcall (host->L, 0, 0, 0) != LUA_OK) {
        shell_lua_fini (host);
        errno = ENOMEM;
        return NULL;
    }
    return host;
}

int shell_lua_source (const struct lua_ops *ops, void **state, const char *path,
                      flux_error_t *error)
{
    struct host *host = *state;
    int top;

    if (!host && !(host = *state = host_create (ops))) {
        snprintf (error->text, sizeof (error->text), "Lua: %s", strerror (errno));
        return -1;
    }
    top = lua_gettop (host->L);
    if (luaL_loadfile (host->L, path) != LUA_OK
        || lua_pcall (host->L, 0, 0, 0) != LUA_OK) {
        const char *why = lua_tostring (host->L, -1);
        snprintf (error->text, sizeof (error->text), "%.150s", why ? why : path);
        lua_settop (host->L, top);
        errno = EINVAL;
        return -1;
    }
    return 0;
}

void shell_lua_fini (void *state)
{
    struct host *host = state;

    if (host) {
        lua_close (host->L);
        free (host);
    }
}
