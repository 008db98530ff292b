#include "modules/job-exec/limit/limit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/shell/protocol.h"
#include "modules/job-exec/job.h"

/* s, between two that were written with microseconds, or taken one after the other. */
#define SAME 1e-3

void limit_line_enter (struct limit_line *line, struct limit_place *p)
{
    p->at = ++line->last;
    p->seen = line->reached;
}

void limit_line_reach (struct limit_line *line, const struct limit_place *p)
{
    if (p->at > line->reached)
        line->reached = p->at;
}

bool limit_line_moves (const struct limit_line *line, struct limit_place *p)
{
    bool moves = p->at > line->reached && line->reached > p->seen;

    p->seen = line->reached;
    return moves;
}

void limit_set (struct job *job, double at, bool told)
{
    job->limit.at = at;
    if (told || at <= 0)
        job->limit.told = at;
    job->limit.asked = false;
}

double limit_left (const struct job *job, double now)
{
    double left = job->limit.at - now;

    if (job->limit.at <= 0)
        return 0.;
    return left != 0 ? left : -1e-6;
}

static bool is_over (const struct shell_ref *s)
{
    return s->exited || s->ended;
}

void limit_ask (struct job *job)
{
    char text[16];

    snprintf (text, sizeof (text), "%u", ++job->limit.number);
    job->limit.asked = true;
    for (int i = 0; i < job->shell_count; i++) {
        struct shell_ref *s = &job->shells[i];
        s->limit = LIMIT_NONE;
        if (!is_over (s))
            job->ops->send (job, s, 'T', text, strlen (text), job->arg);
    }
}

bool limit_answer (struct job *job, struct shell_ref *s, const char *text)
{
    char *end;
    unsigned long number = strtoul (text, &end, 10);

    if (!job->limit.asked || number != job->limit.number || *end != ' ')
        return false;
    s->limit = strcmp (end, " 0") == 0 ? LIMIT_ENDED : LIMIT_RUNS;
    return true;
}

bool limit_is_missing (const struct shell_ref *s)
{
    return !is_over (s) && s->limit == LIMIT_NONE;
}

/* Some may run while others are still to be started, which changes the limit. */
enum limit_verdict limit_verdict (const struct job *job)
{
    int missing = 0, running = 0;

    for (int i = 0; i < job->shell_count; i++) {
        const struct shell_ref *s = &job->shells[i];
        missing += limit_is_missing (s);
        running += !is_over (s) && s->limit == LIMIT_RUNS;
    }
    if (running > 0 && (missing == 0 || job->start_sent))
        return LIMIT_OVER;
    return missing > 0 ? LIMIT_UNKNOWN : LIMIT_IN_TIME;
}

/* By the limit that the shell knew; what it does not know of has moved it meanwhile. */
bool limit_passed (const struct job *job, const char *text, double now)
{
    char *end;
    double expiration = strtod (text, &end), over = strtod (end, NULL);

    if (job->limit.at <= 0 || now < job->limit.at - SAME
        || fabs (expiration - job->expiration) > SAME)
        return false;
    return over - (job->limit.at - job->limit.told) >= LIMIT_UNSURE;
}
