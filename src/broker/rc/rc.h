/* rc1, rc3 and the end of all jobs, see rc.c. */
#ifndef BROKER_RC_H
#define BROKER_RC_H

#include "broker/broker.h"

int rc_init (struct broker *b);
void rc_fini (struct broker *b);
void rc1_start (struct broker *b);
void rc3_start (struct broker *b);
void rc_cleanup_start (struct broker *b);

#endif
