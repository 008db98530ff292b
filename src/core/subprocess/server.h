/* A service that runs processes (RFC 42): SERVICE.exec, write, credit, kill,
 * wait, list, disconnect. Only the instance owner may use it. */
#ifndef CORE_SUBPROCESS_SERVER_H
#define CORE_SUBPROCESS_SERVER_H

#include <flux/subprocess.h>

enum subprocess_exec_flags {
    SUBPROCESS_EXEC_STDOUT = 1,
    SUBPROCESS_EXEC_STDERR = 2,
    SUBPROCESS_EXEC_CHANNEL = 4,
    SUBPROCESS_EXEC_WRITE_CREDIT = 8,
    SUBPROCESS_EXEC_WAITABLE = 16,
    /* Not in RFC 42: output waits for credit. Each stream begins with
     * SUBPROCESS_OUTPUT_WINDOW; SERVICE.credit {matchtag, channels: {NAME: bytes}}
     * (no response) adds to it. */
    SUBPROCESS_EXEC_OUTPUT_CREDIT = 32,
};

/* The most that is on its way to a client, for each stream. */
#define SUBPROCESS_OUTPUT_WINDOW (128 * 1024)

/* local_uri: becomes FLUX_URI of the processes; NULL: not set. */
flux_subprocess_server_t *subprocess_server_create (flux_t *h, const char *service,
                                                    const char *local_uri);
/* Kills what runs. */
void subprocess_server_destroy (flux_subprocess_server_t *s);

#endif
