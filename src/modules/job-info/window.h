/* Between a KVS watch that sends pieces and a reader that takes whole lines: what the
 * watch may send next.
 *
 * The reader acknowledges lines. A line that is still incomplete is paid for at once:
 * else one that is longer than the window would never end. */
#ifndef JOB_INFO_WINDOW_H
#define JOB_INFO_WINDOW_H

#include <stddef.h>

struct window {
    size_t partial; /* bytes of the incomplete line, granted already */
    size_t early;   /* bytes of lines that were sent, granted already */
};

/* The watch has sent `len` bytes; behind the last whole line there are `partial`.
 * Returns what to grant. */
size_t window_got (struct window *w, size_t len, size_t partial);
/* The reader has taken so many bytes. Returns what to grant. */
size_t window_taken (struct window *w, size_t bytes);

#endif
