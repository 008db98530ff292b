#include "service.h"

#include "base/hashmap.h"
#include "core/message/message.h"

#include <stdlib.h>
#include <string.h>

#define HOLD_MIN (64 * 1024) /* bytes of an answer that are not copied */

static void unref (void *owner)
{
    payload_unref (owner);
}

static void loaded (flux_future_t *f, void *arg)
{
    struct kvs *kvs = arg;
    const char *ref = flux_future_aux_get (f, "ref");
    const void *data, *msg;
    size_t len;
    int rc;

    if (flux_rpc_get_raw (f, &data, &len) < 0 || flux_future_get (f, &msg) < 0) {
        kvs_cache_insert_error (kvs->cache, ref, errno);
    } else {
        if (len < HOLD_MIN)
            rc = kvs_cache_insert (kvs->cache, ref, data, len);
        else
            rc = kvs_cache_insert_held (kvs->cache, ref, data, len,
                                        payload_ref (msg_payload (msg)), unref);
        if (rc < 0)
            kvs_cache_insert_error (kvs->cache, ref, ENOMEM);
    }
    hashmap_remove (kvs->loading, ref); /* destroys f */
    kvs_want_turn (kvs);
}

static int load (struct kvs *kvs, const char *ref)
{
    unsigned char digest[DIGEST_MAX_SIZE];
    ssize_t size = blobref_decode (ref, digest);
    flux_future_t *f;
    char *copy;

    if (size < 0)
        return -1;
    if (hashmap_lookup (kvs->loading, ref))
        return 0;
    if (!(copy = strdup (ref)))
        return -1;
    if (!(f = flux_rpc_raw (kvs->h, "content.load", digest, size, FLUX_NODEID_ANY, 0))
        || flux_future_aux_set (f, "ref", copy, free) < 0) {
        flux_future_destroy (f);
        free (copy);
        return -1;
    }
    if (flux_future_then (f, -1., loaded, kvs) < 0
        || hashmap_insert (kvs->loading, ref, f) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    return 0;
}

int kvs_load_missing (struct kvs *kvs)
{
    size_t count = kvs_cache_missing_count (kvs->cache);

    for (size_t i = 0; i < count; i++) {
        const char *ref = kvs_cache_missing (kvs->cache, i), *data;
        size_t len;

        if (kvs->leader && kvs_leader_unsent (kvs->leader, ref, &data, &len)) {
            kvs_cache_insert (kvs->cache, ref, data, len);
            kvs_want_turn (kvs);
        } else if (load (kvs, ref) < 0) {
            kvs_cache_insert_error (kvs->cache, ref, errno);
            kvs_want_turn (kvs);
        }
    }
    kvs_cache_missing_clear (kvs->cache);
    return count > 0 ? 0 : -1;
}

int kvs_stall (struct kvs *kvs, struct waiter *w)
{
    if (kvs->stalled_count >= STALLED_MAX) {
        errno = EAGAIN;
        return -1;
    }
    list_append (&kvs->stalled, &w->node);
    kvs->stalled_count++;
    kvs_load_missing (kvs);
    return 0;
}

void kvs_run_stalled (struct kvs *kvs)
{
    struct list again;

    list_init (&again);
    while (!list_empty (&kvs->stalled)) {
        struct waiter *w = list_first (&kvs->stalled, struct waiter, node);

        list_remove (&w->node);
        if (w->run (w)) {
            kvs->stalled_count--;
            w->destroy (w);
        } else {
            list_append (&again, &w->node);
        }
    }
    while (!list_empty (&again)) {
        struct list *l = list_pop (&again);
        list_append (&kvs->stalled, l);
    }
    kvs_load_missing (kvs);
}

void kvs_turn (struct kvs *kvs)
{
    kvs_run_stalled (kvs);
    if (kvs->leader)
        kvs_leader_turn (kvs->leader);
    kvs_load_missing (kvs);
    if (!kvs->leader || !kvs_leader_holds (kvs->leader))
        kvs_cache_clear_errors (kvs->cache);
}
