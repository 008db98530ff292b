/* The initial program, see rc2.c. */
#ifndef BROKER_RC2_H
#define BROKER_RC2_H

#include "broker/broker.h"

int rc2_init (struct broker *b);
void rc2_fini (struct broker *b);
void rc2_start (struct broker *b);
/* signum to the initial program, if it runs. */
void rc2_kill (struct broker *b, int signum);

#endif
