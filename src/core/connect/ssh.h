/* A connection through ssh: a process whose standard input and output lead, through
 * `flux relay` on the other host, to the socket of a broker. $FLUX_SSH is the program,
 * $FLUX_SSH_RCMD the flux command of the other host. */
#ifndef CORE_SSH_H
#define CORE_SSH_H

#include <flux/types.h>
#include <sys/types.h>

struct ssh;

/* rest: of the URI, behind "ssh://". NULL with errno and a line in *error. Nothing is
 * known yet of the other host: what it sends first is the byte of connector-local, or
 * nothing. */
struct ssh *ssh_start (const char *rest, flux_error_t *error);
/* The end of the stream that is ours, CLOEXEC; the caller's to close, once. */
int ssh_take_fd (struct ssh *s);
/* When it has ended, or after a short wait: what it last said on stderr, else how it
 * ended. */
void ssh_explain (struct ssh *s, char *text, size_t size);
/* The descriptor is closed: ends as the other end does, else by a signal after two
 * seconds. */
void ssh_destroy (struct ssh *s);

#endif
