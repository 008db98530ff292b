#include "core/kvs/collect/pace.h"

static bool is_alone (const struct pace *p, double now)
{
    return !p->asked || now - p->request >= PACE_QUIET;
}

void pace_request (struct pace *p, double now)
{
    p->asked = true;
    p->request = now;
}

double pace_slice (const struct pace *p, double now)
{
    return is_alone (p, now) ? PACE_ALONE
                             : PACE_BESIDE + p->urgency * (PACE_ALONE - PACE_BESIDE);
}

void pace_worked (struct pace *p, double start, double now)
{
    p->end = now;
    p->took = now - start;
}

void pace_grown (struct pace *p, double share)
{
    p->urgency = share < 0. ? 0. : share > 1. ? 1. : share;
}

double pace_wait (const struct pace *p, double now, bool waiting)
{
    double took = p->took * (1. - p->urgency), since = now - p->end;
    double rest = took * PACE_REST - since, rest_max = took * PACE_REST_MAX - since;

    if (rest_max <= 0.)
        return 0.;
    if (rest > 0. && (waiting || !is_alone (p, now)))
        return rest;
    if (waiting)
        return rest_max < PACE_AGAIN ? rest_max : PACE_AGAIN;
    return 0.;
}
