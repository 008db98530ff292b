/* What an instance is known by to the servers of its shells, wherever its brokers run; it
 * lies in the KVS (admin.job-exec). */
#ifndef JOB_EXEC_TOKEN_H
#define JOB_EXEC_TOKEN_H

#include <flux/core.h>

/* As it is in the KVS, or a new one; the caller's to free. When it returns, whatever this
 * module has committed before it was loaded again is stored. NULL with errno: it has said
 * why. */
char *token_find (flux_t *h);
/* Once more: what was committed before is stored when this is answered. */
flux_future_t *token_commit (flux_t *h, const char *token);

#endif
