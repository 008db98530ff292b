/* Signals as people write them. */
#ifndef BASE_SIGNUM_H
#define BASE_SIGNUM_H

/* "9", "KILL", "SIGKILL", in any case: the number, from 1 to SIGRTMAX. -1 with EINVAL. */
int signum_decode (const char *s);
/* "SIGKILL", or the number of one that has no name; in buf, which has size bytes. */
const char *signum_encode (int signum, char *buf, int size);

#endif
