/* The service as calls see it: bytes in, bytes out. What is kept (a folder of its own) is
 * what another process goes on with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <errno.h>
#include <grpc/status.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/test.h"
#include "fluxion-server/service.h"
#include "fluxion-server/state.h"
#include "fluxion.pb-c.h"

/* The first: two nodes of two cores. The second: another one of one core. */
static const struct vertex {
    const char *type;
    int id, rank;
    const char *path;
} vertices[] = {
    { "cluster", 0, -1, "/cluster0" },
    { "node", 0, 0, "/cluster0/node0" },
    { "core", 0, 0, "/cluster0/node0/core0" },
    { "core", 1, 0, "/cluster0/node0/core1" },
    { "node", 1, 1, "/cluster0/node1" },
    { "core", 0, 1, "/cluster0/node1/core0" },
    { "core", 1, 1, "/cluster0/node1/core1" },
    { "node", 2, 2, "/cluster0/node2" },
    { "core", 0, 2, "/cluster0/node2/core0" },
};
static char graph[4096], more[4096];

static json_t *encode_vertex (int i)
{
    const struct vertex *v = &vertices[i];
    char key[8];

    snprintf (key, sizeof (key), "%d", i);
    return json_pack ("{s:s s:{s:s s:i s:i s:{s:s}}}", "id", key, "metadata", "type",
                      v->type, "id", v->id, "rank", v->rank, "paths", "containment",
                      v->path);
}

/* The vertex whose path is that of i without its end. */
static json_t *encode_edge (int i)
{
    size_t len = strrchr (vertices[i].path, '/') - vertices[i].path;
    char source[8], target[8];
    int up = 0;

    while (strlen (vertices[up].path) != len
           || memcmp (vertices[up].path, vertices[i].path, len) != 0)
        up++;
    snprintf (source, sizeof (source), "%d", up);
    snprintf (target, sizeof (target), "%d", i);
    return json_pack ("{s:s s:s}", "source", source, "target", target);
}

/* The root, and those from `first` on. */
static void encode_graph (char *text, size_t size, int first, int end)
{
    json_t *nodes = json_pack ("[o]", encode_vertex (0)), *edges = json_array ();

    for (int i = first; i < end; i++) {
        json_array_append_new (nodes, encode_vertex (i));
        json_array_append_new (edges, encode_edge (i));
    }
    json_t *o = json_pack ("{s:{s:o s:o}}", "graph", "nodes", nodes, "edges", edges);
    size_t len = json_dumpb (o, text, size - 1, 0);
    assert_true (len > 0 && len < size);
    text[len] = '\0';
    json_decref (o);
}

static char *cores (int n)
{
    static char text[512];

    snprintf (text, sizeof (text),
              "version: 9999\n"
              "resources:\n"
              "- {type: slot, count: %d, label: t, with: [{type: core, count: 1}]}\n"
              "tasks:\n"
              "- {command: [a], slot: t, count: {per_slot: 1}}\n"
              "attributes: {system: {duration: 60}}\n",
              n);
    return text;
}

static char folder[64];

static int setup (void **state)
{
    strcpy (folder, "/tmp/fluxion-service.XXXXXX");
    return mkdtemp (folder) ? 0 : -1;
}

static int teardown (void **state)
{
    return dir_remove (folder);
}

static struct reply last;

/* Its status; `last` is what came back, until the next call. */
static int call (struct service *s, const char *method, const void *req)
{
    uint8_t *buf = malloc (protobuf_c_message_get_packed_size (req) + 1);
    size_t len = protobuf_c_message_pack (req, buf);
    char path[64];

    free (last.data);
    snprintf (path, sizeof (path), "/fluxion.FluxionService/%s", method);
    service_call (s, path, buf, len, &last);
    free (buf);
    if (last.status != 0)
        assert_null (last.data);
    return last.status;
}

static int init (struct service *s, const char *name, bool report)
{
    Fluxion__InitRequest req = FLUXION__INIT_REQUEST__INIT;

    req.jgf = graph;
    req.graph = (char *)name;
    req.report = report;
    return call (s, "Init", &req);
}

/* The job's id, or minus the status. */
static int64_t match_in (struct service *s, const char *name, int64_t epoch, int n,
                         const char *id, bool reserve)
{
    Fluxion__MatchRequest req = FLUXION__MATCH_REQUEST__INIT;

    req.jobspec = cores (n);
    req.graph = (char *)name;
    req.epoch = epoch;
    req.id = (char *)id;
    req.reservation = reserve;
    if (call (s, "Match", &req) != 0)
        return -last.status;
    Fluxion__MatchResponse *resp =
        fluxion__match_response__unpack (NULL, last.len, last.data);
    assert_non_null (resp);
    int64_t jobid = resp->jobid;
    assert_int_equal (resp->reserved, resp->at > 0);
    fluxion__match_response__free_unpacked (resp, NULL);
    return jobid;
}

static int64_t match (struct service *s, int n)
{
    return match_in (s, "", 0, n, "", false);
}

static int cancel (struct service *s, int64_t jobid)
{
    Fluxion__CancelRequest req = FLUXION__CANCEL_REQUEST__INIT;

    req.jobid = jobid;
    return call (s, "Cancel", &req);
}

/* ALLOCATED, ..., or "" if it is not known. */
static const char *mode (struct service *s, int64_t jobid)
{
    static char text[32];
    Fluxion__InfoRequest req = FLUXION__INFO_REQUEST__INIT;

    req.jobid = jobid;
    if (call (s, "Info", &req) == GRPC_STATUS_NOT_FOUND)
        return "";
    assert_int_equal (last.status, 0);
    Fluxion__InfoResponse *resp =
        fluxion__info_response__unpack (NULL, last.len, last.data);
    snprintf (text, sizeof (text), "%s", resp->mode);
    fluxion__info_response__free_unpacked (resp, NULL);
    return text;
}

/* "NAME:EPOCH:JOBS:VERTICES ..." */
static const char *list (struct service *s)
{
    static char text[512];
    Fluxion__ListRequest req = FLUXION__LIST_REQUEST__INIT;
    size_t len = 0;

    text[0] = '\0';
    assert_int_equal (call (s, "List", &req), 0);
    Fluxion__ListResponse *resp =
        fluxion__list_response__unpack (NULL, last.len, last.data);
    for (size_t i = 0; i < resp->n_graphs; i++)
        len += snprintf (
            text + len, sizeof (text) - len, "%s%s:%lld:%lld:%lld", i ? " " : "",
            resp->graphs[i]->name, (long long)resp->graphs[i]->epoch,
            (long long)resp->graphs[i]->jobs, (long long)resp->graphs[i]->vertices);
    fluxion__list_response__free_unpacked (resp, NULL);
    return text;
}

static int drop (struct service *s, const char *name, int64_t epoch)
{
    Fluxion__DropRequest req = FLUXION__DROP_REQUEST__INIT;

    req.graph = (char *)name;
    req.epoch = epoch;
    return call (s, "Drop", &req);
}

static int shrink (struct service *s, const char *path)
{
    Fluxion__ShrinkRequest req = FLUXION__SHRINK_REQUEST__INIT;

    req.path = (char *)path;
    return call (s, "Shrink", &req);
}

static int grow (struct service *s)
{
    Fluxion__GrowRequest req = FLUXION__GROW_REQUEST__INIT;

    req.subgraph = more;
    return call (s, "Grow", &req);
}

/* 1: all that R names was the last that it had. */
static int give_back (struct service *s, int64_t jobid, const char *R, bool noent_ok)
{
    Fluxion__PartialCancelRequest req = FLUXION__PARTIAL_CANCEL_REQUEST__INIT;

    req.jobid = jobid;
    req.r = (char *)R;
    req.noent_ok = noent_ok;
    if (call (s, "PartialCancel", &req) != 0)
        return -last.status;
    Fluxion__PartialCancelResponse *resp =
        fluxion__partial_cancel_response__unpack (NULL, last.len, last.data);
    int full = resp->full_removal;
    fluxion__partial_cancel_response__free_unpacked (resp, NULL);
    return full;
}

/* Cores that a satisfied criterion names, counted in the text. */
static int found (struct service *s, const char *criteria)
{
    Fluxion__FindRequest req = FLUXION__FIND_REQUEST__INIT;
    int n = 0;

    req.criteria = (char *)criteria;
    req.format = (char *)"jgf";
    if (call (s, "Find", &req) != 0)
        return -last.status;
    Fluxion__FindResponse *resp =
        fluxion__find_response__unpack (NULL, last.len, last.data);
    for (const char *p = resp->result; (p = strstr (p, "\"type\": \"core\"")); p++)
        n++;
    fluxion__find_response__free_unpacked (resp, NULL);
    return n;
}

static void before_init (void **state)
{
    struct service *s = service_create (NULL, NULL, NULL);
    Fluxion__SatisfyRequest satisfy = FLUXION__SATISFY_REQUEST__INIT;

    satisfy.jobspec = cores (1);
    assert_false (service_ready (s));
    assert_int_equal (match (s, 1), -GRPC_STATUS_FAILED_PRECONDITION);
    assert_string_equal (last.error, "graph not initialized");
    assert_int_equal (match_in (s, "other", 0, 1, "", false),
                      -GRPC_STATUS_FAILED_PRECONDITION);
    assert_string_equal (last.error, "graph other not initialized");
    assert_int_equal (match_in (s, "a/b", 0, 1, "", false),
                      -GRPC_STATUS_INVALID_ARGUMENT);
    assert_int_equal (cancel (s, 1), GRPC_STATUS_FAILED_PRECONDITION);
    assert_int_equal (call (s, "Satisfy", &satisfy), GRPC_STATUS_FAILED_PRECONDITION);
    assert_int_equal (found (s, "status=up"), -GRPC_STATUS_FAILED_PRECONDITION);
    assert_int_equal (shrink (s, "/cluster0"), GRPC_STATUS_FAILED_PRECONDITION);
    assert_int_equal (grow (s), GRPC_STATUS_FAILED_PRECONDITION);
    assert_int_equal (drop (s, "", 0), GRPC_STATUS_FAILED_PRECONDITION);
    assert_int_equal (call (s, "Nothing", &satisfy), GRPC_STATUS_UNIMPLEMENTED);
    assert_string_equal (list (s), "");
    assert_int_equal (init (s, "", false), 0);
    assert_true (service_ready (s));
    service_destroy (s);
}

static void jobs (void **state)
{
    struct service *s = service_create (NULL, NULL, NULL);
    static const char rank0[] =
        "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0\",\"children\":"
        "{\"core\":\"0-1\"}}],\"nodelist\":[\"node0\"],\"starttime\":0,\"expiration\":"
        "0}}";

    init (s, "", false);
    int64_t a = match (s, 3);
    assert_true (a > 0);
    assert_string_equal (mode (s, a), "ALLOCATED");
    assert_int_equal (found (s, "sched-now=allocated"), 3);
    assert_int_equal (match (s, 2), -GRPC_STATUS_UNKNOWN);
    assert_string_equal (last.error, "Allocation was not possible");
    int64_t b = match_in (s, "", 0, 2, "", true);
    assert_string_equal (mode (s, b), "RESERVED");
    assert_int_equal (give_back (s, b, rank0, false), -GRPC_STATUS_INVALID_ARGUMENT);
    assert_int_equal (give_back (s, 99, rank0, false), -GRPC_STATUS_NOT_FOUND);
    assert_int_equal (give_back (s, 99, rank0, true), 0);
    assert_int_equal (give_back (s, a, "{}", false), -GRPC_STATUS_INVALID_ARGUMENT);
    assert_int_equal (give_back (s, a, rank0, false), 0);
    assert_true (found (s, "sched-now=allocated") < 3);
    assert_int_equal (cancel (s, a), 0);
    assert_int_equal (cancel (s, a),
                      0); /* no error, as the published clients have it */
    assert_int_equal (cancel (s, 12345), 0);
    assert_string_equal (mode (s, a), "CANCELED");
    assert_string_equal (mode (s, 12345), "");
    assert_int_equal (found (s, "("), -GRPC_STATUS_INVALID_ARGUMENT);
    assert_int_equal (cancel (s, b), 0);
    assert_int_equal (found (s, "sched-now=allocated"), 0);
    assert_string_equal (list (s), "default:1:0:7");
    service_destroy (s);
}

static void satisfied (void **state)
{
    struct service *s = service_create (NULL, NULL, NULL);
    Fluxion__SatisfyRequest req = FLUXION__SATISFY_REQUEST__INIT;
    static const int expected[] = { 1, 1, 0 };

    init (s, "", false);
    match (s, 4);
    for (int i = 0; i < 3; i++) {
        req.jobspec = cores (3 + i);
        assert_int_equal (call (s, "Satisfy", &req), 0);
        Fluxion__SatisfyResponse *resp =
            fluxion__satisfy_response__unpack (NULL, last.len, last.data);
        assert_int_equal (resp->satisfiable, expected[i]);
        fluxion__satisfy_response__free_unpacked (resp, NULL);
    }
    req.jobspec = (char *)"[";
    assert_int_equal (call (s, "Satisfy", &req), GRPC_STATUS_INVALID_ARGUMENT);
    service_destroy (s);
}

/* Each Init has another epoch; ids of jobs are those of no other job. */
static void epochs (void **state)
{
    struct service *s = service_create (NULL, NULL, NULL);

    assert_int_equal (init (s, "", false), 0);
    assert_int_equal (last.len, 0); /* who does not ask gets what there always was */
    int64_t a = match (s, 1), b = match (s, 1);
    assert_true (b > a);
    assert_int_equal (init (s, "", true), 0);
    Fluxion__InitResponse *resp =
        fluxion__init_response__unpack (NULL, last.len, last.data);
    assert_int_equal (resp->epoch, 2);
    assert_int_equal (resp->n_replaced, 2);
    assert_int_equal (resp->replaced[0], a);
    assert_int_equal (resp->replaced[1], b);
    fluxion__init_response__free_unpacked (resp, NULL);
    assert_string_equal (mode (s, a), "");
    assert_true (match_in (s, "", 2, 1, "", false) > b);
    assert_int_equal (match_in (s, "", 1, 1, "", false),
                      -GRPC_STATUS_FAILED_PRECONDITION);
    assert_string_equal (last.error, "graph default: epoch 1 is not that of now, 2");
    /* An Init that fails changes nothing. */
    Fluxion__InitRequest bad = FLUXION__INIT_REQUEST__INIT;
    bad.jgf = (char *)"{}";
    assert_int_equal (call (s, "Init", &bad), GRPC_STATUS_UNKNOWN);
    bad.jgf = graph;
    bad.policy = (char *)"nosuch";
    assert_int_equal (call (s, "Init", &bad), GRPC_STATUS_UNKNOWN);
    assert_string_equal (list (s), "default:2:1:7");
    service_destroy (s);
}

static void several_graphs (void **state)
{
    struct service *s = service_create (NULL, NULL, NULL);
    char name[16];

    init (s, "b", false);
    init (s, "a", false);
    assert_true (match_in (s, "a", 0, 4, "", false) > 0);
    assert_int_equal (match_in (s, "a", 0, 1, "", false), -GRPC_STATUS_UNKNOWN);
    int64_t job = match_in (s, "b", 0, 1, "", false);
    assert_string_equal (list (s), "a:2:1:7 b:1:1:7");
    assert_int_equal (drop (s, "b", 2), GRPC_STATUS_FAILED_PRECONDITION);
    assert_int_equal (drop (s, "b", 1), 0);
    Fluxion__DropResponse *resp =
        fluxion__drop_response__unpack (NULL, last.len, last.data);
    assert_int_equal (resp->n_jobs, 1);
    assert_int_equal (resp->jobs[0], job);
    fluxion__drop_response__free_unpacked (resp, NULL);
    assert_string_equal (list (s), "a:2:1:7");
    for (int i = 1; i < 64; i++) {
        snprintf (name, sizeof (name), "g%d", i);
        assert_int_equal (init (s, name, false), 0);
    }
    assert_int_equal (init (s, "another", false), GRPC_STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal (last.error, "there are 64 graphs already");
    assert_int_equal (init (s, "g1", false), 0); /* in the place of one */
    service_destroy (s);
}

static void ids_of_requests (void **state)
{
    struct service *s = service_create (NULL, NULL, NULL);
    char longest[130];

    init (s, "", false);
    int64_t a = match_in (s, "", 0, 1, "x", false);
    assert_true (a > 0);
    assert_int_equal (match_in (s, "", 0, 1, "x", false), a);
    assert_int_equal (found (s, "sched-now=allocated"), 1);
    assert_int_equal (match_in (s, "", 0, 2, "x", false), -GRPC_STATUS_ALREADY_EXISTS);
    assert_int_equal (match_in (s, "", 0, 1, "x", true), -GRPC_STATUS_ALREADY_EXISTS);
    assert_true (match_in (s, "", 0, 1, "y", false) > a);
    cancel (s, a);
    assert_true (match_in (s, "", 0, 2, "x", false) > a);
    memset (longest, 'i', sizeof (longest));
    longest[129] = '\0';
    assert_int_equal (match_in (s, "", 0, 1, longest, false),
                      -GRPC_STATUS_INVALID_ARGUMENT);
    assert_true (match_in (s, "", 0, 1, longest + 1, false) > 0);
    service_destroy (s);
}

/* A call that has failed gives its job back, unless another has brought it. */
static void undone (void **state)
{
    struct service *s = service_create (NULL, NULL, NULL);

    init (s, "", false);
    int64_t a = match (s, 1);
    uint64_t epoch = last.epoch;
    assert_int_equal (last.jobid, a);
    service_undo (s, epoch, a);
    assert_string_equal (mode (s, a), "CANCELED");
    service_undo (s, epoch, a);
    service_undo (s, epoch + 1, a);
    int64_t b = match_in (s, "", 0, 1, "x", false);
    assert_int_equal (match_in (s, "", 0, 1, "x", false), b);
    service_undo (s, epoch, b);
    assert_string_equal (mode (s, b), "ALLOCATED");
    service_undo (s, epoch, b);
    assert_string_equal (mode (s, b), "CANCELED");
    service_destroy (s);
}

static void limits (void **state)
{
    struct service_limits few = { .jobspec = 1000, .criteria = 100 };
    struct service *s = service_create (NULL, NULL, &few);
    Fluxion__MatchRequest req = FLUXION__MATCH_REQUEST__INIT;
    Fluxion__FindRequest find = FLUXION__FIND_REQUEST__INIT;
    static const uint8_t head[] = { 0x0a, 0x80, 0x80, 0x08 }; /* 128 KiB */
    static char text[2000];
    struct reply reply;

    init (s, "", false);
    memset (text, '#', sizeof (text) - 1);
    req.jobspec = find.criteria = text;
    assert_int_equal (call (s, "Match", &req), GRPC_STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal (last.error, "jobspec: 1999 bytes, the limit is 1000");
    assert_int_equal (call (s, "Find", &find), GRPC_STATUS_RESOURCE_EXHAUSTED);
#define ADMIT(method, n)                                                               \
    service_admit (s, "/fluxion.FluxionService/" method, head, sizeof (head), n, &reply)
    assert_int_equal (ADMIT ("Match", 1000 + (64 << 10)), 0);
    assert_int_equal (ADMIT ("Match", 1001 + (64 << 10)), -1);
    assert_int_equal (reply.status, GRPC_STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal (reply.error, "jobspec: 131072 bytes, the limit is 1000");
    assert_int_equal (ADMIT ("Cancel", (64 << 10) + 1), -1);
    assert_string_equal (reply.error, "request: 65537 bytes, the limit is 65536");
    assert_int_equal (ADMIT ("Init", (size_t)1 << 40), 0);
    assert_int_equal (ADMIT ("Nothing", (64 << 10) + 1), -1);
    assert_true (service_is_heavy ("/fluxion.FluxionService/Init", 1));
    assert_true (service_is_heavy ("/fluxion.FluxionService/Match", (64 << 10) + 1));
    assert_false (service_is_heavy ("/fluxion.FluxionService/Match", 64 << 10));
    assert_false (service_is_heavy ("/fluxion.FluxionService/Nothing", 1));
    service_destroy (s);
}

/* No change that cannot be recorded; questions are answered all the same. */
static void full_record (void **state)
{
    FILE *full = fopen ("/dev/full", "a");
    struct service *s = service_create (NULL, full, NULL);

    assert_int_equal (init (s, "", false), 0);
    assert_int_equal (service_record_errno (s), ENOSPC);
    assert_int_equal (match (s, 1), -GRPC_STATUS_UNAVAILABLE);
    assert_int_equal (cancel (s, 1), GRPC_STATUS_UNAVAILABLE);
    assert_int_equal (found (s, "status=up"), 4);
    service_destroy (s);
    fclose (full);
}

static struct service *restart (struct service *s, struct state **st)
{
    flux_error_t error;

    service_destroy (s);
    state_close (*st);
    if (!(*st = state_open (folder, &error)))
        fail_msg ("%s", error.text);
    s = service_create (NULL, NULL, NULL);
    if (service_restore (s, *st, &error) < 0)
        fail_msg ("%s", error.text);
    return s;
}

static void kept (void **state)
{
    struct state *st = NULL;
    struct service *s = restart (NULL, &st);

    assert_false (service_ready (s));
    init (s, "", false);
    init (s, "gone", false);
    int64_t a = match (s, 1), b = match (s, 1), c = match_in (s, "", 0, 1, "x", false);
    int64_t d = match_in (s, "", 0, 4, "", true);
    cancel (s, b);
    if (grow (s) != 0)
        fail_msg ("%s", last.error);
    assert_int_equal (drop (s, "gone", 0), 0);
    s = restart (s, &st);
    assert_true (service_ready (s));
    assert_string_equal (list (s), "default:1:3:9");
    assert_string_equal (mode (s, a), "ALLOCATED");
    assert_string_equal (mode (s, c), "ALLOCATED");
    assert_string_equal (mode (s, d), "RESERVED");
    assert_int_equal (match_in (s, "", 0, 1, "x", false), c);
    int64_t e = match (s, 1);
    assert_true (e > d);
    assert_int_equal (shrink (s, "/cluster0/node2"), 0);
    assert_int_equal (shrink (s, "/cluster0/node9"), GRPC_STATUS_INVALID_ARGUMENT);
    cancel (s, e);
    /* The id of a job that is no more is not given again, nor is an epoch. */
    s = restart (s, &st);
    assert_string_equal (list (s), "default:1:3:7");
    assert_true (match (s, 1) > e);
    assert_int_equal (init (s, "", true), 0);
    assert_string_equal (list (s), "default:3:0:7");
    service_destroy (s);
    state_close (st);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (before_init),
        cmocka_unit_test (jobs),
        cmocka_unit_test (satisfied),
        cmocka_unit_test (epochs),
        cmocka_unit_test (several_graphs),
        cmocka_unit_test (ids_of_requests),
        cmocka_unit_test (undone),
        cmocka_unit_test (limits),
        cmocka_unit_test (full_record),
        cmocka_unit_test_setup_teardown (kept, setup, teardown),
    };
    encode_graph (graph, sizeof (graph), 1, 7);
    encode_graph (more, sizeof (more), 7, 9);
    int rc = cmocka_run_group_tests (tests, NULL, NULL);

    free (last.data);
    return rc;
}
