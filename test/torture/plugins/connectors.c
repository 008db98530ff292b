/* For torture/plugins/connectors: opens each connector COUNT times, uses it and closes it; at the
 * end as many descriptors are open as at the beginning, and the process has not grown by
 * more than GROWTH kB.
 *
 * usage: connectors COUNT GROWTH URI...   (fd:// connects to the socket of a local:// URI) */
#include <flux/core.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *local; /* path of the socket */

static void die (const char *uri, const char *what)
{
    fprintf (stderr, "connectors: %s: %s: %s\n", uri, what, strerror (errno));
    exit (1);
}

static int count_fds (void)
{
    DIR *d = opendir ("/proc/self/fd");
    int n = 0;

    while (d && readdir (d))
        n++;
    if (d)
        closedir (d);
    return n;
}

static long resident_kb (void)
{
    long pages = 0;
    FILE *f = fopen ("/proc/self/statm", "r");

    if (!f || fscanf (f, "%*d %ld", &pages) != 1)
        die ("/proc/self/statm", "read");
    fclose (f);
    return pages * (sysconf (_SC_PAGESIZE) / 1024);
}

/* As a client does that was handed its connection: the server's verdict is read. */
static int connected (void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket (AF_UNIX, SOCK_STREAM, 0);
    char verdict;

    snprintf (addr.sun_path, sizeof (addr.sun_path), "%s", local);
    if (fd < 0 || connect (fd, (struct sockaddr *)&addr, sizeof (addr)) < 0
        || read (fd, &verdict, 1) != 1)
        die (local, "connect");
    return fd;
}

static void ping_broker (flux_t *h, const char *uri)
{
    flux_future_t *f =
        flux_rpc_pack (h, "broker.ping", FLUX_NODEID_ANY, 0, "{s:i}", "seq", 1);

    if (!f || flux_rpc_get (f, NULL) < 0)
        die (uri, "ping");
    flux_future_destroy (f);
}

static void ping_self (flux_t *h, const char *uri)
{
    flux_msg_t *msg = flux_event_encode ("test.loop", NULL), *back;

    if (!msg || flux_send (h, msg, 0) < 0
        || !(back = flux_recv (h, FLUX_MATCH_EVENT, FLUX_O_NONBLOCK)))
        die (uri, "send");
    flux_msg_destroy (back);
    flux_msg_destroy (msg);
}

static void use (const char *uri)
{
    char name[32];
    flux_t *h;

    if (!strcmp (uri, "fd://"))
        snprintf (name, sizeof (name), "fd://%d", connected ());
    if (!(h = flux_open (strcmp (uri, "fd://") ? uri : name, 0)))
        die (uri, "open");
    if (!strcmp (uri, "loop://"))
        ping_self (h, uri);
    else
        ping_broker (h, uri);
    flux_close (h);
}

static int many (const char *uri, int count, long growth)
{
    long before;
    int fds;

    for (int i = 0; i < count / 10 + 1; i++)
        use (uri);
    fds = count_fds ();
    before = resident_kb ();
    for (int i = 0; i < count; i++)
        use (uri);
    printf ("%s: %d times, %ld kB before and %ld kB after\n", uri, count, before,
            resident_kb ());
    if (count_fds () == fds && resident_kb () - before < growth)
        return 0;
    printf ("%s: %d descriptors before, %d after\n", uri, fds, count_fds ());
    return -1;
}

int main (int argc, char *argv[])
{
    int rc = 0;

    if (argc < 4) {
        fprintf (stderr, "usage: connectors COUNT GROWTH URI...\n");
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        if (!strncmp (argv[i], "local://", 8))
            local = argv[i] + 8;
    }
    for (int i = 3; i < argc; i++) {
        if (many (argv[i], atoi (argv[1]), atol (argv[2])) < 0)
            rc = 1;
    }
    return rc;
}
