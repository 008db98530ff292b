/* GRUG recipes: whatever is refused is refused with a text; nothing crashes or leaks. */
#include "fluxion/io/reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static const char *const names[] = { "containment", "ibnet", "power", NULL };
    const struct read_options opt = { .subsystems = names };
    struct graph *g = graph_create ();
    flux_error_t error = { "" };

    if (!g)
        return 0;
    g->max_vertices = 10000;
    int rc = fluxion_read_grug (g, (const char *)data, size, &opt, &error);
    if (rc < 0 && !error.text[0])
        abort ();
    if (rc == 0)
        graph_promote (g, "ibnet");
    graph_destroy (g);
    return 0;
}
