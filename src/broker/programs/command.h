/* Programs that the broker starts, see command.c. */
#ifndef BROKER_COMMAND_H
#define BROKER_COMMAND_H

#include "broker/broker.h"

/* A command in the broker's environment for programs, by "sh -c". status is
 * that of wait(2). */
typedef void (*command_f) (struct broker *b, int status, void *arg);
int command_run (struct broker *b, const char *cmdline, command_f cb, void *arg);
/* They are asked to end: nobody waits for them any longer. */
void command_stop_all (struct broker *b);
void command_fini (struct broker *b);
/* To be freed with program_env_free(). */
char **broker_program_env (struct broker *b);

#endif
