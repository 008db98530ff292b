#include "fluxion/io/reader.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct read_options opt = { .allowlist = "node,socket,core,gpu,storage" };
    flux_error_t error;

    for (int i = 0; i < 2; i++) {
        struct graph *g = graph_create ();
        if (g)
            fluxion_read_hwloc (g, (const char *)data, size, i ? &opt : NULL, &error);
        graph_destroy (g);
    }
    return 0;
}
