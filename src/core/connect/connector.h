/* What stands behind a handle: how its messages travel (<flux/connector.h>). */
#ifndef CORE_CONNECTOR_H
#define CORE_CONNECTOR_H

#include <flux/connector.h>
#include <stdbool.h>

void *flux_handle_impl (flux_t *h);

/* For the owner of impl: give a message to the handle, as if recv had. The
 * reference is taken and *msg set to NULL. */
int flux_handle_push (flux_t *h, flux_msg_t **msg);

/* flux_opt_set: where flux_reconnect goes, a path, of local:// alone. */
#define CONNECTOR_LOCAL_PATH "flux::local_path"

/* Connectors, as connector_init is one. */
flux_t *connector_local_open (const char *path, int flags, double limit,
                              flux_error_t *error);
flux_t *connector_ssh_open (const char *rest, int flags, double limit,
                            flux_error_t *error);
flux_t *connector_fd_open (const char *fd, int flags, double limit,
                           flux_error_t *error);
flux_t *connector_loop_open (const char *unused, int flags, double limit,
                             flux_error_t *error);

/* One of others: uri is SCHEME://REST, with scheme_len bytes of SCHEME. ENOENT: there is no
 * SCHEME.so in the folders where connectors are looked for; else what has gone wrong with
 * it. *error (may be NULL) says more. */
flux_t *connector_load (const char *uri, size_t scheme_len, int flags, double limit,
                        flux_error_t *error);

/* Is there such a SCHEME.so? */
bool connector_is_there (const char *uri, size_t scheme_len);

/* A connected socket, before the broker's byte is read; a few tries if it does not listen
 * yet. limit as above. -1 with errno. */
int connector_local_connect (const char *path, double limit);

#endif
