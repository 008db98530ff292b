#include "modules/job-exec/reattach/kept.h"

#include <flux/job.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

int kept_critical_key (char *buf, size_t size, uint64_t id)
{
    return flux_job_kvs_guest_key (buf, size, id, NAME ".critical");
}

int kept_put_critical (flux_kvs_txn_t *txn, uint64_t id, const char *shells)
{
    char key[128];

    return kept_critical_key (key, sizeof (key), id) < 0
               ? -1
               : flux_kvs_txn_put_raw (txn, 0, key, shells, strlen (shells));
}

int kept_unlink (flux_kvs_txn_t *txn, uint64_t id)
{
    char key[128];

    return flux_job_kvs_guest_key (key, sizeof (key), id, NAME) < 0
               ? -1
               : flux_kvs_txn_unlink (txn, 0, key);
}
