#include "lua/luajson.h"

#include <lauxlib.h>
#include <math.h>

/* Nobody means a value that is deeper; a table that holds itself is. */
#define MAX_DEPTH 100

void luajson_push_null (lua_State *L)
{
    lua_pushlightuserdata (L, NULL);
}

static void push_object (lua_State *L, const json_t *o)
{
    const char *key;
    json_t *value;

    lua_createtable (L, 0, json_object_size (o));
    json_object_foreach ((json_t *)o, key, value) {
        lua_pushstring (L, key);
        luajson_push (L, value);
        lua_rawset (L, -3);
    }
}

static void push_array (lua_State *L, const json_t *o)
{
    json_t *value;
    size_t i;

    lua_createtable (L, json_array_size (o), 0);
    json_array_foreach ((json_t *)o, i, value) {
        luajson_push (L, value);
        lua_rawseti (L, -2, i + 1);
    }
}

void luajson_push (lua_State *L, const json_t *o)
{
    luaL_checkstack (L, 4, "JSON is too deep");
    switch (o ? json_typeof (o) : JSON_NULL) {
    case JSON_OBJECT:
        push_object (L, o);
        break;
    case JSON_ARRAY:
        push_array (L, o);
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
        luajson_push_null (L);
        break;
    }
}

static json_t *get (lua_State *L, int index, int depth, const char **why);

static json_t *fail (json_t *o, const char **why, const char *text)
{
    json_decref (o);
    if (!*why)
        *why = text;
    return NULL;
}

static json_t *get_array (lua_State *L, int index, size_t len, int depth,
                          const char **why)
{
    json_t *a = json_array ();

    for (size_t i = 1; i <= len; i++) {
        lua_rawgeti (L, index, i);
        json_t *value = get (L, lua_gettop (L), depth + 1, why);
        lua_pop (L, 1);
        if (!value || json_array_append_new (a, value) < 0)
            return fail (a, why, "out of memory");
    }
    return a;
}

/* A key is not converted in its place: lua_next needs it as it is. */
static int set_member (lua_State *L, json_t *o, int depth, const char **why)
{
    json_t *value = get (L, lua_gettop (L), depth + 1, why);
    size_t len;
    int rc;

    if (!value)
        return -1;
    lua_pushvalue (L, -2);
    const char *key = lua_tolstring (L, -1, &len);
    rc = json_object_setn_new (o, key, len, value);
    lua_pop (L, 1);
    return rc;
}

static json_t *get_object (lua_State *L, int index, int depth, const char **why)
{
    json_t *o = json_object ();

    lua_pushnil (L);
    while (lua_next (L, index)) {
        int kind = lua_type (L, -2);
        if ((kind != LUA_TSTRING && kind != LUA_TNUMBER)
            || set_member (L, o, depth, why) < 0) {
            lua_pop (L, 2);
            return fail (o, why, "a key is neither string nor number");
        }
        lua_pop (L, 1);
    }
    return o;
}

static size_t count_members (lua_State *L, int index)
{
    size_t n = 0;

    lua_pushnil (L);
    while (lua_next (L, index)) {
        lua_pop (L, 1);
        n++;
    }
    return n;
}

static json_t *get_table (lua_State *L, int index, int depth, const char **why)
{
    size_t len = lua_rawlen (L, index);

    if (depth > MAX_DEPTH)
        return fail (NULL, why, "too deep, or it holds itself");
    luaL_checkstack (L, 6, "too deep");
    if (len > 0 && count_members (L, index) == len)
        return get_array (L, index, len, depth, why);
    return get_object (L, index, depth, why);
}

static json_t *get_number (lua_State *L, int index, const char **why)
{
    if (lua_isinteger (L, index))
        return json_integer (lua_tointeger (L, index));
    double d = lua_tonumber (L, index);
    return isfinite (d) ? json_real (d) : fail (NULL, why, "a number is not finite");
}

static json_t *get (lua_State *L, int index, int depth, const char **why)
{
    size_t len;
    const char *s;
    json_t *o;

    switch (lua_type (L, index)) {
    case LUA_TTABLE:
        return get_table (L, index, depth, why);
    case LUA_TNUMBER:
        return get_number (L, index, why);
    case LUA_TBOOLEAN:
        return json_boolean (lua_toboolean (L, index));
    case LUA_TSTRING:
        s = lua_tolstring (L, index, &len);
        o = json_stringn (s, len);
        return o ? o : fail (NULL, why, "a string is not UTF-8");
    case LUA_TNIL:
        return json_null ();
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata (L, index))
            return json_null ();
    }
    return fail (NULL, why, "a value that JSON does not have");
}

json_t *luajson_get (lua_State *L, int index, const char **why)
{
    *why = NULL;
    return get (L, lua_absindex (L, index), 0, why);
}
