/* Handle: a connection to a broker. */
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
    FLUX_O_TRACE = 1,
    FLUX_O_CLONE = 2,
    FLUX_O_NONBLOCK = 4,
    FLUX_O_MATCHDEBUG = 8,
    FLUX_O_TEST_NOSUB = 16,
    FLUX_O_RPCTRACK = 32,
    FLUX_O_NOREQUEUE = 64,
};
enum { FLUX_RQ_HEAD = 1, FLUX_RQ_TAIL = 2 };

/* uri: NULL means $FLUX_URI, else the system instance. */
flux_t *flux_open (const char *uri, int flags);
flux_t *flux_open_ex (const char *uri, int flags, flux_error_t *error);
void flux_close (flux_t *h);
flux_t *flux_clone (flux_t *orig);
flux_t *flux_incref (flux_t *h);
void flux_decref (flux_t *h);
void flux_handle_destroy (flux_t *h);
int flux_reconnect (flux_t *h);
typedef int (*flux_comms_error_f) (flux_t *h, void *arg);
void flux_comms_error_set (flux_t *h, flux_comms_error_f fun, void *arg);

void *flux_aux_get (flux_t *h, const char *name);
int flux_aux_set (flux_t *h, const char *name, void *aux, flux_free_f destroy);
void flux_flags_set (flux_t *h, int flags);
void flux_flags_unset (flux_t *h, int flags);
int flux_flags_get (flux_t *h);
int flux_opt_get (flux_t *h, const char *option, void *val, size_t len);
int flux_opt_set (flux_t *h, const char *option, const void *val, size_t len);

flux_reactor_t *flux_get_reactor (flux_t *h);
int flux_set_reactor (flux_t *h, flux_reactor_t *r);

uint32_t flux_matchtag_alloc (flux_t *h);
void flux_matchtag_free (flux_t *h, uint32_t matchtag);
uint32_t flux_matchtag_avail (flux_t *h);

int flux_send (flux_t *h, const flux_msg_t *msg, int flags);
/* Hands the last reference over, and sets *msg to NULL. */
int flux_send_new (flux_t *h, flux_msg_t **msg, int flags);
flux_msg_t *flux_recv (flux_t *h, struct flux_match match, int flags);
int flux_requeue (flux_t *h, const flux_msg_t *msg, int flags);
int flux_pollfd (flux_t *h);
int flux_pollevents (flux_t *h);

typedef struct {
    int request_tx, request_rx;
    int response_tx, response_rx;
    int event_tx, event_rx;
    int control_tx, control_rx;
} flux_msgcounters_t;
void flux_get_msgcounters (flux_t *h, flux_msgcounters_t *mcs);
void flux_clr_msgcounters (flux_t *h);

flux_watcher_t *flux_handle_watcher_create (flux_reactor_t *r, flux_t *h, int events,
                                            flux_watcher_f cb, void *arg);
flux_t *flux_handle_watcher_get_flux (flux_watcher_t *w);

#ifdef __cplusplus
}
#endif

#endif
