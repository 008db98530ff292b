#include "cmd/format/load_yaml.h"

#include <dlfcn.h>
#include <errno.h>
#include <flux/core.h>
#include <stdio.h>

json_t *load_yaml (const char *s, size_t len, flux_error_t *error)
{
    const char *dir = flux_conf_builtin_get ("libexecdir", FLUX_CONF_AUTO);
    json_t *(*load) (const char *s, size_t len, flux_error_t *error) = NULL;
    static const char *const places[] = { "jobspec-yaml.so",
                                          "src/cmd/jobspec-yaml.so" };
    char path[4096];
    void *dso = NULL;

    for (int i = 0; dir && !dso && i < 2; i++) {
        snprintf (path, sizeof (path), "%s/%s", dir, places[i]);
        dso = dlopen (path, RTLD_NOW | RTLD_LOCAL);
    }
    if (dso)
        load = dlsym (dso, "jobspec_load_yaml");
    if (!load) {
        snprintf (error->text, sizeof (error->text),
                  "jobspec-yaml.so cannot be loaded: %s", dlerror ());
        errno = EINVAL;
        return NULL;
    }
    return load (s, len, error);
}
