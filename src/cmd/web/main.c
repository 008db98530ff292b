/* flux-web: connect, listen, print the URL, serve until a signal or the end of the
 * instance. */
#include "cmd/cmd.h"
#include "cmd/live/target.h"
#include "cmd/output/output.h"
#include "cmd/web/options.h"
#include "cmd/web/server.h"

#include "base/file.h"
#include "config.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct web {
    flux_reactor_t *r;
    bool done;
    int status;
};

static void stop (struct web *w)
{
    w->done = true;
    flux_reactor_stop (w->r);
}

static void lost_cb (void *arg)
{
    struct web *w = arg;
    cmd_warn ("the connection to the instance is lost");
    w->status = 1;
    stop (w);
}

static void signal_cb (flux_reactor_t *r, flux_watcher_t *watcher, int revents,
                       void *arg)
{
    stop (arg);
}

static void watch_signals (struct web *w)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < sizeof (signals) / sizeof (signals[0]); i++) {
        flux_watcher_t *s = flux_signal_watcher_create (w->r, signals[i], signal_cb, w);
        if (!s)
            cmd_die ("%s", strerror (errno));
        flux_watcher_start (s);
    }
}

static bool is_loopback (const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)addr;
        return ntohl (in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in6 = (const void *)addr;
    return IN6_IS_ADDR_LOOPBACK (&in6->sin6_addr);
}

static void resolve (const char *host, int port, struct sockaddr_storage *addr)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *ai;
    char service[16];
    snprintf (service, sizeof (service), "%d", port);
    int rc = getaddrinfo (host, service, &hints, &ai);
    if (rc != 0)
        cmd_die ("--host=%s: %s", host, gai_strerror (rc));
    if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
        cmd_die ("--host=%s: no internet address", host);
    memcpy (addr, ai->ai_addr, ai->ai_addrlen);
    freeaddrinfo (ai);
}

static char *read_pem (optparse_t *p, const char *option)
{
    const char *path = optparse_get_str (p, option, NULL);
    char *s = path ? file_read_all (path, NULL) : NULL;
    if (path && !s)
        cmd_die ("--%s: %s: %s", option, path, strerror (errno));
    return s;
}

static const char *page_dir (void)
{
    static char self[PATH_MAX];
    ssize_t n = readlink ("/proc/self/exe", self, sizeof (self) - 1);
    if (n > 0 && !strncmp (self, FLUX_BUILD_DIR "/", strlen (FLUX_BUILD_DIR "/")))
        return FLUX_SOURCE_DIR "/src/cmd/web/page";
    return FLUX_LIBEXECDIR "/web";
}

/* Addresses that mean all are of no use in a URL. */
static void print_url (const struct server *s, const char *host, bool tls)
{
    char name[256];
    if (!strcmp (host, "0.0.0.0") || !strcmp (host, "::")) {
        if (gethostname (name, sizeof (name)) == 0)
            host = name;
    }
    bool six = strchr (host, ':') != NULL;
    printf ("%s://%s%s%s:%d/?token=%s\n", tls ? "https" : "http", six ? "[" : "", host,
            six ? "]" : "", server_port (s), server_token (s));
    output_flush ();
}

static void serve (struct web *w, struct hubs *hubs)
{
    while (!w->done) {
        if (flux_reactor_run (w->r, 0) < 0 && !hubs_check (hubs))
            cmd_die ("%s", strerror (errno));
    }
}

int main (int argc, char **argv)
{
    struct web w = { 0 };
    struct sockaddr_storage addr;
    struct server_options opt = { .addr = (struct sockaddr *)&addr };
    flux_error_t error = { "" };
    struct hubs *hubs;
    struct server *server;
    char *cert, *key, *uri = NULL;
    cmd_name = "flux-web";
    output_init ();
    signal (SIGPIPE, SIG_IGN);
    optparse_t *p = optparse_create ("flux-web");
    if (!p || optparse_set (p, OPTPARSE_USAGE, "[OPTIONS] [TARGET]") < 0
        || optparse_add_option_table (p, web_options) < 0)
        cmd_die ("bad option table");
    int i = optparse_parse_args (p, argc, argv);
    if (i < 0)
        exit (1);
    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    const char *host = optparse_get_str (p, "host", "127.0.0.1");
    int port = optparse_get_int (p, "port", 0);
    if (port < 0 || port > 65535)
        cmd_die ("--port=%d: not between 0 and 65535", port);
    cert = read_pem (p, "tls-cert");
    key = read_pem (p, "tls-key");
    if (!cert != !key)
        cmd_die ("--tls-cert and --tls-key belong together");
    resolve (host, port, &addr);
    if (!is_loopback (opt.addr) && !cert)
        cmd_die ("--host=%s: not without --tls-cert and --tls-key, since the token "
                 "would be there for others to read",
                 host);
    opt.name = host;
    opt.cert = cert;
    opt.key = key;
    opt.page_dir = page_dir ();
    if (i < argc && !(uri = target_resolve (argv[i], &error)))
        cmd_die ("%s", error.text);
    if (!(w.r = flux_reactor_create (0)))
        cmd_die ("%s", strerror (errno));
    if (!(hubs = hubs_create (w.r, uri, lost_cb, &w, &error)))
        cmd_die ("connecting to Flux: %s", error.text);
    if (!(server = server_create (w.r, hubs, &opt, &error)))
        cmd_die ("%s:%d: %s", host, port, error.text);
    watch_signals (&w);
    print_url (server, host, cert != NULL);
    serve (&w, hubs);
    server_destroy (server);
    hubs_destroy (hubs);
    free (uri);
    free (cert);
    free (key);
    optparse_destroy (p);
    return w.status;
}
