/* How messages travel between brokers. In a shared object of its own, so that
 * a single broker does not pay for it.
 *
 * All calls and callbacks happen on the broker's main thread; none blocks,
 * except destroy, which waits a moment for what was sent. */
#ifndef BROKER_TRANSPORT_H
#define BROKER_TRANSPORT_H

#include <flux/core.h>

struct transport;

struct transport_callbacks {
    /* A message from the child with this id, which may be unknown. Taken. */
    void (*child_recv) (const char *id, flux_msg_t *msg, void *arg);
    /* Its connection is gone; comes behind all that it sent. */
    void (*child_lost) (const char *id, void *arg);
    void (*parent_recv) (flux_msg_t *msg, void *arg); /* taken */
    /* Once for each connect, and behind, too. */
    void (*parent_lost) (const char *why, void *arg);
    /* There is room again where full said that there was none. */
    void (*writable) (void *arg);
    /* Somebody who is no broker of this instance is not let in; not for each of them. */
    void (*refused) (const char *text, void *arg);
    void (*log) (const char *text, void *arg); /* NULL: nothing is said of sockets */
};

/* Why a parent is lost who has another key, or who died while the keys were exchanged. */
#define TRANSPORT_REFUSED "it refused the connection"

struct transport_conf {
    flux_reactor_t *reactor;
    int io_threads;
    int child_rcvhwm;
    int tcp_user_timeout_ms; /* 0: the system's */
    int connect_timeout_ms;
    int descendants; /* so many brokers may come at once */
    struct transport_callbacks cb;
    void *arg;
};

struct transport_ops {
    struct transport *(*create) (const struct transport_conf *conf);
    void (*destroy) (struct transport *t);
    /* Listens for children at an ipc:// or tcp:// URI; what it became (port
     * numbers) goes to endpoint. ipc is for this user's processes only; tcp is
     * encrypted and wants authorized keys; bind ipc first. */
    int (*bind) (struct transport *t, const char *uri, char *endpoint, size_t size);
    /* Z85 text; made by the first call. */
    const char *(*pubkey) (struct transport *t);
    int (*authorize) (struct transport *t, const char *pubkey);
    /* A pair that was made before, instead; EINVAL: they are no Z85 keys. Before bind and
     * connect, as the next one. */
    int (*set_keys) (struct transport *t, const char *pubkey, const char *seckey);
    void (*enable_ipv6) (struct transport *t);
    /* id: what this broker is known by there; pubkey: the parent's, for tcp; patient: it
     * may come up later (but for ipc), else it is lost if it is not there. An earlier
     * parent is left: what was sent to it still goes out, if it reads. Not from within a
     * callback. */
    int (*connect) (struct transport *t, const char *id, const char *uri,
                    const char *pubkey, bool patient);
    /* The message is borrowed. EHOSTUNREACH if there is no such child. */
    int (*send_child) (struct transport *t, const char *id, const flux_msg_t *msg);
    int (*send_parent) (struct transport *t, const flux_msg_t *msg);
    /* So much is on its way to this child (NULL: the parent) that more should wait until
     * writable is called; it can be sent all the same. */
    bool (*full) (struct transport *t, const char *id);
};

/* Symbol of type struct transport_ops in overlay-zmq.so. */
#define TRANSPORT_SYMBOL "flux_overlay_transport"

#endif
