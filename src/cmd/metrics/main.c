/* flux-metrics: asks the services of rank 0, and prints or serves what they say as text of
 * OpenMetrics 1.0.
 *
 * Each request over HTTP opens a handle and asks anew, in libmicrohttpd's thread, so that
 * nothing is asked while nobody wants to know, and an instance that ends is seen.
 *
 * Failures: who does not answer in time, or is not loaded, is left out, and flux_up says
 * so. Without an instance a scrape is 503. The server ends with a signal. */
#include "cmd/cmd.h"
#include "cmd/metrics/families.h"
#include "cmd/metrics/options.h"
#include "cmd/output/output.h"

#include "base/clock.h"
#include "core/connect/within.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define CONNECTIONS_MAX 16
#define IDLE_MAX 10  /* seconds without a byte */
#define OPEN_MIN 0.1 /* seconds: 0 would be no limit */

static double timeout = 2.;

static json_t *take_answer (flux_future_t *f)
{
    const char *s;

    if (f && flux_future_is_ready (f) && flux_rpc_get (f, &s) == 0 && s)
        return json_loads (s, 0, NULL);
    return NULL;
}

/* NULL: there is nobody to ask. */
static flux_future_t *ask (flux_t *h, const struct source *s)
{
    const char *module = flux_attr_get (h, "content.backing-module");
    char topic[128];

    if (s->topic)
        return flux_rpc (h, s->topic, s->payload, 0, 0);
    if (!module || !strcmp (module, "none"))
        return NULL;
    snprintf (topic, sizeof (topic), "%s.stats-get", module);
    return flux_rpc (h, topic, s->payload, 0, 0);
}

/* A broker that does not take us in, e.g. a stopped one, must not hold the server, which
 * has one thread. */
static flux_t *open_instance (flux_error_t *error)
{
    double limit = timeout > OPEN_MIN ? timeout : OPEN_MIN;

    return open_within (NULL, limit < INSTANCE_LIMIT ? limit : INSTANCE_LIMIT, error);
}

/* -1: there is no instance, or no memory. */
static int scrape (struct buf *b, flux_error_t *error)
{
    double until = clock_monotonic () + timeout;
    flux_t *h = open_instance (error);
    flux_future_t *all = h ? flux_future_wait_all_create () : NULL;
    flux_future_t *f[16];
    json_t *answers[16];

    if (!all) {
        flux_close (h);
        return -1;
    }
    flux_future_set_flux (all, h);
    for (size_t i = 0; i < families_count; i++)
        if ((f[i] = ask (h, &families_sources[i]))
            && flux_future_push (all, families_sources[i].name, f[i]) < 0) {
            flux_future_destroy (f[i]);
            f[i] = NULL;
        }
    /* Together: one that does not answer must not take the time of others. */
    double left = until - clock_monotonic ();
    (void)flux_future_wait_for (all, left > 0 ? left : 0);
    for (size_t i = 0; i < families_count; i++)
        answers[i] = take_answer (f[i]);
    flux_future_destroy (all);
    families_write (b, answers);
    for (size_t i = 0; i < families_count; i++)
        json_decref (answers[i]);
    flux_close (h);
    if (b->err) {
        snprintf (error->text, sizeof (error->text), "out of memory");
        return -1;
    }
    return 0;
}

static void print_once (void)
{
    struct buf b = BUF_INIT;
    flux_error_t error = { "" };

    if (scrape (&b, &error) < 0)
        cmd_die ("%s", error.text);
    fputs (b.data, stdout);
    buf_fini (&b);
    output_flush ();
}

/* --- HTTP --- */

static enum MHD_Result answer (struct MHD_Connection *conn, unsigned int status,
                               const char *type, const char *text)
{
    struct MHD_Response *r = MHD_create_response_from_buffer (
        strlen (text), (void *)text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result rc;

    if (!r)
        return MHD_NO;
    MHD_add_response_header (r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header (r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    rc = MHD_queue_response (conn, status, r);
    MHD_destroy_response (r);
    return rc;
}

static enum MHD_Result handle (void *arg, struct MHD_Connection *conn, const char *url,
                               const char *method, const char *version,
                               const char *data, size_t *data_size, void **req)
{
    struct buf b = BUF_INIT;
    flux_error_t error = { "" };
    enum MHD_Result rc;

    if (strcmp (method, "GET") != 0 && strcmp (method, "HEAD") != 0)
        return answer (conn, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain",
                       "GET /metrics\n");
    if (strcmp (url, "/metrics") != 0)
        return answer (conn, MHD_HTTP_NOT_FOUND, "text/plain", "GET /metrics\n");
    if (scrape (&b, &error) < 0) {
        buf_fini (&b);
        buf_printf (&b, "%s\n", error.text);
        rc = answer (conn, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", b.data);
    } else
        rc = answer (conn, MHD_HTTP_OK, TYPE, b.data);
    buf_fini (&b);
    return rc;
}

/* Nothing that a client sends is worth a line. */
static void quiet (void *arg, const char *fmt, va_list ap)
{
}

/* --- where it listens --- */

static int listen_at (int fd, const struct sockaddr *addr, socklen_t len)
{
    if (fd < 0 || bind (fd, addr, len) < 0 || listen (fd, CONNECTIONS_MAX) < 0)
        return -1;
    return fd;
}

static int listen_port (const char *text)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    socklen_t len = sizeof (in);
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    char *end;
    long port = strtol (text, &end, 10);

    /* strtol takes blanks and signs */
    if (!isdigit ((unsigned char)text[0]) || *end || port < 0 || port > 65535)
        cmd_die (
            "--listen=%s: neither a port (0 to 65535) nor a path that begins with /",
            text);
    in.sin_port = htons (port);
    in.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    if (fd >= 0)
        setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof (one));
    if (listen_at (fd, (struct sockaddr *)&in, sizeof (in)) < 0
        || getsockname (fd, (struct sockaddr *)&in, &len) < 0)
        cmd_die ("--listen=%s: %s", text, strerror (errno));
    printf ("http://127.0.0.1:%d/metrics\n", ntohs (in.sin_port));
    return fd;
}

/* What is there already is another's, unless nobody listens any more. */
static bool is_left_over (const struct sockaddr_un *un)
{
    struct stat st;
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = fd >= 0
                   && connect (fd, (const struct sockaddr *)un, sizeof (*un)) < 0
                   && errno == ECONNREFUSED;

    if (fd >= 0)
        close (fd);
    return refused && lstat (un->sun_path, &st) == 0 && S_ISSOCK (st.st_mode)
           && st.st_uid == geteuid ();
}

static int listen_path (const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen (path) >= sizeof (un.sun_path))
        cmd_die ("--listen=%s: longer than the path of a socket may be", path);
    strcpy (un.sun_path, path);
    if (is_left_over (&un))
        unlink (path);
    mode_t mask = umask (0177);
    if (listen_at (fd, (struct sockaddr *)&un, sizeof (un)) < 0)
        cmd_die ("--listen=%s: %s", path, strerror (errno));
    umask (mask);
    printf ("unix:%s\n", path);
    return fd;
}

static void serve (const char *where)
{
    bool is_path = where[0] == '/';
    int fd = is_path ? listen_path (where) : listen_port (where);
    struct MHD_Daemon *mhd;
    sigset_t set;
    int signum;

    /* before there is a thread, so that all have them blocked */
    sigemptyset (&set);
    sigaddset (&set, SIGINT);
    sigaddset (&set, SIGTERM);
    sigaddset (&set, SIGHUP);
    pthread_sigmask (SIG_BLOCK, &set, NULL);
    mhd = MHD_start_daemon (
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, handle, NULL, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned int)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned int)IDLE_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!mhd)
        cmd_die ("the server cannot be started");
    output_flush ();
    sigwait (&set, &signum);
    MHD_stop_daemon (mhd);
    if (is_path)
        unlink (where);
}

int main (int argc, char **argv)
{
    optparse_t *p = optparse_create ("flux-metrics");
    flux_error_t error = { "" };
    const char *where;
    flux_t *h;

    cmd_name = "flux-metrics";
    output_init ();
    signal (SIGPIPE, SIG_IGN);
    if (!p || optparse_set (p, OPTPARSE_USAGE, "[OPTIONS]") < 0
        || optparse_add_option_table (p, metrics_options) < 0)
        cmd_die ("bad option table");
    int i = optparse_parse_args (p, argc, argv);
    if (i < 0)
        exit (1);
    if (i < argc)
        optparse_fatal_usage (p, 1, NULL);
    timeout = optparse_get_duration (p, "timeout", 2.);
    if (!(h = open_instance (&error)))
        cmd_die ("%s", error.text);
    flux_close (h);
    if ((where = optparse_get_str (p, "listen", NULL)))
        serve (where);
    else
        print_once ();
    optparse_destroy (p);
    return 0;
}
