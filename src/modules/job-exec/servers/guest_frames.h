/* What the shell of another user's job may say of it, and how much: its server is that
 * user's, and need not be flux-shell. */
#ifndef JOB_EXEC_GUEST_FRAMES_H
#define JOB_EXEC_GUEST_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A shell cuts what its tasks print at output.limit, 1G of either stream at most; one that is
 * not flux-shell may not, and the disk is everybody's. Twice as much: it is kept as JSON. */
#define GUEST_STORED_MAX (4LL << 30)

struct guest_frames {
    int64_t output; /* bytes of o and w text that have come and were not given back */
    int64_t stored; /* bytes that the KVS keeps of it, at most GUEST_STORED_MAX */
    size_t window;  /* as the start record has it */
    int64_t
        unanswered; /* bytes of i and w text that it has not yet said to have taken */
    bool in_barrier;
    double talk; /* bytes of other text that may come now */
    double since;
};

/* record: of a frame S. */
void guest_frames_init (struct guest_frames *g, const char *record, size_t len);
/* A whole frame of its own job at this time. NULL: it is to be passed on. Else what is
 * wrong with it, for "%s job shell": the shell is to end. */
const char *guest_frames_check (struct guest_frames *g, char type, const char *text,
                                size_t len, double now);
/* What is sent to it changes what it may say. */
void guest_frames_sent (struct guest_frames *g, char type, const char *text,
                        size_t len);

#endif
