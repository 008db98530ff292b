#include "broker/state.h"

#include <stdlib.h>
#include <string.h>

static const char *state_names[STATE_COUNT] = {
    "none",    "join",     "init",     "quorum",  "run",
    "cleanup", "shutdown", "finalize", "goodbye", "exit",
};

static const char *event_names[EVENT_COUNT] = {
    [EVENT_START] = "start",
    [EVENT_PARENT_READY] = "parent-ready",
    [EVENT_PARENT_NONE] = "parent-none",
    [EVENT_PARENT_FAIL] = "parent-fail",
    [EVENT_RC1_SUCCESS] = "rc1-success",
    [EVENT_RC1_NONE] = "rc1-none",
    [EVENT_RC1_IGNOREFAIL] = "rc1-ignorefail",
    [EVENT_RC1_FAIL] = "rc1-fail",
    [EVENT_QUORUM_FULL] = "quorum-full",
    [EVENT_QUORUM_FAIL] = "quorum-fail",
    [EVENT_RC2_SUCCESS] = "rc2-success",
    [EVENT_RC2_NONE] = "rc2-none",
    [EVENT_RC2_FAIL] = "rc2-fail",
    [EVENT_SHUTDOWN] = "shutdown",
    [EVENT_PARENT_LOST] = "parent-lost",
    [EVENT_PANIC] = "panic",
    [EVENT_CLEANUP_SUCCESS] = "cleanup-success",
    [EVENT_CLEANUP_NONE] = "cleanup-none",
    [EVENT_CLEANUP_FAIL] = "cleanup-fail",
    [EVENT_CHILDREN_COMPLETE] = "children-complete",
    [EVENT_CHILDREN_NONE] = "children-none",
    [EVENT_CHILDREN_TIMEOUT] = "children-timeout",
    [EVENT_RC3_SUCCESS] = "rc3-success",
    [EVENT_RC3_NONE] = "rc3-none",
    [EVENT_RC3_FAIL] = "rc3-fail",
    [EVENT_GOODBYE] = "goodbye",
};

static const struct {
    enum state_event event;
    enum broker_state from, to;
} table[] = {
    { EVENT_START, STATE_NONE, STATE_JOIN },
    { EVENT_PARENT_READY, STATE_JOIN, STATE_INIT },
    { EVENT_PARENT_NONE, STATE_JOIN, STATE_INIT },
    { EVENT_PARENT_FAIL, STATE_JOIN, STATE_SHUTDOWN },
    { EVENT_RC1_SUCCESS, STATE_INIT, STATE_QUORUM },
    { EVENT_RC1_NONE, STATE_INIT, STATE_QUORUM },
    { EVENT_RC1_IGNOREFAIL, STATE_INIT, STATE_QUORUM },
    { EVENT_RC1_FAIL, STATE_INIT, STATE_SHUTDOWN },
    { EVENT_QUORUM_FULL, STATE_QUORUM, STATE_RUN },
    { EVENT_QUORUM_FAIL, STATE_QUORUM, STATE_SHUTDOWN },
    { EVENT_RC2_SUCCESS, STATE_RUN, STATE_CLEANUP },
    { EVENT_RC2_NONE, STATE_RUN, STATE_CLEANUP },
    { EVENT_RC2_FAIL, STATE_RUN, STATE_CLEANUP },
    { EVENT_SHUTDOWN, STATE_JOIN, STATE_SHUTDOWN },
    { EVENT_SHUTDOWN, STATE_INIT, STATE_SHUTDOWN },
    { EVENT_SHUTDOWN, STATE_QUORUM, STATE_SHUTDOWN },
    { EVENT_SHUTDOWN, STATE_RUN, STATE_CLEANUP },
    { EVENT_PARENT_LOST, STATE_JOIN, STATE_SHUTDOWN },
    { EVENT_PARENT_LOST, STATE_INIT, STATE_SHUTDOWN },
    { EVENT_PARENT_LOST, STATE_QUORUM, STATE_SHUTDOWN },
    { EVENT_PARENT_LOST, STATE_RUN, STATE_SHUTDOWN },
    { EVENT_PARENT_LOST, STATE_CLEANUP, STATE_SHUTDOWN },
    { EVENT_PANIC, STATE_JOIN, STATE_SHUTDOWN },
    { EVENT_PANIC, STATE_INIT, STATE_SHUTDOWN },
    { EVENT_PANIC, STATE_QUORUM, STATE_SHUTDOWN },
    { EVENT_PANIC, STATE_RUN, STATE_SHUTDOWN },
    { EVENT_PANIC, STATE_CLEANUP, STATE_SHUTDOWN },
    { EVENT_CLEANUP_SUCCESS, STATE_CLEANUP, STATE_SHUTDOWN },
    { EVENT_CLEANUP_NONE, STATE_CLEANUP, STATE_SHUTDOWN },
    { EVENT_CLEANUP_FAIL, STATE_CLEANUP, STATE_SHUTDOWN },
    { EVENT_CHILDREN_COMPLETE, STATE_SHUTDOWN, STATE_FINALIZE },
    { EVENT_CHILDREN_NONE, STATE_SHUTDOWN, STATE_FINALIZE },
    { EVENT_CHILDREN_TIMEOUT, STATE_SHUTDOWN, STATE_FINALIZE },
    { EVENT_RC3_SUCCESS, STATE_FINALIZE, STATE_GOODBYE },
    { EVENT_RC3_NONE, STATE_FINALIZE, STATE_GOODBYE },
    { EVENT_RC3_FAIL, STATE_FINALIZE, STATE_GOODBYE },
    { EVENT_GOODBYE, STATE_GOODBYE, STATE_EXIT },
};

enum broker_state state_next (enum broker_state state, enum state_event event)
{
    for (size_t i = 0; i < sizeof (table) / sizeof (table[0]); i++)
        if (table[i].event == event && table[i].from == state)
            return table[i].to;
    return state;
}

const char *state_name (enum broker_state state)
{
    return state < STATE_COUNT ? state_names[state] : "unknown";
}

const char *state_event_name (enum state_event event)
{
    return event < EVENT_COUNT ? event_names[event] : "unknown";
}

bool state_parse (const char *name, enum broker_state *state)
{
    for (int i = 0; i < STATE_COUNT; i++) {
        if (strcmp (state_names[i], name) == 0) {
            *state = i;
            return true;
        }
    }
    return false;
}

int state_queue_add (struct state_queue *q, enum state_event event)
{
    if (q->count > 0 && q->v[q->head + q->count - 1] == event)
        return 0;
    if (q->head + q->count == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 32;
        enum state_event *v = realloc (q->v, cap * sizeof (*v));

        if (!v)
            return -1;
        q->v = v;
        q->cap = cap;
    }
    q->v[q->head + q->count++] = event;
    return 0;
}

bool state_queue_take (struct state_queue *q, enum state_event *event)
{
    if (q->count == 0)
        return false;
    *event = q->v[q->head++];
    if (--q->count == 0)
        q->head = 0;
    return true;
}

void state_queue_fini (struct state_queue *q)
{
    free (q->v);
    memset (q, 0, sizeof (*q));
}
