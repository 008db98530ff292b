/* JGF graphs: whatever is refused is refused with a text; nothing crashes or leaks. */
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
    int rc = fluxion_read_jgf (g, (const char *)data, size, &opt, &error);
    if (rc < 0 && !error.text[0])
        abort ();
    if (rc == 0) {
        struct picks picks = { 0 };
        fluxion_pick_jgf (g, (const char *)data, size, true, &picks, &error);
        picks_fini (&picks);
        fluxion_grow_jgf (g, (const char *)data, size, &error);
        graph_promote (g, "power");
    }
    graph_destroy (g);
    return 0;
}
