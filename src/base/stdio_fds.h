/* Descriptors 0, 1 and 2 belong to the user. */
#ifndef BASE_STDIO_FDS_H
#define BASE_STDIO_FDS_H

/* Opens /dev/null onto those of 0, 1 and 2 that are closed. To be called first in
 * main, before anything opens a socket: else the socket takes their place, and
 * output goes into it and input is read from it. -1 with errno, when some of them
 * are still closed. */
int stdio_fds_open (void);

#endif
