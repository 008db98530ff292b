/* What tools that speak gRPC ask: health, and which services and messages there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <grpc/status.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fluxion-server/meta.h"
#include "reflection.pb-c.h"

/* Its status as a number, or minus that of the call. */
static int health (const char *bytes, size_t len, bool watch, bool serving, bool *known)
{
    struct reply reply;

    health_check ((const uint8_t *)bytes, len, watch, serving, known, &reply);
    if (reply.status != 0)
        return -reply.status;
    int n = reply.len == 2 && reply.data[0] == 8 ? reply.data[1] : 0;
    free (reply.data);
    return n;
}

static void healthy (void **state)
{
    static const char ours[] = "\x0a\x16"
                               "fluxion.FluxionService",
                      other[] = "\x0a\x05other", cut[] = "\x0a\x05oth";
    bool known;

    assert_int_equal (health ("", 0, false, true, &known), 1); /* SERVING */
    assert_true (known);
    assert_int_equal (health ("", 0, false, false, NULL), 2); /* NOT_SERVING */
    assert_int_equal (health (ours, sizeof (ours) - 1, false, true, &known), 1);
    assert_true (known);
    assert_int_equal (health (other, sizeof (other) - 1, false, true, &known),
                      -GRPC_STATUS_NOT_FOUND);
    assert_int_equal (health (other, sizeof (other) - 1, true, true, &known), 3);
    assert_false (known); /* SERVICE_UNKNOWN: a watch goes on */
    assert_int_equal (health (cut, sizeof (cut) - 1, false, true, NULL),
                      -GRPC_STATUS_INVALID_ARGUMENT);
}

typedef Grpc__Reflection__V1alpha__ServerReflectionRequest request_t;
typedef Grpc__Reflection__V1alpha__ServerReflectionResponse response_t;

static response_t *ask (const request_t *req)
{
    uint8_t buf[512];
    struct reply reply;

    reflection_answer (buf, protobuf_c_message_pack (&req->base, buf), &reply);
    assert_int_equal (reply.status, 0);
    response_t *resp = grpc__reflection__v1alpha__server_reflection_response__unpack (
        NULL, reply.len, reply.data);
    assert_non_null (resp);
    free (reply.data);
    return resp;
}

static void give_back (response_t *resp)
{
    grpc__reflection__v1alpha__server_reflection_response__free_unpacked (resp, NULL);
}

static request_t request (int kind, const char *text)
{
    request_t req = GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__INIT;

    req.message_request_case = kind;
    req.list_services = (char *)text; /* a union: any of the texts */
    return req;
}
#define KIND(name)                                                                     \
    GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name

static void services (void **state)
{
    request_t req = request (KIND (LIST_SERVICES), "*");
    response_t *resp = ask (&req);
    bool found = false;

    assert_int_equal (
        resp->message_response_case,
        GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE);
    for (size_t i = 0; i < resp->list_services_response->n_service; i++)
        found |= strcmp (resp->list_services_response->service[i]->name,
                         "fluxion.FluxionService")
                 == 0;
    assert_true (found);
    give_back (resp);
}

/* The bytes of the file, or "" if there is none. */
static size_t file_of (int kind, const char *text)
{
    request_t req = request (kind, text);
    response_t *resp = ask (&req);
    size_t len = 0;

    if (resp->message_response_case
        == GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE)
        assert_int_equal (resp->error_response->error_code, GRPC_STATUS_NOT_FOUND);
    else {
        assert_int_equal (resp->file_descriptor_response->n_file_descriptor_proto, 1);
        len = resp->file_descriptor_response->file_descriptor_proto[0].len;
    }
    give_back (resp);
    return len;
}

static void files (void **state)
{
    size_t len = file_of (KIND (FILE_BY_FILENAME), "fluxion.proto");

    assert_true (len > 100);
    assert_int_equal (file_of (KIND (FILE_CONTAINING_SYMBOL), "fluxion.FluxionService"),
                      len);
    assert_int_equal (file_of (KIND (FILE_CONTAINING_SYMBOL), "fluxion.MatchRequest"),
                      len);
    assert_true (file_of (KIND (FILE_BY_FILENAME), "health.proto") > 0);
    assert_int_equal (file_of (KIND (FILE_BY_FILENAME), "nosuch.proto"), 0);
    assert_int_equal (file_of (KIND (FILE_CONTAINING_SYMBOL), "nosuch.Symbol"), 0);
    assert_int_equal (file_of (KIND (FILE_CONTAINING_SYMBOL), ""), 0);
}

static void malformed (void **state)
{
    struct reply reply;

    reflection_answer ((const uint8_t *)"\x0a\x05x", 3, &reply);
    assert_int_equal (reply.status, GRPC_STATUS_INVALID_ARGUMENT);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (healthy),
        cmocka_unit_test (services),
        cmocka_unit_test (files),
        cmocka_unit_test (malformed),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
