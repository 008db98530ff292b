/* The files that go into an archive. */
#ifndef CMD_ARCHIVE_TREE_H
#define CMD_ARCHIVE_TREE_H

#include <stddef.h>
#include <sys/stat.h>

struct tree_file {
    char *source; /* to be opened, from the working directory */
    char *path;   /* in the archive */
    struct stat st;
};

struct tree {
    struct tree_file *file;
    size_t count;
};

/* The files below path, sorted, a directory behind what is in it. Follows no link.
 * -1 with errno; *where (owned by the caller) is the path that it is about. EINVAL: a
 * ".." in path; ENOTSUP: neither file, directory nor link. */
int tree_add (struct tree *t, const char *path, char **where);
void tree_fini (struct tree *t);

#endif
