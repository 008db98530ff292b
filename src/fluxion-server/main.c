#include <errno.h>
#include <flux/attr.h>
#include <flux/optparse.h>
#include <grpc/support/log.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/os/stdout.h"
#include "fluxion-server/server.h"
#include "fluxion-server/state.h"

static const struct optparse_option options[] = {
    { "host", 'H', 1, 0, "ADDR",
      "Listen on ADDR (default: localhost; 0.0.0.0: all interfaces)", 0, NULL },
    { "port", 'p', 1, 0, "N", "Listen on port N (default: 4242; 0: any)", 0, NULL },
    { "tls-cert", 1001, 1, 0, "FILE", "PEM certificate chain of this server", 0, NULL },
    { "tls-key", 1002, 1, 0, "FILE", "PEM private key of this server", 0, NULL },
    { "tls-ca", 1003, 1, 0, "FILE",
      "Only serve clients with a certificate that this PEM CA signed", 0, NULL },
    { "record", 1004, 1, 0, "FILE",
      "Append each change as one line of JSON, so that it can be replayed", 0, NULL },
    { "state", 1007, 1, 0, "DIR",
      "Keep graphs and jobs in DIR, and go on with what is there", 0, NULL },
    { "max-message", 1005, 1, 0, "SIZE", "Refuse larger requests (default: 256M)", 0,
      NULL },
    { "max-jobspec", 1006, 1, 0, "SIZE", "Refuse larger jobspecs (default: 1M)", 0,
      NULL },
    { "answer-timeout", 1008, 1, 0, "FSD",
      "Drop answers that a client does not take for so long (default: 2m)", 0, NULL },
    { "quiet", 'q', 0, 0, NULL, "No request log on standard output", 0, NULL },
    { "version", 'V', 0, 0, NULL, "Print the version", 0, NULL },
    OPTPARSE_TABLE_END,
};

static void drop_log (gpr_log_func_args *args)
{
}

static void *wait_for_signal (void *arg)
{
    sigset_t set;
    int signum;

    sigemptyset (&set);
    sigaddset (&set, SIGINT);
    sigaddset (&set, SIGTERM);
    sigwait (&set, &signum);
    server_shutdown (arg);
    return NULL;
}

static bool is_loopback (const char *host)
{
    return strcmp (host, "localhost") == 0 || strncmp (host, "127.", 4) == 0
           || strcmp (host, "::1") == 0 || strcmp (host, "[::1]") == 0
           || strncmp (host, "unix:", 5) == 0;
}

static char *read_pem (optparse_t *p, const char *option)
{
    const char *path = optparse_get_str (p, option, NULL);
    char *text;

    if (!path)
        return NULL;
    if (!(text = file_read_all (path, NULL))) {
        fprintf (stderr, "fluxion: --%s=%s: %s\n", option, path, strerror (errno));
        exit (1);
    }
    return text;
}

static const char *const program = "fluxion";

int main (int argc, char *argv[])
{
    struct server_config conf = { 0 };
    struct service_limits limits = { 0 };
    struct service *service;
    struct server *server;
    struct state *state = NULL;
    optparse_t *p = optparse_create ("fluxion");
    FILE *record = NULL;
    const char *path;
    flux_error_t error;
    pthread_t thread;
    sigset_t set;
    int index;

    stdout_guard (&program);
    if (fd_fill_standard () < 0)
        return 1;
    if (!p || optparse_add_option_table (p, options) != OPTPARSE_SUCCESS)
        return 1;
    optparse_set (p, OPTPARSE_USAGE, "[OPTIONS]");
    if ((index = optparse_parse_args (p, argc, argv)) < 0)
        return 2;
    if (index < argc) {
        optparse_fatal_usage (p, 2, "unexpected argument: %s\n", argv[index]);
        return 2;
    }
    if (optparse_hasopt (p, "version")) {
        printf ("fluxion %s\n", flux_core_version_string ());
        return 0;
    }
    /* Everybody who reaches the port controls the graph: only those of this host,
     * unless more is asked for. */
    conf.host = optparse_get_str (p, "host", "localhost");
    if (!*conf.host) {
        fprintf (stderr, "fluxion: --host: an address is expected\n");
        return 2;
    }
    conf.port = optparse_get_int (p, "port", 4242);
    if (conf.port < 0 || conf.port > 65535) {
        fprintf (stderr, "fluxion: --port=%d: not in 0-65535\n", conf.port);
        return 2;
    }
    uint64_t max = optparse_get_size_int (p, "max-message", "256M");
    conf.max_message = max > INT32_MAX ? INT32_MAX : (int)max;
    limits.jobspec = optparse_get_size_int (p, "max-jobspec", "1M");
    if (conf.max_message <= 0 || limits.jobspec == 0) {
        fprintf (stderr, "fluxion: --max-message, --max-jobspec: must not be 0\n");
        return 2;
    }
    double timeout = optparse_get_duration (p, "answer-timeout", 120);
    if (!(timeout >= 0.001) || timeout > 1e9) {
        fprintf (stderr, "fluxion: --answer-timeout: from 1ms to 1e9 seconds\n");
        return 2;
    }
    conf.answer_ms = (int64_t)(timeout * 1000);
    conf.tls_cert = read_pem (p, "tls-cert");
    conf.tls_key = read_pem (p, "tls-key");
    conf.tls_ca = read_pem (p, "tls-ca");
    if (!conf.tls_cert != !conf.tls_key || (conf.tls_ca && !conf.tls_cert)) {
        fprintf (stderr, "fluxion: TLS needs --tls-cert and --tls-key together\n");
        return 2;
    }
    if (!conf.tls_cert && !is_loopback (conf.host))
        fprintf (stderr,
                 "fluxion: WARNING: listening on %s WITHOUT TLS: everybody who reaches "
                 "this port controls the graph.\n"
                 "fluxion: WARNING: use --host=localhost, or --tls-cert, --tls-key and "
                 "--tls-ca.\n",
                 conf.host);
    if ((path = optparse_get_str (p, "record", NULL))
        && !(record = fopen (path, "a"))) {
        fprintf (stderr, "fluxion: --record=%s: %s\n", path, strerror (errno));
        return 1;
    }

    /* Before gRPC starts its threads: they inherit the mask. */
    sigemptyset (&set);
    sigaddset (&set, SIGINT);
    sigaddset (&set, SIGTERM);
    pthread_sigmask (SIG_BLOCK, &set, NULL);
    /* gRPC's own log only on demand: what matters is said by server.c. */
    if (!getenv ("GRPC_VERBOSITY"))
        gpr_set_log_function (drop_log);

    printf ("🦩️ This is the fluxion graph server\n");
    fflush (stdout);
    if (!(service = service_create (optparse_hasopt (p, "quiet") ? NULL : stdout,
                                    record, &limits)))
        return 1;
    if ((path = optparse_get_str (p, "state", NULL))
        && (!(state = state_open (path, &error))
            || service_restore (service, state, &error) < 0)) {
        fprintf (stderr, "fluxion: --state=%s\n", error.text);
        return 1;
    }
    if (!(server = server_create (&conf, service, &error))) {
        fprintf (stderr, "[GRPCServer] failed to listen: %s\n", error.text);
        return 1;
    }
    printf ("[GRPCServer] gRPC Listening on %s\n", server_address (server));
    fflush (stdout);
    if (pthread_create (&thread, NULL, wait_for_signal, server) != 0)
        return 1;
    server_run (server);
    pthread_join (thread, NULL);
    server_destroy (server);
    int record_errno = service_record_errno (service);
    int state_errno = service_state_errno (service);
    service_destroy (service);
    state_close (state);
    if (record && fclose (record) == EOF && !record_errno)
        record_errno = errno;
    if (record_errno)
        fprintf (stderr, "fluxion: --record=%s: %s\n",
                 optparse_get_str (p, "record", NULL), strerror (record_errno));
    if (state_errno)
        fprintf (stderr, "fluxion: --state=%s: %s\n",
                 optparse_get_str (p, "state", NULL), strerror (state_errno));
    free ((char *)conf.tls_cert);
    free ((char *)conf.tls_key);
    free ((char *)conf.tls_ca);
    optparse_destroy (p);
    return record_errno || state_errno ? 1 : 0;
}
