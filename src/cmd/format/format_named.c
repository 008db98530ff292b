/* Named formats: a command's own and those of its configuration files. */
#include "cmd/format/format.h"
#include "cmd/format/load_yaml.h"

#include "base/file.h"
#include "base/text/toml.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The formats that files have, and the first fault of one of them. */
struct config {
    const struct format_set *set;
    json_t *formats;
    flux_error_t *error;
    bool failed;
};

static const struct format_named *find (const struct format_set *set, const char *name)
{
    for (int i = 0; set->named[i].name; i++) {
        if (!strcmp (set->named[i].name, name))
            return &set->named[i];
    }
    return NULL;
}

static void __attribute__ ((format (printf, 3, 4)))
fail (struct config *c, const char *path, const char *fmt, ...)
{
    va_list ap;
    if (c->failed)
        return;
    int n = snprintf (c->error->text, sizeof (c->error->text), "%s: ", path);
    if (n > 0 && (size_t)n < sizeof (c->error->text)) {
        va_start (ap, fmt);
        vsnprintf (c->error->text + n, sizeof (c->error->text) - n, fmt, ap);
        va_end (ap);
    }
    c->failed = true;
}

static json_t *decode (const char *suffix, const char *s, size_t len,
                       flux_error_t *error)
{
    struct toml_error te;
    json_error_t je;
    json_t *o;
    if (!strcmp (suffix, "yaml"))
        return load_yaml (s, len, error);
    if (!strcmp (suffix, "toml")) {
        if (!(o = toml_decode (s, len, &te)))
            snprintf (error->text, sizeof (error->text), "line %d: %s", te.line,
                      te.text);
    } else if (!(o = json_loadb (s, len, 0, &je)))
        snprintf (error->text, sizeof (error->text), "line %d: %.120s", je.line,
                  je.text);
    return o;
}

/* What the file says of one format, if it can be used. */
static void check (struct config *c, const char *path, const char *name, json_t *o)
{
    if (find (c->set, name))
        fail (c, path, "formats.%s: is built in, choose another name", name);
    else if (!json_is_string (json_object_get (o, "format")))
        fail (c, path, "formats.%s: a string 'format' is needed", name);
}

/* The formats of one file, merged into all; what came first stays. */
static void load_file (struct config *c, const char *path, const char *suffix)
{
    flux_error_t error;
    const char *name;
    size_t len;
    char *s = file_read_all (path, &len);
    if (!s)
        return;
    json_t *value, *o = decode (suffix, s, len, &error);
    if (!o)
        fail (c, path, "%s", error.text);
    json_t *table = c->set->table ? json_object_get (o, c->set->table) : o;
    json_t *formats = json_object_get (table, "formats");
    json_object_foreach (formats, name, value)
        check (c, path, name, value);
    json_object_update_missing (c->formats, formats);
    json_decref (o);
    free (s);
}

static void load_dir (struct config *c, const char *dir, size_t len)
{
    static const char *const suffix[] = { "yaml", "toml", "json" };
    char path[PATH_MAX];
    for (int i = 0; i < 3 && len > 0; i++) {
        snprintf (path, sizeof (path), "%.*s/flux/%s.%s", (int)len, dir,
                  c->set->progname, suffix[i]);
        load_file (c, path, suffix[i]);
    }
}

/* New reference; NULL with *error if a file is not as it should be. */
static json_t *load_config (const struct format_set *set, flux_error_t *error)
{
    struct config c = { .set = set, .formats = json_object (), .error = error };
    char home[PATH_MAX] = "";
    const char *dir = getenv ("XDG_CONFIG_HOME");
    if (!dir || !*dir) {
        if (getenv ("HOME"))
            snprintf (home, sizeof (home), "%s/.config", getenv ("HOME"));
        dir = home;
    }
    load_dir (&c, dir, strlen (dir));
    dir = getenv ("XDG_CONFIG_DIRS");
    if (!dir || !*dir)
        dir = "/etc/xdg";
    while (*dir) {
        size_t n = strcspn (dir, ":");
        load_dir (&c, dir, n);
        dir += n + (dir[n] == ':');
    }
    if (!c.failed)
        return c.formats;
    json_decref (c.formats);
    errno = EINVAL;
    return NULL;
}

/* Borrowed from the table, or from all. NULL with *error. */
static const char *lookup (const struct format_set *set, json_t *all, const char *name,
                           const char **description, flux_error_t *error)
{
    const struct format_named *own = find (set, name);
    json_t *o = json_object_get (all, name);
    if (own) {
        *description = own->description;
        return own->text;
    }
    if (!o) {
        snprintf (error->text, sizeof (error->text),
                  "--format: No such format %s (Did you mean '{%s}'?)", name, name);
        errno = EINVAL;
        return NULL;
    }
    *description = json_string_value (json_object_get (o, "description"));
    return json_string_value (json_object_get (o, "format"));
}

static void print_help (const struct format_set *set, json_t *all, struct buf *out)
{
    const char *name;
    json_t *value;
    int width = 12;
    for (int i = 0; set->named[i].name; i++) {
        if ((int)strlen (set->named[i].name) > width)
            width = strlen (set->named[i].name);
    }
    buf_printf (out, "\nConfigured %s output formats:\n\n", set->progname);
    for (int i = 0; set->named[i].name; i++)
        buf_printf (out, "  %-*s %s\n", width, set->named[i].name,
                    set->named[i].description);
    json_object_foreach (all, name, value) {
        const char *s = json_string_value (json_object_get (value, "description"));
        buf_printf (out, "  %-*s %s\n", width, name, s ? s : "");
    }
    buf_addc (out, '\n');
}

/* A string of TOML is one of JSON, but for what neither may hold as it is. */
static void add_string (struct buf *out, const char *key, const char *s)
{
    json_t *o = json_string (s);
    char *text = o ? json_dumps (o, JSON_ENCODE_ANY) : NULL;
    buf_printf (out, "%s = %s\n", key, text ? text : "\"\"");
    free (text);
    json_decref (o);
}

static void print_config (const struct format_set *set, const char *name,
                          const char *description, const char *text, struct buf *out)
{
    buf_printf (out, "[%s%sformats.%s]\n", set->table ? set->table : "",
                set->table ? "." : "", name);
    add_string (out, "description", description ? description : "");
    add_string (out, "format", text);
}

char *format_choose (const struct format_set *set, const char *given,
                     struct buf *answer, flux_error_t *error)
{
    static const char get_config[] = "get-config=";
    const char *dflt = set->variable ? getenv (set->variable) : NULL;
    const char *name = given ? given : dflt && *dflt ? dflt : "default";
    bool config = strncmp (name, get_config, strlen (get_config)) == 0;
    const char *text, *description;
    char *result = NULL;

    if (!config && strchr (name, '{'))
        return strdup (name);
    json_t *all = load_config (set, error);
    if (!all)
        return NULL;
    if (!strcmp (name, "help"))
        print_help (set, all, answer);
    else {
        if (config)
            name += strlen (get_config);
        text = lookup (set, all, name, &description, error);
        if (text && config)
            print_config (set, name, description, text, answer);
        else if (text)
            result = strdup (text);
    }
    json_decref (all);
    return result;
}
