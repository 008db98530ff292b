/* module.trace, see trace.c. */
#ifndef BROKER_TRACE_H
#define BROKER_TRACE_H

#include "broker/broker.h"

/* loaded: whether there is a module of this name. */
int trace_init (struct broker *b, bool (*loaded) (struct broker *b, const char *name));
void trace_fini (struct broker *b);
/* dir: "rx" what a module is sent, "tx" what it sends. */
void trace_message (struct broker *b, const char *name, const char *dir,
                    const flux_msg_t *msg);

#endif
