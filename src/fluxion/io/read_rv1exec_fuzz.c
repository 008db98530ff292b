/* R of RFC 20: whatever is refused is refused with a text; nothing crashes or leaks. */
#include "fluxion/io/reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct graph *g = graph_create ();
    flux_error_t error = { "" };

    if (!g)
        return 0;
    g->max_vertices = 10000;
    int rc = fluxion_read_rv1exec (g, (const char *)data, size, NULL, &error);
    if (rc < 0 && !error.text[0])
        abort ();
    if (rc == 0) {
        struct picks picks = { 0 };
        fluxion_pick_rv1exec (g, (const char *)data, size, true, &picks, &error);
        picks_fini (&picks);
    }
    graph_destroy (g);
    return 0;
}
