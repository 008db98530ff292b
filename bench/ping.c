/* Round trips without a broker: how much of one is ours?
 *
 *   raw      a byte over a socket pair, between two threads
 *   channel  an RPC through a channel, between two threads
 *   local    an RPC over a socket pair, between two threads
 *
 * each alone and with 64 in flight. Prints NAME MICROSECONDS or NAME PER_SECOND. */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <flux/core.h>

#include "bench.h"
#include "core/handle/channel.h"

#define IN_FLIGHT 64

static void *echo_bytes (void *arg)
{
    int fd = *(int *)arg;
    char c;

    while (read (fd, &c, 1) == 1)
        if (write (fd, &c, 1) != 1)
            break;
    close (fd);
    return NULL;
}

static void bench_raw (int count)
{
    int fds[2];
    pthread_t t;
    char c = 0;
    double t0;

    if (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) < 0
        || pthread_create (&t, NULL, echo_bytes, &fds[1]) != 0)
        bench_die ("raw");
    t0 = bench_now ();
    for (int i = 0; i < count; i++)
        if (write (fds[0], &c, 1) != 1 || read (fds[0], &c, 1) != 1)
            bench_die ("raw");
    printf ("raw.alone %.2f us\n", (bench_now () - t0) / count * 1e6);
    close (fds[0]);
    pthread_join (t, NULL);
}

static void ping_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    int seq;

    if (flux_request_unpack (msg, NULL, "{s:i}", "seq", &seq) < 0
        || flux_respond_pack (h, msg, "{s:i}", "seq", seq) < 0)
        bench_die ("respond");
}

static void stop_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    flux_reactor_stop (flux_get_reactor (h));
}

static const struct flux_msg_handler_spec table[] = {
    { FLUX_MSGTYPE_REQUEST, "bench.ping", ping_cb, FLUX_ROLE_ALL },
    { FLUX_MSGTYPE_REQUEST, "bench.stop", stop_cb, FLUX_ROLE_ALL },
    FLUX_MSGHANDLER_TABLE_END,
};

static void *serve (void *arg)
{
    flux_t *h = arg;
    flux_msg_handler_t **handlers;

    if (flux_msg_handler_addvec (h, table, NULL, &handlers) < 0
        || flux_reactor_run (flux_get_reactor (h), 0) < 0)
        bench_die ("serve");
    flux_msg_handler_delvec (handlers);
    flux_close (h);
    return NULL;
}

static flux_future_t *ping (flux_t *h, int seq)
{
    flux_future_t *f =
        flux_rpc_pack (h, "bench.ping", FLUX_NODEID_ANY, 0, "{s:i}", "seq", seq);

    if (!f)
        bench_die ("rpc");
    return f;
}

struct flood {
    int sent, done, count;
};

static void flood_cb (flux_future_t *f, void *arg)
{
    struct flood *fl = arg;
    flux_t *h = flux_future_get_flux (f);

    if (flux_rpc_get (f, NULL) < 0)
        bench_die ("get");
    flux_future_destroy (f);
    fl->done++;
    if (fl->sent < fl->count)
        flux_future_then (ping (h, fl->sent++), -1, flood_cb, fl);
}

static void bench_pair (const char *name, flux_t *client, flux_t *server, int count)
{
    struct flood fl = { .count = 10 * count };
    pthread_t t;
    double t0;

    if (!client || !server || pthread_create (&t, NULL, serve, server) != 0)
        bench_die (name);
    t0 = bench_now ();
    for (int i = 0; i < count; i++) {
        flux_future_t *f = ping (client, i);

        if (flux_rpc_get (f, NULL) < 0)
            bench_die (name);
        flux_future_destroy (f);
    }
    printf ("%s.alone %.2f us\n", name, (bench_now () - t0) / count * 1e6);
    t0 = bench_now ();
    while (fl.sent < IN_FLIGHT)
        flux_future_then (ping (client, fl.sent++), -1, flood_cb, &fl);
    if (flux_reactor_run (flux_get_reactor (client), 0) < 0)
        bench_die (name);
    printf ("%s.flood %.0f per_s\n", name, fl.done / (bench_now () - t0));
    flux_future_destroy (
        flux_rpc (client, "bench.stop", NULL, FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE));
    pthread_join (t, NULL);
    flux_close (client);
}

static flux_t *open_fd (int fd)
{
    char uri[32];

    snprintf (uri, sizeof (uri), "fd://%d", fd);
    return flux_open (uri, 0);
}

int main (int argc, char *argv[])
{
    int count = argc > 1 ? atoi (argv[1]) : 20000;
    struct channel_end *ends[2];
    int fds[2];

    /* The socket's server takes what comes as its own. */
    setenv ("FLUX_HANDLE_ROLEMASK", "1", 1);
    bench_raw (count);
    if (channel_create (ends) < 0)
        bench_die ("channel");
    bench_pair ("channel", channel_open_handle (ends[0], 0),
                channel_open_handle (ends[1], 0), count);
    if (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        bench_die ("socketpair");
    bench_pair ("local", open_fd (fds[0]), open_fd (fds[1]), count);
    return 0;
}
