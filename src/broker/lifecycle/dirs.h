/* rundir and statedir, see dirs.c. */
#ifndef BROKER_DIRS_H
#define BROKER_DIRS_H

#include "broker/broker.h"

/* -1: said on stderr. */
int dirs_setup_rundir (struct broker *b);
int dirs_setup_statedir (struct broker *b); /* rank is known */
void dirs_cleanup (struct broker *b);

#endif
