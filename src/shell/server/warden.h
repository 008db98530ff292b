/* flux-shell --warden HELPER exec SHELL ARGS: between a broker and the setuid helper that
 * starts a job's shell as another user (RFC 15).
 *
 * The helper gets a session of its own, so that no terminal of the broker's is the job's.
 * Signals that come here are passed on to it: SIGUSR1 is its SIGKILL. When the broker has
 * gone, which is the end of standard input, it gets that if it does not end. What comes of
 * it, in whatever session, is a child of this process when its parents have gone (the shell,
 * too, ends all below itself, if its user lets it): it is killed when the helper has ended.
 * Who may not kill it has the helper run SHELL --end PID..., as the user whose it is; where
 * the broker is gone, that works when there is another.
 *
 * Failures: what cannot be killed is named on standard error. */
#ifndef SHELL_WARDEN_H
#define SHELL_WARDEN_H

/* argv: HELPER exec SHELL ARGS, and NULL. The status of the helper, or does not return: it
 * was killed by a signal. */
int warden_run (char *argv[]);
/* --end: argv: process ids, and NULL. 0, or 1 if it may not kill one of them. */
int warden_end (char *argv[]);

#endif
