/* What signals do to a broker, see signals.c. */
#ifndef BROKER_SIGNALS_H
#define BROKER_SIGNALS_H

#include "broker/broker.h"

/* First thing in main: from here on a signal ends the broker, and takes along what
 * it has made. */
void signals_boot (void);
/* Between these a signal waits. */
void signals_hold (void);
void signals_release (void);
/* rundir, and whether it goes; the sockets in it go in any case. */
void signals_take_along (const char *rundir, bool remove);

/* The rank is known, the reactor is about to run: they are events from now on. */
int signals_init (struct broker *b);
/* From here on they mean nothing. */
void signals_fini (struct broker *b);

#endif
