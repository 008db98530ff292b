/* Connectors of others: shared objects, found by the scheme of a URI. */
#include <flux/attr.h>
#include <flux/connector.h>

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/os/search.h"
#include "core/connect/connector.h"

#define SCHEME_MAX 60

typedef flux_t *(*init_f) (const char *rest, int flags, double limit,
                           flux_error_t *error);

static bool is_letter (char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 3986; URIs come from others, too, and this becomes the name of a file. */
static bool is_scheme (const char *s, size_t len)
{
    if (len == 0 || len > SCHEME_MAX || !is_letter (s[0]))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!is_letter (s[i]) && (s[i] < '0' || s[i] > '9') && s[i] != '+'
            && s[i] != '-' && s[i] != '.')
            return false;
    return true;
}

static bool find_object (const char *uri, size_t scheme_len, char *path, size_t len)
{
    char name[SCHEME_MAX + 4];

    if (!is_scheme (uri, scheme_len))
        return false;
    snprintf (name, sizeof (name), "%.*s.so", (int)scheme_len, uri);
    const char *dirs[] = {
        getenv ("FLUX_CONNECTOR_PATH_PREPEND"),
        flux_conf_builtin_get ("connector_path", FLUX_CONF_AUTO),
        getenv ("FLUX_CONNECTOR_PATH"),
    };
    for (size_t i = 0; i < sizeof (dirs) / sizeof (dirs[0]); i++)
        if (search_dirs (dirs[i], name, search_exists, path, len))
            return true;
    return false;
}

bool connector_is_there (const char *uri, size_t scheme_len)
{
    char path[PATH_MAX];

    return find_object (uri, scheme_len, path, sizeof (path));
}

/* Where this library was loaded for one object alone, as Python does it, a connector that was
 * not linked with it would not find its functions. */
static void show_ourselves (void)
{
    void *self;
    Dl_info info;

    if (dladdr ((void *)connector_load, &info) && info.dli_fname
        && (self = dlopen (info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL)))
        dlclose (self);
}

/* It stays loaded, whatever becomes of the handle: nobody knows what else refers to it, and
 * the next URI of this scheme finds it there. */
static init_f load_object (const char *path, flux_error_t *error)
{
    void *dso;
    const int *version;
    init_f init;

    show_ourselves ();
    dlerror ();
    if (!(dso = dlopen (path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE))) {
        error_text (error, "%s", dlerror ());
        errno = ELIBBAD;
        return NULL;
    }
    version = dlsym (dso, "flux_connector_version");
    init = (init_f)dlsym (dso, "connector_init");
    errno = EPROTONOSUPPORT;
    if (!version)
        error_text (error, "%s: there is no flux_connector_version in it", path);
    else if (*version != FLUX_CONNECTOR_VERSION)
        error_text (error, "%s: is made for version %d of connectors; this is %d", path,
                    *version, FLUX_CONNECTOR_VERSION);
    else if (!init)
        error_text (error, "%s: there is no connector_init () in it", path);
    else
        return init;
    dlclose (dso);
    return NULL;
}

static bool is_blank (const char *s)
{
    return s[strspn (s, " \t\r\n")] == '\0';
}

flux_t *connector_load (const char *uri, size_t scheme_len, int flags, double limit,
                        flux_error_t *error)
{
    flux_error_t said = { .text = "" };
    char path[PATH_MAX];
    init_f init;
    flux_t *h;

    if (!find_object (uri, scheme_len, path, sizeof (path))) {
        error_text (error, "%s: unknown URI scheme", uri);
        errno = ENOENT;
        return NULL;
    }
    if (!(init = load_object (path, error)))
        return NULL;
    errno = 0;
    if (!(h = init (uri + scheme_len + strlen ("://"), flags, limit, &said))) {
        if (errno == 0)
            errno = ECONNREFUSED; /* it does not say why */
        said.text[sizeof (said.text) - 1] = '\0';
        said.text[strcspn (said.text, "\n")] = '\0';
        error_text (error, "%s: %s: %s", uri, path,
                    is_blank (said.text) ? strerror (errno) : said.text);
    }
    return h;
}
