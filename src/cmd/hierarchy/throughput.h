/* The numbers of a throughput test, and how they are printed. Pure. */
#ifndef CMD_HIERARCHY_THROUGHPUT_H
#define CMD_HIERARCHY_THROUGHPUT_H

#include "base/buf.h"

#include <stdbool.h>

struct tally {
    int expected;
    int submitted;       /* submit events */
    int running;         /* start without clean */
    int completed;       /* clean events */
    double first_submit; /* timestamps; 0: none yet */
    double last_clean;
};

/* An event of a job. */
void tally_event (struct tally *t, const char *name, double timestamp);
/* A submission that was refused: no events will come. */
void tally_refuse (struct tally *t);
bool tally_done (const struct tally *t);
/* Adds from's counts, and the wider of both times. */
void tally_merge (struct tally *sum, const struct tally *from);

/* "   100 jobs:    100 submitted,      3 running, 97 complete" */
void tally_bar (const struct tally *t, struct buf *out);
/* The block "--- Throughput Results ---". Seconds; script: of the whole run. */
void tally_print (const struct tally *t, int workers, double submit, double script,
                  struct buf *out);
/* "  0-0-3: 10 jobs in 0.123s, 81.3 job/s" */
void tally_print_leaf (const struct tally *t, const char *id, struct buf *out);

#endif
