/* Much output of this rank's shells goes from here to the KVS, or to the leader of its job
 * that writes a file, past job-exec of rank 0. Core: no handle.
 *
 * Happy path: a shell's first OUTFLOW_SMALL bytes of entries go up with its other frames,
 * where those of many jobs share a commit. Then the agent says m, and keeps what comes.
 * Rank 0 says M when the KVS has the header and all that this shell has sent; from then
 * on its entries are appended from here, and when the KVS has them the shell gets credit
 * (C). So no entry of a stream passes another. What the leader writes (w) goes the same
 * way in three steps: up, kept, and then to the leader's rank, whose answer says that it
 * is written. X goes up when all is kept; y tells meanwhile that only output is missing.
 *
 * Failures: a store that is slow or refuses: commits wait in their places (ordered.h),
 * the shell's window fills, and its tasks wait at their pipes. A commit that is refused
 * nevertheless: an exception of its jobs. The leader has ended: nobody will write what it
 * has not, and nobody waits for it. The agent is lost: so are its shells, with what
 * nobody has acknowledged. */
#ifndef JOB_EXEC_OUTFLOW_H
#define JOB_EXEC_OUTFLOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"

#define OUTFLOW_SMALL (64 * 1024)
/* Of one commit, and commits on their way. */
#define OUTFLOW_COMMIT_MAX (4 * 1024 * 1024)
#define OUTFLOW_COMMITS 8

struct outflow;

/* Lines for a job's guest.output. */
struct outflow_part {
    struct list node;
    uint64_t id;
    struct buf text;
    size_t cost;   /* of credit */
    uint64_t kept; /* of this shell: o text that is stored then */
};

/* One commit. */
struct outflow_batch {
    struct list parts;
};

struct outflow_ops {
    /* A frame for rank 0. */
    void (*up) (uint64_t id, char type, const char *text, size_t len, void *arg);
    /* A frame for the shell. */
    void (*down) (uint64_t id, char type, const char *text, size_t len, void *arg);
    /* Appends each part; takes the batch until outflow_stored, which may be called
     * before this returns. */
    void (*store) (struct outflow_batch *batch, void *arg);
    /* The rank of the job's leader; -1: it has no other shell. */
    int64_t (*leader) (uint64_t id, void *arg);
    /* Frames w for the leader there; outflow_written follows. -1 with errno: not sent. */
    int (*write) (uint64_t id, int64_t leader, const char *frames, size_t len,
                  size_t cost, void *arg);
};

struct outflow *outflow_create (const struct outflow_ops *ops, void *arg);
/* Batches on their way are still to be given back by outflow_batch_destroy. */
void outflow_destroy (struct outflow *of);

/* A frame of a shell. */
void outflow_frame (struct outflow *of, uint64_t id, char type, const char *text,
                    size_t len);
/* The shell ran under another broker: so much of its o text is stored. */
void outflow_resume (struct outflow *of, uint64_t id, uint64_t kept);
/* Nobody is to hear more of it. */
void outflow_forget (struct outflow *of, uint64_t id);
/* M. */
void outflow_open (struct outflow *of, uint64_t id);
/* Stores what is due: at the end of a turn. */
void outflow_flush (struct outflow *of);
/* The last word about a batch: error is NULL if the KVS has it. Takes it. */
void outflow_stored (struct outflow *of, struct outflow_batch *batch,
                     const char *error);
/* So much of what was sent is written, or nobody will write it. */
void outflow_written (struct outflow *of, uint64_t id, size_t cost);
void outflow_batch_destroy (struct outflow_batch *batch);
/* All shells have ended, and nobody is to hear of it. */
void outflow_reset (struct outflow *of);
/* Bytes that the KVS has from here. */
int64_t outflow_bytes (const struct outflow *of);

#endif
