/* Values of Lua and JSON. */
#ifndef LUA_LUAJSON_H
#define LUA_LUAJSON_H

#include <jansson.h>
#include <lua.h>

/* Pushes o; null is luajson_null. */
void luajson_push (lua_State *L, const json_t *o);
/* The value at a place: a new object. A table whose keys are 1 to n is an array, an
 * empty one an object. NULL with *why if it cannot be said in JSON. */
json_t *luajson_get (lua_State *L, int index, const char **why);
/* What stands for null: a light userdata that is NULL. */
void luajson_push_null (lua_State *L);

#endif
