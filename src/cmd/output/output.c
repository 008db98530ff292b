#include "cmd/output/output.h"
#include "base/text/printable.h"
#include "cmd/cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void end_by_sigpipe (void)
{
    sigset_t set;

    signal (SIGPIPE, SIG_DFL);
    sigemptyset (&set);
    sigaddset (&set, SIGPIPE);
    sigprocmask (SIG_UNBLOCK, &set, NULL);
    raise (SIGPIPE);
}

/* Why the first write that failed did, or EIO if that is not known any more. */
static int lost;

static void note_loss (FILE *f)
{
    bool failed = ferror (f);

    errno = 0;
    if ((fflush (f) < 0 || failed) && !lost)
        lost = errno ? errno : EIO;
    clearerr (f);
    if (lost == EPIPE)
        end_by_sigpipe ();
}

static void say_lost (void)
{
    fprintf (stderr, "%s: writing output: %s\n", cmd_name, strerror (lost));
}

static void at_exit (void)
{
    note_loss (stdout);
    /* What a network file system only says at the end. */
    if (!lost && close (STDOUT_FILENO) < 0 && errno != EBADF)
        lost = errno;
    if (lost) {
        say_lost ();
        _exit (1);
    }
}

void output_init (void)
{
    atexit (at_exit);
}

void output_push (FILE *f)
{
    note_loss (f);
}

void output_flush (void)
{
    note_loss (stdout);
    if (lost)
        exit (1);
}

static const char *escape (const char *s, int flags)
{
    static struct buf ring[8];
    static unsigned int next;
    size_t len = s ? strlen (s) : 0;

    if (len == 0)
        return "";
    if (printable (s, len, flags))
        return s;
    struct buf *b = &ring[next++ % 8];
    buf_reset (b);
    return buf_add_printable (b, s, len, flags) < 0 ? "(out of memory)" : b->data;
}

const char *safe (const char *s)
{
    return escape (s, 0);
}

const char *safe_lines (const char *s)
{
    return escape (s, PRINTABLE_LINES);
}
