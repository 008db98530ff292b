/* Processes started by a server of RFC 42: the client's end. */
#include <flux/core.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/json/json.h"
#include "core/subprocess/command.h"
#include "core/subprocess/io.h"
#include "core/subprocess/process.h"
#include "core/subprocess/server.h"

#define TOPIC_SIZE 128
#define METHOD_LIMIT 16 /* bytes of a method's name, with dot and NUL */

static void topic_set (char *buf, const char *service, const char *method)
{
    snprintf (buf, TOPIC_SIZE, "%s.%s", service, method);
}

static const char *service_name (const char *service)
{
    return service ? service : "rexec";
}

static bool target_valid (flux_t *h, const char *service, int rank)
{
    return h && rank >= -1
           && strlen (service_name (service)) <= TOPIC_SIZE - METHOD_LIMIT;
}

static uint32_t nodeid_of (int rank)
{
    return rank < 0 ? FLUX_NODEID_ANY : (uint32_t)rank;
}

int process_remote_write (struct channel *c, const char *data, size_t len, bool eof)
{
    flux_subprocess_t *p = c->p;
    struct buf b = BUF_INIT;
    char topic[TOPIC_SIZE];
    char rank[16];
    flux_future_t *f = NULL;

    if (!p->f) {
        errno = EPIPE;
        return -1;
    }
    topic_set (topic, p->service, "write");
    snprintf (rank, sizeof (rank), "%d", p->rank < 0 ? 0 : p->rank);
    buf_printf (&b, "{\"matchtag\":%u,\"io\":", flux_rpc_get_matchtag (p->f));
    io_append (&b, c->name, rank, data, len, eof);
    buf_addc (&b, '}');
    if (b.err)
        errno = ENOMEM;
    else
        f = flux_rpc (p->h, topic, b.data, p->rank, FLUX_RPC_NORESPONSE);
    buf_fini (&b);
    flux_future_destroy (f);
    return f ? 0 : -1;
}

/* --- signals --- */

/* One for a process that is still to start: sent as soon as there is a pid. */
struct kill {
    struct list node;
    int signum;
    flux_future_t *f;   /* the caller has another reference, or had */
    flux_future_t *rpc; /* NULL: not sent yet */
};

static flux_future_t *send_kill (flux_subprocess_t *p, int signum)
{
    char topic[TOPIC_SIZE];
    topic_set (topic, p->service, "kill");
    return flux_rpc_pack (p->h, topic, nodeid_of (p->rank), 0, "{s:i s:i}", "pid",
                          (int)p->pid, "signum", signum);
}

/* errnum 0: it has got the signal. */
static void kill_done (struct kill *k, int errnum)
{
    if (errnum)
        flux_future_fulfill_error (k->f, errnum, NULL);
    else
        flux_future_fulfill (k->f, NULL, NULL);
    list_remove (&k->node);
    flux_future_destroy (k->rpc);
    flux_future_decref (k->f);
    free (k);
}

static void kill_answered (flux_future_t *f, void *arg)
{
    kill_done (arg, flux_future_get (f, NULL) < 0 ? errno : 0);
}

static void send_kills (flux_subprocess_t *p)
{
    list_foreach (&p->kills, it) {
        struct kill *k = container_of (it, struct kill, node);

        if (!(k->rpc = send_kill (p, k->signum))
            || flux_future_then (k->rpc, -1., kill_answered, k) < 0)
            kill_done (k, errno);
    }
}

void process_drop_kills (flux_subprocess_t *p)
{
    list_foreach (&p->kills, it)
        kill_done (container_of (it, struct kill, node), ESRCH);
}

flux_future_t *process_remote_kill (flux_subprocess_t *p, int signum)
{
    struct kill *k;

    if (p->started)
        return send_kill (p, signum);
    if (!(k = calloc (1, sizeof (*k))) || !(k->f = flux_future_create (NULL, NULL))) {
        free (k);
        return NULL;
    }
    flux_future_set_flux (k->f, p->h);
    flux_future_incref (k->f);
    k->signum = signum;
    list_append (&p->kills, &k->node);
    return k->f;
}

static void fail (flux_subprocess_t *p, int errnum, const char *text)
{
    p->fail_errno = errnum;
    snprintf (p->fail_error.text, sizeof (p->fail_error.text), "%s",
              text && *text ? text : flux_strerror (errnum));
    p->lost = true;
    PROCESS_LOG (p, LOG_ERR, "%s: %s", flux_cmd_arg (p->cmd, 0), p->fail_error.text);
    process_drop_kills (p);
    process_set_state (p, FLUX_SUBPROCESS_FAILED);
}

static void fail_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_subprocess_t *p = arg;
    flux_error_t error = p->fail_error;

    process_hold (p);
    if (!p->lost)
        fail (p, p->fail_errno, error.text);
    process_release (p);
}

/* The user's call goes on with p: it is told behind that. */
static void fail_later (flux_subprocess_t *p, int errnum, const char *text)
{
    p->fail_errno = errnum;
    snprintf (p->fail_error.text, sizeof (p->fail_error.text), "%s", text);
    flux_watcher_start (p->fail_w);
}

static flux_subprocess_t *remote_create (flux_t *h, int rank, const char *service,
                                         int flags, const flux_cmd_t *cmd,
                                         const flux_subprocess_ops_t *ops)
{
    flux_subprocess_t *p = process_create (flux_get_reactor (h), flags, cmd, ops);

    if (!p)
        return NULL;
    p->h = h;
    p->rank = rank;
    if (!(p->service = strdup (service))
        || !(p->fail_w = flux_timer_watcher_create (p->reactor, 0., 0., fail_cb, p))) {
        flux_subprocess_destroy (p);
        return NULL;
    }
    return p;
}

static void send_credit (struct channel *c, size_t len)
{
    flux_subprocess_t *p = c->p;
    char topic[TOPIC_SIZE];

    topic_set (topic, p->service, "credit");
    flux_future_t *f =
        flux_rpc_pack (p->h, topic, nodeid_of (p->rank), FLUX_RPC_NORESPONSE,
                       "{s:i s:{s:I}}", "matchtag", (int)flux_rpc_get_matchtag (p->f),
                       "channels", c->name, (json_int_t)len);
    if (!f)
        fail_later (p, errno, "cannot ask the process service for more output");
    flux_future_destroy (f);
}

void process_remote_credit (struct channel *c)
{
    /* data that the user waits to see grow (half a line) must not stop the rest */
    bool held = c->stopped || channel_has_line (c);
    size_t n;

    if (!c->paced || c->eof || !c->p->f || c->p->lost)
        return;
    n = credit_in_grant (&c->granted, held ? c->in.len : 0);
    if (n > 0)
        send_credit (c, n);
}

static int got_output (flux_subprocess_t *p, json_t *o)
{
    struct io io;
    struct channel *c;

    if (io_decode (json_object_get (o, "io"), &io) < 0)
        return -1;
    if (!(c = channel_find (p, io.stream)) || !c->output_cb) {
        free (io.data);
        errno = EPROTO;
        return -1;
    }
    int rc = io.len > 0 ? buf_add (&c->in, io.data, io.len) : 0;
    credit_in_received (&c->granted, io.len);
    if (io.eof)
        c->eof = true;
    free (io.data);
    if (rc < 0) {
        fail (p, ENOMEM, "out of memory for output");
        return -1;
    }
    channel_notify (c);
    process_remote_credit (c);
    return 0;
}

static int got_credit (flux_subprocess_t *p, json_t *o)
{
    const char *name;
    json_t *value;
    json_t *channels = json_object_get (o, "channels");

    if (!json_is_object (channels)) {
        errno = EPROTO;
        return -1;
    }
    json_object_foreach (channels, name, value) {
        struct channel *c = channel_find (p, name);
        if (c)
            channel_tell_credit (c, json_integer_value (value));
    }
    return 0;
}

static int open_streams (flux_subprocess_t *p)
{
    if (process_add_channels (p) < 0)
        return -1;
    list_foreach (&p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        c->paced = c->output_cb != NULL;
        credit_in_init (&c->granted, SUBPROCESS_OUTPUT_WINDOW);
    }
    return 0;
}

/* What was attached to: its streams are known now. Its input is at its end. */
static int got_command (flux_subprocess_t *p, json_t *o)
{
    flux_cmd_t *cmd = cmd_decode (o);

    if (!cmd)
        return -1;
    flux_cmd_destroy (p->cmd);
    p->cmd = cmd;
    if (open_streams (p) < 0)
        return -1;
    list_foreach (&p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        c->closed = c->writable;
    }
    return 0;
}

static int got_response (flux_subprocess_t *p, json_t *o)
{
    const char *type = json_string_value (json_object_get (o, "type"));
    json_int_t n;

    if (!type)
        goto proto;
    if (!strcmp (type, "output"))
        return got_output (p, o);
    if (!strcmp (type, "add-credit"))
        return got_credit (p, o);
    if (!strcmp (type, p->attaching ? "attached" : "started")) {
        if (json_unpack (o, "{s:I}", "pid", &n) < 0 || p->started
            || (p->attaching && got_command (p, json_object_get (o, "cmd")) < 0))
            goto proto;
        p->pid = n;
        p->started = true;
        send_kills (p);
        process_set_state (p, FLUX_SUBPROCESS_RUNNING);
        return 0;
    }
    if (!strcmp (type, "stopped")) {
        process_set_state (p, FLUX_SUBPROCESS_STOPPED);
        return 0;
    }
    if (!strcmp (type, "finished")) {
        if (json_unpack (o, "{s:I}", "status", &n) < 0 || p->reaped || !p->started)
            goto proto;
        p->status = n;
        p->reaped = true;
        process_set_state (p, FLUX_SUBPROCESS_EXITED);
        return 0;
    }
    return 0; /* of a later version */
proto:
    errno = EPROTO;
    return -1;
}

static bool output_ended (flux_subprocess_t *p)
{
    list_foreach (&p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        if (c->output_cb && !c->eof)
            return false;
    }
    return true;
}

static void stream_end (flux_subprocess_t *p, flux_future_t *f)
{
    int errnum = errno;

    if (errnum != ENODATA)
        fail (p, errnum, flux_future_error_string (f));
    else if (!p->started || !p->reaped || !output_ended (p))
        fail (p, EPROTO, "process service ended the stream too early");
    else {
        p->lost = true;
        process_check_complete (p);
    }
}

static void exec_continuation (flux_future_t *f, void *arg)
{
    flux_subprocess_t *p = arg;
    const char *s;
    json_t *o;

    process_hold (p);
    if (flux_rpc_get (f, &s) < 0)
        stream_end (p, f);
    else {
        o = s ? json_decode (s, strlen (s), JSON_ALLOW_NUL, NULL) : NULL;
        /* the user's callback may drop p, and f with it */
        int rc = o ? got_response (p, o) : -1;
        json_decref (o);
        if (rc < 0 && p->state != FLUX_SUBPROCESS_FAILED)
            fail (p, EPROTO, "malformed response from process service");
        if (process_wanted (p) && !p->lost)
            flux_future_reset (f);
    }
    process_release (p);
}

static int exec_flags (const flux_subprocess_ops_t *ops)
{
    int flags = 0;
    if (ops && ops->on_stdout)
        flags |= SUBPROCESS_EXEC_STDOUT;
    if (ops && ops->on_stderr)
        flags |= SUBPROCESS_EXEC_STDERR;
    if (ops && ops->on_channel_out)
        flags |= SUBPROCESS_EXEC_CHANNEL;
    if (ops && ops->on_credit)
        flags |= SUBPROCESS_EXEC_WRITE_CREDIT;
    return flags | SUBPROCESS_EXEC_OUTPUT_CREDIT;
}

flux_subprocess_t *flux_rexec_ex (flux_t *h, const char *service, int rank, int flags,
                                  const flux_cmd_t *cmd,
                                  const flux_subprocess_ops_t *ops,
                                  subprocess_log_f log_fn, void *log_data)
{
    flux_subprocess_t *p;
    char topic[TOPIC_SIZE];
    json_t *o = NULL;

    if (!cmd || !target_valid (h, service, rank) || (flags & ~PROCESS_FLAGS)) {
        errno = EINVAL;
        return NULL;
    }
    int local = flags & ~FLUX_SUBPROCESS_FLAGS_LOCAL_UNBUF;
    int unbuf = flags & FLUX_SUBPROCESS_FLAGS_LOCAL_UNBUF;
    if (!(p = remote_create (h, rank, service_name (service), unbuf, cmd, ops)))
        return NULL;
    p->log_fn = log_fn;
    p->log_data = log_data;
    if (open_streams (p) < 0 || !(o = cmd_encode (cmd)))
        goto error;
    topic_set (topic, p->service, "exec");
    if (!(p->f = flux_rpc_pack (h, topic, nodeid_of (rank), FLUX_RPC_STREAMING,
                                "{s:O s:i s:i}", "cmd", o, "flags", exec_flags (ops),
                                "local_flags", local))
        || flux_future_then (p->f, -1., exec_continuation, p) < 0)
        goto error;
    json_decref (o);
    return p;
error:
    json_decref (o);
    flux_subprocess_destroy (p);
    return NULL;
}

static flux_future_t *request_attach (flux_subprocess_t *p, pid_t pid,
                                      const char *label)
{
    char topic[TOPIC_SIZE];
    uint32_t nodeid = nodeid_of (p->rank);
    int flags = exec_flags (&p->ops) & ~SUBPROCESS_EXEC_WRITE_CREDIT;

    topic_set (topic, p->service, "attach");
    if (label)
        return flux_rpc_pack (p->h, topic, nodeid, FLUX_RPC_STREAMING, "{s:i s:s s:i}",
                              "pid", -1, "label", label, "flags", flags);
    return flux_rpc_pack (p->h, topic, nodeid, FLUX_RPC_STREAMING, "{s:i s:i}", "pid",
                          (int)pid, "flags", flags);
}

flux_subprocess_t *flux_rexec_attach (flux_t *h, const char *service, int rank,
                                      int flags, pid_t pid, const char *label,
                                      const flux_subprocess_ops_t *ops)
{
    char *argv[] = { (char *)"attach" }; /* until it is known */
    flux_subprocess_t *p = NULL;
    flux_cmd_t *cmd;

    if (!target_valid (h, service, rank) || (label ? !*label : pid <= 0)
        || (flags & ~FLUX_SUBPROCESS_FLAGS_LOCAL_UNBUF)) {
        errno = EINVAL;
        return NULL;
    }
    if (!(cmd = flux_cmd_create (1, argv, NULL))
        || !(p = remote_create (h, rank, service_name (service), flags, cmd, ops)))
        goto error;
    p->attaching = true;
    if (!(p->f = request_attach (p, pid, label))
        || flux_future_then (p->f, -1., exec_continuation, p) < 0)
        goto error;
    flux_cmd_destroy (cmd);
    return p;
error:
    flux_cmd_destroy (cmd);
    flux_subprocess_destroy (p);
    return NULL;
}

flux_subprocess_t *flux_rexec (flux_t *h, int rank, int flags, const flux_cmd_t *cmd,
                               const flux_subprocess_ops_t *ops)
{
    return flux_rexec_ex (h, "rexec", rank, flags, cmd, ops, NULL, NULL);
}

flux_future_t *flux_rexec_bg (flux_t *h, const char *service, int rank, int flags,
                              const flux_cmd_t *cmd)
{
    char topic[TOPIC_SIZE];
    json_t *o;
    flux_future_t *f;

    if (!cmd || !target_valid (h, service, rank) || (flags & ~PROCESS_FLAGS)) {
        errno = EINVAL;
        return NULL;
    }
    if (!(o = cmd_encode (cmd)))
        return NULL;
    topic_set (topic, service_name (service), "exec");
    int exec = flags & FLUX_SUBPROCESS_FLAGS_WAITABLE ? SUBPROCESS_EXEC_WAITABLE : 0;
    f = flux_rpc_pack (h, topic, nodeid_of (rank), 0, "{s:O s:i s:i}", "cmd", o,
                       "flags", exec, "local_flags",
                       flags & ~FLUX_SUBPROCESS_FLAGS_WAITABLE);
    json_decref (o);
    return f;
}

flux_future_t *flux_rexec_wait (flux_t *h, const char *service, int rank, pid_t pid,
                                const char *label)
{
    char topic[TOPIC_SIZE];
    uint32_t nodeid = nodeid_of (rank);

    if (!target_valid (h, service, rank) || (label ? !*label : pid <= 0)) {
        errno = EINVAL;
        return NULL;
    }
    topic_set (topic, service_name (service), "wait");
    if (label)
        return flux_rpc_pack (h, topic, nodeid, 0, "{s:i s:s}", "pid", -1, "label",
                              label);
    return flux_rpc_pack (h, topic, nodeid, 0, "{s:i}", "pid", (int)pid);
}

int flux_rexec_wait_get_status (flux_future_t *f, int *status)
{
    return flux_rpc_get_unpack (f, "{s:i}", "status", status);
}
