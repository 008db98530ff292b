/* Whether the KVS can store what it is sent, and ordered commits that were
 * refused. For services of the instance owner. */
#ifndef CORE_KVS_HEALTH_H
#define CORE_KVS_HEALTH_H

#include <flux/core.h>

/* A stream from rank 0: the state at once, then each change of it. Fails with
 * EPERM for others than the owner; ends with ENODATA by kvs.health-cancel, with
 * ENOSYS when the kvs module ends. */
flux_future_t *kvs_health_watch (flux_t *h);
/* 0 with *errnum 0: well. Else commits are refused with *errnum, and *text says
 * why; it belongs to the future until flux_future_reset(). */
int kvs_health_get (flux_future_t *f, int *errnum, const char **text);

/* Commits with KVS_TXN_ORDERED that are sent from now on through this handle are
 * not refused because of one before. The answer is empty. */
flux_future_t *kvs_order_reset (flux_t *h);

#endif
