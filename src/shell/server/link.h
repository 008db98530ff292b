/* The way between a server of shells that outlives its broker, and the brokers.
 *
 * The first broker has started it and has its standard input and output. Others come to
 * a socket in its directory, one at a time. What the shells say comes by a pipe here, not
 * to the broker: it is kept (keep.h), and passed on to whoever is there. The end of input
 * means that the broker was killed, for one that ends kills the server. Whole frames that
 * came before are obeyed, and jobs go on.
 *
 * In the directory: `socket`, while the server lives, or after it was killed; `left`, what
 * those said that ended while no broker was there, when the server has ended, too.
 *
 * Failures: no broker comes in time: what runs gets an exception, and is killed. `left`
 * cannot be written: it is tried again as long as that lasts, and nothing ends. The
 * directory is gone, or a broker of another instance comes (H has another token): this was
 * nobody's any more; all is killed. */
#ifndef SHELL_LINK_H
#define SHELL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame;

struct link_ops {
    /* Frames come from there; -1: from nowhere. The descriptor is the taker's. */
    void (*input) (int fd);
    /* A job is to end at once. */
    void (*kill) (uint64_t id);
    void (*raise) (uint64_t id, const char *note);
    /* There is another broker than before. */
    void (*renewed) (void);
};

/* The shells write to descriptor 1. epoll_fd is borrowed. -1 with errno. */
int link_open (const char *dir, int epoll_fd, const struct link_ops *ops);
void link_close (void);
/* Whole lines that the server itself says of jobs. */
void link_take (const char *data, size_t len);
/* A frame from the broker; true: it was for this. */
bool link_frame (const struct frame *f);
/* The end of input. */
void link_lost (void);
/* After a turn. False: there is nothing more to live for. */
bool link_settle (void);
/* When that is wanted at the latest; monotonic, INFINITY: never. */
double link_deadline (void);

#endif
