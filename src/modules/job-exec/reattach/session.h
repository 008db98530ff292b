/* One direction of frames between job-exec of rank 0 and an agent, which goes on over
 * another way when theirs is lost (tbon.heal). Core: no handle.
 *
 * Both ends count bytes. What was sent is kept until the other has told that it has it;
 * over a new way each tells first how much it has, and the other sends the rest again. */
#ifndef JOB_EXEC_SESSION_H
#define JOB_EXEC_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* So much is taken before it is told. */
#define SESSION_TELL (128 * 1024)

/* What goes out. */
struct session_out {
    bool keep;      /* until it is told; else only until it is sent */
    struct buf buf; /* whole frames are added by its owner */
    size_t sent;    /* of what is in buf */
    int64_t before; /* bytes that were in buf before what is in it now */
};

/* What comes in. */
struct session_in {
    int64_t taken; /* bytes */
    int64_t told;
};

void session_out_fini (struct session_out *s);
/* Not sent yet. *data is valid until s changes. */
size_t session_out_rest (const struct session_out *s, const char **data);
/* Whole frames of it: as many as go into max bytes, but at least one. 0: nothing is left. */
size_t session_out_next (const struct session_out *s, size_t max, const char **data);
/* The first len of the rest are on their way. */
void session_out_sent (struct session_out *s, size_t len);
/* The other end has so many bytes in all. -1 with EPROTO: so many were not sent. */
int session_out_told (struct session_out *s, int64_t total);
/* The same over a new way: what it does not have is the rest again. EPROTO, too, if it is
 * no longer kept. */
int session_out_resume (struct session_out *s, int64_t total);

/* So much came. True if it is time to tell the total: it counts as told. */
bool session_in_took (struct session_in *s, size_t len);
/* The total is told for another reason. */
int64_t session_in_tell (struct session_in *s);

#endif
