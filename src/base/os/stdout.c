#include "base/os/stdout.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const *program;
/* Why the first write that failed did, or EIO if that is not known any more. */
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

void stdout_push (FILE *f)
{
    bool failed = ferror (f);

    errno = 0;
    if ((fflush (f) < 0 || failed) && !lost)
        lost = errno ? errno : EIO;
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
