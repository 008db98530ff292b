#include "fluxion-server/meta.h"

#include <grpc/status.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "health.pb-c.h"
#include "reflection.pb-c.h"

/* FileDescriptorSets of one file each, made by protoc, embedded by blobs.S. */
extern const uint8_t desc_fluxion[], desc_fluxion_end[];
extern const uint8_t desc_health[], desc_health_end[];
extern const uint8_t desc_reflection[], desc_reflection_end[];

static const struct file {
    const char *name;
    const char *package;
    const char *service;
    const uint8_t *start, *end;
} files[] = {
    { "fluxion.proto", "fluxion", "fluxion.FluxionService", desc_fluxion,
      desc_fluxion_end },
    { "health.proto", "grpc.health.v1", "grpc.health.v1.Health", desc_health,
      desc_health_end },
    { "reflection.proto", "grpc.reflection.v1alpha",
      "grpc.reflection.v1alpha.ServerReflection", desc_reflection,
      desc_reflection_end },
};
#define FILE_COUNT (sizeof (files) / sizeof (files[0]))

static void pack (const ProtobufCMessage *msg, struct reply *reply)
{
    size_t len = protobuf_c_message_get_packed_size (msg);

    if (len == 0)
        return;
    if (!(reply->data = malloc (len))) {
        reply->status = GRPC_STATUS_RESOURCE_EXHAUSTED;
        strcpy (reply->error, "out of memory");
        return;
    }
    reply->len = protobuf_c_message_pack (msg, reply->data);
}

static void malformed (struct reply *reply, const char *what)
{
    reply->status = GRPC_STATUS_INVALID_ARGUMENT;
    snprintf (reply->error, sizeof (reply->error), "request is no valid %s message",
              what);
}

void health_check (const uint8_t *data, size_t len, bool watch, bool serving,
                   bool *known, struct reply *reply)
{
    Grpc__Health__V1__HealthCheckResponse resp =
        GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    Grpc__Health__V1__HealthCheckRequest *req =
        grpc__health__v1__health_check_request__unpack (NULL, len, data);

    memset (reply, 0, sizeof (*reply));
    if (!req) {
        malformed (reply, "grpc.health.v1.HealthCheckRequest");
        return;
    }
    bool ours = !*req->service || strcmp (req->service, "fluxion.FluxionService") == 0;
    if (known)
        *known = ours;
    if (ours)
        resp.status =
            serving
                ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
                : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
    else if (watch)
        resp.status =
            GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
    else {
        reply->status = GRPC_STATUS_NOT_FOUND;
        snprintf (reply->error, sizeof (reply->error), "unknown service %.100s",
                  req->service);
    }
    if (reply->status == 0)
        pack (&resp.base, reply);
    grpc__health__v1__health_check_request__free_unpacked (req, NULL);
}

/* The file that declares a package's symbol: a.b.Service, a.b.Service.Method,
 * a.b.Message, a.b.Message.Enum ... */
static const struct file *file_by_symbol (const char *symbol)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        size_t n = strlen (files[i].package);
        if (strncmp (symbol, files[i].package, n) == 0
            && (symbol[n] == '.' || symbol[n] == '\0'))
            return &files[i];
    }
    return NULL;
}

static const struct file *file_by_name (const char *name)
{
    for (size_t i = 0; i < FILE_COUNT; i++)
        if (strcmp (files[i].name, name) == 0)
            return &files[i];
    return NULL;
}

/* A set of one file is a tag, a length, and the FileDescriptorProto. */
static ProtobufCBinaryData file_descriptor (const struct file *file)
{
    const uint8_t *p = file->start + 1;

    while (*p++ & 0x80)
        ;
    return (ProtobufCBinaryData){ .data = (uint8_t *)p, .len = file->end - p };
}

#define REQUEST(kind)                                                                  \
    GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##kind
#define RESPONSE(kind)                                                                 \
    GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##kind

void reflection_answer (const uint8_t *data, size_t len, struct reply *reply)
{
    Grpc__Reflection__V1alpha__ServerReflectionResponse resp =
        GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__INIT;
    Grpc__Reflection__V1alpha__FileDescriptorResponse fdr =
        GRPC__REFLECTION__V1ALPHA__FILE_DESCRIPTOR_RESPONSE__INIT;
    Grpc__Reflection__V1alpha__ListServiceResponse list =
        GRPC__REFLECTION__V1ALPHA__LIST_SERVICE_RESPONSE__INIT;
    Grpc__Reflection__V1alpha__ErrorResponse err =
        GRPC__REFLECTION__V1ALPHA__ERROR_RESPONSE__INIT;
    Grpc__Reflection__V1alpha__ServiceResponse names[FILE_COUNT];
    Grpc__Reflection__V1alpha__ServiceResponse *service[FILE_COUNT];
    Grpc__Reflection__V1alpha__ServerReflectionRequest *req;
    const struct file *file = NULL;
    ProtobufCBinaryData blob;

    memset (reply, 0, sizeof (*reply));
    req =
        grpc__reflection__v1alpha__server_reflection_request__unpack (NULL, len, data);
    if (!req) {
        malformed (reply, "ServerReflectionRequest");
        return;
    }
    resp.valid_host = req->host;
    resp.original_request = req;
    if (req->message_request_case == REQUEST (LIST_SERVICES)) {
        for (size_t i = 0; i < FILE_COUNT; i++) {
            grpc__reflection__v1alpha__service_response__init (&names[i]);
            names[i].name = (char *)files[i].service;
            service[i] = &names[i];
        }
        list.n_service = FILE_COUNT;
        list.service = service;
        resp.message_response_case = RESPONSE (LIST_SERVICES_RESPONSE);
        resp.list_services_response = &list;
    } else {
        if (req->message_request_case == REQUEST (FILE_BY_FILENAME))
            file = file_by_name (req->file_by_filename);
        else if (req->message_request_case == REQUEST (FILE_CONTAINING_SYMBOL))
            file = file_by_symbol (req->file_containing_symbol);
        if (file) {
            blob = file_descriptor (file);
            fdr.n_file_descriptor_proto = 1;
            fdr.file_descriptor_proto = &blob;
            resp.message_response_case = RESPONSE (FILE_DESCRIPTOR_RESPONSE);
            resp.file_descriptor_response = &fdr;
        } else {
            err.error_code = GRPC_STATUS_NOT_FOUND;
            err.error_message = (char *)"not found";
            resp.message_response_case = RESPONSE (ERROR_RESPONSE);
            resp.error_response = &err;
        }
    }
    pack (&resp.base, reply);
    grpc__reflection__v1alpha__server_reflection_request__free_unpacked (req, NULL);
}
