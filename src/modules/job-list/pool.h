/* Records of one size that live long, many to a block, apart from what comes
 * and goes: so that memory in between does not stay behind in pieces. */
#ifndef JOB_LIST_POOL_H
#define JOB_LIST_POOL_H

#include "base/list.h"

#include <stddef.h>

struct pool {
    size_t size;
    struct list room; /* blocks with room */
};

/* size: at least that of a pointer, at most 4096. */
void pool_init (struct pool *p, size_t size);
/* All records have to be given back before. */
void pool_fini (struct pool *p);
/* Zeroed; NULL with ENOMEM. */
void *pool_get (struct pool *p);
/* An empty block is freed, unless it is the last with room. */
void pool_put (struct pool *p, void *rec);

#endif
