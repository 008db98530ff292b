/* Round trips without a broker: how much of one is ours?
 *
 *   raw      a byte over a socket pair, between two threads
 *   channel  an RPC through a channel, between two threads
 *   local    an RPC over a socket pair, between two threads
 *   zmq      (zmq-1MB: with that much in it) as many bytes and frames as an RPC has, by libzmq alone: from a DEALER over
 *            ipc:// to a ROUTER and back, between two threads
 *
 * each alone and with 64 in flight (raw and zmq: alone). Prints NAME MICROSECONDS or NAME PER_SECOND. */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

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

static char large[1 << 20];
static struct {
    const char *data;
    size_t len;
} frames[] = { { "broker.ping", 11 }, { "{\"seq\":12345}", 13 }, { "12345678901234567890", 20 } };
#define FRAMES 3

static void zmq_put (void *zs)
{
    for (int i = 0; i < FRAMES; i++)
        if (zmq_send (zs, frames[i].data, frames[i].len,
                      i < FRAMES - 1 ? ZMQ_SNDMORE : 0)
            < 0)
            bench_die ("zmq_send");
}

static void zmq_take (void *zs)
{
    zmq_msg_t msg;

    zmq_msg_init (&msg);
    for (int i = 0; i < FRAMES; i++)
        if (zmq_msg_recv (&msg, zs, 0) < 0)
            bench_die ("zmq_msg_recv");
    zmq_msg_close (&msg);
}

struct zmq_end {
    void *zs;
    int count;
};

static void *zmq_echo (void *arg)
{
    struct zmq_end *end = arg;
    char id[64];
    int len;

    for (int i = 0; i < end->count; i++) {
        if ((len = zmq_recv (end->zs, id, sizeof (id), 0)) < 0)
            bench_die ("zmq_recv");
        zmq_take (end->zs);
        if (zmq_send (end->zs, id, len, ZMQ_SNDMORE) < 0)
            bench_die ("zmq_send");
        zmq_put (end->zs);
    }
    return NULL;
}

/* A context for each end, as brokers have: each has a thread that does the writing. */
static void bench_zmq (const char *name, int count)
{
    void *ctx[2] = { zmq_ctx_new (), zmq_ctx_new () };
    void *client = zmq_socket (ctx[0], ZMQ_DEALER);
    struct zmq_end end = { zmq_socket (ctx[1], ZMQ_ROUTER), count };
    char dir[] = "/tmp/bench-ping-XXXXXX", path[64];
    pthread_t t;
    double t0;

    if (!mkdtemp (dir))
        bench_die (dir);
    snprintf (path, sizeof (path), "ipc://%s/zmq", dir);
    if (zmq_bind (end.zs, path) < 0 || zmq_connect (client, path) < 0
        || pthread_create (&t, NULL, zmq_echo, &end) != 0)
        bench_die ("zmq");
    t0 = bench_now ();
    for (int i = 0; i < count; i++) {
        zmq_put (client);
        zmq_take (client);
    }
    printf ("%s.alone %.2f us\n", name, (bench_now () - t0) / count * 1e6);
    pthread_join (t, NULL);
    zmq_close (client);
    zmq_close (end.zs);
    zmq_ctx_destroy (ctx[0]);
    zmq_ctx_destroy (ctx[1]);
    unlink (path + strlen ("ipc://"));
    rmdir (dir);
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
    bench_zmq ("zmq", count);
    frames[1].data = large;
    frames[1].len = sizeof (large);
    bench_zmq ("zmq-1MB", count / 20 + 1);
    if (channel_create (ends) < 0)
        bench_die ("channel");
    bench_pair ("channel", channel_open_handle (ends[0], 0),
                channel_open_handle (ends[1], 0), count);
    if (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        bench_die ("socketpair");
    bench_pair ("local", open_fd (fds[0]), open_fd (fds[1]), count);
    return 0;
}
