/* TOML 1.0 to JSON. Dates and times become RFC 3339 strings. */
#ifndef BASE_TOML_H
#define BASE_TOML_H

#include <jansson.h>

struct toml_error {
    int line; /* from 1 */
    char text[128];
};

/* An object, or NULL with errno EINVAL (or ENOMEM) and *error filled in. */
json_t *toml_decode (const char *s, size_t len, struct toml_error *error);

#endif
