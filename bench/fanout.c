/* bench-fanout SUBSCRIBERS COUNT: events to so many connections, each of which has asked
 * for them. Prints how many reach one of them in a second. */
#include <stdlib.h>

#include <flux/core.h>

#include "bench.h"

int main (int argc, char *argv[])
{
    int size = argc > 1 ? atoi (argv[1]) : 0, count = argc > 2 ? atoi (argv[2]) : 0;
    flux_t **h = calloc (size + 1, sizeof (*h));
    double t0;

    if (!h || size < 1 || count < 1) {
        fprintf (stderr, "usage: bench-fanout SUBSCRIBERS COUNT\n");
        return 2;
    }
    for (int i = 0; i < size; i++)
        if (!(h[i] = flux_open (NULL, 0)) || flux_event_subscribe (h[i], "bench.fanout") < 0)
            bench_die ("subscribe");
    t0 = bench_now ();
    for (int n = 0; n < count; n++) {
        flux_future_t *f = flux_event_publish (h[0], "bench.fanout", 0, NULL);

        if (!f || flux_future_get (f, NULL) < 0)
            bench_die ("publish");
        flux_future_destroy (f);
        for (int i = 0; i < size; i++) {
            flux_msg_t *msg = flux_recv (h[i], FLUX_MATCH_EVENT, 0);

            if (!msg)
                bench_die ("recv");
            flux_msg_destroy (msg);
        }
    }
    printf ("%.0f\n", (double)count * size / (bench_now () - t0));
    for (int i = 0; i < size; i++)
        flux_close (h[i]);
    free (h);
    return 0;
}
