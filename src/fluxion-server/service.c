#include "fluxion-server/service.h"

#include <errno.h>
#include <flux/reapi_cli.h>
#include <grpc/status.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text/printable.h"

#include "fluxion.pb-c.h"

struct service {
    reapi_cli_ctx_t *ctx; /* NULL until Init succeeded */
    FILE *log;
    FILE *record;
    int record_errno;
    struct service_limits limits;
};

/* A method unpacks its own request: `data` is what came from the wire. */
struct method {
    const char *name;
    void (*call) (struct service *s, const ProtobufCMessage *req, struct reply *reply);
    const ProtobufCMessageDescriptor *request;
    bool before_init; /* may be called without a graph */
    bool changes;     /* is recorded */
};

struct service *service_create (FILE *log, FILE *record,
                                const struct service_limits *limits)
{
    struct service *s = calloc (1, sizeof (*s));
    if (s) {
        s->log = log;
        s->record = record;
        if (limits)
            s->limits = *limits;
        if (s->limits.jobspec == 0)
            s->limits.jobspec = SERVICE_MAX_JOBSPEC;
        if (s->limits.criteria == 0)
            s->limits.criteria = SERVICE_MAX_CRITERIA;
    }
    return s;
}

int service_record_errno (const struct service *s)
{
    return s->record_errno;
}

void service_destroy (struct service *s)
{
    if (!s)
        return;
    reapi_cli_destroy (s->ctx);
    free (s);
}

static void __attribute__ ((format (printf, 2, 3)))
say (struct service *s, const char *fmt, ...)
{
    struct buf text = BUF_INIT, shown = BUF_INIT;
    va_list ap;

    if (!s->log)
        return;
    va_start (ap, fmt);
    buf_vprintf (&text, fmt, ap);
    va_end (ap);
    /* Policies, names and errors come from clients. */
    if (text.len > 0
        && buf_add_printable (&shown, text.data, text.len, PRINTABLE_LINES) == 0)
        fwrite (shown.data, 1, shown.len, s->log);
    fflush (s->log);
    buf_fini (&text);
    buf_fini (&shown);
}

/* Takes the reference. */
static void record (struct service *s, json_t *entry)
{
    if (s->record && !s->record_errno) {
        errno = ENOMEM;
        if (!entry || json_dumpf (entry, s->record, JSON_COMPACT) < 0
            || fputc ('\n', s->record) == EOF || fflush (s->record) == EOF)
            s->record_errno = errno ? errno : EIO;
    }
    json_decref (entry);
}

static void __attribute__ ((format (printf, 3, 4)))
fail (struct reply *reply, int status, const char *fmt, ...)
{
    va_list ap;

    reply->status = status;
    va_start (ap, fmt);
    vsnprintf (reply->error, sizeof (reply->error), fmt, ap);
    va_end (ap);
}

/* "TEXT: what the library says", without newlines: gRPC sends it in a header. */
static void fail_detail (struct reply *reply, int status, const char *text,
                         reapi_cli_ctx_t *ctx)
{
    char *detail = ctx ? (char *)reapi_cli_get_err_msg (ctx) : NULL;

    if (detail && *detail) {
        size_t len = strlen (detail);

        for (size_t i = 0; i < len; i++)
            if (detail[i] == '\n')
                detail[i] = ' ';
        while (len > 0 && detail[len - 1] == ' ')
            detail[--len] = '\0';
        fail (reply, status, "%s: %s", text, detail);
    } else
        fail (reply, status, "%s", text);
    free (detail);
    if (ctx)
        reapi_cli_clear_err_msg (ctx);
}

static void finish (struct reply *reply, const ProtobufCMessage *msg)
{
    size_t len = protobuf_c_message_get_packed_size (msg);

    if (len == 0)
        return;
    if (!(reply->data = malloc (len))) {
        fail (reply, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    reply->len = protobuf_c_message_pack (msg, reply->data);
}

static void call_init (struct service *s, const ProtobufCMessage *m,
                       struct reply *reply)
{
    const Fluxion__InitRequest *req = (const Fluxion__InitRequest *)m;
    Fluxion__InitResponse resp = FLUXION__INIT_RESPONSE__INIT;
    reapi_cli_ctx_t *ctx = reapi_cli_new ();
    json_t *options =
        json_pack ("{s:s s:s}", "load_format", "jgf", "match_format", "jgf_verbose");
    char *text = NULL;

    if (!ctx || !options)
        goto nomem;
    if (*req->policy
        && json_object_set_new (options, "matcher_policy", json_string (req->policy))
               < 0) {
        fail (reply, GRPC_STATUS_UNKNOWN,
              "issue initializing resource api client -1: policy is not UTF-8");
        goto out;
    }
    if (!(text = json_dumps (options, 0)))
        goto nomem;
    if (reapi_cli_initialize (ctx, req->jgf, text) < 0) {
        fail_detail (reply, GRPC_STATUS_UNKNOWN,
                     "issue initializing resource api client -1", ctx);
        goto out;
    }
    reapi_cli_destroy (s->ctx);
    s->ctx = ctx;
    ctx = NULL;
    say (s, "[Fluxion] Created flux memory graph");
    if (*req->policy)
        say (s, "[Fluxion] match policy: {\"matcher_policy\": \"%s\"}", req->policy);
    record (s, json_pack ("{s:s s:s s:s}", "op", "init", "policy", req->policy, "jgf",
                          req->jgf));
    resp.status = FLUXION__INIT_RESPONSE__RESULT_TYPE__INIT_SUCCESS;
    finish (reply, &resp.base);
    goto out;
nomem:
    fail (reply, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory");
out:
    free (text);
    json_decref (options);
    reapi_cli_destroy (ctx);
}

static bool is_too_long (const char *text, size_t max, const char *what,
                         struct reply *reply)
{
    size_t len = strlen (text);

    if (len <= max)
        return false;
    fail (reply, GRPC_STATUS_RESOURCE_EXHAUSTED, "%s: %zu bytes, the limit is %zu",
          what, len, max);
    return true;
}

static void call_match (struct service *s, const ProtobufCMessage *m,
                        struct reply *reply)
{
    const Fluxion__MatchRequest *req = (const Fluxion__MatchRequest *)m;
    Fluxion__MatchResponse resp = FLUXION__MATCH_RESPONSE__INIT;
    match_op_t op = req->reservation ? MATCH_ALLOCATE_ORELSE_RESERVE : MATCH_ALLOCATE;
    uint64_t jobid = 0;
    bool reserved = false;
    char *R = NULL;
    int64_t at = 0;
    double overhead = 0;
    int rc;

    if (is_too_long (req->jobspec, s->limits.jobspec, "jobspec", reply))
        return;
    rc = reapi_cli_match (s->ctx, op, req->jobspec, &jobid, &reserved, &R, &at,
                          &overhead);
    if (rc < 0 || !R || !*R) {
        if (rc == 0 || errno == EBUSY || errno == ENODEV) {
            say (s, "[Fluxion] Allocated is empty\n");
            reapi_cli_clear_err_msg (s->ctx);
            fail (reply, GRPC_STATUS_UNKNOWN, "Allocation was not possible");
            record (s, json_pack ("{s:s s:b s:s}", "op", "match-failed", "reservation",
                                  req->reservation, "jobspec", req->jobspec));
        } else {
            fail_detail (reply, GRPC_STATUS_UNKNOWN,
                         "[Fluxion] Error in ReapiCliMatchAllocate", s->ctx);
            say (s, "[Fluxion] Match errors so far: %s\n", reply->error);
        }
        free (R);
        return;
    }
    say (s,
         "[Fluxion] There are no errors\n\n"
         "💼️ Allocation Result\n"
         "       Overhead: %f\n"
         "       Reserved: %s\n"
         "         Status: MATCH_SUCCESS\n"
         "          Jobid: %llu\n"
         "             At: %lld\n"
         "     Allocation: %s\n",
         overhead, reserved ? "true" : "false", (unsigned long long)jobid,
         (long long)at, R);
    record (s, json_pack ("{s:s s:b s:s s:I s:b s:I s:s}", "op", "match", "reservation",
                          req->reservation, "jobspec", req->jobspec, "jobid",
                          (json_int_t)jobid, "reserved", reserved, "at", (json_int_t)at,
                          "allocation", R));
    resp.allocation = R;
    resp.jobid = jobid;
    resp.reserved = reserved;
    resp.at = at;
    resp.overhead = overhead;
    resp.status = FLUXION__MATCH_RESPONSE__RESULT_TYPE__MATCH_SUCCESS;
    finish (reply, &resp.base);
    free (R);
}

static void call_cancel (struct service *s, const ProtobufCMessage *m,
                         struct reply *reply)
{
    const Fluxion__CancelRequest *req = (const Fluxion__CancelRequest *)m;
    Fluxion__CancelResponse resp = FLUXION__CANCEL_RESPONSE__INIT;

    say (s, "[Fluxion] received cancel request jobID:%lld\n", (long long)req->jobid);
    if (reapi_cli_cancel (s->ctx, req->jobid, true) < 0) {
        fail_detail (reply, GRPC_STATUS_UNKNOWN, "issue resource api client cancel -1",
                     s->ctx);
        say (s, "[Fluxion] issue with cancel %s\n", reply->error);
        return;
    }
    record (s,
            json_pack ("{s:s s:I}", "op", "cancel", "jobid", (json_int_t)req->jobid));
    resp.status = FLUXION__CANCEL_RESPONSE__RESULT_TYPE__CANCEL_SUCCESS;
    finish (reply, &resp.base);
}

static void call_satisfy (struct service *s, const ProtobufCMessage *m,
                          struct reply *reply)
{
    const Fluxion__SatisfyRequest *req = (const Fluxion__SatisfyRequest *)m;
    Fluxion__SatisfyResponse resp = FLUXION__SATISFY_RESPONSE__INIT;
    bool sat = false;
    double overhead = 0;

    if (is_too_long (req->jobspec, s->limits.jobspec, "jobspec", reply))
        return;
    if (reapi_cli_match_satisfy (s->ctx, req->jobspec, &sat, &overhead) < 0
        && errno != ENODEV && errno != EBUSY) {
        fail_detail (reply, GRPC_STATUS_INVALID_ARGUMENT, "jobspec", s->ctx);
        return;
    }
    reapi_cli_clear_err_msg (s->ctx);
    resp.satisfiable = sat;
    resp.overhead = overhead;
    finish (reply, &resp.base);
}

static void call_info (struct service *s, const ProtobufCMessage *m,
                       struct reply *reply)
{
    const Fluxion__InfoRequest *req = (const Fluxion__InfoRequest *)m;
    Fluxion__InfoResponse resp = FLUXION__INFO_RESPONSE__INIT;
    char *mode = NULL;
    bool reserved = false;
    int64_t at = 0;
    double overhead = 0;

    if (reapi_cli_info (s->ctx, req->jobid, &mode, &reserved, &at, &overhead) < 0) {
        reapi_cli_clear_err_msg (s->ctx);
        fail (reply, GRPC_STATUS_NOT_FOUND, "job %lld is not known",
              (long long)req->jobid);
        return;
    }
    if (mode)
        resp.mode = mode;
    resp.reserved = reserved;
    resp.at = at;
    resp.overhead = overhead;
    finish (reply, &resp.base);
    free (mode);
}

static void call_find (struct service *s, const ProtobufCMessage *m,
                       struct reply *reply)
{
    const Fluxion__FindRequest *req = (const Fluxion__FindRequest *)m;
    Fluxion__FindResponse resp = FLUXION__FIND_RESPONSE__INIT;
    const char *format = *req->format ? req->format : "rv1_nosched";
    char *R = NULL;

    if (is_too_long (req->criteria, s->limits.criteria, "find: criteria", reply))
        return;
    if (reapi_cli_find (s->ctx, req->criteria, format, &R) < 0) {
        fail_detail (reply, GRPC_STATUS_INVALID_ARGUMENT, "find", s->ctx);
        return;
    }
    if (R)
        resp.result = R;
    finish (reply, &resp.base);
    free (R);
}

static void call_partial_cancel (struct service *s, const ProtobufCMessage *m,
                                 struct reply *reply)
{
    const Fluxion__PartialCancelRequest *req = (const Fluxion__PartialCancelRequest *)m;
    Fluxion__PartialCancelResponse resp = FLUXION__PARTIAL_CANCEL_RESPONSE__INIT;
    bool full = false;

    if (reapi_cli_partial_cancel (s->ctx, req->jobid, req->r, req->noent_ok, &full)
        < 0) {
        int status =
            errno == ENOENT ? GRPC_STATUS_NOT_FOUND : GRPC_STATUS_INVALID_ARGUMENT;
        fail_detail (reply, status, "partial cancel", s->ctx);
        return;
    }
    record (s, json_pack ("{s:s s:I s:s}", "op", "partial-cancel", "jobid",
                          (json_int_t)req->jobid, "R", req->r));
    resp.full_removal = full;
    finish (reply, &resp.base);
}

static void call_grow (struct service *s, const ProtobufCMessage *m,
                       struct reply *reply)
{
    const Fluxion__GrowRequest *req = (const Fluxion__GrowRequest *)m;
    Fluxion__GrowResponse resp = FLUXION__GROW_RESPONSE__INIT;

    if (reapi_cli_add_subgraph (s->ctx, req->subgraph) < 0) {
        fail_detail (reply, GRPC_STATUS_INVALID_ARGUMENT, "grow", s->ctx);
        return;
    }
    record (s, json_pack ("{s:s s:s}", "op", "grow", "subgraph", req->subgraph));
    finish (reply, &resp.base);
}

static void call_shrink (struct service *s, const ProtobufCMessage *m,
                         struct reply *reply)
{
    const Fluxion__ShrinkRequest *req = (const Fluxion__ShrinkRequest *)m;
    Fluxion__ShrinkResponse resp = FLUXION__SHRINK_RESPONSE__INIT;

    if (reapi_cli_remove_subgraph (s->ctx, req->path) < 0) {
        int status =
            errno == ENOENT ? GRPC_STATUS_NOT_FOUND : GRPC_STATUS_INVALID_ARGUMENT;
        fail_detail (reply, status, "shrink", s->ctx);
        return;
    }
    record (s, json_pack ("{s:s s:s}", "op", "shrink", "path", req->path));
    finish (reply, &resp.base);
}

static const struct method methods[] = {
    { "Match", call_match, &fluxion__match_request__descriptor, false, true },
    { "Cancel", call_cancel, &fluxion__cancel_request__descriptor, false, true },
    { "Init", call_init, &fluxion__init_request__descriptor, true, true },
    { "Satisfy", call_satisfy, &fluxion__satisfy_request__descriptor, false, false },
    { "Info", call_info, &fluxion__info_request__descriptor, false, false },
    { "Find", call_find, &fluxion__find_request__descriptor, false, false },
    { "PartialCancel", call_partial_cancel,
      &fluxion__partial_cancel_request__descriptor, false, true },
    { "Grow", call_grow, &fluxion__grow_request__descriptor, false, true },
    { "Shrink", call_shrink, &fluxion__shrink_request__descriptor, false, true },
};

static const struct method *find_method (const char *path)
{
    static const char prefix[] = "/fluxion.FluxionService/";

    if (strncmp (path, prefix, sizeof (prefix) - 1) != 0)
        return NULL;
    path += sizeof (prefix) - 1;
    for (size_t i = 0; i < sizeof (methods) / sizeof (methods[0]); i++)
        if (strcmp (methods[i].name, path) == 0)
            return &methods[i];
    return NULL;
}

void service_call (struct service *s, const char *path, const uint8_t *data, size_t len,
                   struct reply *reply)
{
    const struct method *method = find_method (path);
    ProtobufCMessage *req;

    memset (reply, 0, sizeof (*reply));
    if (!method) {
        fail (reply, GRPC_STATUS_UNIMPLEMENTED, "unknown method %s", path);
        return;
    }
    if (!s->ctx && !method->before_init) {
        fail (reply, GRPC_STATUS_FAILED_PRECONDITION, "graph not initialized");
        return;
    }
    if (method->changes && s->record_errno) {
        fail (reply, GRPC_STATUS_UNAVAILABLE, "changes cannot be recorded: %s",
              strerror (s->record_errno));
        return;
    }
    if (!(req = protobuf_c_message_unpack (method->request, NULL, len, data))) {
        fail (reply, GRPC_STATUS_INVALID_ARGUMENT, "%s: request is no valid %s message",
              method->name, method->request->name);
        return;
    }
    method->call (s, req, reply);
    protobuf_c_message_free_unpacked (req, NULL);
}
