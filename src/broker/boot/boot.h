/* Finding the place of this broker, see boot.c. */
#ifndef BROKER_BOOT_H
#define BROKER_BOOT_H

#include "broker/broker.h"

/* rank, size, topology, overlay endpoints: by PMI, or single. */
int boot_run (struct broker *b, flux_error_t *error);

#endif
