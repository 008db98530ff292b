#include "cmd/archive/tree.h"

#include "value/fileref.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int push (struct tree *t, const char *source, const char *path,
                 const struct stat *st)
{
    struct tree_file *f = t->file;

    /* Doubled whenever the count is a power of two. */
    if ((t->count & (t->count - 1)) == 0
        && !(f = reallocarray (t->file, t->count ? t->count * 2 : 1, sizeof (*f))))
        return -1;
    t->file = f;
    f += t->count;
    *f = (struct tree_file){ strdup (source), strdup (path), *st };
    if (!f->source || !f->path) {
        free (f->source);
        free (f->path);
        return -1;
    }
    t->count++;
    return 0;
}

static char *join (const char *dir, const char *name)
{
    char *s;

    if (*dir == '\0')
        return strdup (name);
    return asprintf (&s, "%s/%s", dir, name) < 0 ? NULL : s;
}

static int skip_dots (const struct dirent *d)
{
    return strcmp (d->d_name, ".") != 0 && strcmp (d->d_name, "..") != 0;
}

static int by_name (const struct dirent **a, const struct dirent **b)
{
    return strcmp ((*a)->d_name, (*b)->d_name);
}

static int walk (struct tree *t, const char *source, const char *path, char **where);

static int walk_below (struct tree *t, const char *source, const char *path,
                       char **where)
{
    struct dirent **names;
    int count = scandir (source, &names, skip_dots, by_name), rc = 0;

    if (count < 0) {
        *where = strdup (source);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        char *from = join (source, names[i]->d_name);
        char *to = join (path, names[i]->d_name);

        if (rc == 0)
            rc = from && to ? walk (t, from, to, where) : -1;
        free (from);
        free (to);
        free (names[i]);
    }
    free (names);
    return rc;
}

static int walk (struct tree *t, const char *source, const char *path, char **where)
{
    struct stat st;

    if (lstat (source, &st) < 0) {
        *where = strdup (source);
        return -1;
    }
    if (!S_ISREG (st.st_mode) && !S_ISDIR (st.st_mode) && !S_ISLNK (st.st_mode)) {
        *where = strdup (source);
        errno = ENOTSUP;
        return -1;
    }
    if (S_ISDIR (st.st_mode) && walk_below (t, source, path, where) < 0)
        return -1;
    return *path ? push (t, source, path, &st) : 0;
}

int tree_add (struct tree *t, const char *path, char **where)
{
    char *name = fileref_path_normalize (path);
    int rc;

    *where = NULL;
    if (!name || *path == '\0') {
        *where = strdup (path);
        if (name)
            errno = ENOENT;
        free (name);
        return -1;
    }
    rc = walk (t, path, name, where);
    free (name);
    return rc;
}

void tree_fini (struct tree *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free (t->file[i].source);
        free (t->file[i].path);
    }
    free (t->file);
    *t = (struct tree){ NULL, 0 };
}
