/* How far a database has come, in a small file beside it: content.generation.
 *
 * Each checkpoint has a number. A write-ahead log that was removed, or a
 * database that was emptied or replaced, takes checkpoints with it without a
 * trace in what is left; the number here tells that they are gone.
 *
 * Nothing is synced for it. After a crash of the machine the disk may have the
 * number but not the checkpoint, unless that was synced: so two numbers are
 * kept, and the first one counts only while the machine has not been booted. */
#ifndef CONTENT_SQLITE_GENERATION_H
#define CONTENT_SQLITE_GENERATION_H

#include <flux/types.h>
#include <stdbool.h>
#include <stdint.h>

struct generation {
    int fd; /* -1: not in use */
    int64_t written, synced;
    char boot_id[40];
    bool known; /* there was a record */
};

void generation_init (struct generation *g);
void generation_fini (struct generation *g);
/* Reads the record, or begins one if `create`; without it none being there is
 * no error. It is locked: a store is used by one instance. -1: errno (EWOULDBLOCK:
 * another one has it) and text. */
int generation_open (struct generation *g, const char *path, bool create,
                     flux_error_t *error);
/* The checkpoint that must be there at least; 0: none. */
int64_t generation_required (const struct generation *g);
/* After the commit. One that fails is harmless: it then tells of less. */
void generation_put (struct generation *g, int64_t number, bool synced);
/* What is there is all that there is (recovery). */
void generation_reset (struct generation *g, int64_t number);

#endif
