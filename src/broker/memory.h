/* Memory goes back to the system after a burst, see memory.c. */
#ifndef BROKER_MEMORY_H
#define BROKER_MEMORY_H

#include "broker/broker.h"

void memory_limit (void); /* before there are threads */
int memory_init (struct broker *b);
void memory_fini (struct broker *b);
/* A message of so many bytes passes: when there were many, or large ones, free memory is
 * kept for those that follow, and given back afterwards. */
void memory_used (struct broker *b, size_t len);

#endif
