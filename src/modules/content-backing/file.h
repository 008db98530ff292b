/* Files that belong to the store alone. */
#ifndef CONTENT_BACKING_FILE_H
#define CONTENT_BACKING_FILE_H

#include <flux/types.h>

/* Opens a regular file of this user for reading and writing, with mode 0600
 * whatever the umask, and never through a symbolic link. flags: O_CREAT or 0;
 * a file that is there is brought to that mode. -1: errno and text. */
int file_open_private (const char *path, int flags, flux_error_t *error);

#endif
