/* How much of an archive is done, on a terminal. */
#include "cmd/archive/archive.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REDRAW 0.2 /* s */
#define WIDTH 30

struct bar {
    const char *title;
    int64_t done, total;
    double start, drawn;
};

struct bar *bar_create (const char *title, int64_t total)
{
    struct bar *b;

    if (!isatty (STDERR_FILENO) || total <= 0 || !(b = calloc (1, sizeof (*b))))
        return NULL;
    b->title = title;
    b->total = total;
    b->start = b->drawn = clock_monotonic ();
    return b;
}

static void draw (struct bar *b)
{
    double part = (double)b->done / b->total, elapsed = b->drawn - b->start;

    fprintf (stderr, "\r%s │", b->title);
    for (int i = 0; i < WIDTH; i++)
        fputs (i < (int)(part * WIDTH) ? "█" : " ", stderr);
    fprintf (stderr, "│%5.1f%% %7.1f MB/s\033[K", part * 100,
             elapsed > 0 ? b->done / elapsed / 1e6 : 0.);
    fflush (stderr);
}

void bar_add (struct bar *b, int64_t count)
{
    double now;

    if (!b)
        return;
    b->done += count;
    now = clock_monotonic ();
    if (now < b->drawn + REDRAW && b->done < b->total)
        return;
    b->drawn = now;
    draw (b);
}

void bar_destroy (struct bar *b)
{
    if (!b)
        return;
    fputs ("\r\033[K", stderr);
    free (b);
}
