/* Commands for the end, see runat.c. */
#ifndef BROKER_RUNAT_H
#define BROKER_RUNAT_H

#include "broker/broker.h"
#include "broker/programs/command.h"

int runat_init (struct broker *b);
void runat_fini (struct broker *b);
/* Runs the list, last pushed first; cb when all have ended. name is kept. */
void runat_start (struct broker *b, const char *name, command_f cb, void *arg);

#endif
