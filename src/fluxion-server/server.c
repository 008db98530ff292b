/* A unary call:
 *   REQUESTED  a call came in; ask for the next one, and for its message
 *   RECEIVED   message is here: give it to the workers
 *   DONE       response is out; when CLOSED too, the call is freed
 * The thread of the completion queue only moves messages, and answers health checks and
 * reflection; all else is executed by workers, client by client. Of each connection only
 * so many calls are received ahead; the others wait in their streams, at the cost of
 * their client. Reflection loops RECEIVED -> SENT -> RECEIVED until the client
 * half-closes. Health/Watch sends a message for each change and stays open until the
 * client leaves.
 *
 * Failures: CLOSED with `cancelled` before the call is executed means that the client is
 * gone or its deadline is over: nothing is executed. After that, or when the response
 * does not go out, what the call has got is given back. Who leaves while the response is
 * on its way is not seen: on a stream that has ended HTTP/2 has nothing more to say. A message that never comes
 * (RECEIVED without payload) ends the call with INVALID_ARGUMENT. A response that a client
 * does not take in time is dropped, and its call cancelled: it would be kept for ever. */
#include "fluxion-server/server.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hashmap.h"
#include "fluxion-server/meta.h"
#include "fluxion-server/workers.h"

enum event_kind {
    EVENT_REQUESTED,
    EVENT_RECEIVED,
    EVENT_SENT,
    EVENT_DONE,
    EVENT_CLOSED
};
enum call_kind { CALL_UNARY, CALL_HEALTH, CALL_HEALTH_WATCH, CALL_REFLECTION };

struct call;
/* A tag of the completion queue. */
struct event {
    enum event_kind kind;
    struct call *call;
};

/* Calls of one connection that are received, or about to be. */
#define RECEIVE_AHEAD 4
#define WORKERS 4
/* Health checks and reflection ask for no more. */
#define META_MAX (64 << 10)

/* A connection with calls under way. */
struct peer {
    char *name;
    struct client *client; /* of the workers */
    size_t refs, ahead;
    struct list waiting; /* calls whose message is not asked for yet */
};

struct call {
    struct server *server;
    struct list entry; /* in server->calls */
    grpc_call *handle;
    grpc_call_details details;
    grpc_metadata_array metadata;
    grpc_byte_buffer *request;
    grpc_byte_buffer *response;
    char *method;
    enum call_kind kind;
    int cancelled;             /* written by gRPC */
    bool gone;                 /* atomic: nobody waits for it any more */
    int64_t answered;          /* atomic, ms: when gRPC got the response; 0: not yet */
    bool done, closed, failed; /* failed: the response did not go out */
    struct event requested, received, sent, finished, close;
    /* unary */
    struct peer *peer;
    struct list wait; /* in peer->waiting */
    bool ahead;       /* counted in peer->ahead */
    struct work work;
    uint64_t epoch; /* the job that it has made, or 0 */
    int64_t jobid;
    /* Health/Watch */
    bool watching, told, sending;
};

struct server {
    grpc_server *handle;
    grpc_completion_queue *cq;
    struct service *service;
    struct workers *workers;
    struct hashmap *peers;
    struct list calls; /* accepted, for cancellation at shutdown */
    struct call *waiting;
    bool ready;                /* what the watches know */
    int64_t answer_ms, looked; /* how long a response may take; when that was seen to */
    char address[300];
    bool stopping;
};

/* NULL: ENOMEM. */
static struct peer *peer_hold (struct server *s, grpc_call *handle)
{
    char *name = grpc_call_get_peer (handle);
    struct peer *p = hashmap_lookup (s->peers, name);

    if (!p && (p = calloc (1, sizeof (*p)))) {
        list_init (&p->waiting);
        if (!(p->name = strdup (name))
            || !(p->client = workers_client (s->workers, name))
            || hashmap_insert (s->peers, name, p) < 0) {
            if (p->client)
                workers_let_go (s->workers, p->client);
            free (p->name);
            free (p);
            p = NULL;
        }
    }
    gpr_free (name);
    if (p)
        p->refs++;
    return p;
}

static void peer_let_go (struct server *s, struct peer *p)
{
    if (!p || --p->refs > 0)
        return;
    hashmap_remove (s->peers, p->name);
    workers_let_go (s->workers, p->client);
    free (p->name);
    free (p);
}

static void receive (struct call *call);

static void receive_more (struct peer *p)
{
    while (p && p->ahead < RECEIVE_AHEAD && !list_empty (&p->waiting)) {
        struct call *call = container_of (list_pop (&p->waiting), struct call, wait);
        p->ahead++;
        call->ahead = true;
        receive (call);
    }
}

static void call_free (struct call *call)
{
    if (!call)
        return;
    list_remove (&call->entry);
    list_remove (&call->wait);
    if (call->ahead) {
        call->peer->ahead--;
        receive_more (call->peer);
    }
    peer_let_go (call->server, call->peer);
    if (call->request)
        grpc_byte_buffer_destroy (call->request);
    if (call->response)
        grpc_byte_buffer_destroy (call->response);
    if (call->handle)
        grpc_call_unref (call->handle);
    grpc_metadata_array_destroy (&call->metadata);
    grpc_call_details_destroy (&call->details);
    free (call->method);
    free (call);
}

/* Ready to take the next call that comes in. */
static void request_call (struct server *s)
{
    struct call *call = calloc (1, sizeof (*call));

    if (!call)
        abort (); /* nothing could be served any more */
    list_init (&call->entry);
    list_init (&call->wait);
    list_init (&call->work.entry);
    call->server = s;
    grpc_call_details_init (&call->details);
    grpc_metadata_array_init (&call->metadata);
    call->requested = (struct event){ EVENT_REQUESTED, call };
    call->received = (struct event){ EVENT_RECEIVED, call };
    call->sent = (struct event){ EVENT_SENT, call };
    call->finished = (struct event){ EVENT_DONE, call };
    call->close = (struct event){ EVENT_CLOSED, call };
    s->waiting = call;
    grpc_server_request_call (s->handle, &call->handle, &call->details, &call->metadata,
                              s->cq, s->cq, &call->requested);
}

static int64_t now_ms (void)
{
    return (int64_t)(clock_monotonic () * 1000) + 1;
}

static void receive (struct call *call)
{
    grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };

    op.data.recv_message.recv_message = &call->request;
    grpc_call_start_batch (call->handle, &op, 1, &call->received, NULL);
}

static enum call_kind classify (const char *method)
{
    if (strcmp (method, "/grpc.health.v1.Health/Check") == 0)
        return CALL_HEALTH;
    if (strcmp (method, "/grpc.health.v1.Health/Watch") == 0)
        return CALL_HEALTH_WATCH;
    if (strcmp (method,
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
            == 0
        || strcmp (method, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
               == 0)
        return CALL_REFLECTION;
    return CALL_UNARY;
}

static grpc_byte_buffer *to_buffer (const struct reply *reply)
{
    grpc_slice slice =
        grpc_slice_from_copied_buffer ((const char *)reply->data, reply->len);
    grpc_byte_buffer *bb = grpc_raw_byte_buffer_create (&slice, 1);

    grpc_slice_unref (slice);
    return bb;
}

/* End the call with a status, and before it the response if there is one. */
static void finish (struct call *call, const struct reply *reply, bool message)
{
    grpc_op ops[2];
    size_t n = 0;
    grpc_slice details = grpc_slice_from_copied_string (reply->error);

    memset (ops, 0, sizeof (ops));
    if (reply->status == 0 && message) {
        call->response = to_buffer (reply);
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = call->response;
    }
    ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[n].data.send_status_from_server.status = reply->status;
    ops[n++].data.send_status_from_server.status_details = &details;
    __atomic_store_n (&call->answered, now_ms (), __ATOMIC_RELEASE);
    grpc_call_start_batch (call->handle, ops, n, &call->finished, NULL);
    grpc_slice_unref (details);
}

static void send_message (struct call *call, const struct reply *reply)
{
    grpc_op op = { .op = GRPC_OP_SEND_MESSAGE };

    if (call->response)
        grpc_byte_buffer_destroy (call->response);
    call->response = to_buffer (reply);
    op.data.send_message.send_message = call->response;
    grpc_call_start_batch (call->handle, &op, 1, &call->sent, NULL);
}

static void on_requested (struct server *s, struct call *call)
{
    grpc_op ops[2] = { { .op = GRPC_OP_RECV_CLOSE_ON_SERVER },
                       { .op = GRPC_OP_SEND_INITIAL_METADATA } };

    s->waiting = NULL;
    if (!__atomic_load_n (&s->stopping, __ATOMIC_SEQ_CST))
        request_call (s);
    list_append (&s->calls, &call->entry);
    if ((call->method = grpc_slice_to_c_string (call->details.method)))
        call->kind = classify (call->method);
    ops[0].data.recv_close_on_server.cancelled = &call->cancelled;
    grpc_call_start_batch (call->handle, &ops[0], 1, &call->close, NULL);
    /* Its completion is not interesting: no tag. */
    ops[1].data.send_initial_metadata.count = 0;
    grpc_call_start_batch (call->handle, &ops[1], 1, NULL, NULL);
    if (call->kind != CALL_UNARY)
        receive (call);
    else if ((call->peer = peer_hold (s, call->handle))) {
        list_append (&call->peer->waiting, &call->wait);
        receive_more (call->peer);
    } else {
        struct reply reply = { .status = GRPC_STATUS_RESOURCE_EXHAUSTED };
        strcpy (reply.error, "out of memory");
        finish (call, &reply, false);
    }
}

/* --- executed by workers --- */

static bool is_gone (const struct call *call)
{
    return __atomic_load_n (&call->gone, __ATOMIC_ACQUIRE);
}

static bool is_late (const struct call *call)
{
    return gpr_time_cmp (
               gpr_convert_clock_type (call->details.deadline, GPR_CLOCK_MONOTONIC),
               gpr_now (GPR_CLOCK_MONOTONIC))
           < 0;
}

static void refuse (struct reply *reply, int status, const char *text)
{
    reply->status = status;
    snprintf (reply->error, sizeof (reply->error), "%s", text);
}

static void execute (struct call *call, struct reply *reply)
{
    struct server *s = call->server;
    grpc_byte_buffer_reader reader;

    if (is_gone (call)) {
        refuse (reply, GRPC_STATUS_CANCELLED, "cancelled before the call was executed");
        return;
    }
    if (is_late (call)) {
        refuse (reply, GRPC_STATUS_DEADLINE_EXCEEDED,
                "deadline exceeded before the call was executed");
        return;
    }
    if (!grpc_byte_buffer_reader_init (&reader, call->request)) {
        refuse (reply, GRPC_STATUS_INVALID_ARGUMENT, "request cannot be decompressed");
        return;
    }
    grpc_slice slice = grpc_byte_buffer_reader_readall (&reader);
    grpc_byte_buffer_reader_destroy (&reader);
    grpc_byte_buffer_destroy (call->request);
    call->request = NULL;
    service_call (s->service, call->method, GRPC_SLICE_START_PTR (slice),
                  GRPC_SLICE_LENGTH (slice), reply);
    grpc_slice_unref (slice);
}

static void run_call (struct work *work)
{
    struct call *call = container_of (work, struct call, work);
    struct reply reply = { 0 };

    execute (call, &reply);
    call->epoch = reply.epoch;
    call->jobid = reply.jobid;
    /* The last that is done with it here: it may be freed at once. */
    finish (call, &reply, true);
    free (reply.data);
}

static void run_undo (struct work *work)
{
    struct call *call = container_of (work, struct call, work);

    service_undo (call->server->service, call->epoch, call->jobid);
    free (call);
}

/* --- executed by the thread of the completion queue --- */

static void give_to_workers (struct call *call)
{
    struct server *s = call->server;
    size_t len = grpc_byte_buffer_length (call->request);
    grpc_byte_buffer_reader reader;
    grpc_slice *head = NULL;
    struct reply reply;

    if (!grpc_byte_buffer_reader_init (&reader, call->request)) {
        refuse (&reply, GRPC_STATUS_INVALID_ARGUMENT, "request cannot be decompressed");
        finish (call, &reply, false);
        return;
    }
    bool some = grpc_byte_buffer_reader_peek (&reader, &head);
    int rc = service_admit (s->service, call->method,
                            some ? GRPC_SLICE_START_PTR (*head) : NULL,
                            some ? GRPC_SLICE_LENGTH (*head) : 0, len, &reply);
    grpc_byte_buffer_reader_destroy (&reader);
    if (rc < 0) {
        finish (call, &reply, false);
        return;
    }
    call->work.run = run_call;
    call->work.heavy = service_is_heavy (call->method, len);
    workers_add (s->workers, call->peer->client, &call->work);
}

/* Watch stays open after its message. */
static void answer_health (struct call *call, const uint8_t *data, size_t len)
{
    bool watch = call->kind == CALL_HEALTH_WATCH, known;
    struct reply reply;

    call->told = service_ready (call->server->service);
    health_check (data, len, watch, call->told, &known, &reply);
    if (watch && reply.status == 0) {
        call->watching = known;
        call->sending = true;
        send_message (call, &reply);
    } else
        finish (call, &reply, true);
    free (reply.data);
}

static void answer_reflection (struct call *call, const uint8_t *data, size_t len)
{
    struct reply reply;

    reflection_answer (data, len, &reply);
    if (reply.status == 0)
        send_message (call, &reply);
    else
        finish (call, &reply, false);
    free (reply.data);
}

static void answer_meta (struct call *call)
{
    struct reply reply = { 0 };
    grpc_byte_buffer_reader reader;

    if (grpc_byte_buffer_length (call->request) > META_MAX
        || !grpc_byte_buffer_reader_init (&reader, call->request)) {
        refuse (&reply, GRPC_STATUS_INVALID_ARGUMENT,
                "the request is no small message");
        finish (call, &reply, false);
        return;
    }
    grpc_slice slice = grpc_byte_buffer_reader_readall (&reader);
    const uint8_t *data = GRPC_SLICE_START_PTR (slice);
    size_t len = GRPC_SLICE_LENGTH (slice);
    grpc_byte_buffer_reader_destroy (&reader);
    grpc_byte_buffer_destroy (call->request);
    call->request = NULL;
    if (call->kind == CALL_REFLECTION)
        answer_reflection (call, data, len);
    else
        answer_health (call, data, len);
    grpc_slice_unref (slice);
}

static void on_received (struct call *call)
{
    struct reply reply = { 0 };

    if (!call->request || call->cancelled || !call->method) {
        if (call->kind != CALL_REFLECTION || call->cancelled)
            refuse (&reply,
                    call->cancelled ? GRPC_STATUS_CANCELLED
                                    : GRPC_STATUS_INVALID_ARGUMENT,
                    "no request message");
        finish (call, &reply, false);
    } else if (call->kind == CALL_UNARY)
        give_to_workers (call);
    else
        answer_meta (call);
}

/* A watch that knows something else. */
static void tell (struct call *call)
{
    bool ready = service_ready (call->server->service);
    struct reply reply;

    if (!call->watching || call->told == ready || call->sending || call->closed)
        return;
    call->told = ready;
    call->sending = true;
    health_check (NULL, 0, true, ready, NULL, &reply);
    send_message (call, &reply);
    free (reply.data);
}

/* A call may have made the first graph, or dropped the last. */
static void tell_all (struct server *s)
{
    bool ready = service_ready (s->service);

    if (ready == s->ready)
        return;
    s->ready = ready;
    list_foreach (&s->calls, it)
        tell (container_of (it, struct call, entry));
}

static void on_sent (struct call *call, bool ok)
{
    call->sending = false;
    if (call->kind == CALL_HEALTH_WATCH && ok)
        tell (call);
    if (call->kind != CALL_REFLECTION)
        return;
    if (ok)
        receive (call);
    else {
        struct reply reply = { .status = GRPC_STATUS_CANCELLED };
        finish (call, &reply, false);
    }
}

/* Nobody has heard of the job: the workers give it back. */
static void undo (struct call *call)
{
    struct call *c = calloc (1, sizeof (*c));

    if (!c)
        abort (); /* resources would be lost without a word */
    c->server = call->server;
    c->epoch = call->epoch;
    c->jobid = call->jobid;
    c->work.run = run_undo;
    list_init (&c->work.entry);
    workers_add (c->server->workers, call->peer->client, &c->work);
}

static void over (struct call *call)
{
    if (!call->done || !call->closed)
        return;
    if (call->jobid && (call->cancelled || call->failed))
        undo (call);
    call_free (call);
}

static void on_closed (struct call *call)
{
    bool idle = call->kind == CALL_HEALTH_WATCH && !call->done;

    call->closed = true;
    if (call->cancelled)
        __atomic_store_n (&call->gone, true, __ATOMIC_RELEASE);
    if (!list_empty (&call->wait)) { /* its message was never asked for */
        list_remove (&call->wait);
        idle = true;
    }
    if (idle) {
        struct reply reply = { .status = GRPC_STATUS_CANCELLED };
        finish (call, &reply, false);
        return;
    }
    over (call);
}

static void dispatch (struct server *s, struct event *event, bool ok)
{
    struct call *call = event->call;

    switch (event->kind) {
    case EVENT_REQUESTED:
        if (ok)
            on_requested (s, call);
        else { /* shutting down */
            if (s->waiting == call)
                s->waiting = NULL;
            call_free (call);
        }
        break;
    case EVENT_RECEIVED:
        on_received (call);
        break;
    case EVENT_SENT:
        on_sent (call, ok);
        break;
    case EVENT_DONE:
        call->done = true;
        call->failed = !ok;
        over (call);
        tell_all (s);
        break;
    case EVENT_CLOSED:
        on_closed (call);
        break;
    }
}

/* Who does not take a response for so long is not waited for. */
static void drop_late (struct server *s)
{
    int64_t now = now_ms ();

    if (now - s->looked < s->answer_ms / 4)
        return;
    s->looked = now;
    list_foreach (&s->calls, it) {
        struct call *call = container_of (it, struct call, entry);
        int64_t since = __atomic_load_n (&call->answered, __ATOMIC_ACQUIRE);
        if (since != 0 && !call->done && now - since > s->answer_ms)
            grpc_call_cancel_with_status (call->handle, GRPC_STATUS_DEADLINE_EXCEEDED,
                                          "the response is not taken", NULL);
    }
}

void server_run (struct server *s)
{
    request_call (s);
    for (;;) {
        gpr_timespec next =
            gpr_time_add (gpr_now (GPR_CLOCK_MONOTONIC),
                          gpr_time_from_millis (s->answer_ms / 4 + 1, GPR_TIMESPAN));
        grpc_event ev = grpc_completion_queue_next (s->cq, next, NULL);

        drop_late (s);
        if (ev.type == GRPC_QUEUE_SHUTDOWN)
            break;
        if (ev.type == GRPC_QUEUE_TIMEOUT)
            continue;
        if (ev.tag == s) { /* server_shutdown is complete, but for what is executed */
            workers_stop (s->workers);
            grpc_completion_queue_shutdown (s->cq);
            continue;
        }
        if (ev.tag)
            dispatch (s, ev.tag, ev.success);
    }
}

void server_shutdown (struct server *s)
{
    __atomic_store_n (&s->stopping, true, __ATOMIC_SEQ_CST);
    grpc_server_shutdown_and_notify (s->handle, s->cq, s);
    grpc_server_cancel_all_calls (s->handle);
}

static grpc_server_credentials *credentials (const struct server_config *conf)
{
    grpc_ssl_pem_key_cert_pair pair = { conf->tls_key, conf->tls_cert };
    grpc_ssl_client_certificate_request_type clients =
        conf->tls_ca ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                     : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;

    if (!conf->tls_cert)
        return grpc_insecure_server_credentials_create ();
    return grpc_ssl_server_credentials_create_ex (conf->tls_ca, &pair, 1, clients,
                                                  NULL);
}

struct server *server_create (const struct server_config *conf, struct service *service,
                              flux_error_t *error)
{
    grpc_arg args[] = {
        { GRPC_ARG_INTEGER,
          (char *)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
          { .integer = conf->max_message } },
        { GRPC_ARG_INTEGER,
          (char *)GRPC_ARG_MAX_SEND_MESSAGE_LENGTH,
          { .integer = -1 } },
        { GRPC_ARG_INTEGER,
          (char *)GRPC_ARG_MAX_CONNECTION_IDLE_MS,
          { .integer = 5 * 60 * 1000 } },
        /* A second server on the port is an error, not a silent share. */
        { GRPC_ARG_INTEGER, (char *)GRPC_ARG_ALLOW_REUSEPORT, { .integer = 0 } },
        { GRPC_ARG_INTEGER,
          (char *)GRPC_ARG_MAX_CONCURRENT_STREAMS,
          { .integer = 1000 } },
    };
    grpc_channel_args channel_args = { sizeof (args) / sizeof (args[0]), args };
    const char *host = conf->host;
    const char *fmt = strchr (host, ':') && *host != '[' ? "[%s]:%d" : "%s:%d";
    struct server *s = calloc (1, sizeof (*s));
    grpc_server_credentials *creds = NULL;
    int port;

    grpc_init ();
    if (!s) {
        snprintf (error->text, sizeof (error->text), "out of memory");
        grpc_shutdown ();
        return NULL;
    }
    list_init (&s->calls);
    s->service = service;
    s->ready = service_ready (service);
    s->answer_ms = conf->answer_ms;
    s->cq = grpc_completion_queue_create_for_next (NULL);
    s->handle = grpc_server_create (&channel_args, NULL);
    s->peers = hashmap_create (NULL);
    s->workers = workers_create (WORKERS);
    grpc_server_register_completion_queue (s->handle, s->cq, NULL);
    if (!s->peers || !s->workers) {
        snprintf (error->text, sizeof (error->text), "out of memory, or of threads");
        goto error;
    }
    if (!(creds = credentials (conf))) {
        snprintf (error->text, sizeof (error->text),
                  "the TLS certificate, key or CA is not usable");
        goto error;
    }
    snprintf (s->address, sizeof (s->address), fmt, host, conf->port);
    port = grpc_server_add_http2_port (s->handle, s->address, creds);
    grpc_server_credentials_release (creds);
    if (port <= 0) {
        snprintf (error->text, sizeof (error->text),
                  "cannot bind %.60s: the address is in use or not usable%s",
                  s->address,
                  conf->tls_cert ? ", or certificate and key do not fit" : "");
        goto error;
    }
    snprintf (s->address, sizeof (s->address), fmt, host, port);
    /* Here, so that a shutdown may come at any time from now on. */
    grpc_server_start (s->handle);
    return s;
error:
    grpc_server_start (s->handle); /* gRPC wants a start before a shutdown */
    server_shutdown (s);
    while (grpc_completion_queue_next (s->cq, gpr_inf_future (GPR_CLOCK_REALTIME), NULL)
               .tag
           != s)
        ;
    grpc_completion_queue_shutdown (s->cq);
    server_destroy (s);
    return NULL;
}

void server_destroy (struct server *s)
{
    if (!s)
        return;
    workers_destroy (s->workers);
    hashmap_destroy (s->peers);
    grpc_server_destroy (s->handle);
    grpc_completion_queue_destroy (s->cq);
    free (s);
    grpc_shutdown ();
}

const char *server_address (const struct server *s)
{
    return s->address;
}
