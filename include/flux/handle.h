/* Handle: a connection to a broker. A handle and its clones are of one thread. Calls return
 * 0, or -1 (NULL) with errno: EINVAL where an argument is no good, ENOMEM. */
#ifndef FLUX_HANDLE_H
#define FLUX_HANDLE_H

#include <flux/message.h>
#include <flux/reactor.h>
#include <flux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flux_handle flux_t;

enum {
    FLUX_O_TRACE = 1,       /* messages are also written to stderr */
    FLUX_O_CLONE = 2,       /* of clones */
    FLUX_O_NONBLOCK = 4,    /* send and receive do not wait */
    FLUX_O_MATCHDEBUG = 8,  /* RPCs destroyed before their end are told on stderr */
    FLUX_O_TEST_NOSUB = 16, /* subscriptions succeed without being made */
    FLUX_O_RPCTRACK = 32,   /* flux_reconnect fails pending RPCs; of flux_open alone */
    FLUX_O_NOREQUEUE = 64,  /* flux_requeue fails */
};
enum { FLUX_RQ_HEAD = 1, FLUX_RQ_TAIL = 2 };

/* uri: local://PATH, ssh://, fd://NUMBER, loop:// (what is sent is received); "..",
 * "../.." and so on, "/": above the instance of $FLUX_URI; NULL: that one, else the system
 * instance; SCHEME:// of others: <flux/connector.h>. EINVAL: unknown flags; ENOENT: no such
 * scheme; ENOSYS: shmem://, which only a broker and its modules have; ELIBBAD: SCHEME.so
 * cannot be loaded; EPROTONOSUPPORT: it is no connector, or one for another version; else why
 * there is no connection; *error (may be NULL) says more.
 * close and destroy are decref; the last one destroys the aux items, and writes what is not
 * yet sent, for 5 seconds at most. */
flux_t *flux_open (const char *uri, int flags);
flux_t *flux_open_ex (const char *uri, int flags, flux_error_t *error);
void flux_close (flux_t *h);
/* A new one that shares connection, received messages, matchtags and aux items with orig,
 * and holds it. Its flags, reactor and message handlers are its own. */
flux_t *flux_clone (flux_t *orig);
flux_t *flux_incref (flux_t *h);
void flux_decref (flux_t *h);
void flux_handle_destroy (flux_t *h);
/* Anew to where it was opened; what was not sent is lost. RPCs that are pending stay so for
 * ever, or with FLUX_O_RPCTRACK fail with ECONNRESET. ENOSYS: that is not possible. */
int flux_reconnect (flux_t *h);
/* fun (NULL: none) is called when the connection turns out to be broken, and returns 0 if
 * it has mended it (flux_reconnect): then the call that found it goes on, else it fails. */
typedef int (*flux_comms_error_f) (flux_t *h, void *arg);
void flux_comms_error_set (flux_t *h, flux_comms_error_f fun, void *arg);

/* Values by name. destroy (may be NULL) is called when one is replaced, or with the last
 * reference. name NULL: for that alone; value NULL: takes the item away. get: ENOENT. */
void *flux_aux_get (flux_t *h, const char *name);
int flux_aux_set (flux_t *h, const char *name, void *aux, flux_free_f destroy);
/* RPCTRACK stays as it was opened. */
void flux_flags_set (flux_t *h, int flags);
void flux_flags_unset (flux_t *h, int flags);
int flux_flags_get (flux_t *h);
/* Options of the connector; EINVAL: it has none of this name and length. */
int flux_opt_get (flux_t *h, const char *option, void *val, size_t len);
int flux_opt_set (flux_t *h, const char *option, const void *val, size_t len);

/* get: made the first time, unless one was set; borrowed. set takes a reference of its own;
 * EEXIST: there is one. */
flux_reactor_t *flux_get_reactor (flux_t *h);
int flux_set_reactor (flux_t *h, flux_reactor_t *r);

/* RFC 6. FLUX_MATCHTAG_NONE with EBUSY: all are in use. */
uint32_t flux_matchtag_alloc (flux_t *h);
void flux_matchtag_free (flux_t *h, uint32_t matchtag);
uint32_t flux_matchtag_avail (flux_t *h);

/* flags: FLUX_O_NONBLOCK, as the handle's. What is sent in the handle's reactor may wait
 * until that sleeps. A send waits while more than 4 MiB are unsent. EPROTO: the message
 * lacks a part; EMSGSIZE; ECONNRESET.
 * send_new hands the last reference over and sets *msg to NULL; if it fails, *msg is the
 * caller's unless it is NULL. */
int flux_send (flux_t *h, const flux_msg_t *msg, int flags);
int flux_send_new (flux_t *h, flux_msg_t **msg, int flags);
/* The first that matches, for the caller to decref; what does not match stays for others.
 * EAGAIN: NONBLOCK, and there is none; EDEADLK: none could ever come; ECONNRESET; EPROTO:
 * what came was no message. */
flux_msg_t *flux_recv (flux_t *h, struct flux_match match, int flags);
/* Like flux_recv without NONBLOCK, for a number of seconds (< 0: without end), for those
 * who have to look after something else. ETIMEDOUT: they are over. */
flux_msg_t *flux_recv_within (flux_t *h, struct flux_match match, double seconds);
/* Puts a message (it is held, not copied) before or behind what is to be received. EINVAL
 * also with FLUX_O_NOREQUEUE. */
int flux_requeue (flux_t *h, const flux_msg_t *msg, int flags);
/* pollfd: the connection's own; readable when something may have come. EINVAL: it has none
 * (loop://). pollevents: FLUX_POLL*; it reads what there is. IN: there is a whole message
 * to receive, or with ERR, that flux_recv will fail. */
int flux_pollfd (flux_t *h);
int flux_pollevents (flux_t *h);

typedef struct {
    int request_tx, request_rx;
    int response_tx, response_rx;
    int event_tx, event_rx;
    int control_tx, control_rx;
} flux_msgcounters_t;
/* Messages since the start or the last clr, of all clones. */
void flux_get_msgcounters (flux_t *h, flux_msgcounters_t *mcs);
void flux_clr_msgcounters (flux_t *h);

/* Once in each turn while one of events holds, or FLUX_POLLERR: the connection is broken.
 * h is borrowed. get_flux: EINVAL for other watchers. */
flux_watcher_t *flux_handle_watcher_create (flux_reactor_t *r, flux_t *h, int events,
                                            flux_watcher_f cb, void *arg);
flux_t *flux_handle_watcher_get_flux (flux_watcher_t *w);

#ifdef __cplusplus
}
#endif

#endif
