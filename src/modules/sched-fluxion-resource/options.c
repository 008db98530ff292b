#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fluxion/io/reader.h"
#include "fluxion/io/writer.h"
#include "fluxion/match/policy.h"

typedef int (*set_f) (struct options *o, const char *value, flux_error_t *error);

static int fail (flux_error_t *error, const char *what, const char *value)
{
    snprintf (error->text, sizeof (error->text), "%s: %.80s", what, value);
    errno = EINVAL;
    return -1;
}

static int replace (char **dest, const char *value)
{
    char *copy = strdup (value);

    if (!copy)
        return -1;
    free (*dest);
    *dest = copy;
    return 0;
}

static int set_file (struct options *o, const char *value, flux_error_t *error)
{
    return *value ? replace (&o->load_file, value) : fail (error, "no path", value);
}

static int set_load_format (struct options *o, const char *value, flux_error_t *error)
{
    return fluxion_reader (value) ? replace (&o->load_format, value)
                                  : fail (error, "unknown format", value);
}

/* The next of a list with commas, which has no empty ones; *s moves behind its comma.
 * False at the end: NULL is behind the last. */
static bool next_item (const char **s, const char **item, size_t *len)
{
    if (!*s)
        return false;
    *item = *s;
    *len = strcspn (*s, ",");
    *s = (*s)[*len] ? *s + *len + 1 : NULL;
    return true;
}

static int set_allowlist (struct options *o, const char *value, flux_error_t *error)
{
    const char *s = value, *type;
    bool node = false;
    size_t n;

    while (*value && next_item (&s, &type, &n)) {
        if (n == 0)
            return fail (error, "an empty type", value);
        node |= n == 4 && !strncmp (type, "node", 4);
    }
    if (!node)
        return fail (error, "there is no node in", value);
    return replace (&o->load_allowlist, value);
}

static int set_policy (struct options *o, const char *value, flux_error_t *error)
{
    struct policy policy;
    flux_error_t why;

    if (policy_parse (value, &policy, &why) < 0)
        return fail (error, "unknown policy", value);
    return replace (&o->match_policy, value);
}

static int set_match_format (struct options *o, const char *value, flux_error_t *error)
{
    enum write_format format;

    if (strncmp (value, "rv1", 3) != 0 || write_format_parse (value, &format) < 0)
        return fail (error, "not rv1, rv1_nosched or rv1_shorthand", value);
    return replace (&o->match_format, value);
}

static int set_subsystems (struct options *o, const char *value, flux_error_t *error)
{
    return *value ? replace (&o->subsystems, value) : fail (error, "no name", value);
}

static int set_reserve (struct options *o, const char *value, flux_error_t *error)
{
    char *end;

    errno = 0;
    o->reserve_vtx_vec = strtoll (value, &end, 10);
    if (errno || end == value || *end || o->reserve_vtx_vec < 0
        || o->reserve_vtx_vec > 2000000)
        return fail (error, "no number from 0 to 2000000", value);
    return 0;
}

/* High:low, separated by commas; may be given more than once. */
static int set_filters (struct options *o, const char *value, flux_error_t *error)
{
    const char *s = value, *item;
    char *all;
    size_t n;

    while (next_item (&s, &item, &n)) {
        const char *colon = memchr (item, ':', n);
        if (!colon || colon == item || colon + 1 == item + n)
            return fail (error, "not TYPE:TYPE", value);
    }
    if (!o->prune_filters)
        return replace (&o->prune_filters, value);
    if (asprintf (&all, "%s,%s", o->prune_filters, value) < 0)
        return -1;
    free (o->prune_filters);
    o->prune_filters = all;
    return 0;
}

static int set_interval (struct options *o, const char *value, flux_error_t *error)
{
    char *end;

    errno = 0;
    o->update_interval = strtoll (value, &end, 10);
    if (errno || end == value || *end || o->update_interval < 0
        || o->update_interval > 86400)
        return fail (error, "no number of seconds", value);
    return 0;
}

static int set_traverser (struct options *o, const char *value, flux_error_t *error)
{
    if (strcmp (value, "simple") != 0 && strcmp (value, "flexible") != 0)
        return fail (error, "neither simple nor flexible", value);
    return replace (&o->traverser, value);
}

static const struct option {
    const char *key;
    set_f set;
} table[] = {
    { "load-file", set_file },           { "load-format", set_load_format },
    { "load-allowlist", set_allowlist }, { "policy", set_policy },
    { "match-policy", set_policy },      { "match-format", set_match_format },
    { "subsystems", set_subsystems },    { "reserve-vtx-vec", set_reserve },
    { "prune-filters", set_filters },    { "update-interval", set_interval },
    { "traverser", set_traverser },
};

static int set (struct options *o, const char *key, const char *value,
                flux_error_t *error)
{
    flux_error_t why = { "out of memory" };

    for (size_t i = 0; i < sizeof (table) / sizeof (table[0]); i++)
        if (!strcmp (table[i].key, key)) {
            if (table[i].set (o, value, &why) == 0)
                return 0;
            snprintf (error->text, sizeof (error->text), "%s: %.120s", key, why.text);
            return -1;
        }
    snprintf (error->text, sizeof (error->text), "Unknown option (%.80s).", key);
    errno = EINVAL;
    return -1;
}

static int set_json (struct options *o, const char *key, json_t *value,
                     flux_error_t *error)
{
    char number[32];
    json_t *one;
    size_t i;

    if (json_is_array (value)) {
        json_array_foreach (value, i, one) {
            if (!json_is_string (one))
                goto error;
            if (set (o, key, json_string_value (one), error) < 0)
                return -1;
        }
        return 0;
    }
    if (json_is_string (value))
        return set (o, key, json_string_value (value), error);
    if (json_is_integer (value)) {
        snprintf (number, sizeof (number), "%lld",
                  (long long)json_integer_value (value));
        return set (o, key, number, error);
    }
error:
    snprintf (error->text, sizeof (error->text), "%.80s: neither text nor a number",
              key);
    errno = EINVAL;
    return -1;
}

static int set_arg (struct options *o, char *arg, flux_error_t *error)
{
    char *eq = strchr (arg, '='), *key;
    int rc = -1;

    if (!eq || !(key = strndup (arg, eq - arg))) {
        snprintf (error->text, sizeof (error->text), "Unknown option (%.80s).", arg);
        errno = EINVAL;
        return -1;
    }
    rc = set (o, key, eq + 1, error);
    free (key);
    return rc;
}

static bool given (int argc, char **argv, const char *key)
{
    size_t len = strlen (key);

    for (int i = 0; i < argc; i++)
        if (!strncmp (argv[i], key, len) && argv[i][len] == '=')
            return true;
    return false;
}

int options_init (struct options *o, json_t *conf, int argc, char **argv,
                  flux_error_t *error)
{
    const char *key;
    json_t *value;

    if (conf && !json_is_object (conf)) {
        snprintf (error->text, sizeof (error->text), "it is no table");
        errno = EINVAL;
        return -1;
    }
    json_object_foreach (conf, key, value) {
        /* prune-filters add up: those of the load line replace the table's. */
        if (!given (argc, argv, key) && set_json (o, key, value, error) < 0)
            return -1;
    }
    for (int i = 0; i < argc; i++)
        if (set_arg (o, argv[i], error) < 0)
            return -1;
    return 0;
}

void options_fini (struct options *o)
{
    free (o->load_file);
    free (o->load_format);
    free (o->load_allowlist);
    free (o->match_policy);
    free (o->match_format);
    free (o->subsystems);
    free (o->prune_filters);
    free (o->traverser);
}

static const char * or (const char *s, const char *initial)
{
    return s ? s : initial;
}

json_t *options_encode (const struct options *o)
{
    return json_pack (
        "{s:s? s:s s:s? s:s s:s s:s s:I s:s s:I s:s}", "load-file", o->load_file,
        "load-format", or (o->load_format, "rv1exec"), "load-allowlist",
        o->load_allowlist, "policy", or (o->match_policy, "first"), "match-format",
        or (o->match_format, "rv1_nosched"), "subsystems",
        or (o->subsystems, "containment"), "reserve-vtx-vec",
        (json_int_t)o->reserve_vtx_vec, "prune-filters",
        or (o->prune_filters, "ALL:core,ALL:node"), "update-interval",
        (json_int_t)o->update_interval, "traverser", or (o->traverser, "simple"));
}
