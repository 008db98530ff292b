/* Runs a fuzz target over the files of a folder, in ordinary test runs. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int main (int argc, char *argv[])
{
    struct dirent **names;
    int n;

    if (argc != 2 || (n = scandir (argv[1], &names, NULL, alphasort)) < 0) {
        fprintf (stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        size_t len;
        char *data;

        snprintf (path, sizeof (path), "%s/%s", argv[1], names[i]->d_name);
        if (names[i]->d_name[0] != '.' && (data = file_read_all (path, &len))) {
            LLVMFuzzerTestOneInput ((const uint8_t *)data, len);
            free (data);
        }
        free (names[i]);
    }
    free (names);
    return 0;
}
