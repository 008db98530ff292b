/* flux-module-exec MODULE: a broker module in a process of its own (RFC 5).
 *
 * Happy path: the broker's socket, its welcome, dlopen, mod_main, the end.
 * Failures are a line on standard error, and the module's errno for the broker. The
 * kernel kills this process with the broker that has started it. */
#include <flux/core.h>

#include <dlfcn.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/os/search.h"

typedef int (*mod_main_f) (flux_t *h, int argc, char **argv);

static void die (const char *what, const char *why)
{
    fprintf (stderr, "flux-module-exec: %s: %s\n", what, why);
    exit (1);
}

static const char *find_module (const char *name, char *buf, size_t size)
{
    char file[NAME_MAX];

    if (strchr (name, '/'))
        return name;
    return (size_t)snprintf (file, sizeof (file), "%s.so", name) < sizeof (file)
                   && search_dirs (getenv ("FLUX_MODULE_PATH"), file, search_readable,
                                   buf, size)
               ? buf
               : NULL;
}

/* As they were given; the welcome has them in a list. */
static char **copy_args (flux_t *h, int *argc)
{
    json_t *args = flux_aux_get (h, "flux::args"), *value;
    char **argv = calloc (json_array_size (args) + 1, sizeof (*argv));
    size_t i;

    json_array_foreach (args, i, value)
        if (argv)
            argv[i] = strdup (json_string_value (value));
    if (!argv)
        die ("arguments", strerror (errno));
    *argc = json_array_size (args);
    return argv;
}

/* The errno with which it ended. */
static int run (flux_t *h, const char *path)
{
    void *dso = dlopen (path, RTLD_NOW | RTLD_LOCAL);
    mod_main_f mod_main = NULL;
    int argc, errnum = 0;
    char **argv;

    if (!dso) {
        flux_log (h, LOG_ERR, "%s", dlerror ());
        return ENOENT;
    }
    if (!(mod_main = (mod_main_f)dlsym (dso, "mod_main"))) {
        flux_log (h, LOG_ERR, "module does not define mod_main");
        return EINVAL;
    }
    argv = copy_args (h, &argc);
    errno = 0;
    if (mod_main (h, argc, argv) < 0)
        errnum = errno ? errno : ECANCELED;
    for (int i = 0; i < argc; i++)
        free (argv[i]);
    free (argv);
    return errnum;
}

int main (int argc, char **argv)
{
    const char *uri = getenv ("FLUX_MODULE_URI"), *path;
    char buf[4096];
    flux_error_t error;
    int errnum;
    flux_t *h;

    if (argc != 2 || argv[1][0] == '-') {
        fprintf (stderr, "Usage: flux-module-exec MODULE\n");
        return 2;
    }
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (!uri)
        die ("FLUX_MODULE_URI", "is not set: the broker starts this program");
    if (!(path = find_module (argv[1], buf, sizeof (buf))))
        die (argv[1], "module not found in FLUX_MODULE_PATH");
    if (!(h = flux_open_ex (uri, 0, &error)))
        die (uri, error.text);
    unsetenv ("FLUX_MODULE_URI"); /* no child's */
    if (flux_module_initialize (h, NULL, &error) < 0
        || flux_module_register_handlers (h, &error) < 0)
        die (argv[1], error.text);
    prctl (PR_SET_NAME, (char *)flux_aux_get (h, "flux::name"));
    errnum = run (h, path);
    if (flux_module_finalize (h, errnum, &error) < 0)
        die (argv[1], error.text);
    flux_close (h);
    return errnum ? 1 : 0;
}
