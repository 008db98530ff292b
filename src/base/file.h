/* Whole files and descriptors. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* The content, NUL-terminated, owned by the caller; or NULL with errno. */
char *file_read_all (const char *path, size_t *len);
char *fd_read_all (int fd, size_t *len);
int fd_write_all (int fd, const void *data, size_t len);
/* So many bytes. -1 with errno; ENODATA: it ended before. */
int fd_read_exactly (int fd, void *data, size_t len);
/* Replaces the file by rename(2). */
int file_write_all (const char *path, const void *data, size_t len, mode_t mode);
/* Removes a directory and what is below; does not follow links. */
int dir_remove (const char *path);
/* Opens /dev/null in the place of each of the descriptors 0, 1 and 2 that is closed, so
 * that nothing else takes it; the first call of a main. -1 with errno. */
int fd_fill_standard (void);
/* fd, or a duplicate that is above 2 (fd is closed then): nobody may take it for his
 * standard input or output. -1 with errno, and fd is closed. */
int fd_above_standard (int fd);
int fd_set_nonblocking (int fd);
int fd_set_cloexec (int fd);

#endif
