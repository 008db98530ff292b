/* Connectors: how the messages of a handle travel. For who writes one; flux-connectors(7)
 * has examples.
 *
 * flux_open ("SCHEME://REST") of a scheme that is not built in loads SCHEME.so and calls its
 * connector_init. The object is looked for in $FLUX_CONNECTOR_PATH_PREPEND, what
 * flux_conf_builtin_get ("connector_path") names, and $FLUX_CONNECTOR_PATH, and stays
 * loaded. This interface is the library's own, and so the object says for which one it was
 * made. */
#ifndef FLUX_CONNECTOR_H
#define FLUX_CONNECTOR_H

#include <flux/handle.h>

#ifdef __cplusplus
extern "C" {
#endif

/* SCHEME.so defines flux_connector_version as this, or is not called. */
#define FLUX_CONNECTOR_VERSION 1
extern const int flux_connector_version;

/* SCHEME.so defines it: makes a handle, which is the caller's. rest: of the URI, behind
 * "://"; flags: those of flux_open, for flux_handle_create or flux_open; limit: seconds until
 * the other side must have let us in (ETIMEDOUT), 0: none. NULL with errno, and a line in
 * *error (which is not NULL, and empty) if there is more to say. */
flux_t *connector_init (const char *rest, int flags, double limit, flux_error_t *error);

/* What a connector can do. All calls come from the thread that uses the handle. Every slot
 * but send or send_new, recv and destroy may be NULL. Calls fail with -1 (NULL) and errno;
 * ECONNRESET: the connection is lost, and may be made anew (flux_comms_error_set). */
struct flux_handle_ops {
    /* A descriptor for the reactor: ready when pollevents may have changed
     * since it was called last. */
    int (*pollfd) (void *impl);
    /* What to wait for on pollfd: FLUX_POLLIN, FLUX_POLLOUT. NULL: IN. */
    int (*pollwant) (void *impl);
    /* FLUX_POLLIN if recv gives a message or an error, FLUX_POLLOUT if send
     * will not block, FLUX_POLLERR. NULL: OUT only (a handle that is only
     * sent to). */
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
    /* flux_reconnect */
    int (*reconnect) (void *impl);
    /* flux_opt_get, flux_opt_set */
    int (*getopt) (void *impl, const char *option, void *val, size_t len);
    int (*setopt) (void *impl, const char *option, const void *val, size_t len);
    void (*destroy) (void *impl);
};

/* A handle that owns impl (it is destroyed with the handle, not when this fails); ops stay
 * the caller's, for as long. NULL with ENOMEM or EINVAL. */
flux_t *flux_handle_create (void *impl, const struct flux_handle_ops *ops, int flags);

/* For a connector whose messages go through another handle: its slots flush, unsent and
 * pollwant. */
int flux_handle_flush (flux_t *h);
size_t flux_handle_unsent (flux_t *h);
int flux_handle_pollwant (flux_t *h);

#ifdef __cplusplus
}
#endif

#endif
