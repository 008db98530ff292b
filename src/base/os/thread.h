/* Threads that signals do not come to: they are for those that wait for them. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stddef.h>

/* stack: bytes, or 0 for what is usual. thread NULL: nobody will join it. -1 with the errno
 * of pthread_create. */
int thread_start (pthread_t *thread, size_t stack, void *(*fn) (void *arg), void *arg);

#endif
