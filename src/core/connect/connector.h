/* What stands behind a handle: how its messages travel. */
#ifndef CORE_CONNECTOR_H
#define CORE_CONNECTOR_H

#include <flux/handle.h>

/* All calls come from the thread that uses the handle. Every slot but send,
 * recv and destroy may be NULL. */
struct flux_handle_ops {
    /* A descriptor for the reactor: ready when pollevents may have changed
     * since it was called last. */
    int (*pollfd) (void *impl);
    /* What to wait for on pollfd: FLUX_POLLIN, FLUX_POLLOUT. NULL: IN. */
    int (*pollwant) (void *impl);
    /* FLUX_POLLIN if recv gives a message or an error, FLUX_POLLOUT if send
     * will not block, FLUX_POLLERR. NULL: OUT only (a handle that is only
     * sent to; what it receives is pushed by flux_handle_push). */
    int (*pollevents) (void *impl);
    /* Never blocks. The message is borrowed. */
    int (*send) (void *impl, const flux_msg_t *msg, int flags);
    /* Takes the last reference and sets *msg to NULL. NULL: send. */
    int (*send_new) (void *impl, flux_msg_t **msg, int flags);
    /* Never blocks: NULL with EAGAIN if there is nothing. */
    flux_msg_t *(*recv) (void *impl);
    /* Called at the end of a reactor turn in which something was sent, and
     * before the handle waits. 0, or -1 with EAGAIN if something is left. */
    int (*flush) (void *impl);
    /* Bytes that wait for a flush; above a bound send waits. */
    size_t (*unsent) (void *impl);
    int (*reconnect) (void *impl);
    int (*getopt) (void *impl, const char *option, void *val, size_t len);
    int (*setopt) (void *impl, const char *option, const void *val, size_t len);
    void (*destroy) (void *impl);
};

/* A handle that owns impl (it is destroyed with the handle, not when this
 * fails). NULL with ENOMEM or EINVAL. */
flux_t *flux_handle_create (void *impl, const struct flux_handle_ops *ops, int flags);
void *flux_handle_impl (flux_t *h);

/* For the owner of impl: give a message to the handle, as if recv had. The
 * reference is taken and *msg set to NULL. */
int flux_handle_push (flux_t *h, flux_msg_t **msg);

/* flux_opt_set: where flux_reconnect goes, a path, of local:// alone. */
#define CONNECTOR_LOCAL_PATH "flux::local_path"

/* Connectors. The rest of the URI behind "SCHEME://". limit: seconds until the other side
 * must have let us in (ETIMEDOUT); 0: none. */
flux_t *connector_local_open (const char *path, int flags, double limit,
                              flux_error_t *error);
flux_t *connector_ssh_open (const char *rest, int flags, double limit,
                            flux_error_t *error);
flux_t *connector_fd_open (const char *fd, int flags, double limit,
                           flux_error_t *error);
flux_t *connector_loop_open (const char *unused, int flags, double limit,
                             flux_error_t *error);

/* A connected socket, before the broker's byte is read; a few tries if it does not listen
 * yet. limit as above. -1 with errno. */
int connector_local_connect (const char *path, double limit);

#endif
