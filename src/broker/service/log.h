/* The log: ring, standard error, file, syslog, rank 0. */
#ifndef BROKER_LOG_H
#define BROKER_LOG_H

#include "broker/broker.h"

/* From here on broker_log goes to it. */
int log_init (struct broker *b);
void log_fini (struct broker *b);
/* Before shutdown: what is followed ends. */
void log_end_followers (struct broker *b);

#endif
