#include "stages.h"

#include "base/error.h"
#include "base/json/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE (10 << 20)
#define BUFFER_SIZE_MAX (1 << 30)
/* Of arguments: they go on a command line. */
#define STAGE_MAX (64 << 10)

/* 102400, "4.5M", "1024K". */
static int parse_size (json_t *o, size_t *size)
{
    double d = json_number_value (o);
    char *end = NULL;

    if (json_is_string (o)) {
        d = strtod (json_string_value (o), &end);
        if (end == json_string_value (o))
            return -1;
        const char *unit = *end ? strchr ("kKMG", *end) : NULL;
        if (unit) {
            end++;
            d *= *unit == 'M' ? 1 << 20 : *unit == 'G' ? 1 << 30 : 1 << 10;
        }
    } else if (!json_is_number (o))
        return -1;
    if ((end && *end) || !(d >= 1 && d <= BUFFER_SIZE_MAX))
        return -1;
    *size = d;
    return 0;
}

static bool is_list_of_strings (json_t *o)
{
    json_t *value;
    size_t i;

    json_array_foreach (o, i, value)
        if (!json_is_string (value))
            return false;
    return json_is_array (o);
}

static bool has (json_t *plugins, const char *name)
{
    json_t *value;
    size_t i;

    json_array_foreach (plugins, i, value)
        if (!strcmp (json_string_value (value), name))
            return true;
    return false;
}

static bool is_own (const char *name)
{
    return !strcmp (name, "defaults") || !strcmp (name, "constraints")
           || !strcmp (name, "jobspec");
}

/* Is there a plugin that is not this module's own? */
static bool has_others (json_t *plugins)
{
    json_t *value;
    size_t i;

    json_array_foreach (plugins, i, value)
        if (!is_own (json_string_value (value)))
            return true;
    return false;
}

/* Arguments */

/* Takes o; -1 with ENOMEM. What should be a table and is none stays, to be refused. */
static int set_in (json_t *ingest, const char *table, const char *key, json_t *o)
{
    json_t *t = table ? json_object_get (ingest, table) : ingest;
    int rc = o ? 0 : -1;

    if (!t && (t = json_object ()))
        rc = json_object_set_new (ingest, table, t) < 0 ? -1 : rc;
    if (t && rc == 0 && json_is_object (t))
        return json_object_set_new (t, key, o);
    json_decref (o);
    return t ? rc : -1;
}

static json_t *split (const char *s)
{
    json_t *list = json_array ();

    while (list && *s) {
        size_t n = strcspn (s, ",");

        if (n > 0 && json_array_append_new (list, json_stringn (s, n)) < 0) {
            json_decref (list);
            return NULL;
        }
        s += n + (s[n] == ',');
    }
    return list;
}

/* Whether it is one of the stage's; *rc then says what became of it. */
static bool stage_arg (json_t *ingest, const char *stage, const char *arg, int *rc)
{
    size_t n = strlen (stage);

    if (!strncmp (arg, "disable-", 8) && !strcmp (arg + 8, stage))
        *rc = set_in (ingest, stage, "disable", json_true ());
    else if (strncmp (arg, stage, n) != 0)
        return false;
    else if (!strncmp (arg + n, "-plugins=", 9))
        *rc = set_in (ingest, stage, "plugins", split (arg + n + 9));
    else if (!strncmp (arg + n, "-args=", 6))
        *rc = set_in (ingest, stage, "args", split (arg + n + 6));
    else
        return false;
    return true;
}

static int add_arg (json_t *ingest, const char *arg, flux_error_t *error)
{
    char *end;
    int rc = 0;

    if (!strncmp (arg, "batch-count=", 12)) {
        errno = 0;
        json_int_t n = strtoll (arg + 12, &end, 10);
        if (errno != 0 || *end || end == arg + 12)
            return error_invalid (error, "batch-count: '%.60s' is not a number",
                                  arg + 12);
        rc = set_in (ingest, NULL, "batch-count", json_integer (n));
    } else if (!strncmp (arg, "buffer-size=", 12))
        rc = set_in (ingest, NULL, "buffer-size", json_string (arg + 12));
    else if (!stage_arg (ingest, "frobnicator", arg, &rc)
             && !stage_arg (ingest, "validator", arg, &rc))
        return error_invalid (error, "unknown argument: %.100s", arg);
    return rc < 0 ? error_fail (error, ENOMEM, "out of memory") : 0;
}

json_t *stages_args (json_t *ingest, int argc, char *argv[], flux_error_t *error)
{
    json_t *o = ingest ? json_deep_copy (ingest) : json_object ();

    if (o && !json_is_object (o))
        return o;
    if (!o)
        error_fail (error, ENOMEM, "out of memory");
    for (int i = 0; o && i < argc; i++) {
        if (add_arg (o, argv[i], error) < 0) {
            json_decref (o);
            o = NULL;
        }
    }
    return o;
}

/* The table */

struct stage {
    bool disabled;
    json_t *plugins, *args; /* NULL: not given */
};

/* A table is of a plugin that is in the list, where it may be the path of a file. */
static bool is_of_plugin (json_t *plugins, const char *name)
{
    json_t *value;
    size_t i;

    json_array_foreach (plugins, i, value) {
        const char *s = json_string_value (value), *slash = strrchr (s, '/');
        size_t len;

        s = slash ? slash + 1 : s;
        len = strlen (s);
        if (len > 3 && !strcmp (s + len - 3, ".py"))
            len -= 3;
        if (len == strlen (name) && !memcmp (s, name, len))
            return true;
    }
    return false;
}

static int check_tables (json_t *table, const char *stage, json_t *plugins,
                         flux_error_t *error)
{
    json_t *value;
    const char *key;

    json_object_foreach (table, key, value)
        if (json_is_object (value) && !is_of_plugin (plugins, key))
            return error_invalid (error, "config: ingest.%s.%.60s: is not in plugins",
                                  stage, key);
    return 0;
}

/* Keys that are no tables' are known ones; tables are for plugins. */
static int parse_stage (json_t *ingest, const char *name, struct stage *stage,
                        flux_error_t *error)
{
    json_t *table = json_object_get (ingest, name), *value;
    const char *key;

    *stage = (struct stage){ 0 };
    json_object_foreach (table, key, value) {
        if (!strcmp (key, "disable") && json_is_boolean (value))
            stage->disabled = json_is_true (value);
        else if (!strcmp (key, "plugins") && is_list_of_strings (value))
            stage->plugins = value;
        else if (!strcmp (key, "args") && is_list_of_strings (value))
            stage->args = value;
        else if (!strcmp (key, "disable"))
            return error_invalid (error, "config: ingest.%s.disable: must be a boolean",
                                  name);
        else if (!strcmp (key, "plugins") || !strcmp (key, "args"))
            return error_invalid (
                error, "config: ingest.%s.%s: must be a list of strings", name, key);
        else if (!json_is_object (value))
            return error_invalid (error, "config: ingest.%s.%s: there is no such key",
                                  name, key);
    }
    return check_tables (table, name, stage->plugins, error);
}

static int parse_numbers (json_t *ingest, struct stages *s, flux_error_t *error)
{
    static const struct json_key keys[] = {
        { "batch-count", JSON_KIND_INTEGER },
        { "buffer-size", JSON_KIND_ANY },
        { "frobnicator", JSON_KIND_TABLE },
        { "validator", JSON_KIND_TABLE },
        { NULL },
    };
    json_t *count = json_object_get (ingest, "batch-count");
    json_t *size = json_object_get (ingest, "buffer-size");
    json_int_t n = json_integer_value (count);

    if (json_check_keys (ingest, "config: ingest", keys, error) < 0)
        return -1;
    if (count && (n < 0 || n > 1000000))
        return error_invalid (error,
                              "config: ingest.batch-count: must be 0 to 1000000");
    if (count)
        s->batch_count = n;
    if (size && parse_size (size, &s->buffer_size) < 0)
        return error_invalid (error,
                              "config: ingest.buffer-size: must be a size, e.g. 10M");
    return 0;
}

/* What the crew is to know, or NULL if nobody has to be asked. */
static char *crew_config (json_t *ingest, const struct stage *frob,
                          const struct stage *valid)
{
    json_t *o = json_object ();
    char *s = NULL;

    if (!frob->disabled && has_others (frob->plugins))
        json_object_set (o, "frobnicator", json_object_get (ingest, "frobnicator"));
    if (!valid->disabled
        && (has_others (valid->plugins) || json_array_size (valid->args) > 0))
        json_object_set (o, "validator", json_object_get (ingest, "validator"));
    if (json_object_size (o) > 0)
        s = json_dumps (o, JSON_COMPACT);
    json_decref (o);
    return s;
}

int stages_parse (json_t *ingest, struct stages *s, flux_error_t *error)
{
    struct stages new = { .buffer_size = BUFFER_SIZE };
    struct stage frob, valid;

    if (parse_numbers (ingest, &new, error) < 0
        || parse_stage (ingest, "frobnicator", &frob, error) < 0
        || parse_stage (ingest, "validator", &valid, error) < 0)
        return -1;
    new.no_validation = valid.disabled;
    new.no_defaults =
        frob.disabled || (frob.plugins && !has (frob.plugins, "defaults"));
    new.no_constraints =
        frob.disabled || (frob.plugins && !has (frob.plugins, "constraints"));
    new.crew = crew_config (ingest, &frob, &valid);
    if (new.crew && strlen (new.crew) > STAGE_MAX) {
        stages_fini (&new);
        return error_invalid (error, "config: ingest: too large");
    }
    stages_fini (s);
    *s = new;
    return 0;
}

void stages_fini (struct stages *s)
{
    free (s->crew);
    s->crew = NULL;
}
