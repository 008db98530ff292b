/* The state machine at work, see machine.c. */
#ifndef BROKER_MACHINE_H
#define BROKER_MACHINE_H

#include "broker/broker.h"

int machine_init (struct broker *b);
void machine_fini (struct broker *b);
/* Leave cleanup, shutdown or finalize without waiting any longer. */
void machine_force (struct broker *b);

#endif
