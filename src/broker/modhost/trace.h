/* module.trace and overlay.trace, see trace.c. */
#ifndef BROKER_TRACE_H
#define BROKER_TRACE_H

#include "broker/broker.h"

/* loaded: whether there is a module of this name. */
int trace_init (struct broker *b, bool (*loaded) (struct broker *b, const char *name));
void trace_fini (struct broker *b);
/* dir: "rx" what a module is sent, "tx" what it sends. */
void trace_message (struct broker *b, const char *name, const char *dir,
                    const flux_msg_t *msg);
/* The same for the tree of brokers: with the broker of this rank, -1: not known yet. */
void trace_overlay (struct broker *b, int rank, const char *dir, const flux_msg_t *msg);
/* Is there anybody who asks? */
bool trace_wanted (struct broker *b);

#endif
