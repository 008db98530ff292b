#include "broker/lifecycle/settings.h"

#include <flux/core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text/toml.h"

static int merge (json_t *conf, json_t *o, flux_error_t *error)
{
    int rc = json_object_update_recursive (conf, o);

    json_decref (o);
    return rc < 0 ? error_invalid (error, "out of memory") : 0;
}

int config_load_path (json_t *conf, const char *path, flux_error_t *error)
{
    flux_conf_t *c = flux_conf_parse (path, error);
    json_t *o;
    int rc;

    if (!c)
        return -1;
    if (flux_conf_unpack (c, error, "o", &o) < 0) {
        flux_conf_decref (c);
        return -1;
    }
    rc = merge (conf, json_deep_copy (o), error);
    flux_conf_decref (c);
    return rc;
}

static int load_toml (json_t *conf, const char *text, const char *what,
                      flux_error_t *error)
{
    struct toml_error te;
    json_t *o = toml_decode (text, strlen (text), &te);

    if (!o)
        return error_invalid (error, "--conf: %.60s: line %d: %s", what, te.line,
                              te.text);
    return merge (conf, o, error);
}

/* The value may be TOML (true, 1, "x", [...]); else it is a string. */
static int load_assignment (json_t *conf, const char *value, flux_error_t *error)
{
    size_t key_len = strcspn (value, "=");
    struct toml_error te;
    json_t *o = toml_decode (value, strlen (value), &te);
    json_t *s;
    char *quoted, *text;
    int rc;

    if (o)
        return merge (conf, o, error);
    s = json_string (value + key_len + 1);
    quoted = s ? json_dumps (s, JSON_ENCODE_ANY) : NULL;
    json_decref (s);
    if (!quoted || asprintf (&text, "%.*s=%s", (int)key_len, value, quoted) < 0) {
        free (quoted);
        return error_invalid (error, "--conf: %.60s: not a valid string", value);
    }
    rc = load_toml (conf, text, value, error);
    free (text);
    free (quoted);
    return rc;
}

int config_load_value (json_t *conf, const char *value, flux_error_t *error)
{
    json_error_t je;
    json_t *o;

    if (value[0] == '{') {
        if (!(o = json_loads (value, 0, &je)))
            return error_invalid (error, "--conf: %s", je.text);
        return merge (conf, o, error);
    }
    if (strchr (value, '\n'))
        return load_toml (conf, value, "text", error);
    if (strchr (value, '='))
        return load_assignment (conf, value, error);
    return config_load_path (conf, value, error);
}
