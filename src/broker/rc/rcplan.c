#include "broker/rc/rcplan.h"

#include <stdlib.h>
#include <string.h>

int rcplan_init (struct rcplan *p, const struct modlist *list)
{
    *p = (struct rcplan){ .list = list };
    p->progress = calloc (list->count + 1, sizeof (*p->progress));
    p->absent = calloc (list->count + 1, sizeof (*p->absent));
    return p->progress && p->absent ? 0 : -1;
}

void rcplan_fini (struct rcplan *p)
{
    free (p->progress);
    free (p->absent);
    *p = (struct rcplan){ 0 };
}

static bool needs (const struct rcplan *p, int i, int j)
{
    return modlist_names (p->list->entry[i].after, p->list->entry[j].name);
}

static bool can_start (const struct rcplan *p, int i)
{
    for (int j = 0; j < p->list->count; j++)
        if (needs (p, i, j) && !p->absent[j] && p->progress[j] != RUNNING)
            return false;
    return true;
}

int rcplan_start_next (struct rcplan *p)
{
    for (int i = 0; i < p->list->count && !p->given_up; i++) {
        if (!p->absent[i] && p->progress[i] == PROGRESS_IDLE && can_start (p, i)) {
            p->progress[i] = STARTING;
            return i;
        }
    }
    return -1;
}

static bool can_end (const struct rcplan *p, int j)
{
    for (int i = 0; i < p->list->count; i++)
        if (needs (p, i, j) && p->progress[i] != PROGRESS_IDLE)
            return false;
    return true;
}

int rcplan_end_next (struct rcplan *p)
{
    for (int i = 0; i < p->list->count; i++) {
        if (p->progress[i] == RUNNING && can_end (p, i)) {
            p->progress[i] = ENDING;
            return i;
        }
    }
    return -1;
}

static int count (const struct rcplan *p, enum progress progress)
{
    int n = 0;

    for (int i = 0; i < p->list->count; i++)
        n += p->progress[i] == progress;
    return n;
}

int rcplan_starting (const struct rcplan *p)
{
    return count (p, STARTING);
}

int rcplan_left (const struct rcplan *p)
{
    return p->list->count - count (p, PROGRESS_IDLE);
}

void rcplan_give_up (struct rcplan *p)
{
    p->given_up = true;
}

void rcplan_reset (struct rcplan *p)
{
    memset (p->progress, 0, p->list->count * sizeof (*p->progress));
}
