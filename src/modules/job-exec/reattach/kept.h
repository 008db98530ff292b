/* What the KVS says of a job's output beside it, where jobs outlive their brokers: for each
 * rank, how many bytes of the text of frames o of its shell are in guest.output. It is in
 * the transaction that has them, as long as the job runs; the last one takes it away. */
#ifndef JOB_EXEC_KEPT_H
#define JOB_EXEC_KEPT_H

#include <flux/kvs.h>
#include <stddef.h>
#include <stdint.h>

int kept_key (char *buf, size_t size, uint64_t id, unsigned int rank);
int kept_put (flux_kvs_txn_t *txn, uint64_t id, unsigned int rank, uint64_t bytes);
/* Beside that: which of its shells the job cannot do without, as it has said. */
int kept_critical_key (char *buf, size_t size, uint64_t id);
int kept_put_critical (flux_kvs_txn_t *txn, uint64_t id, const char *shells);
int kept_unlink (flux_kvs_txn_t *txn, uint64_t id);

#endif
