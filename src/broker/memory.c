/* While a burst of messages lasts, freed memory is kept for what comes next: the first
 * touch of a page costs more than all that is done with it afterwards. When it is over,
 * memory goes back to the system: what the modules needed for many jobs at once is free
 * then, but scattered. Some of it they let go of later, so that is done twice. */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/os/thread.h"
#include "broker/broker.h"
#include "broker/memory.h"

#define BURST 256 /* messages, where one of N pages counts as 1 + N */
#define PAGE 4096
#define QUIET 0.2 /* s */
#define LATER 4.  /* s: caches have been left by then */
#define ARENAS 4  /* many threads, little memory */

/* Bytes: smaller blocks come from an arena, and so much may lie free at its end. */
#define BLOCK_BURST (8 * 1024 * 1024)
#define END_BURST (16 * 1024 * 1024)
#define BLOCK_QUIET (512 * 1024)
#define END_QUIET (1024 * 1024)

struct memory {
    flux_watcher_t *timer;
    size_t used; /* messages since memory was given back */
    size_t seen; /* of these, when the timer was started */
    bool again;  /* it has been given back once */
};

static void keep (int block, int end)
{
    mallopt (M_MMAP_THRESHOLD, block);
    mallopt (M_TRIM_THRESHOLD, end);
}

/* malloc_trim() leaves the free end of an arena alone, except for the first one's. It
 * is given back when what borders on it is freed: here, a block larger than all
 * others. */
static void *trim_end (void *arg)
{
    void *volatile p = malloc (BLOCK_BURST / 2);

    free (p);
    return NULL;
}

/* As there may be no more arenas, new threads take them in turn. */
static void trim_ends (void)
{
    pthread_t thread;

    for (int i = 0; i < ARENAS; i++) {
        if (thread_start (&thread, 0, trim_end, NULL) == 0)
            pthread_join (thread, NULL);
    }
}

/* A block that was large lay on huge pages (pages.h), and small ones lie there now: the
 * kernel would make them huge again, and fill what was given back. A mapping that another
 * thread changes meanwhile is no error: this is a hint. */
static void small_pages (void)
{
    unsigned long start, end;
    char line[512];
    FILE *f;

    if (!(f = fopen ("/proc/self/maps", "re")))
        return;
    while (fgets (line, sizeof (line), f)) {
        if (sscanf (line, "%lx-%lx rw-p %*x 00:00 0", &start, &end) == 2)
            (void)madvise ((void *)start, end - start, MADV_NOHUGEPAGE);
    }
    fclose (f);
}

static void give_back (void)
{
    small_pages ();
    keep (BLOCK_BURST, END_QUIET);
    trim_ends ();
    keep (BLOCK_QUIET, END_QUIET);
    malloc_trim (0);
}

static void arm (struct memory *m, double after)
{
    m->seen = m->used;
    flux_timer_watcher_reset (m->timer, after, 0.);
    flux_watcher_start (m->timer);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct memory *m = arg;

    if (m->used - m->seen >= BURST) {
        arm (m, QUIET);
        return;
    }
    m->used = 0;
    give_back ();
    if ((m->again = !m->again))
        arm (m, LATER);
}

void memory_limit (void)
{
    /* Small free blocks are joined at once. */
    mallopt (M_ARENA_MAX, ARENAS);
    mallopt (M_MXFAST, 0);
    keep (BLOCK_QUIET, END_QUIET);
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

void memory_used (struct broker *b, size_t len)
{
    struct memory *m = b->memory;
    size_t before = m ? m->used : 0;

    if (!m)
        return;
    m->used += 1 + len / PAGE;
    if (before < BURST && m->used >= BURST) {
        keep (BLOCK_BURST, END_BURST);
        m->again = false;
        arm (m, QUIET);
    }
}
