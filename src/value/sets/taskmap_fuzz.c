#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <flux/taskmap.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char *s = malloc (size + 1);

    if (!s)
        return 0;
    memcpy (s, data, size);
    s[size] = '\0';
    flux_error_t error;
    struct taskmap *map = taskmap_decode (s, &error);
    if (map && taskmap_total_ntasks (map) < 100000) {
        char *t = taskmap_encode (map, TASKMAP_ENCODE_WRAPPED);
        struct taskmap *again = taskmap_decode (t, &error);
        if (!again || taskmap_check (map, again, &error) < 0)
            abort ();
        for (int i = 0; i < taskmap_total_ntasks (map); i++)
            if (taskmap_nodeid (map, i) != taskmap_nodeid (again, i))
                abort ();
        taskmap_destroy (again);
        free (t);
    }
    taskmap_destroy (map);
    free (s);
    return 0;
}
