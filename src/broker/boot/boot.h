/* Finding the place of this broker, see boot.c. */
#ifndef BROKER_BOOT_H
#define BROKER_BOOT_H

#include "broker/boot/bootstrap.h"
#include "broker/broker.h"

/* rank, size, topology, overlay endpoints: by configuration, by PMI, or single. */
int boot_run (struct broker *b, flux_error_t *error);

/* What each way to find them ends with: attributes that follow from the place. bs: of
 * [bootstrap], or NULL. */
int boot_set_place (struct broker *b, int rank, int size, const char *method,
                    const struct bootstrap *bs, flux_error_t *error);
/* [bootstrap]. ENOENT: there is no such table. */
int boot_config (struct broker *b, flux_error_t *error);

#endif
