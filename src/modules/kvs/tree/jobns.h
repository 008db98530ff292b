/* "job-ID" names the guest directory of a job in the primary namespace: what is asked
 * for there is asked for below job.ID.guest, by whoever may use the primary namespace. So
 * a job has a namespace for as long as its directory is there, and nothing is done to
 * create or remove it. */
#ifndef KVS_JOBNS_H
#define KVS_JOBNS_H

#include "base/buf.h"
#include "core/kvs/txn.h"

#include <stdbool.h>
#include <stddef.h>

/* "job.0000.0000.0000.0000.guest" */
#define JOBNS_DIR_MAX 48

/* False: the name is no job's (flux_job_kvs_namespace makes them). Else dir is the
 * job's own directory, and guest the one that stands for the namespace. */
bool jobns_parse (const char *ns, char dir[JOBNS_DIR_MAX], char guest[JOBNS_DIR_MAX]);

/* "job.ID.guest", or "job.ID.guest.KEY": to be freed; NULL with ENOMEM. */
char *jobns_key (const char *guest, const char *key);

/* The transaction with its keys below the job's guest directory, to be applied in the
 * primary namespace within the job's directory (kvs_txn_reader.within): the payload is
 * appended to out. Links that name no namespace stay within the job's. -1 with EPROTO,
 * EINVAL, ENOMEM. */
int jobns_txn (const struct kvs_txn_reader *txn, struct buf *out);

#endif
