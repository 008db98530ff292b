/* The small services: attr, config, event, service, broker. */
#ifndef BROKER_SERVICES_CORE_H
#define BROKER_SERVICES_CORE_H

#include "broker/broker.h"

int core_services_init (struct broker *b);

#endif
