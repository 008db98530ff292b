/* How far flux dump or flux restore has come, for who waits for it. */
#ifndef CMD_DUMP_PROGRESS_H
#define CMD_DUMP_PROGRESS_H

#include <flux/core.h>
#include <flux/optparse.h>

struct dump_progress {
    flux_t *h;        /* borrowed; of the broker that is told */
    const char *done; /* what was done to the keys */
    bool verbose, quiet, notify;
    size_t count; /* of keys */
};

/* The options -v, -q and --sd-notify. */
void dump_progress_init (struct dump_progress *dp, optparse_t *p, const char *done);
/* One more key, or, if it does not count, what is beside them: its path in the archive. */
void dump_progress_add (struct dump_progress *dp, const char *path, bool counts);
void dump_progress_end (struct dump_progress *dp);

#endif
