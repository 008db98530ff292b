/* Memory goes back to the system after a burst, see memory.c. */
#ifndef BROKER_MEMORY_H
#define BROKER_MEMORY_H

#include "broker/broker.h"

void memory_limit (void); /* before there are threads */
int memory_init (struct broker *b);
void memory_fini (struct broker *b);
/* A message passes: when there were many, free memory is given back. */
void memory_used (struct broker *b);

#endif
