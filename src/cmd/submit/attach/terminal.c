#include "cmd/submit/attach/terminal.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

struct attach_terminal {
    flux_t *h;
    flux_jobid_t id;
    flux_watcher_t *winch;
};

static struct termios saved;
static bool raw;

static void restore (void)
{
    if (raw)
        tcsetattr (STDIN_FILENO, TCSADRAIN, &saved);
    raw = false;
}

/* In the background of the terminal this would stop the process. */
static void make_raw (void)
{
    struct termios tio = saved;

    cfmakeraw (&tio);
    signal (SIGTTOU, SIG_IGN);
    raw = tcsetattr (STDIN_FILENO, TCSADRAIN, &tio) == 0;
}

static void sent (flux_future_t *f, void *arg)
{
    flux_future_destroy (f); /* a job that is over has no window */
}

static void send_size (struct attach_terminal *t)
{
    struct winsize size;
    flux_future_t *f;

    if (ioctl (STDIN_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        return;
    f = flux_rpc_pack (t->h, "job-exec.stdin", 0, 0, "{s:I s:{s:s s:s s:[ii]}}", "id",
                       (json_int_t)t->id, "io", "stream", "stdin", "rank", "0",
                       "winsize", (int)size.ws_row, (int)size.ws_col);
    if (f && flux_future_then (f, -1., sent, NULL) < 0)
        flux_future_destroy (f);
}

static void winch_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    send_size (arg);
}

struct attach_terminal *attach_terminal_begin (flux_t *h, flux_jobid_t id)
{
    static bool registered;
    struct attach_terminal *t;

    if (tcgetattr (STDIN_FILENO, &saved) < 0 || !(t = calloc (1, sizeof (*t))))
        return NULL;
    if (!registered && atexit (restore) != 0) {
        free (t);
        return NULL;
    }
    registered = true;
    t->h = h;
    t->id = id;
    t->winch = flux_signal_watcher_create (flux_get_reactor (h), SIGWINCH, winch_cb, t);
    flux_watcher_start (t->winch);
    make_raw ();
    send_size (t);
    return t;
}

void attach_terminal_suspend (struct attach_terminal *t)
{
    restore ();
    raise (SIGSTOP);
    tcgetattr (STDIN_FILENO, &saved);
    make_raw ();
    send_size (t);
}

void attach_terminal_end (struct attach_terminal *t)
{
    if (!t)
        return;
    restore ();
    flux_watcher_destroy (t->winch);
    free (t);
}
