#include "cmd/output/progress.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW 0.2

struct progress {
    flux_reactor_t *r;
    flux_watcher_t *timer;
    size_t total;
    bool jps;
    double start;
    int count[PROGRESS_STATES];
};

static void draw (struct progress *p)
{
    char text[128];
    struct winsize ws;
    int width =
        ioctl (STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col ? ws.ws_col : 80;
    size_t finished = p->count[PROGRESS_DONE] + p->count[PROGRESS_FAILED];
    size_t total = finished + p->count[PROGRESS_PENDING] + p->count[PROGRESS_RUNNING];
    if (total < p->total)
        total = p->total;
    double part = total ? (double)finished / total : 0;
    double elapsed = clock_monotonic () - p->start;
    int n = snprintf (text, sizeof (text), "PD:%-3d R:%-3d CD:%-3d F:%-3d ",
                      p->count[PROGRESS_PENDING], p->count[PROGRESS_RUNNING],
                      p->count[PROGRESS_DONE], p->count[PROGRESS_FAILED]);
    int bar = width - n - 9 - (p->jps ? 14 : 9);
    fprintf (stderr, "\r%s│", text);
    for (int i = 0; i < bar; i++)
        fputs (i < (int)(part * bar) ? "█" : " ", stderr);
    fprintf (stderr, "│%5.1f%%", part * 100);
    if (p->jps)
        fprintf (stderr, " %6.1f job/s", elapsed > 0 ? finished / elapsed : 0.0);
    else
        fprintf (stderr, " %2d:%02d:%02d", (int)(elapsed / 3600),
                 (int)(elapsed / 60) % 60, (int)elapsed % 60);
    fputs ("\033[K", stderr);
    fflush (stderr);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    draw (arg);
}

struct progress *progress_create (flux_reactor_t *r, size_t total, bool jps)
{
    struct progress *p;
    if (!isatty (STDERR_FILENO) || !(p = calloc (1, sizeof (*p))))
        return NULL;
    p->r = r;
    p->total = total;
    p->jps = jps;
    p->start = clock_monotonic ();
    if (!(p->timer = flux_timer_watcher_create (r, REDRAW, REDRAW, timer_cb, p))) {
        free (p);
        return NULL;
    }
    flux_watcher_start (p->timer);
    return p;
}

void progress_destroy (struct progress *p)
{
    if (!p)
        return;
    draw (p);
    fputc ('\n', stderr);
    flux_watcher_destroy (p->timer);
    free (p);
}

void progress_since (struct progress *p, double when)
{
    if (p && when < clock_wall ())
        p->start = clock_monotonic () - (clock_wall () - when);
}

void progress_count (struct progress *p, enum progress_state state, int n)
{
    if (p)
        p->count[state] += n;
}
