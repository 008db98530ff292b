#include "base/os/search.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool search_dirs (const char *dirs, const char *name, bool (*accept) (const char *path),
                  char *path, size_t size)
{
    while (dirs && *dirs) {
        size_t n = strcspn (dirs, ":");

        if (n > 0 && (size_t)snprintf (path, size, "%.*s/%s", (int)n, dirs, name) < size
            && accept (path))
            return true;
        dirs += n + (dirs[n] == ':');
    }
    return false;
}

bool search_exists (const char *path)
{
    return access (path, F_OK) == 0;
}

bool search_readable (const char *path)
{
    return access (path, R_OK) == 0;
}

bool search_program (const char *path)
{
    struct stat st;

    return stat (path, &st) == 0 && S_ISREG (st.st_mode) && access (path, X_OK) == 0;
}
