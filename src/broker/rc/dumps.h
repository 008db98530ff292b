/* Dumps that nobody has named a file for, see dumps.c. */
#ifndef BROKER_DUMPS_H
#define BROKER_DUMPS_H

#include "base/buf.h"
#include "broker/broker.h"

/* Puts the file into the place of content.restore=auto (rank 0). -1: out of memory. */
int dumps_init (struct broker *b);
/* A command that restores what content.restore names before the KVS is loaded. False: there
 * is nothing to restore. */
bool dumps_restore_command (struct broker *b, struct buf *cmd);
/* A command that dumps the KVS as content.dump says. False: nothing does. */
bool dumps_dump_command (struct broker *b, struct buf *cmd);

#endif
