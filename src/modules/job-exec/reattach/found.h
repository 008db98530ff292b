/* The directory of a rank's server of shells that outlives its broker
 * (shell/server/link.h), and a server that is found there, of an earlier broker. */
#ifndef JOB_EXEC_FOUND_H
#define JOB_EXEC_FOUND_H

#include <flux/core.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct found;

/* STATEDIR/shells-RANK; make: if it is not there. path is the caller's to free. A
 * descriptor, or -1 with errno and *error: nothing can be kept. */
int found_dir_open (const char *statedir, unsigned int rank, bool make, char **path,
                    flux_error_t *error);
/* There is a server, or what one has left. */
bool found_is_any (int dir_fd);
/* There is no server: it was killed by us. */
void found_clear (int dir_fd);

/* data NULL: the server has closed the connection, by itself; why. */
typedef void (*found_data_f) (const char *data, size_t len, const char *why, void *arg);
typedef void (*found_room_f) (void *arg);

/* NULL with ENOENT or ECONNREFUSED: there is none; EPERM: it is someone else's. */
struct found *found_connect (flux_reactor_t *r, int dir_fd, found_data_f data_cb,
                             found_room_f room_cb, void *arg);
/* The server lives on. */
void found_destroy (struct found *f);
/* And waits until it has ended. */
void found_kill (struct found *f);
/* What was taken; after less than all, room_cb is called when there is room. -1 with
 * errno: data_cb says that it is lost, too. */
ssize_t found_write (struct found *f, const char *data, size_t len);

#endif
