/* A call: the request is unpacked, and a graph or a long jobspec parsed, without a lock;
 * then the graph is locked, the call executed and recorded. Init builds the new graph
 * while the old one serves, and only the exchange is locked.
 *
 * Failures: what a call has got when its answer cannot be made is given back. An Init
 * that fails leaves graph and jobs as they are. */
#include "fluxion-server/service.h"

#include <errno.h>
#include <flux/reapi_cli.h>
#include <grpc/status.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/text/printable.h"
#include "fluxion-server/graphs.h"
#include "fluxion-server/saved.h"
#include "fluxion-server/wire.h"
#include "fluxion/io/jgf.h"
#include "fluxion/load.h"
#include "fluxion/reapi_cli_inner.h"

#include "fluxion.pb-c.h"

struct service {
    struct graphs *graphs;
    int64_t next_id;     /* atomic; goes on over all graphs */
    struct state *state; /* NULL: nothing outlives the process */
    int state_errno;     /* atomic */
    FILE *log;
    FILE *record;
    pthread_mutex_t log_lock, record_lock;
    int record_errno; /* atomic */
    struct service_limits limits;
};

/* Jobspecs and R longer than that are parsed before the graph is locked; shorter ones are
 * quickly read, or known from before. Growth always is: it is rare. */
#define PARSE_FIRST (16 << 10)
/* Room for all fields but the one that is counted. */
#define OTHER_FIELDS (64 << 10)

/* Of the texts of a graph and all its growth, as they are kept. */
#define TOPOLOGY_MAX ((size_t)1 << 30)

struct method {
    const char *name;
    void (*call) (struct service *s, const ProtobufCMessage *req, struct reply *reply);
    const ProtobufCMessageDescriptor *request;
    bool changes;        /* is recorded */
    bool heavy;          /* builds a graph, or a part of one */
    const char *counted; /* the first field, if long, as messages call it; */
    size_t (*limit) (const struct service_limits *limits); /* NULL: only OTHER_FIELDS */
};

struct service *service_create (FILE *log, FILE *record,
                                const struct service_limits *limits)
{
    struct service *s = calloc (1, sizeof (*s));

    if (!s || !(s->graphs = graphs_create ())) {
        free (s);
        return NULL;
    }
    pthread_mutex_init (&s->log_lock, NULL);
    pthread_mutex_init (&s->record_lock, NULL);
    s->next_id = 1;
    s->log = log;
    s->record = record;
    if (limits)
        s->limits = *limits;
    if (s->limits.jobspec == 0)
        s->limits.jobspec = SERVICE_MAX_JOBSPEC;
    if (s->limits.criteria == 0)
        s->limits.criteria = SERVICE_MAX_CRITERIA;
    return s;
}

int service_record_errno (const struct service *s)
{
    return __atomic_load_n (&s->record_errno, __ATOMIC_RELAXED);
}

int service_state_errno (const struct service *s)
{
    return __atomic_load_n (&s->state_errno, __ATOMIC_RELAXED);
}

static int restore_graph (struct service *s, const char *name, int64_t *jobid,
                          flux_error_t *error)
{
    json_t *snapshot, *changes;
    flux_error_t why;
    struct journal *j = journal_load (s->state, name, &snapshot, &changes, error);
    struct named_graph *g;

    if (!j)
        return -1;
    g = saved_load (name, snapshot, changes, jobid, &why);
    json_decref (snapshot);
    json_decref (changes);
    if (!g) {
        journal_close (j);
        return error_fail (error, EINVAL, "%s/%s.graph: %s", state_path (s->state),
                           name, why.text);
    }
    g->journal = j;
    return graphs_restore (s->graphs, g, error);
}

int service_restore (struct service *s, struct state *state, flux_error_t *error)
{
    uint64_t epoch;
    int64_t jobid;
    json_t *names, *name;
    size_t i;
    int rc = 0;

    s->state = state;
    if (state_counters (state, &epoch, &jobid, error) < 0
        || !(names = state_graphs (state, error)))
        return -1;
    json_array_foreach (names, i, name) {
        const char *text = json_string_value (name);
        if (rc == 0 && !graphs_name (text))
            rc = error_invalid (error, "%s/%s.graph: no name of a graph",
                                state_path (state), text);
        if (rc == 0)
            rc = restore_graph (s, text, &jobid, error);
    }
    json_decref (names);
    graphs_set_epoch (s->graphs, epoch);
    s->next_id = jobid + 1;
    return rc;
}

bool service_ready (const struct service *s)
{
    return graphs_any (s->graphs);
}

void service_destroy (struct service *s)
{
    if (!s)
        return;
    graphs_destroy (s->graphs);
    pthread_mutex_destroy (&s->log_lock);
    pthread_mutex_destroy (&s->record_lock);
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
        && buf_add_printable (&shown, text.data, text.len, PRINTABLE_LINES) == 0) {
        pthread_mutex_lock (&s->log_lock);
        buf_print (&shown, s->log);
        fflush (s->log);
        pthread_mutex_unlock (&s->log_lock);
    }
    buf_fini (&text);
    buf_fini (&shown);
}

/* Takes the reference. The graph is locked, so that its entries are in order. */
static void record (struct service *s, const struct named_graph *g, json_t *entry)
{
    if (s->record && entry && strcmp (g->name, "default") != 0
        && json_object_set_new (entry, "graph", json_string (g->name)) < 0) {
        json_decref (entry);
        entry = NULL;
    }
    pthread_mutex_lock (&s->record_lock);
    if (s->record && !s->record_errno) {
        errno = ENOMEM;
        if (!entry || json_dumpf (entry, s->record, JSON_COMPACT) < 0
            || fputc ('\n', s->record) == EOF || fflush (s->record) == EOF)
            __atomic_store_n (&s->record_errno, errno ? errno : EIO, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock (&s->record_lock);
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

/* The graph that a request names, locked; or NULL, and *reply says why not. */
static struct named_graph *lock_graph (struct service *s, const char *name,
                                       int64_t epoch, struct reply *reply)
{
    const char *checked = graphs_name (name);
    struct named_graph *g;
    flux_error_t error;

    if (!checked) {
        fail (reply, GRPC_STATUS_INVALID_ARGUMENT,
              "the name of a graph has up to %d letters, digits, '.', '_', '-'",
              GRAPH_LABEL_MAX);
        return NULL;
    }
    if (!(g = graphs_lock (s->graphs, checked, epoch, &error)))
        fail (reply, GRPC_STATUS_FAILED_PRECONDITION, "%s", error.text);
    else /* what the library has said to others is not this caller's */
        reapi_cli_clear_err_msg (g->ctx);
    return g;
}

static void out_of_memory (struct reply *reply)
{
    fail (reply, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

/* What takes time, without a lock. */
static struct named_graph *build_graph (struct service *s,
                                        const Fluxion__InitRequest *req,
                                        const char *name, struct reply *reply)
{
    flux_error_t error;
    reapi_cli_ctx_t *ctx = saved_init (req->policy, req->jgf, &error);
    struct named_graph *g;

    if (!ctx) {
        if (errno == ENOMEM)
            out_of_memory (reply);
        else
            fail (reply, GRPC_STATUS_UNKNOWN,
                  "issue initializing resource api client -1: %s", error.text);
        return NULL;
    }
    g = named_graph_create (name, req->policy, ctx);
    if (g && s->state
        && !(g->topology = json_pack ("[{s:s s:s s:s}]", "op", "init", "policy",
                                      req->policy, "jgf", req->jgf))) {
        named_graph_destroy (g);
        g = NULL;
    }
    if (!g)
        out_of_memory (reply);
    else
        g->topology_len = strlen (req->jgf);
    return g;
}

/* From now on nothing changes any more: it could not be kept. */
static int not_kept (struct service *s, struct reply *reply)
{
    int errnum = errno ? errno : EIO;

    __atomic_store_n (&s->state_errno, errnum, __ATOMIC_RELAXED);
    if (reply) {
        free (reply->data);
        *reply = (struct reply){ 0 };
        fail (reply, GRPC_STATUS_UNAVAILABLE, "changes cannot be kept: %s",
              strerror (errnum));
    }
    return -1;
}

/* Takes the change. The graph is locked. */
static int keep (struct service *s, struct named_graph *g, json_t *change,
                 struct reply *reply)
{
    int rc = 0;

    if (g->journal) {
        errno = ENOMEM;
        rc = change ? journal_add (g->journal, change) : -1;
        if (rc == 0 && journal_is_long (g->journal)) {
            json_t *snapshot =
                saved_snapshot (g, __atomic_load_n (&s->next_id, __ATOMIC_RELAXED) - 1);
            errno = ENOMEM;
            rc = snapshot ? journal_renew (g->journal, snapshot) : -1;
            json_decref (snapshot);
        }
    }
    json_decref (change);
    return rc < 0 ? not_kept (s, reply) : 0;
}

/* Unlocked; what has changed is on the disk before it is answered. */
static void leave (struct service *s, struct named_graph *g, struct reply *reply)
{
    fair_unlock (&g->lock);
    if (g->journal && journal_sync (g->journal) < 0)
        not_kept (s, reply);
    graphs_let_go (s->graphs, g);
}

/* A new graph, in the place of another of its name. */
static int keep_graph (struct service *s, struct named_graph *g, struct reply *reply)
{
    int64_t last = __atomic_load_n (&s->next_id, __ATOMIC_RELAXED) - 1;
    json_t *snapshot;

    if (!s->state)
        return 0;
    g->epoch = graphs_next_epoch (s->graphs);
    if (!(snapshot = saved_snapshot (g, last))) {
        out_of_memory (reply);
        return -1;
    }
    if (state_set_counters (s->state, g->epoch, last) < 0
        || !(g->journal = journal_create (s->state, g->name, snapshot)))
        not_kept (s, reply);
    json_decref (snapshot);
    return g->journal ? 0 : -1;
}

static void say_lost (struct service *s, const struct named_graph *g,
                      const int64_t *jobs, size_t njobs)
{
    if (njobs > 0)
        say (s, "[Fluxion] graph %s, epoch %llu: %zu jobs are gone with it: %lld%s\n",
             g->name, (unsigned long long)g->epoch, njobs, (long long)jobs[0],
             njobs > 1 ? " ..." : "");
}

/* The old graph is locked, or there is none. */
static int put_graph (struct service *s, const Fluxion__InitRequest *req,
                      struct named_graph *old, struct named_graph *new,
                      struct reply *reply)
{
    Fluxion__InitResponse resp = FLUXION__INIT_RESPONSE__INIT;
    size_t njobs = 0;
    int64_t *jobs = old ? named_graph_jobs (old, &njobs) : NULL;

    if (old && !jobs) {
        out_of_memory (reply);
        return -1;
    }
    resp.status = FLUXION__INIT_RESPONSE__RESULT_TYPE__INIT_SUCCESS;
    if (req->report) {
        resp.epoch = graphs_next_epoch (s->graphs);
        resp.n_replaced = njobs;
        resp.replaced = jobs;
    }
    finish (reply, &resp.base);
    if (reply->status == 0 && keep_graph (s, new, reply) == 0) {
        say (s, "[Fluxion] Created flux memory graph");
        if (*req->policy)
            say (s, "[Fluxion] match policy: {\"matcher_policy\": \"%s\"}",
                 req->policy);
        if (old)
            say_lost (s, old, jobs, njobs);
        record (s, new,
                json_pack ("{s:s s:s s:s}", "op", "init", "policy", req->policy, "jgf",
                           req->jgf));
    }
    free (jobs);
    return reply->status == 0 ? 0 : -1;
}

static void call_init (struct service *s, const ProtobufCMessage *m,
                       struct reply *reply)
{
    const Fluxion__InitRequest *req = (const Fluxion__InitRequest *)m;
    const char *name = graphs_name (req->graph);
    struct named_graph *old, *new;
    flux_error_t error;

    if (!name) {
        lock_graph (s, req->graph, 0, reply);
        return;
    }
    if (!(new = build_graph (s, req, name, reply)))
        return;
    if (graphs_begin (s->graphs, name, &old, &error) < 0) {
        fail (reply, GRPC_STATUS_RESOURCE_EXHAUSTED, "%s", error.text);
        named_graph_destroy (new);
    } else if (put_graph (s, req, old, new, reply) == 0)
        graphs_put (s->graphs, old, new);
    else {
        graphs_abort (s->graphs, old);
        named_graph_destroy (new);
    }
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

/* A long jobspec, parsed; *ok: false if *reply says why it cannot be. */
static struct request *parse_first (const struct service *s, const char *jobspec,
                                    const char *what, int status, bool *ok,
                                    struct reply *reply)
{
    size_t len = strlen (jobspec);
    struct request *req = NULL;
    flux_error_t error;

    *ok = !is_too_long (jobspec, s->limits.jobspec, "jobspec", reply);
    if (*ok && len > PARSE_FIRST
        && !(req = request_parse (jobspec, len, NULL, NULL, &error))) {
        fail (reply, status, "%s: match: jobspec: %s", what, error.text);
        *ok = false;
    }
    return req;
}

/* What the published clients call "allocate" is what `reservation` says. */
static match_op_t match_op (const Fluxion__MatchRequest *req, struct reply *reply)
{
    bool reserve = strcmp (req->request, "allocate_orelse_reserve") == 0;

    if (*req->request && !reserve && strcmp (req->request, "allocate") != 0) {
        fail (reply, GRPC_STATUS_INVALID_ARGUMENT,
              "request: %.60s: is neither allocate nor allocate_orelse_reserve",
              req->request);
        return MATCH_UNKNOWN;
    }
    return reserve || req->reservation ? MATCH_ALLOCATE_ORELSE_RESERVE : MATCH_ALLOCATE;
}

struct found {
    uint64_t jobid;
    bool reserved;
    char *R;
    int64_t at;
    double overhead;
};

/* An id that nobody has used is given to the next, unless somebody has one already. */
static int match_locked (struct service *s, struct named_graph *g, match_op_t op,
                         const char *jobspec, struct request *parsed, struct found *a)
{
    int64_t id = __atomic_fetch_add (&s->next_id, 1, __ATOMIC_RELAXED);
    int64_t next = id + 1;
    int rc;

    a->jobid = id;
    if (parsed)
        rc = reapi_cli_match_request (g->ctx, op, parsed, id, &a->reserved, &a->R,
                                      &a->at, &a->overhead);
    else
        rc = reapi_cli_match_with_jobid (g->ctx, op, jobspec, id, &a->reserved, &a->R,
                                         &a->at, &a->overhead);
    if (rc < 0 && errno != EBUSY && errno != ENODEV) {
        int saved = errno;
        __atomic_compare_exchange_n (&s->next_id, &next, id, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED);
        errno = saved;
    }
    return rc;
}

static void match_failed (struct service *s, struct named_graph *g,
                          const Fluxion__MatchRequest *req, match_op_t op, bool busy,
                          struct reply *reply)
{
    if (!busy) {
        fail_detail (reply, GRPC_STATUS_UNKNOWN,
                     "[Fluxion] Error in ReapiCliMatchAllocate", g->ctx);
        say (s, "[Fluxion] Match errors so far: %s\n", reply->error);
        return;
    }
    say (s, "[Fluxion] Allocated is empty\n");
    reapi_cli_clear_err_msg (g->ctx);
    fail (reply, GRPC_STATUS_UNKNOWN, "Allocation was not possible");
    record (s, g,
            json_pack ("{s:s s:b s:s}", "op", "match-failed", "reservation",
                       op == MATCH_ALLOCATE_ORELSE_RESERVE, "jobspec", req->jobspec));
}

static void match_done (struct service *s, struct named_graph *g,
                        const Fluxion__MatchRequest *req, match_op_t op,
                        const struct found *a, struct reply *reply)
{
    Fluxion__MatchResponse resp = FLUXION__MATCH_RESPONSE__INIT;

    resp.allocation = a->R;
    resp.jobid = a->jobid;
    resp.reserved = a->reserved;
    resp.at = a->at;
    resp.overhead = a->overhead;
    resp.status = FLUXION__MATCH_RESPONSE__RESULT_TYPE__MATCH_SUCCESS;
    finish (reply, &resp.base);
    if (reply->status == 0 && *req->id
        && answers_add (
               g->answers, req->id,
               answers_question (req->jobspec, op == MATCH_ALLOCATE_ORELSE_RESERVE),
               a->jobid, reply->data, reply->len)
               < 0)
        fail (reply, GRPC_STATUS_RESOURCE_EXHAUSTED,
              "id: too many answers are kept already");
    if (reply->status != 0
        || (g->journal && keep (s, g, saved_job (g, a->jobid), reply) < 0)) {
        reapi_cli_cancel (g->ctx, a->jobid, true);
        answers_forget (g->answers, a->jobid);
        return;
    }
    reply->epoch = g->epoch;
    reply->jobid = a->jobid;
    record (s, g,
            json_pack ("{s:s s:b s:s s:I s:b s:I s:s}", "op", "match", "reservation",
                       op == MATCH_ALLOCATE_ORELSE_RESERVE, "jobspec", req->jobspec,
                       "jobid", (json_int_t)a->jobid, "reserved", a->reserved, "at",
                       (json_int_t)a->at, "allocation", a->R));
    say (s,
         "[Fluxion] There are no errors\n\n"
         "💼️ Allocation Result\n"
         "       Overhead: %f\n"
         "       Reserved: %s\n"
         "         Status: MATCH_SUCCESS\n"
         "          Jobid: %llu\n"
         "             At: %lld\n"
         "     Allocation: %s\n",
         a->overhead, a->reserved ? "true" : "false", (unsigned long long)a->jobid,
         (long long)a->at, a->R);
}

/* Whatever has taken it away: Cancel, or all that it had was given back or removed. */
static bool holds (struct named_graph *g, int64_t jobid)
{
    struct job *job = scheduler_job (reapi_cli_scheduler (g->ctx), jobid);

    return job && (job->state == JOB_ALLOCATED || job->state == JOB_RESERVED);
}

/* Was it asked for before? Then *reply is filled in. */
static bool asked_before (struct named_graph *g, const Fluxion__MatchRequest *req,
                          match_op_t op, struct reply *reply)
{
    uint64_t question =
        answers_question (req->jobspec, op == MATCH_ALLOCATE_ORELSE_RESERVE);
    struct answer *answer = *req->id ? answers_find (g->answers, req->id) : NULL;

    if (!answer)
        return false;
    if (!holds (g, answer->jobid)) {
        answers_forget (g->answers, answer->jobid);
        return false;
    }
    if (answer->question != question)
        fail (reply, GRPC_STATUS_ALREADY_EXISTS,
              "id: %.60s: something else was asked for, and is job %lld", req->id,
              (long long)answer->jobid);
    else if (!(reply->data = malloc (answer->len + 1)))
        out_of_memory (reply);
    else {
        memcpy (reply->data, answer->data, answer->len);
        reply->len = answer->len;
        reply->epoch = g->epoch;
        reply->jobid = answer->jobid;
        answer->claims++;
    }
    return true;
}

static void match_in (struct service *s, struct named_graph *g,
                      const Fluxion__MatchRequest *req, match_op_t op,
                      struct request *parsed, struct reply *reply)
{
    struct found a = { 0 };

    if (asked_before (g, req, op, reply))
        return;
    int rc = match_locked (s, g, op, req->jobspec, parsed, &a);
    if (rc == 0 && a.R && *a.R)
        match_done (s, g, req, op, &a, reply);
    else
        match_failed (s, g, req, op, rc == 0 || errno == EBUSY || errno == ENODEV,
                      reply);
    free (a.R);
}

static void call_match (struct service *s, const ProtobufCMessage *m,
                        struct reply *reply)
{
    const Fluxion__MatchRequest *req = (const Fluxion__MatchRequest *)m;
    match_op_t op = match_op (req, reply);
    struct named_graph *g;
    bool ok;

    if (op == MATCH_UNKNOWN)
        return;
    if (strlen (req->id) > ANSWER_ID_MAX) {
        fail (reply, GRPC_STATUS_INVALID_ARGUMENT, "id: longer than %d bytes",
              ANSWER_ID_MAX);
        return;
    }
    struct request *parsed =
        parse_first (s, req->jobspec, "[Fluxion] Error in ReapiCliMatchAllocate",
                     GRPC_STATUS_UNKNOWN, &ok, reply);
    if (ok && (g = lock_graph (s, req->graph, req->epoch, reply))) {
        match_in (s, g, req, op, parsed, reply);
        leave (s, g, reply);
    }
    request_destroy (parsed);
}

static int keep_cancel (struct service *s, struct named_graph *g, int64_t jobid,
                        struct reply *reply)
{
    if (!g->journal)
        return 0;
    return keep (s, g,
                 json_pack ("{s:s s:I}", "op", "cancel", "jobid", (json_int_t)jobid),
                 reply);
}

static void call_cancel (struct service *s, const ProtobufCMessage *m,
                         struct reply *reply)
{
    const Fluxion__CancelRequest *req = (const Fluxion__CancelRequest *)m;
    Fluxion__CancelResponse resp = FLUXION__CANCEL_RESPONSE__INIT;
    struct named_graph *g = lock_graph (s, req->graph, req->epoch, reply);

    if (!g)
        return;
    say (s, "[Fluxion] received cancel request jobID:%lld\n", (long long)req->jobid);
    if (reapi_cli_cancel (g->ctx, req->jobid, true) < 0) {
        fail_detail (reply, GRPC_STATUS_UNKNOWN, "issue resource api client cancel -1",
                     g->ctx);
        say (s, "[Fluxion] issue with cancel %s\n", reply->error);
    } else {
        answers_forget (g->answers, req->jobid);
        record (
            s, g,
            json_pack ("{s:s s:I}", "op", "cancel", "jobid", (json_int_t)req->jobid));
        resp.status = FLUXION__CANCEL_RESPONSE__RESULT_TYPE__CANCEL_SUCCESS;
        if (keep_cancel (s, g, req->jobid, reply) == 0)
            finish (reply, &resp.base);
    }
    leave (s, g, reply);
}

void service_undo (struct service *s, uint64_t epoch, int64_t jobid)
{
    struct named_graph *g = graphs_lock_epoch (s->graphs, epoch);

    if (!g)
        return; /* gone with its graph */
    if (answers_disclaim (g->answers, jobid)
        && reapi_cli_cancel (g->ctx, jobid, false) == 0) {
        answers_forget (g->answers, jobid);
        keep_cancel (s, g, jobid, NULL);
        say (s, "[Fluxion] job %lld is given back: its call has failed\n",
             (long long)jobid);
        record (s, g,
                json_pack ("{s:s s:I}", "op", "cancel", "jobid", (json_int_t)jobid));
    } else
        reapi_cli_clear_err_msg (g->ctx);
    leave (s, g, NULL);
}

static void call_satisfy (struct service *s, const ProtobufCMessage *m,
                          struct reply *reply)
{
    const Fluxion__SatisfyRequest *req = (const Fluxion__SatisfyRequest *)m;
    Fluxion__SatisfyResponse resp = FLUXION__SATISFY_RESPONSE__INIT;
    struct named_graph *g;
    double overhead = 0;
    bool ok;
    int rc;

    struct request *parsed = parse_first (s, req->jobspec, "jobspec",
                                          GRPC_STATUS_INVALID_ARGUMENT, &ok, reply);
    if (!ok || !(g = lock_graph (s, req->graph, req->epoch, reply))) {
        request_destroy (parsed);
        return;
    }
    if (parsed)
        rc = reapi_cli_match_request (g->ctx, MATCH_SATISFIABILITY, parsed, 0, NULL,
                                      NULL, NULL, &overhead);
    else
        rc = reapi_cli_match_satisfy (g->ctx, req->jobspec, NULL, &overhead);
    if (rc < 0 && errno != ENODEV && errno != EBUSY)
        fail_detail (reply, GRPC_STATUS_INVALID_ARGUMENT, "jobspec", g->ctx);
    else {
        reapi_cli_clear_err_msg (g->ctx);
        resp.satisfiable = rc == 0;
        resp.overhead = overhead;
        finish (reply, &resp.base);
    }
    graphs_unlock (s->graphs, g);
    request_destroy (parsed);
}

static void call_info (struct service *s, const ProtobufCMessage *m,
                       struct reply *reply)
{
    const Fluxion__InfoRequest *req = (const Fluxion__InfoRequest *)m;
    Fluxion__InfoResponse resp = FLUXION__INFO_RESPONSE__INIT;
    struct named_graph *g = lock_graph (s, req->graph, req->epoch, reply);
    char *mode = NULL;
    bool reserved = false;
    int64_t at = 0;
    double overhead = 0;

    if (!g)
        return;
    if (reapi_cli_info (g->ctx, req->jobid, &mode, &reserved, &at, &overhead) < 0) {
        reapi_cli_clear_err_msg (g->ctx);
        fail (reply, GRPC_STATUS_NOT_FOUND, "job %lld is not known",
              (long long)req->jobid);
    } else {
        if (mode)
            resp.mode = mode;
        resp.reserved = reserved;
        resp.at = at;
        resp.overhead = overhead;
        finish (reply, &resp.base);
    }
    graphs_unlock (s->graphs, g);
    free (mode);
}

static void call_find (struct service *s, const ProtobufCMessage *m,
                       struct reply *reply)
{
    const Fluxion__FindRequest *req = (const Fluxion__FindRequest *)m;
    Fluxion__FindResponse resp = FLUXION__FIND_RESPONSE__INIT;
    const char *format = *req->format ? req->format : "rv1_nosched";
    struct named_graph *g;
    char *R = NULL;

    if (is_too_long (req->criteria, s->limits.criteria, "find: criteria", reply)
        || !(g = lock_graph (s, req->graph, req->epoch, reply)))
        return;
    if (reapi_cli_find (g->ctx, req->criteria, format, &R) < 0)
        fail_detail (reply, GRPC_STATUS_INVALID_ARGUMENT, "find", g->ctx);
    graphs_unlock (s->graphs, g);
    if (reply->status != 0)
        return;
    if (R)
        resp.result = R;
    finish (reply, &resp.base);
    free (R);
}

/* A change has failed: what was named is not there, or is not right. */
static void change_failed (struct named_graph *g, const char *what, struct reply *reply)
{
    int status = errno == ENOENT ? GRPC_STATUS_NOT_FOUND : GRPC_STATUS_INVALID_ARGUMENT;

    fail_detail (reply, status, what, g->ctx);
}

/* Takes the change, which has been made: record it, keep it, answer. */
static void finish_change (struct service *s, struct named_graph *g, json_t *change,
                           const ProtobufCMessage *resp, struct reply *reply)
{
    if (keep (s, g, json_incref (change), reply) == 0)
        finish (reply, resp);
    record (s, g, change);
}

/* Likewise of the graph itself. */
static void finish_topology (struct service *s, struct named_graph *g, json_t *change,
                             size_t len, const ProtobufCMessage *resp,
                             struct reply *reply)
{
    g->topology_len += len;
    if (g->topology && json_array_append (g->topology, change) < 0) {
        errno = ENOMEM;
        not_kept (s, reply);
        json_decref (change);
    } else
        finish_change (s, g, change, resp, reply);
}

static void call_partial_cancel (struct service *s, const ProtobufCMessage *m,
                                 struct reply *reply)
{
    const Fluxion__PartialCancelRequest *req = (const Fluxion__PartialCancelRequest *)m;
    Fluxion__PartialCancelResponse resp = FLUXION__PARTIAL_CANCEL_RESPONSE__INIT;
    struct parsed_R *R = NULL;
    struct named_graph *g;
    size_t len = strlen (req->r);
    flux_error_t error;
    bool full = false;
    int rc;

    if (len > PARSE_FIRST && !(R = fluxion_parse_R (req->r, len, &error))) {
        fail (reply, GRPC_STATUS_INVALID_ARGUMENT, "partial cancel: %s", error.text);
        return;
    }
    if (!(g = lock_graph (s, req->graph, req->epoch, reply))) {
        parsed_R_destroy (R);
        return;
    }
    if (R)
        rc = reapi_cli_partial_cancel_parsed (g->ctx, req->jobid, R, req->noent_ok,
                                              &full);
    else
        rc =
            reapi_cli_partial_cancel (g->ctx, req->jobid, req->r, req->noent_ok, &full);
    if (rc < 0)
        change_failed (g, "partial cancel", reply);
    else {
        if (full)
            answers_forget (g->answers, req->jobid);
        resp.full_removal = full;
        finish_change (s, g,
                       json_pack ("{s:s s:I s:s}", "op", "partial-cancel", "jobid",
                                  (json_int_t)req->jobid, "R", req->r),
                       &resp.base, reply);
    }
    leave (s, g, reply);
    parsed_R_destroy (R);
}

static void call_grow (struct service *s, const ProtobufCMessage *m,
                       struct reply *reply)
{
    const Fluxion__GrowRequest *req = (const Fluxion__GrowRequest *)m;
    Fluxion__GrowResponse resp = FLUXION__GROW_RESPONSE__INIT;
    size_t len = strlen (req->subgraph);
    struct named_graph *g;
    flux_error_t error;
    struct jgf jgf;

    if (jgf_parse (&jgf, req->subgraph, len, &error) < 0) {
        fail (reply, GRPC_STATUS_INVALID_ARGUMENT, "grow: add_subgraph: %s",
              error.text);
        return;
    }
    if (!(g = lock_graph (s, req->graph, req->epoch, reply))) {
        jgf_fini (&jgf);
        return;
    }
    if (g->journal && g->topology_len + len > TOPOLOGY_MAX)
        fail (reply, GRPC_STATUS_RESOURCE_EXHAUSTED,
              "grow: the graph has grown by too much to be kept; Init it anew");
    else if (reapi_cli_add_parsed (g->ctx, &jgf) < 0)
        fail_detail (reply, GRPC_STATUS_INVALID_ARGUMENT, "grow", g->ctx);
    else
        finish_topology (
            s, g, json_pack ("{s:s s:s}", "op", "grow", "subgraph", req->subgraph), len,
            &resp.base, reply);
    leave (s, g, reply);
    jgf_fini (&jgf);
}

static void call_shrink (struct service *s, const ProtobufCMessage *m,
                         struct reply *reply)
{
    const Fluxion__ShrinkRequest *req = (const Fluxion__ShrinkRequest *)m;
    Fluxion__ShrinkResponse resp = FLUXION__SHRINK_RESPONSE__INIT;
    struct named_graph *g = lock_graph (s, req->graph, req->epoch, reply);

    if (!g)
        return;
    if (reapi_cli_remove_subgraph (g->ctx, req->path) < 0)
        change_failed (g, "shrink", reply);
    else
        finish_topology (s, g,
                         json_pack ("{s:s s:s}", "op", "shrink", "path", req->path),
                         strlen (req->path), &resp.base, reply);
    leave (s, g, reply);
}

static void describe_graph (struct named_graph *g, Fluxion__Graph *item)
{
    struct scheduler *s = reapi_cli_scheduler (g->ctx);
    struct job *job;
    size_t pos = 0;

    fluxion__graph__init (item);
    item->name = g->name;
    item->epoch = g->epoch;
    item->policy = *g->policy ? g->policy : (char *)"first";
    while ((job = scheduler_next_job (s, &pos)))
        item->jobs += job->state == JOB_ALLOCATED || job->state == JOB_RESERVED;
    for (uint32_t v = 0; v < scheduler_graph (s)->nv; v++)
        item->vertices += !scheduler_graph (s)->v[v].gone;
}

static void call_list (struct service *s, const ProtobufCMessage *m,
                       struct reply *reply)
{
    Fluxion__ListResponse resp = FLUXION__LIST_RESPONSE__INIT;
    struct named_graph *all[GRAPHS_MAX];
    Fluxion__Graph item[GRAPHS_MAX], *items[GRAPHS_MAX];
    size_t n = graphs_all (s->graphs, all);

    for (size_t i = 0; i < n; i++) {
        fair_lock (&all[i]->lock);
        describe_graph (all[i], &item[i]);
        fair_unlock (&all[i]->lock);
        items[i] = &item[i];
    }
    resp.n_graphs = n;
    resp.graphs = items;
    finish (reply, &resp.base);
    for (size_t i = 0; i < n; i++)
        graphs_let_go (s->graphs, all[i]);
}

static void call_drop (struct service *s, const ProtobufCMessage *m,
                       struct reply *reply)
{
    const Fluxion__DropRequest *req = (const Fluxion__DropRequest *)m;
    Fluxion__DropResponse resp = FLUXION__DROP_RESPONSE__INIT;
    struct named_graph *g = lock_graph (s, req->graph, req->epoch, reply), *old;
    flux_error_t error;

    if (!g)
        return;
    uint64_t epoch = g->epoch;
    graphs_unlock (s->graphs, g);
    if (graphs_begin (s->graphs, graphs_name (req->graph), &old, &error) < 0) {
        fail (reply, GRPC_STATUS_ABORTED, "the graph has gone meanwhile");
        return;
    }
    if (!old || old->epoch != epoch)
        fail (reply, GRPC_STATUS_ABORTED, "the graph has changed meanwhile");
    else if (!(resp.jobs = named_graph_jobs (old, &resp.n_jobs)))
        out_of_memory (reply);
    else
        finish (reply, &resp.base);
    if (reply->status == 0 && old->journal
        && (state_set_counters (s->state, graphs_next_epoch (s->graphs) - 1,
                                __atomic_load_n (&s->next_id, __ATOMIC_RELAXED) - 1)
                < 0
            || journal_remove (old->journal) < 0))
        not_kept (s, reply);
    if (reply->status == 0) {
        say_lost (s, old, resp.jobs, resp.n_jobs);
        record (s, old, json_pack ("{s:s}", "op", "drop"));
        graphs_drop (s->graphs, old);
    } else
        graphs_abort (s->graphs, old);
    free (resp.jobs);
}

static size_t max_jobspec (const struct service_limits *limits)
{
    return limits->jobspec;
}

static size_t max_criteria (const struct service_limits *limits)
{
    return limits->criteria;
}

/* As large as the server takes a message. */
static size_t max_graph (const struct service_limits *limits)
{
    return SIZE_MAX - OTHER_FIELDS;
}

static const struct method methods[] = {
    { "Match", call_match, &fluxion__match_request__descriptor, true, false, "jobspec",
      max_jobspec },
    { "Cancel", call_cancel, &fluxion__cancel_request__descriptor, true, false, NULL,
      NULL },
    { "Init", call_init, &fluxion__init_request__descriptor, true, true, "policy",
      max_graph },
    { "Satisfy", call_satisfy, &fluxion__satisfy_request__descriptor, false, false,
      "jobspec", max_jobspec },
    { "Info", call_info, &fluxion__info_request__descriptor, false, false, NULL, NULL },
    { "Find", call_find, &fluxion__find_request__descriptor, false, false,
      "find: criteria", max_criteria },
    { "PartialCancel", call_partial_cancel,
      &fluxion__partial_cancel_request__descriptor, true, false, "R", max_graph },
    { "Grow", call_grow, &fluxion__grow_request__descriptor, true, true, "subgraph",
      max_graph },
    { "Shrink", call_shrink, &fluxion__shrink_request__descriptor, true, false, NULL,
      NULL },
    { "List", call_list, &fluxion__list_request__descriptor, false, false, NULL, NULL },
    { "Drop", call_drop, &fluxion__drop_request__descriptor, true, false, NULL, NULL },
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

int service_admit (const struct service *s, const char *path, const uint8_t *head,
                   size_t head_len, size_t len, struct reply *reply)
{
    const struct method *method = find_method (path);
    size_t max = method && method->limit ? method->limit (&s->limits) : 0;
    size_t first = wire_first_field (head, head_len);

    memset (reply, 0, sizeof (*reply));
    if (len <= max || len - max <= OTHER_FIELDS)
        return 0;
    if (method && method->counted && first > max)
        fail (reply, GRPC_STATUS_RESOURCE_EXHAUSTED, "%s: %zu bytes, the limit is %zu",
              method->counted, first, max);
    else
        fail (reply, GRPC_STATUS_RESOURCE_EXHAUSTED,
              "request: %zu bytes, the limit is %zu", len, max + OTHER_FIELDS);
    return -1;
}

bool service_is_heavy (const char *path, size_t len)
{
    const struct method *method = find_method (path);

    return len > OTHER_FIELDS || (method && method->heavy);
}

void service_call (struct service *s, const char *path, const uint8_t *data, size_t len,
                   struct reply *reply)
{
    const struct method *method = find_method (path);
    ProtobufCMessage *req;
    flux_error_t error;

    memset (reply, 0, sizeof (*reply));
    if (!method) {
        fail (reply, GRPC_STATUS_UNIMPLEMENTED, "unknown method %s", path);
        return;
    }
    if (method->changes && service_record_errno (s)) {
        fail (reply, GRPC_STATUS_UNAVAILABLE, "changes cannot be recorded: %s",
              strerror (service_record_errno (s)));
        return;
    }
    int errnum = __atomic_load_n (&s->state_errno, __ATOMIC_RELAXED);
    if (method->changes && errnum) {
        fail (reply, GRPC_STATUS_UNAVAILABLE, "changes cannot be kept: %s",
              strerror (errnum));
        return;
    }
    if (!(req = protobuf_c_message_unpack (method->request, NULL, len, data))) {
        fail (reply, GRPC_STATUS_INVALID_ARGUMENT, "%s: request is no valid %s message",
              method->name, method->request->name);
        return;
    }
    /* Else it could be neither recorded nor kept. */
    if (wire_check_texts (method->request, data, len, &error) < 0)
        fail (reply, GRPC_STATUS_INVALID_ARGUMENT, "%s: %s", method->name, error.text);
    else
        method->call (s, req, reply);
    protobuf_c_message_free_unpacked (req, NULL);
}
