/* Flow control of one stream of bytes between a writer and a reader that do not
 * share a pipe. Both know the window; the reader gives back what it has used up,
 * the writer stops when it has nothing left. No handle, no clock: numbers in,
 * numbers out.
 *
 * The writer may overdraw by its last message (a message is never split for the
 * last byte of credit), so at most window + one message is on its way. */
#ifndef CORE_SUBPROCESS_CREDIT_H
#define CORE_SUBPROCESS_CREDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The writer's end. */
struct credit_out {
    int64_t room; /* bytes that may be sent; < 0: overdrawn or borrowed */
};

static inline void credit_out_init (struct credit_out *c, size_t window)
{
    c->room = window;
}

static inline bool credit_out_open (const struct credit_out *c)
{
    return c->room > 0;
}

static inline void credit_out_spend (struct credit_out *c, size_t len)
{
    c->room -= len;
}

/* What a peer grants is not to be trusted: never negative, never beyond max.
 * True if the stream was closed and is open now. */
bool credit_out_add (struct credit_out *c, int64_t len, size_t max);

/* The reader's end. */
struct credit_in {
    size_t window;
    int64_t given; /* granted, and not yet used by what came */
};

static inline void credit_in_init (struct credit_in *c, size_t window)
{
    c->window = window;
    c->given = window;
}

static inline void credit_in_received (struct credit_in *c, size_t len)
{
    c->given -= len;
}

/* How much to grant now, while `held` bytes that came wait for their user: 0 or
 * at least a quarter of the window, so that grants are few. A writer without
 * credit gets some as soon as less than three quarters are held. */
size_t credit_in_grant (struct credit_in *c, size_t held);
/* All that is left to grant: nothing is held, and somebody else grants from now on. */
size_t credit_in_rest (struct credit_in *c);

#endif
