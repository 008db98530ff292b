/* groups.*, see groups_service.c. */
#ifndef BROKER_GROUPS_SERVICE_H
#define BROKER_GROUPS_SERVICE_H

#include "broker/broker.h"

int groups_service_init (struct broker *b);
void groups_service_fini (struct broker *b);
/* After a change of b->groups: tell followers and parent, once in this turn. */
void groups_changed (struct broker *b);
/* All of it, to a parent that is new. */
void groups_announce (struct broker *b);

#endif
