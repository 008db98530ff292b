/* A crowd for test/torture/crowd and test/system/broker/crowd.t. Each command prints "ready"
 * when it has what it wants, and lives until its standard input ends.
 *
 *   crowd hold WATCHERS REQUESTS CLIENTS TOPIC   watchers of a key and requests that
 *                           TOPIC never answers, spread over CLIENTS connections
 *   crowd mute CLIENTS      subscribers that never read
 *   crowd read COUNT        subscriber that wants COUNT events, in order; prints them
 *   crowd publish COUNT SIZE   as many events with as many bytes each
 *   crowd ask RANK COUNT SIZE  requests at once; says on stderr when all are on their way,
 *                              and prints how many were answered, refused
 *   crowd open TOPIC COUNT  requests that TOPIC never answers; prints how many are
 *                           refused, and with what, when as many were sent
 *   crowd raw CONNECTIONS   only connects; prints how many were let in */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <flux/core.h>

#define TOPIC "crowd.news"

static void die (const char *what)
{
    fprintf (stderr, "crowd: %s: %s\n", what, flux_strerror (errno));
    exit (1);
}

static void ready (void)
{
    printf ("ready\n");
    fflush (stdout);
}

static void until_end_of_input (void)
{
    char buf[256];

    while (read (STDIN_FILENO, buf, sizeof (buf)) > 0)
        ;
}

static flux_t *connect_one (void)
{
    flux_error_t error;
    flux_t *h = flux_open_ex (NULL, 0, &error);

    if (!h) {
        fprintf (stderr, "crowd: %s\n", error.text);
        exit (1);
    }
    return h;
}

static void subscribe (flux_t *h)
{
    if (flux_event_subscribe (h, TOPIC) < 0)
        die ("subscribe");
}

static char *filler (int size)
{
    char *s = malloc (size + 1);

    if (!s)
        die ("malloc");
    memset (s, 'x', size);
    s[size] = '\0';
    return s;
}

/* ---- hold ---- */

static void first_answer (flux_future_t *f)
{
    const char *s;

    if (flux_kvs_lookup_get (f, &s) < 0)
        die ("lookup");
}

static void hold (int watchers, int requests, int clients, const char *topic)
{
    flux_t **h = calloc (clients, sizeof (*h));
    flux_future_t **f = calloc (watchers, sizeof (*f));

    for (int i = 0; i < clients; i++) {
        h[i] = connect_one ();
        subscribe (h[i]);
    }
    for (int i = 0; i < watchers; i++)
        if (!(f[i] = flux_kvs_lookup (h[i % clients], NULL, FLUX_KVS_WATCH, "crowd")))
            die ("watch");
    for (int i = 0; i < requests; i++)
        if (!flux_rpc (h[i % clients], topic, NULL, FLUX_NODEID_ANY, 0))
            die (topic);
    for (int i = 0; i < watchers; i++)
        first_answer (f[i]);
    ready ();
    until_end_of_input ();
}

/* ---- events ---- */

static void mute (int clients)
{
    for (int i = 0; i < clients; i++)
        subscribe (connect_one ());
    ready ();
    until_end_of_input ();
}

static void read_events (int count)
{
    flux_t *h = connect_one ();
    int n;

    subscribe (h);
    ready ();
    for (int i = 0; i < count; i++) {
        flux_msg_t *msg = flux_recv (h, FLUX_MATCH_EVENT, 0);

        if (!msg || flux_event_unpack (msg, NULL, "{s:i}", "n", &n) < 0)
            die ("event");
        if (n != i) {
            fprintf (stderr, "crowd: event %d where %d was due\n", n, i);
            exit (1);
        }
        flux_msg_destroy (msg);
    }
    printf ("%d events\n", count);
}

static void publish (int count, int size)
{
    flux_t *h = connect_one ();
    char *s = filler (size);

    for (int i = 0; i < count; i++) {
        flux_future_t *f =
            flux_event_publish_pack (h, TOPIC, 0, "{s:i s:s}", "n", i, "data", s);

        if (!f || flux_future_get (f, NULL) < 0)
            die ("publish");
        flux_future_destroy (f);
    }
    printf ("%d published\n", count);
}

/* ---- requests ---- */

struct tally {
    int answered, refused, failed, left;
    char text[256];
    flux_reactor_t *r;
    int stop_at; /* this many answers of any kind */
};

static void count_answer (flux_future_t *f, void *arg)
{
    struct tally *t = arg;

    if (flux_rpc_get (f, NULL) == 0)
        t->answered++;
    else {
        if (errno == ENOBUFS)
            t->refused++;
        else
            t->failed++;
        if (!t->text[0])
            snprintf (t->text, sizeof (t->text), "%s", flux_future_error_string (f));
    }
    flux_future_destroy (f);
    if (--t->left == t->stop_at)
        flux_reactor_stop (t->r);
}

static void send_one (flux_t *h, struct tally *t, const char *topic, uint32_t rank,
                      const char *data)
{
    flux_future_t *f =
        flux_rpc_pack (h, topic, rank, 0, "{s:i s:s}", "seq", 0, "data", data);

    if (!f || flux_future_then (f, -1, count_answer, t) < 0)
        die (topic);
    t->left++;
}

static void print_tally (const struct tally *t)
{
    printf ("%d answered, %d refused, %d failed", t->answered, t->refused, t->failed);
    if (t->text[0])
        printf (": %s", t->text);
    printf ("\n");
    fflush (stdout);
}

static void ask (uint32_t rank, int count, int size)
{
    flux_t *h = connect_one ();
    struct tally t = { .r = flux_get_reactor (h) };
    char *s = filler (size);

    for (int i = 0; i < count; i++)
        send_one (h, &t, "broker.ping", rank, s);
    fprintf (stderr, "all are asked\n");
    if (flux_reactor_run (t.r, 0) < 0)
        die ("reactor");
    print_tally (&t);
}

/* The one that is answered behind them tells that all were taken or refused. */
static void open_rpcs (const char *topic, int count)
{
    flux_t *h = connect_one ();
    struct tally t = { .r = flux_get_reactor (h) }, last = t;

    for (int i = 0; i < count; i++)
        send_one (h, &t, topic, FLUX_NODEID_ANY, "");
    t.stop_at = -1;
    send_one (h, &last, "broker.ping", FLUX_NODEID_ANY, "");
    if (flux_reactor_run (t.r, 0) < 0)
        die ("reactor");
    print_tally (&t);
    ready ();
    until_end_of_input ();
}

static void raw (int connections)
{
    flux_error_t error;
    int n = 0;

    while (n < connections && flux_open_ex (NULL, 0, &error))
        n++;
    printf ("%d let in", n);
    if (n < connections)
        printf (": %s", error.text);
    printf ("\n");
    ready ();
    until_end_of_input ();
}

static bool is (char *argv[], const char *name, int argc, int want)
{
    return argc == want + 2 && strcmp (argv[1], name) == 0;
}

int main (int argc, char *argv[])
{
    if (argc < 2)
        return 2;
    if (is (argv, "hold", argc, 4))
        hold (atoi (argv[2]), atoi (argv[3]), atoi (argv[4]), argv[5]);
    else if (is (argv, "mute", argc, 1))
        mute (atoi (argv[2]));
    else if (is (argv, "read", argc, 1))
        read_events (atoi (argv[2]));
    else if (is (argv, "publish", argc, 2))
        publish (atoi (argv[2]), atoi (argv[3]));
    else if (is (argv, "ask", argc, 3))
        ask (atoi (argv[2]), atoi (argv[3]), atoi (argv[4]));
    else if (is (argv, "open", argc, 2))
        open_rpcs (argv[2], atoi (argv[3]));
    else if (is (argv, "raw", argc, 1))
        raw (atoi (argv[2]));
    else
        return 2;
    /* What was opened goes with the process. */
    fflush (stdout);
    _exit (0);
}
