/* rexec: processes on this rank for the instance owner (RFC 42). */
#include <flux/core.h>

#include <syslog.h>

#include "core/handle/module.h"
#include "core/subprocess/server.h"

int mod_main (flux_t *h, int argc, char *argv[])
{
    flux_subprocess_server_t *s;
    int rc = -1;

    if (module_no_args (h, argc, argv) < 0)
        return -1;
    if (!(s = subprocess_server_create (h, "rexec", flux_attr_get (h, "local-uri")))) {
        flux_log_error (h, "error creating the process service");
        return -1;
    }
    if (flux_reactor_run (flux_get_reactor (h), 0) >= 0)
        rc = 0;
    subprocess_server_destroy (s);
    return rc;
}
