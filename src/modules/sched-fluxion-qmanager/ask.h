/* What sched.alloc asks for: those parts of the request that matter to a queue and to a
 * match; and the other messages of each job. Pure. Nothing is decoded, as they come in
 * thousands: parts are found in the text, which modules of the instance have made (of
 * jobspecs that were read strictly before). */
#ifndef SCHED_FLUXION_QMANAGER_ASK_H
#define SCHED_FLUXION_QMANAGER_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json/jscan.h"

struct ask {
    uint64_t id;
    int64_t priority;
    bool endless; /* no duration */
    /* in the text; empty: not there */
    struct span version, resources, tasks, duration, constraints, queue;
};

/* -1 with EPROTO: without id, priority or jobspec, or no JSON. */
int ask_parse (struct ask *a, struct span text);
/* A jobspec that only has what matters to a match, in the place of what is in b: jobs of
 * the same text ask for the same. -1 with EPROTO or ENOMEM. */
int ask_shape (const struct ask *a, struct buf *b);
/* The name of the queue, in the place of what is in b; NULL: none is named. */
const char *ask_queue (const struct ask *a, struct buf *b);

struct ask_free {
    uint64_t id;
    struct span R;
    bool final; /* also if it does not say so */
};

/* What sched.free says, in the same way. */
int ask_free_parse (struct ask_free *a, struct span text);

struct match_answer {
    struct span status;  /* without quotes */
    struct span R, text; /* with them; empty: none */
    int64_t at;
    int errnum;
    bool tried;
};

/* What sched-fluxion-resource.match_multi answers for a job, in the same way. */
int match_answer_parse (struct match_answer *a, struct span text);

#endif
