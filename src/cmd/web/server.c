/* One thread: libmicrohttpd's epoll descriptor is watched by the reactor.
 *
 *   GET  /?token=T          sets the cookie, and sends the browser to /
 *   GET  / /app.js ...      the page
 *   GET  /api/events        server-sent events: ?path= state= queue= text= limit=
 *   GET  /api/job           ?path= id=: eventlog and jobspec
 *   POST /api/cancel        {path, id}
 *   POST /api/drain         {path, targets, reason}; /api/undrain {path, targets}
 *
 * Failures, in the order in which they are looked for: a foreign Host 403, no token 401,
 * nothing there 404 or 405, a request with effects without its own header or from a
 * foreign origin 403, a body that is no JSON object or too long 400 or 413, an instance
 * that is not there 404, what Flux refused 403 or 400 with its text. */
#include "cmd/web/server.h"

#include "base/file.h"
#include "base/list.h"
#include "cmd/web/rows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX 65536
#define CONNECTIONS_MAX 64
#define TIMEOUT 60 /* seconds without a byte */
/* Of those who have not shown the token: whoever is on this machine may connect, and the
 * connections are few. */
#define TIMEOUT_STRANGER 5
#define LIMIT_DEFAULT 200
#define LIMIT_MAX 2000

struct file {
    const char *path, *name, *type;
    char *data;
    size_t len;
};

struct server {
    flux_reactor_t *r;
    struct hubs *hubs;
    struct MHD_Daemon *mhd;
    flux_watcher_t *io, *timer;
    bool resumed; /* a connection, since libmicrohttpd last ran */
    struct guard guard;
    char token[TOKEN_LEN + 1];
    char action[TOKEN_LEN + 1]; /* of requests with effects */
    char cookie[32];            /* its name */
    bool tls;
    struct list requests;
    struct file files[4];
};

/* Lives as long as libmicrohttpd knows the request. */
struct request {
    struct list node;
    struct server *s;
    struct MHD_Connection *conn;
    struct buf body;
    bool too_long;
    struct live_once *once;
    bool suspended;
    unsigned int status; /* of the answer that came meanwhile; 0: none */
    char *answer;
    struct client *client;
};

static const char csp[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* --- answers --- */

static void add_headers (struct MHD_Response *r, const char *type)
{
    MHD_add_response_header (r, "Content-Type", type);
    MHD_add_response_header (r, "Cache-Control", "no-store");
    MHD_add_response_header (r, "Content-Security-Policy", csp);
    MHD_add_response_header (r, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header (r, "Referrer-Policy", "no-referrer");
    MHD_add_response_header (r, "Cross-Origin-Opener-Policy", "same-origin");
    MHD_add_response_header (r, "Cross-Origin-Resource-Policy", "same-origin");
}

static enum MHD_Result send_buffer (struct MHD_Connection *conn, unsigned int status,
                                    const char *type, const void *data, size_t len,
                                    enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *r = MHD_create_response_from_buffer (len, (void *)data, mode);
    if (!r)
        return MHD_NO;
    add_headers (r, type);
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header (r, "WWW-Authenticate", "Bearer");
    enum MHD_Result rc = MHD_queue_response (conn, status, r);
    MHD_destroy_response (r);
    return rc;
}

static enum MHD_Result send_text (struct MHD_Connection *conn, unsigned int status,
                                  const char *text)
{
    return send_buffer (conn, status, "text/plain; charset=utf-8", text, strlen (text),
                        MHD_RESPMEM_MUST_COPY);
}

static char *error_text (const char *text)
{
    json_t *o = json_pack ("{s:s}", "error", text);
    char *s = o ? json_dumps (o, JSON_COMPACT) : NULL;
    json_decref (o);
    return s;
}

static enum MHD_Result send_json (struct MHD_Connection *conn, unsigned int status,
                                  const char *text)
{
    return send_buffer (conn, status, "application/json", text ? text : "{}",
                        strlen (text ? text : "{}"), MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result send_error (struct MHD_Connection *conn, unsigned int status,
                                   const char *text)
{
    char *s = error_text (text);
    enum MHD_Result rc = send_json (conn, status, s);
    free (s);
    return rc;
}

/* --- who --- */

static const char *header (struct MHD_Connection *conn, const char *name)
{
    return MHD_lookup_connection_value (conn, MHD_HEADER_KIND, name);
}

static const char *query (struct MHD_Connection *conn, const char *name)
{
    return MHD_lookup_connection_value (conn, MHD_GET_ARGUMENT_KIND, name);
}

static bool has_bearer (const struct request *req)
{
    return token_equal (req->s->token,
                        bearer_token (header (req->conn, "Authorization")));
}

static bool authorized (const struct request *req)
{
    const char *cookie =
        MHD_lookup_connection_value (req->conn, MHD_COOKIE_KIND, req->s->cookie);
    return token_equal (req->s->token, cookie) || has_bearer (req);
}

/* A cookie is sent by every page that the browser shows: what has effects also needs a
 * header, whose value only our page can have read. */
static bool may_act (const struct request *req)
{
    return origin_valid (header (req->conn, "Origin"), header (req->conn, "Host"),
                         req->s->tls)
           && (has_bearer (req)
               || token_equal (req->s->action, header (req->conn, "X-Flux-Action")));
}

/* The token leaves the address bar, the history and what is sent as referrer. */
static enum MHD_Result sign_in (const struct request *req)
{
    char value[160];
    struct MHD_Response *r =
        MHD_create_response_from_buffer (0, (void *)"", MHD_RESPMEM_PERSISTENT);
    if (!r)
        return MHD_NO;
    snprintf (value, sizeof (value), "%s=%s; Path=/; HttpOnly; SameSite=Strict%s",
              req->s->cookie, req->s->token, req->s->tls ? "; Secure" : "");
    add_headers (r, "text/plain");
    MHD_add_response_header (r, "Set-Cookie", value);
    MHD_add_response_header (r, "Location", "/");
    enum MHD_Result rc = MHD_queue_response (req->conn, MHD_HTTP_SEE_OTHER, r);
    MHD_destroy_response (r);
    return rc;
}

/* --- answers that Flux gives --- */

static void run_soon (struct server *s, double seconds)
{
    flux_watcher_stop (s->timer);
    flux_timer_watcher_reset (s->timer, seconds > 0 ? seconds : 0.0001, 0.);
    flux_watcher_start (s->timer);
}

/* libmicrohttpd sees it the next time that it runs: at once. */
static void resume (struct request *req)
{
    if (!req->suspended)
        return;
    req->suspended = false;
    MHD_resume_connection (req->conn);
    req->s->resumed = true;
    run_soon (req->s, 0.);
}

static unsigned int status_of (int errnum)
{
    switch (errnum) {
    case EPERM:
    case EACCES:
        return MHD_HTTP_FORBIDDEN;
    case ENOENT:
        return MHD_HTTP_NOT_FOUND;
    case EAGAIN:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
        return MHD_HTTP_BAD_REQUEST;
    }
}

static void answered (flux_future_t *f, void *arg)
{
    struct request *req = arg;
    const char *s = NULL;
    req->once = NULL;
    if (!f) {
        req->status = MHD_HTTP_NOT_FOUND;
        req->answer = error_text ("the instance has ended");
    } else if (flux_rpc_get (f, &s) < 0) {
        req->status = status_of (errno);
        req->answer = error_text (flux_future_error_string (f));
    } else {
        req->status = MHD_HTTP_OK;
        req->answer = strdup (s ? s : "{}");
    }
    resume (req);
}

static enum MHD_Result wait_for (struct request *req, struct live *l, flux_future_t *f)
{
    if (!(req->once = live_then (l, f, answered, req)))
        return send_error (req->conn, MHD_HTTP_INTERNAL_SERVER_ERROR, strerror (errno));
    req->suspended = true;
    MHD_suspend_connection (req->conn);
    return MHD_YES;
}

static struct live *get_instance (struct request *req, const char *path)
{
    return hubs_live (req->s->hubs, path ? path : "");
}

static enum MHD_Result no_instance (struct request *req)
{
    return send_error (req->conn, MHD_HTTP_NOT_FOUND, "no such instance is shown");
}

static enum MHD_Result get_job (struct request *req)
{
    const char *id = query (req->conn, "id");
    flux_jobid_t n;
    struct live *l;
    if (!id || flux_job_id_parse (id, &n) < 0)
        return send_error (req->conn, MHD_HTTP_BAD_REQUEST, "no valid job id");
    if (!(l = get_instance (req, query (req->conn, "path"))))
        return no_instance (req);
    return wait_for (req, l,
                     flux_rpc_pack (live_handle (l), "job-info.lookup", 0, 0,
                                    "{s:I s:[s,s] s:i}", "id", (json_int_t)n, "keys",
                                    "eventlog", "jobspec", "flags", 0));
}

static enum MHD_Result post_cancel (struct request *req, json_t *o)
{
    const char *path = "", *id;
    flux_jobid_t n;
    struct live *l;
    if (json_unpack (o, "{s?s s:s}", "path", &path, "id", &id) < 0
        || flux_job_id_parse (id, &n) < 0)
        return send_error (req->conn, MHD_HTTP_BAD_REQUEST, "path, id: no valid job");
    if (!(l = get_instance (req, path)))
        return no_instance (req);
    return wait_for (req, l, flux_job_cancel (live_handle (l), n, "flux web"));
}

static enum MHD_Result post_drain (struct request *req, json_t *o, bool drain)
{
    const char *path = "", *targets, *reason = NULL;
    struct live *l;
    if (json_unpack (o, "{s?s s:s s?s}", "path", &path, "targets", &targets, "reason",
                     &reason)
        < 0)
        return send_error (req->conn, MHD_HTTP_BAD_REQUEST, "path, targets, reason");
    if (!(l = get_instance (req, path)))
        return no_instance (req);
    if (drain)
        return wait_for (req, l,
                         flux_rpc_pack (live_handle (l), "resource.drain", 0, 0,
                                        "{s:s s:s* s:s}", "targets", targets, "reason",
                                        reason, "mode", "update"));
    return wait_for (req, l,
                     flux_rpc_pack (live_handle (l), "resource.undrain", 0, 0,
                                    "{s:s s:s}", "targets", targets, "mode",
                                    "default"));
}

/* --- events --- */

static void client_ready (void *arg)
{
    resume (arg);
}

static const struct client_ops client_ops = { .ready = client_ready };

static ssize_t read_events (void *arg, uint64_t pos, char *buf, size_t max)
{
    struct request *req = arg;
    struct stream *stream = client_stream (req->client);
    ssize_t n = stream_take (stream, buf, max);
    if (n < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n == 0) {
        client_drained (req->client);
        n = stream_take (stream, buf, max);
    }
    if (n == 0) {
        req->suspended = true;
        MHD_suspend_connection (req->conn);
    }
    return n < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : n;
}

static int get_limit (struct MHD_Connection *conn)
{
    const char *s = query (conn, "limit");
    int n = s ? atoi (s) : LIMIT_DEFAULT;
    return n < 1 ? 1 : n > LIMIT_MAX ? LIMIT_MAX : n;
}

static enum MHD_Result get_events (struct request *req)
{
    const char *path = query (req->conn, "path"), *state = query (req->conn, "state");
    json_t *constraint =
        rows_constraint (state ? state : "active", query (req->conn, "queue"),
                         query (req->conn, "text"));
    struct MHD_Response *r;
    if (!constraint)
        return send_error (req->conn, MHD_HTTP_BAD_REQUEST, "no such state or user");
    req->client = client_create (
        req->s->hubs, path ? path : "", constraint, get_limit (req->conn),
        json_pack ("{s:s}", "action", req->s->action), &client_ops, req);
    if (!req->client)
        return errno == EINVAL
                   ? send_error (req->conn, MHD_HTTP_BAD_REQUEST, "no valid path")
                   : send_error (req->conn, MHD_HTTP_SERVICE_UNAVAILABLE,
                                 "too many pages look at this server");
    r = MHD_create_response_from_callback (MHD_SIZE_UNKNOWN, 32768, read_events, req,
                                           NULL);
    if (!r)
        return MHD_NO;
    add_headers (r, "text/event-stream");
    enum MHD_Result rc = MHD_queue_response (req->conn, MHD_HTTP_OK, r);
    MHD_destroy_response (r);
    return rc;
}

/* --- routing --- */

static enum MHD_Result get (struct request *req, const char *url)
{
    struct server *s = req->s;
    if (!strcmp (url, "/api/events"))
        return get_events (req);
    if (!strcmp (url, "/api/job"))
        return get_job (req);
    for (size_t i = 0; i < sizeof (s->files) / sizeof (s->files[0]); i++) {
        const struct file *f = &s->files[i];
        if (!strcmp (url, f->path))
            return send_buffer (req->conn, MHD_HTTP_OK, f->type, f->data, f->len,
                                MHD_RESPMEM_PERSISTENT);
    }
    return send_text (req->conn, MHD_HTTP_NOT_FOUND, "There is nothing here.\n");
}

static enum MHD_Result post (struct request *req, const char *url)
{
    json_t *o;
    enum MHD_Result rc;
    if (!may_act (req))
        return send_error (req->conn, MHD_HTTP_FORBIDDEN,
                           "the request does not come from this server's page");
    if (req->too_long)
        return send_error (req->conn, MHD_HTTP_CONTENT_TOO_LARGE, "too long");
    o = req->body.len > 0 ? json_loadb (req->body.data, req->body.len, 0, NULL) : NULL;
    if (!json_is_object (o))
        rc = send_error (req->conn, MHD_HTTP_BAD_REQUEST, "a JSON object is expected");
    else if (!strcmp (url, "/api/cancel"))
        rc = post_cancel (req, o);
    else if (!strcmp (url, "/api/drain"))
        rc = post_drain (req, o, true);
    else if (!strcmp (url, "/api/undrain"))
        rc = post_drain (req, o, false);
    else
        rc = send_error (req->conn, MHD_HTTP_NOT_FOUND, "there is no such action");
    json_decref (o);
    return rc;
}

static enum MHD_Result route (struct request *req, const char *method, const char *url)
{
    if (!host_valid (&req->s->guard, header (req->conn, "Host")))
        return send_text (req->conn, MHD_HTTP_FORBIDDEN,
                          "This server is not known under that name.\n");
    if (!strcmp (method, "GET") && !strcmp (url, "/") && query (req->conn, "token")
        && token_equal (req->s->token, query (req->conn, "token")))
        return sign_in (req);
    if (!authorized (req))
        return send_text (req->conn, MHD_HTTP_UNAUTHORIZED,
                          "Open the URL that `flux web` has printed: it has the token "
                          "that is needed here.\n");
    (void)MHD_set_connection_option (req->conn, MHD_CONNECTION_OPTION_TIMEOUT,
                                     (unsigned int)TIMEOUT);
    if (!strcmp (method, "GET"))
        return get (req, url);
    if (!strcmp (method, "POST"))
        return post (req, url);
    return send_text (req->conn, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or POST.\n");
}

static struct request *request_create (struct server *s, struct MHD_Connection *conn)
{
    struct request *req = calloc (1, sizeof (*req));
    if (req) {
        req->s = s;
        req->conn = conn;
        list_init (&req->node);
        list_append (&s->requests, &req->node);
    }
    return req;
}

static void request_destroy (struct request *req)
{
    list_remove (&req->node);
    live_forget (req->once);
    client_destroy (req->client);
    buf_fini (&req->body);
    free (req->answer);
    free (req);
}

static enum MHD_Result handle (void *cls, struct MHD_Connection *conn, const char *url,
                               const char *method, const char *version,
                               const char *upload, size_t *upload_len, void **req_cls)
{
    struct request *req = *req_cls;
    if (!req) {
        *req_cls = request_create (cls, conn);
        return *req_cls ? MHD_YES : MHD_NO;
    }
    if (*upload_len > 0) {
        if (req->body.len + *upload_len > BODY_MAX
            || buf_add (&req->body, upload, *upload_len) < 0)
            req->too_long = true;
        *upload_len = 0;
        return MHD_YES;
    }
    if (req->status)
        return send_json (conn, req->status, req->answer);
    return route (req, method, url);
}

static void completed (void *cls, struct MHD_Connection *conn, void **req_cls,
                       enum MHD_RequestTerminationCode why)
{
    if (*req_cls)
        request_destroy (*req_cls);
    *req_cls = NULL;
}

/* --- the daemon in the reactor --- */

static void run (struct server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;
    s->resumed = false;
    MHD_run (s->mhd);
    if (s->resumed)
        run_soon (s, 0.);
    else if (MHD_get_timeout (s->mhd, &ms) == MHD_YES)
        run_soon (s, ms / 1000.);
    else
        flux_watcher_stop (s->timer);
}

static void io_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    run (arg);
}

static int load_files (struct server *s, const char *dir, flux_error_t *error)
{
    static const struct file files[] = {
        { "/", "index.html", "text/html; charset=utf-8" },
        { "/app.js", "app.js", "text/javascript; charset=utf-8" },
        { "/app.css", "app.css", "text/css; charset=utf-8" },
        { "/icon.svg", "icon.svg", "image/svg+xml" },
    };
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof (files) / sizeof (files[0]); i++) {
        s->files[i] = files[i];
        snprintf (path, sizeof (path), "%s/%s", dir, files[i].name);
        s->files[i].data = file_read_all (path, &s->files[i].len);
        if (!s->files[i].data) {
            snprintf (error->text, sizeof (error->text), "%.100s: %s", path,
                      strerror (errno));
            return -1;
        }
    }
    return 0;
}

static int listen_socket (const struct sockaddr *addr, int *port, flux_error_t *error)
{
    socklen_t len = addr->sa_family == AF_INET6 ? sizeof (struct sockaddr_in6)
                                                : sizeof (struct sockaddr_in);
    struct sockaddr_storage own;
    int one = 1, fd = socket (addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t own_len = sizeof (own);
    if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof (one)) < 0
        || bind (fd, addr, len) < 0 || listen (fd, 64) < 0
        || getsockname (fd, (struct sockaddr *)&own, &own_len) < 0) {
        snprintf (error->text, sizeof (error->text), "%s", strerror (errno));
        if (fd >= 0)
            close (fd);
        return -1;
    }
    *port = ntohs (own.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&own)->sin6_port
                                             : ((struct sockaddr_in *)&own)->sin_port);
    return fd;
}

/* What it says goes nowhere: a client that breaks the rules is no news. */
static void quiet (void *arg, const char *fmt, va_list ap)
{
}

static struct MHD_Daemon *start (struct server *s, int fd,
                                 const struct server_options *opt)
{
    unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG
                         | (opt->cert ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)opt->cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)opt->key },
        { MHD_OPTION_END, 0, NULL },
    };
    return MHD_start_daemon (
        flags, 0, NULL, NULL, handle, s, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned int)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned int)TIMEOUT_STRANGER, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)65536, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED,
        completed, s, MHD_OPTION_ARRAY, opt->cert ? tls : &tls[2], MHD_OPTION_END);
}

struct server *server_create (flux_reactor_t *r, struct hubs *hubs,
                              const struct server_options *opt, flux_error_t *error)
{
    struct server *s = calloc (1, sizeof (*s));
    const union MHD_DaemonInfo *info;
    int fd;
    if (!s)
        return NULL;
    s->r = r;
    s->hubs = hubs;
    s->tls = opt->cert != NULL;
    s->guard.name = opt->name;
    list_init (&s->requests);
    (void)gethostname (s->guard.hostname, sizeof (s->guard.hostname) - 1);
    if (load_files (s, opt->page_dir, error) < 0
        || (fd = listen_socket (opt->addr, &s->guard.port, error)) < 0)
        goto error;
    snprintf (s->cookie, sizeof (s->cookie), "flux-web-%d", s->guard.port);
    if (token_create (s->token) < 0 || token_create (s->action) < 0
        || !(s->mhd = start (s, fd, opt))) {
        snprintf (error->text, sizeof (error->text), "the server cannot be started%s",
                  s->tls ? ": are certificate and key a pair of PEM files?" : "");
        close (fd);
        goto error;
    }
    info = MHD_get_daemon_info (s->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    s->io = flux_fd_watcher_create (r, info->epoll_fd, FLUX_POLLIN, io_cb, s);
    s->timer = flux_timer_watcher_create (r, 0., 0., io_cb, s);
    if (!s->io || !s->timer)
        goto error;
    flux_watcher_start (s->io);
    run (s);
    return s;
error:
    server_destroy (s);
    return NULL;
}

void server_destroy (struct server *s)
{
    if (!s)
        return;
    list_foreach (&s->requests, it) {
        resume (container_of (it, struct request, node));
    }
    if (s->mhd)
        MHD_stop_daemon (s->mhd);
    flux_watcher_destroy (s->io);
    flux_watcher_destroy (s->timer);
    for (size_t i = 0; i < sizeof (s->files) / sizeof (s->files[0]); i++)
        free (s->files[i].data);
    free (s);
}

int server_port (const struct server *s)
{
    return s->guard.port;
}

const char *server_token (const struct server *s)
{
    return s->token;
}
