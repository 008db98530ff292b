/* Directories whose names can be trusted: nobody else put them there, nobody else
 * can change what is in them. And who is at the other end of a socket. */
#ifndef BASE_PRIVATE_H
#define BASE_PRIVATE_H

#include <stddef.h>
#include <sys/types.h>

#define PRIVATE_WHY_SIZE 160

/* Opens a directory that is no link, belongs to this user, and that no other may
 * write to. -1 with errno, and in why what is wrong, to be put behind its name. */
int private_dir_open (const char *path, char why[PRIVATE_WHY_SIZE]);
/* The entries of fd whose names begin with one of the prefixes (NULL at the end)
 * are neither links nor someone else's. -1 with errno and why, which begins with the
 * entry's name. */
int private_dir_check (int fd, const char *const prefixes[],
                       char why[PRIVATE_WHY_SIZE]);
/* $TMPDIR, else /tmp. */
const char *private_tmpdir (void);
/* Like mkdtemp, but mode 0700 whatever the umask is. */
char *private_mkdtemp (char *template);
/* The other end of a connected unix socket, as the kernel noted it when it connected, or
 * began to listen. pid may be NULL. -1 with errno: it is not known. */
int private_peer (int fd, uid_t *uid, pid_t *pid);

#endif
