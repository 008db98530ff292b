/* Jobs whose tasks the server of shells starts itself, without a process for each job:
 * shells that share its process and its loop.
 *
 * Happy path: inside_wants -> inside_start -> events, frames, exits of children ->
 * inside_settle after each turn, which says what is to be said, and ends those that are
 * done.
 *
 * Failures: no descriptor, process or memory when a job starts: it is not taken, and gets
 * a process of its own. A job that is killed gives back at once what it has; its tasks are
 * killed, and reaped when they end. */
#ifndef SHELL_INSIDE_H
#define SHELL_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct frame;
struct shell;
struct source;

/* The job has ended; its slot is free, but for what is in its directory. */
typedef void (*inside_ended_f) (const struct shell *sh);

/* epoll_fd is the loop's; the limit of descriptors is raised. -1 with errno. */
int inside_init (int epoll_fd, inside_ended_f ended);
/* What is left is killed. */
void inside_fini (void);

/* The job is simple, from a record of len bytes, and there is room for it. */
bool inside_wants (const struct shell *sh, size_t len);
/* 0: sh is taken. -1 with errno: it is not, and nothing was said or is left of it but
 * sh, which is of no more use. */
int inside_start (struct shell *sh);
/* False: it is for no job here. */
bool inside_frame (const struct frame *f);
/* False: it was no task of a job here. */
bool inside_reaped (pid_t pid, int status);
/* An event of a task's source. */
void inside_event (struct source *src, int revents);
/* After a turn. */
void inside_settle (void);
/* When inside_settle is wanted at the latest, as shell_deadline. */
double inside_deadline (void);

#endif
