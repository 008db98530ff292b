/* The module flux for Lua 5.3 and 5.4: handle, RPC, events, KVS, reactor.
 *
 *   local flux = require "flux"
 *   local f, err = flux.new ()
 *   print (f.rank, f:getattr ("size"), f:rpc ("broker.ping", { x = 1 }).x)
 *
 * Happy path: a handle is a userdata; what it is asked for is a method, and answers with
 * a value, or with nil and a text. A watcher is a userdata as well, which the registry
 * keeps while it is active, and its handler.
 * Failures: what a handler raises is kept, ends reactor(), and is raised there. */
#include <flux/core.h>

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "lua/luajson.h"

#define HANDLE "flux.handle"
#define WATCHER "flux.watcher"

struct handle {
    flux_t *h;
    bool raised; /* by a handler: it is on the stack of who runs the reactor */
    lua_State *running;
};

struct watcher {
    struct handle *handle;
    flux_watcher_t *w;
    flux_msg_handler_t *mh;
    bool oneshot;
    int self;    /* in the registry while it is active */
    int handler; /* in the registry */
    int owner;   /* the handle, likewise */
};

static int push_error (lua_State *L, const char *text)
{
    lua_pushnil (L);
    lua_pushstring (L, text);
    return 2;
}

static int push_errno (lua_State *L)
{
    return push_error (L, strerror (errno));
}

static struct handle *check_handle (lua_State *L)
{
    struct handle *handle = luaL_checkudata (L, 1, HANDLE);

    if (!handle->h)
        luaL_error (L, "the handle is closed");
    return handle;
}

/* JSON text of an argument, a table; "" of nil. The caller frees *text. */
static void check_payload (lua_State *L, int index, char **text)
{
    const char *why;
    json_t *o;

    *text = NULL;
    if (lua_isnoneornil (L, index))
        return;
    luaL_checktype (L, index, LUA_TTABLE);
    if (!(o = luajson_get (L, index, &why)))
        luaL_argerror (L, index, why);
    /* an empty table is an object here, whatever it is elsewhere */
    *text = json_dumps (o, JSON_COMPACT);
    json_decref (o);
    if (!*text)
        luaL_argerror (L, index, "out of memory");
}

/* Pushes what a JSON text says; an empty table for none. */
static int push_text (lua_State *L, const char *s)
{
    json_t *o = s ? json_loads (s, JSON_DECODE_ANY, NULL) : json_object ();

    if (!o)
        return push_error (L, "malformed JSON");
    luajson_push (L, o);
    json_decref (o);
    return 1;
}

static int push_future_error (lua_State *L, flux_future_t *f)
{
    char text[256];

    snprintf (text, sizeof (text), "%s",
              f ? flux_future_error_string (f) : strerror (errno));
    flux_future_destroy (f);
    return push_error (L, text);
}

/* --- handle --- */

static int l_new (lua_State *L)
{
    const char *uri = luaL_optstring (L, 1, NULL);
    struct handle *handle = lua_newuserdata (L, sizeof (*handle));
    flux_error_t error;

    *handle = (struct handle){ 0 };
    luaL_setmetatable (L, HANDLE);
    if (!(handle->h = flux_open_ex (uri, 0, &error)))
        return push_error (L, error.text);
    return 1;
}

static int l_close (lua_State *L)
{
    struct handle *handle = luaL_checkudata (L, 1, HANDLE);

    /* what is active refers to the handle, so that it does not come here by collection */
    if (handle->running)
        luaL_error (L, "close: the reactor runs");
    flux_close (handle->h);
    handle->h = NULL;
    return 0;
}

static int l_getattr (lua_State *L)
{
    struct handle *handle = check_handle (L);
    const char *s = flux_attr_get (handle->h, luaL_checkstring (L, 2));

    if (!s)
        return push_errno (L);
    lua_pushstring (L, s);
    return 1;
}

static int l_setattr (lua_State *L)
{
    struct handle *handle = check_handle (L);

    if (flux_attr_set (handle->h, luaL_checkstring (L, 2), luaL_checkstring (L, 3)) < 0)
        return push_errno (L);
    lua_pushboolean (L, 1);
    return 1;
}

/* f.rank and f.size are numbers; all else is a method. */
static int l_index (lua_State *L)
{
    struct handle *handle = luaL_checkudata (L, 1, HANDLE);
    const char *name = luaL_checkstring (L, 2);
    uint32_t n;

    if (handle->h && !strcmp (name, "rank") && flux_get_rank (handle->h, &n) == 0) {
        lua_pushinteger (L, n);
        return 1;
    }
    if (handle->h && !strcmp (name, "size") && flux_get_size (handle->h, &n) == 0) {
        lua_pushinteger (L, n);
        return 1;
    }
    lua_getmetatable (L, 1);
    lua_getfield (L, -1, name);
    return 1;
}

/* --- RPC and events --- */

/* f:rpc (topic [, payload [, nodeid]]) */
static int l_rpc (lua_State *L)
{
    struct handle *handle = check_handle (L);
    const char *topic = luaL_checkstring (L, 2), *answer;
    lua_Integer nodeid = luaL_optinteger (L, 4, FLUX_NODEID_ANY);
    char *text;
    int rc;

    check_payload (L, 3, &text);
    flux_future_t *f = flux_rpc (handle->h, topic, text, nodeid, 0);
    free (text);
    if (!f || flux_rpc_get (f, &answer) < 0)
        return push_future_error (L, f);
    rc = push_text (L, answer);
    flux_future_destroy (f);
    return rc;
}

/* f:sendevent ([payload,] topic) */
static int l_sendevent (lua_State *L)
{
    struct handle *handle = check_handle (L);
    bool has_payload = !lua_isstring (L, 2);
    const char *topic = luaL_checkstring (L, has_payload ? 3 : 2);
    char *text = NULL;

    if (has_payload)
        check_payload (L, 2, &text);
    flux_future_t *f = flux_event_publish (handle->h, topic, 0, text);
    free (text);
    if (!f || flux_future_get (f, NULL) < 0)
        return push_future_error (L, f);
    flux_future_destroy (f);
    lua_pushboolean (L, 1);
    return 1;
}

static int subscribe (lua_State *L, int (*fn) (flux_t *, const char *))
{
    struct handle *handle = check_handle (L);

    if (fn (handle->h, luaL_checkstring (L, 2)) < 0)
        return push_errno (L);
    lua_pushboolean (L, 1);
    return 1;
}

static int l_subscribe (lua_State *L)
{
    return subscribe (L, flux_event_subscribe);
}

static int l_unsubscribe (lua_State *L)
{
    return subscribe (L, flux_event_unsubscribe);
}

/* Payload and topic of a message; an empty payload is an empty table. */
static int push_message (lua_State *L, const flux_msg_t *msg)
{
    const char *topic = NULL, *s = NULL;

    (void)flux_msg_get_topic (msg, &topic);
    if (flux_msg_has_payload (msg) && flux_msg_get_string (msg, &s) < 0)
        return push_error (L, "the payload is no JSON");
    if (push_text (L, s) != 1)
        return 2;
    lua_pushstring (L, topic ? topic : "");
    return 2;
}

/* payload, topic = f:recv_event () */
static int l_recv_event (lua_State *L)
{
    struct handle *handle = check_handle (L);
    flux_msg_t *msg = flux_recv (handle->h, FLUX_MATCH_EVENT, 0);

    if (!msg)
        return push_errno (L);
    int rc = push_message (L, msg);
    flux_msg_destroy (msg);
    return rc;
}

/* --- KVS --- */

static int l_kvs_get (lua_State *L)
{
    struct handle *handle = check_handle (L);
    const char *s;
    flux_future_t *f = flux_kvs_lookup (handle->h, NULL, 0, luaL_checkstring (L, 2));
    int rc;

    if (!f || flux_kvs_lookup_get (f, &s) < 0)
        return push_future_error (L, f);
    json_t *o = s ? json_loads (s, JSON_DECODE_ANY, NULL) : NULL;
    if (o)
        luajson_push (L, o);
    else
        lua_pushstring (L, s ? s : "");
    rc = 1;
    json_decref (o);
    flux_future_destroy (f);
    return rc;
}

static int put_all (lua_State *L, flux_kvs_txn_t *txn)
{
    const char *why;
    json_t *o = luajson_get (L, 2, &why);
    const char *key;
    json_t *value;
    int rc = 0;

    if (!json_is_object (o)) {
        json_decref (o);
        errno = EINVAL;
        return -1;
    }
    json_object_foreach (o, key, value) {
        if (rc == 0 && json_is_null (value))
            rc = flux_kvs_txn_unlink (txn, 0, key);
        else if (rc == 0)
            rc = flux_kvs_txn_pack (txn, 0, key, "O", value);
    }
    json_decref (o);
    return rc;
}

/* f:kvs_put { key = value, ... }: one commit; flux.null removes a key */
static int l_kvs_put (lua_State *L)
{
    struct handle *handle = check_handle (L);
    luaL_checktype (L, 2, LUA_TTABLE);
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    flux_future_t *f = NULL;

    if (txn && put_all (L, txn) == 0)
        f = flux_kvs_commit (handle->h, NULL, 0, txn);
    int saved_errno = errno;
    flux_kvs_txn_destroy (txn);
    errno = saved_errno;
    if (!f || flux_future_get (f, NULL) < 0)
        return push_future_error (L, f);
    flux_future_destroy (f);
    lua_pushboolean (L, 1);
    return 1;
}

/* f:kvs_dir ([key]): a list of names */
static int l_kvs_dir (lua_State *L)
{
    struct handle *handle = check_handle (L);
    const flux_kvsdir_t *dir;
    const char *name;
    flux_future_t *f =
        flux_kvs_lookup (handle->h, NULL, FLUX_KVS_READDIR, luaL_optstring (L, 2, "."));
    int n = 0;

    if (!f || flux_kvs_lookup_get_dir (f, &dir) < 0)
        return push_future_error (L, f);
    flux_kvsitr_t *it = flux_kvsitr_create (dir);
    lua_newtable (L);
    while (it && (name = flux_kvsitr_next (it))) {
        lua_pushstring (L, name);
        lua_rawseti (L, -2, ++n);
    }
    flux_kvsitr_destroy (it);
    flux_future_destroy (f);
    return 1;
}

/* --- watchers --- */

static void deactivate (lua_State *L, struct watcher *watcher)
{
    if (watcher->self == LUA_NOREF)
        return;
    if (watcher->w)
        flux_watcher_stop (watcher->w);
    if (watcher->mh)
        flux_msg_handler_stop (watcher->mh);
    luaL_unref (L, LUA_REGISTRYINDEX, watcher->self);
    watcher->self = LUA_NOREF;
}

static int l_watcher_remove (lua_State *L)
{
    deactivate (L, luaL_checkudata (L, 1, WATCHER));
    return 0;
}

static int l_watcher_gc (lua_State *L)
{
    struct watcher *watcher = luaL_checkudata (L, 1, WATCHER);

    deactivate (L, watcher);
    /* a handle that is closed has taken its reactor along */
    if (watcher->handle && watcher->handle->h) {
        flux_watcher_destroy (watcher->w);
        flux_msg_handler_destroy (watcher->mh);
    }
    luaL_unref (L, LUA_REGISTRYINDEX, watcher->handler);
    luaL_unref (L, LUA_REGISTRYINDEX, watcher->owner);
    watcher->handler = watcher->owner = LUA_NOREF;
    watcher->w = NULL;
    watcher->mh = NULL;
    return 0;
}

/* The handler is called with the handle, what was pushed by the caller (nargs), and the
 * watcher. */
static void call (struct watcher *watcher, int nargs)
{
    struct handle *handle = watcher->handle;
    lua_State *L = handle->running;

    lua_rawgeti (L, LUA_REGISTRYINDEX, watcher->self);
    if (watcher->oneshot)
        deactivate (L, watcher);
    if (lua_pcall (L, nargs + 2, 0, 0) != LUA_OK) {
        handle->raised = true; /* and stays on the stack */
        flux_reactor_stop_error (flux_get_reactor (handle->h));
    }
}

/* False outside of reactor(): nobody could be told. */
static bool begin_call (struct watcher *watcher)
{
    lua_State *L = watcher->handle->running;

    if (!L || watcher->handle->raised || !lua_checkstack (L, 10))
        return false;
    lua_rawgeti (L, LUA_REGISTRYINDEX, watcher->handler);
    lua_rawgeti (L, LUA_REGISTRYINDEX, watcher->owner);
    return true;
}

static void watcher_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct watcher *watcher = arg;

    if (begin_call (watcher))
        call (watcher, 0);
}

static void msg_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct watcher *watcher = arg;

    if (begin_call (watcher))
        call (watcher, push_message (watcher->handle->running, msg));
}

/* Argument 2 is a table with handler; pushes a watcher that is not active yet. */
static struct watcher *push_watcher (lua_State *L, struct handle *handle)
{
    luaL_checktype (L, 2, LUA_TTABLE);
    lua_getfield (L, 2, "handler");
    if (!lua_isfunction (L, -1))
        luaL_argerror (L, 2, "handler must be a function");
    struct watcher *watcher = lua_newuserdata (L, sizeof (*watcher));
    *watcher = (struct watcher){ .handle = handle, .self = LUA_NOREF };
    watcher->handler = watcher->owner = LUA_NOREF;
    luaL_setmetatable (L, WATCHER);
    lua_insert (L, -2);
    watcher->handler = luaL_ref (L, LUA_REGISTRYINDEX);
    lua_pushvalue (L, 1);
    watcher->owner = luaL_ref (L, LUA_REGISTRYINDEX);
    return watcher;
}

static int activate (lua_State *L, struct watcher *watcher)
{
    if (!watcher->w && !watcher->mh)
        return push_errno (L);
    if (watcher->w)
        flux_watcher_start (watcher->w);
    if (watcher->mh)
        flux_msg_handler_start (watcher->mh);
    lua_pushvalue (L, -1);
    watcher->self = luaL_ref (L, LUA_REGISTRYINDEX);
    return 1;
}

static double number_field (lua_State *L, const char *name)
{
    double d;

    lua_getfield (L, 2, name);
    if (!lua_isnumber (L, -1))
        luaL_error (L, "%s must be a number", name);
    d = lua_tonumber (L, -1);
    lua_pop (L, 1);
    return d;
}

/* f:timer { timeout = MS, [oneshot = false,] handler = function (f, w) end } */
static int l_timer (lua_State *L)
{
    struct handle *handle = check_handle (L);
    struct watcher *watcher = push_watcher (L, handle);
    double s = number_field (L, "timeout") / 1000;

    lua_getfield (L, 2, "oneshot");
    watcher->oneshot = lua_isnil (L, -1) || lua_toboolean (L, -1);
    lua_pop (L, 1);
    if (!(s >= 0) || (s == 0 && !watcher->oneshot))
        luaL_error (L, "timeout must be positive");
    watcher->w = flux_timer_watcher_create (
        flux_get_reactor (handle->h), s, watcher->oneshot ? 0 : s, watcher_cb, watcher);
    return activate (L, watcher);
}

/* f:signal { signum = N, handler = function (f, w) end } */
static int l_signal (lua_State *L)
{
    struct handle *handle = check_handle (L);
    struct watcher *watcher = push_watcher (L, handle);

    watcher->w = flux_signal_watcher_create (
        flux_get_reactor (handle->h), number_field (L, "signum"), watcher_cb, watcher);
    return activate (L, watcher);
}

/* f:fdwatcher { fd = N, handler = function (f, w) end }: when it can be read */
static int l_fdwatcher (lua_State *L)
{
    struct handle *handle = check_handle (L);
    struct watcher *watcher = push_watcher (L, handle);

    watcher->w =
        flux_fd_watcher_create (flux_get_reactor (handle->h), number_field (L, "fd"),
                                FLUX_POLLIN, watcher_cb, watcher);
    return activate (L, watcher);
}

/* f:msghandler { pattern = GLOB, handler = function (f, payload, topic, w) end } */
static int l_msghandler (lua_State *L)
{
    struct handle *handle = check_handle (L);
    struct watcher *watcher = push_watcher (L, handle);
    struct flux_match match = FLUX_MATCH_EVENT;

    lua_getfield (L, 2, "pattern");
    match.topic_glob = luaL_optstring (L, -1, "*");
    watcher->mh = flux_msg_handler_create (handle->h, match, msg_cb, watcher);
    lua_pop (L, 1);
    return activate (L, watcher);
}

static int l_reactor (lua_State *L)
{
    struct handle *handle = check_handle (L);

    if (handle->running)
        luaL_error (L, "reactor: it runs already");
    handle->running = L;
    handle->raised = false;
    int rc = flux_reactor_run (flux_get_reactor (handle->h), 0);
    int saved_errno = errno;
    handle->running = NULL;
    if (handle->raised)
        return lua_error (L);
    errno = saved_errno;
    if (rc < 0)
        return push_errno (L);
    lua_pushinteger (L, rc);
    return 1;
}

static int l_reactor_stop (lua_State *L)
{
    flux_reactor_stop (flux_get_reactor (check_handle (L)->h));
    return 0;
}

static int l_reactor_stop_error (lua_State *L)
{
    flux_reactor_stop_error (flux_get_reactor (check_handle (L)->h));
    return 0;
}

static const luaL_Reg handle_methods[] = {
    { "close", l_close },
    { "fdwatcher", l_fdwatcher },
    { "getattr", l_getattr },
    { "kvs_dir", l_kvs_dir },
    { "kvs_get", l_kvs_get },
    { "kvs_put", l_kvs_put },
    { "msghandler", l_msghandler },
    { "reactor", l_reactor },
    { "reactor_stop", l_reactor_stop },
    { "reactor_stop_error", l_reactor_stop_error },
    { "recv_event", l_recv_event },
    { "rpc", l_rpc },
    { "sendevent", l_sendevent },
    { "setattr", l_setattr },
    { "signal", l_signal },
    { "subscribe", l_subscribe },
    { "timer", l_timer },
    { "unsubscribe", l_unsubscribe },
    { "__gc", l_close },
    { "__index", l_index },
    { NULL, NULL },
};

static const luaL_Reg watcher_methods[] = {
    { "remove", l_watcher_remove },
    { "__gc", l_watcher_gc },
    { NULL, NULL },
};

int luaopen_flux (lua_State *L);

__attribute__ ((visibility ("default"))) int luaopen_flux (lua_State *L)
{
    luaL_newmetatable (L, HANDLE);
    luaL_setfuncs (L, handle_methods, 0);
    luaL_newmetatable (L, WATCHER);
    luaL_setfuncs (L, watcher_methods, 0);
    lua_pushvalue (L, -1);
    lua_setfield (L, -2, "__index");
    lua_newtable (L);
    lua_pushcfunction (L, l_new);
    lua_setfield (L, -2, "new");
    luajson_push_null (L);
    lua_setfield (L, -2, "null");
    return 1;
}
