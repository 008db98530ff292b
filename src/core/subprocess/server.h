/* A service that runs processes (RFC 42): SERVICE.exec, write, kill, wait,
 * list, disconnect. Only the instance owner may use it. */
#ifndef CORE_SUBPROCESS_SERVER_H
#define CORE_SUBPROCESS_SERVER_H

#include <flux/subprocess.h>

enum subprocess_exec_flags {
    SUBPROCESS_EXEC_STDOUT = 1,
    SUBPROCESS_EXEC_STDERR = 2,
    SUBPROCESS_EXEC_CHANNEL = 4,
    SUBPROCESS_EXEC_WRITE_CREDIT = 8,
    SUBPROCESS_EXEC_WAITABLE = 16,
};

/* local_uri: becomes FLUX_URI of the processes; NULL: not set. */
flux_subprocess_server_t *subprocess_server_create (flux_t *h, const char *service,
                                                    const char *local_uri);
/* Kills what runs. */
void subprocess_server_destroy (flux_subprocess_server_t *s);

#endif
