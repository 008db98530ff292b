#include "base/json/keys.h"

#include "base/error.h"

#include <stdbool.h>
#include <string.h>

static bool is_kind (const json_t *o, enum json_kind kind)
{
    switch (kind) {
    case JSON_KIND_BOOLEAN:
        return json_is_boolean (o);
    case JSON_KIND_INTEGER:
        return json_is_integer (o);
    case JSON_KIND_STRING:
        return json_is_string (o);
    case JSON_KIND_ARRAY:
        return json_is_array (o);
    case JSON_KIND_ANY:
        return true;
    default:
        return json_is_object (o);
    }
}

static const char *kind_name (enum json_kind kind)
{
    static const char *const names[] = {
        [JSON_KIND_BOOLEAN] = "true or false", [JSON_KIND_INTEGER] = "an integer",
        [JSON_KIND_STRING] = "a string",       [JSON_KIND_ARRAY] = "an array",
        [JSON_KIND_TABLE] = "a table",
    };
    return names[kind];
}

static const struct json_key *find_key (const struct json_key *keys, const char *name)
{
    while (keys->name && strcmp (keys->name, name) != 0)
        keys++;
    return keys->name ? keys : NULL;
}

int json_check_keys (json_t *table, const char *name, const struct json_key *keys,
                     flux_error_t *error)
{
    const char *key;
    json_t *val;

    if (table && !json_is_object (table))
        return error_invalid (error, "%s: must be a table", name);
    json_object_foreach (table, key, val) {
        const struct json_key *k = find_key (keys, key);

        if (!k)
            return error_invalid (error, "%s.%.60s: there is no such key", name, key);
        if (!is_kind (val, k->kind))
            return error_invalid (error, "%s.%s: must be %s", name, key,
                                  kind_name (k->kind));
    }
    return 0;
}
