#include "core/programs.h"

#include <flux/conf.h>
#include <stdlib.h>

#include "base/os/search.h"

bool program_find (const char *name, char *path, size_t size)
{
    const char *dirs[] = {
        getenv ("FLUX_EXEC_PATH_PREPEND"),
        flux_conf_builtin_get ("exec_path", FLUX_CONF_AUTO),
        getenv ("FLUX_EXEC_PATH"),
        getenv ("PATH"),
    };

    for (size_t i = 0; i < sizeof (dirs) / sizeof (dirs[0]); i++) {
        if (search_dirs (dirs[i], name, search_program, path, size))
            return true;
    }
    return false;
}
