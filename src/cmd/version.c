/* flux version */
#include "cmd/cmd.h"
#include "cmd/output/output.h"
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

static int run (optparse_t *p, int argc, char **argv)
{
    const char *uri = getenv ("FLUX_URI");
    flux_t *h = uri ? flux_open (NULL, 0) : NULL;
    const char *broker = h ? flux_attr_get (h, "version") : NULL;
    printf ("commands:    \t\t%s\n", FLUX_VERSION);
    printf ("libflux-core:\t\t%s\n", flux_core_version_string ());
    if (broker)
        printf ("broker:  \t\t%s\n", safe (broker));
    if (uri)
        printf ("FLUX_URI:\t\t%s\n", uri);
    printf ("build-options:\t\t%s\n", FLUX_BUILD_OPTIONS);
    flux_close (h);
    return 0;
}

const struct command cmd_version = {
    .name = "version",
    .summary = "Show versions of commands, library and broker",
    .usage = "",
    .group = "other",
    .run = run,
};
