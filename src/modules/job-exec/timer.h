/* Deadlines of jobs: one heap, so that the reactor has one timer. */
#ifndef JOB_EXEC_TIMER_H
#define JOB_EXEC_TIMER_H

#include <stdbool.h>
#include <stddef.h>

struct timer;
typedef void (*timer_f) (struct timer *t, void *arg);

/* Embedded in its owner; zeroed memory is an inactive timer. */
struct timer {
    double when;
    size_t index; /* in the heap, from 1; 0: inactive */
    timer_f cb;
    void *arg;
};

struct timer_heap {
    struct timer **v;
    size_t count;
    size_t cap;
};

void timer_heap_fini (struct timer_heap *h);
/* (Re)starts. -1 with ENOMEM. */
int timer_set (struct timer_heap *h, struct timer *t, double when, timer_f cb,
               void *arg);
void timer_clear (struct timer_heap *h, struct timer *t);
/* The earliest deadline; false if there is none. */
bool timer_next (const struct timer_heap *h, double *when);
/* Calls those that are due, each once; they may set and clear any timer. */
void timer_run (struct timer_heap *h, double now);

#endif
