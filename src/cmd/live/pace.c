#include "cmd/live/pace.h"

void pace_change (struct pace *p)
{
    p->dirty = true;
}

double pace_delay (const struct pace *p, double now)
{
    if (!p->dirty || p->in_flight)
        return -1;
    return p->t_next > now + PACE_GATHER ? p->t_next - now : PACE_GATHER;
}

void pace_sent (struct pace *p, double now)
{
    p->dirty = false;
    p->in_flight = true;
    p->t_sent = now;
}

void pace_answered (struct pace *p, double now)
{
    double pause = PACE_SHARE * (now - p->t_sent);
    p->in_flight = false;
    p->t_next = now + (pause > PACE_PAUSE ? pause : PACE_PAUSE);
}

void pace_hurry (struct pace *p)
{
    p->dirty = true;
    p->t_next = 0;
}
