/* What others can cause as often as they like is worth a line now and then, which says how
 * often it was not said since the one before. */
#ifndef BASE_SELDOM_H
#define BASE_SELDOM_H

#include <stdbool.h>
#include <stdio.h>

/* All zero: nothing was said. */
struct seldom {
    bool said;
    double t; /* s, when */
    unsigned long long unsaid;
};

#define SELDOM_TEXT 48

/* False: the last line is less than pause s ago. Else text is " (and N before)", or empty. */
static inline bool seldom_due (struct seldom *s, double now, double pause,
                               char text[SELDOM_TEXT])
{
    text[0] = '\0';
    if (s->said && now - s->t < pause) {
        s->unsaid++;
        return false;
    }
    if (s->unsaid > 0)
        snprintf (text, SELDOM_TEXT, " (and %llu before)", s->unsaid);
    *s = (struct seldom){ .said = true, .t = now };
    return true;
}

#endif
