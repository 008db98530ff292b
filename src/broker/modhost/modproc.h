/* A module as a process of its own: flux-module-exec runs mod_main there (RFC 5). */
#ifndef BROKER_MODPROC_H
#define BROKER_MODPROC_H

#include <jansson.h>

#include "broker/broker.h"

struct modproc;

/* readable: there may be something to receive. ended: the process is gone, with what
 * wait(2) says; called once, and not from within one of the calls below. */
struct modproc_ops {
    void (*readable) (void *arg);
    void (*ended) (void *arg, int status);
};

/* Starts the process, `loader path`, and sends it the welcome: {args, attrs, conf, name,
 * uuid}. loader: "" for flux-module-exec. NULL with errno. */
struct modproc *modproc_create (struct broker *b, const char *name, const char *path,
                                const char *loader, const char *id, json_t *args,
                                const struct modproc_ops *ops, void *arg);
/* Kills what still runs. */
void modproc_destroy (struct modproc *mp);
/* Takes *msg. -1 with ECONNRESET, ENOBUFS (a request for a module that does not read), or
 * ENOMEM: the caller keeps it. What else is too much for it ends the process. */
int modproc_send (struct modproc *mp, flux_msg_t **msg);
/* NULL with EAGAIN, or ECONNRESET: nothing will come any more. */
flux_msg_t *modproc_recv (struct modproc *mp);
/* Bytes that it has not taken. */
size_t modproc_unsent (const struct modproc *mp);
pid_t modproc_pid (const struct modproc *mp);
void modproc_kill (struct modproc *mp, int signum);

#endif
