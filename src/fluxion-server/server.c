/* A unary call:
 *   REQUESTED  a call came in; ask for the next one, and for its message
 *   RECEIVED   message is here: execute, send response and status
 *   DONE       response is out; when CLOSED too, the call is freed
 * Reflection loops RECEIVED -> SENT -> RECEIVED until the client half-closes.
 * Health/Watch sends one message and stays open until the client leaves.
 *
 * Failures: CLOSED with `cancelled` before RECEIVED means that the client is
 * gone or its deadline is over: nothing is executed. A message that never comes
 * (RECEIVED without payload) ends the call with INVALID_ARGUMENT. */
#include "fluxion-server/server.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "fluxion-server/meta.h"

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
    int cancelled; /* written by gRPC */
    bool done, closed;
    struct event requested, received, sent, finished, close;
};

struct server {
    grpc_server *handle;
    grpc_completion_queue *cq;
    struct service *service;
    struct list calls; /* accepted, for cancellation at shutdown */
    struct call *waiting;
    char address[300];
    bool stopping;
};

static void call_free (struct call *call)
{
    if (!call)
        return;
    list_remove (&call->entry);
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

static void on_requested (struct server *s, struct call *call)
{
    grpc_op ops[2] = { { .op = GRPC_OP_RECV_CLOSE_ON_SERVER },
                       { .op = GRPC_OP_SEND_INITIAL_METADATA } };

    s->waiting = NULL;
    if (!s->stopping)
        request_call (s);
    list_append (&s->calls, &call->entry);
    if ((call->method = grpc_slice_to_c_string (call->details.method)))
        call->kind = classify (call->method);
    ops[0].data.recv_close_on_server.cancelled = &call->cancelled;
    grpc_call_start_batch (call->handle, &ops[0], 1, &call->close, NULL);
    /* Its completion is not interesting: no tag. */
    ops[1].data.send_initial_metadata.count = 0;
    grpc_call_start_batch (call->handle, &ops[1], 1, NULL, NULL);
    receive (call);
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

static void execute (struct call *call, const uint8_t *data, size_t len)
{
    struct reply reply;

    switch (call->kind) {
    case CALL_UNARY:
        service_call (call->server->service, call->method, data, len, &reply);
        finish (call, &reply, true);
        break;
    case CALL_HEALTH:
        health_check (data, len, false, &reply);
        finish (call, &reply, true);
        break;
    case CALL_HEALTH_WATCH:
        health_check (data, len, true, &reply);
        if (reply.status == 0)
            send_message (call, &reply);
        else
            finish (call, &reply, false);
        break;
    case CALL_REFLECTION:
        reflection_answer (data, len, &reply);
        if (reply.status == 0)
            send_message (call, &reply);
        else
            finish (call, &reply, false);
        break;
    }
    free (reply.data);
}

static void on_received (struct call *call)
{
    struct reply reply = { 0 };
    grpc_byte_buffer_reader reader;
    grpc_slice slice;

    if (!call->request || call->cancelled || !call->method) {
        if (call->kind != CALL_REFLECTION || call->cancelled) {
            reply.status =
                call->cancelled ? GRPC_STATUS_CANCELLED : GRPC_STATUS_INVALID_ARGUMENT;
            strcpy (reply.error, "no request message");
        }
        finish (call, &reply, false);
        return;
    }
    if (gpr_time_cmp (
            gpr_convert_clock_type (call->details.deadline, GPR_CLOCK_MONOTONIC),
            gpr_now (GPR_CLOCK_MONOTONIC))
        < 0) {
        reply.status = GRPC_STATUS_DEADLINE_EXCEEDED;
        strcpy (reply.error, "deadline exceeded before the call was executed");
        finish (call, &reply, false);
        return;
    }
    if (!grpc_byte_buffer_reader_init (&reader, call->request)) {
        reply.status = GRPC_STATUS_INVALID_ARGUMENT;
        strcpy (reply.error, "request cannot be decompressed");
        finish (call, &reply, false);
        return;
    }
    slice = grpc_byte_buffer_reader_readall (&reader);
    grpc_byte_buffer_reader_destroy (&reader);
    grpc_byte_buffer_destroy (call->request);
    call->request = NULL;
    execute (call, GRPC_SLICE_START_PTR (slice), GRPC_SLICE_LENGTH (slice));
    grpc_slice_unref (slice);
}

static void on_closed (struct call *call)
{
    call->closed = true;
    /* A watch has nothing under way but this. */
    if (call->kind == CALL_HEALTH_WATCH && !call->done) {
        struct reply reply = { .status = GRPC_STATUS_CANCELLED };
        finish (call, &reply, false);
        return;
    }
    if (call->done)
        call_free (call);
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
        if (call->kind == CALL_REFLECTION) {
            if (ok)
                receive (call);
            else {
                struct reply reply = { .status = GRPC_STATUS_CANCELLED };
                finish (call, &reply, false);
            }
        }
        break;
    case EVENT_DONE:
        call->done = true;
        if (call->closed)
            call_free (call);
        break;
    case EVENT_CLOSED:
        on_closed (call);
        break;
    }
}

void server_run (struct server *s)
{
    gpr_timespec forever = gpr_inf_future (GPR_CLOCK_REALTIME);

    request_call (s);
    for (;;) {
        grpc_event ev = grpc_completion_queue_next (s->cq, forever, NULL);

        if (ev.type == GRPC_QUEUE_SHUTDOWN)
            break;
        if (ev.tag == s) { /* server_shutdown is complete */
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
    s->cq = grpc_completion_queue_create_for_next (NULL);
    s->handle = grpc_server_create (&channel_args, NULL);
    grpc_server_register_completion_queue (s->handle, s->cq, NULL);
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
    grpc_server_destroy (s->handle);
    grpc_completion_queue_destroy (s->cq);
    free (s);
    grpc_shutdown ();
}

const char *server_address (const struct server *s)
{
    return s->address;
}
