/* Rates of the content service. usage: flux start bench-content LENGTH COUNT WINDOW
 *
 * Stores COUNT blobs of LENGTH bytes until the backing store has them, lets go of what is in
 * memory, and loads them. Prints blobs stored and blobs loaded per second. */
#include <flux/core.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define DIGEST_MAX 32

static flux_t *h;
static int count, len, window, started, done;
static unsigned char *digests, *blob;
static size_t digest_len;

static void next (const char *method);

static void stored (const void *data, size_t n)
{
    if (n == 0 || n > DIGEST_MAX)
        bench_die ("store");
    digest_len = n;
    memcpy (digests + (size_t)done * DIGEST_MAX, data, n);
}

static void answered (flux_future_t *f, void *arg)
{
    const char *method = arg;
    const void *data;
    size_t n;

    if (flux_rpc_get_raw (f, &data, &n) < 0)
        bench_die (method);
    if (!strcmp (method, "content.store"))
        stored (data, n);
    else if (n != (size_t)len)
        bench_die (method);
    flux_future_destroy (f);
    done++;
    if (started < count)
        next (method);
    else if (done == count)
        flux_reactor_stop (flux_get_reactor (h));
}

static void next (const char *method)
{
    const void *data = digests + (size_t)started * DIGEST_MAX;
    size_t n = digest_len;
    flux_future_t *f;

    if (!strcmp (method, "content.store")) {
        memcpy (blob, &started, sizeof (started));
        data = blob;
        n = len;
    }
    if (!(f = flux_rpc_raw (h, method, data, n, FLUX_NODEID_ANY, 0))
        || flux_future_then (f, -1., answered, (void *)method) < 0)
        bench_die (method);
    started++;
}

static void call (const char *method)
{
    flux_future_t *f = flux_rpc (h, method, NULL, FLUX_NODEID_ANY, 0);

    if (!f || flux_rpc_get (f, NULL) < 0)
        bench_die (method);
    flux_future_destroy (f);
}

static double measure (const char *method, const char *last)
{
    double start = bench_now ();

    started = done = 0;
    while (started < window && started < count)
        next (method);
    if (flux_reactor_run (flux_get_reactor (h), 0) < 0)
        bench_die ("reactor");
    if (last)
        call (last);
    return count / (bench_now () - start);
}

int main (int argc, char *argv[])
{
    len = argc == 4 ? atoi (argv[1]) : 0;
    count = argc == 4 ? atoi (argv[2]) : 0;
    window = argc == 4 ? atoi (argv[3]) : 0;
    if (len < (int)sizeof (int) || count < 1 || window < 1) {
        fprintf (stderr, "usage: bench-content LENGTH COUNT WINDOW\n");
        return 2;
    }
    if (!(h = flux_open (NULL, 0)) || !(blob = malloc (len))
        || !(digests = calloc (count, DIGEST_MAX)))
        bench_die ("flux_open");
    for (int i = 0; i < len; i++)
        blob[i] = random ();
    printf ("%.1f ", measure ("content.store", "content.flush"));
    call ("content.dropcache");
    printf ("%.1f\n", measure ("content.load", NULL));
    flux_close (h);
    free (blob);
    free (digests);
    return 0;
}
