/* bench-rpc RANK COUNT IN_FLIGHT [TOPIC]: round trips to a service of the
 * instance in FLUX_URI (broker.ping). Prints microseconds per round trip if
 * one is in flight at a time, else how many per second. */
#include <string.h>

#include <flux/core.h>

#include "bench.h"

struct flood {
    flux_t *h;
    const char *topic;
    uint32_t rank;
    int sent, done, count;
};

static void die (const char *what)
{
    fprintf (stderr, "bench-rpc: %s: %s\n", what, flux_strerror (errno));
    exit (1);
}

static flux_future_t *ping (struct flood *fl)
{
    flux_future_t *f =
        flux_rpc_pack (fl->h, fl->topic, fl->rank, 0, "{s:i}", "seq", fl->sent++);
    if (!f)
        die (fl->topic);
    return f;
}

static void flood_cb (flux_future_t *f, void *arg)
{
    struct flood *fl = arg;

    if (flux_rpc_get (f, NULL) < 0)
        die (fl->topic);
    flux_future_destroy (f);
    fl->done++;
    if (fl->sent < fl->count)
        flux_future_then (ping (fl), -1, flood_cb, fl);
}

static void alone (struct flood *fl)
{
    double t0 = bench_now (), worst = 0;

    for (int i = 0; i < fl->count; i++) {
        double t1 = bench_now ();
        flux_future_t *f = ping (fl);

        if (flux_rpc_get (f, NULL) < 0)
            die (fl->topic);
        flux_future_destroy (f);
        if (bench_now () - t1 > worst)
            worst = bench_now () - t1;
    }
    /* A round trip this long was not slow but forgotten. */
    if (worst > 1)
        fprintf (stderr, "bench-rpc: one round trip took %.1f s\n", worst);
    printf ("%.2f\n", (bench_now () - t0) / fl->count * 1e6);
}

int main (int argc, char *argv[])
{
    struct flood fl = { .topic = argc > 4 ? argv[4] : "broker.ping" };
    int in_flight;
    double t0;

    if (argc < 4) {
        fprintf (stderr, "usage: bench-rpc RANK COUNT IN_FLIGHT [TOPIC]\n");
        return 2;
    }
    fl.rank = strtoul (argv[1], NULL, 10);
    fl.count = atoi (argv[2]);
    in_flight = atoi (argv[3]);
    if (!(fl.h = flux_open (NULL, 0)))
        die ("flux_open");
    if (in_flight <= 1)
        alone (&fl);
    else {
        t0 = bench_now ();
        while (fl.sent < in_flight)
            flux_future_then (ping (&fl), -1, flood_cb, &fl);
        if (flux_reactor_run (flux_get_reactor (fl.h), 0) < 0)
            die ("reactor");
        printf ("%.0f\n", fl.done / (bench_now () - t0));
    }
    flux_close (fl.h);
    return 0;
}
