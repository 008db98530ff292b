/* What the keys of a table are, so that a wrong one is refused by its name. */
#ifndef BASE_JSON_KEYS_H
#define BASE_JSON_KEYS_H

#include <flux/types.h>
#include <jansson.h>

enum json_kind {
    JSON_KIND_BOOLEAN,
    JSON_KIND_INTEGER,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_TABLE,
    JSON_KIND_ANY, /* the caller looks at it */
};

struct json_key {
    const char *name; /* NULL: the end of a list */
    enum json_kind kind;
};

/* That table (NULL: there is none) is one of keys, none of which has to be there. name is
 * how people call it. 0, or -1 with EINVAL and a line that begins with name.key. */
int json_check_keys (json_t *table, const char *name, const struct json_key *keys,
                     flux_error_t *error);

#endif
