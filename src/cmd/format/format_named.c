/* Named formats: a command's own and those of its configuration files. */
#include "cmd/format/format.h"

#include "base/file.h"
#include "base/text/toml.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The "formats" object of one file, merged into all; what came first stays. */
static void load_file (json_t *all, const char *path, bool is_toml)
{
    size_t len;
    struct toml_error te;
    char *s = file_read_all (path, &len);
    if (!s)
        return;
    json_t *o = is_toml ? toml_decode (s, len, &te) : json_loads (s, 0, NULL);
    if (!o)
        fprintf (stderr, "warning: %s: malformed, ignored\n", path);
    else
        json_object_update_missing (all, json_object_get (o, "formats"));
    json_decref (o);
    free (s);
}

static void load_dir (json_t *all, const char *dir, size_t len, const char *progname)
{
    static const char *const suffix[] = { "toml", "json" };
    char path[PATH_MAX];
    for (int i = 0; i < 2 && len > 0; i++) {
        snprintf (path, sizeof (path), "%.*s/flux/%s.%s", (int)len, dir, progname,
                  suffix[i]);
        load_file (all, path, i == 0);
    }
}

static json_t *load_config (const char *progname)
{
    char home[PATH_MAX] = "";
    json_t *all = json_object ();
    const char *dir = getenv ("XDG_CONFIG_HOME");
    if (!all)
        return NULL;
    if (!dir || !*dir) {
        if (getenv ("HOME"))
            snprintf (home, sizeof (home), "%s/.config", getenv ("HOME"));
        dir = home;
    }
    load_dir (all, dir, strlen (dir), progname);
    dir = getenv ("XDG_CONFIG_DIRS");
    if (!dir || !*dir)
        dir = "/etc/xdg";
    while (*dir) {
        size_t n = strcspn (dir, ":");
        load_dir (all, dir, n, progname);
        dir += n + (dir[n] == ':');
    }
    return all;
}

char *format_lookup (const char *progname, const struct format_named *named,
                     const char *name, flux_error_t *error)
{
    if (strchr (name, '{'))
        return strdup (name);
    for (int i = 0; named[i].name; i++) {
        if (!strcmp (named[i].name, name))
            return strdup (named[i].text);
    }
    char *result = NULL;
    json_t *all = load_config (progname);
    const char *s =
        json_string_value (json_object_get (json_object_get (all, name), "format"));
    if (s)
        result = strdup (s);
    else {
        snprintf (error->text, sizeof (error->text),
                  "--format: No such format %s (Did you mean '{%s}'?)", name, name);
        errno = EINVAL;
    }
    json_decref (all);
    return result;
}

void format_print_help (const char *progname, const struct format_named *named,
                        struct buf *out)
{
    const char *name;
    json_t *value;
    int width = 12;
    json_t *all = load_config (progname);
    for (int i = 0; named[i].name; i++) {
        if ((int)strlen (named[i].name) > width)
            width = strlen (named[i].name);
    }
    buf_printf (out, "\nConfigured %s output formats:\n\n", progname);
    for (int i = 0; named[i].name; i++)
        buf_printf (out, "  %-*s %s\n", width, named[i].name, named[i].description);
    json_object_foreach (all, name, value) {
        const char *s = json_string_value (json_object_get (value, "description"));
        buf_printf (out, "  %-*s %s\n", width, name, s ? s : "");
    }
    buf_addc (out, '\n');
    json_decref (all);
}
