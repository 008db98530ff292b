/* When a collection works, and for how long at a time: all of the time while nobody else
 * wants anything of the store; beside others a quarter, and an eighth if requests never
 * cease to wait, so that it comes to its end; and more the closer the store is to what it
 * may grow to, up to all. No clock: times are given, in seconds. */
#ifndef CORE_KVS_PACE_H
#define CORE_KVS_PACE_H

#include <stdbool.h>

#define PACE_ALONE 0.003  /* s of a slice, then others get their turn */
#define PACE_BESIDE 0.001 /* the same beside others */
#define PACE_QUIET 0.02   /* s without a request: it is alone */
#define PACE_REST 3       /* times as long as a slice took it rests beside others */
#define PACE_REST_MAX 7   /* the same while requests wait */
#define PACE_AGAIN 0.0005 /* s until it looks again whether they do */

/* Zeroed: nothing has happened yet. */
struct pace {
    bool asked;     /* at least once, in `request` */
    double request; /* when somebody else wanted something last */
    double end;     /* of the last slice */
    double took; /* it, with all that it could not leave undone: longer than allowed */
    double urgency; /* 0 to 1: of what it rests nothing is left */
};

/* Somebody else has wanted something. */
void pace_request (struct pace *p, double now);
/* Seconds that a slice may take which begins now. */
double pace_slice (const struct pace *p, double now);
/* It took from start to now. */
void pace_worked (struct pace *p, double start, double now);
/* What the store has grown by, as a share of what it may; any number. */
void pace_grown (struct pace *p, double share);
/* Seconds until it may work, or is to ask again; 0: now. waiting: there are requests that
 * have come and are not looked at. */
double pace_wait (const struct pace *p, double now, bool waiting);

#endif
