/* bench-rpc RANK COUNT IN_FLIGHT [TOPIC [BYTES]]: round trips to a service of the
 * instance in FLUX_URI (broker.ping); with BYTES, so many are the payload each way.
 * bench-rpc serve: is the service bench, whose bench.echo sends back what it gets. Prints microseconds per round trip if
 * one is in flight at a time, else how many per second. */
#include <stdlib.h>
#include <string.h>

#include <flux/core.h>

#include "bench.h"

struct flood {
    flux_t *h;
    const char *topic;
    const char *pad; /* or NULL */
    size_t size;
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
    int seq = fl->sent++;
    flux_future_t *f =
        fl->pad ? flux_rpc_raw (fl->h, fl->topic, fl->pad, fl->size, fl->rank, 0)
                : flux_rpc_pack (fl->h, fl->topic, fl->rank, 0, "{s:i}", "seq", seq);

    if (!f)
        die (fl->topic);
    return f;
}

static void done (struct flood *fl, flux_future_t *f)
{
    const void *data;
    size_t len;

    if (flux_rpc_get_raw (f, &data, &len) < 0)
        die (fl->topic);
    flux_future_destroy (f);
}

static void flood_cb (flux_future_t *f, void *arg)
{
    struct flood *fl = arg;

    done (fl, f);
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

        done (fl, f);
        if (bench_now () - t1 > worst)
            worst = bench_now () - t1;
    }
    /* A round trip this long was not slow but forgotten. */
    if (worst > 1)
        fprintf (stderr, "bench-rpc: one round trip took %.1f s\n", worst);
    printf ("%.2f\n", (bench_now () - t0) / fl->count * 1e6);
}

static void echo_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    const void *data;
    size_t len;

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0
        || flux_respond_raw (h, msg, data, len) < 0)
        die ("echo");
}

static int serve (void)
{
    static const struct flux_msg_handler_spec table[] = {
        { FLUX_MSGTYPE_REQUEST, "bench.echo", echo_cb, 0 },
        FLUX_MSGHANDLER_TABLE_END,
    };
    flux_msg_handler_t **handlers;
    flux_t *h = flux_open (NULL, 0);
    flux_future_t *f = h ? flux_service_register (h, "bench") : NULL;

    if (!f || flux_future_get (f, NULL) < 0
        || flux_msg_handler_addvec (h, table, NULL, &handlers) < 0)
        die ("serve");
    flux_future_destroy (f);
    puts ("ready");
    fflush (stdout);
    if (flux_reactor_run (flux_get_reactor (h), 0) < 0)
        die ("reactor");
    return 0;
}

int main (int argc, char *argv[])
{
    struct flood fl = { .topic = argc > 4 ? argv[4] : "broker.ping" };
    int in_flight;
    double t0;

    if (argc == 2 && strcmp (argv[1], "serve") == 0)
        return serve ();
    if (argc < 4) {
        fprintf (stderr, "usage: bench-rpc RANK COUNT IN_FLIGHT [TOPIC [BYTES]]\n");
        return 2;
    }
    fl.rank = strtoul (argv[1], NULL, 10);
    fl.count = atoi (argv[2]);
    in_flight = atoi (argv[3]);
    if (argc > 5) {
        fl.size = strtoul (argv[5], NULL, 10);
        if (!(fl.pad = calloc (1, fl.size + 1)))
            die ("payload");
    }
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
