/* Telling systemd how the broker does (sd_notify(3)), see notify.c. */
#ifndef BROKER_NOTIFY_H
#define BROKER_NOTIFY_H

#include "broker/broker.h"

/* -1 with *error: an attribute that could not be honoured. */
int notify_init (struct broker *b, flux_error_t *error);
void notify_fini (struct broker *b);
/* The broker is in a new state. */
void notify_state (struct broker *b, enum broker_state state);
/* It has come nearer to its end. */
void notify_progress (struct broker *b);

/* Somebody has come nearer to what the broker waits for: text says how far. */
void notify_status (struct broker *b, const char *text);

/* What to send; returns its length. stop_timeout in seconds, < 0: none. */
int notify_text (char *buf, size_t size, enum broker_state state, int rank,
                 double stop_timeout);

#endif
