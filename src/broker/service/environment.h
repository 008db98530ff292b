/* The broker's environment, which is changed while threads of modules read it: by getenv,
 * in whatever library. So what a reader may hold is never written, moved or freed: a
 * value that is replaced and a list that is too short or has a hole are kept for ever, as
 * much as fits a bound. To be called by one thread. */
#ifndef BROKER_ENVIRONMENT_H
#define BROKER_ENVIRONMENT_H

#include <stddef.h>

#define ENVIRONMENT_OLD_MAX (16 * 1024 * 1024) /* bytes that are kept for readers */

/* value NULL: there is no such variable from now on. What is so already costs nothing.
 * -1 with ENOMEM; ENOSPC: it was changed too often. */
int environment_set (const char *name, const char *value);
/* Bytes, with the list itself. */
size_t environment_size (void);

#endif
