/* Who waits for which version of a namespace, the lowest first. */
#ifndef KVS_VERSIONS_H
#define KVS_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERSIONS_MAX 262144

struct kvs_version {
    int64_t sequence;
    void *req;
};

/* All zero: nobody. */
struct kvs_versions {
    struct kvs_version *heap;
    size_t count, cap;
};

/* -1 with EAGAIN if there are VERSIONS_MAX, ENOMEM. */
int kvs_versions_add (struct kvs_versions *v, int64_t sequence, void *req);
/* A request whose version is reached; NULL: no more. */
void *kvs_versions_pop (struct kvs_versions *v, int64_t sequence);
/* Takes out a request that matches; NULL: no more. *pos starts with 0. To be
 * called until it returns NULL. */
void *kvs_versions_take (struct kvs_versions *v, size_t *pos,
                         bool (*match) (void *req, const void *arg), const void *arg);
void kvs_versions_fini (struct kvs_versions *v);

#endif
