#include "base/os/stdout.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const *program;
/* Why the first write that failed did. */
static int lost;

static void end_by_sigpipe (void)
{
    sigset_t set;

    signal (SIGPIPE, SIG_DFL);
    sigemptyset (&set);
    sigaddset (&set, SIGPIPE);
    sigprocmask (SIG_UNBLOCK, &set, NULL);
    raise (SIGPIPE);
}

/* stdio has lost something, and why: the same befalls what is written now, which ends a
 * line that is broken anyway. EIO if it does not. */
static int ask_again (FILE *f)
{
    return write (fileno (f), "\n", 1) < 0 ? errno : EIO;
}

void stdout_push (FILE *f)
{
    bool failed = ferror (f);

    errno = 0;
    if ((fflush (f) < 0 || failed) && !lost)
        lost = errno ? errno : ask_again (f);
    clearerr (f);
    if (lost == EPIPE)
        end_by_sigpipe ();
}

bool stdout_lost (void)
{
    return lost != 0;
}

static void at_exit (void)
{
    stdout_push (stdout);
    /* What a network file system only says at the end. */
    if (!lost && close (STDOUT_FILENO) < 0 && errno != EBADF)
        lost = errno;
    if (lost) {
        fprintf (stderr, "%s: writing output: %s\n", *program, strerror (lost));
        _exit (1);
    }
}

void stdout_guard (const char *const *name)
{
    program = name;
    atexit (at_exit);
}
