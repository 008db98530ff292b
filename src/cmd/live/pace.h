/* How often a question is asked again. Pure: time comes in, delays go out.
 *
 * The first change after quiet times is asked about at once (a few milliseconds later,
 * so that one answer serves what comes together). A question that is on its way is not
 * asked twice, and the pause behind an answer is a multiple of the time that it took:
 * whoever looks on costs the instance a small share of its time, however busy it is. */
#ifndef CMD_LIVE_PACE_H
#define CMD_LIVE_PACE_H

#include <stdbool.h>

#define PACE_GATHER 0.02
#define PACE_PAUSE 0.2 /* at least, between two questions */
#define PACE_SHARE 5   /* times the duration of the last answer */

struct pace {
    bool dirty;
    bool in_flight;
    double t_sent;
    double t_next; /* not before */
};

void pace_change (struct pace *p);
/* Seconds until the question is to be sent; < 0: not now, an answer or a change
 * comes first. */
double pace_delay (const struct pace *p, double now);
void pace_sent (struct pace *p, double now);
void pace_answered (struct pace *p, double now);
/* The next change is asked about without a pause (somebody pressed a key). */
void pace_hurry (struct pace *p);

#endif
