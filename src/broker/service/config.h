/* config.*, see config.c. */
#ifndef BROKER_CONFIG_SERVICE_H
#define BROKER_CONFIG_SERVICE_H

#include "broker/broker.h"

int config_service_init (struct broker *b);
void config_service_fini (struct broker *b);

#endif
