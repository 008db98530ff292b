/* Jobs that ended and are no longer kept in memory, in a temporary file: so a million of
 * them cost a cache of a fixed size. The file has no name and dies with the process; after
 * a restart jobs come from the KVS. */
#ifndef JOB_LIST_JOBDB_H
#define JOB_LIST_JOBDB_H

#include "jobs.h"

struct jobdb;

/* NULL with errno. The file is made where TMPDIR says. */
struct jobdb *jobdb_create (void);
void jobdb_destroy (struct jobdb *db);
size_t jobdb_count (const struct jobdb *db);

/* All of them, or none and -1 with errno (ENOSPC, EIO, ENOMEM). */
int jobdb_put (struct jobdb *db, const struct job *const *jobs, size_t n);
/* 1: *job is set; 0: there is none; -1 with errno. The strings of *job are valid until the
 * next call on db. */
int jobdb_get (struct jobdb *db, flux_jobid_t id, struct job *job);
int jobdb_remove (struct jobdb *db, flux_jobid_t id);

/* Then jobdb_next gives, as jobdb_get does, the jobs that ended before t, or at t with a
 * smaller id: the newest first. Any other call ends this. */
int jobdb_seek (struct jobdb *db, double t, flux_jobid_t id);
int jobdb_next (struct jobdb *db, struct job *job);

#endif
