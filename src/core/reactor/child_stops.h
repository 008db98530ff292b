/* That children are stopped and go on, which no descriptor tells: a thread waits for it,
 * one for the program, from the first that asks. */
#ifndef CORE_REACTOR_CHILD_STOPS_H
#define CORE_REACTOR_CHILD_STOPS_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

struct child_stops;

/* wake is sent to loop when there is something to get. NULL with ENOMEM, or EAGAIN: no
 * thread to be had. */
struct child_stops *child_stops_create (pid_t pid, struct ev_loop *loop,
                                        ev_async *wake);
void child_stops_destroy (struct child_stops *s);
/* A child that is stopped already is told, too. */
void child_stops_start (struct child_stops *s);
void child_stops_stop (struct child_stops *s);
/* The last that happened (status as wait(2)), once. */
bool child_stops_get (struct child_stops *s, int *status);

#endif
