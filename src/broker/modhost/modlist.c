#include "broker/modhost/modlist.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text/toml.h"

bool modlist_names (json_t *array, const char *name)
{
    size_t i;
    json_t *value;

    json_array_foreach (array, i, value)
        if (strcmp (json_string_value (value), name) == 0)
            return true;
    return false;
}

const struct modlist_entry *modlist_find (const struct modlist *l, const char *name)
{
    for (int i = 0; i < l->count; i++)
        if (strcmp (l->entry[i].name, name) == 0)
            return &l->entry[i];
    return NULL;
}

static int check_names (json_t *array, const char *key, int index, flux_error_t *error)
{
    size_t i;
    json_t *value;

    if (array && !json_is_array (array))
        return error_invalid (error, "modules[%d]: %s is not an array", index, key);
    json_array_foreach (array, i, value)
        if (!json_is_string (value))
            return error_invalid (error, "modules[%d]: %s[%zu] is not a string", index,
                                  key, i);
    return 0;
}

/* What it starts after stands above it: so there is no circle. */
static int check_after (const struct modlist *l, const struct modlist_entry *e,
                        flux_error_t *error)
{
    size_t i;
    json_t *value;

    json_array_foreach (e->after, i, value)
        if (!modlist_find (l, json_string_value (value)))
            return error_invalid (
                error, "modules[%d]: %s starts after %s, which is not above it",
                l->count, e->name, json_string_value (value));
    return 0;
}

static int add (struct modlist *l, json_t *o, flux_error_t *error)
{
    struct modlist_entry *e = &l->entry[l->count];
    const char *ranks = "all";
    json_error_t what;

    if (json_unpack_ex (o, &what, JSON_STRICT, "{s:s s?s s?s s?o s?o}", "name",
                        &e->name, "ranks", &ranks, "attribute", &e->attribute, "after",
                        &e->after, "used-by", &e->used_by)
        < 0)
        return error_invalid (error, "modules[%d]: %s", l->count, what.text);
    if (!*e->name || strchr (e->name, '/') || strchr (e->name, '.'))
        return error_invalid (error, "modules[%d]: '%s' is no name of a module",
                              l->count, e->name);
    if (modlist_find (l, e->name))
        return error_invalid (error, "modules[%d]: %s is there already", l->count,
                              e->name);
    if (strcmp (ranks, "all") != 0 && strcmp (ranks, "0") != 0)
        return error_invalid (error, "modules[%d]: ranks is neither \"all\" nor \"0\"",
                              l->count);
    e->leader = *ranks == '0';
    if (check_names (e->after, "after", l->count, error) < 0
        || check_names (e->used_by, "used-by", l->count, error) < 0
        || check_after (l, e, error) < 0)
        return -1;
    l->count++;
    return 0;
}

static int add_all (struct modlist *l, flux_error_t *error)
{
    json_t *modules, *o;
    json_error_t what;
    size_t i;

    if (json_unpack_ex (l->json, &what, JSON_STRICT, "{s:o}", "modules", &modules) < 0)
        return error_invalid (error, "%s", what.text);
    if (!json_is_array (modules))
        return error_invalid (error, "modules is not an array");
    if (!(l->entry = calloc (json_array_size (modules) + 1, sizeof (*l->entry))))
        return -1;
    json_array_foreach (modules, i, o)
        if (add (l, o, error) < 0)
            return -1;
    return 0;
}

struct modlist *modlist_decode (const char *text, size_t len, flux_error_t *error)
{
    struct modlist *l = calloc (1, sizeof (*l));
    struct toml_error what;

    snprintf (error->text, sizeof (error->text), "out of memory");
    if (!l)
        return NULL;
    if (!(l->json = toml_decode (text, len, &what))) {
        if (errno == EINVAL)
            error_invalid (error, "line %d: %s", what.line, what.text);
    } else if (add_all (l, error) == 0)
        return l;
    modlist_destroy (l);
    return NULL;
}

struct modlist *modlist_read (const char *path, flux_error_t *error)
{
    flux_error_t what;
    struct modlist *l;
    size_t len;
    char *text = file_read_all (path, &len);

    if (!text) {
        snprintf (error->text, sizeof (error->text), "%s: %s", path, strerror (errno));
        return NULL;
    }
    if (!(l = modlist_decode (text, len, &what)))
        snprintf (error->text, sizeof (error->text), "%.60s: %.90s", path, what.text);
    free (text);
    return l;
}

void modlist_destroy (struct modlist *l)
{
    int saved_errno = errno;

    if (l) {
        json_decref (l->json);
        free (l->entry);
        free (l);
    }
    errno = saved_errno;
}
