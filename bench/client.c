/* bench-client SECTION COUNT, in an instance: what bench/python.py does, in C.
 *   rpc      microseconds for each round trip, one at a time
 *   events   events per second, published and received, 64 in flight
 *   submit   jobs per second, 256 in flight */
#include <string.h>

#include <flux/core.h>

#include "bench.h"

struct client {
    flux_t *h;
    int sent, done, count;
};

static const char *jobspec =
    "{\"version\":1,\"resources\":[{\"type\":\"slot\",\"count\":1,\"label\":\"task\","
    "\"with\":[{\"type\":\"core\",\"count\":1}]}],\"tasks\":[{\"command\":[\"true\"],"
    "\"slot\":\"task\",\"count\":{\"per_slot\":1}}],"
    "\"attributes\":{\"system\":{\"duration\":0}}}";

static double rpc (struct client *c)
{
    double t0 = bench_now ();

    for (; c->done < c->count; c->done++) {
        flux_future_t *f = flux_rpc_pack (c->h, "broker.ping", 0, 0, "{s:i}", "seq", c->done);

        if (!f || flux_rpc_get (f, NULL) < 0)
            bench_die ("broker.ping");
        flux_future_destroy (f);
    }
    return (bench_now () - t0) / c->count * 1e6;
}

static void publish (struct client *c)
{
    flux_future_t *f = flux_rpc_pack (c->h, "event.publish", 0, FLUX_RPC_NORESPONSE,
                                      "{s:s s:i}", "topic", "bench.tick", "flags", 0);

    if (!f)
        bench_die ("publish");
    flux_future_destroy (f);
    c->sent++;
}

static void event_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct client *c = arg;

    if (c->sent < c->count)
        publish (c);
    if (++c->done == c->count)
        flux_reactor_stop (flux_get_reactor (h));
}

static double events (struct client *c)
{
    struct flux_match match = FLUX_MATCH_EVENT;
    flux_msg_handler_t *mh;
    double t0;

    match.topic_glob = "bench.tick";
    if (flux_event_subscribe (c->h, "bench.tick") < 0
        || !(mh = flux_msg_handler_create (c->h, match, event_cb, c)))
        bench_die ("subscribe");
    flux_msg_handler_start (mh);
    t0 = bench_now ();
    while (c->sent < 64 && c->sent < c->count)
        publish (c);
    if (flux_reactor_run (flux_get_reactor (c->h), 0) < 0)
        bench_die ("reactor");
    flux_msg_handler_destroy (mh);
    return c->count / (bench_now () - t0);
}

static void submit_cb (flux_future_t *f, void *arg);

static void submit_one (struct client *c)
{
    flux_future_t *f = flux_job_submit (c->h, jobspec, 16, 0);

    if (!f || flux_future_then (f, -1, submit_cb, c) < 0)
        bench_die ("submit");
    c->sent++;
}

static void submit_cb (flux_future_t *f, void *arg)
{
    struct client *c = arg;
    flux_jobid_t id;

    if (flux_job_submit_get_id (f, &id) < 0)
        bench_die ("submit");
    flux_future_destroy (f);
    c->done++;
    if (c->sent < c->count)
        submit_one (c);
}

static double submit (struct client *c)
{
    double t0 = bench_now ();

    while (c->sent < 256 && c->sent < c->count)
        submit_one (c);
    if (flux_reactor_run (flux_get_reactor (c->h), 0) < 0)
        bench_die ("reactor");
    return c->done / (bench_now () - t0);
}

int main (int argc, char *argv[])
{
    static const struct {
        const char *name;
        double (*run) (struct client *c);
    } sections[] = { { "rpc", rpc }, { "events", events }, { "submit", submit } };
    struct client c = { .count = argc == 3 ? atoi (argv[2]) : 0 };

    for (size_t i = 0; i < sizeof (sections) / sizeof (sections[0]); i++) {
        if (c.count <= 0 || strcmp (argv[1], sections[i].name) != 0)
            continue;
        if (!(c.h = flux_open (NULL, 0)))
            bench_die ("flux_open");
        printf ("%.2f\n", sections[i].run (&c));
        flux_close (c.h);
        return 0;
    }
    fprintf (stderr, "usage: bench-client rpc|events|submit COUNT\n");
    return 2;
}
