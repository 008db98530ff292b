/* Moves the write-ahead log into the database beside the writer.
 *
 * What takes long about it is to wait for the disk: the log has to be there before a page
 * of the database is written over, and the database before the log begins anew. A thread
 * waits, on a connection of its own; the writer goes on behind what is moved (a passive
 * checkpoint, as SQLite calls it), and then moves the little that it wrote meanwhile. */
#ifndef CONTENT_SQLITE_MOVER_H
#define CONTENT_SQLITE_MOVER_H

#include <stdbool.h>

struct mover;

/* Of the database at path, which is open, in WAL mode and not locked for one connection
 * alone. vfs: its name, or NULL. NULL with errno: no thread, no memory, EIO: no
 * connection. */
struct mover *mover_create (const char *path, const char *vfs);
/* After what is under way. */
void mover_destroy (struct mover *m);

/* Moves what is in the log by now. */
void mover_begin (struct mover *m);
/* How many frames of the log are in the database because of mover_begin; -1: it is not
 * done after so many seconds. What failed has moved nothing. */
int mover_moved (struct mover *m, double seconds);
/* The disk has refused what was moved, and may have dropped it: the log must not begin anew
 * before all of it was moved again. Until mover_forget nothing more is moved. */
bool mover_lost (struct mover *m);
/* The log began anew, or SQLite was told to move all of it again: nothing of it is moved. */
void mover_forget (struct mover *m);

#endif
