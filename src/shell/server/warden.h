/* flux-shell --warden HELPER exec SHELL ARGS: between a broker and the setuid helper that
 * starts a job's shell as another user (RFC 15).
 *
 * The helper gets a session of its own, so that no terminal of the broker's is the job's.
 * Signals that come here are passed on to it: SIGUSR1 is its SIGKILL. When the broker has
 * gone, which is the end of standard input, it gets that if it does not end. What comes of
 * it, in whatever session, is a child of this process when its parents have gone (the shell,
 * too, ends all below itself, if its user lets it): it is killed when the helper has ended.
 * Who may not kill it has the helper run SHELL --end PID..., as the user whose it is. That
 * works without a broker: what the helper asks for, it asks SHELL --ask, which keeps the
 * first answer in memory of the warden's.
 *
 * Failures: what cannot be killed is named on standard error, and so is a helper that does not
 * end what it should end (where its disk hangs), which is tried twice, or, where nobody waits
 * for that any more, for some minutes. An answer that cannot be kept
 * is asked for again, which is said. */
#ifndef SHELL_WARDEN_H
#define SHELL_WARDEN_H

/* argv: HELPER exec SHELL ARGS, and NULL. The status of the helper, or does not return: it
 * was killed by a signal. */
int warden_run (char *argv[]);
/* --end: argv: process ids, and NULL. 0, or 1 if it may not kill one of them. */
int warden_end (char *argv[]);
/* --ask: argv: FILE PROGRAM ARGS, and NULL. Prints what FILE has kept, or what the program
 * prints, and keeps that if the program succeeds. The exit status: the program's, 128 and
 * its signal, 127: there is none, or 1 with a line on standard error. */
int warden_ask (char *argv[]);

#endif
