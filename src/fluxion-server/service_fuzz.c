/* Requests of the fluxion service: the first byte picks the method, the rest is
 * the protobuf message. Odd first bytes go to a service with a graph. */
#include <stdlib.h>

#include "fluxion-server/meta.h"
#include "fluxion-server/service.h"
#include "fluxion.pb-c.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const char graph[] =
    "{\"graph\":{\"nodes\":["
    "{\"id\":\"0\",\"metadata\":{\"type\":\"cluster\",\"id\":0,"
    "\"paths\":{\"containment\":\"/cluster0\"}}},"
    "{\"id\":\"1\",\"metadata\":{\"type\":\"node\",\"id\":0,\"rank\":0,"
    "\"paths\":{\"containment\":\"/cluster0/node0\"}}},"
    "{\"id\":\"2\",\"metadata\":{\"type\":\"core\",\"id\":0,\"rank\":0,"
    "\"paths\":{\"containment\":\"/cluster0/node0/core0\"}}}],"
    "\"edges\":[{\"source\":\"0\",\"target\":\"1\"},"
    "{\"source\":\"1\",\"target\":\"2\"}]}}";

static void load (struct service *s)
{
    Fluxion__InitRequest req = FLUXION__INIT_REQUEST__INIT;
    uint8_t buf[2048];
    struct reply reply;

    req.jgf = (char *)graph;
    if (fluxion__init_request__get_packed_size (&req) > sizeof (buf))
        abort ();
    service_call (s, "/fluxion.FluxionService/Init", buf,
                  fluxion__init_request__pack (&req, buf), &reply);
    if (reply.status != 0)
        abort ();
    free (reply.data);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static const char *methods[] = { "Match",  "Cancel", "Init",          "Satisfy",
                                     "Info",   "Find",   "PartialCancel", "Grow",
                                     "Shrink", "List",   "Drop" };
    char path[64];
    struct service *s;
    struct reply reply;
    size_t n;

    if (size == 0 || !(s = service_create (NULL, NULL, NULL)))
        return 0;
    n = data[0] / 2 % 13;
    if (n == 9)
        health_check (data + 1, size - 1, data[0] & 1, true, NULL, &reply);
    else if (n == 10)
        reflection_answer (data + 1, size - 1, &reply);
    else {
        if (data[0] & 1)
            load (s);
        n -= n > 10 ? 2 : 0;
        snprintf (path, sizeof (path), "/fluxion.FluxionService/%s", methods[n]);
        service_call (s, path, data + 1, size - 1, &reply);
    }
    free (reply.data);
    service_destroy (s);
    return 0;
}
