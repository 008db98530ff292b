/* What is a module elsewhere, and here a part of the broker, or of a module. It is listed as
 * one; a part of a module can be switched off and on by itself. */
#ifndef BROKER_PARTS_H
#define BROKER_PARTS_H

#include "broker/broker.h"
#include "broker/modhost/modules.h"

/* Is there such a part, of a module that runs here, that can be switched that way? Then
 * the module is asked to, and cb is called with its answer. */
bool parts_switch (struct broker *b, const char *name, bool on, module_f cb, void *arg);
/* Why a name cannot be loaded or removed, of which there is no module. Sets errno: errnum
 * if it is part of what is there, else ENOENT. */
void parts_explain (struct broker *b, const char *name, int errnum,
                    const char *otherwise, flux_error_t *error);
/* Names of those that are there; NULL at the end. Start with *pos = 0. */
const char *parts_next (struct broker *b, size_t *pos);

#endif
