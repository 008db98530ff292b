/* Services of the broker itself, and their answers, see builtin.c. */
#ifndef BROKER_BUILTIN_H
#define BROKER_BUILTIN_H

#include "broker/broker.h"

typedef void (*builtin_f) (struct broker *b, const flux_msg_t *msg, void *arg);
struct builtin {
    const char *topic;
    builtin_f cb;
    uint32_t rolemask; /* allowed beside OWNER */
};
int builtins_init (struct broker *b);
void builtins_fini (struct broker *b);
/* Topics of one part. The services (first words) are registered too, and answer ping,
 * stats-get, stats-clear, rusage and debug as modules do, unless a table has those. */
int builtins_add (struct broker *b, const struct builtin *table, void *arg);
/* [{topic, type, rolemask}] of all; NULL if there is no memory. */
json_t *builtins_describe (struct broker *b);
/* Called with each disconnect that reaches a built-in service. */
void builtins_on_disconnect (struct broker *b, builtin_f cb, void *arg);

/* Answers to a request; none is sent if none is wanted. o is taken; NULL is
 * an empty answer. */
void broker_respond (struct broker *b, const flux_msg_t *req, json_t *o);
void broker_respond_pack (struct broker *b, const flux_msg_t *req, const char *fmt,
                          ...);
void broker_respond_error (struct broker *b, const flux_msg_t *req, int errnum,
                           const char *errstr);
/* A service that must be asked with STREAMING: answers EPROTO if not. */
bool broker_check_streaming (struct broker *b, const flux_msg_t *req);

#endif
