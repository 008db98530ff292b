/* Watching a growing value piece by piece: kvs_watch_window() is flux_kvs_lookup()
 * with FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND, but no more than `window` bytes are
 * sent until the reader has taken some, and says so. With `last` the watch ends with
 * ENODATA behind what is there at that time (ENOENT: nothing is). */
#ifndef CORE_KVS_WINDOW_H
#define CORE_KVS_WINDOW_H

#include <flux/kvs.h>

flux_future_t *kvs_watch_window (flux_t *h, const char *ns, int flags, const char *key,
                                 size_t window, bool last);
int kvs_watch_credit (flux_future_t *f, const char *ns, size_t bytes, bool last);

#endif
