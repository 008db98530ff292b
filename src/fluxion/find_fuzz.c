/* Criteria on a small graph without jobs. */
#include "fluxion/find.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const char graph[] =
    "{\"graph\":{\"nodes\":["
    "{\"id\":\"0\",\"metadata\":{\"type\":\"cluster\",\"id\":0,"
    "\"paths\":{\"containment\":\"/cluster0\"}}},"
    "{\"id\":\"1\",\"metadata\":{\"type\":\"node\",\"id\":0,\"rank\":0,"
    "\"paths\":{\"containment\":\"/cluster0/node0\"}}}],"
    "\"edges\":[{\"source\":\"0\",\"target\":\"1\"}]}}";

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct scheduler_options opt = { 0 };
    struct graph *g = graph_create ();
    struct buf b = BUF_INIT;
    struct scheduler *s;
    flux_error_t error;
    char *expr = strndup ((const char *)data, size);

    if (!g || !expr || fluxion_read_jgf (g, graph, sizeof (graph) - 1, NULL, &error) < 0
        || !(s = scheduler_create (g, &opt, &error)))
        abort ();
    fluxion_find (s, expr, WRITE_RV1_NOSCHED, &b, &error);
    buf_fini (&b);
    scheduler_destroy (s);
    free (expr);
    return 0;
}
