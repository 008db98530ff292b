/* The initial program, see rc2.c. */
#ifndef BROKER_RC2_H
#define BROKER_RC2_H

#include "broker/broker.h"

int rc2_init (struct broker *b);
void rc2_fini (struct broker *b);
void rc2_start (struct broker *b);
/* signum to the initial program, if it runs. */
void rc2_kill (struct broker *b, int signum);
/* The same for one that is of no concern to the broker, unless it comes there by itself.
 * A program that is still to start gets it then. */
void rc2_forward (struct broker *b, int signum);
/* The instance ends: the program is to end, too. Then done is called, once: when it has
 * ended, or is not waited for any longer. */
void rc2_end (struct broker *b, void (*done) (struct broker *b));

#endif
