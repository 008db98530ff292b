/* Memory goes back to the system when a burst of messages is over: what the
 * modules needed for many jobs at once is free then, but scattered. */
#include <malloc.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "broker/memory.h"

#define BURST 256 /* messages */
#define QUIET 0.2 /* s */

struct memory {
    flux_watcher_t *timer;
    size_t messages; /* since memory was given back */
    size_t seen;     /* of these, when the timer was started */
};

static void arm (struct memory *m)
{
    m->seen = m->messages;
    flux_timer_watcher_reset (m->timer, QUIET, 0.);
    flux_watcher_start (m->timer);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct memory *m = arg;

    if (m->messages - m->seen > BURST) {
        arm (m);
        return;
    }
    m->messages = 0;
    malloc_trim (0);
}

void memory_limit (void)
{
    /* Many threads, little memory: few arenas, large blocks outside of them,
     * small free blocks joined at once. */
    mallopt (M_ARENA_MAX, 4);
    mallopt (M_MXFAST, 0);
    mallopt (M_MMAP_THRESHOLD, 512 * 1024);
    mallopt (M_TRIM_THRESHOLD, 1024 * 1024);
}

int memory_init (struct broker *b)
{
    struct memory *m = calloc (1, sizeof (*m));

    b->memory = m;
    if (!m
        || !(m->timer = flux_timer_watcher_create (b->reactor, QUIET, 0., timer_cb, m)))
        return -1;
    flux_watcher_unref (m->timer);
    return 0;
}

void memory_fini (struct broker *b)
{
    if (b->memory) {
        flux_watcher_destroy (b->memory->timer);
        free (b->memory);
        b->memory = NULL;
    }
}

void memory_used (struct broker *b)
{
    struct memory *m = b->memory;

    if (m && ++m->messages == BURST)
        arm (m);
}
