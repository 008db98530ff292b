#include "modules/job-exec/reattach/kept.h"

#include <flux/job.h>
#include <inttypes.h>
#include <stdio.h>

#define NAME "exec.kept"

int kept_key (char *buf, size_t size, uint64_t id, unsigned int rank)
{
    char name[32];

    snprintf (name, sizeof (name), NAME ".%u", rank);
    return flux_job_kvs_guest_key (buf, size, id, name);
}

int kept_put (flux_kvs_txn_t *txn, uint64_t id, unsigned int rank, uint64_t bytes)
{
    char key[128], text[24];
    int len = snprintf (text, sizeof (text), "%" PRIu64, bytes);

    return kept_key (key, sizeof (key), id, rank) < 0
               ? -1
               : flux_kvs_txn_put_raw (txn, 0, key, text, len);
}

int kept_unlink (flux_kvs_txn_t *txn, uint64_t id)
{
    char key[128];

    return flux_job_kvs_guest_key (key, sizeof (key), id, NAME) < 0
               ? -1
               : flux_kvs_txn_unlink (txn, 0, key);
}
