/* Clients on the unix socket, see local.c. */
#ifndef BROKER_LOCAL_H
#define BROKER_LOCAL_H

#include "broker/broker.h"

int local_init (struct broker *b, flux_error_t *error);
void local_fini (struct broker *b);
/* Writes what waits for clients, as far as it goes. */
void local_flush (struct broker *b);

#endif
