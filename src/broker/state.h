/* The broker's states, and the events that lead from one to the next.
 *
 * Happy path: none -start-> join -parent-ready-> init -rc1-success-> quorum
 * -quorum-full-> run -rc2-success-> cleanup -cleanup-success-> shutdown
 * -children-complete-> finalize -rc3-success-> goodbye -goodbye-> exit.
 *
 * Failures: what goes wrong before run leads to shutdown; shutdown in run
 * leads to cleanup first. */
#ifndef BROKER_STATE_H
#define BROKER_STATE_H

#include <stdbool.h>
#include <stddef.h>

enum broker_state {
    STATE_NONE,
    STATE_JOIN,
    STATE_INIT,
    STATE_QUORUM,
    STATE_RUN,
    STATE_CLEANUP,
    STATE_SHUTDOWN,
    STATE_FINALIZE,
    STATE_GOODBYE,
    STATE_EXIT,
    STATE_COUNT,
};

enum state_event {
    EVENT_START,
    EVENT_PARENT_READY,
    EVENT_PARENT_NONE,
    EVENT_PARENT_FAIL,
    EVENT_RC1_SUCCESS,
    EVENT_RC1_NONE,
    EVENT_RC1_IGNOREFAIL,
    EVENT_RC1_FAIL,
    EVENT_QUORUM_FULL,
    EVENT_QUORUM_FAIL,
    EVENT_RC2_SUCCESS,
    EVENT_RC2_NONE,
    EVENT_RC2_FAIL,
    EVENT_SHUTDOWN,    /* asked for: signal, flux shutdown, the parent's state */
    EVENT_PARENT_LOST, /* what hangs below a lost parent ends, without cleanup */
    EVENT_PANIC,
    EVENT_CLEANUP_SUCCESS,
    EVENT_CLEANUP_NONE,
    EVENT_CLEANUP_FAIL,
    EVENT_CHILDREN_COMPLETE,
    EVENT_CHILDREN_NONE,
    EVENT_CHILDREN_TIMEOUT,
    EVENT_RC3_SUCCESS,
    EVENT_RC3_NONE,
    EVENT_RC3_FAIL,
    EVENT_GOODBYE,
    EVENT_COUNT,
};

/* The state after the event; the same state if the event means nothing in
 * it. */
enum broker_state state_next (enum broker_state state, enum state_event event);

/* Events that wait for their turn, in order; one that is posted again right behind
 * itself is kept once. All zero is empty. */
struct state_queue {
    enum state_event *v;
    size_t head, count, cap;
};
int state_queue_add (struct state_queue *q, enum state_event event); /* ENOMEM */
bool state_queue_take (struct state_queue *q, enum state_event *event);
void state_queue_fini (struct state_queue *q);

const char *state_name (enum broker_state state);
const char *state_event_name (enum state_event event);
bool state_parse (const char *name, enum broker_state *state);

#endif
